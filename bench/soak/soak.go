// Package soak keeps a lab busy for long and looks whether it stays as it was: no packet is lost that nobody counted, the order of each flow is
// kept, and memory, goroutines and threads do not grow, while its route tables change several times in a second.
//
// Numbered datagrams (package load) go through the lab on three paths at once, from one subnet to another, over the internet gateway, and
// through the NAT gateway, with network ACLs, security groups that track connections, and long route tables. The rate is near what the machine can
// carry. At the end every datagram must have arrived, or be among those that a queue or the router has counted as dropped.
//
// The lab is in this process, whose memory and pauses are its own. The process must be confined (package host).
package soak

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vpcsim/bench"
	"vpcsim/bench/load"
	"vpcsim/internal/control"
	"vpcsim/topology"
)

// Plan is what is to be done.
type Plan struct {
	Duration time.Duration `json:"DurationNs"`
	Commit   time.Duration `json:"CommitNs"` // from one change of a route table to the next
	Rate     float64       `json:"Rate"`     // datagrams in a second, on all paths together; 0 for near what the machine can carry
	Flows    int           `json:"Flows"`    // on each path
}

// DefaultPlan is the plan of whoever says nothing else.
func DefaultPlan() Plan {
	return Plan{Duration: 10 * time.Minute, Commit: 100 * time.Millisecond, Flows: 8}
}

// Check says all that is wrong with a plan.
func (p *Plan) Check() error {
	var all []error
	wrong := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	if p.Duration < time.Second || p.Duration > 7*24*time.Hour {
		wrong("duration %s: must be 1s to 168h", p.Duration)
	}
	if p.Commit < time.Millisecond || p.Commit > p.Duration {
		wrong("commit-every %s: must be 1ms to the duration", p.Commit)
	}
	if p.Rate < 0 || p.Rate > 1e9 {
		wrong("rate %g: must be 0, for near what the machine can carry, to 1e9", p.Rate)
	}
	if p.Flows < 1 || p.Flows > 200 {
		wrong("flows %d: must be 1 to 200", p.Flows)
	}
	return errors.Join(all...)
}

// Report is what came of it.
type Report struct {
	Environment  bench.Environment `json:"Environment"`
	Plan         Plan              `json:"Plan"`
	Notes        []string          `json:"Notes"`
	Flood        *Account          `json:"Flood,omitempty"` // as fast as can be, by which the rate was found
	Run          Account           `json:"Run"`
	Samples      []Sample          `json:"Samples"`
	MemorySlope  Slope             `json:"MemorySlopeKiBPerMinute"`
	MemoryHalves [2]Slope          `json:"MemorySlopeOfHalves"` // of the first half and the second
	GC           Pauses            `json:"GarbageCollection"`
	Commits      Commits           `json:"Commits"`
	Verdicts     []Verdict         `json:"Verdicts"`
	Warnings     []string          `json:"Warnings,omitempty"` // why figures should not be trusted
}

// runner carries a plan out.
type runner struct {
	plan   Plan
	tell   func(bench.Progress)
	lab    *control.Lab
	checks map[string]*load.Checking // by the name of the instance or host
	report *Report
}

// Rates.
const (
	flooding = time.Second // how long a flood lasts that the rate is found by
	near     = 0.9         // of what arrives of it
)

// Run carries a plan out and tells how far it has come. It ends early, with the context's error, when the context does.
func Run(ctx context.Context, plan Plan, tell func(bench.Progress)) (report *Report, err error) {
	if err := plan.Check(); err != nil {
		return nil, err
	}
	r := &runner{plan: plan, tell: tell, checks: map[string]*load.Checking{}, report: &Report{Environment: bench.ReadEnvironment(), Plan: plan, Notes: notes}}
	watch := bench.BeginWatch()
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.start(); err != nil {
		return nil, err
	}
	if err := r.findRate(ctx); err != nil {
		return nil, err
	}
	if err := r.soak(ctx); err != nil {
		return nil, err
	}
	r.report.judge()
	r.report.Warnings = watch.End(nil)
	return r.report, nil
}

// notes say how to read the figures.
var notes = []string{
	"memory, goroutines, threads and pauses are those of the process in which the lab is; the senders and receivers have processes of their own",
	"the first tenth is not judged for growth: tables and the heap get the size that they then have",
	fmt.Sprintf("the lab keeps its last %d events only, and not as many as other labs do: each commit is one", keptEvents),
}

// start starts the lab and its receivers.
func (r *runner) start() error {
	r.tell(bench.Progress{What: "start"})
	spec, src, err := topology.Parse("soak.vpc.yml", []byte(text()))
	if err != nil {
		return err
	}
	if r.lab, err = control.Start(spec, src, control.Options{KeptEvents: keptEvents}); err != nil {
		return err
	}
	for _, p := range paths {
		if r.checks[p.on] == nil {
			if r.checks[p.on], err = load.StartCheck(r.at(p.on)); err != nil {
				delete(r.checks, p.on)
				return fmt.Errorf("%s: %w", p.on, err)
			}
		}
	}
	return nil
}

func (r *runner) close() (err error) {
	for _, c := range r.checks {
		err = errors.Join(err, c.Close())
	}
	if r.lab != nil {
		err = errors.Join(err, r.lab.Close())
	}
	return err
}

// findRate floods the lab, if the plan has no rate, and takes a little less than what arrives.
func (r *runner) findRate(ctx context.Context) error {
	if r.plan.Rate > 0 {
		return nil
	}
	r.tell(bench.Progress{What: "flood, to find the rate"})
	a, err := r.carry(ctx, 0, flooding)
	if err != nil {
		return err
	}
	r.plan.Rate = near * float64(a.Received) / a.Took.Seconds()
	r.report.Plan.Rate, r.report.Flood = r.plan.Rate, &a
	if r.plan.Rate == 0 {
		return errors.New("nothing arrives")
	}
	return nil
}

// soak sends at the rate, changes routes meanwhile, and watches.
func (r *runner) soak(ctx context.Context) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	before := readPauses()
	watching, committing := make(chan []Sample, 1), make(chan error, 1)
	meanwhile, stop := context.WithCancel(ctx)
	began := time.Now()
	go func() { watching <- r.watch(meanwhile, began) }()
	go func() {
		err := r.commit(meanwhile)
		if err != nil {
			cancel()
		}
		committing <- err
	}()
	r.report.Run, err = r.carry(ctx, r.plan.Rate, r.plan.Duration)
	stop()
	r.report.Samples = <-watching
	if failed := <-committing; failed != nil {
		return failed
	}
	r.report.GC = readPauses().since(before)
	all := judged(r.report.Samples)
	r.report.MemorySlope = memorySlope(all)
	first, second := halves(all)
	r.report.MemoryHalves = [2]Slope{memorySlope(first), memorySlope(second)}
	return err
}
