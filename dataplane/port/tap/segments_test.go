package tap_test

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vpcsim/dataplane/packet"
	"vpcsim/dataplane/port/tap"
	"vpcsim/internal/nstest"
	"vpcsim/topology/host"
)

// openWithout is open for a port without some offloads.
func openWithout(t testing.TB, without tap.Offload, addr netip.Addr, mac [6]byte) (*host.Namespace, *tap.Port) {
	t.Helper()
	return configuredWithout(t, without, mac, host.Interface{Name: "eth0", Addrs: []netip.Prefix{netip.PrefixFrom(addr, 24)}, Router: routerAddr})
}

// TestTCPCrossesWhateverEachEndLeavesToItsPort: a port without checksums has its kernel verify them.
func TestTCPCrossesWhateverEachEndLeavesToItsPort(t *testing.T) {
	nstest.RequireTAP(t)
	for _, client := range []tap.Offload{0, tap.TCPSegments, tap.AllOffloads} {
		for _, server := range []tap.Offload{0, tap.TCPSegments, tap.AllOffloads} {
			t.Run(fmt.Sprintf("from one without %v to one without %v", server, client), func(t *testing.T) {
				nsA, a := openWithout(t, client, addrA, macA)
				nsB, b := openWithout(t, server, addrB, macB)
				stop := join(t, a, b)
				transfer(t, nsA, nsB, "tcp4", "10.0.1.6:80")
				_, super := stop()
				if super > 0 != (b.Offload()&tap.TCPSegments != 0) {
					t.Errorf("%d super-packets, though the server's offloads are %v", super, b.Offload())
				}
				if client&tap.Checksums != 0 && a.Offload() != 0 || b.Offload()&server != 0 {
					t.Errorf("the offloads are %v and %v", a.Offload(), b.Offload())
				}
			})
		}
	}
}

// TestASuperPacketOfUDPArrivesAsItsDatagrams, at a socket, and where the far end takes no super-packets and verifies checksums.
func TestASuperPacketOfUDPArrivesAsItsDatagrams(t *testing.T) {
	nstest.RequireTAP(t)
	for _, without := range []tap.Offload{0, tap.UDPSegments, tap.AllOffloads} {
		t.Run("to one without "+without.String(), func(t *testing.T) {
			nsA, a := open(t, addrA, macA)
			nsB, b := openWithout(t, without, addrB, macB)
			if a.Offload()&tap.UDPSegments == 0 {
				t.Skip("this kernel's TAPs have no UDP segmentation")
			}
			defer join(t, a, b)()
			var in net.PacketConn
			require.NoError(t, nsB.Do(func() (err error) { in, err = net.ListenPacket("udp4", "10.0.1.6:9"); return err }))
			defer in.Close()
			sent := sendSegments(t, nsA, netip.MustParseAddr("10.0.1.6"), 1000, 5500)
			require.NoError(t, in.SetReadDeadline(time.Now().Add(time.Minute)))
			got, datagram := []byte(nil), make([]byte, 9000)
			for i, want := range []int{1000, 1000, 1000, 1000, 1000, 500} {
				n, _, err := in.ReadFrom(datagram)
				require.NoError(t, err)
				if n != want {
					t.Errorf("datagram %d has %d bytes, want %d", i, n, want)
				}
				got = append(got, datagram[:n]...)
			}
			if !bytes.Equal(got, sent) {
				t.Error("what arrived is not what was sent")
			}
		})
	}
}

// sendSegments sends n bytes to port 9 as datagrams of the size, in one call, and returns them.
func sendSegments(t *testing.T, from *host.Namespace, to netip.Addr, size, n int) []byte {
	t.Helper()
	s := -1
	require.NoError(t, from.Do(func() (err error) {
		s, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		return err
	}))
	defer unix.Close(s)
	require.NoError(t, unix.SetsockoptInt(s, unix.SOL_UDP, unix.UDP_SEGMENT, size))
	payload := make([]byte, n)
	for i := range payload {
		payload[i] = byte(i * 7)
	}
	require.NoError(t, unix.Sendto(s, payload, 0, &unix.SockaddrInet4{Port: 9, Addr: to.As4()}))
	return payload
}

func TestWaitAndTryReadDoNotAllocateAndDoNotWaitForMoreThanThereIs(t *testing.T) {
	nstest.RequireTAP(t)
	ns, p := open(t, addrA, macA)
	send := rawSocket(t, ns)
	b := []*packet.Packet{packet.New(packet.MaxSize + 1)}
	for drained := false; !drained; { // of what the kernel sends by itself
		n, err := p.TryRead(b)
		require.NoError(t, err)
		drained = n == 0
	}
	frame := append(append(ethernet(macA, 0x0800), 0x45), make([]byte, 99)...)
	got := testing.AllocsPerRun(200, func() {
		_ = send(frame)
		if err := p.Wait(); err != nil {
			t.Fatal(err)
		}
		if n, err := p.TryRead(b); n != 1 || err != nil {
			t.Fatalf("read: %d, %v", n, err)
		}
		if n, err := p.TryRead(b); n != 0 || err != nil {
			t.Fatalf("read when there is nothing: %d, %v", n, err)
		}
	})
	if got != 0 {
		t.Errorf("%v allocations, want 0", got)
	}
	done := make(chan error)
	go func() { done <- p.Wait() }()
	require.NoError(t, p.Close())
	if err := <-done; err != net.ErrClosed {
		t.Errorf("who waited got %v", err)
	}
}
