package tap_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vpcsim/dataplane/packet"
	"vpcsim/dataplane/port"
	"vpcsim/dataplane/port/tap"
	"vpcsim/internal/monotonic"
	"vpcsim/internal/nstest"
	"vpcsim/topology/host"
)

var _ port.Poller = (*tap.Poller)(nil)

// pollers are the ways to do a thread's work, one of them by necessity. The test's own thread does it.
func pollers(t *testing.T, test func(*testing.T, *tap.Poller)) {
	nstest.RequireTAP(t)
	for name, way := range map[string]struct {
		noRing  bool
		refused unix.Errno
	}{
		"with io_uring": {}, "with a system call for each": {noRing: true}, "where io_uring is forbidden": {refused: unix.EPERM}, "where there is none": {refused: unix.ENOSYS},
	} {
		t.Run(name, func(t *testing.T) {
			runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
			if way.refused != 0 {
				require.NoError(t, nstest.Refuse(unix.SYS_IO_URING_SETUP, way.refused))
				require.Error(t, tap.TryRing())
			}
			p, err := tap.NewPoller(tap.Polling{Now: monotonic.Now, NoRing: way.noRing})
			require.NoError(t, err)
			switch without := way.noRing || way.refused != 0; {
			case without && p.Batched():
				t.Error("it has io_uring all the same")
			case !without && !p.Batched():
				t.Skip("no io_uring:", tap.TryRing())
			}
			defer func() {
				require.NoError(t, p.Close())
				_, err := p.Wait(make([]int32, 1), true)
				require.ErrorIs(t, err, net.ErrClosed)
			}()
			test(t, p)
		})
	}
}

func TestThePollersThreadGoesBeforeOthers(t *testing.T) {
	pollers(t, func(t *testing.T, p *tap.Poller) {
		before, err := unix.Getpriority(unix.PRIO_PROCESS, unix.Gettid())
		require.NoError(t, err)
		_, err = p.Wait(make([]int32, 1), false)
		require.NoError(t, err)
		after, err := unix.Getpriority(unix.PRIO_PROCESS, unix.Gettid())
		require.NoError(t, err)
		if forbidden := tap.TryPrecedence(); (after > before) != (forbidden == nil) { // the system call's numbers are greater where one goes before others
			t.Errorf("priority %d, then %d, but TryPrecedence gives %v", before, after, forbidden)
		}
	})
}

func TestPollerReadsInOrderWhatThePortsHave(t *testing.T) {
	pollers(t, func(t *testing.T, p *tap.Poller) {
		nsA, a := open(t, addrA, macA)
		nsB, b := open(t, addrB, macB)
		ports := []*tap.Port{a, b}
		require.True(t, p.Add(a, 0))
		require.True(t, p.Add(b, 1))
		sendA, sendB := rawSocket(t, nsA), rawSocket(t, nsB)
		const each = 200
		for n := range each {
			frame := binary.BigEndian.AppendUint32(ethernet(macA, 0x0800), uint32(n))
			require.NoError(t, sendA(frame))
			copy(frame[6:], macB[:])
			require.NoError(t, sendB(frame))
		}
		var next [2]uint32
		pkts, ready := batch(32), make([]int32, 4)
		for next[0] < each || next[1] < each {
			n, err := p.Wait(ready, true)
			require.NoError(t, err)
			for _, number := range ready[:n] {
				for more := true; more; {
					n, more, err = p.Read(ports[number], pkts)
					require.NoError(t, err)
					for _, pkt := range pkts[:n] {
						require.Equal(t, next[number], binary.BigEndian.Uint32(pkt.Bytes()))
						next[number]++
					}
				}
			}
		}
		require.EqualValues(t, each, a.Stats().Received)
	})
}

