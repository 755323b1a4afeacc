package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"vpcsim/internal/scenario"
	"vpcsim/topology"
	"vpcsim/topology/host"
)

// player is what demo and run have in common.
type player struct {
	*app
	labFlags
	pcap     string
	folder   string // of --report
	flowLogs string
	dryRun   bool
}

func (a *app) run() *cobra.Command {
	p := player{app: a}
	cmd := &cobra.Command{
		Use: "run FILE|-", Short: "run a scenario: a topology, a timeline and expectations", Args: cobra.ExactArgs(1), ValidArgsFunction: completeFiles,
		Long: "Builds the VPCs of a scenario, plays its timeline with real connections, and judges its expectations.\n" +
			"Exit code: 0 if all of them held, 1 if one did not, 2 if --timeout ended it, 130 after Ctrl-C.",
		RunE: func(cmd *cobra.Command, args []string) error {
			in, err := a.read(args[0])
			if err != nil {
				return err
			}
			if in.scenario == nil {
				return usage("%s: is a topology, not a scenario: it has no timeline; to start it as a lab: vpcsim up %s", in.name, in.name)
			}
			return p.play(cmd.Context(), in.scenario, in.source, in.options())
		},
	}
	p.flags(cmd)
	return cmd
}

func (p *player) flags(cmd *cobra.Command) {
	p.labFlags.add(cmd)
	cmd.Flags().StringVar(&p.pcap, "pcap", "", "record all packets to this file (pcapng)")
	cmd.Flags().StringVar(&p.folder, "report", "", "write a report to this folder: index.html, report.json, packets.pcapng, flowlogs.log.gz")
	cmd.Flags().StringVar(&p.flowLogs, "flowlogs", "", "write VPC flow logs to this file (.gz and .parquet are what they say), with the fields of versions 2 to 5")
	cmd.MarkFlagsMutuallyExclusive("pcap", "report")
	cmd.MarkFlagsMutuallyExclusive("flowlogs", "report")
	cmd.Flags().BoolVar(&p.dryRun, "dry-run", false, "only check that the scenario could be played")
}

// play runs a scenario that has been checked.
func (p *player) play(ctx context.Context, f *scenario.File, source *topology.Source, confined host.Options) error {
	o, err := p.options()
	if err != nil {
		return err
	}
	if p.dryRun {
		_, err := fmt.Fprintf(p.stdout, "scenario %s could be played; nothing was done\n", f.Name)
		return err
	}
	files, err := p.open()
	if err != nil {
		return err
	}
	if err := p.confine(confined); err != nil {
		return err
	}
	executable, err := os.Executable()
	if err != nil {
		return err
	}
	ctx, cancel := p.within(ctx, 0)
	defer cancel()
	recorder := files.recorder()
	played, err := scenario.Run(ctx, f, source, scenario.Options{
		Mode: o.Mode, Scope: o.Scope, Poll: o.Poll, Recorder: recorder, Executable: executable, Say: p.sayAt, FlowLogs: files.logs,
	})
	err = errors.Join(err, files.endLogs())
	if err == nil && p.folder != "" {
		err = p.write(played)
	}
	if err != nil {
		return unplayed(errors.Join(err, recorder.Close()))
	}
	err = p.report(played)
	if unwritten := recorder.Close(); unwritten != nil { // which no packet has noticed
		err = &exit{exitMachine, fmt.Errorf("%s: %w", p.pcap, unwritten)}
	}
	return err
}

// unplayed gives an error that kept a checked scenario from being played its exit code: it is not the file's fault.
func unplayed(err error) error {
	if errors.As(err, new(topology.Errors)) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &exit{exitMachine, err}
}

func (p *player) report(r *scenario.Report) error {
	err := p.print(r, func(w io.Writer) { fmt.Fprint(w, r.Summary()) })
	if err == nil && !r.Passed {
		err = &exit{code: exitFailed}
	}
	return err
}
