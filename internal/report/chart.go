package report

import (
	"fmt"
	"math"
	"strings"

	"vpcsim/internal/scenario"
	"vpcsim/internal/workload"
)

// chart is the throughput of a connection, or of all of them, over the time of the run. Its path is in a box of 1000 by 100.
type chart struct {
	Name    string
	Area    string // of an SVG path
	Peak    string
	Total   string
	End     string // of the time axis
	Wide    bool
	Commits []commitLine
	Title   string
}

const (
	chartWidth  = 1000
	chartHeight = 100
	// minBucket is the least time over which throughput is averaged: that of workload.Progress, in milliseconds.
	minBucket = 50
	// maxBuckets is how many there are at most.
	maxBuckets = 250
)

// charts are that of all connections, and one for each that moved data.
func charts(r *scenario.Record, commits []commitLine) (all []chart) {
	bucket := max(minBucket, r.EndedMs/maxBuckets)
	n := max(1, int(math.Ceil(r.EndedMs/bucket)))
	sum := make([]float64, n)
	var total int64
	for _, h := range r.Histories {
		rates := make([]float64, n)
		for i := range rates {
			rates[i] = rate(h, float64(i)*bucket, min(float64(i+1)*bucket, r.EndedMs))
			sum[i] += rates[i]
		}
		if moved := lastSample(h.Samples).Bytes; moved > 0 {
			total += moved
			all = append(all, newChart(r, commits, h.Name, rates, bucket, moved))
		}
	}
	if len(all) == 0 {
		return nil
	}
	together := newChart(r, commits, "all connections", sum, bucket, total)
	together.Wide = true
	return append([]chart{together}, all...)
}

// rate is how much a connection moved between two times, in bits per second. An open connection has not told of the very last moments yet:
// they are taken to be as those before them.
func rate(h scenario.History, from, to float64) float64 {
	width := to - from
	open := moment(h, scenario.MarkLost) > to && moment(h, workload.Closed) > to
	if known := lastSample(h.Samples).AtMs; open && known < to && known > to-2*minBucket {
		from, to = known-width, known
	}
	return 8000 * (bytesAt(h.Samples, to) - bytesAt(h.Samples, from)) / max(width, 1)
}

func newChart(r *scenario.Record, commits []commitLine, name string, rates []float64, bucket float64, moved int64) chart {
	peak := 0.0
	for _, rate := range rates {
		peak = max(peak, rate)
	}
	a := axis{max(1, r.EndedMs)}
	c := chart{Name: name, Peak: bitRate(peak), Total: size(moved), End: seconds(r.EndedMs), Commits: commits}
	c.Title = fmt.Sprintf("%s: %s in all, at most %s over %.0f ms", name, c.Total, c.Peak, bucket)
	var path strings.Builder
	fmt.Fprintf(&path, "M0 %d", chartHeight)
	for i, rate := range rates {
		x := min(chartWidth, math.Round(chartWidth*float64(i+1)*bucket/a.end))
		fmt.Fprintf(&path, "V%.1fH%.0f", chartHeight*(1-rate/max(peak, 1)), x)
	}
	fmt.Fprintf(&path, "V%dZ", chartHeight)
	c.Area = path.String()
	return c
}

// bytesAt is how much had come through at a time, in a straight line between samples.
func bytesAt(samples []scenario.Sample, ms float64) float64 {
	var before scenario.Sample
	for i, s := range samples {
		if s.AtMs > ms {
			if i == 0 {
				return 0
			}
			return float64(before.Bytes) + float64(s.Bytes-before.Bytes)*(ms-before.AtMs)/(s.AtMs-before.AtMs)
		}
		before = s
	}
	return float64(before.Bytes)
}

func lastSample(samples []scenario.Sample) scenario.Sample {
	if len(samples) == 0 {
		return scenario.Sample{}
	}
	return samples[len(samples)-1]
}

// bitRate writes bits per second.
func bitRate(bits float64) string {
	units := []string{"bit/s", "kbit/s", "Mbit/s", "Gbit/s"}
	unit := 0
	for bits >= 1000 && unit < len(units)-1 {
		bits, unit = bits/1000, unit+1
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", bits), ".0") + " " + units[unit]
}
