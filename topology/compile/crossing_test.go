package compile

import (
	"net/netip"
	"testing"

	"vpcsim/dataplane"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
	"vpcsim/nat"
)

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

func ping(from, to string, ttl uint8) *packet.Packet {
	p := packet.New(128)
	packet.BuildICMPEcho(p, netip.MustParseAddr(from), netip.MustParseAddr(to), 1, 1, nil)
	for p.TTL() > ttl {
		p.DecrementTTL()
	}
	return p
}

// TestCross: what the small gateways let through, and what they take off the time to live.
func TestCross(t *testing.T) {
	left := peering{from: prefixes("10.1.0.0/16", "10.9.0.0/16", "2001:db8:1::/56"), to: prefixes("10.2.0.0/16", "2001:db8:2::/56")}
	internet := untranslated{netip.MustParsePrefix("2001:db8:1::/56")}
	eigw := egressOnly{internet, nat.NewEgressOnly(0).Outbound()}
	for name, row := range map[string]struct {
		gateway dataplane.Gateway
		p       *packet.Packet
		want    drop.Reason
		ttl     uint8
	}{
		"peering carries one VPC's packets to the other":       {left, ping("10.1.0.1", "10.2.0.1", 64), drop.None, 64},
		"and those of its secondary CIDR":                      {left, ping("10.9.0.1", "10.2.0.1", 64), drop.None, 64},
		"and IPv6":                                             {left, ping("2001:db8:1::1", "2001:db8:2::1", 64), drop.None, 64},
		"peering refuses a third VPC's source":                 {left, ping("10.3.0.1", "10.2.0.1", 64), drop.PeeringAddress, 64},
		"peering refuses a third VPC's address":                {left, ping("10.1.0.1", "10.3.0.1", 64), drop.PeeringAddress, 64},
		"peering is for one direction":                         {left, ping("10.2.0.1", "10.1.0.1", 64), drop.PeeringAddress, 64},
		"an internet gateway carries the VPC's IPv6":           {internet, ping("2001:db8:1::1", "2001:db8:9::1", 64), drop.None, 64},
		"and no other source":                                  {internet, ping("2001:db8:2::1", "2001:db8:9::1", 64), drop.Spoofed, 64},
		"an egress-only one, too":                              {eigw, ping("2001:db8:1::1", "2001:db8:9::1", 64), drop.None, 64},
		"which refuses other sources as well":                  {eigw, ping("2001:db8:2::1", "2001:db8:9::1", 64), drop.Spoofed, 64},
		"in, it takes one off the hop limit":                   {hop{}, ping("2001:db8:9::1", "2001:db8:1::1", 64), drop.None, 63},
		"where one is left, there is no way in":                {hop{}, ping("2001:db8:9::1", "2001:db8:1::1", 1), drop.TTLExpired, 1},
		"out of a transit gateway everything passes untouched": {passage{}, ping("10.3.0.1", "10.2.0.1", 1), drop.None, 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := row.gateway.Cross(row.p); got != row.want || row.p.TTL() != row.ttl {
				t.Errorf("%q with TTL %d, want %q with %d", got, row.p.TTL(), row.want, row.ttl)
			}
		})
	}
}

func TestCrossDoesNotAllocate(t *testing.T) {
	p := ping("10.1.0.1", "10.2.0.1", 64)
	for _, g := range []dataplane.Gateway{
		peering{prefixes("10.1.0.0/16"), prefixes("10.2.0.0/16")}, untranslated{netip.MustParsePrefix("2001:db8::/56")}, hop{},
		passage{},
	} {
		if n := testing.AllocsPerRun(100, func() { g.Cross(p) }); n != 0 {
			t.Errorf("%T: %v allocations", g, n)
		}
	}
}
