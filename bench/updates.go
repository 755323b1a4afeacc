package bench

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"vpcsim/routing"
)

// churn changes a live table one prefix at a time, as a routing protocol would: it withdraws prefixes, announces them again, and moves
// others to other next hops.
type churn struct {
	live    *routing.Live[uint32]
	rng     *rand.Rand
	routes  []Route
	gone    []bool // those withdrawn now
	changes int
	add     [1]routing.Entry[uint32]
	remove  [1]netip.Prefix
}

func newChurn(t Table, seed uint64) (*churn, error) {
	entries := make([]routing.Entry[uint32], len(t.Routes))
	for i, r := range t.Routes {
		entries[i] = routing.Entry[uint32]{Prefix: r.Prefix, Origin: routing.Static, Value: r.NextHop}
	}
	live, err := routing.NewLive(entries)
	if err != nil {
		return nil, err
	}
	return &churn{live: live, rng: rand.New(rand.NewPCG(seed, 3)), routes: slices.Clone(t.Routes), gone: make([]bool, len(t.Routes))}, nil
}

// step makes one change: of four, two are to another next hop, and one is to withdraw, which another announces again.
func (c *churn) step() error {
	c.changes++
	i := c.rng.IntN(len(c.routes))
	r := &c.routes[i]
	if !c.gone[i] && c.rng.IntN(3) == 0 {
		c.gone[i] = true
		c.remove[0] = r.Prefix
		return c.live.Update(nil, c.remove[:])
	}
	c.gone[i] = false
	return c.move(i, c.routes[c.rng.IntN(len(c.routes))].NextHop)
}

// move gives a route a next hop.
func (c *churn) move(i int, nextHop uint32) error {
	c.routes[i].NextHop = nextHop
	c.add[0] = routing.Entry[uint32]{Prefix: c.routes[i].Prefix, Origin: routing.Static, Value: nextHop}
	return c.live.Update(c.add[:], nil)
}

// reader returns a contender that reads the live table in batches.
func (c *churn) reader(k *Keys) Contender {
	nextHop := func(answer uint32) uint32 {
		v, _ := c.live.Value(routing.Answer(answer))
		return v
	}
	const batch = 256
	if len(k.V6) > 0 {
		return inBatches(batch, nextHop, func(from, to int, answers []routing.Answer) { c.live.LookupBatch6(k.V6[from:to], answers) })
	}
	return inBatches(batch, nextHop, func(from, to int, answers []routing.Answer) { c.live.LookupBatch4(k.V4[from:to], answers) })
}

// updates measures what changing a table in place costs the one who changes it, and those who read it.
func (r *run) updates(t Table) error {
	if len(r.crew.work) < 2 {
		r.report.Warnings = append(r.report.Warnings, t.Name+": updates are not measured: a writer and a reader need a core each")
		return nil
	}
	r.say("%s: make a live table", t.Name)
	c, err := newChurn(t, r.plan.Seed)
	if err != nil {
		return err
	}
	keys, err := NewKeys("in-table", t, min(r.plan.Count, 1<<20), r.plan.Seed)
	if err != nil {
		return err
	}
	u := UpdateResult{Table: t.Name, Family: familyOf(t), Contender: oursName}
	err = r.underLoad(c, keys, &u)
	if err == nil {
		u.VisibleUs, err = r.untilVisible(c)
	}
	if err == nil {
		err = c.check(keys)
	}
	if r.ctx.Err() != nil {
		return r.ctx.Err()
	}
	if err != nil {
		r.report.wrong(t, keys, err)
		return nil
	}
	r.report.Updates = append(r.report.Updates, u)
	return nil
}

// updatePairs is how often in a round the reader has a turn alone and one beside a writer: what these differ by is less than what a
// shared machine's neighbours change from turn to turn.
const updatePairs = 8

