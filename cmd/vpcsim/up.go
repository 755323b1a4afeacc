package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"vpcsim/dataplane"
	"vpcsim/dataplane/port"
	"vpcsim/internal/control"
	"vpcsim/topology"
	"vpcsim/topology/host"
)

// A lab is started by a process outside, which takes the lab's place (labs.go), and lived in by a process inside, which is
// this very command again, confined. The one inside inherits two descriptors: the lock, and a pipe on which it reports
// once, when the lab is ready or why it will never be. In the background or not makes no other difference than that the
// one outside leaves after that report, or stays.

const (
	lockFD   = 3
	reportFD = 4

	placeVariable = "VPCSIM_LAB" // the directory of the lab, for the process inside

	readyLimit = 60 * time.Second // for a lab to be ready
)

// readiness is the report of the process inside.
type readiness struct {
	Error    string          `json:"Error,omitempty"`
	Code     int             `json:"Code,omitempty"`
	Problems topology.Errors `json:"Problems,omitempty"` // Error in detail
	What     string          `json:"What,omitempty"`     // Error in detail: what the machine can't
	Cure     string          `json:"Cure,omitempty"`
}

type upOptions struct {
	labFlags
	topo, name    string
	detach        bool
	metrics       string // where Prometheus asks; empty for nowhere
	metricsPublic bool
}

func (a *app) up() *cobra.Command {
	var o upOptions
	cmd := &cobra.Command{
		Use: "up [FILE|-]", Short: "start a standing lab", ValidArgsFunction: completeFiles, Args: cobra.MaximumNArgs(1),
		Long: "Builds the VPCs of a topology (of a scenario too: without its workloads and timeline) and keeps them until Ctrl-C or\n" +
			"vpcsim down; with -d in the background. Without FILE, the only *.vpc.yml of the folder. Nothing of a lab outlives its\n" +
			"processes: killing it is as good as ending it.",
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := find(argOr(args, o.topo))
			if err != nil {
				return err
			}
			return a.runUp(cmd.Context(), file, o)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.topo, "topo", "t", "", "topology file, - for standard input")
	f.StringVarP(&o.name, "name", "n", "", "name of the lab (default: the topology's name, or the file's)")
	f.BoolVarP(&o.detach, "detach", "d", false, "in the background; returns when the lab is ready")
	f.StringVar(&o.metrics, "metrics", "", "show counters to Prometheus at HOST:PORT or unix:PATH")
	f.BoolVar(&o.metricsPublic, "metrics-public", false, "also where other machines can ask")
	o.labFlags.add(cmd)
	return cmd
}

// labFlags say what a cut connection's ends experience, which connections are cut, and how long the router looks for packets.
type labFlags struct{ mode, scope, poll string }

func (l *labFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&l.mode, "mode", "natural", "what the ends of a cut connection experience: natural, silent or rst")
	cmd.Flags().StringVar(&l.scope, "scope", "s3", "what an endpoint's creation cuts: s3, or public-ip (the 2015 launch text read literally)")
	cmd.Flags().StringVar(&l.poll, "poll", "auto", "how long the router looks for more packets before it sleeps: auto (up to 50; what finds nothing takes a twentieth of the time, and as much as what finds packets), off, or microseconds")
}

// options reads them.
func (l *labFlags) options() (o control.Options, err error) {
	if o.Mode, err = dataplane.ParseMode(l.mode); err != nil {
		return o, usage("--%w", err)
	}
	if o.Scope, err = control.ParseScope(l.scope); err != nil {
		return o, usage("--%w", err)
	}
	if o.Poll, err = control.ParsePoll(l.poll); err != nil {
		return o, usage("--%w", err)
	}
	return o, nil
}

