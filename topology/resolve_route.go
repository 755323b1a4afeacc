package topology

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// routeTables resolves the VPC's tables without their routes, the implied main table included.
func (b *vpcBuilder) routeTables() {
	names := sortedKeys(b.spec.RouteTables)
	implied := impliedMain(b.spec)
	if implied != "" {
		names = append(names, implied)
		slices.Sort(names)
	}
	main := ""
	for _, name := range names {
		path := b.at("route_tables", name)
		b.name(path, name)
		t := &RouteTable{Name: name, ID: b.id("rtb", "route_tables", name), VPC: b.vpc}
		t.Main = b.spec.RouteTables[name].Main || name == implied
		if t.Main && main != "" {
			b.errorf(join(path, "main"), "%s is the main table already; a VPC has one", main)
		}
		if t.Main {
			main = name
		}
		b.vpc.RouteTables = append(b.vpc.RouteTables, t)
	}
}

// impliedMain returns the name of the main table that the VPC gets because the file marks none: main, or main2 and so on
// if there is a table of that name. It is empty if a table is marked main.
func impliedMain(spec VPCSpec) string {
	for _, t := range spec.RouteTables {
		if t.Main {
			return ""
		}
	}
	name := "main"
	for i := 2; ; i++ {
		if _, taken := spec.RouteTables[name]; !taken {
			return name
		}
		name = fmt.Sprintf("main%d", i)
	}
}

// associations gives every subnet its effective route table (aws-semantics 1.1).
func (b *vpcBuilder) associations() {
	main := slices.IndexFunc(b.vpc.RouteTables, func(t *RouteTable) bool { return t.Main })
	for _, s := range b.vpc.Subnets {
		name := b.spec.Subnets[s.Name].RouteTable
		if name == "" {
			s.RouteTable = b.vpc.RouteTables[main]
			continue
		}
		s.Explicit = true
		if s.RouteTable = b.table(name); s.RouteTable == nil {
			b.errorf(b.at("subnets", s.Name, "route_table"), "%s", b.noTable(name))
		}
	}
}

// noTable says what is wrong with the name of a route table that the VPC does not have.
func (b *vpcBuilder) noTable(name string) string {
	for _, other := range sortedKeys(b.resolver.spec.VPCs) {
		if _, ok := b.resolver.spec.VPCs[other].RouteTables[name]; ok {
			return "route table " + shown(name) + " belongs to " + join("vpcs", other) + "; only tables of the same VPC will do"
		}
	}
	var names []string
	for _, t := range b.vpc.RouteTables {
		names = append(names, t.Name)
	}
	return b.noSuch("route table", name, b.path, names)
}

// routes resolves the static routes of every table.
func (b *vpcBuilder) routes() {
	for _, t := range b.vpc.RouteTables {
		seen := map[string]string{} // destination -> path of its route
		for i, spec := range b.spec.RouteTables[t.Name].Routes {
			path := item(b.at("route_tables", t.Name, "routes"), i)
			route, ok := b.route(path, spec)
			if !ok {
				continue
			}
			destination := route.destination()
			if before, twice := seen[destination]; twice {
				b.errorf(path, "the table already has a route to %s: %s", destination, b.place(before))
			}
			seen[destination] = path
			t.Routes = append(t.Routes, route)
		}
	}
}

// destination names what a route leads to, the same for the same destination however it was written.
func (r *Route) destination() string {
	if r.PrefixList != nil {
		return r.PrefixList.Name
	}
	return r.Destination.String()
}

// route resolves one static route; it reports false if its destination means nothing.
func (b *vpcBuilder) route(path string, spec RouteSpec) (*Route, bool) {
	route := &Route{State: RouteState(cmp.Or(spec.State, string(RouteActive)))}
	if route.State != RouteActive && route.State != RouteBlackhole {
		b.errorf(join(path, "state"), "%s is neither active nor blackhole", shown(spec.State))
	}
	b.target(route, join(path, "target"), spec.Target)
	at := join(path, "destination")
	if !strings.Contains(spec.Destination, "/") && spec.Destination != "" && !isAddress(spec.Destination) {
		return route, b.listDestination(route, at, spec.Destination)
	}
	p, ok := b.cidr(at, spec.Destination)
	if ok {
		route.Destination = p
		b.checkDestination(route, at)
	}
	return route, ok
}

