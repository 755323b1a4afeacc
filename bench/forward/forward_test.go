package forward

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/bench"
	"vpcsim/bench/load"
	"vpcsim/internal/nstest"
)

// TestMain makes this test's own executable the program of package load, as cmd/vpcsim is.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "load" {
		os.Exit(load.Main(os.Args[2:], os.Stdin, os.Stdout, os.Stderr))
	}
	nstest.Main(m)
}

// fakeLink loses what is beyond its capacity, and of some trials a part of what is not.
type fakeLink struct {
	capacity, sender float64
	hiccups          map[int]bool // by the number of the trial
	trials           int
}

func (l *fakeLink) try(rate float64) (trial, error) {
	l.trials++
	sent := min(rate, l.sender)
	t := trial{sent: sent, received: min(sent, l.capacity)}
	t.lost = 1 - t.received/sent
	if l.hiccups[l.trials] {
		t.lost = 0.01
	}
	return t, nil
}

func TestTheLossSearchFindsTheCapacity(t *testing.T) {
	for name, row := range map[string]struct {
		link       fakeLink
		most, want float64
	}{
		"of a link slower than the sender":                      {fakeLink{capacity: 137, sender: 1e9}, 400, 137},
		"of a link as fast as the flood":                        {fakeLink{capacity: 1000, sender: 1e9}, 400, 400},
		"unless the sender paces slower than it floods":         {fakeLink{capacity: 1000, sender: 150}, 400, 150},
		"though a rate that is fine fails once":                 {fakeLink{capacity: 300, sender: 1e9, hiccups: map[int]bool{1: true, 4: true}}, 400, 300},
		"nothing, of a link that loses whatever is sent slowly": {fakeLink{capacity: 0, sender: 1e9}, 400, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := searchLossless(row.most, row.link.try)
			require.NoError(t, err)
			if off := math.Abs(got - row.want); off > row.most/100 {
				t.Errorf("got %g, want %g", got, row.want)
			}
			if got > row.link.capacity*1.001 {
				t.Errorf("got %g, more than the link carries", got)
			}
		})
	}
	broken := errors.New("broken")
	_, err := searchLossless(400, func(float64) (trial, error) { return trial{}, broken })
	require.ErrorIs(t, err, broken)
}

func TestRatiosAreOfTheSameRounds(t *testing.T) {
	r := &Report{Contenders: []ContenderFacts{{Contender: Direct}, {Contender: Ours}, {Contender: "kernel"}}}
	tcp := Measure{Name: "tcp-1", More: true}
	for i, x := range []float64{10, 20, 40} {
		r.add(tcp, Ours, Sample{i, x})
		r.add(tcp, Direct, Sample{i, x * 1.05})
	}
	r.add(tcp, "kernel", Sample{2, 80}) // it could not be measured before
	r.summarise()
	kernel, ours := r.result("tcp-1", "kernel"), r.result("tcp-1", Ours)
	if kernel.Ratio.Median != 0.5 || kernel.Ratio.Rounds != 1 {
		t.Errorf("our figure by the kernel's: %+v, want 0.5 in one round", kernel.Ratio)
	}
	if ours.Spread.Median != 20 || !ours.Bounded || kernel.Bounded != (kernel.OfDirect >= ceiling) || ours.Ratio.Rounds != 0 {
		t.Errorf("ours: %+v", ours)
	}
	if r.Results[0].Contender != Direct || r.Results[2].Contender != "kernel" {
		t.Errorf("results are not in the contenders' order: %+v", r.Results)
	}
}

func TestTargets(t *testing.T) {
	result := func(values ...float64) *Result {
		r := &Result{}
		for i, x := range values {
			r.Samples = append(r.Samples, Sample{i, x})
		}
		return r
	}
	for name, row := range map[string]struct {
		target     target
		ours, peer *Result
		want       string
	}{
		"met by the median of the rounds": {target{least: 0.85}, result(90, 10, 80), result(100, 100, 90), bench.Met},
		"missed":                          {target{least: 0.85}, result(80, 80), result(100, 100), bench.Missed},
		"a latency that is low enough":    {target{most: 2.5}, result(50), result(20), bench.Met},
		"a latency that is too high":      {target{most: 2.5}, result(51), result(20), bench.Missed},
		"a peer that is not here":         {target{least: 1}, result(1), nil, bench.NotMeasured},
		"no round with both":              {target{least: 1}, result(1), &Result{Samples: []Sample{{1, 1}}}, bench.NotMeasured},
	} {
		if got := row.target.verdict(row.ours, row.peer); got.Verdict != row.want {
			t.Errorf("%s: %+v, want %s", name, got, row.want)
		}
	}
	var plan Plan
	plan.Targets = true
	plan.forTargets()
	for _, target := range targets { // each is about a measure that both are measured by
		step := steps[slices.IndexFunc(steps, func(s step) bool {
			return slices.ContainsFunc(s.measures, func(m Measure) bool { return m.Name == target.measure })
		})]
		require.Contains(t, plan.Measures, step.name)
		for _, name := range []string{target.ours, target.peer} {
			at := slices.IndexFunc(plan.wanted(), func(c contender) bool { return c.name == name })
			require.GreaterOrEqual(t, at, 0, name)
			require.Contains(t, plan.wanted()[at].steps, step.name, name)
		}
	}
}

