package forward

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"vpcsim/bench"
	"vpcsim/topology/host"
)

// runner carries a plan out.
type runner struct {
	ctx    context.Context
	plan   Plan
	tell   func(bench.Progress)
	cpu    func() float64 // see processorTime
	beds   []*bed
	report *Report
}

// Run carries a plan out in a confined process. It tells how far it has come, and ends early, with the context's error, when the context does.
// What could not be measured is no error here: Report.Failed says so.
func Run(ctx context.Context, plan Plan, tell func(bench.Progress)) (report *Report, err error) {
	if plan.Targets {
		plan.forTargets()
	}
	if err := plan.Check(); err != nil {
		return nil, err
	}
	if plan.Measures == nil {
		plan.Measures = stepsOf(plan.Path)
	}
	r := &runner{ctx: ctx, plan: plan, tell: tell, cpu: processorTime, report: &Report{Plan: plan}}
	watch := bench.BeginWatch()
	r.report.Environment = bench.ReadEnvironment()
	r.report.Notes = plan.notes()
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.build(); err != nil {
		return nil, err
	}
	if err := r.rounds(); err != nil {
		return nil, err
	}
	r.report.summarise()
	if plan.Targets {
		r.report.judge()
	}
	r.report.Warnings = append(plan.untrusted(), watch.End(r.report.spreads())...)
	return r.report, nil
}

// notes say how to read the figures of a plan.
func (p *Plan) notes() (all []string) {
	sender := "TCP streams are sent by iperf3"
	switch _, err := exec.LookPath("iperf3"); {
	case err != nil:
		sender = "TCP streams are sent by this program: iperf3 is not installed (apt-get install iperf3)"
	case !hasIperf3(p.Turn):
		sender = "TCP streams are sent by this program: turns are shorter than the second that iperf3 counts in"
	}
	congestion, _ := os.ReadFile("/proc/sys/net/ipv4/tcp_congestion_control") // only told
	all = append(all, sender, "congestion control in all namespaces: cubic, or reno where the machine does not let them choose; the machine's own is "+strings.TrimSpace(string(congestion)),
		"direct is the ceiling: a veth pair without anybody in between; what comes close to it is bounded by the ends, not by the contender",
		"in labs "+host.Precedence())
	if p.Features == None || p.Targets {
		all = append(all, featuresOff)
	}
	if p.Path == "endpoint" {
		all = append(all, "path endpoint: S3 takes TCP at its own ports only, so it is asked for an object; packets, latency and connections of others are measured on the other paths")
	}
	return all
}

// build builds all beds and starts their servers.
func (r *runner) build() error {
	for _, w := range r.plan.wanted() {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		r.tell(bench.Progress{What: "build " + w.name})
		if missing := w.missing(r.plan); missing != nil {
			r.report.Missing = append(r.report.Missing, *missing)
			continue
		}
		b, err := w.build(r.plan)
		if err == nil {
			b.name, b.steps = w.name, w.steps
			r.beds = append(r.beds, b)
			r.report.Contenders = append(r.report.Contenders, ContenderFacts{w.name, b.about})
			err = b.ready(r.plan)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
	}
	return nil
}

// ready starts what the bed is measured against.
func (b *bed) ready(p Plan) error {
	if b.to == paths["endpoint"].to {
		return nil // the lab has its own S3
	}
	if p.Path == "endpoint" || p.Targets && b.does("get-1") {
		if err := b.serveS3(); err != nil {
			return err
		}
	}
	return b.serve(hasIperf3(p.Turn))
}

func (r *runner) close() (err error) {
	for _, b := range r.beds {
		err = errors.Join(err, b.close())
	}
	return err
}

// rounds gives every bed its turn at every step in each round. The order of the beds rotates, and goes backwards every other round.
func (r *runner) rounds() error {
	measured := slices.DeleteFunc(slices.Clone(steps), func(s step) bool {
		return !slices.Contains(r.plan.Measures, s.name)
	})
	all, done := float64(r.plan.Rounds*len(measured)*len(r.beds)), 0.0
	for round := range r.plan.Rounds {
		for n, s := range measured {
			for i := range r.beds {
				at := (i + round + n) % len(r.beds)
				if round%2 == 1 {
					at = len(r.beds) - 1 - at
				}
				b := r.beds[at]
				done++
				if !b.does(s.name) {
					continue
				}
				r.tell(bench.Progress{What: fmt.Sprintf("round %d of %d: %s: %s", round+1, r.plan.Rounds, s.name, b.name), Part: done / all})
				r.take(round, s, b)
				if err := r.ctx.Err(); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// take is one turn.
func (r *runner) take(round int, s step, b *bed) {
	got, err := s.take(r, b)
	if err != nil {
		if r.ctx.Err() == nil {
			r.report.Failed = append(r.report.Failed, fmt.Sprintf("round %d: %s: %s: %v", round+1, s.name, b.name, err))
		}
		return
	}
	for i, m := range s.measures {
		r.report.add(m, b.name, Sample{Round: round, Value: got[i]})
	}
}
