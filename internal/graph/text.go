package graph

import (
	"fmt"
	"strings"
)

// ASCII draws the graph as a tree of text, nothing but ASCII, with the stops of the path behind their names.
func (g *Graph) ASCII() string {
	var b strings.Builder
	fmt.Fprintf(&b, "network %s  %s\n", g.Name, g.Region)
	var top []branch
	for _, v := range g.VPCs {
		top = append(top, v.branch())
	}
	for _, n := range g.Between {
		top = append(top, branch{text: n.line(), under: nil})
	}
	for _, n := range g.Outside {
		top = append(top, branch{text: n.line()})
	}
	draw(&b, "", top)
	if g.Path != nil {
		fmt.Fprintf(&b, "\n%s\n", strings.Join(g.Path.Caption, "\n"))
		for n, s := range g.Path.Stops {
			fmt.Fprintf(&b, "  [%d] %s%s\n", n+1, s.Node.Title(), note(s.Note))
		}
	}
	return b.String()
}

func note(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

// branch is a line of the tree with those under it.
type branch struct {
	text  string
	under []branch
}

func draw(b *strings.Builder, indent string, all []branch) {
	for n, one := range all {
		stem, more := "|-- ", "|   "
		if n == len(all)-1 {
			stem, more = "`-- ", "    "
		}
		fmt.Fprintf(b, "%s%s%s\n", indent, stem, one.text)
		draw(b, indent+more, one.under)
	}
}

// line is what a node's line says.
func (n *Node) line() string {
	parts := []string{n.Title()}
	if strings.Contains(n.ID, "-0") {
		parts = append(parts, n.ID)
	}
	if n.Detail != "" {
		parts = append(parts, n.Detail)
	}
	return strings.Join(parts, "  ") + n.marks()
}

// marks are the stops that the node is, and why the packet ends there.
func (n *Node) marks() (text string) {
	for _, visit := range n.Visits {
		text += fmt.Sprintf(" [%d]", visit)
	}
	if n.Blocked != "" {
		text += " DROPPED " + n.Blocked
	}
	if text != "" {
		text = "  <==" + text
	}
	return text
}

func (v *VPC) branch() branch {
	b := branch{text: v.line()}
	for _, s := range v.Subnets {
		subnet := branch{text: s.line()}
		for _, m := range s.Members {
			subnet.under = append(subnet.under, branch{text: m.line()})
		}
		b.under = append(b.under, subnet)
	}
	for _, t := range v.Tables {
		table := branch{text: t.line()}
		for _, r := range t.Routes {
			table.under = append(table.under, branch{text: r.line()})
		}
		b.under = append(b.under, table)
	}
	for _, g := range v.Gateways {
		b.under = append(b.under, branch{text: g.line()})
	}
	return b
}

func (r Route) line() string {
	text := r.Destination + " -> " + r.Target
	if r.Chosen {
		text += "  <=="
	}
	return text
}
