// Package scale measures how a lab bears many instances: how long it takes to start and to stop, what an instance costs that does nothing,
// and how long pings take between some of them.
//
// The lab is in this process, whose memory and processor time are its own. Rounds go through all sizes in turn, so that whatever else the
// machine does is shared out; the medians of the rounds are told, with their spread. The process must be confined (package host).
package scale

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"vpcsim/bench"
	"vpcsim/bench/load"
	"vpcsim/internal/control"
	"vpcsim/topology"
)

// Plan is what is to be measured.
type Plan struct {
	Sizes   []int         `json:"Sizes"`   // numbers of instances
	Sources int           `json:"Sources"` // instances that ping all others, evenly spread; 0 for all
	Rounds  int           `json:"Rounds"`
	Idle    time.Duration `json:"IdleNs"` // how long the idle lab is watched
}

// DefaultPlan is the plan of whoever says nothing else.
func DefaultPlan() Plan {
	return Plan{Sizes: []int{100, 300, 1000}, Sources: 16, Rounds: 3, Idle: 5 * time.Second}
}

// Hasten makes the plan one for a first look.
func (p *Plan) Hasten() {
	p.Sizes, p.Sources, p.Rounds, p.Idle = []int{10, 50}, 4, 1, 200*time.Millisecond
}

// maxInstances is how many there may be, perSubnet of them in a subnet. A kernel keeps a thousand neighbours for all namespaces
// together, unless the machine's gc_thresh3 says otherwise (arp(7)). The router takes no place among them (host.Interface), but the instances of a
// subnet are each other's neighbours, as everywhere: so there are few of them in each. Those make room for others
// that have not been heard of for the time that a neighbour is taken to be reachable, up to 45 seconds.
const (
	maxInstances = 4000
	perSubnet    = 2
)

// Check says all that is wrong with a plan.
func (p *Plan) Check() error {
	var all []error
	wrong := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	for _, n := range p.Sizes {
		if n < 2 || n > maxInstances {
			wrong("instances %d: must be 2 to %d", n, maxInstances)
		}
	}
	if len(p.Sizes) == 0 {
		wrong("nothing to measure: no number of instances")
	}
	if p.Sources < 0 {
		wrong("sources %d: must be 0, for all, or more", p.Sources)
	}
	if p.Rounds < 1 || p.Rounds > 1000 {
		wrong("rounds %d: must be 1 to 1000", p.Rounds)
	}
	if p.Idle <= 0 || p.Idle > time.Hour {
		wrong("idle %s: must be more than 0 and at most an hour", p.Idle)
	}
	return errors.Join(all...)
}

// Report is what was measured.
type Report struct {
	Environment bench.Environment `json:"Environment"`
	Plan        Plan              `json:"Plan"`
	Results     []Result          `json:"Results"`
	Warnings    []string          `json:"Warnings,omitempty"` // why figures should not be trusted
}

// Missed tells whether a ping was not answered.
func (r *Report) Missed() bool {
	return slices.ContainsFunc(r.Results, func(of Result) bool { return of.Lost > 0 })
}

// Result is a lab of one size.
type Result struct {
	Instances int               `json:"Instances"`
	StartS    bench.Spread      `json:"StartS"`  // seconds from the text of the topology to the last interface
	StopS     bench.Spread      `json:"StopS"`   // seconds until all is gone
	KiB       bench.Spread      `json:"KiB"`     // memory of the process for each instance, all that they share included
	IdleCPU   bench.Spread      `json:"IdleCpu"` // percent of a core that the process takes while nobody does anything
	PingS     bench.Spread      `json:"PingS"`   // seconds for the pings
	Pings     int64             `json:"Pings"`   // asked in a round
	Lost      int64             `json:"Lost"`    // not answered even when asked twice, in all rounds
	Dropped   map[string]uint64 `json:"Dropped"` // by the router in all rounds, by reason: what was lost, and what was answered the second time
}

// taken is a lab of one size in one round.
type taken struct {
	start, stop, kib, cpu, ping float64
	pings, lost                 int64
	dropped                     map[string]uint64
}

// Run carries a plan out and tells how far it has come. It ends early, with the context's error, when the context does.
func Run(ctx context.Context, plan Plan, tell func(bench.Progress)) (*Report, error) {
	if err := plan.Check(); err != nil {
		return nil, err
	}
	report := &Report{Environment: bench.ReadEnvironment(), Plan: plan}
	watch := bench.BeginWatch()
	rounds := make([][]taken, len(plan.Sizes))
	for round := range plan.Rounds {
		for i := range plan.Sizes {
			at := (i + round) % len(plan.Sizes)
			tell(bench.Progress{
				What: fmt.Sprintf("round %d of %d: %d instances", round+1, plan.Rounds, plan.Sizes[at]),
				Part: float64(round*len(plan.Sizes)+i) / float64(plan.Rounds*len(plan.Sizes)),
			})
			s, err := measure(ctx, plan, plan.Sizes[at])
			if err != nil {
				return nil, err
			}
			rounds[at] = append(rounds[at], s)
		}
	}
	var spreads []bench.Spread
	for i, n := range plan.Sizes {
		r := summary(n, rounds[i])
		if r.Lost > 0 {
			report.Warnings = append(report.Warnings, fmt.Sprintf("%d instances: %d pings were lost; the router dropped %v. What else is lost may be for want of a place in the table of neighbours that "+
				"all namespaces share: dmesg then says \"neighbor table overflow\", and the cure is a larger net.ipv4.neigh.default.gc_thresh3", n, r.Lost, r.Dropped))
		}
		report.Results = append(report.Results, r)
		spreads = append(spreads, r.StartS, r.StopS, r.KiB, r.PingS)
	}
	if plan.Rounds < 3 {
		report.Warnings = append(report.Warnings, fmt.Sprintf("rounds: %d, which says nothing about the spread; 3 are the least to quote", plan.Rounds))
	}
	report.Warnings = append(report.Warnings, watch.End(spreads)...)
	return report, nil
}

