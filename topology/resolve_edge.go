package topology

import "slices"

// edgeTable associates a route table with the VPC's internet gateway (aws-semantics 1.1: gateway route tables).
func (b *vpcBuilder) edgeTable() {
	name, at := b.spec.EdgeRouteTable, b.at("edge_route_table")
	if name == "" {
		return
	}
	t := b.table(name)
	if t == nil {
		b.errorf(at, "%s", b.noTable(name))
		return
	}
	subnet := slices.IndexFunc(b.vpc.Subnets, func(s *Subnet) bool { return s.Explicit && s.RouteTable == t })
	switch {
	case t.Main:
		b.errorf(at, "%s is the main route table, which subnets use; a gateway route table is one of its own", name)
	case subnet >= 0:
		b.errorf(at, "%s is associated with subnet %s; a gateway route table is one of its own", name, b.vpc.Subnets[subnet].Name)
	case b.vpc.InternetGateway == nil:
		b.errorf(at, "%s has no internet gateway to associate the table with; add internet_gateway", b.path)
	default:
		t.Edge, b.vpc.InternetGateway.RouteTable = true, t
	}
}

// checkEdge judges a route of a gateway route table (aws-semantics 1.1).
func (b *vpcBuilder) checkEdge(route *Route, path string, meant bool) {
	p := route.Destination
	switch {
	case route.PrefixList != nil:
		b.errorf(join(path, "destination"), "a gateway route table has no routes to prefix lists, only to CIDRs of the VPC and its subnets")
	case !slices.Contains(b.vpc.AllCIDRs(), p) && !b.isSubnet(p):
		b.errorf(join(path, "destination"), "%s is neither the CIDR of the VPC nor of a whole subnet, which is all that a gateway route table takes", p)
	}
	if meant && !route.Local && route.NetworkInterface == nil && !route.Outside && !route.gone() {
		b.errorf(join(path, "target"), "a route of a gateway route table can lead to a network interface, a Gateway Load Balancer endpoint or local only")
	}
}
