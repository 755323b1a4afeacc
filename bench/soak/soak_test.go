package soak

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/bench"
	"vpcsim/bench/load"
	"vpcsim/dataplane/drop"
	"vpcsim/internal/control"
	"vpcsim/internal/nstest"
	"vpcsim/topology"
)

// TestMain makes this test's own executable the program of package load, as cmd/vpcsim is.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "load" {
		os.Exit(load.Main(os.Args[2:], os.Stdin, os.Stdout, os.Stderr))
	}
	nstest.Main(m)
}

func TestNothingIsLostUncountedAndNothingOvertakes(t *testing.T) {
	nstest.RequireTAP(t)
	plan := Plan{Duration: time.Second, Commit: 10 * time.Millisecond, Flows: 5} // and a flood before, of which most is dropped
	report, err := Run(t.Context(), plan, func(bench.Progress) {})
	require.NoError(t, err)
	for _, a := range report.accounts() {
		t.Logf("%s: %+v", a.name, *a.Account)
		if a.Unaccounted > 0 || -a.Unaccounted > a.others() || a.Disordered != 0 || a.Damaged != 0 {
			t.Errorf("%s: %d uncounted, %d out of order, %d damaged", a.name, a.Unaccounted, a.Disordered, a.Damaged)
		}
		if a.Received == 0 || a.Flows != plan.Flows*len(paths) {
			t.Errorf("%s: %d received of %d flows, want some of %d", a.name, a.Received, a.Flows, plan.Flows*len(paths))
		}
	}
	if c := report.Commits; c.Made == 0 || c.Cut != 0 || c.Max <= 0 || c.Max < c.Median {
		t.Errorf("commits: %+v", c)
	}
	if len(report.Samples) == 0 || report.Samples[0].MemoryKiB <= 0 || report.Samples[0].Goroutines <= 0 || report.Samples[0].Threads <= 0 {
		t.Errorf("samples: %+v", report.Samples)
	}
}

func TestWhatTheRouterDropsIsInTheAccount(t *testing.T) {
	nstest.RequireTAP(t)
	r := &runner{plan: Plan{Flows: 2}, tell: func(bench.Progress) {}, checks: map[string]*load.Checking{}, report: &Report{}}
	defer func() { require.NoError(t, r.close()) }()
	require.NoError(t, r.start())
	_, err := r.lab.Change(control.Change{SecurityGroupRules: &control.SecurityGroupRules{SecurityGroup: "all", Egress: []topology.RuleSpec{}}})
	require.NoError(t, err)
	a, err := r.carry(t.Context(), 3000, 100*time.Millisecond)
	require.NoError(t, err)
	if a.Received != 0 || a.Dropped["router: "+drop.SecurityGroupEmpty.String()] == 0 || a.Unaccounted != 0 {
		t.Errorf("%+v, want all to be dropped by the security group", a)
	}
}

func TestARunIsStopped(t *testing.T) {
	nstest.RequireTAP(t)
	ctx, cancel := context.WithCancel(t.Context())
	plan := DefaultPlan()
	plan.Rate = 100
	_, err := Run(ctx, plan, func(p bench.Progress) {
		if p.Part > 0 {
			cancel()
		}
	})
	require.ErrorIs(t, err, context.Canceled)
}

func TestPlansAreCheckedAsAWhole(t *testing.T) {
	err := (&Plan{Rate: -1}).Check()
	for _, want := range []string{"duration 0s:", "commit-every 0s:", "rate -1:", "flows 0:"} {
		require.ErrorContains(t, err, want)
	}
	sound := DefaultPlan()
	require.NoError(t, sound.Check())
}

