package port_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/packet"
	"vpcsim/dataplane/port"
)

var _ port.Port = (*port.Pipe)(nil)

func batch(n, size int) []*packet.Packet {
	b := make([]*packet.Packet, n)
	for i := range b {
		b[i] = packet.New(size)
	}
	return b
}

func TestReadReturnsWhatWasInjectedInOrder(t *testing.T) {
	p := port.NewPipe(4)
	for i := range 4 {
		require.NoError(t, p.Inject(fmt.Append(nil, "datagram ", i)))
	}
	b := batch(3, 100)
	n, err := p.Read(b)
	require.NoError(t, err)
	if n != 3 {
		t.Fatalf("read %d datagrams, want the batch's 3", n)
	}
	for i := range n {
		if got, want := string(b[i].Bytes()), fmt.Sprint("datagram ", i); got != want {
			t.Errorf("packet %d: got %q, want %q", i, got, want)
		}
	}
	if n, _ = p.Read(b); n != 1 {
		t.Errorf("second read: got %d datagrams, want the one left", n)
	}
}

func TestReceiveReturnsWhatWasWrittenAlsoAfterClose(t *testing.T) {
	p := port.NewPipe(2)
	b := batch(2, 100)
	b[0].SetBytes([]byte("one"))
	b[1].SetBytes([]byte("two"))
	n, err := p.Write(b)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.NoError(t, p.Close())
	for _, want := range []string{"one", "two"} {
		got, err := p.Receive(t.Context())
		if err != nil || string(got) != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
	if _, err := p.Receive(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want net.ErrClosed", err)
	}
}

func TestWriteDropsAndCountsWhatDoesNotFit(t *testing.T) {
	p := port.NewPipe(2)
	if n, err := p.Write(batch(5, 100)); n != 2 || err != nil {
		t.Errorf("got %d, %v; want the 2 that fit", n, err)
	}
	if got := p.Dropped(); got != 3 {
		t.Errorf("dropped %d, want 3", got)
	}
}

func TestReadDropsWhatIsLargerThanThePacket(t *testing.T) {
	p := port.NewPipe(2)
	require.NoError(t, p.Inject(make([]byte, 101)))
	require.NoError(t, p.Inject(make([]byte, 100)))
	b := batch(2, 100)
	if n, err := p.Read(b); n != 1 || err != nil || b[0].Len() != 100 {
		t.Errorf("got %d, %v; want the one that fits", n, err)
	}
	if got := p.Dropped(); got != 1 {
		t.Errorf("dropped %d, want 1", got)
	}
}

func TestCloseWakesAllWhoWait(t *testing.T) {
	p := port.NewPipe(1)
	require.NoError(t, p.Inject([]byte("fills the pipe")))
	full := port.NewPipe(1)
	var wg sync.WaitGroup
	errs := make(chan error, 3)
	wg.Go(func() { _, err := full.Read(batch(1, 100)); errs <- err })
	wg.Go(func() { errs <- p.Inject([]byte("does not fit")) })
	wg.Go(func() { _, err := p.Receive(context.Background()); errs <- err })
	require.NoError(t, p.Close())
	require.NoError(t, p.Close())
	require.NoError(t, full.Close())
	wg.Wait()
	for range 3 {
		if err := <-errs; !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v, want net.ErrClosed", err)
		}
	}
	if n, err := p.Read(batch(1, 100)); n != 0 || !errors.Is(err, net.ErrClosed) {
		t.Errorf("read after close with a datagram waiting: got %d, %v; want net.ErrClosed", n, err)
	}
	if n, err := p.Write(batch(1, 100)); n != 0 || !errors.Is(err, net.ErrClosed) {
		t.Errorf("write after close: got %d, %v; want net.ErrClosed", n, err)
	}
}

func TestReceiveEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := port.NewPipe(1).Receive(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestManyWritersAndInjectorsLoseNothing(t *testing.T) {
	const each, writers = 500, 4
	p := port.NewPipe(each * writers)
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			b := batch(1, 100)
			for range each {
				if err := p.Inject([]byte("x")); err != nil {
					t.Error(err)
				}
				if n, err := p.Write(b); n != 1 || err != nil {
					t.Errorf("write: %d, %v", n, err)
				}
			}
		})
	}
	b := batch(64, 100)
	for read := 0; read < each*writers; {
		n, err := p.Read(b)
		require.NoError(t, err)
		read += n
	}
	wg.Wait()
	for range each * writers {
		_, err := p.Receive(t.Context())
		require.NoError(t, err)
	}
}

func TestReadAndWriteDoNotAllocate(t *testing.T) {
	p, b := port.NewPipe(4), batch(4, 1500)
	out := batch(4, 1500)
	for _, pkt := range out {
		pkt.SetLen(1500)
	}
	datagram := make([]byte, 1500)
	round := func() {
		for range b {
			_ = p.Inject(datagram)
		}
		_, _ = p.Read(b)
	}
	round()
	if got := testing.AllocsPerRun(100, round); got != 0 {
		t.Errorf("inject and read: %v allocations, want 0", got)
	}
	// Receive copies once for each datagram; all else would be Write's.
	write := func() {
		_, _ = p.Write(out)
		for range out {
			_, _ = p.Receive(t.Context())
		}
	}
	write()
	if got := testing.AllocsPerRun(100, write); got > float64(len(out)) {
		t.Errorf("write and receive: %v allocations, want %d, Receive's copies", got, len(out))
	}
}

// TestWriteCutsWhatAWireDoesNotCarry: what is received has no offloads.
func TestWriteCutsWhatAWireDoesNotCarry(t *testing.T) {
	p := port.NewPipe(4)
	from, to := netip.MustParseAddrPort("10.0.1.5:1"), netip.MustParseAddrPort("10.0.1.6:2")
	super, partial, lost := packet.New(4000), packet.New(100), packet.New(4000)
	packet.BuildTCP(super, from, to, packet.ACK, 1, 1, make([]byte, 2500))
	packet.BuildUDP(partial, from, to, []byte("datagram"))
	packet.BuildUDP(lost, from, to, make([]byte, 1001))
	super.SegmentSize, lost.SegmentSize = 1000, 1000
	want := bytes.Clone(partial.Bytes())
	partial.Bytes()[26], partial.Bytes()[27] = 0x16, 0x2c // the sum of the pseudo header
	require.True(t, partial.SetPartialChecksum(20, 26))
	for _, pkt := range []*packet.Packet{super, partial, lost} {
		require.Equal(t, packet.OK, pkt.Decode())
	}
	n, err := p.Write([]*packet.Packet{super, partial, lost})
	require.NoError(t, err)
	if n != 2 || p.Dropped() != 2 {
		t.Errorf("took %d and dropped %d; want the first two, and both segments of the third lost", n, p.Dropped())
	}
	for _, size := range []int{1040, 1040, 540} {
		got, err := p.Receive(t.Context())
		require.NoError(t, err)
		if len(got) != size {
			t.Errorf("got a segment of %d bytes, want %d", len(got), size)
		}
	}
	got, err := p.Receive(t.Context())
	require.NoError(t, err)
	if !bytes.Equal(got, want) {
		t.Errorf("got  % x\nwant % x", got, want)
	}
}
