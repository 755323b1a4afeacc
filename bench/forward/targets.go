package forward

import (
	"fmt"
	"slices"

	"vpcsim/bench"
)

// A target is what a lab's forwarding must reach, against a peer in the same rounds. docs/performance.md tells of them.

// The further labs that targets are about.
const (
	oursNAT      = "vpcsim nat"
	oursEndpoint = "vpcsim endpoint"
	oursBare     = "vpcsim none" // without features
)

// The steps that targets are about, of whom.
var (
	common    = []string{"tcp-1", "tcp-4", "flood", "lossless", "request-response", "rtt", "loaded-rtt"}
	coarse    = []string{"tcp-1", "tcp-4", "flood", "lossless", "request-response"}
	bulk      = []string{"tcp-1", "tcp-4", "flood"}
	objects   = []string{"get-1", "get-4"}
	newcomers = []string{"connections"}
)

// forTargets makes the plan measure what the targets need.
func (p *Plan) forTargets() {
	p.Path, p.Features, p.Peers = "igw", All, []string{"kernel-nat", "wireguard", "ovs", "gvisor"}
	p.Measures = slices.Concat(common, newcomers, objects)
}

// wantedForTargets are the contenders, each with what it is needed for.
func (p *Plan) wantedForTargets() []contender {
	steps := map[string][]string{"kernel-nat": slices.Concat(common, newcomers, objects), "gvisor": coarse}
	plain := *p
	plain.Targets = false
	all := plain.wanted()
	for i := range all {
		if all[i].steps = steps[all[i].name]; all[i].steps == nil {
			all[i].steps = common
		}
	}
	lab := func(name, path, features string, steps []string) contender {
		return contender{name, steps, func(Plan) (*bed, error) { return newLab(path, features) }, nothing}
	}
	return append(all, lab(oursNAT, "nat", All, newcomers), lab(oursEndpoint, "endpoint", All, objects), lab(oursBare, "igw", None, bulk))
}

// target is one of docs/performance.md's: our figure by the peer's, round by round, is at least, or at most, so much.
type target struct {
	about, measure, ours, peer string
	least, most                float64 // one of them
	than                       string
}

var targets = []target{
	{"TCP, 1 stream", "tcp-1", Ours, "kernel-nat", 0.85, 0, "kernel, tracking and masquerading (better: 1)"},
	{"TCP, 1 stream", "tcp-1", Ours, "wireguard", 1.35, 0, "wireguard-go's TUN code"},
	{"TCP, 1 stream", "tcp-1", Ours, "ovs", 1, 0, "Open vSwitch"},
	{"TCP, 1 stream", "tcp-1", Ours, "gvisor", 20, 0, "gVisor"},
	{"TCP, 1 connection to S3's endpoint", "get-1", oursEndpoint, "kernel-nat", 0.85, 0, "the same S3 behind the kernel (better: 1)"},
	{"TCP, 4 streams", "tcp-4", Ours, "kernel-nat", 0.6, 0, "kernel, tracking and masquerading (better: 0.8)"},
	{"TCP, 4 streams", "tcp-4", Ours, "wireguard", 1.3, 0, "wireguard-go's TUN code"},
	{"TCP, 4 streams", "tcp-4", Ours, "ovs", 1.1, 0, "Open vSwitch"},
	{"TCP, 4 streams", "tcp-4", Ours, "gvisor", 20, 0, "gVisor"},
	{"TCP, 4 connections to S3's endpoint", "get-4", oursEndpoint, "kernel-nat", 0.6, 0, "the same S3 behind the kernel (better: 0.8)"},
	{"60 B frames, flooded", "flood", Ours, "kernel-nat", 1.6, 0, "kernel, tracking and masquerading"},
	{"60 B frames, flooded", "flood", Ours, "wireguard", 2.3, 0, "wireguard-go's TUN code"},
	{"60 B frames, flooded", "flood", Ours, "ovs", 1.7, 0, "Open vSwitch"},
	{"60 B frames, flooded", "flood", Ours, "gvisor", 3, 0, "gVisor"},
	{"60 B frames, without loss", "lossless", Ours, "kernel-nat", 1.3, 0, "kernel, tracking and masquerading"},
	{"60 B frames, without loss", "lossless", Ours, "wireguard", 2, 0, "wireguard-go's TUN code"},
	{"60 B frames, without loss", "lossless", Ours, "ovs", 1.6, 0, "Open vSwitch"},
	{"60 B frames, without loss", "lossless", Ours, "gvisor", 1, 0, "gVisor"},
	{"request and response", "request-response", Ours, "kernel-nat", 0.8, 0, "kernel, tracking and masquerading (better: 1.2)"},
	{"request and response", "request-response", Ours, "wireguard", 1.4, 0, "wireguard-go's TUN code"},
	{"request and response", "request-response", Ours, "ovs", 1.2, 0, "Open vSwitch"},
	{"request and response", "request-response", Ours, "gvisor", 3, 0, "gVisor"},
	{"round trip, idle, median", "rtt-p50", Ours, "kernel-nat", 0, 2.5, "kernel, tracking and masquerading"},
	{"round trip, idle, median", "rtt-p50", Ours, "wireguard", 0, 0.8, "wireguard-go's TUN code"},
	{"round trip, idle, median", "rtt-p50", Ours, "ovs", 0, 0.9, "Open vSwitch"},
	{"round trip under one stream, median", "loaded-rtt-p50", Ours, "kernel-nat", 0, 4, "kernel, tracking and masquerading"},
	{"round trip under one stream, median", "loaded-rtt-p50", Ours, "wireguard", 0, 0.3, "wireguard-go's TUN code"},
	{"round trip under one stream, median", "loaded-rtt-p50", Ours, "ovs", 0, 0.9, "Open vSwitch"},
	{"new TCP connections through NAT", "connections", oursNAT, "kernel-nat", 0.8, 0, "kernel, tracking and masquerading"},
	{"all features on, TCP, 1 stream", "tcp-1", Ours, oursBare, 0.85, 0, "features none"},
	{"all features on, TCP, 4 streams", "tcp-4", Ours, oursBare, 0.85, 0, "features none"},
	{"all features on, 60 B frames, flooded", "flood", Ours, oursBare, 0.85, 0, "features none"},
}

// judge says which targets are met.
func (r *Report) judge() {
	for _, t := range targets {
		r.Targets = append(r.Targets, t.verdict(r.result(t.measure, t.ours), r.result(t.measure, t.peer)))
	}
}

func (t target) verdict(ours, peer *Result) bench.TargetVerdict {
	v := bench.TargetVerdict{Case: t.about, Target: fmt.Sprintf("at least %gx %s", t.least, t.than), Verdict: bench.NotMeasured}
	if t.most > 0 {
		v.Target = fmt.Sprintf("at most %gx %s", t.most, t.than)
	}
	got := ratio(ours, peer)
	if got.Rounds == 0 {
		return v
	}
	v.Got, v.Spread = fmt.Sprintf("%.2fx", got.Median), fmt.Sprintf("%.2f to %.2f", got.Q1, got.Q3)
	v.Ours, v.Peer = fmt.Sprintf("%.4g %s", ours.Spread.Median, ours.Unit), fmt.Sprintf("%.4g %s", peer.Spread.Median, peer.Unit)
	v.Verdict = bench.Met
	if t.most > 0 && got.Median > t.most || got.Median < t.least {
		v.Verdict = bench.Missed
	}
	return v
}
