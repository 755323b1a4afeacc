package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"vpcsim/internal/control"
	"vpcsim/internal/scenario"
	"vpcsim/internal/workload"
)

// timeline is the picture of all connections: a row for each, time to the right.
type timeline struct {
	Height  int // of the picture; the rows begin at Top
	Top     int
	Ticks   []tick
	Commits []commitLine
	Rows    []*row
	Links   []link
	Legend  []legend
}

// tick is a line of the time axis.
type tick struct {
	X     float64
	Label string
}

// commitLine is a change of the VPC. Labels that would lie on one another are on different lines.
type commitLine struct {
	X     float64
	Y     int // of the label
	End   bool
	Label string
	Title string
}

// row is a connection: spans by the path that it takes, marks where something happened.
type row struct {
	Name, Sub string
	Y         int
	Spans     []span
	Marks     []mark
}

type span struct {
	X, Width float64
	Class    string
	Label    string // "" where there is no room
	Title    string
}

type mark struct {
	X     float64
	Kind  string // lost, stalled, resumed, reconnected, closed
	Label string
	End   bool // the label stands before the mark
	Title string
}

// link leads from a lost connection to the one that replaced it.
type link struct {
	X1, X2 float64
	Y1, Y2 int
}

type legend struct{ Class, Kind, Label string }

const (
	rowHeight   = 34
	labelHeight = 18
	barHeight   = 16
	axisHeight  = 26
)

// axis is time from 0 to end, in milliseconds.
type axis struct{ end float64 }

// at is the place of a time, in percent with two digits.
func (a axis) at(ms float64) float64 {
	return math.Round(10_000*min(1, max(0, ms/a.end))) / 100
}

// ticks are about seven round times.
func (a axis) ticks() (all []tick) {
	step := math.Pow(10, math.Floor(math.Log10(a.end/7)))
	for _, more := range []float64{2, 2.5, 2} { // 1, 2, 5, 10
		if a.end/step > 7 {
			step *= more
		}
	}
	for i := 0; float64(i)*step <= a.end*0.97; i++ {
		all = append(all, tick{a.at(float64(i) * step), strconv.FormatFloat(float64(i)*step/1000, 'f', -1, 64) + " s"})
	}
	return all
}

func newTimeline(r *scenario.Report) *timeline {
	t, a := &timeline{}, axis{max(1, r.Record.EndedMs)}
	t.Ticks, t.Commits = a.ticks(), a.commits(r.Record.Commits, r.Events)
	t.Top = 4
	for _, c := range t.Commits {
		t.Top = max(t.Top, c.Y+6)
	}
	rows := map[string]int{}
	for i, h := range r.Record.Histories {
		row := a.row(h)
		row.Y = t.Top + i*rowHeight
		rows[h.Name] = i
		if at, there := rows[h.Replaces]; there && h.Replaces != "" && len(row.Spans) > 0 {
			lost := t.Rows[at]
			t.Links = append(t.Links, link{lost.end(), row.Spans[0].X, lost.MiddleY(), row.MiddleY()})
		}
		t.Rows = append(t.Rows, row)
	}
	t.Height = t.Top + len(t.Rows)*rowHeight + axisHeight
	t.Legend = t.legend()
	return t
}

// AxisY is where the axis of time is.
func (t *timeline) AxisY() int { return t.Height - axisHeight }

// AxisTextY is where its labels stand.
func (t *timeline) AxisTextY() int { return t.Height - axisHeight/2 + 4 }

// LineY is where a commit's line begins, under its label.
func (c commitLine) LineY() int { return c.Y - 10 }

// Tenth is the place of a commit in a chart.
func (c commitLine) Tenth() float64 { return math.Round(c.X * 10) }

// BarY is the upper edge of a row's bars.
func (r *row) BarY() int { return r.MiddleY() - barHeight/2 }

// BarHeight is their height.
func (r *row) BarHeight() int { return barHeight }

// MiddleY is their middle.
func (r *row) MiddleY() int { return r.Y + rowHeight/2 }

// TextY is where texts in them stand.
func (r *row) TextY() int { return r.MiddleY() + 4 }

// commits gives each commit a line, and its label the first line of text that is free there.
func (a axis) commits(all []scenario.Commit, events []control.Event) (lines []commitLine) {
	const characters = 45.0 // how many have room in the width of the picture in a narrow window
	var until []float64     // for each line of text, where it is free again
	for _, c := range all {
		l := commitLine{X: a.at(c.AtMs), Label: c.Action, Title: fmt.Sprintf("%s (%s) at %s: %s", c.Action, c.ChangeID, seconds(c.AtMs), connectionsCut(c.Cut))}
		for _, e := range events {
			if text, name := request(e); text != "" && e.ChangeID == c.ChangeID {
				l.Title += "\n" + text
				l.Label = strings.TrimSpace(l.Label + " " + name)
			}
		}
		width := 100 * float64(len(l.Label)+2) / characters
		from, to := l.X, l.X+width
		if to > 100 {
			from, to, l.End = l.X-width, l.X, true
		}
		i := slices.IndexFunc(until, func(free float64) bool { return free <= from })
		if i < 0 {
			i, until = len(until), append(until, 0)
		}
		until[i], l.Y = to, 12+i*labelHeight
		lines = append(lines, l)
	}
	return lines
}

