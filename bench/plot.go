package bench

import (
	"cmp"
	"fmt"
	"html"
	"io"
	"math"
	"slices"
	"strings"
)

// The plot has a panel for each table, key set and number of cores, and in it a row for each contender, the fastest at the top: a dot at the median, a bar
// from quartile to quartile, a line from the least to the most. The axis is logarithmic, since a fixed distance is then a fixed ratio,
// and the same in all panels. It is SVG without scripts, links or fonts of its own.

// The measures of the plot, in pixels.
const (
	rowHeight   = 19
	labelWidth  = 190
	axisWidth   = 380
	valueWidth  = 110
	panelWidth  = labelWidth + axisWidth + valueWidth
	panelHead   = 52
	panelFoot   = 34
	gap         = 28
	margin      = 24
	headHeight  = 104
	footLine    = 17
	maxColumns  = 2
	charsInFoot = 105 // in a line of one column
)

// kind is what a contender is, by which it is coloured.
type kind struct {
	name, colour string
	has          func(contender string) bool
}

// kinds are tried in order. Their colours differ for the colour-blind, too (Okabe and Ito).
var kinds = []kind{
	{"vpcsim", "#0072b2", func(c string) bool { return c == oursName }},
	{"memory probe: one read at a random place", "#767676", func(c string) bool { return c == memoryProbe }},
	{"DPDK, in C", "#d55e00", func(c string) bool { return strings.HasPrefix(c, "rte_") }},
	{"libraries in Go", "#009e73", func(string) bool { return true }},
}

func colourOf(contender string) string {
	return kinds[slices.IndexFunc(kinds, func(k kind) bool { return k.has(contender) })].colour
}

// panel is the results that stand together.
type panel struct {
	title, note string
	rows        []Result
}

func (p *panel) height() int { return panelHead + rowHeight*len(p.rows) + panelFoot }

// plot is an SVG text that grows.
type plot struct {
	strings.Builder
	low, high float64 // the axis, as powers of ten
}

// Plot writes the results as SVG.
func (r *Report) Plot(w io.Writer) error {
	panels := r.panels()
	if len(panels) == 0 {
		return fmt.Errorf("nothing to plot: no result")
	}
	p := &plot{}
	p.low, p.high = axis(r.Results)
	columns := min(maxColumns, len(panels))
	places, bottom := layout(panels, columns)
	foot := r.footLines(charsInFoot * columns)
	width := 2*margin + columns*panelWidth + (columns-1)*gap
	height := bottom + footLine*len(foot) + margin
	p.addf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`, width, height, width, height)
	p.addf(`<rect width="%d" height="%d" fill="#ffffff"/>`, width, height)
	p.head(r)
	for i := range panels {
		p.panel(places[i][0], places[i][1], &panels[i])
	}
	for i, line := range foot {
		p.text(margin, bottom+footLine*i, "start", "#555555", 11, line)
	}
	p.addf(`</svg>`)
	_, err := io.WriteString(w, p.String())
	return err
}

// panels groups the results, in the order in which they were measured.
func (r *Report) panels() (all []panel) {
	for _, result := range r.Results {
		title := fmt.Sprintf("%s, %s keys", result.Table, result.Keys)
		if result.Cores > 1 {
			title += fmt.Sprintf(", %d cores at once", result.Cores)
		}
		at := slices.IndexFunc(all, func(p panel) bool { return p.title == title && p.rows[0].Family == result.Family })
		if at < 0 {
			at = len(all)
			all = append(all, panel{title: title, note: r.tableNote(result)})
		}
		all[at].rows = append(all[at].rows, result)
	}
	for _, p := range all {
		slices.SortStableFunc(p.rows, func(a, b Result) int { return cmp.Compare(a.Ns.Median, b.Ns.Median) })
	}
	return all
}

func (r *Report) tableNote(of Result) string {
	for _, t := range r.Tables {
		if t.Table == of.Table && t.Family == of.Family {
			note := fmt.Sprintf("%s, %d prefixes, %d intervals", t.Family, t.Prefixes, t.Intervals)
			if of.Trap {
				note += "; a trap: one address over and over"
			}
			return note
		}
	}
	return ""
}

// layout puts each panel into the column that is the shortest so far, and returns where, and where the last one ends.
func layout(panels []panel, columns int) (places [][2]int, bottom int) {
	ends := make([]int, columns)
	for i := range ends {
		ends[i] = headHeight
	}
	for i := range panels {
		column := slices.Index(ends, slices.Min(ends))
		places = append(places, [2]int{margin + column*(panelWidth+gap), ends[column]})
		ends[column] += panels[i].height() + gap
	}
	return places, slices.Max(ends)
}

// tickSteps are where an axis has lines, in each power of ten.
var tickSteps = []float64{1, 2, 5}

// axis returns the ticks that all samples lie between, as powers of ten.
func axis(results []Result) (low, high float64) {
	least, most := math.Inf(1), 0.0
	for _, r := range results {
		least, most = min(least, r.Ns.Min), max(most, r.Ns.Max)
	}
	down := math.Pow(10, math.Floor(math.Log10(least)))
	low, high = down, 10*math.Pow(10, math.Floor(math.Log10(most)))
	for _, step := range tickSteps {
		if step*down <= least {
			low = step * down
		}
	}
	for _, step := range slices.Backward(tickSteps) {
		if step*high/10 >= most {
			high = step * high / 10
		}
	}
	if high <= low {
		high = 10 * low
	}
	return math.Log10(low), math.Log10(high)
}

func (p *plot) addf(format string, args ...any) {
	fmt.Fprintf(p, format+"\n", args...)
}

func (p *plot) text(x, y int, anchor, colour string, size int, text string) {
	p.addf(`<text x="%d" y="%d" text-anchor="%s" fill="%s" font-size="%d">%s</text>`, x, y, anchor, colour, size, html.EscapeString(text))
}

// x is where a time is on a panel's axis.
func (p *plot) x(left int, ns float64) float64 {
	return float64(left+labelWidth) + axisWidth*(math.Log10(ns)-p.low)/(p.high-p.low)
}

func (p *plot) head(r *Report) {
	p.addf(`<text x="%d" y="%d" font-size="20" font-weight="bold" fill="#222222">Route lookup: nanoseconds per lookup, on each core</text>`, margin, margin+14)
	p.text(margin, margin+34, "start", "#555555", 12,
		fmt.Sprintf("dot: median of %d rounds; bar: quartiles; line: least to most; logarithmic, less is better", r.Plan.Rounds))
	x := margin
	for _, k := range kinds {
		if !slices.ContainsFunc(r.Results, func(of Result) bool { return colourOf(of.Contender) == k.colour }) {
			continue
		}
		p.addf(`<circle cx="%d" cy="%d" r="5" fill="%s"/>`, x+5, margin+54, k.colour)
		p.text(x+16, margin+58, "start", "#222222", 12, k.name)
		x += 40 + 7*len(k.name)
	}
}

func (p *plot) panel(left, top int, of *panel) {
	p.addf(`<text x="%d" y="%d" font-size="15" font-weight="bold" fill="#222222">%s</text>`, left, top+16, html.EscapeString(of.title))
	p.text(left, top+34, "start", "#555555", 12, of.note)
	bottom := top + panelHead + rowHeight*len(of.rows)
	for power := math.Floor(p.low); power <= p.high; power++ {
		for _, step := range tickSteps {
			p.tick(left, top+panelHead-6, bottom, step*math.Pow(10, power), step == 1)
		}
	}
	for i, r := range of.rows {
		p.row(left, top+panelHead+rowHeight*i+rowHeight/2, r)
	}
}

// tick draws a line of the axis, if it is on it; powers of ten have their number.
func (p *plot) tick(left, top, bottom int, ns float64, power bool) {
	const near = 1e-9 // what calculating with logarithms may lose
	if at := math.Log10(ns); at < p.low-near || at > p.high+near {
		return
	}
	colour := "#e8e8e8"
	if power {
		colour = "#c8c8c8"
		unit := fmt.Sprintf("%g ns", ns)
		if ns >= 1000 {
			unit = fmt.Sprintf("%g µs", ns/1000)
		}
		p.addf(`<text x="%.1f" y="%d" text-anchor="middle" fill="#555555" font-size="11">%s</text>`, p.x(left, ns), bottom+16, unit)
	}
	p.addf(`<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="%s"/>`, p.x(left, ns), top, p.x(left, ns), bottom, colour)
}

func (p *plot) row(left, y int, r Result) {
	colour := colourOf(r.Contender)
	weight := "normal"
	if r.Contender == oursName {
		weight = "bold"
	}
	p.addf(`<text x="%d" y="%d" text-anchor="end" fill="#222222" font-weight="%s">%s</text>`, left+labelWidth-10, y+4, weight, html.EscapeString(r.name()))
	p.addf(`<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="%s" stroke-width="1.5"/>`, p.x(left, r.Ns.Min), y, p.x(left, r.Ns.Max), y, colour)
	p.addf(`<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="%s" stroke-width="5" stroke-opacity="0.45"/>`, p.x(left, r.Ns.Q1), y, p.x(left, r.Ns.Q3), y, colour)
	p.addf(`<circle cx="%.1f" cy="%d" r="4.5" fill="%s"/>`, p.x(left, r.Ns.Median), y, colour)
	p.text(left+labelWidth+axisWidth+valueWidth-8, y+4, "end", "#222222", 12, fmt.Sprintf("%s ns", digits(r.Ns.Median)))
}

// name is the contender and its way in a few words.
func (r *Result) name() string {
	if r.Contender == memoryProbe {
		return memoryProbe + " " + r.Way
	}
	return r.Contender + " " + Contender{Way: r.Way, Batch: r.Batch}.label()
}

// digits shows three digits that count.
func digits(x float64) string {
	switch {
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2f", x)
}

// footLines say where it was measured, and why it should not be trusted, in lines of a width.
func (r *Report) footLines(width int) (lines []string) {
	e := r.Environment
	said := []string{fmt.Sprintf("%s, %s, %s, %s, GOAMD64=%s, load %s, %d keys, %s", e.CPU, e.Host, e.Kernel, e.Go, e.GOAMD64, e.Load, r.Plan.Count, e.Time.Format("2006-01-02"))}
	for _, w := range append(slices.Clone(r.Wrong), r.Warnings...) {
		said = append(said, "Not to be trusted: "+w)
	}
	for _, s := range said {
		lines = append(lines, Wrap(s, width)...)
	}
	return lines
}

// Wrap cuts a text between words into lines of a width; all but the first are indented.
func Wrap(text string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = "   "
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
}
