package bench

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"runtime/metrics"
	"time"
)

// entry is a contender with one key set before it.
type entry struct {
	Contender
	maker string
	right []uint32 // the model's answer to every key; nil for the memory probe, which answers nothing
	keys  int      // how many keys there are

	guess  float64 // nanoseconds a lookup takes, roughly
	window int     // how many keys it looks up at a stretch: all, if it is fast enough
	sum    uint64  // of its answers to all keys, once it has been asked for all
	whole  bool    // it has been
}

// wrongAnswer is an answer that is not the model's.
type wrongAnswer struct {
	who       string
	at        int
	got, want uint32
}

func (w *wrongAnswer) Error() string {
	return fmt.Sprintf("%s: got next hop %d, want %d (0: no route)", w.who, w.got, w.want)
}

// wrong notes that a contender's answers were not right; if it is known to which address, that, too.
func (r *Report) wrong(t Table, keys *Keys, err error) {
	text := t.Name + ": " + err.Error()
	var answer *wrongAnswer
	if errors.As(err, &answer) {
		text += ", for " + keys.Addrs()[answer.at].String()
	}
	r.Wrong = append(r.Wrong, text)
}

// chunk is how many keys are asked for at once when their answers are checked; a multiple of all usual batches.
const chunk = 1 << 14

// check compares the answers to the keys [from, to) with the model's, and returns their sum, by which timed lookups of the same keys are known to be right.
func (e *entry) check(from, to int) (sum uint64, err error) {
	out := make([]uint32, min(chunk, to-from))
	for at := from; at < to; at += chunk {
		answers := out[:min(chunk, to-at)]
		e.Fill(at, at+len(answers), answers)
		sum += SumOf(answers)
		if e.right == nil {
			continue
		}
		for i, got := range answers {
			want := e.right[at+i]
			if e.NextHop != nil {
				got = e.NextHop(got)
			}
			if e.YesNo {
				want = min(want, 1)
			}
			if got != want {
				return 0, &wrongAnswer{e.maker + " " + e.label(), at + i, got, want}
			}
		}
	}
	return sum, nil
}

// prepare finds out how fast the contender is and, by that, how many keys it is given in a turn; a fast one is given all, and its
// answers to all are checked now.
func (e *entry) prepare(turn time.Duration, now func() time.Time) error {
	if e.right != nil {
		e.keys = len(e.right)
	} else {
		e.keys = probeKeys
	}
	few := min(e.keys, 1<<13)
	if _, err := e.check(0, few); err != nil {
		return err
	}
	e.guess = math.Inf(1)
	for range 3 {
		began := now()
		e.Sum(0, few)
		e.guess = min(e.guess, max(0.1, float64(now().Sub(began).Nanoseconds())/float64(few)))
	}
	if e.guess*float64(e.keys) > 4*float64(turn.Nanoseconds()) {
		e.window = min(e.keys, max(few, int(float64(turn.Nanoseconds())/e.guess)))
	} else {
		e.window = e.keys
	}
	if e.window < e.keys {
		return nil
	}
	sum, err := e.check(0, e.keys)
	e.sum, e.whole = sum, true
	return err
}

// turn is an entry on some cores, with what it took in every round.
type turn struct {
	*entry
	cores   int
	samples []float64
	checked map[int]bool // windows, by where they begin
	allocs  float64      // bytes allocated
	lookups float64
	wrong   bool // an answer was; it is out of the running
}

func turnsOf(entries []*entry, cores []int) (all []*turn) {
	for _, n := range cores {
		for _, e := range entries {
			all = append(all, &turn{entry: e, cores: n, checked: map[int]bool{}})
		}
	}
	return all
}

// stretch is the keys that one thread looks up in one turn, and what the answers added up to.
type stretch struct {
	from, to, times int
	got             uint64
}

