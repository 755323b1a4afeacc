package whatif

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"vpcsim/dataplane"
	"vpcsim/dataplane/drop"
	"vpcsim/routing"
	"vpcsim/topology"
	"vpcsim/topology/compile"
)

// RouteTableChange is a route table that the change alters.
type RouteTableChange struct {
	RouteTableID string        `json:"RouteTableId"`
	Name         string        `json:"Name"`
	VpcID        string        `json:"VpcId"`
	SubnetIDs    []string      `json:"SubnetIds"` // those it is in effect for
	Routes       []RouteChange `json:"Routes"`    // by destination, one for each entry of a prefix list
}

// RouteChange is a destination that a route of the table comes to, or goes from. Before and After are the routes that decide about
// it, which may be wider; where they are the same another route holds it, and nothing moves.
type RouteChange struct {
	DestinationCidrBlock     string  `json:"DestinationCidrBlock,omitempty"`
	DestinationIPv6CidrBlock string  `json:"DestinationIpv6CidrBlock,omitempty"`
	Before                   *Route  `json:"Before"` // null: there is none
	After                    *Route  `json:"After"`
	Moves                    bool    `json:"Moves"`            // packets to some address of the destination go to another target
	Kept                     []Route `json:"KeptBy,omitempty"` // more specific routes, whose part stays with its target
}

// Destination is the one destination that is set.
func (r RouteChange) Destination() string { return r.DestinationCidrBlock + r.DestinationIPv6CidrBlock }

// Route is a route of a table. One destination and one target is set, as in AWS's own; of a prefix list's entry the list, too.
type Route struct {
	RouteTableID             string `json:"RouteTableId"`
	RouteTableName           string `json:"RouteTableName"`
	DestinationCidrBlock     string `json:"DestinationCidrBlock,omitempty"`
	DestinationIPv6CidrBlock string `json:"DestinationIpv6CidrBlock,omitempty"`
	DestinationPrefixListID  string `json:"DestinationPrefixListId,omitempty"`
	GatewayID                string `json:"GatewayId,omitempty"`
	NatGatewayID             string `json:"NatGatewayId,omitempty"`
	NetworkInterfaceID       string `json:"NetworkInterfaceId,omitempty"`
	PeeringID                string `json:"VpcPeeringConnectionId,omitempty"`
	TransitGatewayID         string `json:"TransitGatewayId,omitempty"`
	EgressOnlyGatewayID      string `json:"EgressOnlyInternetGatewayId,omitempty"`
	TargetName               string `json:"TargetName,omitempty"`
	State                    string `json:"State,omitempty"` // active or blackhole; empty where nothing matches
}

// Target is the one target that is set.
func (r *Route) Target() string {
	return r.GatewayID + r.NatGatewayID + r.NetworkInterfaceID + r.PeeringID + r.TransitGatewayID + r.EgressOnlyGatewayID
}

// Destination is what the route is for, as it is written in the table.
func (r *Route) Destination() string {
	return cmp.Or(r.DestinationPrefixListID, r.DestinationCidrBlock+r.DestinationIPv6CidrBlock)
}

// Cidr is the CIDR that the route is for, which may be one of the prefix list's.
func (r *Route) Cidr() string { return r.DestinationCidrBlock + r.DestinationIPv6CidrBlock }

// route puts a compiled route into AWS's words; nil for none.
func (n nouns) route(table string, r *dataplane.Route) *Route {
	if r == nil {
		return nil
	}
	out := &Route{
		RouteTableID: table, RouteTableName: n[table], DestinationPrefixListID: r.PrefixList, TargetName: n[r.Target],
		State: string(topology.RouteActive),
	}
	if r.Drop == drop.BadStateRoute || r.Drop == drop.TransitBlackhole {
		out.State = string(topology.RouteBlackhole)
	}
	out.DestinationCidrBlock, out.DestinationIPv6CidrBlock = byFamily(r.Prefix)
	kind, _, _ := strings.Cut(r.Target, "-")
	switch kind {
	case "nat":
		out.NatGatewayID = r.Target
	case "eni":
		out.NetworkInterfaceID = r.Target
	case "pcx":
		out.PeeringID = r.Target
	case "tgw":
		out.TransitGatewayID = r.Target
	case "eigw":
		out.EgressOnlyGatewayID = r.Target
	default:
		out.GatewayID = r.Target
	}
	return out
}

func byFamily(p netip.Prefix) (v4, v6 string) {
	if p.Addr().Is4() {
		return p.String(), ""
	}
	return "", p.String()
}

