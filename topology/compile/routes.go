package compile

import (
	"net/netip"
	"slices"

	"vpcsim/dataplane"
	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
	"vpcsim/routing"
	"vpcsim/topology"
)

// Local is the target of a local route, as AWS writes it.
const Local = "local"

// What the targets of routes carry: the largest datagram in bytes (aws-semantics 8.5), and the largest MSS that a SYN
// through those that clamp it may announce (aws-semantics 3.4, 5.2).
const (
	mtuInternet = 1500
	mtuGateway  = 8500 // NAT gateways, transit gateways, endpoints
	clampMSS    = mtuGateway - 40
)

// reserved is never forwarded by a wider route: the link-local services live here (aws-semantics 1.3).
var reserved = [...]netip.Prefix{netip.MustParsePrefix("169.254.168.0/22"), netip.MustParsePrefix("fd00:ec2::/32")}

// view is a route table as the subnets of one Availability Zone see it. Only the way to a transit gateway depends on the
// zone; where a table has none, zone is empty and all its subnets share one node.
type view struct {
	table *topology.RouteTable
	zone  string
}

func viewFrom(s *topology.Subnet) view {
	if slices.ContainsFunc(s.RouteTable.Routes, func(r *topology.Route) bool { return r.TransitGateway != nil }) {
		return view{s.RouteTable, s.AZ}
	}
	return view{table: s.RouteTable}
}

// node returns the node of a route table, made on the first call and filled by connect.
func (c *compiler) node(w view) *dataplane.Node {
	n := c.tables[w]
	if n == nil {
		n = &dataplane.Node{ID: w.table.ID, Table: true}
		c.tables[w] = n
	}
	return n
}

func build(routes []*dataplane.Route) (*routing.Table[*dataplane.Route], error) {
	var b routing.Builder[*dataplane.Route]
	for _, r := range routes {
		b.Add(r.Prefix, r.Origin, r)
	}
	choose(routes)
	return b.Build()
}

// choose notes at routes that they are taken only because they were added before others that are equal but lead elsewhere: AWS chooses one of those
// at random, and who reads a trace must know that it might have been another (aws-semantics 1.4).
func choose(routes []*dataplane.Route) {
	type rank struct {
		prefix netip.Prefix
		origin routing.Origin
	}
	first := map[rank]*dataplane.Route{}
	for _, r := range routes {
		if r.Origin < routing.PrefixList {
			continue // the VPC's own, and those by hand, of which there is one for each prefix
		}
		at := rank{r.Prefix, r.Origin}
		switch taken := first[at]; {
		case taken == nil:
			first[at] = r
		case taken.Target != r.Target:
			if taken.Over != "" {
				taken.Over += " and "
			}
			taken.Over += named(r)
		}
	}
}

// named is a route by what it comes from and leads to.
func named(r *dataplane.Route) string {
	if r.PrefixList != "" {
		return r.PrefixList + " -> " + r.Target
	}
	return r.Origin.String() + " -> " + r.Target
}

// routes compiles the routes of one table: a local one per CIDR of the VPC, unless the table gives it another target, then
// those of the topology, a prefix list being one route for each of its entries (aws-semantics 1.2, 1.4).
func (c *compiler) routes(w view) (routes []*dataplane.Route) {
	for _, p := range reserved {
		routes = append(routes, &dataplane.Route{Prefix: p, Target: Local, Origin: routing.Local, Drop: drop.NoPossibleDestination})
	}
	v := c.vpcs[w.table.VPC]
	routes = append(routes, v.toServices()...)
	for _, cidr := range v.VPC.AllCIDRs() {
		replaced := func(r *topology.Route) bool { return !r.Propagated && r.Destination == cidr }
		if !slices.ContainsFunc(w.table.Routes, replaced) {
			routes = append(routes, v.toLocal(cidr))
		}
	}
	for _, r := range w.table.Routes {
		if r.Propagated && inside(r.Destination, v.VPC.AllCIDRs()) {
			continue
		}
		if r.PrefixList == nil {
			routes = append(routes, c.route(w, r, r.Destination))
			continue
		}
		for _, entry := range r.PrefixList.Entries {
			out := c.route(w, r, entry)
			out.PrefixList, out.Origin = r.PrefixList.ID, routing.PrefixList
			routes = append(routes, out)
		}
	}
	return routes
}

// inside says whether all of a prefix lies in one of a VPC's CIDRs. What is propagated for such a prefix does nothing, however
// specific: the VPC's own addresses are local (observed by others, routedo 2018; aws-semantics 1.4).
func inside(p netip.Prefix, cidrs []netip.Prefix) bool {
	return slices.ContainsFunc(cidrs, func(cidr netip.Prefix) bool { return cidr.Bits() <= p.Bits() && cidr.Contains(p.Addr()) })
}

// toLocal is the local route for a prefix.
func (v *vpc) toLocal(prefix netip.Prefix) *dataplane.Route {
	return &dataplane.Route{Prefix: prefix, Target: Local, Origin: routing.Local, Path: conntrack.PathLocal, Node: v.local}
}

// route compiles one route for one prefix.
func (c *compiler) route(w view, r *topology.Route, prefix netip.Prefix) *dataplane.Route {
	v := c.vpcs[w.table.VPC]
	out := &dataplane.Route{Prefix: prefix, Origin: routing.Static, Target: r.Target}
	if r.Propagated {
		out.Origin = routing.Propagated
	}
	switch {
	case r.State == topology.RouteBlackhole: // stays the best route and drops (aws-semantics 1.5)
		out.Drop = drop.BadStateRoute
	case r.Outside:
		out.Drop = drop.UnsupportedComponent
	case r.Local:
		return v.toLocal(prefix)
	case r.InternetGateway != nil:
		c.toInternet(out, v)
	case r.EgressOnly != nil:
		out.Path, out.MTU = conntrack.PathEgressOnly, mtuInternet
		out.Gateway, out.Node = egressOnly{untranslated{v.IPv6CIDR}, v.egressOnly.Outbound()}, c.internet
	case r.Endpoint != nil:
		c.toEndpoint(out, r.Endpoint, v)
	case r.NATGateway != nil && prefix.Addr().Is6(): // NAT64
		out.Drop = drop.UnsupportedComponent
	case r.NATGateway != nil:
		out.Path, out.MTU, out.ClampMSS = conntrack.PathNAT, mtuGateway, clampMSS
		out.Interface = c.interfaces[r.NATGateway.InterfaceID]
	case r.NetworkInterface != nil:
		out.Path, out.Interface = conntrack.PathInterface, c.interfaces[r.NetworkInterface.ID]
		if w.table.Edge && !public(r.NetworkInterface, prefix) { // aws-semantics 1.1
			out.Drop = drop.IngressNoPublicIP
		}
	case r.Peering != nil:
		c.toPeer(out, r.Peering, v)
	case r.TransitGateway != nil:
		c.toTransitGateway(out, r.TransitGateway, v, w.zone)
	default:
		out.Drop = drop.BadStateRoute
	}
	return out
}