// stretches cuts the work of a round. Slow contenders are given other keys in each.
func (t *turn) stretches(round int, lasting time.Duration) []stretch {
	all := make([]stretch, t.cores)
	for i := range all {
		if t.whole {
			from := i * t.keys / t.cores
			all[i] = stretch{from: from, to: from + t.keys, times: max(1, int(math.Ceil(float64(lasting.Nanoseconds())/(t.guess*float64(t.keys)))))}
			continue
		}
		from := (round*t.cores + i) % (t.keys / t.window) * t.window
		all[i] = stretch{from: from, to: from + t.window, times: 1}
	}
	return all
}

// want is what the answers to a stretch must add up to. Those of slow contenders are checked only now, after they were timed: before, it
// would have brought what they need into the caches.
func (t *turn) want(s stretch) (uint64, error) {
	if t.whole {
		return t.sum * uint64(s.times), nil
	}
	t.checked[s.from] = true
	return t.check(s.from, s.to)
}

// run looks the stretch up, around the end of the keys if it must.
func (s *stretch) run(e *entry) {
	for range s.times {
		s.got += e.Sum(s.from, min(s.to, e.keys))
		if s.to > e.keys {
			s.got += e.Sum(0, s.to-e.keys)
		}
	}
}

// take is one turn in one round: the sample is nanoseconds per lookup on each core.
func (t *turn) take(c *crew, round int, lasting time.Duration) error {
	work := t.stretches(round, lasting)
	allocated := allocatedBytes()
	took := c.measure(t.cores, func(thread int) { work[thread].run(t.entry) })
	allocated = allocatedBytes() - allocated
	rate := 0.0
	for i, s := range work {
		want, err := t.want(s)
		if err != nil {
			return err
		}
		if s.got != want {
			return fmt.Errorf("%s %s: the answers to keys %d to %d add up to %d in a timed run, and to %d in others", t.maker, t.label(), s.from, s.to, s.got, want)
		}
		n := float64((s.to - s.from) * s.times)
		rate += n / float64(max(took[i].Nanoseconds(), 1))
		t.lookups += n
	}
	t.samples = append(t.samples, float64(t.cores)/rate)
	t.allocs += allocated
	if allocated > 1<<20 {
		runtime.GC() // its garbage is not to be swept in another's turn
	}
	return nil
}

// allocatedBytes is how much has been allocated since the process began.
func allocatedBytes() float64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return float64(s[0].Value.Uint64())
}

// rounds gives every turn its place in each round. The order rotates, and goes backwards every other round. Whoever is wrong in one has no more.
func (r *run) rounds(table Table, keys *Keys, turns []*turn) error {
	runtime.GC()
	for round := range r.plan.Rounds {
		r.say("%s, %s keys: round %d of %d", table.Name, keys.Name, round+1, r.plan.Rounds)
		for i := range turns {
			at := (i + round) % len(turns)
			if round%2 == 1 {
				at = len(turns) - 1 - at
			}
			t := turns[at]
			if t.wrong {
				continue
			}
			if err := t.take(r.crew, round, r.plan.Turn); err != nil {
				t.wrong = true
				r.report.wrong(table, keys, err)
			}
			if r.ctx.Err() != nil {
				return r.ctx.Err()
			}
		}
		r.done++
	}
	return nil
}

func (t *turn) result(table Table, keys *Keys) Result {
	s := SpreadOf(t.samples)
	checked := t.keys
	if !t.whole {
		checked = len(t.checked) * t.window
	}
	if t.right == nil {
		checked = 0
	}
	return Result{
		Table: table.Name, Family: familyOf(table), Keys: keys.Name, Contender: t.maker, Way: t.Way, Batch: t.Batch, Cores: t.cores, Ns: s,
		PerSecond: 1e9 * float64(t.cores) / s.Median, Checked: checked, AllocBytes: math.Floor(t.allocs / t.lookups), Samples: t.samples,
		Trap: keys.Name == "fixed",
	}
}
