package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vpcsim/bench"
)

// lookupFlags are what a run is made of that a plan is not.
type lookupFlags struct {
	quick, peers bool
	results
	source string // the tree that the peers are built from
}

// lookupHelp is what vpcsim bench lookup --help says first.
const lookupHelp = `Measures longest-prefix match. Contenders take turns, in an order that rotates, and the medians of their rounds are told, with their
spread; all answers are checked, one by one, against a slow obvious model.

Tables:  %s, all generated;
         --table reads a file of prefixes, or an MRT dump of RouteViews or RIPE RIS, either of them also .gz or .bz2
Keys:    in-table, uniform, zipf, trace:FILE (the destinations of a pcap or pcapng file), fixed (one address: a trap)

--peers measures libraries in Go and, where libdpdk-dev is installed, DPDK's tables in the same process and the same rounds. They are
built from this program's source tree, by Go. Who cannot take part is named, with the cure. The exit code is 1 if an answer was wrong or, with --targets, a target was missed.`

const lookupExample = `  vpcsim bench lookup --quick
  vpcsim bench lookup --tables vpc-30,bgp4 --keys in-table,uniform --peers --plot lookup.svg
  vpcsim bench lookup --peers --targets
  vpcsim bench lookup --table rib.20260822.0000.bz2 --cores 1,2`

func (a *app) benchLookup() *cobra.Command {
	plan, f := bench.DefaultPlan(), lookupFlags{}
	cmd := &cobra.Command{
		Use: "lookup", Short: "route lookup: how fast, how big, how quickly built", Args: cobra.NoArgs,
		Long: fmt.Sprintf(lookupHelp, strings.Join(bench.TableNames(), " ")), Example: lookupExample,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(plan.Files) > 0 && !cmd.Flags().Changed("tables") {
				plan.Tables = nil
			}
			if f.quick {
				hasten(cmd, &plan)
			}
			if err := contradiction(cmd, plan, f); err != nil {
				return err
			}
			return a.measureLookup(cmd.Context(), plan, f)
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&plan.Tables, "tables", plan.Tables, "tables by name")
	flags.StringSliceVar(&plan.Files, "table", nil, "a table from a file, in place of those by name")
	flags.StringSliceVar(&plan.Keys, "keys", plan.Keys, "key sets")
	flags.IntSliceVar(&plan.Batches, "batch", plan.Batches, "addresses in a call, where a call takes many")
	flags.IntSliceVar(&plan.Cores, "cores", plan.Cores, "cores that look up at once")
	flags.IntVar(&plan.Rounds, "rounds", plan.Rounds, "rounds, in each of which every contender has a turn")
	flags.DurationVar(&plan.Turn, "duration", plan.Turn, "how long a turn lasts at least")
	flags.IntVar(&plan.Count, "count", plan.Count, "keys in a set; fewer than the default are learnt by the processor")
	flags.Uint64Var(&plan.Seed, "seed", plan.Seed, "what tables and keys are drawn from")
	flags.BoolVar(&plan.Updates, "updates", false, "change tables in place under a reader, too")
	flags.BoolVar(&plan.Targets, "targets", false, "judge the targets of docs/routing.md; chooses tables, keys, batches and cores")
	flags.BoolVar(&f.quick, "quick", false, "small tables, few keys and short rounds, for a first look")
	flags.BoolVar(&f.peers, "peers", false, "measure other implementations beside ours")
	flags.StringVar(&f.source, "source", "", "source tree of vpcsim, for --peers; else the one that this folder lies in")
	f.results.add(cmd)
	return cmd
}

// hasten makes the plan one for a first look, as far as the user has not said otherwise.
func hasten(cmd *cobra.Command, plan *bench.Plan) {
	asked := *plan
	plan.Hasten()
	for name, keep := range map[string]func(){
		"tables":   func() { plan.Tables = asked.Tables },
		"table":    func() { plan.Tables = asked.Tables },
		"keys":     func() { plan.Keys = asked.Keys },
		"rounds":   func() { plan.Rounds = asked.Rounds },
		"duration": func() { plan.Turn = asked.Turn },
		"count":    func() { plan.Count = asked.Count },
	} {
		if cmd.Flags().Changed(name) {
			keep()
		}
	}
}

// contradiction says which flags cannot be given together.
func contradiction(cmd *cobra.Command, plan bench.Plan, f lookupFlags) error {
	for _, name := range []string{"tables", "table", "keys", "batch", "cores", "updates"} {
		if plan.Targets && cmd.Flags().Changed(name) {
			return usage("--%s: --targets chooses tables, keys, batches and cores itself: leave one of both out", name)
		}
	}
	for _, name := range slices.Concat(plan.Files, plan.Keys) {
		if f.peers && strings.HasSuffix(name, "/dev/stdin") {
			return usage("%s: with --peers another program reads it: write it to a file", name)
		}
	}
	return nil
}

func (a *app) measureLookup(ctx context.Context, plan bench.Plan, f lookupFlags) error {
	if err := plan.Check(bench.CPUs()); err != nil {
		return usage("%w", err)
	}
	return measured(ctx, a, f.results, func(ctx context.Context, tell func(bench.Progress)) (*bench.Report, error) {
		if f.peers {
			return a.runPeers(ctx, plan, f.source, tell)
		}
		return bench.Run(ctx, plan, []bench.Maker{bench.Ours()}, tell)
	}, printLookup, func(r *bench.Report) (string, []string) { return "wrong", r.Wrong })
}
