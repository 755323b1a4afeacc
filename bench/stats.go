package bench

import (
	"math"
	"slices"
)

// Spread is how the samples of the rounds lie: nanoseconds per lookup on each core, or a ratio of two such.
type Spread struct {
	Min    float64 `json:"Min"`
	Q1     float64 `json:"Q1"`
	Median float64 `json:"Median"`
	Q3     float64 `json:"Q3"`
	Max    float64 `json:"Max"`
	MAD    float64 `json:"Mad"` // the median absolute deviation from the median
	Rounds int     `json:"Rounds"`
}

// Relative is the deviation as a part of the median.
func (s Spread) Relative() float64 {
	if s.Median == 0 {
		return 0
	}
	return s.MAD / s.Median
}

// SpreadOf sums samples up; without any it is all zero.
func SpreadOf(samples []float64) Spread {
	if len(samples) == 0 {
		return Spread{}
	}
	sorted := slices.Sorted(slices.Values(samples))
	median := quantile(sorted, 0.5)
	away := make([]float64, len(sorted))
	for i, s := range sorted {
		away[i] = math.Abs(s - median)
	}
	slices.Sort(away)
	return Spread{
		Min: sorted[0], Q1: quantile(sorted, 0.25), Median: median, Q3: quantile(sorted, 0.75), Max: sorted[len(sorted)-1],
		MAD: quantile(away, 0.5), Rounds: len(sorted),
	}
}

// quantile interpolates between the two samples around the place.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	below := int(at)
	above := min(below+1, len(sorted)-1)
	return sorted[below] + (sorted[above]-sorted[below])*(at-float64(below))
}

// paired returns the ratios of two contenders' samples, round by round: how many times as long the first takes.
func paired(slow, fast []float64) []float64 {
	ratios := make([]float64, min(len(slow), len(fast)))
	for i := range ratios {
		ratios[i] = slow[i] / fast[i]
	}
	return ratios
}

// Paired is how many times as long one result's lookups took as another's of the same table, keys and cores, round by round.
func Paired(slow, fast Result) Spread { return SpreadOf(paired(slow.Samples, fast.Samples)) }