// underLoad has a reader at work, in turns alone and with a writer at full speed beside it.
func (r *run) underLoad(c *churn, keys *Keys, u *UpdateResult) error {
	reader := &entry{maker: oursName, Contender: c.reader(keys), right: newModel(c.routes).answersTo(keys)}
	if err := reader.prepare(r.plan.Turn, r.crew.now); err != nil {
		return err
	}
	times := max(1, int(float64(r.plan.Turn.Nanoseconds())/(reader.guess*float64(keys.Len()))))
	var alone, beside, rates []float64
	for round := range r.plan.Rounds {
		r.say("%s: updates: round %d of %d", u.Table, round+1, r.plan.Rounds)
		for i := range 2 * updatePairs {
			writers := (i + i/2) % 2 // the order changes from pair to pair
			took, rate, err := r.readWhile(c, reader, times, writers)
			if err != nil {
				return err
			}
			ns := float64(took.Nanoseconds()) / float64(times*keys.Len())
			if writers == 0 {
				alone = append(alone, ns)
			} else {
				beside, rates = append(beside, ns), append(rates, rate)
			}
		}
	}
	loss := paired(alone, beside)
	for i := range loss {
		loss[i] = 1 - loss[i]
	}
	u.PerSecond, u.ReaderNs, u.ReaderLoss = SpreadOf(rates).Median, SpreadOf(alone), SpreadOf(loss)
	return nil
}

// readWhile has the reader look all keys up some times, and writers, none or one, change the table until that is done. It returns how long the
// reader took, and how many changes there were in a second.
func (r *run) readWhile(c *churn, reader *entry, times, writers int) (took time.Duration, rate float64, err error) {
	before, over := c.changes, atomic.Bool{}
	elapsed := r.crew.measure(1+writers, func(thread int) {
		if thread == 0 {
			for range times {
				reader.Sum(0, reader.keys)
			}
			over.Store(true)
			return
		}
		for err == nil && !over.Load() {
			err = c.step()
		}
	})
	if writers > 0 {
		rate = float64(c.changes-before) / elapsed[1].Seconds()
	}
	if err == nil {
		err = r.ctx.Err()
	}
	return elapsed[0], rate, err
}

// visibleSamples is how many changes are watched until a reader sees them, if that does not take longer than visibleTime; patience is how
// long it looks for one.
const (
	visibleSamples = 200
	visibleTime    = 10 * time.Second
	patience       = 20 * time.Second
)

// unheard is a next hop that no table has.
const unheard = 1 << 30

// untilVisible measures how long it takes from the call of Update until a reader on another core, which does nothing but look, has the new answer.
func (r *run) untilVisible(c *churn) (Spread, error) {
	var samples []float64
	began := r.crew.now()
	for len(samples) < visibleSamples && r.crew.now().Sub(began) < visibleTime {
		i, was := c.rng.IntN(len(c.routes)), Route{}
		if was = c.routes[i]; c.gone[i] {
			continue
		}
		first := was.Prefix.Addr()
		if err := c.move(i, unheard); err != nil {
			return Spread{}, err
		}
		v, _ := c.live.Lookup(first)
		if err := c.move(i, was.NextHop); err != nil {
			return Spread{}, err
		}
		if v != unheard {
			continue // a longer prefix lies there
		}
		took, err := r.watchChange(c, i, first)
		if err == nil {
			err = c.move(i, was.NextHop)
		}
		if err == nil {
			err = r.ctx.Err()
		}
		if err != nil {
			return Spread{}, err
		}
		samples = append(samples, float64(took.Nanoseconds())/1e3)
	}
	return SpreadOf(samples), nil
}

// watchChange changes a route while a reader looks its first address up, and returns how long it was until that saw it.
func (r *run) watchChange(c *churn, i int, first netip.Addr) (time.Duration, error) {
	var looking atomic.Bool
	var asked, seen time.Time
	var failed error
	began := r.crew.now()
	r.crew.measure(2, func(thread int) {
		if thread == 1 {
			for !looking.Load() { // until the reader is at it
			}
			asked = r.crew.now()
			failed = c.move(i, unheard)
			return
		}
		looking.Store(true)
		for n := 0; n%1024 != 0 || r.crew.now().Sub(began) < patience; n++ {
			if v, _ := c.live.Lookup(first); v == unheard {
				seen = r.crew.now()
				return
			}
		}
	})
	if failed == nil && seen.IsZero() {
		failed = fmt.Errorf("a change of %s is not seen", c.routes[i].Prefix)
	}
	return seen.Sub(asked), failed
}

// check compares the table, after all changes, with a model of what it must be by now.
func (c *churn) check(keys *Keys) error {
	var left []Route
	for i, route := range c.routes {
		if !c.gone[i] {
			left = append(left, route)
		}
	}
	e := &entry{maker: oursName + " after " + fmt.Sprint(c.changes) + " updates", Contender: c.reader(keys), right: newModel(left).answersTo(keys)}
	_, err := e.check(0, keys.Len())
	return err
}
