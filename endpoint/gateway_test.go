package endpoint

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

// TestWhatMayCross: only TCP and ICMP echo cross a gateway endpoint, and only from the addresses of its prefix list back.
func TestWhatMayCross(t *testing.T) {
	instance, service := netip.MustParseAddr("10.0.0.71"), netip.MustParseAddr("52.216.1.2")
	elsewhere := netip.MustParseAddr("52.219.1.2")
	there := NewGateway([]netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("10.0.0.0/16")})
	back, err := NewReturn([]netip.Prefix{netip.MustParsePrefix("52.216.0.0/15"), netip.MustParsePrefix("54.231.0.0/17")})
	require.NoError(t, err)
	port := func(a netip.Addr) netip.AddrPort { return netip.AddrPortFrom(a, 443) }
	build := func(f func(p *packet.Packet)) *packet.Packet {
		p := packet.New(256)
		f(p)
		return p
	}
	tcp := func(from, to netip.Addr) *packet.Packet {
		return build(func(p *packet.Packet) { packet.BuildTCP(p, port(from), port(to), packet.ACK, 1, 1, nil) })
	}
	udp := func(from, to netip.Addr) *packet.Packet {
		return build(func(p *packet.Packet) { packet.BuildUDP(p, port(from), port(to), nil) })
	}
	request := func(from, to netip.Addr) *packet.Packet {
		return build(func(p *packet.Packet) { packet.BuildICMPEcho(p, from, to, 1, 1, nil) })
	}
	reply := func(from, to netip.Addr) *packet.Packet {
		return build(func(p *packet.Packet) { packet.BuildICMPEchoReply(p, from, to, 1, 1, nil) })
	}
	later := func(p *packet.Packet) *packet.Packet {
		last := packet.New(256)
		for at, more := 0, true; more; {
			at, more = p.FragmentInto(last, packet.MinMTU, at)
		}
		return last
	}
	long := func(from, to netip.Addr) *packet.Packet {
		return build(func(p *packet.Packet) { packet.BuildICMPEcho(p, from, to, 1, 1, make([]byte, 100)) })
	}
	for name, row := range map[string]struct {
		cross func(*packet.Packet) drop.Reason
		p     *packet.Packet
		want  drop.Reason
	}{
		"TCP to the service":                     {there.Cross, tcp(instance, service), drop.None},
		"a ping of the service":                  {there.Cross, request(instance, service), drop.None},
		"UDP to the service":                     {there.Cross, udp(instance, service), drop.EndpointProtocol},
		"an echo reply to the service":           {there.Cross, reply(instance, service), drop.EndpointProtocol},
		"the rest of a ping in fragments":        {there.Cross, later(long(instance, service)), drop.None},
		"the rest of the answer to it":           {back.Cross, later(long(service, instance)), drop.None},
		"TCP from the secondary CIDR":            {there.Cross, tcp(netip.MustParseAddr("10.1.2.3"), service), drop.None},
		"TCP from another VPC":                   {there.Cross, tcp(netip.MustParseAddr("10.2.0.71"), service), drop.Spoofed},
		"TCP from the service":                   {back.Cross, tcp(service, instance), drop.None},
		"the answer to a ping":                   {back.Cross, reply(service, instance), drop.None},
		"a ping from the service":                {back.Cross, request(service, instance), drop.EndpointProtocol},
		"UDP from the service":                   {back.Cross, udp(service, instance), drop.EndpointProtocol},
		"TCP from outside the prefix list":       {back.Cross, tcp(elsewhere, instance), drop.EndpointSource},
		"an echo reply from outside of the list": {back.Cross, reply(elsewhere, instance), drop.EndpointSource},
	} {
		t.Run(name, func(t *testing.T) {
			before := string(row.p.Bytes())
			if got := row.cross(row.p); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
			if string(row.p.Bytes()) != before {
				t.Error("the packet was rewritten: the private source must stay on the wire")
			}
		})
	}
}