func TestVerdicts(t *testing.T) {
	sound := func() *Report {
		r := &Report{Plan: DefaultPlan(), Run: Account{Sent: 100, Received: 90, Dropped: map[string]int64{"app: eth0 queue full": 10}}, Commits: Commits{Due: 100, Made: 95}}
		slope := Slope{PerMinute: 29, Error: 10, Rise: 1000, Mean: 20_000}
		r.MemorySlope, r.MemoryHalves, r.GC.Max = slope, [2]Slope{slope, slope}, time.Millisecond
		r.Samples = []Sample{{Goroutines: 9, Threads: 7}, {Goroutines: 8, Threads: 5}, {Goroutines: 8, Threads: 9}, {Goroutines: 8, Threads: 5}}
		return r
	}
	for name, row := range map[string]struct {
		spoil func(*Report)
		want  string // the case that is missed; empty for none
	}{
		"all is well, though some are counted as dropped, and threads come and go": {func(*Report) {}, ""},
		"a datagram is missing":                    {func(r *Report) { r.Run.Unaccounted = 1 }, "loss, soak"},
		"one was missing in the flood":             {func(r *Report) { r.Flood = &Account{Unaccounted: 1} }, "loss, flood"},
		"a kernel's ARP was dropped, too":          {func(r *Report) { r.Run.Unaccounted = -1 }, ""},
		"more were counted than were sent":         {func(r *Report) { r.Run.Unaccounted = -4 }, "loss, soak"},
		"one overtook another":                     {func(r *Report) { r.Run.Disordered = 1 }, "order, soak"},
		"one was damaged":                          {func(r *Report) { r.Run.Damaged = 1 }, "contents, soak"},
		"commits were late":                        {func(r *Report) { r.Commits.Made = 94 }, "commits"},
		"a commit cut a flow":                      {func(r *Report) { r.Commits.Cut = 1 }, "flows"},
		"memory grows, beyond its noise":           {func(r *Report) { r.grows(31, 31) }, "memory"},
		"memory grows once, which is no leak":      {func(r *Report) { r.grows(31, 0) }, ""},
		"memory grows once, late":                  {func(r *Report) { r.grows(0, 31) }, ""},
		"memory grows surely, but next to nothing": {func(r *Report) { r.MemorySlope = Slope{PerMinute: 10, Error: 1, Rise: 100, Mean: 20_000} }, ""},
		"memory shrinks":                           {func(r *Report) { r.MemorySlope.PerMinute = -100 }, ""},
		"the collector stops the lab for too long": {func(r *Report) { r.GC.Max++ }, "GC pauses"},
		"a goroutine stays":                        {func(r *Report) { r.Samples[2].Goroutines, r.Samples[3].Goroutines = 9, 9 }, "goroutines"},
		"two threads more, of the runtime":         {func(r *Report) { r.Samples[2].Threads, r.Samples[3].Threads = 7, 7 }, ""},
		"threads stay":                             {func(r *Report) { r.Samples[2].Threads, r.Samples[3].Threads = 8, 8 }, "threads"},
	} {
		r := sound()
		row.spoil(r)
		r.judge()
		var missed []string
		for _, v := range r.Verdicts {
			if v.Verdict == bench.Missed {
				missed = append(missed, v.Case)
			}
		}
		if got := strings.Join(missed, "; "); got != row.want || r.Missed() != (row.want != "") {
			t.Errorf("%s: missed %q, want %q", name, got, row.want)
		}
	}
}

// grows has memory grow by so much in the two halves, and in all.
func (r *Report) grows(first, second float64) {
	r.MemorySlope.PerMinute = 31
	r.MemoryHalves[0].PerMinute, r.MemoryHalves[1].PerMinute = first, second
}

func TestTheSlopeOfALine(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	draw := func(rise float64, noise func() float64) Slope {
		var x, y []float64
		for i := range 1000 {
			x, y = append(x, float64(i)/100), append(y, 500+rise*float64(i)/100+noise())
		}
		return fit(x, y)
	}
	exact := draw(3, func() float64 { return 0 })
	if math.Abs(exact.PerMinute-3) > 1e-9 || exact.Error > 1e-9 || math.Abs(exact.Rise-3*9.99) > 1e-6 {
		t.Errorf("a line that rises by 3: %+v", exact)
	}
	walk := 0.0
	for name, noise := range map[string]func() float64{
		"independent noise":                     random.NormFloat64,
		"noise that is much like what was last": func() float64 { walk = 0.9*walk + random.NormFloat64(); return walk },
	} {
		beyond := 0
		for range 200 {
			if s := draw(0, noise); math.Abs(s.PerMinute) > 3*s.Error {
				beyond++
			}
		}
		if beyond > 6 { // of which 0.3 % should be, of 200
			t.Errorf("%s: %d of 200 slopes of nothing are more than three standard errors", name, beyond)
		}
	}
	if s := fit([]float64{1, 2}, []float64{1, 2}); s != (Slope{}) {
		t.Errorf("two samples: %+v", s)
	}
}

func TestPausesAreCountedFromOneReadingToTheNext(t *testing.T) {
	before := readPauses()
	for range 3 {
		runtime.GC()
	}
	p := readPauses().since(before)
	if p.Collections < 3 || p.Count < 3 || p.Median <= 0 || p.P99 < p.Median || p.Max < p.P99 || p.Stopping > p.Max {
		t.Errorf("%+v", p)
	}
	if none := before.since(before); none != (Pauses{}) {
		t.Errorf("of no time at all: %+v", none)
	}
}
