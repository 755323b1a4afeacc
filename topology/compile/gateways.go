package compile

import (
	"net/netip"

	"vpcsim/dataplane"
	"vpcsim/dataplane/conntrack"
	"vpcsim/endpoint"
	"vpcsim/nat"
	"vpcsim/routing"
	"vpcsim/topology"
)

// internetGateway returns the translation of the VPC's internet gateway, or nil if it has none.
func internetGateway(v *topology.VPC) *nat.Static {
	if v.InternetGateway == nil {
		return nil
	}
	public := map[netip.Addr]netip.Addr{}
	for _, instance := range v.Instances {
		for _, eni := range instance.Interfaces {
			if eni.PublicIP.IsValid() {
				public[eni.Addresses[0]] = eni.PublicIP
			}
		}
	}
	return nat.NewStatic(public)
}

// toPublicIP is how the internet reaches a public IP address.
func toPublicIP(v *topology.VPC, public netip.Addr, igw *nat.Static, local *dataplane.Node) *dataplane.Route {
	return &dataplane.Route{
		Prefix: hostPrefix(public), Target: v.InternetGateway.ID, Origin: routing.Static,
		Path: conntrack.PathInternet, Gateway: igw.Ingress(), Node: local,
	}
}

// endpoint compiles the edge where the service is reached through a gateway endpoint, with the way back: the service may
// send to the VPC's own addresses and nowhere else.
func (c *compiler) endpoint(e *topology.Endpoint, local *dataplane.Node) (*dataplane.Interface, error) {
	back, err := endpoint.NewReturn(e.PrefixList.Entries)
	if err != nil {
		return nil, err
	}
	var routes []*dataplane.Route
	for _, cidr := range e.VPC.CIDRs {
		routes = append(routes, &dataplane.Route{
			Prefix: cidr, Target: e.ID, Origin: routing.Static, Path: conntrack.PathEndpoint, Gateway: back, Node: local,
		})
	}
	table, err := build(routes)
	if err != nil {
		return nil, err
	}
	return c.add(&dataplane.Interface{ID: e.ID, Name: e.Name, Node: &dataplane.Node{ID: e.ID, Routes: table}}), nil
}
