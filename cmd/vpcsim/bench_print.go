package main

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"vpcsim/bench"
)

// printLookup shows a report to a person: what was measured on what, then builds, lookups, updates and targets, and last what to think of it.
func printLookup(w io.Writer, r *bench.Report) {
	printEnvironment(w, r.Environment)
	row(w, "TABLE", "FAMILY", "PREFIXES", "NEXT HOPS", "INTERVALS", "ORIGIN")
	for _, t := range r.Tables {
		row(w, t.Table, t.Family, strconv.Itoa(t.Prefixes), strconv.Itoa(t.NextHops), strconv.Itoa(t.Intervals), t.Origin)
	}
	for i, t := range r.Tables {
		if i > 0 && r.Tables[i-1].Table == t.Table {
			continue // the notes are the table's and not the family's
		}
		for _, note := range t.Notes {
			wrapped(w, "", fmt.Sprintf("%s: %s", t.Table, note))
		}
	}
	fmt.Fprintln(w)
	row(w, "KEYS", "FAMILY", "WHAT THEY ARE")
	for _, k := range r.KeySets {
		row(w, shortKeys(k.Keys), k.Family, k.Note)
	}
	fmt.Fprintln(w)
	row(w, "TABLE", "FAMILY", "CONTENDER", "BUILD", "BUILDS", "MEMORY", "PER PREFIX", "IN ALL", "STRUCTURE")
	for _, b := range r.Structures {
		touched, each := "", ""
		if b.MemoryBytes > 0 {
			touched, each = bytesText(float64(b.MemoryBytes)), fmt.Sprintf("%.2f B", b.BytesPerPrefix)
		}
		row(w, b.Table, b.Family, b.Contender, milliseconds(b.BuildMs.Median), strconv.Itoa(b.BuildMs.Rounds), touched, each, bytesText(float64(b.TotalBytes)), b.Detail)
	}
	fmt.Fprintln(w)
	printResults(w, r)
	printUpdates(w, r)
	printVerdicts(w, r.Targets)
	printMissing(w, r.Missing)
	printWarnings(w, append(slices.Clone(r.Wrong), r.Warnings...))
}

func printEnvironment(w io.Writer, e bench.Environment) {
	fmt.Fprintf(w, "%s, %d cores, %s, %s, %s GOAMD64=%s, load %s\n\n", orDash(e.CPU), e.Cores, e.Host, e.Kernel, e.Go, orDash(e.GOAMD64), orDash(e.Load))
}

// printResults shows each table's and key set's results together, the fastest first, against our own fastest.
func printResults(w io.Writer, r *bench.Report) {
	row(w, "TABLE", "FAMILY", "KEYS", "CORES", "CONTENDER", "WAY", "NS", "MIN", "QUARTILES", "SPREAD", "M/S", "AGAINST VPCSIM")
	for rest := r.Results; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].Table == rest[0].Table && rest[n].Family == rest[0].Family && rest[n].Keys == rest[0].Keys && rest[n].Cores == rest[0].Cores {
			n++
		}
		group := slices.SortedStableFunc(slices.Values(rest[:n]), func(a, b bench.Result) int { return cmp.Compare(a.Ns.Median, b.Ns.Median) })
		for _, x := range group {
			way := x.Way
			if x.Batch > 0 {
				way += " " + strconv.Itoa(x.Batch)
			}
			keys := shortKeys(x.Keys)
			if x.Trap {
				keys += " (a trap)"
			}
			row(w, x.Table, x.Family, keys, strconv.Itoa(x.Cores), x.Contender, way, figure(x.Ns.Median), figure(x.Ns.Min), figure(x.Ns.Q1)+" to "+figure(x.Ns.Q3),
				fmt.Sprintf("%.0f %%", 100*x.Ns.Relative()), fmt.Sprintf("%.1f", x.PerSecond/1e6), against(x, group))
		}
		rest = rest[n:]
	}
}

// shortKeys is a key set's name as it fits a column: a trace without its folder.
func shortKeys(name string) string {
	if file, ok := strings.CutPrefix(name, "trace:"); ok {
		return "trace:" + filepath.Base(file)
	}
	return name
}

// wideText is how wide lines of text are, as in tables.
const wideText = 118

// wrapped writes a text, behind an indent, in lines that are not too wide.
func wrapped(w io.Writer, indent, text string) {
	for _, line := range bench.Wrap(text, wideText) {
		fmt.Fprintln(w, indent+line)
	}
}

// against is how many times as long as our fastest lookup a peer's takes, by the median of the rounds.
func against(x bench.Result, group []bench.Result) string {
	ours := slices.IndexFunc(group, func(r bench.Result) bool { return r.Contender == "vpcsim" })
	if ours < 0 || x.Contender == "vpcsim" {
		return ""
	}
	return fmt.Sprintf("%.2fx", bench.Paired(x, group[ours]).Median)
}

func printUpdates(w io.Writer, r *bench.Report) {
	if len(r.Updates) == 0 {
		return
	}
	fmt.Fprintln(w)
	row(w, "TABLE", "FAMILY", "CONTENDER", "UPDATES", "VISIBLE AFTER", "READER", "READER LOSES")
	for _, u := range r.Updates {
		row(w, u.Table, u.Family, u.Contender, fmt.Sprintf("%.2f M/s", u.PerSecond/1e6), fmt.Sprintf("%.1f us", u.VisibleUs.Median),
			fmt.Sprintf("%.2f ns", u.ReaderNs.Median), fmt.Sprintf("%.1f %%", 100*u.ReaderLoss.Median))
	}
}

func printVerdicts(w io.Writer, targets []bench.TargetVerdict) {
	if len(targets) == 0 {
		return
	}
	fmt.Fprintln(w)
	row(w, "CASE", "TARGET", "GOT", "QUARTILES", "VERDICT")
	for _, t := range targets {
		row(w, t.Case, t.Target, t.Got, t.Spread, t.Verdict)
		if t.Ours+t.Peer != "" {
			row(w, "  "+t.Ours, t.Peer)
		}
	}
}

// printMissing says who could not take part.
func printMissing(w io.Writer, missing []bench.Missing) {
	for _, m := range missing {
		fmt.Fprintln(w)
		wrapped(w, "", fmt.Sprintf("missing: %s: %s (cure: %s)", m.Name, m.Why, m.Cure))
	}
}

// printWarnings says why figures should not be trusted.
func printWarnings(w io.Writer, warnings []string) {
	for i, text := range warnings {
		if i == 0 {
			fmt.Fprintln(w, "\nDo not trust these figures:")
		}
		wrapped(w, "  ", text)
	}
}

func orDash(text string) string { return cmp.Or(strings.TrimSpace(text), "-") }

func milliseconds(ms float64) string {
	switch {
	case ms < 1:
		return fmt.Sprintf("%.1f us", 1000*ms)
	case ms < 1000:
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.1f s", ms/1000)
}

func bytesText(n float64) string {
	for _, unit := range []string{"B", "KiB"} {
		if n < 1024 {
			return fmt.Sprintf("%.0f %s", n, unit)
		}
		n /= 1024
	}
	return fmt.Sprintf("%.1f MiB", n)
}
