package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vpcsim/bench"
	"vpcsim/bench/forward"
	"vpcsim/dataplane/port"
	"vpcsim/topology/host"
)

// forwardFlags are what a run is made of that a plan is not.
type forwardFlags struct {
	quick bool
	results
	source string // the tree that the peers in Go are built from
}

const forwardHelp = `Measures forwarding between two network namespaces: through a lab, through each peer, and over a cable with nobody in between,
which is the ceiling. All take turns in each round, in an order that rotates; the medians of the rounds are told, with their spread.

Paths:     local (two instances), igw (to the internet), nat (through a NAT gateway), endpoint (objects of S3 through a gateway endpoint)
Peers:     %s; all and none are taken, too
Measures:  %s

Peers that this machine lacks are named with how to get them. Those in Go are built from this program's source tree.
The exit code is 1 if something could not be measured or, with --targets, a target was missed.`

const forwardExample = `  vpcsim bench forward --quick
  vpcsim bench forward --path nat --peers kernel-nat --measures tcp-1,connections
  vpcsim bench forward --targets --plot forward.svg`

func (a *app) benchForward() *cobra.Command {
	plan, f := forward.DefaultPlan(), forwardFlags{}
	cmd := &cobra.Command{
		Use: "forward", Short: "forwarding: throughput, packets, latency, connections, processor time", Args: cobra.NoArgs,
		Long:    fmt.Sprintf(forwardHelp, strings.Join(forward.PeerNames(), ", "), strings.Join(forward.StepNames(), ", ")),
		Example: forwardExample,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.quick {
				asked := plan
				plan.Hasten()
				if cmd.Flags().Changed("rounds") {
					plan.Rounds = asked.Rounds
				}
				if cmd.Flags().Changed("duration") {
					plan.Turn = asked.Turn
				}
			}
			plan.Peers = namedPeers(plan.Peers)
			return a.measureForward(cmd.Context(), plan, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&plan.Path, "path", plan.Path, "path through the lab: "+strings.Join(forward.Paths(), ", "))
	flags.StringVar(&plan.Features, "features", plan.Features, "all: connections tracked, groups, ACLs and route tables with entries; none: as little of it as there can be")
	flags.StringSliceVar(&plan.Peers, "peers", plan.Peers, "peers by name, all or none")
	flags.StringSliceVar(&plan.Measures, "measures", nil, "what to measure (default all that the path has)")
	flags.IntVar(&plan.Rounds, "rounds", plan.Rounds, "rounds, in each of which every contender has a turn")
	flags.DurationVar(&plan.Turn, "duration", plan.Turn, "how long a turn lasts, roughly")
	flags.BoolVar(&plan.Targets, "targets", false, "judge the targets of docs/performance.md; chooses paths, features, peers and measures")
	flags.BoolVar(&f.quick, "quick", false, "few and short turns, for a first look")
	flags.StringVar(&f.source, "source", "", "source tree of vpcsim, for the peers in Go; else the one that this folder lies in")
	f.results.add(cmd)
	return cmd
}

// namedPeers spells all and none out.
func namedPeers(names []string) []string {
	switch {
	case slices.Equal(names, []string{"all"}):
		return forward.PeerNames()
	case slices.Equal(names, []string{"none"}):
		return nil
	}
	return names
}

// These tell the confined program where the peers in Go are, or why they are nowhere: they are built outside, where the module proxy is.
const (
	relayVariable   = "VPCSIM_RELAY"
	noRelayVariable = "VPCSIM_NO_RELAY"
)

func (a *app) measureForward(ctx context.Context, plan forward.Plan, f forwardFlags) error {
	if err := plan.Check(); err != nil {
		return usage("%w", err)
	}
	var options host.Options
	if !host.Confined() && plan.NeedsRelay() {
		dir, err := os.MkdirTemp("", "vpcsim-relay-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		variable, err := a.buildRelay(ctx, f.source, filepath.Join(dir, "relay"))
		if err != nil {
			return err
		}
		options.Env = append(options.Env, variable)
	}
	if err := a.confine(options); err != nil {
		return err
	}
	plan.Relay, plan.NoRelay = os.Getenv(relayVariable), os.Getenv(noRelayVariable)
	return measured(ctx, a, f.results, func(ctx context.Context, tell func(bench.Progress)) (*forward.Report, error) {
		return forward.Run(ctx, plan, tell)
	}, printForward, func(r *forward.Report) (string, []string) { return "not measured", r.Failed })
}

// buildRelay builds the peers in Go and returns the variable that says where they are. Where they cannot be built they are missing, and it says
// why; a source tree that was given and is none is an error.
func (a *app) buildRelay(ctx context.Context, source, program string) (variable string, err error) {
	a.say("building the peers in Go")
	tree, err := sourceTree(source)
	if err != nil && source != "" {
		return "", err
	}
	if err == nil {
		err = buildPeers(ctx, tree, "relay", program, false)
	}
	switch {
	case err == nil:
		return relayVariable + "=" + program, nil
	case ctx.Err() != nil:
		return "", ctx.Err()
	}
	a.say("the peers in Go are left out: %v", err)
	why := err.Error()
	if u, ok := errors.AsType[*port.Unsupported](err); ok {
		why = u.What
	}
	return noRelayVariable + "=" + strings.Join(strings.Fields(why), " "), nil
}
