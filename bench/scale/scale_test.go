package scale

import (
	"context"
	"os"
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

func TestLabsOfTwoSizes(t *testing.T) {
	nstest.RequireTAP(t)
	plan := Plan{Sizes: []int{3, 25}, Rounds: 2, Idle: 10 * time.Millisecond}
	report, err := Run(t.Context(), plan, func(bench.Progress) {})
	require.NoError(t, err)
	for range 2 { // the kernel's table of neighbours is one for all labs of the machine, and another may have filled it
		if report.Results[0].Lost+report.Results[1].Lost > 0 {
			report, err = Run(t.Context(), plan, func(bench.Progress) {})
			require.NoError(t, err)
		}
	}
	require.Len(t, report.Results, 2)
	for i, n := range plan.Sizes {
		r := report.Results[i]
		if r.Instances != n || r.StartS.Rounds != 2 || r.StartS.Median <= 0 || r.StopS.Median <= 0 || r.PingS.Median <= 0 {
			t.Errorf("%d instances: %+v", n, r)
		}
		if int(r.Pings) != n*(n-1) || r.Lost != 0 {
			t.Errorf("%d instances: %d pings, %d lost; want %d and none", n, r.Pings, r.Lost, n*(n-1))
		}
	}
}

func TestARunIsStopped(t *testing.T) {
	nstest.RequireTAP(t)
	ctx, cancel := context.WithCancel(t.Context())
	plan := Plan{Sizes: []int{3}, Sources: 1, Rounds: 1, Idle: time.Hour}
	_, err := Run(ctx, plan, func(bench.Progress) { time.AfterFunc(50*time.Millisecond, cancel) })
	require.ErrorIs(t, err, context.Canceled)
}

func TestPlansAreCheckedAsAWhole(t *testing.T) {
	err := (&Plan{Sizes: []int{1, 9999}, Sources: -1}).Check()
	for _, want := range []string{"instances 1:", "instances 9999:", "sources -1:", "rounds 0:", "idle 0s:"} {
		require.ErrorContains(t, err, want)
	}
	sound := DefaultPlan()
	require.NoError(t, sound.Check())
}
