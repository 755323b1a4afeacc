package compile

import (
	"vpcsim/dataplane"
	"vpcsim/dataplane/conntrack"
	"vpcsim/endpoint"
	"vpcsim/routing"
	"vpcsim/topology"
)

// toEndpoint makes out a route to an endpoint of the VPC. What is too big for it is dropped without a word
// (aws-semantics 3.4).
func (c *compiler) toEndpoint(out *dataplane.Route, e *topology.Endpoint, v *vpc) {
	out.Path, out.MTU, out.Silent, out.ClampMSS = conntrack.PathEndpoint, mtuGateway, true, clampMSS
	out.Gateway, out.Interface = endpoint.NewGateway(v.VPC.AllCIDRs()), c.interfaces[e.ID]
}

// back compiles the way from the edge where the service is reached through a gateway endpoint: the service may send to the
// VPC's own addresses and nowhere else.
func (c *compiler) back(e *topology.Endpoint, v *vpc) *dataplane.Node {
	gateway, err := endpoint.NewReturn(e.PrefixList.Entries)
	if c.err == nil {
		c.err = err
	}
	var routes []*dataplane.Route
	for _, cidr := range v.VPC.AllCIDRs() {
		routes = append(routes, &dataplane.Route{
			Prefix: cidr, Target: e.ID, Origin: routing.Static, Path: conntrack.PathEndpoint, Gateway: gateway, Node: v.local,
			MTU: mtuGateway, Silent: true, ClampMSS: clampMSS,
		})
	}
	node := &dataplane.Node{ID: e.ID}
	c.fill(node, routes)
	return node
}
