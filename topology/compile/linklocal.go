package compile

import (
	"net/netip"

	"vpcsim/dataplane"
	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
	"vpcsim/routing"
	"vpcsim/topology"
)

// Services is the id of the edge where a VPC reaches its resolver and the instance metadata service.
func Services(v *topology.VPC) string { return "services-" + v.ID }

// The link-local addresses of the services (aws-semantics 8.1). The IPv6 ones are there in a VPC with IPv6.
var (
	resolver4 = netip.AddrFrom4([4]byte{169, 254, 169, 253})
	metadata4 = netip.AddrFrom4([4]byte{169, 254, 169, 254})
	resolver6 = netip.MustParseAddr("fd00:ec2::253")
	metadata6 = netip.MustParseAddr("fd00:ec2::254")
)

// Resolvers lists the addresses at which a VPC has its resolver, the one in its own CIDR first; none without DNS support.
func Resolvers(v *topology.VPC) (all []netip.Addr) {
	if v.DNSSupport {
		all = append(all, v.Resolver(), resolver4)
		if v.IPv6CIDR.IsValid() {
			all = append(all, resolver6)
		}
	}
	return all
}

// MetadataAddresses lists the addresses of the instance metadata service as a VPC has it.
func MetadataAddresses(v *topology.VPC) []netip.Addr {
	all := []netip.Addr{metadata4}
	if v.IPv6CIDR.IsValid() {
		all = append(all, metadata6)
	}
	return all
}

// linkLocal makes the edge of the VPC's services. It sends to the VPC's own addresses and nowhere else.
func (c *compiler) linkLocal(v *vpc) {
	edge := &dataplane.Interface{
		ID: Services(v.VPC), Name: "services", Addrs: append(Resolvers(v.VPC), MetadataAddresses(v.VPC)...), SourceDestCheck: true,
		Node: &dataplane.Node{ID: Services(v.VPC)},
	}
	v.services = c.add(edge)
	var back []*dataplane.Route
	for _, cidr := range v.VPC.AllCIDRs() {
		back = append(back, v.toLocal(cidr))
	}
	c.fill(edge.Node, back)
	if v.DNSSupport {
		v.inside = append(v.inside, v.toService(v.Resolver()))
	}
}

// toServices are the routes to the VPC's services. Every table has them, and no other route leads there, whatever its prefix: AWS
// lets nobody route link-local addresses, and keeps the resolver's to itself (aws-semantics 1.3).
func (v *vpc) toServices() (routes []*dataplane.Route) {
	for _, a := range v.services.Addrs {
		routes = append(routes, v.toService(a))
	}
	return routes
}

func (v *vpc) toService(a netip.Addr) *dataplane.Route {
	return &dataplane.Route{
		Prefix: hostPrefix(a), Target: v.services.ID, Origin: routing.Local, Path: conntrack.PathLocal, Gateway: own{v.VPC.AllCIDRs()}, Interface: v.services,
	}
}

// own lets pass what comes from a VPC's own addresses: the resolver of a peer, for one, is out of reach (aws-semantics 8.6).
type own struct {
	cidrs []netip.Prefix
}

// Cross implements [dataplane.Gateway].
func (o own) Cross(p *packet.Packet) drop.Reason {
	for _, cidr := range o.cidrs {
		if cidr.Contains(p.Src) {
			return drop.None
		}
	}
	return drop.NoPossibleDestination
}
