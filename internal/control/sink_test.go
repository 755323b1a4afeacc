package control

import (
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vpcsim/dataplane/packet"
	"vpcsim/dataplane/port/tap"
)

// sink is where the UDP datagrams of a node end that come in at its first interface: its kernel forwards them, though they are for itself, to a
// TAP that takes neither super-packets nor partial checksums.
type sink struct {
	lab      *Lab
	node     string
	arrivals chan *packet.Packet
}

// divert gives a node a sink.
func (l *verified) divert(t *testing.T, node string) *sink {
	s := &sink{l.Lab, node, make(chan *packet.Packet, 2*floodSize)}
	var p *tap.Port
	l.inside(t, node, func() (err error) {
		p, err = tap.Open(tap.Config{Name: "sink", MTU: vpcMTU, Without: tap.AllOffloads, MAC: edgeMAC,
			Neighbour: func(netip.Addr) (mac [6]byte, ok bool) { return mac, false }})
		return err
	})
	t.Cleanup(func() { _ = p.Close() })
	l.inside(t, node, func() error {
		link, err := netlink.LinkByName("sink")
		require.NoError(t, err)
		require.NoError(t, netlink.LinkSetARPOff(link))
		require.NoError(t, netlink.LinkSetUp(link))
		for _, setting := range [][2]string{
			{"ipv6/conf/sink/disable_ipv6", "0"}, {"ipv6/conf/all/forwarding", "1"}, {"ipv4/ip_forward", "1"},
			{"ipv4/ip_early_demux", "0"}, // in both families; what a socket was found for is not forwarded
		} {
			require.NoError(t, os.WriteFile("/proc/sys/net/"+setting[0], []byte(setting[1]), 0))
		}
		forward(t, netlink.FAMILY_V4, "0.0.0.0/0", link)
		forward(t, netlink.FAMILY_V6, "::/0", link)
		return nil
	})
	go func() {
		for {
			batch := [...]*packet.Packet{packet.New(packet.MaxSize)}
			if _, err := p.Read(batch[:]); err != nil {
				return
			}
			s.arrivals <- batch[0]
		}
	}()
	return s
}

// forward has the UDP datagrams of a family go to a device, before the kernel looks whether they are for itself.
func forward(t *testing.T, family int, all string, to netlink.Link) {
	const table, first, second = 100, 1, 2
	_, everywhere, err := net.ParseCIDR(all)
	require.NoError(t, err)
	require.NoError(t, netlink.RouteAdd(&netlink.Route{Family: family, LinkIndex: to.Attrs().Index, Table: table, Dst: everywhere, Scope: netlink.SCOPE_LINK}))
	udp, own := netlink.NewRule(), netlink.NewRule()
	udp.Family, udp.Priority, udp.Table, udp.IifName, udp.IPProto = family, first, table, "eth0", unix.IPPROTO_UDP
	own.Family, own.Priority, own.Table = family, second, unix.RT_TABLE_LOCAL
	require.NoError(t, netlink.RuleAdd(udp))
	require.NoError(t, netlink.RuleAdd(own))
	own.Priority = 0 // where the kernel has it
	require.NoError(t, netlink.RuleDel(own))
}

// next is the next datagram.
func (s *sink) next(t *testing.T) *packet.Packet {
	select {
	case p := <-s.arrivals:
		require.Equal(t, packet.OK, p.Decode())
		return p
	case <-time.After(patience):
		t.Fatal("no datagram")
	}
	return nil
}

// meet has a datagram come from a socket, so that all on the way know each other. It returns from where it came.
func (s *sink) meet(t *testing.T, conn *net.UDPConn) netip.AddrPort {
	_, err := conn.Write([]byte("hello"))
	require.NoError(t, err)
	p := s.next(t)
	require.Equal(t, "hello", string(p.Payload()))
	return netip.AddrPortFrom(p.Src, p.SrcPort)
}

// frames is how many frames the node's first interface has received.
func (s *sink) frames(t *testing.T) (n uint64) {
	s.lab.inside(t, s.node, func() error {
		link, err := netlink.LinkByName("eth0")
		if err == nil {
			n = link.Attrs().Statistics.RxPackets
		}
		return err
	})
	return n
}
