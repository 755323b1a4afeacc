package routing

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

// everyWay calls check with the table for each way there is here to look batches up in it; the last is without assembly.
func everyWay(table *Table[int], check func(w way)) {
	n4 := 0
	for n4 < len(table.routes) && table.routes[n4].Prefix.Addr().Is4() {
		n4++
	}
	flat := flatten(spans4(table.routes[:n4], func(v int) Answer { return Answer(slices.Index(table.values[1:], v) + 1) }), 0)
	for _, w := range ways(len(flat.starts), &table.root4) {
		table.batch4 = newBatch4(w, flat, &table.root4, &table.pages)
		table.tree6.vertical = w != oneByOne && vectors()
		check(w)
	}
}

// agreement compares every lookup there is with the model, and counts the comparisons.
type agreement struct {
	t    *testing.T
	ways map[way]bool
	n    int
}

func (c *agreement) check(g gold, table *Table[int], v4 []uint32, v6 []Address6) {
	c.t.Helper()
	gold4, gold6 := g.numeric(false), g.numeric(true)
	want4, want6 := make([]int, len(v4)), make([]int, len(v6)) // 0 is none
	for i, a := range v4 {
		want4[i], _ = gold4.lookup(Address6{Lo: uint64(a)})
		c.single(fmt.Sprintf("%s among %d routes", addr4(a), len(g)), want4[i], table.Answer4(a), table)
		v, ok := table.Lookup4(a)
		c.equal(addr4(a), want4[i], v, ok)
		v, ok = table.Lookup(addr4(a))
		c.equal(addr4(a), want4[i], v, ok)
	}
	for i, a := range v6 {
		want6[i], _ = gold6.lookup(a)
		c.single(fmt.Sprintf("%s among %d routes", addr6(a), len(g)), want6[i], table.Answer6(a.Hi, a.Lo), table)
		v, ok := table.Lookup6(a.Hi, a.Lo)
		c.equal(addr6(a), want6[i], v, ok)
		v, ok = table.Lookup(addr6(a))
		c.equal(addr6(a), want6[i], v, ok)
	}
	answers := make([]Answer, max(len(v4), len(v6)))
	everyWay(table, func(w way) {
		c.ways[w] = true
		table.LookupBatch4(v4, answers)
		for i := range v4 {
			c.single(w, want4[i], answers[i], table)
		}
		table.LookupBatch6(v6, answers)
		for i := range v6 {
			c.single(w, want6[i], answers[i], table)
		}
	})
}

func (c *agreement) single(where any, want int, x Answer, table *Table[int]) {
	c.t.Helper()
	v, ok := table.Value(x)
	c.equal(where, want, v, ok)
}

func (c *agreement) equal(where any, want, got int, ok bool) {
	c.n++
	if got != want || ok != (want != 0) {
		c.t.Helper()
		c.t.Fatalf("%v: got %d %v, want %d", where, got, ok, want)
	}
}

// TestEveryWayAgreesWithGold makes ten million comparisons: tables of all sizes that go by different structures, prefixes that nest and
// collide and those of VPCs, both ends of everything.
func TestEveryWayAgreesWithGold(t *testing.T) {
	want := 10_000_000
	if testing.Short() {
		want = 1_000_000
	}
	c := agreement{t: t, ways: map[way]bool{}}
	sizes := []int{0, 1, 2, 5, 12, 16, 20, 31, 40, 64, 100, 200}
	for seed := uint64(0); c.n < want; seed++ {
		rng := rand.New(rand.NewPCG(seed, 11))
		size := sizes[seed%uint64(len(sizes))]
		g := randomRoutes(rng, size)
		if seed%2 == 1 {
			g = vpc(size + int(seed))
			g = g[:min(len(g), size)]
		}
		v4, v6 := addresses(rng, g, 400)
		c.check(g, build(t, g), v4, v6)
	}
	t.Logf("%d comparisons, ways of batches: %v", c.n, c.ways)
}

// byLength is the model of big tables: a map for each length of prefix.
type byLength [129]map[Address6]int

func newByLength(g gold) (b byLength) {
	for _, e := range g {
		bits := e.Prefix.Bits()
		if b[bits] == nil {
			b[bits] = map[Address6]int{}
		}
		b[bits][number(e.Prefix.Addr())] = e.Value
	}
	return b
}

func (b *byLength) lookup(a Address6, width int) int {
	for bits := width; bits >= 0; bits-- {
		if b[bits] == nil {
			continue
		}
		m := a
		if host := width - bits; host < 64 {
			m.Lo = a.Lo >> host << host
		} else {
			m.Lo, m.Hi = 0, a.Hi>>(host-64)<<(host-64)
		}
		if v, ok := b[bits][m]; ok {
			return v
		}
	}
	return 0
}