func (a *app) runUp(ctx context.Context, file string, o upOptions) error {
	options, err := o.options()
	if err != nil {
		return err
	}
	in, err := a.read(file)
	if host.Confined() {
		return a.live(ctx, in, err, options, o)
	}
	if err != nil {
		return err
	}
	p, err := placeOf(o.labName(in))
	if err != nil {
		return err
	}
	lock, err := p.take(false)
	if err != nil {
		return err
	}
	defer lock.Close()
	l := launch{app: a, place: p, lock: lock, in: in, up: o, record: record{Pid: os.Getpid(), PidNamespace: pidNamespace(), Started: time.Now(), File: in.name}}
	if err := l.record.write(lock); err != nil {
		return errors.Join(err, p.clear(lock))
	}
	if err = l.start(ctx); err != nil {
		err = errors.Join(err, p.clear(lock))
	}
	return err
}

// start listens for Prometheus, if asked to, and starts the lab.
func (l *launch) start(ctx context.Context) error {
	err := l.listen()
	switch {
	case err != nil:
	case l.up.detach:
		err = l.background(ctx)
	default:
		err = l.foreground()
	}
	if err != nil && l.metrics != nil {
		err = errors.Join(err, l.up.removeMetricsSocket())
	}
	return err
}

// labName is the name of the lab: what the user says, what the file says, or the file's own name.
func (o upOptions) labName(in *input) string {
	switch {
	case o.name != "":
		return o.name
	case in.network.Name != "":
		return in.network.Name
	}
	base := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(in.name), filepath.Ext(in.name)), ".vpc")
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '.' || r == ' ' {
			return '-'
		}
		return r
	}, base)
}

// launch is the start of a lab as seen from outside.
type launch struct {
	*app
	place
	lock    *os.File
	in      *input
	up      upOptions
	metrics *os.File // the listener of --metrics; else nil
	asked   string   // where, for people
	record  record
}

// options are those of the process inside; report is its end of the pipe.
func (l *launch) options(report *os.File) host.Options {
	o := l.in.options()
	o.ExtraFiles = []*os.File{l.lock, report}
	if l.metrics != nil {
		o.ExtraFiles = append(o.ExtraFiles, l.metrics)
	}
	o.Env = []string{placeVariable + "=" + l.dir}
	return o
}

// foreground stays until the lab has ended.
func (l *launch) foreground() error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	reported := make(chan error, 1)
	go func() {
		err := l.report(r)
		if err == nil {
			l.built()
		}
		reported <- err
	}()
	code, err := host.Confine(l.options(w))
	_ = w.Close() // the pipe's end, if there was no report
	reportErr := <-reported
	switch {
	case err != nil:
		return err
	case code == 0:
		return nil
	case reportErr != nil:
		return reportErr
	}
	return &exit{code: code}
}

// background leaves when the lab is ready.
func (l *launch) background(ctx context.Context) error {
	ctx, cancel := l.within(ctx, readyLimit)
	defer cancel()
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	log, err := os.OpenFile(l.log(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fileError(err)
	}
	defer log.Close()
	o := l.options(w)
	o.Stdout, o.Stderr = log, log
	process, err := host.Detach(o)
	_ = w.Close()
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = process.Kill() })()
	l.record.Pid = process.Pid
	err = errors.Join(l.record.write(l.lock), l.report(r))
	if err != nil {
		_ = process.Kill()
		_, _ = process.Wait()
		return errors.Join(ctx.Err(), err)
	}
	l.built()
	return nil
}

// report waits for the report of the process inside.
func (l *launch) report(from io.Reader) error {
	var r readiness
	if err := json.NewDecoder(from).Decode(&r); err != nil {
		text, _ := os.ReadFile(l.log())
		return &exit{exitMachine, fmt.Errorf("lab %s ended before it was ready\n%s", l.name, text)}
	}
	switch {
	case r.Problems != nil:
		return r.Problems
	case r.What != "":
		return &port.Unsupported{What: r.What, Cure: r.Cure}
	case r.Error != "":
		return &exit{r.Code, errors.New(r.Error)}
	}
	return nil
}

