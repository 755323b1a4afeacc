package compile

import (
	"net/netip"

	"vpcsim/dataplane"
	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
	"vpcsim/endpoint"
	"vpcsim/nat"
	"vpcsim/routing"
	"vpcsim/topology"
)

// Local is the target of a local route, as AWS writes it.
const Local = "local"

// reserved is never forwarded by a wider route: the link-local services live here (aws-semantics 1.3).
var reserved = netip.MustParsePrefix("169.254.168.0/22")

func build(routes []*dataplane.Route) (*routing.Table[*dataplane.Route], error) {
	var b routing.Builder[*dataplane.Route]
	for _, r := range routes {
		b.Add(r.Prefix, r.Origin, r)
	}
	return b.Build()
}

// routeTable compiles the routes of one table: a local one per CIDR of the VPC, then those of the topology, a prefix list
// being one route for each of its entries (aws-semantics 1.2, 1.4).
func (c *compiler) routeTable(t *topology.RouteTable, local *dataplane.Node, igw *nat.Static) (*routing.Table[*dataplane.Route], error) {
	routes := []*dataplane.Route{{Prefix: reserved, Target: Local, Origin: routing.Local, Drop: drop.NoPossibleDestination}}
	for _, cidr := range t.VPC.CIDRs {
		routes = append(routes, &dataplane.Route{
			Prefix: cidr, Target: Local, Origin: routing.Local, Path: conntrack.PathLocal, Node: local,
		})
	}
	for _, r := range t.Routes {
		if r.PrefixList == nil {
			routes = append(routes, c.route(r, r.Destination, routing.Static, igw))
			continue
		}
		for _, entry := range r.PrefixList.Entries {
			routes = append(routes, c.route(r, entry, routing.PrefixList, igw))
		}
	}
	return build(routes)
}

// route compiles one route for one prefix.
func (c *compiler) route(r *topology.Route, prefix netip.Prefix, origin routing.Origin, igw *nat.Static) *dataplane.Route {
	out := &dataplane.Route{Prefix: prefix, Origin: origin, Target: r.Target}
	if r.PrefixList != nil {
		out.PrefixList = r.PrefixList.ID
	}
	switch {
	case r.State == topology.RouteBlackhole: // stays the best route and drops (aws-semantics 1.5)
		out.Drop = drop.BadStateRoute
	case r.Endpoint != nil:
		out.Path, out.Gateway, out.Interface = conntrack.PathEndpoint, endpoint.Gateway{}, c.endpoints[r.Endpoint]
	case r.InternetGateway != nil:
		out.Path, out.Gateway, out.Node = conntrack.PathInternet, igw.Egress(), c.internet
	default:
		out.Drop = drop.BadStateRoute
	}
	return out
}

// unassigned is the part of a VPC's address space that belongs to nobody: it never leaks out of the VPC.
func unassigned(v *topology.VPC) (routes []*dataplane.Route) {
	for _, cidr := range v.CIDRs {
		routes = append(routes, &dataplane.Route{Prefix: cidr, Target: Local, Origin: routing.Local, Drop: drop.NoPossibleDestination})
	}
	return routes
}

// host leads to an interface by one of its addresses.
func host(a netip.Addr, i *dataplane.Interface) *dataplane.Route {
	return &dataplane.Route{Prefix: hostPrefix(a), Target: Local, Origin: routing.Local, Path: conntrack.PathLocal, Interface: i}
}
