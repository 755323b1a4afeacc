package compile

import (
	"net/netip"
	"slices"

	"vpcsim/dataplane"
	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/filter"
	"vpcsim/routing"
	"vpcsim/topology"
)

// transitView is a route table of a transit gateway as packets from one Availability Zone see it: the transit gateway keeps
// them in their zone if it can.
type transitView struct {
	table *topology.TransitTable
	zone  string
}

// attachmentOf returns a VPC's attachment to a transit gateway, or nil.
func attachmentOf(g *topology.TransitGateway, v *topology.VPC) *topology.TransitAttachment {
	for _, a := range g.Attachments {
		if a.VPC == v {
			return a
		}
	}
	return nil
}

// inZone returns the number of an attachment's subnet in an Availability Zone, or -1.
func inZone(a *topology.TransitAttachment, zone string) int {
	return slices.IndexFunc(a.Subnets, func(s *topology.Subnet) bool { return s.AZ == zone })
}

// attach makes a transit gateway's network interfaces. Packets come out of them into the subnet and go on by its network ACL's
// outbound entries and its route table. The inbound entries are for what instances send to the transit gateway, and
// not for what comes from it (Amazon VPC Transit Gateways, tgw-nacls). Nobody can talk to the interface itself, so
// that its address leads nowhere.
func (c *compiler) attach(g *topology.TransitGateway) {
	for _, a := range g.Attachments {
		for n, s := range a.Subnets {
			subnet := *c.subnets[s]
			subnet.ACL = filter.NewNetworkACL(s.ACL.ID, unasked(s.ACL), entries(s.ACL, to, s.ACL.Egress))
			c.add(&dataplane.Interface{
				ID: a.InterfaceIDs[n], Name: a.Name, Addrs: []netip.Addr{a.Addresses[n]}, Subnet: &subnet, Gateway: passage{}, Outlet: true,
			})
		}
	}
}

// toTransitGateway makes out a route from a zone of VPC v to a transit gateway, which has to have a network interface in that
// zone (aws-semantics 8.6).
func (c *compiler) toTransitGateway(out *dataplane.Route, g *topology.TransitGateway, v *vpc, zone string) {
	out.Path, out.MTU, out.ClampMSS = conntrack.PathTransit, mtuGateway, clampMSS
	a := attachmentOf(g, v.VPC)
	switch {
	case a == nil:
		out.Drop = drop.BadStateRoute
	case inZone(a, zone) < 0:
		out.Drop = drop.TransitZone
	case a.Table == nil:
		out.Drop = drop.TransitNoRoute
	default:
		out.Gateway, out.Guard = hop{}, c.subnets[a.Subnets[inZone(a, zone)]] // tgw-nacls: its inbound entries are asked
		out.Entry = c.interfaces[a.InterfaceIDs[inZone(a, zone)]]
		out.Node = c.transitNode(transitView{a.Table, zone})
	}
}

// transitNode compiles a route table of a transit gateway: the longest prefix wins, then static over propagated.
func (c *compiler) transitNode(w transitView) *dataplane.Node {
	if n := c.transits[w]; n != nil {
		return n
	}
	n := &dataplane.Node{ID: w.table.ID, Table: true}
	c.transits[w] = n
	var routes []*dataplane.Route
	for _, r := range w.table.Routes {
		routes = append(routes, c.transitRoute(r, w.zone))
	}
	for _, all := range everywhere {
		routes = append(routes, &dataplane.Route{Prefix: all, Target: "none", Origin: routing.Propagated, Drop: drop.TransitNoRoute})
	}
	c.fill(n, routes)
	return n
}

// toTransitPeer makes out a route to the far end of a peering attachment: the packet goes on by the table that it is associated with, one hop
// on (aws-semantics 8.4).
func (c *compiler) toTransitPeer(out *dataplane.Route, far *topology.TransitAttachment, zone string) {
	if far.Table == nil {
		out.Drop = drop.TransitNoRoute
		return
	}
	out.Gateway, out.Node = hop{}, c.transitNode(transitView{far.Table, zone})
}

func (c *compiler) transitRoute(r *topology.TransitRoute, zone string) *dataplane.Route {
	out := &dataplane.Route{Prefix: r.Destination, Origin: routing.Static, Path: conntrack.PathTransit}
	if r.Propagated {
		out.Origin = routing.Propagated
	}
	if r.Attachment == nil {
		out.Target, out.Drop = "blackhole", drop.TransitBlackhole
		return out
	}
	out.Target = r.Attachment.ID
	if r.Attachment.Outside != "" {
		out.Drop = drop.UnsupportedComponent
		return out
	}
	if far := r.Attachment.Peer; far != nil {
		c.toTransitPeer(out, far, zone)
		return out
	}
	out.Interface = c.interfaces[r.Attachment.InterfaceIDs[max(0, inZone(r.Attachment, zone))]]
	return out
}