// compiled is a route table ready for lookups.
type compiled = routing.Table[*dataplane.Route]

// routes lists what changes in route tables, and returns an address of each destination that moves.
func (p *Plan) routes(after *topology.Network) (moved []netip.Addr, err error) {
	was, err := compile.RouteTables(p.before)
	if err != nil {
		return nil, err
	}
	is, err := compile.RouteTables(after)
	if err != nil {
		return nil, err
	}
	for _, v := range after.VPCs {
		for _, t := range v.RouteTables {
			old := p.before.RouteTable(t.ID)
			if old == nil {
				continue
			}
			out := RouteTableChange{RouteTableID: t.ID, Name: t.Name, VpcID: v.ID, SubnetIDs: []string{}}
			for _, dst := range altered(old, t) {
				change, at := p.names.change(t.ID, dst, was[t.ID], is[t.ID])
				out.Routes = append(out.Routes, change)
				if at.IsValid() {
					moved = append(moved, at)
				}
			}
			for _, s := range v.Subnets {
				if s.RouteTable == t {
					out.SubnetIDs = append(out.SubnetIDs, s.ID)
				}
			}
			if out.Routes != nil {
				p.RouteTables = append(p.RouteTables, out)
			}
		}
	}
	slices.SortFunc(moved, netip.Addr.Compare)
	return slices.Compact(moved), nil
}

// altered returns the destinations that routes of a table come to or go from, prefix lists taken apart.
func altered(before, after *topology.RouteTable) (all []netip.Prefix) {
	was, is := destinations(before), destinations(after)
	for p, routes := range is {
		if !slices.Equal(routes, was[p]) {
			all = append(all, p)
		}
	}
	for p := range was {
		if _, there := is[p]; !there {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, netip.Prefix.Compare)
	return all
}

func destinations(t *topology.RouteTable) map[netip.Prefix][]string {
	all := map[netip.Prefix][]string{}
	for _, r := range t.Routes {
		if r.PrefixList == nil {
			all[r.Destination] = append(all[r.Destination], r.Target+" "+string(r.State))
			continue
		}
		for _, p := range r.PrefixList.Entries {
			all[p] = append(all[p], r.Target+" "+r.PrefixList.ID+" "+string(r.State))
		}
	}
	return all
}

// change tells what becomes of a destination, and gives an address of it that moves; an invalid one if none does.
func (n nouns) change(table string, dst netip.Prefix, before, after *compiled) (out RouteChange, at netip.Addr) {
	was, is := covering(before, dst), covering(after, dst)
	out.DestinationCidrBlock, out.DestinationIPv6CidrBlock = byFamily(dst)
	out.Before, out.After = n.route(table, was), n.route(table, is)
	var inside []netip.Prefix
	for _, e := range after.Entries() {
		if e.Prefix.Bits() <= dst.Bits() || !dst.Contains(e.Prefix.Addr()) {
			continue
		}
		inside = append(inside, e.Prefix)
		if alike(covering(before, e.Prefix), e.Value) && e.Origin != routing.Local {
			out.Kept = append(out.Kept, *n.route(table, e.Value))
		}
	}
	if !alike(was, is) {
		at = free(dst, inside)
	}
	out.Moves = at.IsValid()
	return out, at
}

// alike says whether two routes of a table, which may be none, lead to the same target.
func alike(a, b *dataplane.Route) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Target == b.Target && a.Drop == b.Drop
}

// covering returns the route that decides about a prefix as a whole: the longest that contains it; nil if there is none.
func covering(t *compiled, p netip.Prefix) (best *dataplane.Route) {
	for _, e := range t.Entries() {
		if e.Prefix.Bits() <= p.Bits() && e.Prefix.Contains(p.Addr()) && (best == nil || e.Prefix.Bits() > best.Prefix.Bits()) {
			best = e.Value
		}
	}
	return best
}

// free returns an address of p that lies in none of the prefixes inside it; the zero Addr if there is none.
func free(p netip.Prefix, inside []netip.Prefix) netip.Addr {
	for a := p.Masked().Addr(); a.IsValid() && p.Contains(a); {
		n := slices.IndexFunc(inside, func(q netip.Prefix) bool { return q.Contains(a) })
		if n < 0 {
			return a
		}
		a = last(inside[n]).Next()
	}
	return netip.Addr{}
}

// last is the last address of a prefix.
func last(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for bit := p.Bits(); bit < len(b)*8; bit++ {
		b[bit/8] |= 1 << (7 - bit%8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}
