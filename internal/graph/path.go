package graph

import (
	"fmt"
	"regexp"
	"strings"

	"vpcsim/internal/probe"
	"vpcsim/topology"
)

// WithPath is the graph of a network with the path of a traced packet in it: forward, to where it was delivered or dropped.
func WithPath(n *topology.Network, a *probe.Answer) *Graph {
	b := build(n)
	b.Path = &Path{Caption: caption(a)}
	for _, s := range a.Steps {
		if !s.Supposed {
			b.stop(s)
		}
	}
	if at := b.nodes[a.Where]; at != nil && a.Verdict == probe.Delivered && last(b.Path) != at {
		b.visit(at, "delivered") // on the internet, to nobody in particular
	}
	for step := 1; step < len(b.Path.Stops); step++ {
		b.take(b.Path.Stops[step-1].Node.ID, b.Path.Stops[step].Node.ID, step)
	}
	return b.Graph
}

// caption says what was asked and what became of it.
func caption(a *probe.Answer) (lines []string) {
	port := ""
	if a.Port != 0 {
		port = fmt.Sprintf(" port %d", a.Port)
	}
	lines = append(lines, fmt.Sprintf("%s -> %s %s%s: %s", a.From, a.To, a.Protocol, port, a.Verdict))
	if a.Verdict == probe.Delivered {
		lines[0] += ", seen as coming from " + a.SourceAtDestination
	}
	for _, b := range a.Blockers {
		way := "forward"
		if b.Way != "" {
			way = b.Way
		}
		lines = append(lines, fmt.Sprintf("%s: %s by %s", way, b.Reason, b.By))
	}
	return lines
}

func last(p *Path) *Node {
	if len(p.Stops) == 0 {
		return nil
	}
	return p.Stops[len(p.Stops)-1].Node
}

// subnetOf finds the subnet that a network ACL's step is about.
var subnetOf = regexp.MustCompile(`gress of (subnet-[0-9a-f]+)`)

// stop makes a step of a trace a stop of the path. Network ACLs are stops, at their subnets, only where they drop the packet.
func (b *builder) stop(s probe.Step) {
	at := b.nodes[s.Where]
	if s.Stage == "network-acl" {
		m := subnetOf.FindStringSubmatch(s.Rule)
		if m == nil || s.Drop == "" {
			return
		}
		at = b.nodes[m[1]]
	}
	if at == nil {
		return
	}
	b.visit(at, s.Rule)
	if at.Kind == KindTable {
		choose(at, s.Rule)
	}
	at.Blocked = s.Drop
}

// visit makes a node the next stop, unless it is the last one.
func (b *builder) visit(at *Node, note string) {
	if last(b.Path) == at {
		if stop := &b.Path.Stops[len(b.Path.Stops)-1]; note != "" {
			stop.Note = note
		}
		return
	}
	b.Path.Stops = append(b.Path.Stops, Stop{at, note})
	at.Visits = append(at.Visits, len(b.Path.Stops))
}

// choose marks the line of a route table that a step names: DESTINATION -> TARGET, or ENTRY via PREFIX-LIST -> TARGET.
func choose(table *Node, rule string) {
	match, _, _ := strings.Cut(rule, " -> ")
	destination, list, _ := strings.Cut(match, " via ")
	for n := range table.Routes {
		r := &table.Routes[n]
		r.Chosen = r.Chosen || r.Destination == destination || list != "" && r.Destination == list
	}
}

// take makes the packet's nth step an edge, one that is there if it goes between the two nodes.
func (b *builder) take(from, to string, step int) {
	for _, e := range b.Edges {
		if e.Step == 0 && (e.From == from && e.To == to || e.From == to && e.To == from) {
			if e.From != from {
				e.From, e.To = from, to
			}
			e.Step = step
			return
		}
	}
	b.Edges = append(b.Edges, &Edge{From: from, To: to, Step: step})
}
