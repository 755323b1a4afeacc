package main

import (
	"fmt"
	"io"

	"vpcsim/bench/forward"
)

// printForward shows a report to a person: who took part on what, then the results and the targets, and last what to think of them.
func printForward(w io.Writer, r *forward.Report) {
	printEnvironment(w, r.Environment)
	for _, c := range r.Contenders {
		row(w, c.Contender, c.About)
	}
	fmt.Fprintln(w)
	row(w, "MEASURE", "CONTENDER", "MEDIAN", "UNIT", "QUARTILES", "SPREAD", "VPCSIM BY THIS", "OF DIRECT", "BOUND")
	for _, x := range r.Results {
		against, direct, bound := "", "", ""
		if x.Ratio.Rounds > 0 {
			against = fmt.Sprintf("%.2fx", x.Ratio.Median)
		}
		if x.OfDirect > 0 {
			direct = fmt.Sprintf("%.0f %%", 100*x.OfDirect)
		}
		if x.Bounded {
			bound = "the ends"
		}
		row(w, x.Name, x.Contender, figure(x.Spread.Median), x.Unit, figure(x.Spread.Q1)+" to "+figure(x.Spread.Q3),
			fmt.Sprintf("%.0f %%", 100*x.Spread.Relative()), against, direct, bound)
	}
	printVerdicts(w, r.Targets)
	fmt.Fprintln(w)
	for _, n := range r.Notes {
		fmt.Fprintln(w, "note:", n)
	}
	printMissing(w, r.Missing)
	printWarnings(w, r.Warnings)
}

// figure shows three digits that count, and whole numbers whole.
func figure(x float64) string {
	switch {
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2f", x)
}
