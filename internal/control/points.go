package control

import (
	"fmt"
	"slices"
	"strings"

	"vpcsim/dataplane"
	"vpcsim/topology"
)

// everywhere is all ports, which a capture without points records.
var everywhere = []dataplane.Point{{Port: true}}

// points reads where to capture. Words up to the first that names no place are places; the others are a filter expression.
func points(n *topology.Network, words []string) (all []dataplane.Point, expression string) {
	for i, word := range words {
		found := pointsOf(n, word)
		if found == nil {
			return all, strings.Join(words[i:], " ")
		}
		all = append(all, found...)
	}
	return all, ""
}

// pointsOf finds the places that a word means: a stage, by its name all that there are of it; or a thing, by its name or id.
func pointsOf(n *topology.Network, word string) []dataplane.Point {
	if word == dataplane.StageInterface.String() {
		return everywhere
	}
	for s := dataplane.StageFlow; s <= dataplane.StageACL; s++ {
		if s.String() == word {
			return []dataplane.Point{{Stage: s}}
		}
	}
	if p, err := party(n, word); err == nil && word != "" && n.Endpoint(word) == nil {
		return at(true, 0, p.Interfaces...)
	}
	if p := filterPoints(n, word); p != nil {
		return p
	}
	return gatewayPoints(n, word)
}

func at(port bool, s dataplane.Stage, ids ...string) (all []dataplane.Point) {
	for _, id := range ids {
		all = append(all, dataplane.Point{Port: port, Stage: s, Where: id})
	}
	return all
}

// filterPoints finds network ACLs, security groups and route tables.
func filterPoints(n *topology.Network, word string) (all []dataplane.Point) {
	if a := n.NetworkACL(word); a != nil {
		return at(false, dataplane.StageACL, a.ID)
	}
	if t := n.RouteTable(word); t != nil {
		return at(false, dataplane.StageRoute, t.ID)
	}
	if g := n.SecurityGroup(word); g != nil {
		for _, eni := range n.NetworkInterfaces() {
			if slices.Contains(eni.SecurityGroups, g) {
				all = append(all, at(false, dataplane.StageGroups, eni.ID)...)
			}
		}
	}
	return all
}

// gatewayPoints finds what packets cross. A NAT gateway is known to packets by its network interface, too.
func gatewayPoints(n *topology.Network, word string) []dataplane.Point {
	for _, v := range n.VPCs {
		for _, g := range v.NATGateways {
			if word == g.Name || word == g.ID || word == g.InterfaceID {
				return at(false, dataplane.StageGateway, g.ID, g.InterfaceID)
			}
		}
		if g := v.InternetGateway; g != nil && (word == g.Name || word == g.ID) {
			return at(false, dataplane.StageGateway, g.ID)
		}
		if g := v.EgressOnly; g != nil && (word == g.Name || word == g.ID) {
			return at(false, dataplane.StageGateway, g.ID)
		}
	}
	if e := n.Endpoint(word); e != nil {
		return at(false, dataplane.StageGateway, e.ID)
	}
	if p := n.Peering(word); p != nil {
		return at(false, dataplane.StageGateway, p.ID)
	}
	if g := n.TransitGateway(word); g != nil {
		var ids []string
		for _, a := range g.Attachments {
			ids = append(ids, a.InterfaceIDs...)
		}
		return at(false, dataplane.StageGateway, ids...)
	}
	return nil
}

// pointNames are names of places, for who did not hit one.
func pointNames(n *topology.Network) []string {
	names := partyNames(n)
	for s := dataplane.StageInterface; s <= dataplane.StageACL; s++ {
		names = append(names, s.String())
	}
	for _, v := range n.VPCs {
		for _, g := range v.NATGateways {
			names = append(names, g.Name)
		}
		for _, e := range v.Endpoints {
			names = append(names, e.Name)
		}
		for _, t := range v.RouteTables {
			names = append(names, t.Name)
		}
		for _, a := range v.NetworkACLs {
			names = append(names, a.Name)
		}
		if v.InternetGateway != nil {
			names = append(names, v.InternetGateway.Name)
		}
	}
	return names
}

// placeName is how a place is called in a capture, and what it is.
func (l *Lab) placeName(p dataplane.Place) (name, description string) {
	if name = l.label(p.Where); name == "" {
		name = p.Where
	}
	what := p.Stage.String()
	switch {
	case p.Port:
		return name, p.Where
	case p.Before:
		what = "before"
	case p.Stage == dataplane.StageGateway:
		what = "after"
	}
	return name + " " + what, fmt.Sprintf("%s %s", p.Stage, p.Where)
}
