package routing

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLiveAgreesWithGold changes a table thousands of times, some routes at a time, and compares it with the model after each update.
func TestLiveAgreesWithGold(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 21))
	g := randomRoutes(rng, 30)
	live, err := NewLive(g)
	require.NoError(t, err)
	model := map[netip.Prefix]int{}
	for _, e := range slices.Backward(slices.SortedStableFunc(slices.Values(g), compareMasked)) {
		model[e.Prefix.Masked()] = e.Value
	}
	updates := 1500
	if testing.Short() {
		updates = 300
	}
	for range updates {
		var add gold
		var remove []netip.Prefix
		for p := range model {
			if rng.IntN(8) == 0 && (p.Bits() >= 10 || rng.IntN(100) == 0) {
				remove = append(remove, p)
				delete(model, p)
			}
		}
		for _, e := range randomRoutes(rng, rng.IntN(8)) {
			if bits := e.Prefix.Bits(); bits < 10 && rng.IntN(100) > 0 { // wide ones change many nodes, and take their time
				e.Prefix = netip.PrefixFrom(e.Prefix.Addr(), 10+bits)
			}
			e.Value = 1 + rng.IntN(50)
			add = append(add, e)
			model[e.Prefix.Masked()] = e.Value
		}
		require.NoError(t, live.Update(add, remove))
		compareLive(t, rng, live, model, append(add, g[:5]...))
	}
}

func compareMasked(a, b Entry[int]) int {
	a.Prefix, b.Prefix = a.Prefix.Masked(), b.Prefix.Masked()
	return compareRoutes(a, b)
}

func compareLive(t *testing.T, rng *rand.Rand, live *Live[int], model map[netip.Prefix]int, near gold) {
	t.Helper()
	var g gold
	for p, v := range model {
		g = append(g, Entry[int]{Prefix: p, Value: v})
	}
	v4, v6 := addresses(rng, append(near, g[:min(len(g), 10)]...), 20)
	answers := make([]Answer, max(len(v4), len(v6)))
	gold4, gold6 := g.numeric(false), g.numeric(true)
	live.LookupBatch4(v4, answers)
	for i, a := range v4 {
		want, _ := gold4.lookup(Address6{Lo: uint64(a)})
		single, _ := live.Lookup(addr4(a))
		batch, ok := live.Value(answers[i])
		if single != want || batch != want || ok != (want != 0) {
			t.Fatalf("%s: single %d, batch %d, want %d", addr4(a), single, batch, want)
		}
	}
	live.LookupBatch6(v6, answers)
	for i, a := range v6 {
		want, _ := gold6.lookup(a)
		single, _ := live.Lookup(addr6(a))
		if batch, _ := live.Value(answers[i]); single != want || batch != want {
			t.Fatalf("%s: single %d, batch %d, want %d", addr6(a), single, batch, want)
		}
	}
}

// TestLiveKeepsRightWhenItMoves: a big table that changes until its memory has been left behind several times.
func TestLiveKeepsRightWhenItMoves(t *testing.T) {
	g := internet4(60_000, 200)
	live, err := NewLive(g)
	require.NoError(t, err)
	model := map[netip.Prefix]int{}
	for _, e := range g {
		model[e.Prefix] = e.Value
	}
	rng := rand.New(rand.NewPCG(1, 22))
	moves, root := 0, live.root.Load()
	most := 600
	if testing.Short() {
		most = 20
	}
	for round := 0; round < most && (moves < 2 || round < 20); round++ {
		var add gold
		var remove []netip.Prefix
		for range 20_000 {
			e := g[rng.IntN(len(g))]
			if rng.IntN(3) == 0 {
				remove = append(remove, e.Prefix)
				delete(model, e.Prefix)
			} else {
				e.Value = 1 + rng.IntN(200)
				add = append(add, e)
			}
		}
		for _, e := range add { // after what is removed
			model[e.Prefix] = e.Value
		}
		require.NoError(t, live.Update(add, remove))
		if now := live.root.Load(); now != root {
			moves, root = moves+1, now
		}
	}
	if moves == 0 && !testing.Short() {
		t.Error("the table never moved, for which it has to leave much behind")
	}
	var left gold
	for p, v := range model {
		left = append(left, Entry[int]{Prefix: p, Value: v})
	}
	want := newByLength(left)
	v4, _ := addresses(rng, g, 20_000)
	for _, a := range v4 {
		if got, _ := live.Lookup4(a); got != want.lookup(Address6{Lo: uint64(a)}, 32) {
			t.Fatalf("%s: got %d, want %d", addr4(a), got, want.lookup(Address6{Lo: uint64(a)}, 32))
		}
	}
}

