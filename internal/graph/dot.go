package graph

import (
	"fmt"
	"strconv"
	"strings"
)

// DOT draws the graph as the source of a Graphviz digraph (https://graphviz.org/doc/info/lang.html).
func (g *Graph) DOT() string {
	d := new(dot)
	d.writef("digraph %s {", strconv.Quote(g.Name))
	d.writef("  rankdir=LR; fontname=\"sans-serif\"; node [shape=box, style=rounded, fontname=\"sans-serif\", fontsize=10]; edge [fontname=\"sans-serif\", fontsize=9];")
	if g.Path != nil {
		d.writef("  label=%s; labelloc=t; labeljust=l;", quote(g.Path.Caption...))
	}
	for _, v := range g.VPCs {
		d.writef("  subgraph %s {", strconv.Quote("cluster_"+v.ID))
		d.writef("    label=%s; color=\"#1971c2\";", quote(v.Title(), v.Detail))
		d.node("    ", v.Node, "local")
		for _, s := range v.Subnets {
			d.writef("    subgraph %s {", strconv.Quote("cluster_"+s.ID))
			d.writef("      label=%s; color=\"#868e96\";", quote(s.Title(), s.Detail))
			d.node("      ", s.Node, "subnet")
			for _, i := range s.Members {
				d.node("      ", i, i.Title())
			}
			d.writef("    }")
		}
		for _, t := range append(v.Tables, v.Gateways...) {
			d.node("    ", t, t.Title())
		}
		d.writef("  }")
	}
	for _, n := range append(append([]*Node{}, g.Between...), g.Outside...) {
		d.node("  ", n, n.Title())
	}
	for _, e := range g.Edges {
		d.edge(e)
	}
	d.writef("}")
	return d.b.String()
}

// dot writes a digraph.
type dot struct{ b strings.Builder }

func (d *dot) writef(format string, args ...any) { fmt.Fprintf(&d.b, format+"\n", args...) }

// quote is a label of lines below each other.
func quote(lines ...string) string {
	var kept []string
	for _, l := range lines {
		if l != "" {
			kept = append(kept, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(l))
		}
	}
	return `"` + strings.Join(kept, `\n`) + `"`
}

func (d *dot) node(indent string, n *Node, title string) {
	lines := []string{title + stops(n)}
	if n.Kind != KindVPC && n.Kind != KindSubnet {
		lines = append(lines, n.Detail)
	}
	for _, r := range n.Routes {
		lines = append(lines, r.line())
	}
	style := ""
	switch {
	case n.Blocked != "":
		lines = append(lines, n.Blocked)
		style = ", color=\"#c92a2a\", fillcolor=\"#ffe3e3\", style=\"rounded,filled\", penwidth=2"
	case len(n.Visits) > 0:
		style = ", color=\"#d9480f\", penwidth=2"
	}
	d.writef("%s%s [label=%s%s];", indent, strconv.Quote(n.ID), quote(lines...), style)
}

func (d *dot) edge(e *Edge) {
	var attributes []string
	label := e.Label
	if e.Step > 0 {
		label = strings.TrimSuffix(fmt.Sprintf("%d: %s", e.Step, label), ": ")
		attributes = append(attributes, "color=\"#d9480f\"", "penwidth=2.5")
	}
	if e.Dashed && e.Step == 0 {
		attributes = append(attributes, "style=dashed", "arrowhead=none")
	}
	if label != "" {
		attributes = append(attributes, "label="+quote(label))
	}
	d.writef("  %s -> %s [%s];", strconv.Quote(e.From), strconv.Quote(e.To), strings.Join(attributes, ", "))
}