// built tells what was built.
func (l *launch) built() {
	l.warnOpen(l.in.network)
	if limit, err := host.NeighbourLimit(); err == nil {
		if warning := crowded(l.in.network, limit); warning != "" {
			l.say("%s", warning)
		}
	}
	d := control.Describe(l.in.network)
	err := l.print(d, func(w io.Writer) {
		fmt.Fprintf(w, "lab %s is up: %s\n\n", l.name, counts(l.in.network))
		instanceTable(w, d)
		if l.metrics != nil {
			fmt.Fprintf(w, "\nmetrics: %s\n", l.asked)
		}
		fmt.Fprintf(w, "\ntry: vpcsim shell -n %s %s\nend: vpcsim down -n %s\n", l.name, anyInstance(d), l.name)
	})
	if err != nil {
		l.say("lab %s is up, but: %v", l.name, err)
	}
}

// crowded warns if a network's instances may come to know more neighbours than the kernel has places for.
func crowded(n *topology.Network, limit int) string {
	inSubnet, all := map[*topology.Subnet]int{}, 0
	for _, v := range n.VPCs {
		for _, i := range v.Instances {
			for _, eni := range i.Interfaces {
				all += 2 * inSubnet[eni.Subnet] // it knows them, and they know it
				inSubnet[eni.Subnet]++
			}
		}
	}
	if all <= limit {
		return ""
	}
	return fmt.Sprintf("if all instances of each subnet talk to each other within a minute, they know %d neighbours, and the kernel has %d places: packets are then lost for a while, and only its log says so; %s",
		all, limit, host.RaiseNeighbours(all))
}

// live is the lab's whole life as seen from inside. inputErr is what was wrong with the input the second time.
func (a *app) live(ctx context.Context, in *input, inputErr error, o control.Options, up upOptions) error {
	dir := os.Getenv(placeVariable)
	if dir == "" {
		return usage("up cannot run inside another lab")
	}
	_ = os.Unsetenv(placeVariable)
	p := place{name: filepath.Base(dir), dir: dir}
	unix.CloseOnExec(lockFD)
	unix.CloseOnExec(reportFD)
	if up.metrics != "" {
		unix.CloseOnExec(metricsFD)
	}
	lock, report := os.NewFile(lockFD, "lock"), os.NewFile(reportFD, "report")
	err := inputErr
	if err == nil {
		err = a.confine(host.Options{})
	}
	if err == nil {
		err = a.hold(ctx, p, lock, in, o, up, report)
	}
	if err != nil {
		_ = json.NewEncoder(report).Encode(failed(err)) // nobody reads it any more if the lab was ready
	}
	return errors.Join(err, p.clear(lock))
}

// hold builds the lab and holds it until a signal, or until a client asks for its end.
func (a *app) hold(ctx context.Context, p place, lock *os.File, in *input, o control.Options, up upOptions, report *os.File) (err error) {
	lab, err := control.Start(in.spec, in.topology(), o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lab.Close()) }()
	server, err := control.Serve(lab, p.socket())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	stop, err := up.serveMetrics(lab)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	if err := json.NewEncoder(report).Encode(readiness{}); err != nil {
		return fmt.Errorf("telling that the lab is ready: %w", err)
	}
	_ = report.Close()
	a.say("lab %s is ready", p.name)
	select {
	case <-ctx.Done():
	case <-server.Down():
	case <-p.lost(lock):
		a.say("%s was removed: nobody can reach the lab any more", p.lock())
	}
	a.say("lab %s ends", p.name)
	return nil
}

// lost returns a channel that is closed when the lock file's name no longer leads to the lock that we hold, as when the
// user's runtime directory is removed at logout.
func (p place) lost(lock *os.File) <-chan struct{} {
	const look = time.Second
	lost := make(chan struct{})
	go func() {
		defer close(lost)
		for p.isLock(lock) {
			time.Sleep(look)
		}
	}()
	return lost
}

// failed puts an error into the report.
func failed(err error) readiness {
	r := readiness{Error: err.Error(), Code: codeOf(err)}
	var machine *port.Unsupported
	if errors.As(err, &machine) {
		r.What, r.Cure = machine.What, machine.Cure
	}
	_ = errors.As(err, &r.Problems)
	return r
}
