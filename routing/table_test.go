package routing

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

func agree(t *testing.T, g gold, table *Table[int], a netip.Addr) {
	t.Helper()
	got, gotOK := table.Lookup(a)
	want, wantOK := g.lookup(a)
	if got != want || gotOK != wantOK {
		t.Fatalf("%s: got %d %v, want %d %v\nroutes: %v", a, got, gotOK, want, wantOK, g)
	}
}

func TestSelection(t *testing.T) {
	p, a := netip.MustParsePrefix, netip.MustParseAddr
	routes := gold{
		{p("10.0.0.0/16"), Local, 1},
		{p("0.0.0.0/0"), Static, 2},
		{p("52.216.0.0/15"), PrefixList, 3},
		{p("54.231.0.0/16"), PrefixList, 3},
		{p("52.217.8.0/24"), Static, 4},
		{p("54.231.0.0/16"), Static, 5},
		{p("10.0.0.0/16"), PrefixList, 6},
		{p("52.216.0.0/15"), PrefixList, 7},
		{p("52.216.4.0/24"), Propagated, 8},
		{p("54.231.0.0/16"), Propagated, 9},
	}
	table := build(t, routes)
	for name, row := range map[string]struct {
		addr string
		want int
	}{
		"an address of the VPC is local":                                     {"10.0.3.4", 1},
		"an address nobody lists takes the default route":                    {"8.8.8.8", 2},
		"an address of the prefix list takes the endpoint":                   {"52.216.9.9", 3},
		"a more specific static route beats the prefix list":                 {"52.217.8.200", 4},
		"an identical static route beats the prefix list":                    {"54.231.7.7", 5},
		"local beats a prefix-list entry equal to it":                        {"10.0.255.255", 1},
		"of two prefix lists the one added first wins":                       {"52.217.255.255", 3},
		"a more specific propagated route beats a less specific prefix list": {"52.216.4.1", 8},
		"the last address there is takes the default route":                  {"255.255.255.255", 2},
		"the first address there is takes the default route":                 {"0.0.0.0", 2},
	} {
		t.Run(name, func(t *testing.T) {
			if got, _ := table.Lookup(a(row.addr)); got != row.want {
				t.Errorf("%s: got %d, want %d", row.addr, got, row.want)
			}
		})
	}
	if _, ok := table.Lookup(a("2001:db8::1")); ok {
		t.Error("0.0.0.0/0 says nothing about IPv6 (aws-semantics 1.7)")
	}
	if _, ok := (&Table[int]{}).Lookup(a("10.0.0.1")); ok {
		t.Error("the zero table must be empty")
	}
}

func TestAgainstGold(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 7))
		g := randomRoutes(rng, rng.IntN(60))
		table := build(t, g)
		for _, a := range edges(g) {
			agree(t, g, table, a)
		}
		for range 200 {
			agree(t, g, table, randomPrefix(rng).Addr())
		}
	}
}

func FuzzLookup(f *testing.F) {
	f.Add([]byte{10, 0, 0, 0, 16, 0, 10, 0, 1, 0, 24, 1}, uint32(0x0a000105))
	f.Add([]byte{0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 32, 2}, ^uint32(0))
	f.Fuzz(func(t *testing.T, routes []byte, addr uint32) {
		var g gold
		for i := 0; i+6 <= len(routes) && i < 600; i += 6 {
			a := netip.AddrFrom4([4]byte(routes[i : i+4]))
			g = append(g, Entry[int]{netip.PrefixFrom(a, int(routes[i+4])%33), Origin(routes[i+5] & 3), i + 1})
		}
		table := build(t, g)
		agree(t, g, table, netip.AddrFrom4([4]byte{byte(addr >> 24), byte(addr >> 16), byte(addr >> 8), byte(addr)}))
		for _, a := range edges(g) {
			agree(t, g, table, a)
		}
	})
}

func TestInvalidPrefixFailsBuild(t *testing.T) {
	var b Builder[int]
	b.Add(netip.Prefix{}, Static, 1)
	if _, err := b.Build(); err == nil {
		t.Error("want an error")
	}
}

func TestLookupDoesNotAllocate(t *testing.T) {
	table := build(t, gold{{netip.MustParsePrefix("0.0.0.0/0"), Static, 1}, {netip.MustParsePrefix("10.0.0.0/16"), Local, 2}})
	a := netip.MustParseAddr("10.0.0.9")
	if n := testing.AllocsPerRun(100, func() { table.Lookup(a) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
