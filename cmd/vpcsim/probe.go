package main

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"vpcsim/internal/control"
	"vpcsim/internal/prober"
	"vpcsim/internal/survey"
	"vpcsim/topology"
)

// ownSocket is where a lab is reached that is built for a survey alone. The name is abstract (unix(7)): it is known in the
// network namespace of this process and nowhere else, and leaves nothing behind.
const ownSocket = "@vpcsim"

const probeHelp = "Pings, and opens TCP connections, from every instance to every other one's primary private IPv4 address, to interface\n" +
	"endpoints, internet hosts and S3, with real packets, and compares the answers (of pings the time to live, too) with what\n" +
	"vpcsim trace says of the same packets. Probers listen on the ports meanwhile; a connection that is refused was answered.\n\n" +
	"With -t it builds a lab and takes it down again; if the file has no internet host, it adds one. With -n it asks a standing lab.\n" +
	"Without either it asks the only running lab, or else builds the only *.vpc.yml of the folder.\n" +
	"Without --icmp and --tcp it asks both, and of TCP port 443, which S3 answers too; with one of them that alone.\n\n" +
	"Exit code: 0 if all is as the trace says, 1 if one answer is not."

type probeOptions struct {
	topo, name string
	icmp       bool
	ports      []uint
	wait       time.Duration
	parallel   int
}

func (a *app) probe() *cobra.Command {
	var o probeOptions
	cmd := &cobra.Command{
		Use: "probe", Short: "ask with real packets who reaches whom, and compare with traces", Long: probeHelp, Args: cobra.NoArgs,
		Example: "  vpcsim probe -t lab.vpc.yml\n  vpcsim probe -n lab --tcp 22,80,443 --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("icmp") && !cmd.Flags().Changed("tcp") {
				o.icmp, o.ports = true, []uint{443}
			}
			return a.runProbe(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.icmp, "icmp", false, "ping")
	f.UintSliceVar(&o.ports, "tcp", nil, "open connections to these ports, for example 22,80,443")
	f.DurationVar(&o.wait, "wait", survey.DefaultWait, "how long to wait for an answer")
	f.IntVar(&o.parallel, "parallel", survey.DefaultParallel, "how many questions to ask at a time that are answered; of those that are not, many times more")
	f.StringVarP(&o.topo, "topo", "t", "", "topology file, - for standard input")
	labFlag(cmd, &o.name)
	cmd.MarkFlagsMutuallyExclusive("topo", "name")
	return cmd
}

// options checks what was given on the command line.
func (o probeOptions) options(a *app) (survey.Options, error) {
	executable, err := os.Executable()
	s := survey.Options{ICMP: o.icmp, Wait: o.wait, Parallel: o.parallel, Executable: executable, Env: os.Environ(), Say: a.say}
	for _, p := range o.ports {
		if p == 0 || p > 65535 {
			return s, usage("--tcp %d: ports are from 1 to 65535", p)
		}
		s.Ports = append(s.Ports, uint16(p))
	}
	switch {
	case !s.ICMP && len(s.Ports) == 0:
		return s, usage("nothing to ask: give --icmp, or --tcp with ports")
	case s.Wait <= 0:
		return s, usage("--wait %s: must be positive", s.Wait)
	case s.Parallel <= 0:
		return s, usage("--parallel %d: must be positive", s.Parallel)
	}
	return s, err
}

func (a *app) runProbe(ctx context.Context, o probeOptions) error {
	options, err := o.options(a)
	if err != nil {
		return err
	}
	if running, _ := running(); o.name != "" || o.topo == "" && len(running) == 1 {
		client, err := a.client(o.name)
		if err != nil {
			return err
		}
		return a.survey(ctx, client, options)
	}
	file, err := findInstead(o.topo)
	if err != nil {
		return err
	}
	in, err := a.read(file)
	if err != nil {
		return err
	}
	if err := a.confine(in.options()); err != nil {
		return err
	}
	return a.surveyOwn(ctx, in, options)
}

// surveyOwn builds a lab and surveys it.
func (a *app) surveyOwn(ctx context.Context, in *input, o survey.Options) (err error) {
	a.addInternet(in)
	lab, err := control.Start(in.spec, in.topology(), control.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lab.Close()) }()
	server, err := control.Serve(lab, ownSocket)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	return a.survey(ctx, control.Client{Socket: ownSocket}, o)
}

// addInternet gives a topology without internet hosts one, so that there is somebody to ask out there.
func (a *app) addInternet(in *input) {
	if len(in.spec.Internet.Hosts) > 0 {
		return
	}
	const address = "203.0.113.1" // RFC 5737
	spec := in.spec.Clone()
	spec.Internet.Hosts = map[string]topology.HostSpec{"internet": {Address: address}}
	if _, err := topology.Resolve(spec, nil); err != nil {
		a.say("%s has no internet hosts, and none could be added: nothing is asked of the internet: %v", in.name, err)
		return
	}
	a.say("%s has no internet hosts: added one, internet, with the address %s", in.name, address)
	in.spec = spec
}

// survey surveys a lab and prints what was found; it is an exit with 1 if packets and traces differ.
func (a *app) survey(ctx context.Context, lab control.Client, o survey.Options) error {
	ctx, cancel := a.within(ctx, 0)
	defer cancel()
	began := time.Now()
	report, err := survey.Run(ctx, lab, o)
	if err != nil {
		return err
	}
	a.say("%d questions asked in %.1f s", len(report.Findings), time.Since(began).Seconds())
	if err := a.print(report, func(w io.Writer) { _ = report.Table(w) }); err != nil {
		return err
	}
	if report.Differ > 0 {
		return &exit{code: exitFailed}
	}
	return nil
}

// prober is the program that surveys run in instances. It is not for users.
func (a *app) prober() *cobra.Command {
	return &cobra.Command{
		Use: "prober", Hidden: true, DisableFlagParsing: true,
		RunE: func(*cobra.Command, []string) error {
			if code := prober.Main(a.stdin, a.stdout, a.stderr); code != 0 {
				return &exit{code: code}
			}
			return nil
		},
	}
}
