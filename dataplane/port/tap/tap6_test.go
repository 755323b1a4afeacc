package tap_test

import (
	"bytes"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"vpcsim/dataplane/packet"
	"vpcsim/dataplane/port/tap"
	"vpcsim/internal/nstest"
	"vpcsim/topology/host"
)

func TestTCPOverIPv6CrossesBetweenTwoInstances(t *testing.T) {
	nstest.RequireTAP(t)
	nsA, a := open6(t, addrA6, macA)
	nsB, b := open6(t, addrB6, macB)
	defer join(t, a, b)()

	transfer(t, nsA, nsB, "tcp6", "[2001:db8::6]:80")
	if s := a.Stats(); s.NDAnswered == 0 || s.Received == 0 || s.Sent == 0 || s.Spoofed != 0 || s.WriteDropped != 0 {
		t.Errorf("counters of the one who connected: %+v", s)
	}
	if n, ok := neighbour6(t, nsA, addrB6); !ok || n != macB {
		t.Errorf("the instance has its neighbour at %x, %v; want its own MAC address", n, ok)
	}
}

// TestTheRouterIsFoundByItsLinkLocalAddress: what leaves the subnet goes to the router's MAC address, and what comes back
// comes from there.
func TestTheRouterIsFoundByItsLinkLocalAddress(t *testing.T) {
	nstest.RequireTAP(t)
	ns, p := open6(t, addrA6, macA)
	far := netip.MustParseAddr("2600:1fa0::7")
	c := dialUDP(t, ns, "udp6", netip.AddrPortFrom(far, 53).String())
	_, err := c.Write([]byte("question"))
	require.NoError(t, err)
	got, reply := packet.New(9002), packet.New(9002)
	n, err := p.Read([]*packet.Packet{got})
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, packet.OK, got.Decode())
	if got.Src != addrA6 || got.Dst != far || string(got.Payload()) != "question" {
		t.Errorf("got %v > %v %q", got.Src, got.Dst, got.Payload())
	}
	if mac, ok := neighbour6(t, ns, routerAddr6); !ok || mac != routerMAC {
		t.Errorf("the instance has the router at %x, %v", mac, ok)
	}
	packet.BuildUDP(reply, netip.AddrPortFrom(far, 53), netip.AddrPortFrom(addrA6, got.SrcPort), []byte("answer"))
	_, err = p.Write([]*packet.Packet{reply})
	require.NoError(t, err)
	answer := make([]byte, 100)
	n, err = c.Read(answer)
	require.NoError(t, err)
	if string(answer[:n]) != "answer" {
		t.Errorf("got %q", answer[:n])
	}
}

// TestADatagramAsLargeAsTheMTUCrosses, over either family.
func TestADatagramAsLargeAsTheMTUCrosses(t *testing.T) {
	nstest.RequireTAP(t)
	for _, c := range []struct {
		name    string
		open    func(t testing.TB, addr netip.Addr, mac [6]byte) (*host.Namespace, *tap.Port)
		a, b    netip.Addr
		headers int
	}{
		{"IPv4", open, addrA, addrB, 28},
		{"IPv6", open6, addrA6, addrB6, 48},
	} {
		t.Run(c.name, func(t *testing.T) {
			nsA, a := c.open(t, c.a, macA)
			nsB, b := c.open(t, c.b, macB)
			var to net.PacketConn
			address := netip.AddrPortFrom(c.b, 4000).String()
			require.NoError(t, nsB.Do(func() (err error) { to, err = net.ListenPacket("udp", address); return err }))
			defer to.Close()
			from := dialUDP(t, nsA, "udp", address)
			payload := bytes.Repeat([]byte{0x5a}, 9001-c.headers)
			_, err := from.Write(payload)
			require.NoError(t, err)
			largest := batch(1)
			n, err := a.Read(largest)
			require.NoError(t, err)
			if n != 1 || largest[0].Len() != 9001 {
				t.Fatalf("read %d datagrams, the first of %d bytes; want one of 9,001", n, largest[0].Len())
			}
			_, err = b.Write(largest)
			require.NoError(t, err)
			got := make([]byte, 10000)
			n, _, err = to.ReadFrom(got)
			require.NoError(t, err)
			if !bytes.Equal(got[:n], payload) {
				t.Errorf("got %d bytes, want %d", n, len(payload))
			}
		})
	}
}

