package compile

import (
	"net/netip"

	"vpcsim/dataplane"
	"vpcsim/routing"
)

// services compiles what the internet consists of besides public IP addresses: its hosts, and S3 with every address it owns.
func (c *compiler) services() {
	for _, h := range c.network.InternetHosts {
		addresses := []netip.Addr{h.Address}
		if h.IPv6Address.IsValid() {
			addresses = append(addresses, h.IPv6Address)
		}
		i := c.add(&dataplane.Interface{ID: h.ID, Name: h.Name, Addrs: addresses, SourceDestCheck: true, Node: c.internet})
		for _, a := range i.Addrs {
			c.outside = append(c.outside, &dataplane.Route{Prefix: hostPrefix(a), Target: h.ID, Origin: routing.Static, Interface: i})
		}
	}
	s3 := c.add(&dataplane.Interface{ID: S3Internet, Name: "s3", Node: c.internet})
	for _, cidr := range c.network.S3.CIDRs {
		c.outside = append(c.outside, &dataplane.Route{Prefix: cidr, Target: S3Internet, Origin: routing.Static, Interface: s3})
	}
}
