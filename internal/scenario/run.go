package scenario

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"sync"
	"time"

	"vpcsim/dataplane"
	"vpcsim/dataplane/capture"
	"vpcsim/internal/control"
	"vpcsim/internal/flowlogs"
	"vpcsim/internal/monotonic"
	"vpcsim/internal/workload"
	"vpcsim/topology"
)

// Options configure a run.
type Options struct {
	Mode     dataplane.Mode
	Scope    control.Scope
	Poll     control.Poll
	Recorder *capture.Recorder
	FlowLogs flowlogs.Sink // takes the flow logs of all network interfaces, with the fields of versions 2 to 5; nil for none
	// Executable is our own program, which runs the workloads.
	Executable string
	// Say is told, line by line, what happens; since is the time since the scenario began. It is called by Run's own goroutine.
	// Nil says nothing.
	Say func(since time.Duration, line string)
}

// How long the timeline waits before it goes on without what it waited for. The report then tells what is missing.
const (
	settleLimit = time.Minute     // for a client to connect and move data, or to fail
	loseLimit   = time.Minute     // for a client to notice that its connection is lost
	proofLimit  = 8 * time.Second // for a client to move data after the last change
	stopLimit   = 5 * time.Second // for a workload to end in good order
	endLimit    = time.Minute     // for a command to end
)

// run is one run of a scenario.
type run struct {
	file    *File
	o       Options
	lab     *control.Lab
	began   time.Time
	origin  int64 // began, by the monotonic clock
	commits []Commit
	conns   map[string]*connection
	order   []string // of starting
	last    int64    // monotonic time of the last change
	extra   []Expectation
	group   sync.WaitGroup // one goroutine for each workload, ending with it
}

// Run plays the scenario in the calling process, which must be allowed to make network namespaces, and returns what it
// found. An error means that the scenario could not be played, not that an expectation failed.
func Run(ctx context.Context, f *File, src *topology.Source, o Options) (*Report, error) {
	if err := f.Check(src); err != nil {
		return nil, err
	}
	if o.Say == nil {
		o.Say = func(time.Duration, string) {}
	}
	r := &run{file: f, o: o, began: time.Now(), origin: monotonic.Now(), commits: []Commit{}, conns: map[string]*connection{}}
	lab, err := control.Start(&f.Topology, src.Under("topology"), control.Options{Mode: o.Mode, Scope: o.Scope, Poll: o.Poll, Recorder: o.Recorder})
	if err != nil {
		return nil, err
	}
	r.lab = lab
	logged, err := r.log()
	if err != nil {
		return nil, errors.Join(err, lab.Close())
	}
	r.say("the VPC is up: %s", describe(lab.Network()))
	err = r.play(ctx)
	var report *Report
	if err == nil {
		report = r.finish(ctx)
		err = ctx.Err() // what was cut short proves nothing
	}
	for _, name := range slices.Backward(r.order) { // clients before the servers they talk to
		r.stop(r.conns[name])
	}
	r.group.Wait()
	return report, errors.Join(err, logged(), lab.Close())
}

func (r *run) say(format string, args ...any) {
	r.o.Say(time.Since(r.began), fmt.Sprintf(format, args...))
}

func describe(n *topology.Network) string {
	instances, tables := 0, 0
	for _, v := range n.VPCs {
		instances += len(v.Instances)
		tables += len(v.RouteTables)
	}
	return fmt.Sprintf("%s, %d VPC, %d route tables, %d instances, S3 at %d CIDRs", n.Region, len(n.VPCs), tables, instances, len(n.S3.CIDRs))
}

func (r *run) play(ctx context.Context) error {
	for i, step := range r.file.Timeline {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.step(ctx, step); err != nil {
			return fmt.Errorf("timeline[%d]: %w", i, err)
		}
	}
	return nil
}

