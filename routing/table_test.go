package routing

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// gold is the slow obvious model: look at every route, prefer the longer prefix, then the lower origin, then the earlier.
type gold []Entry[int]

func (g gold) lookup(a netip.Addr) (int, bool) {
	best := -1
	for i, e := range g {
		if !e.Prefix.Masked().Contains(a) {
			continue
		}
		if best < 0 || e.Prefix.Bits() > g[best].Prefix.Bits() ||
			e.Prefix.Bits() == g[best].Prefix.Bits() && e.Origin < g[best].Origin {
			best = i
		}
	}
	if best < 0 {
		return 0, false
	}
	return g[best].Value, true
}

func build(t testing.TB, g gold) *Table[int] {
	var b Builder[int]
	for _, e := range g {
		b.Add(e.Prefix, e.Origin, e.Value)
	}
	table, err := b.Build()
	require.NoError(t, err)
	return table
}

func agree(t *testing.T, g gold, table *Table[int], a netip.Addr) {
	t.Helper()
	got, gotOK := table.Lookup(a)
	want, wantOK := g.lookup(a)
	if got != want || gotOK != wantOK {
		t.Fatalf("%s: got %d %v, want %d %v\nroutes: %v", a, got, gotOK, want, wantOK, g)
	}
}

// edges returns the addresses at which an answer can change: both ends of every prefix, and their neighbours.
func edges(g gold) (all []netip.Addr) {
	for _, e := range g {
		first := e.Prefix.Masked().Addr()
		last := lastAddr(e.Prefix)
		for _, a := range []netip.Addr{first, first.Prev(), last, last.Next()} {
			if a.IsValid() {
				all = append(all, a)
			}
		}
	}
	return all
}

func lastAddr(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
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
		var g gold
		for i := range rng.IntN(60) {
			g = append(g, Entry[int]{randomPrefix(rng), Origin(rng.IntN(4)), i + 1})
		}
		table := build(t, g)
		for _, a := range edges(g) {
			agree(t, g, table, a)
		}
		for range 200 {
			agree(t, g, table, randomPrefix(rng).Addr())
		}
	}
}

// randomPrefix draws from few distinct bits, so that prefixes nest and collide often.
func randomPrefix(rng *rand.Rand) netip.Prefix {
	if rng.IntN(3) == 0 {
		var b [16]byte
		for i := range b {
			b[i] = byte(rng.IntN(2) * 0xff)
		}
		return netip.PrefixFrom(netip.AddrFrom16(b), rng.IntN(129))
	}
	var b [4]byte
	for i := range b {
		b[i] = []byte{0, 1, 0x80, 0xff}[rng.IntN(4)]
	}
	return netip.PrefixFrom(netip.AddrFrom4(b), rng.IntN(33))
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

func TestBatchAnswersLikeSingleLookups(t *testing.T) {
	g := gold{{netip.MustParsePrefix("10.0.0.0/8"), Static, 1}, {netip.MustParsePrefix("10.1.0.0/16"), Static, 2}}
	table := build(t, g)
	addrs := edges(g)
	values, found := make([]int, len(addrs)), make([]bool, len(addrs))
	table.LookupBatch(addrs, values, found)
	for i, a := range addrs {
		if v, ok := table.Lookup(a); v != values[i] || ok != found[i] {
			t.Errorf("%s: batch says %d %v, single %d %v", a, values[i], found[i], v, ok)
		}
	}
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

// BenchmarkLookup draws its addresses at random over the table's own prefixes: one fixed address would only measure
// the branch predictor.
func BenchmarkLookup(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	var g gold
	for i := range 32 {
		var p [4]byte
		for j := range p {
			p[j] = byte(rng.Uint32())
		}
		g = append(g, Entry[int]{netip.PrefixFrom(netip.AddrFrom4(p), 8+rng.IntN(17)), Static, i})
	}
	g = append(g, Entry[int]{netip.MustParsePrefix("0.0.0.0/0"), Static, 99})
	table := build(b, g)
	keys := make([]netip.Addr, 1<<16)
	for i := range keys {
		e := g[rng.IntN(len(g))].Prefix.Masked().Addr().As4()
		e[3] = byte(rng.Uint32())
		keys[i] = netip.AddrFrom4(e)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		table.Lookup(keys[i&(len(keys)-1)])
	}
}