func TestPollerWritesInOrder(t *testing.T) {
	pollers(t, func(t *testing.T, p *tap.Poller) {
		_, a := open(t, addrA, macA)
		nsB, b := open(t, addrB, macB)
		var in net.PacketConn
		require.NoError(t, nsB.Do(func() (err error) { in, err = net.ListenPacket("udp4", "10.0.1.6:9"); return err }))
		defer in.Close()
		got := make([]byte, 64)
		pkts := batch(40)
		for round := range 5 {
			for i, pkt := range pkts {
				packet.BuildUDP(pkt, netip.AddrPortFrom(addrA, 9), netip.AddrPortFrom(addrB, 9), []byte{byte(round), byte(i)})
			}
			n, err := p.Write(b, pkts)
			require.NoError(t, err)
			require.Equal(t, len(pkts), n)
			for i := range pkts {
				n, _, err := in.ReadFrom(got)
				require.NoError(t, err)
				require.Equal(t, []byte{byte(round), byte(i)}, got[:n])
			}
		}
		require.EqualValues(t, 200, b.Stats().Sent)
		require.NoError(t, a.Close())
		if n, err := p.Write(a, pkts); n != 0 || !errors.Is(err, net.ErrClosed) {
			t.Errorf("to a closed port: %d, %v", n, err)
		}
	})
}

// TestWhatWasLostIsBehindWhatWasTaken: what is not IP no device takes, at the ends of rows and alone.
func TestWhatWasLostIsBehindWhatWasTaken(t *testing.T) {
	pollers(t, func(t *testing.T, p *tap.Poller) {
		_, b := open(t, addrB, macB)
		for name, write := range map[string]func([]*packet.Packet) (int, error){
			"by the poller": func(batch []*packet.Packet) (int, error) { return p.Write(b, batch) }, "by any goroutine": b.Write,
		} {
			var pkts, taken, lost []*packet.Packet
			for i := range 24 {
				pkt := partial(t, 8, []byte{byte(i)})
				if i%11 == 1 {
					pkt.SetBytes([]byte("not IP"))
					lost = append(lost, pkt)
				} else {
					taken = append(taken, pkt)
				}
				pkts = append(pkts, pkt)
			}
			n, err := write(pkts)
			require.NoError(t, err)
			require.Equal(t, len(taken), n, name)
			for i, pkt := range taken {
				require.Same(t, pkt, pkts[i], name)
			}
			for _, pkt := range pkts[n:] {
				require.True(t, slices.Contains(lost, pkt), name)
			}
		}
	})
}

// TestPollerWritesFloodsAsRows: two flows take turns, the datagrams of each are alike, and the last one is shorter.
func TestPollerWritesFloodsAsRows(t *testing.T) {
	pollers(t, func(t *testing.T, p *tap.Poller) {
		ns, b := open(t, addrB, macB)
		if b.Offload()&tap.UDPSegments == 0 {
			t.Skip("this kernel's TAPs have no UDP segmentation")
		}
		const whole, each = true, 16
		flows := map[uint16]net.PacketConn{8: receiver(t, ns, 8, !whole), 9: receiver(t, ns, 9, whole)}
		var pkts []*packet.Packet
		for _, port := range []uint16{8, 9} {
			for i := range each {
				pkts = append(pkts, partial(t, port, []byte{byte(i), byte(port), 3}[:3-i/(each-1)]))
			}
		}
		n, err := p.Write(b, pkts)
		require.NoError(t, err)
		require.Equal(t, len(pkts), n)
		require.EqualValues(t, len(pkts), b.Stats().Sent)
		got := make([]byte, 1<<16)
		for i := range each {
			n, from, err := flows[8].ReadFrom(got)
			require.NoError(t, err)
			require.Equal(t, "10.0.1.5:7", from.String())
			require.Equal(t, []byte{byte(i), 8, 3}[:3-i/(each-1)], got[:n])
		}
		n, _, err = flows[9].ReadFrom(got)
		require.NoError(t, err)
		require.Equal(t, 3*each-1, n, "who asks for rows gets them")
	})
}