func (b *vpcBuilder) listDestination(route *Route, at, text string) bool {
	route.PrefixList = b.prefixList(text)
	switch {
	case route.PrefixList == nil && !slices.Contains(Regions(), b.net.Region):
		return false // the region itself is the problem
	case route.PrefixList == nil:
		b.errorf(at, "%s", b.unknownPrefixList(text))
		return false
	case !b.limits.PrefixListRoutes:
		b.errorf(at, "%s had no routes to prefix lists but those an endpoint brings; use preset current", b.net.Preset)
	}
	return true
}

// checkDestination judges a CIDR destination against what AWS keeps for itself and for the VPC (aws-semantics 1.2, 1.3).
func (b *vpcBuilder) checkDestination(route *Route, at string) {
	p := route.Destination
	if inside(p, awsReserved) {
		b.errorf(at, "%s lies in %s, where AWS allows no routes", p, awsReserved)
	}
	cidr, local := insideAny(p, b.vpc.CIDRs)
	switch {
	case !local:
	case p == cidr:
		b.errorf(at, "%s is the VPC's own CIDR, whose local route is implied; remove this one", p)
	case !b.limits.MoreSpecificThanLocal:
		b.errorf(at, "%s lies inside the VPC's %s, and %s had no routes more specific than the local one", p, cidr, b.net.Preset)
	case !slices.ContainsFunc(b.vpc.Subnets, func(s *Subnet) bool { return s.CIDR == p }):
		b.errorf(at, "%s lies inside the VPC's %s; such a route must lead to the CIDR of a whole subnet", p, cidr)
	case route.InternetGateway != nil || route.State == RouteActive:
		b.errorf(at, "%s lies inside the VPC's %s; such a route can lead to a NAT gateway, network interface or Gateway Load Balancer endpoint only", p, cidr)
	}
}

// target resolves what a route leads to. A blackhole may name anything, also what is no longer there.
func (b *vpcBuilder) target(route *Route, at, text string) {
	route.Target = text
	igw := b.vpc.InternetGateway
	endpoint := b.endpoint(text)
	_, nat := b.spec.NATGateways[text]
	switch {
	case text == "":
		b.errorf(at, "missing; name the internet gateway")
	case text == "local":
		b.errorf(at, "local routes are implied, one per CIDR of the VPC; remove this one")
	case igw != nil && (text == igw.Name || text == igw.ID):
		route.InternetGateway, route.Target = igw, igw.ID
	case endpoint != nil && route.State == RouteActive:
		// aws-semantics 2.4: AWS refuses to create or replace a route to a gateway endpoint by hand.
		b.errorf(at, "%s is an endpoint, whose routes are its own; add the table to %s", shown(text), b.at("endpoints", endpoint.Name, "route_tables"))
	case endpoint != nil:
		route.Endpoint, route.Target = endpoint, endpoint.ID
	case nat, route.State == RouteBlackhole:
	case igw == nil:
		b.errorf(at, "no gateway %s: %s has none; add internet_gateway: %s, or write state: blackhole if it is gone", shown(text), b.path, shown(text))
	default:
		b.errorf(at, "%s", b.noSuch("gateway", text, b.path, []string{igw.Name}))
	}
}

// routeQuota counts the routes of every table, endpoint routes too, a prefix list by its weight (aws-semantics 1.6).
func (b *vpcBuilder) routeQuota() {
	for _, t := range b.vpc.RouteTables {
		n := 0
		for _, route := range t.Routes {
			if n++; route.PrefixList != nil {
				n += route.PrefixList.Weight - 1
			}
		}
		b.quota(b.at("route_tables", t.Name), n, b.limits.RoutesPerTable, "routes in a table, a prefix list counting by its weight")
	}
}
