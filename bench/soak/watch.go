package soak

import (
	"context"
	"math"
	"runtime"
	"runtime/metrics"
	"time"

	"vpcsim/bench"
)

// Sample is how the process was at one moment.
type Sample struct {
	Seconds    float64 `json:"Seconds"`
	MemoryKiB  float64 `json:"MemoryKiB"` // that is in the machine's, files not counted (proc(5), RssAnon)
	Goroutines int     `json:"Goroutines"`
	Threads    int     `json:"Threads"`
}

// watch samples the process, a thousand times at most, until the context ends.
func (r *runner) watch(ctx context.Context, began time.Time) (all []Sample) {
	every := min(time.Second, r.plan.Duration/50)
	every = max(every, r.plan.Duration/1000)
	for tick := time.NewTicker(every); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return all
		case <-tick.C:
		}
		passed := time.Since(began)
		r.tell(bench.Progress{What: "soak", Part: min(1, passed.Seconds()/r.plan.Duration.Seconds())})
		kib, threads := bench.ReadProcess()
		all = append(all, Sample{passed.Seconds(), kib, runtime.NumGoroutine(), threads})
	}
}

// judged leaves the first tenth out.
func judged(all []Sample) []Sample { return all[len(all)/10:] }

func halves(all []Sample) (first, second []Sample) { return all[:len(all)/2], all[len(all)/2:] }

// Slope is a straight line through samples, by least squares, and the standard error of its rise. Samples that lie close together are much
// alike, so the error is that of as many independent ones as their correlation leaves.
type Slope struct {
	PerMinute float64 `json:"PerMinute"`
	Error     float64 `json:"Error"`
	Mean      float64 `json:"Mean"`
	Rise      float64 `json:"Rise"` // from the first sample to the last
}

func memorySlope(samples []Sample) Slope {
	var x, y []float64
	for _, s := range samples {
		x, y = append(x, s.Seconds/60), append(y, s.MemoryKiB)
	}
	return fit(x, y)
}

// fit needs three samples; of less it is all zero.
func fit(x, y []float64) (s Slope) {
	n := float64(len(x))
	if n < 3 {
		return s
	}
	mx, my := mean(x), mean(y)
	var xx, xy, rr, r1, last float64
	for i := range x {
		xx += (x[i] - mx) * (x[i] - mx)
		xy += (x[i] - mx) * (y[i] - my)
	}
	s.PerMinute, s.Mean = xy/xx, my
	s.Rise = s.PerMinute * (x[len(x)-1] - x[0])
	for i := range x {
		residue := y[i] - my - s.PerMinute*(x[i]-mx)
		rr += residue * residue
		if i > 0 {
			r1 += residue * last
		}
		last = residue
	}
	if rr > 0 {
		alike := min(0.99, max(0, r1/rr)) // the correlation of neighbours
		s.Error = math.Sqrt(rr/(n-2)/xx) * math.Sqrt((1+alike)/(1-alike))
	}
	return s
}

func mean(x []float64) (sum float64) {
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// Pauses is how long the garbage collector has stopped the process. The runtime keeps no single pauses, but how many were within which
// bounds: what is told is the upper bound.
type Pauses struct {
	Collections int64         `json:"Collections"`
	Count       int64         `json:"Pauses"`
	Median      time.Duration `json:"MedianNs"`
	P99         time.Duration `json:"P99Ns"`
	Max         time.Duration `json:"MaxNs"`
	Long        int64         `json:"Long"`          // how many were longer than they may be
	Stopping    time.Duration `json:"StoppingMaxNs"` // until every thread had stopped, at most: long where the kernel lets one wait for a processor
}

// reading is what the runtime has counted since the process began.
type reading struct {
	collections uint64
	pauses      *metrics.Float64Histogram
	stopping    *metrics.Float64Histogram
}

func readPauses() reading {
	samples := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}, {Name: "/sched/pauses/total/gc:seconds"}, {Name: "/sched/pauses/stopping/gc:seconds"}}
	metrics.Read(samples)
	return reading{samples[0].Value.Uint64(), samples[1].Value.Float64Histogram(), samples[2].Value.Float64Histogram()}
}

// since is what has been between two readings.
func (r reading) since(before reading) Pauses {
	all := between(before.pauses, r.pauses)
	return Pauses{
		int64(r.collections - before.collections), int64(all.count), all.quantile(0.5), all.quantile(0.99), all.quantile(1),
		all.above(maxPause), between(before.stopping, r.stopping).quantile(1),
	}
}

// histogram counts times by their upper bounds, in seconds.
type histogram struct {
	counts []uint64
	bounds []float64
	count  uint64
}

func between(before, after *metrics.Float64Histogram) histogram {
	h := histogram{counts: make([]uint64, len(after.Counts)), bounds: after.Buckets[1:]}
	for i := range h.counts {
		h.counts[i] = after.Counts[i] - before.Counts[i]
		h.count += h.counts[i]
	}
	return h
}

// quantile is the bound of which the part q lies below; 0 if there is nothing.
func (h histogram) quantile(q float64) time.Duration {
	passed := uint64(0)
	for i, n := range h.counts {
		if passed += n; n > 0 && float64(passed) >= q*float64(h.count) {
			return time.Duration(min(h.bounds[i], 3600) * float64(time.Second)) // the last bound is infinite
		}
	}
	return 0
}

// above is how many may be longer: their upper bound is.
func (h histogram) above(limit time.Duration) (n int64) {
	for i, bound := range h.bounds {
		if bound > limit.Seconds() {
			n += int64(h.counts[i])
		}
	}
	return n
}