func summary(instances int, all []taken) Result {
	spread := func(of func(taken) float64) bench.Spread {
		var values []float64
		for _, s := range all {
			values = append(values, of(s))
		}
		return bench.SpreadOf(values)
	}
	r := Result{
		Instances: instances,
		Dropped:   map[string]uint64{},
		StartS:    spread(func(s taken) float64 { return s.start }),
		StopS:     spread(func(s taken) float64 { return s.stop }),
		KiB:       spread(func(s taken) float64 { return s.kib }),
		IdleCPU:   spread(func(s taken) float64 { return s.cpu }),
		PingS:     spread(func(s taken) float64 { return s.ping }),
	}
	for _, s := range all {
		r.Pings, r.Lost = s.pings, r.Lost+s.lost
		for reason, n := range s.dropped {
			r.Dropped[reason] += n
		}
	}
	return r
}

// measure starts a lab, lets it idle, has it pinged, and stops it.
func measure(ctx context.Context, plan Plan, instances int) (s taken, err error) {
	debug.FreeOSMemory()
	before, _ := bench.ReadProcess()
	began := time.Now()
	spec, src, err := topology.Parse("scale.vpc.yml", []byte(text(instances)))
	if err != nil {
		return s, err
	}
	lab, err := control.Start(spec, src, control.Options{})
	if err != nil {
		return s, err
	}
	s.start = time.Since(began).Seconds()
	defer func() {
		began := time.Now()
		err = errors.Join(err, lab.Close())
		s.stop = time.Since(began).Seconds()
	}()
	debug.FreeOSMemory()
	after, _ := bench.ReadProcess()
	s.kib = (after - before) / float64(instances)
	cpu, began := processorTime(), time.Now()
	select {
	case <-ctx.Done():
		return s, ctx.Err()
	case <-time.After(plan.Idle):
	}
	s.cpu = 100 * (processorTime() - cpu) / time.Since(began).Seconds()
	began = time.Now()
	s.pings, s.lost, err = pingMatrix(ctx, lab, instances, plan.Sources)
	s.ping, s.dropped = time.Since(began).Seconds(), map[string]uint64{}
	counters := lab.Router().Counters()
	for reason, n := range counters.ByReason() {
		s.dropped[reason.String()] = n
	}
	return s, err
}

// text is a topology with many instances in one VPC, all of whom may ping each other.
func text(instances int) string {
	var b strings.Builder
	b.WriteString("region: us-east-1\nquotas: raised\nvpcs:\n  main:\n    cidr: 10.0.0.0/16\n    security_groups: {all: {ingress: [{protocol: icmp, peer: 10.0.0.0/8}]}}\n    subnets:\n")
	for s := range (instances + perSubnet - 1) / perSubnet {
		fmt.Fprintf(&b, "      s%d: {cidr: %s/28}\n", s, subnet(s))
	}
	b.WriteString("    instances:\n")
	for i := range instances {
		fmt.Fprintf(&b, "      i%d: {subnet: s%d, address: %s, security_groups: [all]}\n", i, i/perSubnet, address(i))
	}
	return b.String()
}

// subnet is the first address of a subnet of 16.
func subnet(s int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 0, byte(s >> 4), byte(s << 4)})
}

func address(i int) netip.Addr {
	a := subnet(i / perSubnet).As4()
	a[3] += byte(4 + i%perSubnet) // the first four are AWS's
	return netip.AddrFrom4(a)
}

// Pings.
const (
	pingsAtOnce = 64 // of a source
	pingWait    = time.Second
)

// pingMatrix has some instances ping all others, as many of them at a time as there are processors.
func pingMatrix(ctx context.Context, lab *control.Lab, instances, sources int) (count, lost int64, err error) {
	pinged := make([]netip.Addr, instances)
	for i := range pinged {
		pinged[i] = address(i)
	}
	if sources == 0 || sources > instances {
		sources = instances
	}
	var mu sync.Mutex // guards what is returned
	var waiting sync.WaitGroup
	slots := make(chan struct{}, runtime.NumCPU())
	for n := range sources {
		slots <- struct{}{}
		waiting.Go(func() {
			defer func() { <-slots }()
			from := n * instances / sources
			s := load.Spec{Kind: load.Pings, Targets: slices.Delete(slices.Clone(pinged), from, from+1), Lasting: pingWait, Streams: pingsAtOnce}
			name := fmt.Sprint("i", from)
			got, failed := load.Run(ctx, func(cmd *exec.Cmd) error { return lab.Run(name, cmd) }, s)
			if failed != nil {
				failed = fmt.Errorf("from %s: %w", name, failed)
			}
			mu.Lock()
			defer mu.Unlock()
			count, lost, err = count+got.Count+got.Lost, lost+got.Lost, errors.Join(err, failed)
		})
	}
	waiting.Wait()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return count, lost, err
}

// processorTime is what this process has taken, in seconds.
func processorTime() float64 {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u) // cannot fail
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}