func TestWhatIperf3Says(t *testing.T) {
	perSecond, bytes, err := readIperf3([]byte(`{"end": {"sum_received": {"bytes": 2000, "bits_per_second": 8000}, "sum_sent": {"bytes": 9}}}`), nil)
	require.NoError(t, err)
	if perSecond != 1000 || bytes != 2000 {
		t.Errorf("%g bytes per second, %g bytes", perSecond, bytes)
	}
	_, _, err = readIperf3([]byte(`{"error": "unable to connect to server"}`), errors.New("exit status 1"))
	require.ErrorContains(t, err, "unable to connect to server")
	_, _, err = readIperf3(nil, errors.New("no such program"))
	require.ErrorContains(t, err, "no such program")
}

func TestPlansAreCheckedAsAWhole(t *testing.T) {
	plan := Plan{Path: "moon", Features: "some", Peers: []string{"kernal"}, Measures: []string{"tcp-2"}}
	err := plan.Check()
	for _, want := range []string{`path "moon"`, `features "some"`, `no peer "kernal"; there are kernel`, `no measure "tcp-2"; there are tcp-1`, "rounds 0", "duration 0s"} {
		require.ErrorContains(t, err, want)
	}
	sound := DefaultPlan()
	require.NoError(t, sound.Check())
}

// TestEveryPathIsMeasured runs each path and the peers that a kernel alone is enough for, briefly, and looks whether every measure has a
// figure of every contender, and whether anything is left.
func TestEveryPathIsMeasured(t *testing.T) {
	nstest.RequireTAP(t)
	for _, path := range Paths() {
		t.Run(path, func(t *testing.T) {
			before := descriptors(t)
			plan := DefaultPlan()
			plan.Path, plan.Rounds, plan.Turn, plan.Peers = path, 1, 20*time.Millisecond, []string{"kernel"}
			report, err := Run(t.Context(), plan, func(bench.Progress) {})
			require.NoError(t, err)
			require.Empty(t, report.Failed)
			for _, s := range steps {
				for _, m := range s.measures {
					for _, c := range report.Contenders {
						x := report.result(m.Name, c.Contender)
						if applies := strings.HasPrefix(m.Name, "get-") == (path == "endpoint"); applies != (x != nil) {
							t.Errorf("%s of %s: measured: %v, want %v", m.Name, c.Contender, x != nil, applies)
						}
						if x != nil && x.Spread.Median <= 0 && m.Name != "lossless" && x.Unit != "s/GB" && x.Unit != "s/Mp" { // those may be too small to see
							t.Errorf("%s of %s: %g", m.Name, c.Contender, x.Spread.Median)
						}
					}
				}
			}
			for _, draw := range []func(*strings.Builder) error{func(b *strings.Builder) error { return report.Plot(b) }, func(b *strings.Builder) error { return report.CSV(b) }} {
				var b strings.Builder
				require.NoError(t, draw(&b))
				require.Contains(t, b.String(), "kernel")
			}
			require.Eventually(t, func() bool { return children(t) == 0 && descriptors(t) <= before+2 }, time.Minute, 10*time.Millisecond, "left: %d processes, %d files, %d before", children(t), descriptors(t), before)
		})
	}
}

func TestARunThatIsStoppedLeavesNothing(t *testing.T) {
	nstest.RequireTAP(t)
	ctx, cancel := context.WithCancel(t.Context())
	plan := DefaultPlan()
	plan.Peers, plan.Turn = []string{"kernel"}, time.Minute
	_, err := Run(ctx, plan, func(p bench.Progress) {
		if strings.HasPrefix(p.What, "round 1") {
			time.AfterFunc(50*time.Millisecond, cancel) // in the middle of a minute
		}
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Eventually(t, func() bool { return children(t) == 0 }, time.Minute, 10*time.Millisecond)
}

// descriptors is how many files this process has open, namespaces included.
func descriptors(t *testing.T) int {
	all, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(all)
}

// children is how many processes have this one as their parent.
func children(t *testing.T) (n int) {
	files, err := filepath.Glob("/proc/self/task/*/children")
	require.NoError(t, err)
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err == nil { // else the thread has ended
			n += len(strings.Fields(string(text)))
		}
	}
	return n
}
