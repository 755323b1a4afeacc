package tap_test

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vpcsim/dataplane/packet"
	"vpcsim/dataplane/port"
	"vpcsim/dataplane/port/tap"
	"vpcsim/internal/nstest"
	"vpcsim/topology/host"
)

var _ port.Port = (*tap.Port)(nil)

func TestMain(m *testing.M) { nstest.Main(m) }

var (
	addrA, addrB = netip.MustParseAddr("10.0.1.5"), netip.MustParseAddr("10.0.1.6")
	routerAddr   = netip.MustParseAddr("10.0.1.1")
	macA, macB   = [6]byte{2, 0, 0, 0, 0, 5}, [6]byte{2, 0, 0, 0, 0, 6}
	routerMAC    = [6]byte{2, 0, 0, 0, 0, 1}

	addrA6, addrB6 = netip.MustParseAddr("2001:db8::5"), netip.MustParseAddr("2001:db8::6")
	routerAddr6    = netip.MustParseAddr("fe80:ec2::1")
)

// neighbours are those of the subnet 10.0.1.0/24, 2001:db8::/64.
func neighbours(addr netip.Addr) (mac [6]byte, ok bool) {
	switch addr {
	case addrA, addrA6:
		return macA, true
	case addrB, addrB6:
		return macB, true
	case routerAddr, routerAddr6:
		return routerMAC, true
	}
	return mac, false
}

// open makes an instance of the subnet: a namespace, and its port.
func open(t testing.TB, addr netip.Addr, mac [6]byte) (*host.Namespace, *tap.Port) {
	t.Helper()
	return configured(t, mac, host.Interface{Name: "eth0", Addrs: []netip.Prefix{netip.PrefixFrom(addr, 24)}, Router: routerAddr})
}

// open6 is open for IPv6.
func open6(t testing.TB, addr netip.Addr, mac [6]byte) (*host.Namespace, *tap.Port) {
	t.Helper()
	nstest.RequireIPv6(t)
	return configured(t, mac, host.Interface{Name: "eth0", Addrs: []netip.Prefix{netip.PrefixFrom(addr, 64)}, Router6: routerAddr6})
}

func configured(t testing.TB, mac [6]byte, ifc host.Interface) (*host.Namespace, *tap.Port) {
	t.Helper()
	return configuredWithout(t, 0, mac, ifc)
}

// configuredWithout is configured for a port without some offloads.
func configuredWithout(t testing.TB, without tap.Offload, mac [6]byte, ifc host.Interface) (*host.Namespace, *tap.Port) {
	t.Helper()
	ns := nstest.Namespace(t)
	var p *tap.Port
	require.NoError(t, ns.Do(func() (err error) {
		p, err = tap.Open(tap.Config{Name: "eth0", MTU: 9001, MAC: mac, Router: routerMAC, Neighbour: neighbours, Without: without})
		return err
	}))
	t.Cleanup(func() { _ = p.Close() })
	require.NoError(t, ns.Configure(host.Config{Interfaces: []host.Interface{ifc}}))
	return ns, p
}

func batch(n int) []*packet.Packet {
	b := make([]*packet.Packet, n)
	for i := range b {
		b[i] = packet.New(packet.MaxSize + 1)
	}
	return b
}

// forward carries all that from reads to to, until from is closed, and returns how many super-packets that were.
func forward(t *testing.T, from, to *tap.Port) (super int) {
	b := batch(16)
	for {
		n, err := from.Read(b)
		if errors.Is(err, net.ErrClosed) {
			return super
		}
		if err != nil {
			t.Error(err)
			return super
		}
		for _, p := range b[:n] {
			require.Equal(t, packet.OK, p.Decode())
			if p.Segments() > 1 {
				super++
			}
		}
		_, _ = to.Write(b[:n])
	}
}

