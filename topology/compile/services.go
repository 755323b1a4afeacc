package compile

import (
	"net/netip"

	"vpcsim/dataplane"
	"vpcsim/routing"
)

// services compiles what the internet consists of besides public IP addresses: its hosts, and S3 with every address it owns.
func (c *compiler) services() (routes []*dataplane.Route) {
	for _, h := range c.network.InternetHosts {
		i := c.add(&dataplane.Interface{
			ID: h.ID, Name: h.Name, Addrs: []netip.Addr{h.Address}, SourceDestCheck: true, Node: c.internet,
		})
		routes = append(routes, &dataplane.Route{Prefix: hostPrefix(h.Address), Target: h.ID, Origin: routing.Static, Interface: i})
	}
	s3 := c.add(&dataplane.Interface{ID: S3Internet, Name: "s3", Node: c.internet})
	for _, cidr := range c.network.S3.CIDRs {
		routes = append(routes, &dataplane.Route{Prefix: cidr, Target: S3Internet, Origin: routing.Static, Interface: s3})
	}
	return routes
}
