package compile

import (
	"vpcsim/dataplane"
	"vpcsim/dataplane/conntrack"
	"vpcsim/topology"
)

// toPeer makes out a route from VPC v to the other VPC of a peering connection. It leads to that VPC's own addresses and not
// to its route tables, so that nobody gets through a peer to its gateways or to a third VPC (aws-semantics 8.6).
func (c *compiler) toPeer(out *dataplane.Route, p *topology.Peering, v *vpc) {
	peer := p.Accepter
	if peer == v.VPC {
		peer = p.Requester
	}
	out.Path, out.Node = conntrack.PathPeering, c.vpcs[peer].local
	if peer.Region != v.Region { // aws-semantics 8.5
		out.MTU = mtuGateway
	}
	out.Gateway = peering{from: v.VPC.AllCIDRs(), to: peer.AllCIDRs()}
}