func (r *run) step(ctx context.Context, s Step) error {
	switch {
	case s.Say != "":
		r.say("-- %s", s.Say)
	case len(s.Start) > 0:
		return r.start(ctx, s.Start)
	case len(s.Stop) > 0:
		for _, name := range s.Stop {
			c := r.conns[name]
			if c.isClient() {
				c.prove(ctx, r.last)
				r.observe(c)
			}
			r.stop(c)
		}
	case len(s.Lost) > 0:
		r.awaitLoss(ctx, s.Lost)
	case len(s.Alive) > 0:
		for _, name := range s.Alive {
			r.conns[name].prove(ctx, r.last)
			r.observe(r.conns[name])
		}
	case len(s.Ended) > 0:
		for _, name := range s.Ended {
			c := r.conns[name]
			c.await(ctx, endLimit, func() bool { return c.done })
		}
	case s.Wait > 0:
		select {
		case <-time.After(s.Wait):
		case <-ctx.Done():
		}
	default:
		return r.change(s.Change)
	}
	return nil
}

// awaitLoss waits until each of the clients has noticed that its connection is lost.
func (r *run) awaitLoss(ctx context.Context, names []string) {
	for _, name := range names {
		c := r.conns[name]
		if !c.await(ctx, loseLimit, c.lost) && ctx.Err() == nil {
			r.say("%s has not noticed anything after %s", name, loseLimit)
		}
		r.observe(c)
		r.tellLoss(c)
	}
}

// change makes one change and tells which connections the router cut.
func (r *run) change(c control.Change) error {
	for _, conn := range r.conns {
		r.observe(conn)
	}
	before := r.lab.Network()
	done, err := r.lab.Change(c)
	if err != nil {
		return err
	}
	r.last = done.At
	cut := 0
	for _, e := range done.Flows {
		if e.Event == control.FlowDropped {
			cut++
			r.assign(before, e)
		}
	}
	r.commits = append(r.commits, Commit{r.since(done.At), c.Action(), done.ID, cut})
	r.say("%s committed: the router cut %d connections", c.Action(), cut)
	return nil
}

// assign gives a cut to the connection it belongs to, by the addresses that things had before the change. What a client has closed
// already may still have been open at the router, and a connection between two instances is two flows: neither is a finding.
func (r *run) assign(before *topology.Network, e control.Event) {
	local, remote := e.Flow()
	known := false
	for _, c := range r.conns {
		if c.spec.Kind == command && c.spec.On == e.Instance {
			known = true // a program's own affair
		}
		if !c.isClient() || !c.matches(before, local, remote) {
			continue
		}
		known = true
		c.mu.Lock()
		if c.cut == nil && !c.stopped {
			c.cut = &e
		}
		c.mu.Unlock()
	}
	if !known {
		r.extra = append(r.extra, Expectation{Text: "every connection that the router cut is one of the scenario's", Got: e.Local + " -> " + e.Remote})
	}
}

// matches says whether a flow, given by its interface's own end and the far end, is the connection's.
func (c *connection) matches(n *topology.Network, local, remote netip.AddrPort) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.local.IsValid() {
		return false
	}
	if local == c.local && remote == c.remote {
		return true
	}
	return remote == c.local && local.Port() == c.remote.Port() && owns(n, c.remote.Addr(), local.Addr())
}

// owns says whether a public (or private) address belongs to the interface with the given private address.
func owns(n *topology.Network, a, private netip.Addr) bool {
	for _, eni := range n.InterfacesByAddress(private) {
		if slices.Contains(eni.PublicIPs, a) || slices.Contains(eni.Addresses, a) {
			return true
		}
	}
	return false
}

// start starts workloads and waits until each works or has failed.
func (r *run) start(ctx context.Context, names []string) error {
	for _, name := range names {
		c := &connection{name: name, spec: r.file.Workloads[name], changed: make(chan struct{})}
		if err := r.launch(c); err != nil {
			return fmt.Errorf("workload %s: %w", name, err)
		}
		r.conns[name] = c
		r.order = append(r.order, name)
	}
	for _, name := range names {
		c := r.conns[name]
		if !c.await(ctx, settleLimit, c.settled) && ctx.Err() == nil {
			r.say("%s neither works nor fails after %s", name, settleLimit)
		}
		r.observe(c)
		r.tell(c)
	}
	return nil
}

