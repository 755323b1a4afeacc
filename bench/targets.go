package bench

import (
	"fmt"
	"slices"
)

// A target is what package routing must reach, mostly against a peer in the same rounds, each at its own best. docs/routing.md tells of them.

// forTargets makes the plan measure what the targets need: everything else only as said.
func (p *Plan) forTargets() {
	p.Tables, p.Files, p.Keys, p.Batches, p.Cores, p.Updates = nil, nil, []string{"in-table", "uniform"}, []int{32, 64, 256}, []int{1}, true
	for _, s := range targetScopes {
		p.Tables = append(p.Tables, s.table)
	}
	if CPUs() > 1 {
		p.Cores = []int{1, 2}
	}
}

// scope is what is measured of one table.
type scope struct {
	table   string
	keys    []string
	cores   int  // at most
	peers   bool // they take part
	updates bool
}

var targetScopes = []scope{
	{table: "vpc-10", keys: []string{"in-table"}, cores: 1, peers: true},
	{table: "vpc-30", keys: []string{"in-table"}, cores: 1, peers: true},
	{table: "vpc-1000", keys: []string{"in-table"}, cores: 1, peers: true},
	{table: "bgp4", keys: []string{"in-table", "uniform"}, cores: 2, peers: true, updates: true},
	{table: "bgp4-unique", cores: 1},
	{table: "bgp6", keys: []string{"in-table"}, cores: 1, peers: true},
}

// scopeOf says what is measured of a table: all that the plan says, unless it is about the targets.
func (p *Plan) scopeOf(table string) scope {
	at := slices.IndexFunc(targetScopes, func(s scope) bool { return s.table == table })
	if p.Targets && at >= 0 {
		return targetScopes[at]
	}
	return scope{table: table, keys: p.Keys, cores: slices.Max(p.Cores), peers: true, updates: p.Updates}
}

// TargetVerdict is what became of one target.
type TargetVerdict struct {
	Case    string `json:"Case"`
	Target  string `json:"Target"`
	Got     string `json:"Got"`
	Spread  string `json:"Spread"` // quartiles of the paired rounds, where it is a ratio of such
	Ours    string `json:"Ours"`
	Peer    string `json:"Peer,omitempty"`
	Verdict string `json:"Verdict"` // met, missed or not measured
}

// The verdicts.
const (
	Met         = "met"
	Missed      = "missed"
	NotMeasured = "not measured"
)

// pick says which results are meant: the fastest of them counts.
type pick struct {
	contenders []string
	ways       []string
	batch      int // 0: any
}

func (p pick) best(results []Result, table, keys string, cores int) (best *Result) {
	for i, r := range results {
		if r.Table == table && r.Keys == keys && r.Cores == cores && slices.Contains(p.contenders, r.Contender) && slices.Contains(p.ways, r.Way) &&
			(p.batch == 0 || p.batch == r.Batch) && (best == nil || r.Ns.Median < best.Ns.Median) {
			best = &results[i]
		}
	}
	return best
}

var (
	ourBatch  = pick{contenders: []string{oursName}, ways: []string{Batch}}
	ourSingle = pick{contenders: []string{oursName}, ways: []string{Single}}
	ourNetip  = pick{contenders: []string{oursName}, ways: []string{Netip}}
	bartFast  = pick{contenders: []string{"bart.Fast"}, ways: []string{Netip}}
	lpmBulk   = pick{contenders: []string{"rte_lpm"}, ways: []string{Batch}}
	lpmInline = pick{contenders: []string{"rte_lpm"}, ways: []string{Single}}
	fibBulk   = pick{contenders: []string{"rte_fib"}, ways: []string{Batch}}
	fib6Bulk  = pick{contenders: []string{"rte_fib6"}, ways: []string{Batch}}
	anyDPDK   = pick{contenders: []string{"rte_lpm", "rte_fib"}, ways: []string{Single, Batch}}
	our256    = pick{contenders: []string{oursName}, ways: []string{Batch}, batch: 256}
)

// ratios are the targets against a peer.
var ratios = []struct {
	about, table, keys string
	ours, peer         pick
	least              float64
	than               string
}{
	{"VPC table of at most 32 intervals, batch", "vpc-10", "in-table", ourBatch, lpmBulk, 4, "rte_lpm bulk"},
	{"VPC table of at most 32 intervals, batch", "vpc-10", "in-table", ourBatch, bartFast, 40, "bart.Fast"},
	{"VPC table of at most 64 intervals, batch", "vpc-30", "in-table", ourBatch, lpmBulk, 3, "rte_lpm bulk"},
	{"VPC table of 1,000 routes, batch", "vpc-1000", "in-table", ourBatch, lpmBulk, 1, "rte_lpm bulk"},
	{"VPC table of 1,000 routes, single", "vpc-1000", "in-table", ourSingle, bartFast, 4.5, "bart.Fast"},
	{"full IPv4, random in-table keys, batch 256", "bgp4", "in-table", our256, lpmBulk, 1.5, "rte_lpm bulk"},
	{"full IPv4, random in-table keys, batch 256", "bgp4", "in-table", our256, fibBulk, 1.2, "the best rte_fib"},
	{"full IPv4, uniform keys, batch 256", "bgp4", "uniform", our256, anyDPDK, 3, "the best of DPDK"},
	{"full IPv4, single inlined", "bgp4", "in-table", ourSingle, lpmInline, 1.8, "rte_lpm inline"},
	{"full IPv4, single through netip.Addr", "bgp4", "in-table", ourNetip, bartFast, 18, "bart.Fast"},
	{"full IPv6, in-table keys, batch", "bgp6", "in-table", ourBatch, fib6Bulk, 2, "rte_fib6"},
	{"full IPv6, in-table keys, batch", "bgp6", "in-table", ourBatch, bartFast, 13, "bart.Fast"},
}

