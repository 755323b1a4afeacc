package main

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"vpcsim/bench"
	"vpcsim/bench/scale"
	"vpcsim/topology/host"
)

func (a *app) benchScale() *cobra.Command {
	plan, quick := scale.DefaultPlan(), false
	cmd := &cobra.Command{
		Use: "scale", Short: "labs of many instances: start, stop, memory, idle processor time, pings", Args: cobra.NoArgs,
		Long: "Starts labs with many instances on one router, lets them idle, has some ping others, and stops them.\n" +
			"There are two instances in each subnet: a kernel keeps a thousand neighbours of all namespaces together, and those of a subnet are each other's.\n" +
			"Memory and processor time are those of the process that is the router; what the kernel takes is not counted.\n" +
			"The exit code is 1 if a ping was not answered, even when asked twice.",
		Example: "  vpcsim bench scale --quick\n  vpcsim bench scale --instances 1000 --sources 0 --rounds 1",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if quick {
				asked := plan
				plan.Hasten()
				for name, keep := range map[string]func(){
					"instances": func() { plan.Sizes = asked.Sizes }, "sources": func() { plan.Sources = asked.Sources },
					"rounds": func() { plan.Rounds = asked.Rounds }, "idle": func() { plan.Idle = asked.Idle },
				} {
					if cmd.Flags().Changed(name) {
						keep()
					}
				}
			}
			return a.measureScale(cmd.Context(), plan)
		},
	}
	flags := cmd.Flags()
	flags.IntSliceVar(&plan.Sizes, "instances", plan.Sizes, "numbers of instances")
	flags.IntVar(&plan.Sources, "sources", plan.Sources, "how many instances ping all others; 0 for all of them")
	flags.IntVar(&plan.Rounds, "rounds", plan.Rounds, "rounds, in each of which every number has a turn")
	flags.DurationVar(&plan.Idle, "idle", plan.Idle, "how long an idle lab is watched")
	flags.BoolVar(&quick, "quick", false, "small labs and one round, for a first look")
	return cmd
}

func (a *app) measureScale(ctx context.Context, plan scale.Plan) error {
	if err := plan.Check(); err != nil {
		return usage("%w", err)
	}
	if err := a.confine(host.Options{}); err != nil {
		return err
	}
	report, err := watched(ctx, a, func(ctx context.Context, tell func(bench.Progress)) (*scale.Report, error) {
		return scale.Run(ctx, plan, tell)
	})
	if err != nil {
		return err
	}
	return conclude(a, report, printScale, "")
}

func printScale(w io.Writer, r *scale.Report) {
	printEnvironment(w, r.Environment)
	row(w, "INSTANCES", "START", "STOP", "MEMORY EACH", "IDLE", "PINGS", "LOST", "TOOK", "ROUNDS")
	seconds := func(s bench.Spread) string {
		return fmt.Sprintf("%.2f s (%.2f to %.2f)", s.Median, s.Q1, s.Q3)
	}
	for _, x := range r.Results {
		row(w, strconv.Itoa(x.Instances), seconds(x.StartS), seconds(x.StopS), fmt.Sprintf("%.0f KiB", x.KiB.Median), fmt.Sprintf("%.2f %% of a core", x.IdleCPU.Median),
			strconv.FormatInt(x.Pings, 10), strconv.FormatInt(x.Lost, 10), seconds(x.PingS), strconv.Itoa(x.StartS.Rounds))
	}
	printWarnings(w, r.Warnings)
}
