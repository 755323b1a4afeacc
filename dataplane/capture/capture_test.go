package capture

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// file is an io.WriteCloser in memory. Its writes wait at the gate, if there is one, and say that they have come to it.
type file struct {
	bytes.Buffer
	gate, waiting chan struct{}
	closed        int
}

func (f *file) Write(b []byte) (int, error) {
	if f.gate != nil {
		f.waiting <- struct{}{}
		<-f.gate
	}
	return f.Buffer.Write(b)
}

func (f *file) Close() error { f.closed++; return nil }

func TestRecorderRecordsPacketsOfManyGoroutines(t *testing.T) {
	const workers, each = 4, 500
	var f file
	r := NewRecorder(&f, 0, 0)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			iface := r.AddInterface(fmt.Sprintf("eni-%d", w), "")
			for i := range each {
				r.Packet(iface, int64(i), Inbound, datagrams()[i%8], comments()[i%8])
			}
		}()
	}
	wg.Wait()
	require.NoError(t, r.Close())
	require.NoError(t, r.Close(), "a second Close")
	require.Equal(t, 1, f.closed)
	blocks := parse(t, f.Bytes())
	interfaces, packets := 0, make([]int, workers)
	for _, b := range blocks[1:] {
		if b.typ == blockInterface {
			interfaces++
			continue
		}
		id := int(le.Uint32(b.body))
		require.Less(t, id, interfaces, "a packet lies before its interface")
		if got, want := string(b.options[optComment]), comments()[packets[id]%8]; got != want {
			t.Fatalf("interface %d, packet %d: got comment %q, want %q", id, packets[id], got, want)
		}
		packets[id]++
	}
	for id, n := range packets {
		if n != each {
			t.Errorf("interface %d: got %d packets, want %d", id, n, each)
		}
	}
	if r.Dropped() != 0 {
		t.Errorf("%d dropped", r.Dropped())
	}
}

func TestMonotonicTimeBecomesWallTime(t *testing.T) {
	var f file
	const mono = int64(5_000_000_000)
	before := time.Now().UnixNano()
	r := NewRecorder(&f, mono, 0)
	after := time.Now().UnixNano()
	iface := r.AddInterface("eni", "")
	r.Packet(iface, mono+1000, Outbound, []byte{0x45}, "")
	require.NoError(t, r.Close())
	b := parse(t, f.Bytes())[2].body
	got := int64(le.Uint32(b[4:]))<<32 | int64(le.Uint32(b[8:]))
	if got < before+1000 || got > after+1000 {
		t.Errorf("got %d, want between %d and %d", got, before+1000, after+1000)
	}
}

func TestFlushWritesWhatWasRecorded(t *testing.T) {
	var f file
	r := NewRecorder(&f, 0, 0)
	iface := r.AddInterface("eni", "")
	r.Packet(iface, 0, Inbound, []byte{0x45}, "first")
	require.NoError(t, r.Flush())
	n := f.Len()
	if got := len(parse(t, f.Bytes())); got != 3 {
		t.Errorf("got %d blocks, want 3", got)
	}
	require.NoError(t, r.Close())
	if f.Len() != n {
		t.Error("Close wrote what Flush had written")
	}
}

func TestPacketsTheFileIsTooSlowForAreCountedAndReported(t *testing.T) {
	f := &file{gate: make(chan struct{}), waiting: make(chan struct{}, 100)}
	r := NewRecorder(f, 0, 0)
	<-f.waiting // the section header stands at the gate: what follows has to wait
	iface := r.AddInterface("eni", "")
	b := make([]byte, 60_000)
	const sent = 200
	for range sent {
		r.Packet(iface, 0, Inbound, b, "")
	}
	dropped := r.Dropped()
	if fit := uint64(maxQueue / 60_100); dropped < sent-fit-1 || dropped > sent-fit+1 {
		t.Errorf("%d of %d dropped", dropped, sent)
	}
	require.Equal(t, dropped, r.Overrun())
	close(f.gate)
	err := r.Close()
	if want := fmt.Sprintf("%d packets are missing", dropped); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Close says %v, want %q", err, want)
	}
	blocks := parse(t, f.Bytes())
	if got := len(blocks) - 3; uint64(got) != sent-dropped {
		t.Errorf("%d packets in the file, want %d", got, sent-dropped)
	}
	if last := blocks[len(blocks)-1]; last.typ != blockStatistics || le.Uint64(last.options[optDropped]) != dropped {
		t.Errorf("the file does not say that %d are missing: %+v", dropped, last)
	}
}

