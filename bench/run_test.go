package bench

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fake is an implementation that answers by the model, and whose lookups take what time it is said that they take, by a clock of its own.
type fake struct {
	name    string
	ns      int64
	clock   *atomic.Int64
	order   *[]string         // who looked something up, each turn once
	windows *[]string         // what it was asked for
	mistake func(at int) bool // answers 99 there
	forget  bool              // its timed answers are not those that were checked
}

func (f fake) maker() Maker {
	return Maker{Name: f.name, Build: func(t Table, _ func(int)) (*Structure, error) {
		f.clock.Add(3e6)
		m := newModel(t.Routes)
		return &Structure{Memory: 7000, Contenders: func(k *Keys, _ []int) []Contender { return []Contender{f.contender(m, k)} }}, nil
	}}
}

func (f fake) contender(m *model, k *Keys) Contender {
	right := m.answersTo(k)
	return Contender{
		Way: Single,
		Sum: func(from, to int) uint64 {
			f.clock.Add(f.ns * int64(to-from))
			*f.order = append(*f.order, f.name)
			if f.windows != nil {
				*f.windows = append(*f.windows, fmt.Sprintf("%d-%d", from, to))
			}
			if f.forget {
				return 1
			}
			return SumOf(right[from:to])
		},
		Fill: func(from, to int, out []uint32) {
			copy(out, right[from:to])
			for i := range out {
				if f.mistake != nil && f.mistake(from+i) {
					out[i] = 99
				}
			}
		},
	}
}

func smallPlan() Plan {
	p := DefaultPlan()
	p.Tables, p.Keys, p.Cores, p.Rounds, p.Turn, p.Count = []string{"vpc-10"}, []string{"in-table"}, []int{1}, 4, time.Millisecond, 1<<16
	return p
}

// play runs the plan with the fakes, by their clock.
func play(t *testing.T, plan Plan, fakes ...fake) (*Report, []string, error) {
	t.Helper()
	var clock atomic.Int64
	var order []string
	var makers []Maker
	for _, f := range fakes {
		f.clock, f.order = &clock, &order
		makers = append(makers, f.maker())
	}
	report, err := runBy(t.Context(), plan, makers, nil, func(Progress) {}, func() time.Time { return time.Unix(0, clock.Load()) })
	return report, slices.Compact(order), err
}

func result(t *testing.T, r *Report, contender string) Result {
	t.Helper()
	at := slices.IndexFunc(r.Results, func(x Result) bool { return x.Contender == contender })
	require.GreaterOrEqual(t, at, 0, "no result of %s", contender)
	return r.Results[at]
}

func TestWhatIsMeasuredIsWhatLookupsTake(t *testing.T) {
	r, _, err := play(t, smallPlan(), fake{name: "quick", ns: 2}, fake{name: "slow", ns: 900})
	require.NoError(t, err)
	for name, want := range map[string]float64{"quick": 2, "slow": 900} {
		got := result(t, r, name)
		if got.Ns.Median != want || got.Ns.Min != want || got.Ns.MAD != 0 || len(got.Samples) != 4 {
			t.Errorf("%s: got %+v, want %g", name, got.Ns, want)
		}
		if got.PerSecond != 1e9/want {
			t.Errorf("%s: %g lookups a second", name, got.PerSecond)
		}
	}
	if got := Paired(result(t, r, "slow"), result(t, r, "quick")).Median; got != 450 {
		t.Errorf("ratio: got %g, want 450", got)
	}
	require.Empty(t, r.Wrong)
}

func TestContendersTakeTurnsInAnOrderThatRotates(t *testing.T) {
	_, order, err := play(t, smallPlan(), fake{name: "a", ns: 9000}, fake{name: "b", ns: 9000}, fake{name: "c", ns: 9000})
	require.NoError(t, err)
	// They are sized up in the order in which they are named. Then come the rounds: from the first, backwards from the second, from
	// the third, and backwards from the third. Who has two turns in a row is here once.
	rounds := []string{"abc", "bac", "cab", "cba"}
	want := slices.Compact(strings.Split("abc"+strings.Join(rounds, ""), ""))
	if !slices.Equal(order, want) {
		t.Errorf("got %v, want %v", order, want)
	}
}

func TestAQuickContenderIsAskedForAllKeys(t *testing.T) {
	var windows []string
	r, _, err := play(t, smallPlan(), fake{name: "quick", ns: 2, windows: &windows})
	require.NoError(t, err)
	if got := result(t, r, "quick"); got.Checked != 1<<16 {
		t.Errorf("%d keys were checked", got.Checked)
	}
	// 65,536 keys of 2 ns are 131 µs, so that a turn of a millisecond is 8 times all of them; before that it is sized up, three times.
	if want := 3 + 4*8; len(windows) != want || windows[3] != "0-65536" {
		t.Errorf("got %d stretches, the first of a turn %s; want %d", len(windows), windows[3], want)
	}
}

