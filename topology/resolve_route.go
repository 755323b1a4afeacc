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
		t := &RouteTable{Name: name, ID: b.identify(tableKind, name), VPC: b.vpc}
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
		seen := [2]map[string]string{{}, {}} // of static and of propagated routes: destination -> path
		for i, spec := range b.spec.RouteTables[t.Name].Routes {
			path := item(b.at("route_tables", t.Name, "routes"), i)
			route, ok := b.route(t, path, spec)
			if !ok {
				continue
			}
			destination, own := route.destination(), seen[0]
			if route.Propagated { // beside a static one (aws-semantics 1.4)
				own = seen[1]
			}
			if before, twice := own[destination]; twice {
				b.errorf(path, "the table already has a route to %s: %s", destination, b.place(before))
			}
			own[destination] = path
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

// route resolves one static route of a table; it reports false if its destination means nothing.
func (b *vpcBuilder) route(t *RouteTable, path string, spec RouteSpec) (*Route, bool) {
	route := &Route{State: RouteState(cmp.Or(spec.State, string(RouteActive))), Propagated: spec.Propagated}
	if route.State != RouteActive && route.State != RouteBlackhole {
		b.errorf(join(path, "state"), "%s is neither active nor blackhole", shown(spec.State))
	}
	meant := b.target(t, route, join(path, "target"), spec.Target)
	at := join(path, "destination")
	if !strings.Contains(spec.Destination, "/") && spec.Destination != "" && !isAddress(spec.Destination) {
		if !b.listDestination(route, at, spec.Destination) {
			return route, false
		}
	} else if p, ok := b.eitherCIDR(at, spec.Destination); ok {
		route.Destination = p
	} else {
		return route, false
	}
	switch {
	case route.Propagated && (t.Edge || route.PrefixList != nil):
		b.errorf(join(path, "propagated"), "only routes to CIDRs are propagated, and none into a gateway route table")
	case t.Edge:
		b.checkEdge(route, path, meant)
	case route.PrefixList == nil:
		b.checkDestination(route, at, meant)
	}
	if meant {
		b.checkFamily(route, join(path, "target"))
	}
	return route, true
}

func (b *vpcBuilder) listDestination(route *Route, at, text string) bool {
	route.PrefixList = b.prefixList(b.vpc.Region, text)
	switch {
	case route.PrefixList == nil && !isRegion(b.vpc.Region):
		return false // the region itself is the problem
	case route.PrefixList == nil:
		b.errorf(at, "%s", b.unknownPrefixList(b.vpc.Region, text))
		return false
	case !b.limits.PrefixListRoutes:
		b.errorf(at, "%s had no routes to prefix lists but those an endpoint brings; use preset current", b.net.Preset)
	}
	return true
}

// maxPropagated is a quota that AWS does not raise (aws-semantics 1.6).
const maxPropagated = 100

// routeQuota counts the propagated routes and the static IPv4 routes of every table, endpoint routes too, a prefix list by its weight (aws-semantics 1.6). IPv6
// routes have a quota of their own, which numbers has judged.
func (b *vpcBuilder) routeQuota() {
	for _, t := range b.vpc.RouteTables {
		n, propagated := 0, 0
		for _, route := range t.Routes {
			switch {
			case route.Propagated:
				propagated++
			case route.PrefixList != nil && !route.PrefixList.IPv6:
				n += route.PrefixList.Weight
			case route.Destination.IsValid() && route.Destination.Addr().Is4():
				n++
			}
		}
		b.quota(b.at("route_tables", t.Name), propagated, maxPropagated, "propagated routes in a table")
		b.quota(b.at("route_tables", t.Name), n, b.limits.RoutesPerTable, "routes in a table, a prefix list counting by its weight")
	}
}
