package graph

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// The measures of the picture, in pixels.
const (
	margin   = 24
	gap      = 18  // between boxes below each other
	line     = 15  // of text
	padding  = 8   // of a box
	head     = 38  // of a VPC's or subnet's box, above what is in it
	column   = 64  // between columns, where edges run
	wide     = 250 // of subnets and route tables
	narrow   = 230 // of gateways and what is outside
	charSize = 6.1 // a letter's width at most, at the size of small text
)

// SVG draws the graph as a picture that needs nothing else, neither fonts nor a network. From left to right there are a VPC's subnets, its
// route tables, its gateways; then what lies between VPCs, and what lies outside.
func (g *Graph) SVG() string {
	p := newPicture(g)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="Helvetica, Arial, sans-serif" font-size="11">`+"\n",
		p.width, p.height, p.width, p.height)
	b.WriteString(style)
	fmt.Fprintf(&b, `<rect class="paper" width="%d" height="%d"/>`+"\n", p.width, p.height)
	fmt.Fprintf(&b, `<text class="title" x="%d" y="%d">%s</text>`+"\n", margin, margin+6, escape("network "+g.Name+", "+g.Region))
	if g.Path != nil {
		for n, text := range g.Path.Caption {
			fmt.Fprintf(&b, `<text class="caption" x="%d" y="%d">%s</text>`+"\n", margin, margin+26+n*line, escape(text))
		}
	}
	for _, f := range p.frames {
		f.draw(&b)
	}
	for _, e := range g.Edges {
		if e.Step == 0 {
			p.edge(&b, e)
		}
	}
	for _, f := range p.boxes {
		f.draw(&b)
	}
	for _, e := range g.Edges {
		if e.Step > 0 {
			p.edge(&b, e)
		}
	}
	for _, f := range p.boxes {
		f.numbers(&b)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

const style = `<style>
.paper{fill:#ffffff} .title{font-size:16px;font-weight:bold} .caption{font-size:12px;fill:#495057}
.box{fill:#f8f9fa;stroke:#868e96} .vpc{fill:#f1f7fd;stroke:#1971c2;stroke-width:1.5} .subnet{fill:#ffffff;stroke:#adb5bd}
.onpath{stroke:#d9480f;stroke-width:2.5} .blocked{fill:#ffe3e3;stroke:#c92a2a;stroke-width:2.5}
.name{font-weight:bold;fill:#212529} .detail{fill:#495057} .chosen{fill:#d9480f;font-weight:bold} .reason{fill:#c92a2a;font-weight:bold}
.edge{fill:none;stroke:#adb5bd} .dashed{stroke-dasharray:4 3} .path{fill:none;stroke:#d9480f;stroke-width:2.5}
.dot{fill:#d9480f} .number{fill:#ffffff;font-weight:bold;font-size:10px;text-anchor:middle}
</style>
<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="#868e96"/></marker>
<marker id="patharrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="5" markerHeight="5" orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="#d9480f"/></marker></defs>
`

func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return b.String()
}

// box is a node in its place.
type box struct {
	*Node
	class      string
	x, y, w, h int
	title      string
	texts      []text
}

// text is a line in a box.
type text struct {
	class, text string
}

// fit cuts a text to a width, in pixels.
func fit(s string, width int) string {
	most := int(float64(width) / charSize)
	if r := []rune(s); len(r) > most {
		return string(r[:max(1, most-1)]) + "…"
	}
	return s
}

func (f *box) draw(b *strings.Builder) {
	class := f.class
	switch {
	case f.Blocked != "":
		class += " blocked"
	case len(f.Visits) > 0:
		class += " onpath"
	}
	fmt.Fprintf(b, `<g><title>%s</title><rect class="%s" x="%d" y="%d" width="%d" height="%d" rx="5"/>`, escape(f.ID), class, f.x, f.y, f.w, f.h)
	fmt.Fprintf(b, `<text class="name" x="%d" y="%d">%s</text>`, f.x+padding, f.y+padding+9, escape(fit(f.title, f.w-2*padding-14)))
	for n, t := range f.texts {
		fmt.Fprintf(b, `<text class="%s" x="%d" y="%d">%s</text>`, t.class, f.x+padding, f.y+padding+9+(n+1)*line, escape(fit(t.text, f.w-2*padding)))
	}
	b.WriteString("</g>\n")
}

// numbers draws the stops that the box is.
func (f *box) numbers(b *strings.Builder) {
	for n, visit := range f.Visits {
		x := f.x + f.w - 4 - n*20
		fmt.Fprintf(b, `<circle class="dot" cx="%d" cy="%d" r="9"/><text class="number" x="%d" y="%d">%d</text>`+"\n", x, f.y+2, x, f.y+6, visit)
	}
}