func TestBigTablesAgree(t *testing.T) {
	size, keys := 100_000, 200_000
	if testing.Short() {
		size, keys = 30_000, 50_000
	}
	c := agreement{t: t, ways: map[way]bool{}}
	for name, g := range map[string]gold{
		"16-bit answers": append(internet4(size, 200), internet6(size/6, 200)...),
		"32-bit answers": append(internet4(size, 1<<30), internet6(size/6, 1<<30)...),
		"many answers":   internet4(size, 30_000),
	} {
		t.Run(name, func(t *testing.T) {
			c.t = t
			table, model4, model6 := build(t, g), newByLength(g), newByLength(nil)
			split := slices.IndexFunc(g, func(e Entry[int]) bool { return e.Prefix.Addr().Is6() })
			if split >= 0 {
				model4, model6 = newByLength(g[:split]), newByLength(g[split:])
			}
			v4, v6 := addresses(rand.New(rand.NewPCG(1, 12)), g, keys/4)
			answers, want4 := make([]Answer, max(len(v4), len(v6))), make([]int, len(v4))
			for i, a := range v4 {
				want4[i] = model4.lookup(Address6{Lo: uint64(a)}, 32)
				c.single(addr4(a), want4[i], table.Answer4(a), table)
			}
			everyBigWay(table, func(w way) {
				c.ways[w] = true
				table.LookupBatch4(v4, answers)
				for i := range v4 {
					c.single(w, want4[i], answers[i], table)
				}
			})
			table.LookupBatch6(v6, answers)
			for i, a := range v6 {
				want := model6.lookup(a, 128)
				c.single(addr6(a), want, answers[i], table)
				c.single(addr6(a), want, table.Answer6(a.Hi, a.Lo), table)
			}
		})
	}
	t.Logf("%d comparisons, ways of batches: %v", c.n, c.ways)
}

// everyBigWay is everyWay for tables that no search in registers takes: the bitmap root is all they need.
func everyBigWay(table *Table[int], check func(w way)) {
	for _, w := range ways(1<<20, &table.root4) {
		table.batch4 = newBatch4(w, intervals[uint32]{}, &table.root4, &table.pages)
		check(w)
	}
}

// TestBatchesOfEveryLength: whatever the length and wherever it begins, answers are right and what lies beyond is left alone.
func TestBatchesOfEveryLength(t *testing.T) {
	const untouched = 0xdeadbeef
	for _, g := range []gold{{}, vpc(8), vpc(20), vpc(300), append(internet4(6000, 200), internet6(3000, 9)...), append(internet4(6000, 100_000), randomRoutes(rand.New(rand.NewPCG(2, 2)), 90)...)} {
		table := build(t, g)
		v4, v6 := addresses(rand.New(rand.NewPCG(3, 3)), g, 700)
		answers := make([]Answer, 700)
		check := everyWay
		if len(g) > 1000 {
			check = everyBigWay
		}
		check(table, func(w way) {
			for n := range 601 {
				from := n % 17
				clear(answers)
				for i := n; i < len(answers); i++ {
					answers[i] = untouched
				}
				table.LookupBatch4(v4[from:from+n], answers[:n+n%3])
				for i, a := range v4[from : from+n] {
					if x := table.Answer4(a); x != answers[i] {
						t.Fatalf("%v, %d of %d: %s: batch says %d, single %d", w, i, n, addr4(a), answers[i], x)
					}
				}
				table.LookupBatch6(v6[from:from+n], answers)
				for i, a := range v6[from : from+n] {
					if x := table.Answer6(a.Hi, a.Lo); x != answers[i] {
						t.Fatalf("%v, %d of %d: %s: batch says %d, single %d", w, i, n, addr6(a), answers[i], x)
					}
				}
				if answers[n] != untouched {
					t.Fatalf("%v: a batch of %d wrote more answers", w, n)
				}
			}
		})
	}
}

func TestBatchWithTooFewAnswersPanics(t *testing.T) {
	table := build(t, append(vpc(9), Entry[int]{netip.MustParsePrefix("2001:db8::/32"), Static, 9}))
	live, err := NewLive(table.Entries())
	if err != nil {
		t.Fatal(err)
	}
	few, behind := make([]Answer, 8), make([]Answer, 8, 16)
	a4, a6 := make([]uint32, 9), make([]Address6, 9)
	for name, lookup := range map[string]func([]Answer){
		"IPv4": func(x []Answer) { table.LookupBatch4(a4, x) }, "IPv6": func(x []Answer) { table.LookupBatch6(a6, x) },
		"IPv4 of Live": func(x []Answer) { live.LookupBatch4(a4, x) }, "IPv6 of Live": func(x []Answer) { live.LookupBatch6(a6, x) },
		"IPv4 of the zero table": func(x []Answer) { new(Table[int]).LookupBatch4(a4, x) },
	} {
		for room, answers := range map[string][]Answer{"": few, ", with room behind them": behind} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s%s: want a panic: memory after the answers is someone else's", name, room)
					}
				}()
				lookup(answers)
			}()
		}
	}
}
