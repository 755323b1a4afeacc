package bench

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
)

// Route is one prefix of a table, and where it leads to.
type Route struct {
	Prefix  netip.Prefix // masked
	NextHop uint32       // a number from 1 on; 0 is what a lookup without a route gives
}

// Table is what contenders are built from: distinct prefixes in their order, the containing one first.
type Table struct {
	Name   string
	Origin string   // where the prefixes and the next hops come from, for the reader of the report
	Notes  []string // what was changed or left out when it was read
	Routes []Route
}

// NextHops returns how many different next hops the table has.
func (t *Table) NextHops() int {
	seen := map[uint32]bool{}
	for _, r := range t.Routes {
		seen[r.NextHop] = true
	}
	return len(seen)
}

// Family returns the IPv4 or the IPv6 part of the table. Both are looked up in apart, as by a router.
func (t *Table) Family(version int) Table {
	part := *t
	part.Routes = nil
	for _, r := range t.Routes {
		if r.Prefix.Addr().Is4() == (version == 4) {
			part.Routes = append(part.Routes, r)
		}
	}
	return part
}

// is6 says whether the table, of one family, is IPv6.
func (t *Table) is6() bool { return len(t.Routes) > 0 && t.Routes[0].Prefix.Addr().Is6() }

// named are the tables that can be asked for by name. All are generated from a seed, so that runs can be compared.
var named = []struct {
	name, origin string
	make         func(*rand.Rand) []Route
}{
	{"vpc-10", "generated: local, default, networks on premises and in peers", func(r *rand.Rand) []Route { return vpc(r, 10, 0) }},
	{"vpc-30", "generated: as vpc-10, and an endpoint's prefix list of 20 entries", func(r *rand.Rand) []Route { return vpc(r, 30, 20) }},
	{"vpc-120", "generated: as vpc-30, with more peers", func(r *rand.Rand) []Route { return vpc(r, 120, 20) }},
	{"vpc-1000", "generated: as vpc-30, at the quota of 1,000 routes", func(r *rand.Rand) []Route { return vpc(r, 1000, 20) }},
	{"aws-ranges", "generated: like AWS's published IPv4 ranges, not those themselves", awsRanges},
	{"bgp4", "generated: lengths and nesting as in a full Internet table", func(r *rand.Rand) []Route {
		return internet(r, internet4, 200)
	}},
	{"bgp4-unique", "generated: as bgp4, with a next hop of its own for each prefix", func(r *rand.Rand) []Route { return internet(r, internet4, 0) }},
	{"bgp6", "generated: lengths and nesting as in a full Internet table", func(r *rand.Rand) []Route {
		return internet(r, internet6, 200)
	}},
}

// TableNames returns the names that [NewTable] knows.
func TableNames() (names []string) {
	for _, n := range named {
		names = append(names, n.name)
	}
	return names
}

// NewTable generates one of the named tables.
func NewTable(name string, seed uint64) (Table, error) {
	for _, n := range named {
		if n.name == name {
			t := Table{Name: name, Origin: n.origin, Routes: n.make(rand.New(rand.NewPCG(seed, 0)))}
			inOrder(t.Routes)
			return t, nil
		}
	}
	return Table{}, fmt.Errorf("no table %q; there are %s, and --table reads a file", name, strings.Join(TableNames(), ", "))
}

func inOrder(routes []Route) {
	slices.SortFunc(routes, func(a, b Route) int {
		if c := a.Prefix.Addr().Compare(b.Prefix.Addr()); c != 0 {
			return c
		}
		return a.Prefix.Bits() - b.Prefix.Bits()
	})
}

// place is a block of addresses, and which lengths the prefixes drawn from it have.
type place struct {
	block    string
	min, max int
}

// private is what lies behind peerings, transit gateways and VPNs; storage looks like the prefix list of a gateway endpoint.
var (
	private = []place{{"10.0.0.0/8", 16, 26}, {"172.16.0.0/12", 16, 26}, {"192.168.0.0/16", 20, 28}}
	storage = []place{{"3.5.0.0/16", 19, 24}, {"16.12.0.0/14", 18, 22}, {"18.34.0.0/16", 19, 22}, {"52.216.0.0/14", 15, 20}, {"54.231.0.0/16", 17, 22}}
	cloud   = []place{
		{"3.0.0.0/8", 12, 24}, {"13.32.0.0/11", 15, 27}, {"13.34.0.0/16", 26, 27}, {"15.230.0.0/16", 24, 32}, {"16.0.0.0/8", 14, 24}, {"18.128.0.0/9", 14, 24},
		{"35.152.0.0/13", 15, 24}, {"43.192.0.0/10", 14, 24}, {"52.0.0.0/10", 13, 24}, {"52.92.0.0/14", 20, 24}, {"54.64.0.0/10", 14, 24}, {"99.77.0.0/16", 24, 24},
		{"150.222.0.0/16", 24, 32},
	}
)

// vpc draws a route table of n routes, of which some are a prefix list's. Its next hops are the few targets that such a table has.
func vpc(rng *rand.Rand, n, list int) []Route {
	const local, gateway, endpoint, others = 1, 2, 3, 8
	set := routeSet{}
	set.add(netip.MustParsePrefix("10.0.0.0/16"), local)
	set.add(netip.MustParsePrefix("0.0.0.0/0"), gateway)
	set.draw(rng, storage, list, func() uint32 { return endpoint })
	set.draw(rng, private, n-2-list, func() uint32 { return endpoint + 1 + rng.Uint32N(others) })
	return set.routes()
}

// awsRanges draws 8,000 prefixes that leave open how they nest, with 30 next hops, as many as there are regions.
func awsRanges(rng *rand.Rand) []Route {
	set := routeSet{}
	set.draw(rng, cloud, 8000, func() uint32 { return 1 + rng.Uint32N(30) })
	return set.routes()
}

// routeSet is prefixes and their next hops.
type routeSet map[netip.Prefix]uint32

func (s routeSet) add(p netip.Prefix, nextHop uint32) { s[p.Masked()] = nextHop }

// draw adds n prefixes that are not there yet.
func (s routeSet) draw(rng *rand.Rand, places []place, n int, nextHop func() uint32) {
	for want := len(s) + n; len(s) < want; {
		p := places[rng.IntN(len(places))]
		block := netip.MustParsePrefix(p.block)
		drawn := netip.PrefixFrom(randomIn(rng, block), p.min+rng.IntN(p.max-p.min+1)).Masked()
		if _, there := s[drawn]; !there {
			s[drawn] = nextHop()
		}
	}
}

func (s routeSet) routes() (all []Route) {
	for p, n := range s {
		all = append(all, Route{p, n})
	}
	return all
}

// randomIn returns a random address of a prefix.
func randomIn(rng *rand.Rand, p netip.Prefix) netip.Addr {
	if p.Addr().Is4() {
		a := number4(p.Addr()) | uint32(rng.Uint64()&(1<<(32-p.Bits())-1))
		return addr4(a)
	}
	a := number6(p.Addr())
	if p.Bits() < 64 {
		a.Hi |= rng.Uint64() & (1<<(64-p.Bits()) - 1)
		a.Lo = rng.Uint64()
	} else {
		a.Lo |= rng.Uint64() & (1<<(128-p.Bits()) - 1) // of 1<<64, which is 0, all bits
	}
	return addr6(a)
}
