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

func TestInvalidPrefixesFailBuildByName(t *testing.T) {
	var b Builder[int]
	b.Add(netip.MustParsePrefix("10.0.0.0/8"), Static, 1)
	b.Add(netip.Prefix{}, Static, 7)
	b.Add(netip.PrefixFrom(netip.MustParseAddr("10.1.2.3"), 33), Static, 8)
	_, err := b.Build()
	want := "routing: route 2 to 7: the zero Prefix is not a prefix\nrouting: route 3 to 8: 10.1.2.3 with a length beyond 32 is not a prefix"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestHostBitsAreIgnored(t *testing.T) {
	table := build(t, gold{{netip.MustParsePrefix("100.68.0.18/18"), Static, 1}})
	if e := table.Entries()[0]; e.Prefix != netip.MustParsePrefix("100.68.0.0/18") {
		t.Errorf("got %s, want 100.68.0.0/18, as CreateRoute makes it", e.Prefix)
	}
	if v, _ := table.Lookup(netip.MustParseAddr("100.68.0.1")); v != 1 {
		t.Error("an address before the host bits belongs to the prefix, too")
	}
}

func TestZeroTableIsEmpty(t *testing.T) {
	var table Table[int]
	answers := []Answer{9, 9}
	table.LookupBatch4([]uint32{1, 1<<32 - 1}, answers)
	if answers[0] != 0 || answers[1] != 0 {
		t.Errorf("IPv4: got %v", answers)
	}
	answers = []Answer{9}
	table.LookupBatch6([]Address6{{1, 1}}, answers)
	if answers[0] != 0 {
		t.Errorf("IPv6: got %v", answers)
	}
	for _, a := range []string{"10.0.0.1", "::1"} {
		if _, ok := table.Match(netip.MustParseAddr(a)); ok {
			t.Errorf("%s: Match found something", a)
		}
	}
	if table.Explain(netip.MustParseAddr("10.0.0.1")) != nil || len(table.Entries()) != 0 {
		t.Error("want nothing")
	}
}

func TestLookupsDoNotAllocate(t *testing.T) {
	table := build(t, append(vpc(30), Entry[int]{netip.MustParsePrefix("2001:db8::/32"), Static, 9}))
	live, err := NewLive(table.Entries())
	if err != nil {
		t.Fatal(err)
	}
	a4, a6, answers := make([]uint32, 40), make([]Address6, 40), make([]Answer, 40)
	v4, v6 := netip.MustParseAddr("10.0.0.9"), netip.MustParseAddr("2001:db8::9")
	for name, lookup := range map[string]func(){
		"Lookup":          func() { table.Lookup(v4); table.Lookup(v6) },
		"batches":         func() { table.LookupBatch4(a4, answers); table.LookupBatch6(a6, answers) },
		"Lookup of Live":  func() { live.Lookup(v4); live.Lookup(v6) },
		"batches of Live": func() { live.LookupBatch4(a4, answers); live.LookupBatch6(a6, answers) },
		"Match":           func() { table.Match(v4) },
	} {
		if n := testing.AllocsPerRun(100, lookup); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