func TestASlowContenderIsAskedForOtherKeysInEachRound(t *testing.T) {
	var windows []string
	r, _, err := play(t, smallPlan(), fake{name: "slow", ns: 1000, windows: &windows})
	require.NoError(t, err)
	want := []string{"0-8192", "8192-16384", "16384-24576", "24576-32768"}
	if got := windows[3:]; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := result(t, r, "slow"); got.Checked != 4*8192 {
		t.Errorf("%d keys were checked", got.Checked)
	}
}

func TestAWrongAnswerIsFoundAndNotMeasured(t *testing.T) {
	r, _, err := play(t, smallPlan(), fake{name: "good", ns: 2}, fake{name: "bad", ns: 1, mistake: func(at int) bool { return at == 40000 }})
	require.NoError(t, err)
	if len(r.Wrong) != 1 || !strings.HasPrefix(r.Wrong[0], "vpc-10: bad single: got next hop 99, want ") || !strings.Contains(r.Wrong[0], ", for ") {
		t.Errorf("got %q", r.Wrong)
	}
	if slices.ContainsFunc(r.Results, func(x Result) bool { return x.Contender == "bad" }) {
		t.Error("a contender with wrong answers has a result")
	}
	result(t, r, "good")
}

func TestAWrongAnswerOfASlowContenderIsFoundWhereItIsMeasured(t *testing.T) {
	r, _, err := play(t, smallPlan(), fake{name: "bad", ns: 1000, mistake: func(at int) bool { return at == 20000 }})
	require.NoError(t, err)
	if len(r.Wrong) != 1 || !strings.HasPrefix(r.Wrong[0], "vpc-10: bad single: got next hop 99, want ") || len(r.Results) > 0 {
		t.Errorf("got %q, and %d results", r.Wrong, len(r.Results))
	}
}

func TestTimedAnswersMustAddUpToTheCheckedOnes(t *testing.T) {
	r, _, err := play(t, smallPlan(), fake{name: "cheat", ns: 2, forget: true}, fake{name: "good", ns: 2})
	require.NoError(t, err)
	if len(r.Wrong) != 1 || !strings.HasPrefix(r.Wrong[0], "vpc-10: cheat single: the answers to keys 0 to 65536 add up to 8 in a timed run, and to ") || len(r.Results) != 1 {
		t.Errorf("got %q, and %d results", r.Wrong, len(r.Results))
	}
}

func TestABuildThatFailsIsSaidAndTheOthersGoOn(t *testing.T) {
	var clock atomic.Int64
	var order []string
	failing := Maker{Name: "none", Build: func(Table, func(int)) (*Structure, error) { return nil, fmt.Errorf("no room") }}
	r, err := runBy(t.Context(), smallPlan(), []Maker{failing, fake{name: "good", ns: 2, clock: &clock, order: &order}.maker()}, nil, func(Progress) {}, time.Now)
	require.NoError(t, err)
	if !slices.Equal(r.Wrong, []string{"vpc-10: none: no room"}) {
		t.Errorf("got %q", r.Wrong)
	}
	result(t, r, "good")
}

func TestARunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Run(ctx, smallPlan(), []Maker{Ours()}, func(p Progress) {
		if strings.Contains(p.What, "round 2") {
			cancel()
		}
	})
	require.ErrorIs(t, err, context.Canceled)
}

func TestOursIsRightInEveryTableFamilyAndKeySet(t *testing.T) {
	plan := smallPlan()
	plan.Tables, plan.Keys, plan.Rounds = []string{"vpc-10", "vpc-30", "vpc-120", "vpc-1000", "aws-ranges"}, []string{"in-table", "uniform", "zipf", "fixed"}, 1
	if !testing.Short() {
		plan.Tables = append(plan.Tables, "bgp6")
	}
	plan.Batches = []int{32, 100} // one that divides nothing, too
	r, err := runBy(t.Context(), plan, []Maker{Ours()}, nil, func(Progress) {}, time.Now)
	require.NoError(t, err)
	require.Empty(t, r.Wrong)
	ours := 0
	for _, x := range r.Results {
		if x.Contender == oursName {
			ours++
			if x.Checked == 0 || x.Ns.Median <= 0 {
				t.Errorf("%s %s %s: %d checked, %g ns", x.Table, x.Keys, x.Way, x.Checked, x.Ns.Median)
			}
			if x.AllocBytes > 0 {
				t.Errorf("%s %s %s: a lookup allocates %g bytes", x.Table, x.Keys, x.Way, x.AllocBytes)
			}
		}
	}
	if want := len(plan.Tables) * len(plan.Keys) * (2 + len(plan.Batches)); ours != want {
		t.Errorf("%d results of ours, want %d", ours, want)
	}
}