func TestPortKeepsOnTheLinkWhatIsOfTheLink(t *testing.T) {
	nstest.RequireTAP(t)
	solicit := func(src, target netip.Addr) []byte {
		f := append(ethernet(macA, 0x86dd), 0x60, 0, 0, 0, 0, 32, packet.ICMPv6, 255)
		f = append(append(f, src.AsSlice()...), target.AsSlice()...)
		f = append(append(f, 135, 0, 0, 0, 0, 0, 0, 0), target.AsSlice()...)
		f = append(append(f, 1, 1), macA[:]...)
		return checksummed(f)
	}
	to := func(src, dst string) []byte {
		f := append(ethernet(macA, 0x86dd), 0x60, 0, 0, 0, 0, 8, packet.UDP, 1)
		f = append(append(f, netip.MustParseAddr(src).AsSlice()...), netip.MustParseAddr(dst).AsSlice()...)
		return append(f, make([]byte, 8)...)
	}
	nobody := netip.MustParseAddr("2001:db8::99")
	for _, c := range []struct {
		name  string
		frame []byte
		want  tap.Stats
	}{
		{"a solicitation for the router is answered", solicit(addrA6, routerAddr6), tap.Stats{NDAnswered: 1}},
		{"a solicitation for a neighbour is answered", solicit(addrA6, addrB6), tap.Stats{NDAnswered: 1}},
		{"a solicitation for nobody is ignored", solicit(addrA6, nobody), tap.Stats{NDIgnored: 1}},
		{"a solicitation for the guest itself is ignored", solicit(nobody, addrA6), tap.Stats{NDIgnored: 1}},
		{"a probe is ignored", solicit(netip.IPv6Unspecified(), addrB6), tap.Stats{NDIgnored: 1}},
		{"multicast of the link is dropped", to("2001:db8::5", "ff02::fb"), tap.Stats{LinkLocal: 1}},
		{"a link-local source is dropped", to("fe80::5", "2600::1"), tap.Stats{LinkLocal: 1}},
		{"a datagram to another network goes up", to("2001:db8::5", "2600::1"), tap.Stats{Received: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ns, p := open(t, addrA, macA) // its kernel does not speak IPv6 on its own
			send := rawSocket(t, ns)
			require.NoError(t, send(c.frame))
			require.NoError(t, send(append(ethernet(macA, 0x0800), "the last"...)))
			b := []*packet.Packet{packet.New(1000)}
			for string(b[0].Bytes()) != "the last" {
				n, err := p.Read(b)
				require.NoError(t, err)
				require.Equal(t, 1, n)
			}
			c.want.Received++
			if got := p.Stats(); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

// checksummed fills in the ICMPv6 checksum of a frame.
func checksummed(f []byte) []byte {
	s := uint32(packet.ICMPv6 + len(f) - 54)
	for i, v := range f[22:] {
		s += uint32(v) << (8 * (1 - i&1))
	}
	s = s>>16 + s&0xffff
	s = ^(s>>16 + s)
	f[56], f[57] = byte(s>>8), byte(s)
	return f
}

// dialUDP returns a socket of the namespace.
func dialUDP(t *testing.T, ns *host.Namespace, network, address string) (c net.Conn) {
	t.Helper()
	require.NoError(t, ns.Do(func() (err error) { c, err = net.Dial(network, address); return err }))
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// neighbour6 is what the instance has found out about a neighbour.
func neighbour6(t *testing.T, ns *host.Namespace, addr netip.Addr) (mac [6]byte, ok bool) {
	t.Helper()
	require.NoError(t, ns.Do(func() error {
		neighs, err := netlink.NeighList(0, netlink.FAMILY_V6)
		i := slices.IndexFunc(neighs, func(n netlink.Neigh) bool { return n.IP.Equal(addr.AsSlice()) && len(n.HardwareAddr) == 6 })
		if i >= 0 {
			mac, ok = [6]byte(neighs[i].HardwareAddr), true
		}
		return err
	}))
	return mac, ok
}
