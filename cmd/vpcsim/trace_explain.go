package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"vpcsim/internal/probe"
)

// explainWidth is how many columns an explanation has.
const explainWidth = 100

// explainTrace writes the answer to a probe as an explanation: the steps of both ways, numbered, and then all that stands in the way, with
// what would mend it.
func (a *app) explainTrace(w io.Writer, t *probe.Answer) {
	a.explainWay(w, "forward", t)
	if t.Return != nil {
		fmt.Fprintln(w)
		a.explainWay(w, "return", t.Return)
	}
	explainBlockers(w, t.Blockers)
}

// explainWay writes one way: its steps and how it ends.
func (a *app) explainWay(w io.Writer, way string, t *probe.Answer) {
	fmt.Fprintf(w, "%s: %s -> %s %s", way, t.From, t.To, t.Protocol)
	if t.Port != 0 {
		fmt.Fprintf(w, " port %d", t.Port)
	}
	fmt.Fprintln(w)
	if len(t.Steps) > 0 {
		fmt.Fprintf(w, "  %s -> %s\n", t.Steps[0].Src, t.Steps[0].Dst)
	}
	where := 0
	for _, s := range t.Steps {
		where = max(where, len(s.Where))
	}
	for n, s := range t.Steps {
		if n > 0 && s.Supposed && !t.Steps[n-1].Supposed {
			fmt.Fprintln(w, "  dropped there; had it passed, it would have gone on:")
		}
		head := fmt.Sprintf("  %2d  %-14s  %-*s  ", n+1, s.Stage, where, s.Where)
		wrap(w, head, strings.Repeat(" ", len(head)), says(t, n))
	}
	switch {
	case t.Verdict == probe.Delivered:
		fmt.Fprintf(w, "  %s at %s, which sees %s\n", paint(a.stdout, green, "delivered"), t.Where, t.SourceAtDestination)
	case t.Unanswered():
		fmt.Fprintf(w, "  %s from %s: %s\n", paint(a.stdout, red, "no answer"), t.By, t.Reason)
	default:
		fmt.Fprintf(w, "  %s by %s: %s\n", paint(a.stdout, red, "dropped"), t.By, t.Reason)
	}
}

// says is what the nth step says, in words also where there was no rule to apply.
func says(t *probe.Answer, n int) string {
	s := t.Steps[n]
	switch {
	case s.Rule != "":
		return s.Rule
	case s.Stage == "interface" && n == 0:
		return "sends it"
	case s.Stage == "interface" && n == len(t.Steps)-1:
		return "receives it"
	case s.Stage == "interface":
		return "takes it in, and on"
	}
	return "lets it through as it is"
}

// explainBlockers lists all that refuses the packet or the answer to it.
func explainBlockers(w io.Writer, blockers []probe.Blocker) {
	if len(blockers) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s in the way:\n", plural(len(blockers), "blocker"))
	for n, b := range blockers {
		way := "forward"
		if b.Way != "" {
			way = b.Way
		}
		fmt.Fprintf(w, "  %2d  %s: %s by %s\n", n+1, way, b.Reason, b.By)
		wrap(w, "      why:  ", "            ", b.Rule)
		wrap(w, "      cure: ", "            ", b.Cure)
	}
}

// wrap writes words behind a head, on as many lines as they need; the others begin with indent. A word that is wider than a line stays
// whole.
func wrap(w io.Writer, head, indent, text string) {
	line, empty := head, true
	for _, word := range strings.Fields(text) {
		if !empty && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > explainWidth {
			fmt.Fprintln(w, line)
			line, empty = indent, true
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
	}
	fmt.Fprintln(w, line)
}