// receiver listens at a port, and says whether it wants rows whole.
func receiver(t *testing.T, on *host.Namespace, port int, whole bool) (conn net.PacketConn) {
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		if !whole {
			return nil
		}
		return errors.Join(c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_GRO, 1) }), err)
	}}
	require.NoError(t, on.Do(func() (err error) {
		conn, err = config.ListenPacket(context.Background(), "udp4", fmt.Sprintf("10.0.1.6:%d", port))
		return err
	}))
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// partial is a datagram to addrB whose checksum is left to whoever gets it. It must not be fragmented.
func partial(t testing.TB, to uint16, payload []byte) *packet.Packet {
	p := packet.New(packet.MaxSize)
	packet.BuildUDP(p, netip.AddrPortFrom(addrA, 7), netip.AddrPortFrom(addrB, to), payload)
	b, sum := p.Bytes(), uint32(packet.UDP+8+len(payload))
	for i := 12; i < 20; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	binary.BigEndian.PutUint16(b[26:], uint16(sum>>16+sum))
	require.True(t, p.SetPartialChecksum(20, 26))
	require.Equal(t, packet.OK, p.Decode())
	require.True(t, p.DontFragment())
	return p
}

func TestPollerKnowsItsOwnPortsOnlyAndForgetsThem(t *testing.T) {
	pollers(t, func(t *testing.T, p *tap.Poller) {
		require.False(t, p.Add(port.NewPipe(1), 0))
		nsA, a := open(t, addrA, macA)
		nsB, b := open(t, addrB, macB)
		require.True(t, p.Add(a, 0))
		require.True(t, p.Add(b, 1))
		p.Remove(a)
		p.Remove(a)
		require.NoError(t, rawSocket(t, nsA)(append(ethernet(macA, 0x0800), 1)))
		require.NoError(t, rawSocket(t, nsB)(append(ethernet(macB, 0x0800), 2)))
		ready := make([]int32, 4)
		n, err := p.Wait(ready, true)
		require.NoError(t, err)
		require.Equal(t, []int32{1}, ready[:n])
		require.NoError(t, b.Close())
		_, _, err = p.Read(b, batch(1))
		require.ErrorIs(t, err, net.ErrClosed)
		require.False(t, p.Add(b, 1), "a closed port")
	})
}

func TestPollerDoesNotAllocate(t *testing.T) {
	pollers(t, func(t *testing.T, p *tap.Poller) {
		ns, a := open(t, addrA, macA)
		require.True(t, p.Add(a, 0))
		send := rawSocket(t, ns)
		frame := append(append(ethernet(macA, 0x0800), 0x45), make([]byte, 99)...)
		pkts, ready := batch(32), make([]int32, 1)
		row := slices.Repeat([]*packet.Packet{partial(t, 9, []byte("alike"))}, 32)
		got := testing.AllocsPerRun(200, func() {
			for range 20 {
				_ = send(frame)
			}
			for read := 0; read < 20; {
				_, err := p.Wait(ready, true)
				for more := true; more && err == nil; {
					n := 0
					n, more, err = p.Read(a, pkts)
					read += n
					if _, err := p.Write(a, pkts[:n]); err != nil {
						t.Fatal(err)
					}
					if _, err := p.Write(a, row); err != nil {
						t.Fatal(err)
					}
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		})
		if got != 0 {
			t.Errorf("%v allocations, want 0", got)
		}
	})
}

func TestParseSpin(t *testing.T) {
	for text, want := range map[string]tap.Spin{"auto": tap.SpinAuto, "off": tap.SpinOff, "1": 1, "10000": 10000} {
		got, err := tap.ParseSpin(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, text := range []string{"", "0", "-1", "10001", "50us"} {
		_, err := tap.ParseSpin(text)
		require.ErrorContains(t, err, "must be auto, off, or 1 to 10000 microseconds")
	}
}
