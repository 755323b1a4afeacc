package soak

import (
	"fmt"
	"math"
	"time"

	"vpcsim/bench"
)

// Verdict is whether something held.
type Verdict struct {
	Case    string `json:"Case"`
	Target  string `json:"Target"`
	Got     string `json:"Got"`
	Verdict string `json:"Verdict"` // bench.Met, Missed or NotMeasured
}

// What must hold.
const (
	maxPause   = time.Millisecond
	onTime     = 0.95 // of the commits that were due
	noise      = 3.0  // standard errors that a slope may be above zero
	sameMemory = 0.01 // of the memory, which a rise may be without meaning anything
	spare      = 2    // threads: the runtime keeps those that it once needed, and may need them late
)

// judge says of everything whether it held.
func (r *Report) judge() {
	say := func(what, target string, held bool, format string, args ...any) {
		v := Verdict{what, target, fmt.Sprintf(format, args...), bench.Missed}
		if held {
			v.Verdict = bench.Met
		}
		r.Verdicts = append(r.Verdicts, v)
	}
	for _, a := range r.accounts() {
		say("loss, "+a.name, "every datagram arrives or is counted", a.Unaccounted <= 0 && -a.Unaccounted <= a.others(), "%d of %d lost uncounted; %d dropped and counted%s",
			max(0, a.Unaccounted), a.Sent, a.Lost(), a.surplus())
		say("order, "+a.name, "no datagram overtakes another of its flow", a.Disordered == 0, "%d of %d, in %d flows", a.Disordered, a.Received, a.Flows)
		say("contents, "+a.name, "every datagram is as it was sent", a.Damaged == 0, "%d of %d damaged", a.Damaged, a.Received)
	}
	say("commits", fmt.Sprintf("one every %s", r.Plan.Commit), float64(r.Commits.Made) >= onTime*float64(r.Commits.Due), "%d of %d; median %s, p99 %s, max %s",
		r.Commits.Made, r.Commits.Due, r.Commits.Median.Round(time.Microsecond), r.Commits.P99.Round(time.Microsecond), r.Commits.Max.Round(time.Microsecond))
	say("flows", "no commit cuts one", r.Commits.Cut == 0, "%d cut", r.Commits.Cut)
	m, h := r.MemorySlope, r.MemoryHalves
	say("memory", "flat: no slope but noise", m.flat(1) || h[0].flat(0.5) || h[1].flat(0.5), "%+.0f KiB/min, standard error %.0f, first half %+.0f, second half %+.0f; %+.2f %% of %.1f MiB in all",
		m.PerMinute, m.Error, h[0].PerMinute, h[1].PerMinute, 100*m.Rise/math.Max(1, m.Mean), m.Mean/1024)
	say("GC pauses", fmt.Sprintf("at most %s", maxPause), r.GC.Max <= maxPause, "%d of %d longer, in %d collections; max %s, of which until all threads had stopped at most %s; p99 %s, median %s",
		r.GC.Long, r.GC.Count, r.GC.Collections, r.GC.Max, r.GC.Stopping, r.GC.P99, r.GC.Median)
	goroutines, threads := growth(r.Samples, func(s Sample) int { return s.Goroutines }, 0), growth(r.Samples, func(s Sample) int { return s.Threads }, spare)
	say("goroutines", "as many as before", !goroutines.grew, "%s", goroutines.text)
	say("threads", fmt.Sprintf("as many as before, or up to %d more", spare), !threads.grew, "%s", threads.text)
}

// flat says whether memory did not rise, beyond noise or a part of what means nothing. A thread that the runtime starts late is a step, and a
// line through a step rises. So a lab of which one half is flat is not taken for one that leaks, which would rise in both.
func (s Slope) flat(part float64) bool {
	return s.PerMinute <= noise*s.Error || s.Rise <= part*sameMemory*s.Mean
}

// others is how many frames of their own the senders' kernels may have lost in the queues that are counted: they ask for the router's MAC address
// by ARP when they have not heard of it for half a minute or so, up to three times.
func (a *Account) others() int64 { return int64(len(paths)) * (1 + int64(a.Took/(10*time.Second))) }

// surplus tells of counted frames that were none of those sent.
func (a *Account) surplus() string {
	if a.Unaccounted >= 0 {
		return ""
	}
	return fmt.Sprintf(", and %d of the kernels' own, as ARP", -a.Unaccounted)
}

// named is an account with the name of its part of the run.
type named struct {
	name string
	*Account
}

func (r *Report) accounts() (all []named) {
	if r.Flood != nil {
		all = append(all, named{"flood", r.Flood})
	}
	return append(all, named{"soak", &r.Run})
}

// Missed says whether something did not hold.
func (r *Report) Missed() bool {
	for _, v := range r.Verdicts {
		if v.Verdict == bench.Missed {
			return true
		}
	}
	return false
}

// growing is how something countable has grown.
type growing struct {
	grew bool
	text string
}

// growth compares the least that there were in the first half with the least in the second: what comes and goes is in neither. So many more may be.
func growth(samples []Sample, of func(Sample) int, more int) growing {
	samples = judged(samples)
	least := func(part []Sample) int {
		n := math.MaxInt
		for _, s := range part {
			n = min(n, of(s))
		}
		return n
	}
	if len(samples) < 2 {
		return growing{text: "too short to tell"}
	}
	first, second := halves(samples)
	before, after := least(first), least(second)
	return growing{after > before+more, fmt.Sprintf("%d, then %d", before, after)}
}