func TestAFailedWriteIsReportedOnClose(t *testing.T) {
	full := errors.New("no space left on device")
	r := NewRecorder(failing{full}, 0, 0)
	iface := r.AddInterface("eni", "")
	r.Packet(iface, 0, Inbound, []byte{0x45}, "")
	if err := r.Flush(); !errors.Is(err, full) {
		t.Errorf("Flush: got %v", err)
	}
	err := r.Close()
	if !errors.Is(err, full) || !strings.Contains(err.Error(), "1 packets are missing") || r.Dropped() != 1 || r.Overrun() != 0 {
		t.Errorf("Close: got %v", err)
	}
}

func TestAFailedWriteIsToldOnce(t *testing.T) {
	full := errors.New("no space left on device")
	r := NewRecorder(failing{full}, 0, 0)
	told := make(chan error, 10)
	r.OnFail(func(err error) { told <- err })
	iface := r.AddInterface("eni", "")
	for range 5 {
		r.Packet(iface, 0, Inbound, []byte{0x45}, "")
		require.Error(t, r.Flush())
	}
	require.Error(t, r.Close())
	require.Len(t, told, 1)
	require.ErrorIs(t, <-told, full)
}

func TestOnlyTheBeginningOfADatagramIsKept(t *testing.T) {
	var f file
	r := NewRecorder(&f, 0, 20)
	iface := r.AddInterface("eni", "")
	for _, d := range datagrams() {
		r.Packet(iface, 0, Inbound, d, "cut")
	}
	require.NoError(t, r.Close())
	for i, b := range parse(t, f.Bytes())[2:] {
		kept, length := le.Uint32(b.body[12:]), le.Uint32(b.body[16:])
		if kept != 20 || int(length) != len(datagrams()[i]) || !bytes.Equal(b.body[20:40], datagrams()[i][:20]) {
			t.Errorf("packet %d: %d bytes of %d, want 20 of %d", i, kept, length, len(datagrams()[i]))
		}
	}
}

func TestPacketsAfterCloseAreDropped(t *testing.T) {
	var f file
	r := NewRecorder(&f, 0, 0)
	iface := r.AddInterface("eni", "")
	require.NoError(t, r.Close())
	n := f.Len()
	r.Packet(iface, 0, Inbound, []byte{0x45}, "")
	r.AddInterface("late", "")
	if r.Dropped() != 1 || f.Len() != n {
		t.Errorf("%d dropped, %d bytes more", r.Dropped(), f.Len()-n)
	}
}

func TestNilRecorderRecordsNothing(t *testing.T) {
	var r *Recorder
	r.Packet(r.AddInterface("eni", ""), 0, Inbound, []byte{0x45}, "")
	if r.Dropped() != 0 || r.Flush() != nil || r.Close() != nil {
		t.Error("a nil recorder does something")
	}
}

func TestAPacketOfAnUnknownInterfacePanics(t *testing.T) {
	r := NewRecorder(&file{}, 0, 0)
	defer r.Close()
	defer func() {
		if recover() == nil {
			t.Error("did not panic")
		}
	}()
	r.Packet(0, 0, Inbound, nil, "")
}

func TestPacketDoesNotAllocate(t *testing.T) {
	r := NewRecorder(discard{io.Discard}, 0, 0)
	defer r.Close()
	iface, b := r.AddInterface("eni", ""), make([]byte, 1500)
	if n := testing.AllocsPerRun(1000, func() { r.Packet(iface, 0, Inbound, b, "ENI_SG_RULES_MISMATCH") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkPacket(b *testing.B) {
	r := NewRecorder(discard{io.Discard}, 0, 0)
	defer r.Close()
	iface := r.AddInterface("eni", "")
	for _, size := range []int{40, 1500} {
		b.Run(fmt.Sprintf("%d bytes", size), func(b *testing.B) {
			d := make([]byte, size)
			b.ReportAllocs()
			for b.Loop() {
				r.Packet(iface, 0, Inbound, d, "ENI_SG_RULES_MISMATCH")
			}
		})
	}
}

type discard struct{ io.Writer }

func (discard) Close() error { return nil }