// join forwards between two ports both ways until stop, which returns how many super-packets came from each.
func join(t *testing.T, a, b *tap.Port) (stop func() (fromA, fromB int)) {
	var wg sync.WaitGroup
	var fromA, fromB int
	wg.Go(func() { fromA = forward(t, a, b) })
	wg.Go(func() { fromB = forward(t, b, a) })
	return func() (int, int) {
		_, _ = a.Close(), b.Close()
		wg.Wait()
		return fromA, fromB
	}
}

// transfer carries a megabyte from a server in namespace b, at the address, to a client in a, whose connection it returns.
func transfer(t *testing.T, a, b *host.Namespace, network, address string) net.Conn {
	t.Helper()
	var ln net.Listener
	require.NoError(t, b.Do(func() (err error) { ln, err = net.Listen(network, address); return err }))
	defer ln.Close()
	const size = 1 << 20
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		_, _ = c.Write(make([]byte, size))
		_ = c.Close()
	}()
	var c net.Conn
	require.NoError(t, a.Do(func() (err error) { c, err = net.Dial(network, address); return err }))
	t.Cleanup(func() { c.Close() })
	got, err := io.Copy(io.Discard, c)
	if got != size || err != nil {
		t.Errorf("got %d bytes, %v; want %d", got, err, size)
	}
	return c
}

func TestTCPCrossesBetweenTwoInstances(t *testing.T) {
	nstest.RequireTAP(t)
	nsA, a := open(t, addrA, macA)
	nsB, b := open(t, addrB, macB)
	defer join(t, a, b)()

	c := transfer(t, nsA, nsB, "tcp4", "10.0.1.6:80")
	if c.RemoteAddr().String() != "10.0.1.6:80" {
		t.Errorf("connected to %s", c.RemoteAddr())
	}
	if s := a.Stats(); s.ARPAnswered == 0 || s.Received == 0 || s.Sent == 0 || s.Spoofed != 0 || s.WriteDropped != 0 {
		t.Errorf("counters of the one who connected: %+v", s)
	}
	if macs := neighbourTable(t, nsA); !slices.Contains(macs, macB) {
		t.Errorf("the instance does not have its neighbour under the neighbour's own MAC address: %x", macs)
	}
}

func TestDeviceHasTheGuestsAddressAndMTU(t *testing.T) {
	nstest.RequireTAP(t)
	ns, _ := open(t, addrA, macA)
	require.NoError(t, ns.Do(func() error {
		ifc, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		if ifc.MTU != 9001 || [6]byte(ifc.HardwareAddr) != macA {
			t.Errorf("MTU %d, MAC %s", ifc.MTU, ifc.HardwareAddr)
		}
		return nil
	}))
}

