package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vpcsim/bench"
	"vpcsim/bench/soak"
	"vpcsim/topology/host"
)

const soakHelp = `Keeps a lab busy and looks whether it stays as it was. Numbered datagrams go on three paths at once: between two subnets, over the internet
gateway, and through a NAT gateway. All features are on, and route tables change all the time: in turns one that datagrams go by, and one that no
subnet has. Without --rate the lab is flooded for a second, and the rate is nine tenths of what arrived.

Every datagram must arrive or be counted as dropped, none may overtake another of its flow or be damaged, no commit may cut a flow, memory,
goroutines and threads must not grow, and the garbage collector must not stop the lab for more than a millisecond.
The exit code is 1 if one of it did not hold.`

func (a *app) benchSoak() *cobra.Command {
	plan, quick := soak.DefaultPlan(), false
	cmd := &cobra.Command{
		Use: "soak", Short: "a busy lab for long: loss, order, memory, pauses, while routes change", Args: cobra.NoArgs,
		Long: soakHelp, Example: "  vpcsim bench soak --quick\n  vpcsim bench soak --duration 10m\n  vpcsim bench soak --duration 1h --rate 50000 --commit-every 10ms",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if quick && !cmd.Flags().Changed("duration") {
				plan.Duration = 5 * time.Second
			}
			return a.measureSoak(cmd.Context(), plan)
		},
	}
	flags := cmd.Flags()
	flags.DurationVar(&plan.Duration, "duration", plan.Duration, "how long")
	flags.DurationVar(&plan.Commit, "commit-every", plan.Commit, "time from one change of a route table to the next")
	flags.Float64Var(&plan.Rate, "rate", plan.Rate, "datagrams in a second, on all paths together (default near what the machine can carry)")
	flags.IntVar(&plan.Flows, "flows", plan.Flows, "flows on each path")
	flags.BoolVar(&quick, "quick", false, "five seconds, for a first look")
	return cmd
}

func (a *app) measureSoak(ctx context.Context, plan soak.Plan) error {
	if err := plan.Check(); err != nil {
		return usage("%w", err)
	}
	if err := a.confine(host.Options{}); err != nil {
		return err
	}
	report, err := watched(ctx, a, func(ctx context.Context, tell func(bench.Progress)) (*soak.Report, error) {
		return soak.Run(ctx, plan, tell)
	})
	if err != nil {
		return err
	}
	return conclude(a, report, printSoak, "")
}

func printSoak(w io.Writer, r *soak.Report) {
	printEnvironment(w, r.Environment)
	row(w, "PART", "TOOK", "SENT", "PER SECOND", "RECEIVED", "DROPPED", "BY")
	if r.Flood != nil {
		printAccount(w, "flood", r.Flood)
	}
	printAccount(w, "soak", &r.Run)
	fmt.Fprintln(w)
	row(w, "CASE", "TARGET", "GOT", "VERDICT")
	for _, v := range r.Verdicts {
		row(w, v.Case, v.Target, v.Got, v.Verdict)
	}
	fmt.Fprintln(w)
	for _, n := range r.Notes {
		fmt.Fprintln(w, "note:", n)
	}
	printWarnings(w, r.Warnings)
}

func printAccount(w io.Writer, part string, a *soak.Account) {
	names := slices.SortedFunc(maps.Keys(a.Dropped), func(x, y string) int { return cmp.Or(cmp.Compare(a.Dropped[y], a.Dropped[x]), cmp.Compare(x, y)) })
	for i, name := range names {
		names[i] = fmt.Sprintf("%d %s", a.Dropped[name], name)
	}
	row(w, part, a.Took.Round(time.Millisecond).String(), strconv.FormatInt(a.Sent, 10), fmt.Sprintf("%.0f", float64(a.Sent)/a.Took.Seconds()),
		strconv.FormatInt(a.Received, 10), fmt.Sprintf("%d (%.3f %%)", a.Lost(), 100*float64(a.Lost())/float64(max(1, a.Sent))), cmp.Or(strings.Join(names, ", "), "-"))
}
