package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"vpcsim/dataplane/port"
	"vpcsim/internal/control"
	"vpcsim/topology"
)

// The exit codes. A command that exec runs ends with its own.
const (
	exitFailed      = 1   // an expectation failed, a packet was dropped
	exitUsage       = 2   // bad usage or bad input; too little time is bad usage
	exitMachine     = 3   // this machine can't
	exitInterrupted = 130 // Ctrl-C, as in a shell
)

const rootHelp = `vpcsim runs Amazon VPCs on this machine, with real packets.

Reproduce   demo [NAME]            connections that break when an S3 endpoint's route appears
            run FILE               a scenario of your own: topology, timeline, expectations
Check       validate FILE          every error of a file, with its line
            trace --from --to      what would become of a packet, step by step; graph: a picture
            probe                  who reaches whom, by real packets and by trace
            plan --endpoint s3     what a change would do to live connections
            schema                 JSON schema of the files
Account     import aws DIR -o FILE a topology from a real account; import terraform plan.json
            collect                the script that gathers its dump, read-only
Standing    up [FILE] | down       start and end a lab
labs        exec INSTANCE -- CMD   run a command in an instance; shell INSTANCE for a shell
            inspect [WHAT]         the state now: vpcs routes sg acl nat endpoints flows …
            endpoint, route,       change gateway endpoints, routes and prefix lists, and see
            prefix-list            what it cuts
            events [--follow]      changes, and the flows they cut, as JSON lines
            top [--once]           busiest flows and interfaces, drops, NAT ports, live
Evidence    observe [-f --last N]  packets, what became of each, and by which rule
            capture [AT…] -w FILE  pcapng at any interface, filter or gateway, for Wireshark
            flowlogs [--follow]    VPC flow logs, as AWS writes them, to a file or the lab's S3
Measure     bench lookup           route lookup, side by side with peers; bench forward: packets
Machine     doctor                 what this machine can't do, and the cure
            version, completion

Common flags: -t/--topo FILE|-  -n/--name LAB  -o table|json|yaml  --json  --timeout  -q  -v
Exit codes: 0 ok, 1 an expectation failed, 2 bad usage or input, 3 this machine can't
Start with: vpcsim doctor && vpcsim demo. More: vpcsim VERB --help
`

// app is what all verbs share: the streams and the flags that every verb has.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	output  string // table, json or yaml
	json    bool   // short for -o json
	quiet   bool
	verbose bool
	timeout time.Duration
	began   time.Time
}

// exit ends the program with a code. err may be nil, if all has been said.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// usage is a mistake in the command line or in a file.
func usage(format string, args ...any) error {
	return &exit{exitUsage, fmt.Errorf(format, args...)}
}

// run is the program. It returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, began: time.Now()}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM, unix.SIGHUP)
	defer context.AfterFunc(ctx, stop)() // the second Ctrl-C ends the program at once
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	a.tell(err)
	return codeOf(err)
}

// root is the whole command line.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use: "vpcsim", Short: "run Amazon VPCs on this machine, with real packets",
		SilenceErrors: true, SilenceUsage: true, SuggestionsMinimumDistance: 2, Args: a.noVerb, Version: moduleVersion(),
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.checkFlags() },
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(flagError)
	help := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		if cmd == root {
			fmt.Fprint(a.stdout, rootHelp)
			return
		}
		help(cmd, args)
	})
	flags := root.PersistentFlags()
	flags.StringVarP(&a.output, "output", "o", "table", "table, json or yaml")
	flags.BoolVar(&a.json, "json", false, "short for -o json")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "no progress on standard error")
	flags.BoolVarP(&a.verbose, "verbose", "v", false, "more progress on standard error")
	flags.DurationVar(&a.timeout, "timeout", 0, "give up after this long, for example 30s")
	root.AddCommand(a.demo(), a.run(), a.validate(), a.trace(), a.probe(), a.plan(), a.schema(), a.up(), a.down(), a.exec(), a.shell(), a.inspect(), a.graph(),
		a.endpoint(), a.route(), a.prefixList(), a.events(), a.observe(), a.capture(), a.flowLogs(), a.top(), a.imports(), a.collect(), a.bench(), a.doctor(), a.version(),
		a.workload(), a.prober(), a.load())
	return root
}

// checkFlags judges the flags that every verb has.
func (a *app) checkFlags() error {
	if a.json {
		a.output = "json"
	}
	if a.output != "table" && a.output != "json" && a.output != "yaml" {
		return usage("-o %s: must be table, json or yaml", a.output)
	}
	if a.timeout < 0 {
		return usage("--timeout %s: must not be negative", a.timeout)
	}
	return nil
}

// within bounds a context by --timeout, or by a default if that is not given; 0 is no bound.
func (a *app) within(ctx context.Context, otherwise time.Duration) (context.Context, context.CancelFunc) {
	if a.timeout > 0 {
		otherwise = a.timeout
	}
	if otherwise == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, otherwise)
}

// noVerb says what is wrong with a word that is no verb.
func (a *app) noVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usage("unknown verb %q%s; see %s --help", args[0], didYouMean(cmd.SuggestionsFor(args[0])), cmd.CommandPath())
}

// flagError says what is wrong with a flag, and which was probably meant.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return usage("%w; see %s --help", err, cmd.CommandPath())
	}
	// cobra knows the nearest command to a word, so let it take the flags for commands.
	flags := &cobra.Command{SuggestionsMinimumDistance: 2}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		flags.AddCommand(&cobra.Command{Use: f.Name, Run: func(*cobra.Command, []string) {}})
	})
	var near []string
	for _, name := range flags.SuggestionsFor(unknown.GetSpecifiedName()) {
		near = append(near, "--"+name)
	}
	return usage("%w%s; see %s --help", err, didYouMean(near), cmd.CommandPath())
}

func didYouMean(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(words, " or ") + "?"
}

// tell writes an error for a person to standard error. The problems of a file come one on a line, each with its place.
func (a *app) tell(err error) {
	var code *exit
	if err == nil || errors.As(err, &code) && code.err == nil || errors.Is(err, context.Canceled) {
		return
	}
	var machine *port.Unsupported
	switch {
	case errors.As(err, new(topology.Errors)):
		fmt.Fprintln(a.stderr, err)
	case errors.As(err, &machine):
		fmt.Fprintf(a.stderr, "vpcsim: this machine can't: %s\ncure: %s\n", machine.What, machine.Cure)
	case errors.Is(err, context.DeadlineExceeded):
		fmt.Fprintln(a.stderr, "vpcsim: not done within the time limit:", err)
	default:
		fmt.Fprintln(a.stderr, "vpcsim:", err)
	}
}

// codeOf is the exit code for an error.
func codeOf(err error) int {
	var code *exit
	var refused *control.Refused
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return code.code
	case errors.As(err, new(*port.Unsupported)):
		return exitMachine
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &refused) && refused.Code != 0:
		return refused.Code
	}
	return exitUsage
}
