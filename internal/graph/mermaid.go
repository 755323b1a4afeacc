package graph

import (
	"fmt"
	"strings"
)

// Mermaid draws the graph as the source of a Mermaid flowchart (https://mermaid.js.org/syntax/flowchart.html).
func (g *Graph) Mermaid() string {
	m := &mermaid{names: map[string]string{}}
	m.writef("flowchart LR")
	for _, v := range g.VPCs {
		m.writef("  subgraph %s_all[\"%s\"]", m.name(v.ID), m.text(v.Title(), v.Detail))
		m.node("    ", v.Node, "local")
		for _, s := range v.Subnets {
			m.writef("    subgraph %s_all[\"%s\"]", m.name(s.ID), m.text(s.Title(), s.Detail))
			m.node("      ", s.Node, "subnet")
			for _, i := range s.Members {
				m.node("      ", i, i.Title())
			}
			m.writef("    end")
		}
		for _, t := range append(v.Tables, v.Gateways...) {
			m.node("    ", t, t.Title())
		}
		m.writef("  end")
	}
	for _, n := range append(append([]*Node{}, g.Between...), g.Outside...) {
		m.node("  ", n, n.Title())
	}
	for n, e := range g.Edges {
		m.edge(n, e)
	}
	m.writef("  classDef path stroke:#d9480f,stroke-width:3px")
	m.writef("  classDef blocked fill:#ffe3e3,stroke:#c92a2a,stroke-width:3px")
	return m.b.String()
}

// mermaid writes a flowchart.
type mermaid struct {
	b     strings.Builder
	names map[string]string // of nodes, by id: a name has letters and digits
}

func (m *mermaid) writef(format string, args ...any) { fmt.Fprintf(&m.b, format+"\n", args...) }

func (m *mermaid) name(id string) string {
	if m.names[id] == "" {
		m.names[id] = fmt.Sprint("n", len(m.names)+1)
	}
	return m.names[id]
}

// text puts lines below each other, in what may stand between quotes (Mermaid's entity codes).
func (m *mermaid) text(lines ...string) string {
	var kept []string
	for _, l := range lines {
		if l != "" {
			kept = append(kept, strings.NewReplacer("\"", "#quot;", "#", "#35;", "<", "#lt;", ">", "#gt;").Replace(l))
		}
	}
	return strings.Join(kept, "<br/>")
}

func (m *mermaid) node(indent string, n *Node, title string) {
	lines := []string{title + stops(n)}
	if n.Kind != KindVPC && n.Kind != KindSubnet {
		lines = append(lines, n.Detail)
	}
	for _, r := range n.Routes {
		lines = append(lines, r.line())
	}
	if n.Blocked != "" {
		lines = append(lines, n.Blocked)
	}
	m.writef("%s%s[\"%s\"]%s", indent, m.name(n.ID), m.text(lines...), n.class())
}

// stops are the numbers of the stops that a node is.
func stops(n *Node) (text string) {
	for _, visit := range n.Visits {
		text += fmt.Sprintf(" (%d)", visit)
	}
	return text
}

func (n *Node) class() string {
	switch {
	case n.Blocked != "":
		return ":::blocked"
	case len(n.Visits) > 0:
		return ":::path"
	}
	return ""
}

func (m *mermaid) edge(n int, e *Edge) {
	arrow := "-->"
	switch {
	case e.Step > 0:
		arrow = "==>"
	case e.Dashed:
		arrow = "-.->"
	}
	label := e.Label
	if e.Step > 0 {
		label = strings.TrimSuffix(fmt.Sprintf("%d: %s", e.Step, label), ": ")
	}
	if label != "" {
		arrow += fmt.Sprintf("|\"%s\"|", m.text(label))
	}
	m.writef("  %s %s %s", m.name(e.From), arrow, m.name(e.To))
	if e.Step > 0 {
		m.writef("  linkStyle %d stroke:#d9480f,stroke-width:3px", n)
	}
}