func connectionsCut(n int) string {
	if n == 1 {
		return "the router cut 1 connection"
	}
	return fmt.Sprintf("the router cut %d connections", n)
}

// end is where the last span of a row ends.
func (r *row) end() float64 {
	if len(r.Spans) == 0 {
		return 0
	}
	last := r.Spans[len(r.Spans)-1]
	return math.Round(100*(last.X+last.Width)) / 100
}

// moment is when something first happened to a connection; never, which is after all else, if it did not.
func moment(h scenario.History, what string) float64 {
	i := slices.IndexFunc(h.Marks, func(m scenario.Mark) bool { return m.What == what })
	if i < 0 {
		return math.Inf(1)
	}
	return h.Marks[i].AtMs
}

// row draws one connection: until it is connected, by each path, and between its cut and its end.
func (a axis) row(h scenario.History) *row {
	out := &row{Name: h.Name, Sub: h.Kind, Marks: a.marks(h)}
	add := func(from, to float64, class, title string) {
		if to > from {
			out.Spans = append(out.Spans, a.span(h, from, to, class, title))
		}
	}
	connected, cut := moment(h, workload.Connected), moment(h, scenario.MarkCut)
	end := min(a.end, moment(h, scenario.MarkLost), moment(h, workload.Closed))
	add(moment(h, workload.Connecting), min(connected, end), "waiting", "connecting")
	for i, p := range h.Paths {
		until := min(end, cut)
		if i+1 < len(h.Paths) {
			until = min(until, h.Paths[i+1].AtMs)
		}
		add(p.AtMs, until, "path-"+strings.ReplaceAll(p.Path, "+", "-"), fmt.Sprintf("%s, the far side sees %s", p.Path, p.Source))
	}
	if len(h.Paths) == 0 {
		add(connected, end, "waiting", "connected, no data")
	}
	add(cut, end, "lost-span", "cut by the router, not noticed yet")
	return out
}

func (a axis) span(h scenario.History, from, to float64, class, title string) span {
	x := a.at(from)
	s := span{X: x, Width: math.Round(100*(a.at(to)-x)) / 100, Class: class, Title: fmt.Sprintf("%s: %s, %s to %s", h.Name, title, seconds(from), seconds(to))}
	if s.Width > 5 && strings.HasPrefix(class, "path-") {
		s.Label, _, _ = strings.Cut(title, ",")
	}
	return s
}

// marks are the moments that the connection's client noticed.
func (a axis) marks(h scenario.History) (all []mark) {
	for _, m := range h.Marks {
		out := mark{X: a.at(m.AtMs), Kind: m.What, Label: m.Text, Title: fmt.Sprintf("%s: %s at %s", h.Name, cmp.Or(m.Text, m.What), seconds(m.AtMs))}
		switch m.What {
		case workload.Connected:
			if h.Replaces == "" {
				continue
			}
			out.Kind, out.Title = "reconnected", fmt.Sprintf("%s: connected in place of %s at %s", h.Name, h.Replaces, seconds(m.AtMs))
		case workload.Connecting, scenario.MarkCut:
			continue
		case workload.Stalled:
			if slices.ContainsFunc(h.Marks, func(l scenario.Mark) bool { return l.What == scenario.MarkLost && l.AtMs == m.AtMs }) {
				continue
			}
		case workload.Closed:
			out.Title = fmt.Sprintf("%s: closed in good order at %s", h.Name, seconds(m.AtMs))
		}
		if runes := []rune(out.Label); len(runes) > 24 {
			out.Label = string(runes[:23]) + "…"
		}
		out.End = out.X > 80
		all = append(all, out)
	}
	return all
}

// legend explains what the picture has.
func (t *timeline) legend() (all []legend) {
	names := map[string]string{
		"path-igw": "internet gateway", "path-vpce": "gateway endpoint", "path-nat": "NAT gateway", "path-nat-vpce": "NAT gateway, then endpoint",
		"path-local": "within the VPC", "path-pcx": "peering", "path-tgw": "transit gateway", "path-eigw": "egress-only gateway", "path-eni": "an appliance's interface",
		"path-none": "not through a VPC", "waiting": "connecting", "lost-span": "cut, not noticed yet",
	}
	marks := map[string]string{
		scenario.MarkLost: "lost: what the client was told", workload.Stalled: "stalls", workload.Resumed: "goes on", "reconnected": "opened again", workload.Closed: "closed in good order",
	}
	seen := map[string]bool{}
	add := func(l legend) {
		if l.Label != "" && !seen[l.Label] {
			seen[l.Label] = true
			all = append(all, l)
		}
	}
	for _, r := range t.Rows {
		for _, s := range r.Spans {
			add(legend{Class: s.Class, Label: names[s.Class]})
		}
	}
	rank := func(l legend) int { return slices.Index([]string{"waiting", "lost-span"}, l.Class) } // paths before both
	slices.SortStableFunc(all, func(a, b legend) int { return rank(a) - rank(b) })
	for _, r := range t.Rows {
		for _, m := range r.Marks {
			add(legend{Kind: m.Kind, Label: marks[m.Kind]})
		}
	}
	return all
}