// judge says which targets are met.
func (r *Report) judge() {
	for _, t := range ratios {
		v := TargetVerdict{Case: t.about, Target: fmt.Sprintf("at least %gx %s", t.least, t.than), Verdict: NotMeasured}
		ours, peer := t.ours.best(r.Results, t.table, t.keys, 1), t.peer.best(r.Results, t.table, t.keys, 1)
		if ours != nil {
			v.Ours = ours.short()
		}
		if ours != nil && peer != nil {
			v.Peer = peer.short()
			v.ratio(paired(peer.Samples, ours.Samples), t.least)
		}
		r.Targets = append(r.Targets, v)
	}
	r.judgeMemory("bgp4", "memory for each IPv4 prefix, 200 next hops (16-bit values)", 6.5)
	r.judgeMemory("bgp4-unique", "memory for each IPv4 prefix, a next hop for each (32-bit values)", 10)
	r.judgeBuild()
	r.judgeUpdates()
	r.judgeCores()
}

// ratio judges samples of a ratio by their median.
func (v *TargetVerdict) ratio(samples []float64, least float64) {
	s := SpreadOf(samples)
	v.Got, v.Spread = fmt.Sprintf("%.2fx", s.Median), fmt.Sprintf("%.2f to %.2f", s.Q1, s.Q3)
	v.judge(s.Median >= least)
}

func (v *TargetVerdict) judge(met bool) {
	v.Verdict = Missed
	if met {
		v.Verdict = Met
	}
}

// short is a result in a cell: "rte_lpm batch 64: 3.21 ns (3.02 at best)".
func (r *Result) short() string {
	name := r.Contender + " " + Contender{Way: r.Way, Batch: r.Batch}.label()
	return fmt.Sprintf("%s: %.2f ns (%.2f at best)", name, r.Ns.Median, r.Ns.Min)
}

// ourBuild is what our structure of a table cost.
func (r *Report) ourBuild(table string) *BuildResult {
	at := slices.IndexFunc(r.Structures, func(b BuildResult) bool { return b.Table == table && b.Contender == oursName })
	if at < 0 {
		return nil
	}
	return &r.Structures[at]
}

func (r *Report) judgeMemory(table, about string, most float64) {
	v := TargetVerdict{Case: about, Target: fmt.Sprintf("at most %g B", most), Verdict: NotMeasured}
	if b := r.ourBuild(table); b != nil {
		v.Got, v.Ours = fmt.Sprintf("%.2f B", b.BytesPerPrefix), b.Detail
		v.judge(b.BytesPerPrefix <= most)
	}
	r.Targets = append(r.Targets, v)
}

func (r *Report) judgeBuild() {
	v := TargetVerdict{Case: "full IPv4, rebuild", Target: "at most 80 ms", Verdict: NotMeasured}
	if b := r.ourBuild("bgp4"); b != nil {
		v.Got, v.Spread = fmt.Sprintf("%.1f ms", b.BuildMs.Median), fmt.Sprintf("%.1f to %.1f", b.BuildMs.Min, b.BuildMs.Max)
		v.judge(b.BuildMs.Median <= 80)
	}
	r.Targets = append(r.Targets, v)
}

func (r *Report) judgeUpdates() {
	rate := TargetVerdict{Case: "full IPv4, updates in place", Target: "at least 0.5 M/s", Verdict: NotMeasured}
	loss := TargetVerdict{Case: "full IPv4, readers during updates", Target: "lose at most 5 %", Verdict: NotMeasured}
	for _, u := range r.Updates {
		if u.Table != "bgp4" {
			continue
		}
		rate.Got = fmt.Sprintf("%.2f M/s", u.PerSecond/1e6)
		rate.judge(u.PerSecond >= 0.5e6)
		loss.Got, loss.Spread = fmt.Sprintf("%.1f %%", 100*u.ReaderLoss.Median), fmt.Sprintf("%.1f to %.1f", 100*u.ReaderLoss.Q1, 100*u.ReaderLoss.Q3)
		loss.judge(u.ReaderLoss.Median <= 0.05)
	}
	r.Targets = append(r.Targets, rate, loss)
}

func (r *Report) judgeCores() {
	v := TargetVerdict{Case: "full IPv4, in-table keys, batch 256, from 1 to 2 cores", Target: "at least 1.95x", Verdict: NotMeasured}
	one, two := our256.best(r.Results, "bgp4", "in-table", 1), our256.best(r.Results, "bgp4", "in-table", 2)
	if one != nil && two != nil {
		ratios := paired(one.Samples, two.Samples)
		for i := range ratios {
			ratios[i] *= 2 // cores, each at the pace of its samples
		}
		v.Ours = one.short()
		v.ratio(ratios, 1.95)
	}
	r.Targets = append(r.Targets, v)
}

// Missed says whether a target was missed.
func (r *Report) Missed() bool {
	return slices.ContainsFunc(r.Targets, func(v TargetVerdict) bool { return v.Verdict == Missed })
}
