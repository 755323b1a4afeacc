// Package flowlogs is VPC Flow Logs of a lab: it puts together what the data plane's workers have counted, says it as AWS does, and
// delivers it.
//
// # State
//
// A [Log] has one goroutine, which sleeps until an aggregation interval ends. Then it takes the workers' tables away, merges them, and
// writes their flows as records to a [Sink]. All of that is off the packets' path: a sink that is slow makes the log late, and in the end
// its table full, which the records say (SKIPDATA), and no packet notices.
package flowlogs

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"vpcsim/dataplane"
	"vpcsim/dataplane/aggregation"
	"vpcsim/dataplane/flowlog"
	"vpcsim/topology"
)

// Options are what the owner of a flow log chooses.
type Options struct {
	Format   flowlog.Format      // nil for the default one
	Interval time.Duration       // 0 for a minute, which is as long as AWS waits for Nitro instances
	Traffic  aggregation.Traffic // which packets
	// Resources are the VPCs, subnets, network interfaces, instances and NAT gateways that are logged, by name or id; none for all.
	Resources []string
	Flows     int // how many flows an interval may have; 0 for a million
}

// The aggregation intervals. AWS has only a minute and ten of them.
const (
	minInterval     = time.Second
	defaultInterval = time.Minute
	maxInterval     = 10 * time.Minute
)

// Lab is what a log needs to know of a lab.
type Lab struct {
	Router  *dataplane.Router
	Network func() *topology.Network // the current one
	Now     func() int64             // monotonic ns
	Wall    func(int64) time.Time    // the clock on the wall at a monotonic time
}

// Interval is one aggregation interval.
type Interval struct {
	Begin, End time.Time // in whole seconds
	Records    int       // with data
	Skipped    uint64    // packets that are in none, for want of room
}

// Sink takes what a log has to say. Its errors end the log.
type Sink interface {
	// Lines takes records of network interfaces in one region, in whole lines. lines is valid until Lines returns.
	Lines(region string, lines []byte) error
	// End says that there are no more records of an interval.
	End(Interval) error
}

// Log is a flow log. Its methods are for one goroutine.
type Log struct {
	lab     Lab
	options Options
	sink    Sink
	log     *dataplane.FlowLog
	encoder *flowlog.Encoder
	hops    bool // the format has next-hop fields

	chosen    map[string]bool // ids of the VPCs, subnets and interfaces that are logged; nil for all
	directory *directory      // of the network at the end of the last interval
	begin     int64           // monotonic time of the current interval's

	flows []aggregation.Flow
	lines map[string][]byte // by region
}

// Open begins a flow log. Run it, or else close it.
func Open(lab Lab, o Options, sink Sink) (*Log, error) {
	if o.Format == nil {
		o.Format = flowlog.Default()
	}
	o.Interval = cmp.Or(o.Interval, defaultInterval)
	if o.Interval < minInterval || o.Interval > maxInterval || o.Interval%time.Second != 0 {
		return nil, fmt.Errorf("interval %s: must be whole seconds, from 1s to 600s (AWS has 60s and 600s)", o.Interval)
	}
	l := &Log{lab: lab, options: o, sink: sink, encoder: flowlog.NewEncoder(o.Format), lines: map[string][]byte{}}
	l.hops = slices.ContainsFunc(o.Format, func(f string) bool { return strings.HasPrefix(f, "next-hop-") })
	n := lab.Network()
	var err error
	if l.chosen, err = choose(n, o.Resources); err != nil {
		return nil, err
	}
	if l.directory, err = newDirectory(n); err != nil {
		return nil, err
	}
	l.begin = lab.Now()
	var ok bool
	if l.log, ok = lab.Router.OpenFlowLog(dataplane.FlowLogConfig{Traffic: o.Traffic, Flows: o.Flows}, l.origin(l.begin)); !ok {
		return nil, fmt.Errorf("there are %d flow logs already, which is as many as a lab has at a time: end one of them first", dataplane.MaxFlowLogs)
	}
	return l, nil
}

// origin is the monotonic time at which the second of the clock on the wall began that now lies in.
func (l *Log) origin(now int64) int64 { return now - int64(l.lab.Wall(now).Nanosecond()) }

// choose finds the resources that are to be logged.
func choose(n *topology.Network, resources []string) (map[string]bool, error) {
	if len(resources) == 0 {
		return nil, nil
	}
	chosen := map[string]bool{}
	for _, name := range resources {
		ids := resource(n, name)
		if ids == nil {
			return nil, fmt.Errorf("no VPC, subnet, network interface, instance or NAT gateway %q%s", name, topology.DidYouMean(name, nameable(n)))
		}
		for _, id := range ids {
			chosen[id] = true
		}
	}
	return chosen, nil
}

// resource returns the ids by which what is called so is logged; nil if there is no such thing.
func resource(n *topology.Network, name string) (ids []string) {
	if v := n.VPC(name); v != nil {
		return []string{v.ID}
	}
	if s := n.Subnet(name); s != nil {
		return []string{s.ID}
	}
	if i := n.Instance(name); i != nil {
		for _, eni := range i.Interfaces {
			ids = append(ids, eni.ID)
		}
		return ids
	}
	if g := n.NATGateway(name); g != nil {
		return []string{g.InterfaceID}
	}
	if eni := n.NetworkInterface(name); eni != nil {
		return []string{eni.ID}
	}
	if d, err := newDirectory(n); err == nil && d.interfaces[name] != nil {
		return []string{name}
	}
	return nil
}

func nameable(n *topology.Network) (names []string) {
	for _, v := range n.VPCs {
		names = append(names, v.Name)
		for _, s := range v.Subnets {
			names = append(names, s.Name)
		}
		for _, i := range v.Instances {
			names = append(names, i.Name)
		}
		for _, g := range v.NATGateways {
			names = append(names, g.Name)
		}
	}
	return names
}

func (l *Log) wants(i *logged) bool {
	return l.chosen == nil || l.chosen[i.VPC] || l.chosen[i.Subnet] || l.chosen[i.Interface]
}

// Run ends an interval whenever its time has come, until ctx is done, and then what there is of the last one. once ends the log with its
// first interval.
func (l *Log) Run(ctx context.Context, once bool) error {
	tick := time.NewTimer(l.options.Interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return l.Close()
		case <-tick.C:
		}
		if once {
			return l.Close()
		}
		if err := l.Cut(); err != nil {
			l.log.Close()
			return err
		}
		tick.Reset(l.options.Interval - time.Duration(l.lab.Now()-l.begin))
	}
}

// Cut ends an interval.
func (l *Log) Cut() error {
	end := l.lab.Now()
	cut := l.log.Cut(l.origin(end))
	return l.write(cut, end)
}

// Close ends the log with what there is of its last interval.
func (l *Log) Close() error {
	end := l.lab.Now()
	return l.write(l.log.Close(), end)
}