func (r *run) launch(c *connection) error {
	run := func(cmd *exec.Cmd) error { return r.lab.Run(c.spec.On, cmd) }
	if c.spec.Kind == command {
		return r.command(c, run)
	}
	spec, err := r.spec(c.spec)
	if err != nil {
		return err
	}
	c.proc, err = workload.Start(run, r.o.Executable, spec, c.fold)
	if err == nil {
		r.group.Go(func() { c.end(c.proc.Wait()) })
	}
	return err
}

func (r *run) tell(c *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.isClient():
	case c.moved:
		r.say("%s: connected to %s by path %s; the far side sees %s", c, c.remote, c.pathBefore, c.sourceBefore)
	default:
		r.say("%s: not connected: %s", c, c.why())
	}
}

func (r *run) tellLoss(c *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut == nil || c.lostAt == 0 {
		return
	}
	r.say("%s: %s %.1f ms after the commit; path %s -> %s, the far side saw %s, now %s", c, c.why(), c.lostAfter().Seconds()*1e3,
		c.pathBefore, c.pathAfter, c.sourceBefore, c.sourceAfter)
}

// stop ends a workload in good order; what happens to its connection from here on is no loss.
func (r *run) stop(c *connection) {
	c.mu.Lock()
	already := c.stopped
	c.stopped = true
	c.mu.Unlock()
	if already {
		return
	}
	if c.program != nil {
		c.program.Kill()
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
	defer cancel()
	if err := c.proc.Stop(ctx); err != nil {
		r.say("%s: %v", c, err)
	}
}

// observe asks the router which path a live connection takes, and the far side which source it sees. The first answers are
// kept as what was before.
func (r *run) observe(c *connection) {
	if c == nil || !c.isClient() {
		return
	}
	c.mu.Lock()
	local, remote, gone, cut := c.local, c.remote, c.lost() || c.stopped, c.cut
	if c.denied && c.pathBefore == "" {
		gone = false // it is over, but came through: the router and S3 remember it for a while
	}
	c.mu.Unlock()
	if !local.IsValid() {
		return
	}
	if cut != nil {
		c.set(cut.PathAfter, none)
	} else if !gone {
		c.set(r.pathOf(c), r.sourceSeen(c, local, remote))
	}
}

// finish waits for every live client to prove that it lives, and reports.
func (r *run) finish(ctx context.Context) *Report {
	for _, name := range r.order {
		switch c := r.conns[name]; {
		case c.isClient():
			c.prove(ctx, r.last)
		case c.spec.Kind == command:
			c.await(ctx, endLimit, func() bool { return c.done })
			r.judgeCommand(c)
		}
	}
	report := &Report{Scenario: r.file.Name, Passed: true}
	report.Events, _, _ = r.lab.Events.Since(0)
	for _, name := range r.order {
		c := r.conns[name]
		if !c.isClient() {
			continue
		}
		r.observe(c)
		found := c.report(r.conns[c.spec.Replaces])
		report.Connections = append(report.Connections, found)
		if e := r.expected(c); e != nil {
			private, public := r.addresses(c.spec)
			report.Expectations = append(report.Expectations, e.judge(found, private, public)...)
		}
	}
	report.Expectations = append(report.Expectations, r.extra...)
	for _, e := range report.Expectations {
		report.Passed = report.Passed && e.Passed
	}
	report.Record = r.record()
	return report
}

// expected returns what is expected of the connection under the run's mode and scope.
func (r *run) expected(c *connection) *Expect {
	if c.spec.Expect == nil {
		return nil
	}
	e := *c.spec.Expect
	if r.o.Scope == control.ScopePublicIP && e.PublicIP != nil {
		e = *e.PublicIP
	}
	if e.Outcome == Dropped && e.Error != "" {
		switch r.o.Mode {
		case dataplane.Silent:
			e.Error, e.Within = stalled, 0
		case dataplane.Reset:
			e.Error = "ECONNRESET"
		}
	}
	return &e
}
