package topology

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

// TestOverlapsAgreeWithComparingAllPairs checks the sweep over sorted CIDRs against the obvious way: a subnet is at fault
// if it shares an address with one that comes before it in address order, wider ones first.
func TestOverlapsAgreeWithComparingAllPairs(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var subnets []*Subnet
		for range random.IntN(12) {
			a := addAddress(netip.MustParseAddr("10.0.0.0"), uint64(random.IntN(1<<10)))
			subnets = append(subnets, &Subnet{CIDR: netip.PrefixFrom(a, 22+random.IntN(11)).Masked()})
		}
		want := map[*Subnet]bool{}
		for i, s := range subnets {
			for j, other := range subnets {
				earlier := other.CIDR.Bits() < s.CIDR.Bits() || other.CIDR == s.CIDR && j < i
				want[s] = want[s] || earlier && other.CIDR.Overlaps(s.CIDR)
			}
		}
		got := map[*Subnet]bool{}
		for _, pair := range overlaps(subnets) {
			if !pair[0].CIDR.Overlaps(pair[1].CIDR) {
				t.Fatalf("%s and %s do not overlap", pair[0].CIDR, pair[1].CIDR)
			}
			got[pair[1]] = true
		}
		for _, s := range subnets {
			if got[s] != want[s] {
				t.Fatalf("%s: got %v, want %v", s.CIDR, got[s], want[s])
			}
		}
	}
}

func TestNearest(t *testing.T) {
	keys := []string{"subnets", "route_tables", "endpoints", "cidr", "s3", "a"}
	for word, want := range map[string]string{
		"subnts": "subnets", "usbnets": "subnets", "route_table": "route_tables", "cird": "cidr", "s4": "s3", "b": "", "": "", "instances": "", "x9": "",
	} {
		if got := nearest(word, keys); got != want {
			t.Errorf("%s: got %q, want %q", word, got, want)
		}
	}
}
