package compile

import (
	"net/netip"
	"slices"
	"strings"

	"vpcsim/dataplane"
	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
	"vpcsim/nat"
	"vpcsim/routing"
	"vpcsim/topology"
)

// vpc is a VPC with what its routes lead to and cross.
type vpc struct {
	*topology.VPC
	local      *dataplane.Node
	edge       *dataplane.Node    // where what comes through the internet gateway is looked up: the edge table, else local
	igw        *nat.Static        // nil without an internet gateway
	egressOnly *nat.EgressOnly    // nil without an egress-only internet gateway
	inside     []*dataplane.Route // of local
	services   *dataplane.Interface
}

// enter makes the nodes and the interfaces of a VPC.
func (c *compiler) enter(t *topology.VPC) {
	v := &vpc{VPC: t, local: &dataplane.Node{ID: t.ID}, igw: internetGateway(t)}
	c.vpcs[t] = v
	v.inside = unassigned(t)
	c.linkLocal(v)
	v.edge = v.local
	if t.InternetGateway != nil && t.InternetGateway.RouteTable != nil {
		v.edge = &dataplane.Node{ID: t.InternetGateway.RouteTable.ID, Table: true}
	}
	if t.EgressOnly != nil {
		v.egressOnly = c.keepEgressOnly(t.EgressOnly.ID)
	}
	for _, e := range t.Endpoints {
		c.add(&dataplane.Interface{ID: e.ID, Name: e.Name, Node: c.back(e, v)})
	}
	for _, s := range t.Subnets {
		c.subnets[s] = c.subnet(s, v)
	}
	for _, eni := range t.AllInterfaces() {
		i := c.add(c.networkInterface(eni))
		for _, a := range i.Addrs {
			v.inside = append(v.inside, host(a, i))
		}
	}
	for _, g := range t.NATGateways {
		c.natGateway(g, v)
	}
}

// subnet compiles a subnet. Its route table is filled later.
func (c *compiler) subnet(s *topology.Subnet, v *vpc) *dataplane.Subnet {
	out := &dataplane.Subnet{
		ID: s.ID, Prefix: s.CIDR, Router: s.Router(), Local: v.local,
		ACL: c.acl(s.ACL), Node: c.node(viewFrom(s)),
		Resolver: v.Resolver(),
	}
	if s.IPv6CIDR.IsValid() {
		out.Prefix6 = s.IPv6CIDR
		out.Router6 = s.IPv6CIDR.Addr().Next() // AWS's has only link-local ones (aws-semantics 8.1), which cannot be routed back
	}
	return out
}

func (c *compiler) networkInterface(eni *topology.NetworkInterface) *dataplane.Interface {
	i := &dataplane.Interface{
		ID: eni.ID, Name: eni.Name,
		Addrs:           slices.Concat(eni.Addresses, eni.IPv6Addresses),
		SourceDestCheck: eni.SourceDestCheck, Subnet: c.subnets[eni.Subnet],
		Timeouts: conntrack.Timeouts(eni.Tracking),
	}
	if len(eni.SecurityGroups) > 0 {
		i.Groups = c.securityGroups(eni.SecurityGroups)
		ids := make([]string, len(eni.SecurityGroups))
		for n, g := range eni.SecurityGroups {
			ids[n] = g.ID
		}
		i.GroupIDs = strings.Join(ids, ", ")
	}
	if eni.IsPublic() && eni.Subnet.VPC.InternetGateway != nil {
		i.Public = eni.PublicIPs
	}
	return i
}

// connect fills the nodes of a VPC and makes it reachable from the internet.
func (c *compiler) connect(v *vpc) {
	c.fill(v.local, v.inside)
	for _, s := range v.Subnets {
		if node := c.subnets[s].Node; node.Routes == nil {
			c.fill(node, c.routes(viewFrom(s)))
		}
	}
	if v.edge != v.local {
		c.fill(v.edge, c.routes(view{table: v.InternetGateway.RouteTable}))
	}
	c.outside = append(c.outside, v.fromInternet()...)
}

// unassigned is the part of a VPC's address space that belongs to nobody: it never leaks out of the VPC.
func unassigned(v *topology.VPC) (routes []*dataplane.Route) {
	for _, cidr := range v.AllCIDRs() {
		routes = append(routes, &dataplane.Route{Prefix: cidr, Target: Local, Origin: routing.Local, Drop: drop.NoPossibleDestination})
	}
	return routes
}

// host leads to an interface by one of its addresses.
func host(a netip.Addr, i *dataplane.Interface) *dataplane.Route {
	return &dataplane.Route{Prefix: hostPrefix(a), Target: Local, Origin: routing.Local, Path: conntrack.PathLocal, Interface: i}
}

func hostPrefix(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }
