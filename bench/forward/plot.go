package forward

import (
	"fmt"
	"html"
	"io"
	"strings"

	"vpcsim/bench"
)

// The plot has a panel for each measure, and in it a row for each contender: a bar as long as the median, a line from quartile to quartile.
// Axes begin at 0, so that lengths compare. It is SVG without scripts, links or fonts of its own.

// The measures of the plot, in pixels.
const (
	margin      = 24
	headHeight  = 84
	labelWidth  = 110
	axisWidth   = 340
	valueWidth  = 110
	panelWidth  = labelWidth + axisWidth + valueWidth
	panelHead   = 26
	rowHeight   = 19
	gap         = 22
	columns     = 2
	footLine    = 17
	charsInFoot = 180
)

// colourOf is by who the contender is; the colours differ for the colour-blind, too (Okabe and Ito).
func colourOf(contender string) string {
	switch {
	case strings.HasPrefix(contender, Ours):
		return "#0072b2"
	case contender == Direct:
		return "#999999"
	case strings.HasPrefix(contender, "kernel"), contender == "bridge":
		return "#d55e00"
	}
	return "#009e73"
}

// plot is an SVG text that grows.
type plot struct{ strings.Builder }

func (p *plot) addf(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

func (p *plot) text(x, y int, anchor, colour string, size int, text string) {
	p.addf(`<text x="%d" y="%d" text-anchor="%s" fill="%s" font-size="%d">%s</text>`, x, y, anchor, colour, size, html.EscapeString(text))
}

// Plot writes the results as SVG.
func (r *Report) Plot(w io.Writer) error {
	var panels [][]Result
	for _, x := range r.Results {
		if n := len(panels); n > 0 && panels[n-1][0].Name == x.Name {
			panels[n-1] = append(panels[n-1], x)
			continue
		}
		panels = append(panels, []Result{x})
	}
	if len(panels) == 0 {
		return fmt.Errorf("nothing to plot: no result")
	}
	body, ends := &plot{}, [columns]int{headHeight, headHeight}
	for _, panel := range panels {
		column := 0
		if ends[1] < ends[0] {
			column = 1
		}
		body.panel(margin+column*(panelWidth+gap), ends[column], panel)
		ends[column] += panelHead + rowHeight*len(panel) + gap
	}
	bottom := max(ends[0], ends[1])
	for _, line := range r.foot() {
		body.text(margin, bottom, "start", "#555555", 11, line)
		bottom += footLine
	}
	width, height := 2*margin+columns*panelWidth+gap, bottom+margin
	p := &plot{}
	p.addf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`, width, height, width, height)
	p.addf(`<rect width="%d" height="%d" fill="#ffffff"/>`, width, height)
	p.addf(`<text x="%d" y="%d" font-size="20" font-weight="bold" fill="#222222">Forwarding: path %s, features %s</text>`, margin, margin+14, r.Plan.Path, r.Plan.Features)
	p.text(margin, margin+36, "start", "#555555", 12, fmt.Sprintf("bar: median of %d rounds; line: quartiles; axes begin at 0; direct is a cable with nobody in between", r.Plan.Rounds))
	_, err := io.WriteString(w, p.String()+body.String()+"</svg>\n")
	return err
}

// panel draws the results of one measure.
func (p *plot) panel(left, top int, rows []Result) {
	better := "less is better"
	if rows[0].More {
		better = "more is better"
	}
	p.text(left, top+14, "start", "#222222", 13, fmt.Sprintf("%s, %s (%s)", rows[0].Name, rows[0].Unit, better))
	most := 0.0
	for _, x := range rows {
		most = max(most, x.Spread.Median, x.Spread.Q3)
	}
	for i, x := range rows {
		y := top + panelHead + rowHeight*i
		at := func(value float64) float64 { return float64(left+labelWidth) + axisWidth*value/max(most, 1e-9) }
		p.text(left+labelWidth-8, y+12, "end", "#222222", 12, x.Contender)
		p.addf(`<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`, left+labelWidth, y+2, at(x.Spread.Median)-at(0), rowHeight-5, colourOf(x.Contender))
		p.addf(`<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#222222" stroke-width="2"/>`, at(x.Spread.Q1), y+rowHeight/2, at(x.Spread.Q3), y+rowHeight/2)
		p.text(left+panelWidth-8, y+12, "end", "#222222", 12, fmt.Sprintf("%.4g", x.Spread.Median))
	}
}

// foot says where it was measured, and why it should not be trusted.
func (r *Report) foot() (lines []string) {
	e := r.Environment
	said := []string{fmt.Sprintf("%s, %d cores, %s, %s, %s, load %s, %s", e.CPU, e.Cores, e.Host, e.Kernel, e.Go, e.Load, e.Time.Format("2006-01-02"))}
	for _, m := range r.Missing {
		said = append(said, "Missing: "+m.Name+": "+m.Why)
	}
	for _, w := range append(append([]string(nil), r.Failed...), r.Warnings...) {
		said = append(said, "Not to be trusted: "+w)
	}
	for _, s := range said {
		lines = append(lines, bench.Wrap(s, charsInFoot)...)
	}
	return lines
}
