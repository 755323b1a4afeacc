package compile

import (
	"net/netip"
	"slices"

	"vpcsim/dataplane"
	"vpcsim/dataplane/conntrack"
	"vpcsim/nat"
	"vpcsim/routing"
	"vpcsim/topology"
)

// internetGateway returns the translation of the VPC's internet gateway, or nil if it has none: every public
// IP address of network interfaces, and the Elastic IP address of every private address of a NAT gateway (aws-semantics 4, 5.1).
func internetGateway(v *topology.VPC) *nat.Static {
	if v.InternetGateway == nil {
		return nil
	}
	public := map[netip.Addr]netip.Addr{}
	for _, eni := range v.AllInterfaces() {
		for n, a := range eni.PublicIPs {
			if a.IsValid() {
				public[eni.Addresses[n]] = a
			}
		}
	}
	for _, g := range v.NATGateways {
		for n, elastic := range g.PublicIPs {
			public[g.Addresses[n]] = elastic
		}
	}
	return nat.NewStatic(public)
}

// public says whether the internet can reach a network interface in the family of prefix: IPv6 addresses are public as they are.
func public(eni *topology.NetworkInterface, prefix netip.Prefix) bool {
	if prefix.Addr().Is4() {
		return eni.IsPublic()
	}
	return len(eni.IPv6Addresses) > 0
}

// toInternet makes out a route through the VPC's internet gateway, which translates IPv4 and leaves IPv6 as it is.
func (c *compiler) toInternet(out *dataplane.Route, v *vpc) {
	out.Path, out.MTU, out.Node = conntrack.PathInternet, mtuInternet, c.internet
	if out.Prefix.Addr().Is4() {
		out.Gateway = v.igw.Egress()
	} else {
		out.Gateway = untranslated{v.IPv6CIDR}
	}
}

// fromInternet lists the routes by which the internet reaches a VPC: one for every public IPv4 address, and one for the
// IPv6 addresses of every subnet that has a way to the internet, through the gateway that its own packets take, or that the
// gateway route table sends its packets through: through an egress-only one come only answers (aws-semantics 1.7).
func (v *vpc) fromInternet() (routes []*dataplane.Route) {
	through := func(prefix netip.Prefix, g dataplane.Gateway) *dataplane.Route {
		return &dataplane.Route{
			Prefix: prefix, Target: v.InternetGateway.ID, Origin: routing.Static, Path: conntrack.PathInternet, Gateway: g, Node: v.edge,
		}
	}
	if v.igw != nil {
		for _, a := range publicIPs(v.VPC) {
			routes = append(routes, through(hostPrefix(a), v.igw.Ingress()))
		}
	}
	for _, s := range v.Subnets {
		switch {
		case !s.IPv6CIDR.IsValid():
		case v.edgeLeadsTo(s), leads(s.RouteTable, func(r *topology.Route) bool { return r.InternetGateway != nil }):
			routes = append(routes, through(s.IPv6CIDR, hop{}))
		case leads(s.RouteTable, func(r *topology.Route) bool { return r.EgressOnly != nil }):
			routes = append(routes, &dataplane.Route{
				Prefix: s.IPv6CIDR, Target: v.EgressOnly.ID, Origin: routing.Static, Path: conntrack.PathEgressOnly,
				Gateway: v.egressOnly.Inbound(), Node: v.local,
			})
		}
	}
	return routes
}

// edgeLeadsTo says whether the gateway route table has an active route of its own to the IPv6 addresses of a subnet.
func (v *vpc) edgeLeadsTo(s *topology.Subnet) bool {
	if v.InternetGateway == nil || v.InternetGateway.RouteTable == nil {
		return false
	}
	return slices.ContainsFunc(v.InternetGateway.RouteTable.Routes, func(r *topology.Route) bool {
		return r.State != topology.RouteBlackhole && r.Destination.Contains(s.IPv6CIDR.Addr())
	})
}

// publicIPs lists the public IPv4 addresses of a VPC.
func publicIPs(v *topology.VPC) (all []netip.Addr) {
	for _, eni := range v.AllInterfaces() {
		for _, a := range eni.PublicIPs {
			if a.IsValid() {
				all = append(all, a)
			}
		}
	}
	for _, g := range v.NATGateways {
		all = append(all, g.PublicIPs...)
	}
	return all
}

// leads says whether a table has an active IPv6 route to such a target.
func leads(t *topology.RouteTable, to func(*topology.Route) bool) bool {
	return slices.ContainsFunc(t.Routes, func(r *topology.Route) bool {
		if r.State == topology.RouteBlackhole || !to(r) {
			return false
		}
		if r.PrefixList != nil {
			return slices.ContainsFunc(r.PrefixList.Entries, func(p netip.Prefix) bool { return p.Addr().Is6() })
		}
		return r.Destination.Addr().Is6()
	})
}