func TestPortTakesOnlyWhatItShould(t *testing.T) {
	nstest.RequireTAP(t)
	request := func(ether, sha [6]byte, spa, tpa netip.Addr) []byte {
		f := ethernet(ether, 0x0806)
		f = append(f, 0, 1, 8, 0, 6, 4, 0, 1)
		f = append(append(f, sha[:]...), spa.AsSlice()...)
		return append(append(f, make([]byte, 6)...), tpa.AsSlice()...)
	}
	nobody := netip.MustParseAddr("10.0.1.99")
	for _, c := range []struct {
		name  string
		frame []byte
		want  tap.Stats
	}{
		{"a request for the router is answered", request(macA, macA, addrA, routerAddr), tap.Stats{ARPAnswered: 1}},
		{"a request for a neighbour is answered", request(macA, macA, addrA, addrB), tap.Stats{ARPAnswered: 1}},
		{"a request for nobody is ignored", request(macA, macA, addrA, nobody), tap.Stats{ARPIgnored: 1}},
		{"a request for the guest itself is ignored", request(macA, macA, nobody, addrA), tap.Stats{ARPIgnored: 1}},
		{"an announcement is ignored", request(macA, macA, addrB, addrB), tap.Stats{ARPIgnored: 1}},
		{"a probe is ignored", request(macA, macA, netip.IPv4Unspecified(), addrB), tap.Stats{ARPIgnored: 1}},
		{"a request from another MAC address is dropped", request(macB, macB, addrA, addrB), tap.Stats{Spoofed: 1}},
		{"a datagram from another MAC address is dropped", append(ethernet(macB, 0x0800), make([]byte, 20)...), tap.Stats{Spoofed: 1}},
		{"another protocol is dropped", append(ethernet(macA, 0x88b5), make([]byte, 20)...), tap.Stats{OtherType: 1}},
		{"a datagram longer than the reader's packets is dropped", append(ethernet(macA, 0x0800), make([]byte, 1500)...), tap.Stats{Malformed: 1}},
		{"a datagram from the guest goes up", append(ethernet(macA, 0x0800), 1, 2, 3), tap.Stats{Received: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ns, p := open(t, addrA, macA)
			send := rawSocket(t, ns)
			require.NoError(t, send(c.frame))
			require.NoError(t, send(append(ethernet(macA, 0x0800), "the last"...)))
			b := []*packet.Packet{packet.New(1000)}
			for {
				n, err := p.Read(b)
				require.NoError(t, err)
				require.Equal(t, 1, n)
				if string(b[0].Bytes()) == "the last" {
					break
				}
			}
			c.want.Received++
			if got := p.Stats(); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestWriteNamesTheSenderTheGuestExpects(t *testing.T) {
	nstest.RequireTAP(t)
	ns, p := open(t, addrA, macA)
	var s int
	require.NoError(t, ns.Do(func() (err error) {
		s, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(htons(unix.ETH_P_ALL)))
		return err
	}))
	defer unix.Close(s)
	for _, c := range []struct {
		name, src string
		want      [6]byte
	}{
		{"a neighbour by its own MAC address", "10.0.1.6", macB},
		{"a stranger by the router's", "54.231.0.1", routerMAC},
	} {
		pkt := packet.New(100)
		datagram := make([]byte, 20)
		datagram[0] = 0x45
		copy(datagram[12:], netip.MustParseAddr(c.src).AsSlice())
		copy(datagram[16:], addrA.AsSlice())
		pkt.SetBytes(datagram)
		n, err := p.Write([]*packet.Packet{pkt})
		require.NoError(t, err)
		require.Equal(t, 1, n)
		frame := make([]byte, 100)
		n, err = unix.Read(s, frame)
		require.NoError(t, err)
		want := append(append(macA[:], c.want[:]...), 8, 0)
		if string(frame[:n]) != string(append(want, datagram...)) {
			t.Errorf("%s: got %x", c.name, frame[:n])
		}
	}
}

func TestWriteDropsAndCountsWhatTheDeviceDoesNotTake(t *testing.T) {
	nstest.RequireTAP(t)
	ns := nstest.Namespace(t)
	var p *tap.Port
	require.NoError(t, ns.Do(func() (err error) { // and leaves the interface down
		p, err = tap.Open(tap.Config{Name: "eth0", MTU: 1500, MAC: macA, Neighbour: neighbours})
		return err
	}))
	defer p.Close()
	b := batch(2)
	datagram := make([]byte, 20)
	datagram[0] = 0x45
	b[0].SetBytes(datagram)
	b[1].SetBytes([]byte("not IP"))
	if n, err := p.Write(b); n != 0 || err != nil {
		t.Errorf("got %d, %v; want none taken", n, err)
	}
	if got := p.Stats(); got != (tap.Stats{WriteDropped: 2}) {
		t.Errorf("got %+v", got)
	}
}

func TestCloseWakesTheReaderAndLeavesTheDeviceForTheNext(t *testing.T) {
	nstest.RequireTAP(t)
	ns, p := open(t, addrA, macA)
	done := make(chan error)
	go func() { _, err := p.Read(batch(1)); done <- err }()
	require.NoError(t, p.Close())
	require.NoError(t, p.Close())
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Errorf("the reader got %v, want net.ErrClosed", err)
	}
	if n, err := p.Write(batch(1)); n != 0 || !errors.Is(err, net.ErrClosed) {
		t.Errorf("write after close: got %d, %v; want net.ErrClosed", n, err)
	}
	reopen := func() (err error) {
		p, err = tap.Open(tap.Config{Name: "eth0", MTU: 1500, MAC: macB, Neighbour: neighbours})
		return err
	}
	require.NoError(t, ns.Do(reopen))
	defer p.Close()
}

func TestErrorsSayWhatIsWrong(t *testing.T) {
	nstest.RequireTAP(t)
	ns, _ := open(t, addrA, macA)
	for _, c := range []struct{ name, ifname, want string }{
		{"a name in use", "eth0", "network interface eth0 is in use"},
		{"a name that is no TAP's", "lo", "a network interface of that name is there and is no TAP"},
	} {
		err := ns.Do(func() error {
			_, err := tap.Open(tap.Config{Name: c.ifname, MTU: 1500, MAC: macA, Neighbour: neighbours})
			return err
		})
		var u *port.Unsupported
		if !errors.As(err, &u) || u.Cure == "" {
			t.Errorf("%s: got %v, want a port.Unsupported with a cure", c.name, err)
		} else {
			require.Contains(t, u.What, c.want, c.name)
		}
	}
	_, err := tap.Open(tap.Config{Name: "a-name-of-16-char"})
	require.ErrorContains(t, err, "must have 1 to 15 bytes")
}

func TestReadAndWriteDoNotAllocate(t *testing.T) {
	nstest.RequireTAP(t)
	ns, p := open(t, addrA, macA)
	send := rawSocket(t, ns)
	frame := append(ethernet(macA, 0x0800), 0x45)
	frame = append(frame, make([]byte, 99)...)
	b := batch(4)
	got := testing.AllocsPerRun(200, func() {
		_, _ = send(frame), send(frame)
		n, err := p.Read(b)
		if n != 2 || err != nil {
			t.Fatalf("read: %d, %v", n, err)
		}
		if n, err = p.Write(b[:n]); n != 2 || err != nil {
			t.Fatalf("write: %d, %v", n, err)
		}
	})
	if got != 0 {
		t.Errorf("%v allocations, want 0", got)
	}
}

// BenchmarkReadWrite is one datagram of 100 bytes from the guest's packet socket, read and written back to it.
func BenchmarkReadWrite(b *testing.B) {
	nstest.RequireTAP(b)
	ns, p := open(b, addrA, macA)
	send := rawSocket(b, ns)
	frame := append(append(ethernet(macA, 0x0800), 0x45), make([]byte, 99)...)
	pkts := batch(64)
	for i := 0; i < b.N; i += len(pkts) {
		b.StopTimer()
		for range pkts {
			_ = send(frame)
		}
		b.StartTimer()
		n, _ := p.Read(pkts)
		_, _ = p.Write(pkts[:n])
	}
}

// ethernet is a header of a frame to the router.
func ethernet(src [6]byte, etherType uint16) []byte {
	return append(append(routerMAC[:len(routerMAC):len(routerMAC)], src[:]...), byte(etherType>>8), byte(etherType))
}

func htons(n uint16) uint16 { return n<<8 | n>>8 }

// neighbourTable is the guest's ARP cache.
func neighbourTable(t *testing.T, ns *host.Namespace) (macs [][6]byte) {
	t.Helper()
	require.NoError(t, ns.Do(func() error {
		neighs, err := netlink.NeighList(0, netlink.FAMILY_V4)
		for _, n := range neighs {
			if len(n.HardwareAddr) == 6 {
				macs = append(macs, [6]byte(n.HardwareAddr))
			}
		}
		return err
	}))
	return macs
}