// TestLiveReadersSeeBeforeOrAfter: while updates replace a route by others of which each covers a part, no reader ever sees the wider
// route behind them, nor a value of another address.
func TestLiveReadersSeeBeforeOrAfter(t *testing.T) {
	p := netip.MustParsePrefix
	const wide, before, lower, upper = 1, 2, 3, 4
	one := []Entry[int]{{Prefix: p("10.1.0.0/16"), Value: before}, {Prefix: p("10.2.3.0/24"), Value: before}, {Prefix: p("2001:db8::/32"), Value: before}}
	two := []Entry[int]{
		{Prefix: p("10.1.0.0/17"), Value: lower}, {Prefix: p("10.1.128.0/17"), Value: upper},
		{Prefix: p("10.2.3.0/25"), Value: lower}, {Prefix: p("10.2.3.128/25"), Value: upper},
		{Prefix: p("2001:db8::/33"), Value: lower}, {Prefix: p("2001:db8:8000::/33"), Value: upper},
	}
	prefixes := func(entries []Entry[int]) (all []netip.Prefix) {
		for _, e := range entries {
			all = append(all, e.Prefix)
		}
		return all
	}
	live, err := NewLive(append([]Entry[int]{{Prefix: p("0.0.0.0/0"), Value: wide}, {Prefix: p("::/0"), Value: wide}}, one...))
	require.NoError(t, err)
	low, high := []uint32{0x0a010001, 0x0a017fff, 0x0a020300, 0x0a02037f}, []uint32{0x0a018000, 0x0a01ffff, 0x0a020380, 0x0a0203ff}
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			addrs, answers := append(slices.Repeat(low, 8), slices.Repeat(high, 8)...), make([]Answer, 64)
			for {
				select {
				case <-stop:
					return
				default:
				}
				live.LookupBatch4(addrs, answers)
				for i, x := range answers {
					batch, _ := live.Value(x)
					single, _ := live.Lookup4(addrs[i])
					after := []int{lower, upper}[i/32]
					if batch != before && batch != after || single != before && single != after {
						t.Errorf("%s: batch %d, single %d, want %d or %d", addr4(addrs[i]), batch, single, before, after)
						return
					}
				}
				if v, _ := live.Lookup6(0x2001_0db8_8000_0000, 1); v != before && v != upper {
					t.Errorf("IPv6: got %d, want %d or %d", v, before, upper)
					return
				}
			}
		})
	}
	for range 2000 {
		require.NoError(t, live.Update(two, prefixes(one)))
		require.NoError(t, live.Update(one, prefixes(two)))
	}
	close(stop)
	readers.Wait()
}

func TestLiveRefusesInvalidPrefixesAsAWhole(t *testing.T) {
	live, err := NewLive([]Entry[int]{{Prefix: netip.MustParsePrefix("10.0.0.0/8"), Value: 1}})
	require.NoError(t, err)
	bad := netip.PrefixFrom(netip.MustParseAddr("10.9.0.0"), 33)
	err = live.Update([]Entry[int]{{Prefix: netip.MustParsePrefix("10.0.0.0/8"), Value: 2}, {Prefix: bad, Value: 3}}, []netip.Prefix{{}})
	if err == nil || !strings.Contains(err.Error(), "10.9.0.0 with a length beyond 32") || !strings.Contains(err.Error(), "prefix 1 to remove") {
		t.Errorf("got %v, want both named", err)
	}
	if v, _ := live.Lookup4(0x0a000001); v != 1 {
		t.Errorf("got %d; nothing may have changed", v)
	}
	if _, err := NewLive([]Entry[int]{{Prefix: bad}}); err == nil {
		t.Error("want an error")
	}
}
