package filter

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"vpcsim/dataplane/packet"
)

// somePackets returns packets from the addresses that sourceOf gives, most of them TCP, four of ten to one of the twenty ports
// from 1000 on and the others to any.
func somePackets(b *testing.B, source *rand.Rand, sourceOf func() netip.Addr) []*packet.Packet {
	packets := make([]*packet.Packet, 4096)
	for i := range packets {
		d := datagram{src: sourceOf(), dst: netip.MustParseAddr(us), protocol: packet.TCP, detail: uint16(source.Uint32())}
		if d.src.Is6() {
			d.dst = netip.MustParseAddr(us6)
		}
		switch source.IntN(10) {
		case 0:
			d.protocol = packet.UDP
		case 1, 2, 3, 4:
			d.detail = uint16(1000 + source.IntN(20))
		}
		packets[i] = d.packet(b)
	}
	return packets
}

func anyAddress(source *rand.Rand) func() netip.Addr {
	return func() netip.Addr {
		n := source.Uint32()
		return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
	}
}

func anyAddress6(source *rand.Rand) func() netip.Addr {
	return func() netip.Addr {
		a := netip.MustParseAddr("2001:db8::").As16()
		for i := 6; i < 16; i++ {
			a[i] = byte(source.Uint32())
		}
		return netip.AddrFrom16(a)
	}
}

func BenchmarkNetworkACL(b *testing.B) {
	source := rand.New(rand.NewPCG(1, 1))
	defaults := []Rule{all(anywhere), all(anywhere6)}
	var ports, subnets []Rule
	for n := range uint16(20) {
		ports = append(ports, tcp(1000+n, 1000+n, anywhere))
		subnets = append(subnets, all(netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(n * 6), 0, 0, 0}), 7).String()))
	}
	for _, c := range []struct {
		name     string
		list     []Rule
		sourceOf func() netip.Addr
	}{
		{"default", defaults, anyAddress(source)},
		{"default, IPv6", defaults, anyAddress6(source)},
		{"20 ports", ports, anyAddress(source)},
		{"20 prefixes", subnets, anyAddress(source)},
	} {
		b.Run(c.name, func(b *testing.B) {
			acl, packets := NewNetworkACL("acl-1", c.list, nil), somePackets(b, source, c.sourceOf)
			b.ReportAllocs()
			allowed := 0
			for i := 0; b.Loop(); i++ {
				if ok, _ := acl.Ingress(packets[i%len(packets)]); ok {
					allowed++
				}
			}
			b.ReportMetric(float64(allowed)/float64(b.N), "allowed")
		})
	}
}

func BenchmarkSecurityGroups(b *testing.B) {
	source := rand.New(rand.NewPCG(1, 2))
	address := anyAddress(source)
	several := make([]netip.Addr, 5000) // addresses in rules
	for i := range several {
		several[i] = address()
	}
	anything := func(int) Rule { return all() }
	aPort := func(n int) Rule { return tcp(uint16(1000+n%20), uint16(1000+n%20)) }
	known := func() netip.Addr { // one time of two
		if source.IntN(2) == 0 {
			return address()
		}
		return several[source.IntN(len(several))]
	}
	for _, c := range []struct {
		name            string
		ingress, egress []Rule
		sourceOf        func() netip.Addr
	}{
		{"open, untracked", []Rule{all(anywhere)}, []Rule{all(anywhere)}, address},
		{"web server", []Rule{tcp(22, 22, "10.0.0.0/8"), tcp(1000, 1010, anywhere)}, []Rule{all(anywhere)}, address},
		{"1 rule, 5000 peers", sharedOut(several, 1, anything), nil, known},
		{"1000 rules of 20 ports, 5000 peers", sharedOut(several, 1000, aPort), nil, known},
	} {
		b.Run(c.name, func(b *testing.B) {
			groups, packets := NewSecurityGroups(c.ingress, c.egress), somePackets(b, source, c.sourceOf)
			b.ReportAllocs()
			allowed := 0
			for i := 0; b.Loop(); i++ {
				if v, _ := groups.Ingress(packets[i%len(packets)]); v != Denied {
					allowed++
				}
			}
			b.ReportMetric(float64(allowed)/float64(b.N), "allowed")
		})
	}
}

// sharedOut returns some rules, each with an equal share of the addresses.
func sharedOut(addresses []netip.Addr, rules int, rule func(n int) Rule) []Rule {
	list := make([]Rule, rules)
	for n := range list {
		list[n] = rule(n)
	}
	for i, a := range addresses {
		r := &list[i%rules]
		r.Peers = append(r.Peers, netip.PrefixFrom(a, 32))
	}
	return list
}

func BenchmarkNewSecurityGroups(b *testing.B) {
	source := rand.New(rand.NewPCG(1, 3))
	address, r := anyAddress(source), tcp(443, 443)
	for range 5000 {
		r.Peers = append(r.Peers, netip.PrefixFrom(address(), 32))
	}
	b.ReportAllocs()
	for b.Loop() {
		NewSecurityGroups([]Rule{r}, nil)
	}
}
