package compile

import (
	"vpcsim/dataplane"
	"vpcsim/routing"
	"vpcsim/topology"
)

// RouteTables compiles the route tables of a network by their ids, those that no subnet uses included, as a subnet in the first
// Availability Zone of its users sees them. They are for reading: nothing behind a route is there.
func RouteTables(n *topology.Network) (map[string]*routing.Table[*dataplane.Route], error) {
	c, all := newCompiler(n, nil), map[string]*routing.Table[*dataplane.Route]{}
	for _, v := range n.VPCs {
		c.enter(v)
	}
	for _, g := range n.TransitGateways {
		c.attach(g)
	}
	for _, v := range n.VPCs {
		views := map[*topology.RouteTable]view{}
		for _, t := range v.RouteTables {
			views[t] = view{table: t}
		}
		for _, s := range v.Subnets {
			if views[s.RouteTable].zone == "" {
				views[s.RouteTable] = viewFrom(s)
			}
		}
		for _, t := range v.RouteTables {
			table, err := build(c.routes(views[t]))
			if err != nil {
				return nil, err
			}
			all[t.ID] = table
		}
	}
	return all, c.err
}
