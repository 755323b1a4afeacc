package forward

import (
	"encoding/csv"
	"io"
	"slices"
	"strconv"

	"vpcsim/bench"
)

// Report is what was measured. Its lists are flat, so that they can be read as tables: each row says what it is about.
type Report struct {
	Environment bench.Environment     `json:"Environment"`
	Plan        Plan                  `json:"Plan"`
	Contenders  []ContenderFacts      `json:"Contenders"`
	Results     []Result              `json:"Results"`
	Targets     []bench.TargetVerdict `json:"Targets,omitempty"`
	Missing     []bench.Missing       `json:"Missing,omitempty"`  // peers that are not here
	Notes       []string              `json:"Notes"`              // how to read the figures
	Failed      []string              `json:"Failed,omitempty"`   // what could not be measured: when, what, of whom, why
	Warnings    []string              `json:"Warnings,omitempty"` // why figures should not be trusted
}

// ContenderFacts is who took part.
type ContenderFacts struct {
	Contender string `json:"Contender"`
	About     string `json:"About"`
}

// Sample is a figure of one round.
type Sample struct {
	Round int     `json:"Round"` // from 0
	Value float64 `json:"Value"`
}

// Result is how one contender fared in one measure.
type Result struct {
	Measure
	Contender string       `json:"Contender"`
	Spread    bench.Spread `json:"Spread"`        // of the rounds
	Ratio     bench.Spread `json:"AgainstVpcsim"` // our figure by this one's, round by round; all zero for our own and without any
	OfDirect  float64      `json:"OfDirect"`      // the median of this figure by direct's, round by round; 0 without any
	Bounded   bool         `json:"Bounded"`       // it comes so close to direct's that the ends, and not the contender, are its bound
	Samples   []Sample     `json:"Samples"`       // of the rounds in which it could be measured
}

// add adds a figure of a round.
func (r *Report) add(m Measure, contender string, s Sample) {
	at := slices.IndexFunc(r.Results, func(x Result) bool { return x.Name == m.Name && x.Contender == contender })
	if at < 0 {
		at = len(r.Results)
		r.Results = append(r.Results, Result{Measure: m, Contender: contender})
	}
	r.Results[at].Samples = append(r.Results[at].Samples, s)
}

// result returns a contender's result; nil if there is none.
func (r *Report) result(measure, contender string) *Result {
	at := slices.IndexFunc(r.Results, func(x Result) bool { return x.Name == measure && x.Contender == contender })
	if at < 0 {
		return nil
	}
	return &r.Results[at]
}

// ceiling is the part of direct's figure from which on a figure is called bounded by the ends.
const ceiling = 0.9

// summarise adds up the samples of all results, and puts those of a measure together.
func (r *Report) summarise() {
	var names []string
	for _, s := range steps {
		for _, m := range s.measures {
			names = append(names, m.Name)
		}
	}
	place := func(x Result) int {
		who := slices.IndexFunc(r.Contenders, func(c ContenderFacts) bool { return c.Contender == x.Contender })
		return slices.Index(names, x.Name)*len(r.Contenders) + who
	}
	slices.SortFunc(r.Results, func(a, b Result) int { return place(a) - place(b) })
	for i := range r.Results {
		x := &r.Results[i]
		var values []float64
		for _, s := range x.Samples {
			values = append(values, s.Value)
		}
		x.Spread = bench.SpreadOf(values)
		if x.Contender != Ours {
			x.Ratio = ratio(r.result(x.Name, Ours), x)
		}
		if x.Contender != Direct {
			x.OfDirect = ratio(x, r.result(x.Name, Direct)).Median
			x.Bounded = x.More && x.OfDirect >= ceiling
		}
	}
}

// ratio is how one result is to another, by the rounds in which there are both.
func ratio(of, to *Result) bench.Spread {
	if of == nil || to == nil {
		return bench.Spread{}
	}
	var all []float64
	for _, a := range of.Samples {
		for _, b := range to.Samples {
			if a.Round == b.Round && b.Value > 0 {
				all = append(all, a.Value/b.Value)
			}
		}
	}
	return bench.SpreadOf(all)
}

// spreads are those of all results.
func (r *Report) spreads() (all []bench.Spread) {
	for _, x := range r.Results {
		all = append(all, x.Spread)
	}
	return all
}

// Missed says whether a target was missed.
func (r *Report) Missed() bool {
	return slices.ContainsFunc(r.Targets, func(v bench.TargetVerdict) bool { return v.Verdict == bench.Missed })
}

// CSV writes the results, a row for each, with the names of the columns in the first.
func (r *Report) CSV(to io.Writer) error {
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', 6, 64) }
	rows := [][]string{{"measure", "unit", "contender", "rounds", "min", "q1", "median", "q3", "max", "mad", "vpcsim_by_this", "of_direct", "bounded"}}
	for _, x := range r.Results {
		s := x.Spread
		rows = append(rows, []string{
			x.Name, x.Unit, x.Contender, strconv.Itoa(s.Rounds), number(s.Min), number(s.Q1), number(s.Median), number(s.Q3), number(s.Max), number(s.MAD),
			number(x.Ratio.Median), number(x.OfDirect), strconv.FormatBool(x.Bounded),
		})
	}
	return csv.NewWriter(to).WriteAll(rows)
}
