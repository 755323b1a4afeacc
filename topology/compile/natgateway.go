package compile

import (
	"net/netip"
	"slices"

	"vpcsim/dataplane"
	"vpcsim/nat"
	"vpcsim/topology"
)

// natGateway compiles a NAT gateway: a network interface without security groups at which packets cross and go on, by the
// network ACL and the route table of its own subnet (aws-semantics 5.1).
func (c *compiler) natGateway(g *topology.NATGateway, v *vpc) {
	i := c.add(&dataplane.Interface{
		ID: g.InterfaceID, Name: g.Name, Addrs: g.Addresses, Subnet: c.subnets[g.Subnet],
		Gateway: c.keepNAT(g.ID, c.natConfig(g)),
	})
	if v.igw != nil {
		i.Public = g.PublicIPs
	}
	for _, a := range g.Addresses { // answers come this way, so that its limits hold in both directions
		r := host(a, i)
		r.MTU, r.ClampMSS = mtuGateway, clampMSS
		v.inside = append(v.inside, r)
	}
}

func (c *compiler) natConfig(g *topology.NATGateway) nat.GatewayConfig {
	return nat.GatewayConfig{Addresses: g.Addresses, Sources: c.natSources(g.VPC), EIM: g.EIM, Idle: g.IdleTimeout}
}

// natSources lists where a NAT gateway of the VPC accepts connections from: the VPC, and all that a transit gateway may bring
// to it. Peered VPCs have no way to it (aws-semantics 5.1).
func (c *compiler) natSources(v *topology.VPC) []netip.Prefix {
	sources := slices.Clone(v.CIDRs)
	seen := map[*topology.TransitGateway]bool{}
	var from func(g *topology.TransitGateway)
	from = func(g *topology.TransitGateway) {
		if seen[g] {
			return
		}
		seen[g] = true
		for _, a := range g.Attachments {
			if a.VPC != v && a.VPC != nil {
				sources = append(sources, a.VPC.CIDRs...)
			}
			if a.Peer != nil {
				from(a.Peer.Gateway)
			}
		}
	}
	for _, g := range c.network.TransitGateways {
		if attachmentOf(g, v) != nil {
			from(g)
		}
	}
	return sources
}
