package topology_test

import "vpcsim/topology"

// summarizeGateways writes the gateways of a VPC that the older tests do not know.
func summarizeGateways(p func(string, ...any), v *topology.VPC) {
	if g := v.InternetGateway; g != nil && g.RouteTable != nil {
		p("  edge table %s edge=%v", g.RouteTable.Name, g.RouteTable.Edge)
	}
	if g := v.EgressOnly; g != nil {
		p("  eigw %s %s", g.Name, g.ID)
	}
	for _, g := range v.NATGateways {
		p("  nat %s %s %s %s private=%v %v public=%v eim=%v idle=%v", g.Name, g.ID, g.InterfaceID, g.Subnet.Name, g.Private,
			g.Addresses, g.PublicIPs, g.EIM, g.IdleTimeout)
	}
}

// otherTarget names what a route leads to, if it is none of what the older tests know.
func otherTarget(r *topology.Route) string {
	switch {
	case r.EgressOnly != nil:
		return " eigw=" + r.EgressOnly.Name
	case r.NATGateway != nil:
		return " nat=" + r.NATGateway.Name
	case r.NetworkInterface != nil:
		return " instance=" + r.NetworkInterface.Name
	case r.Peering != nil:
		return " peering=" + r.Peering.Name
	case r.TransitGateway != nil:
		return " tgw=" + r.TransitGateway.Name
	case r.Local:
		return " local"
	case r.Outside:
		return " outside"
	}
	return ""
}

// summarizeBetween writes what connects VPCs.
func summarizeBetween(p func(string, ...any), n *topology.Network) {
	for _, c := range n.Peerings {
		p("peering %s %s %s -> %s", c.Name, c.ID, c.Requester.Name, c.Accepter.Name)
	}
	for _, g := range n.TransitGateways {
		p("tgw %s %s", g.Name, g.ID)
		for _, a := range g.Attachments {
			var subnets []string
			for _, s := range a.Subnets {
				subnets = append(subnets, s.Name)
			}
			table := "none"
			if a.Table != nil {
				table = a.Table.Name
			}
			vpc := "outside=" + a.Outside
			if a.VPC != nil {
				vpc = a.VPC.Name
			}
			if a.Peer != nil {
				vpc = "peer=" + a.Peer.Gateway.Name + "/" + a.Peer.Name
			}
			p("  attachment %s %s %s %v %v %v table=%s", a.Name, a.ID, vpc, subnets, a.InterfaceIDs, a.Addresses, table)
		}
		for _, t := range g.RouteTables {
			p("  table %s %s", t.Name, t.ID)
			for _, r := range t.Routes {
				to := "blackhole"
				if r.Attachment != nil {
					to = r.Attachment.Name
				}
				p("    %s -> %s propagated=%v", r.Destination, to, r.Propagated)
			}
		}
	}
}