func TestAPlanSaysAllThatIsWrongWithIt(t *testing.T) {
	p := Plan{Tables: []string{"vpc-31"}, Keys: []string{"zip"}, Batches: []int{1}, Cores: []int{3}, Rounds: 0, Turn: -1, Count: 5}
	err := p.Check(2)
	for _, want := range []string{`no table "vpc-31"`, `no key set "zip"`, "batch 1:", "cores 3: must be 1 to 2", "rounds 0:", "duration -1ns:", "count 5:"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s among it", err, want)
		}
	}
	p = DefaultPlan()
	if err := p.Check(1); err != nil {
		t.Errorf("the plan of whoever says nothing: %v", err)
	}
}

func TestSpread(t *testing.T) {
	for name, row := range map[string]struct {
		samples []float64
		want    Spread
	}{
		"none":                    {nil, Spread{}},
		"one":                     {[]float64{3}, Spread{Min: 3, Q1: 3, Median: 3, Q3: 3, Max: 3, Rounds: 1}},
		"an outlier moves little": {[]float64{9, 1, 2, 3, 100}, Spread{Min: 1, Q1: 2, Median: 3, Q3: 9, Max: 100, MAD: 2, Rounds: 5}},
		"between two":             {[]float64{4, 1}, Spread{Min: 1, Q1: 1.75, Median: 2.5, Q3: 3.25, Max: 4, MAD: 1.5, Rounds: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := SpreadOf(row.samples); got != row.want {
				t.Errorf("got %+v, want %+v", got, row.want)
			}
		})
	}
	if got := (Spread{Median: 4, MAD: 1}).Relative(); math.Abs(got-0.25) > 1e-9 {
		t.Errorf("relative: %g", got)
	}
}

func TestAnswersAreAddedUpInPairs(t *testing.T) {
	for _, n := range []int{1, 2, 3, 7, 8, 64, 255, 256, 1024, 1025, 4099} {
		words, answers := answerWords(n)
		want := uint64(0)
		for i := range answers {
			answers[i] = maxRoutes - 1 // the largest there can be, so that sums of halves are at their limit
			if i%3 == 0 {
				answers[i] = 5
			}
			want += uint64(answers[i])
		}
		if got := sumOfPairs(words); got != want {
			t.Errorf("%d answers: got %d, want %d", n, got, want)
		}
	}
}

func TestUpdatesAreMeasuredAndTheTableIsRightAfterThem(t *testing.T) {
	if CPUs() < 2 {
		t.Skip("a writer and a reader need a core each")
	}
	plan := smallPlan()
	plan.Tables, plan.Updates, plan.Rounds = []string{"vpc-120", "aws-ranges"}, true, 2
	r, err := runBy(t.Context(), plan, []Maker{Ours()}, nil, func(Progress) {}, time.Now)
	require.NoError(t, err)
	require.Empty(t, r.Wrong)
	require.Len(t, r.Updates, 2)
	for _, u := range r.Updates {
		if u.PerSecond <= 0 || u.VisibleUs.Median <= 0 || u.VisibleUs.Rounds == 0 || u.ReaderNs.Rounds != 2*updatePairs || u.ReaderLoss.Rounds != 2*updatePairs {
			t.Errorf("%s: %+v", u.Table, u)
		}
	}
}

func TestChurnLeavesWhatItSaysThatItLeaves(t *testing.T) {
	table := generated(t, "vpc-120")
	c, err := newChurn(table, 1)
	require.NoError(t, err)
	for range 1000 {
		require.NoError(t, c.step())
	}
	gone, moved := 0, 0
	for i := range c.routes {
		if c.gone[i] {
			gone++
		} else if c.routes[i].NextHop != table.Routes[i].NextHop {
			moved++
		}
	}
	if gone == 0 || moved == 0 {
		t.Errorf("%d withdrawn, %d moved", gone, moved)
	}
	keys, err := NewKeys("in-table", table, 1<<14, 1)
	require.NoError(t, err)
	require.NoError(t, c.check(keys))
	c.gone[0] = !c.gone[0] // the default route: now the table is not what is said of it
	if err := c.check(keys); err == nil || !strings.Contains(err.Error(), "vpcsim after 1000 updates batch 256: ") {
		t.Errorf("got %v", err)
	}
}
