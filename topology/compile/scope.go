package compile

import (
	"slices"

	"vpcsim/dataplane"
	"vpcsim/topology"
)

// CutInternet marks the route tables of a snapshot of now in which an endpoint's route is new since old: the announcement of 2015
// read literally, by which such a route cuts every connection of its subnets that uses a public IP address (aws-semantics 3.5,
// 13.1).
func CutInternet(s *dataplane.Snapshot, old, now *topology.Network) {
	fresh := map[string]bool{} // by id of the table
	for _, v := range now.VPCs {
		for _, e := range v.Endpoints {
			before := old.Endpoint(e.ID)
			for _, t := range e.RouteTables {
				had := before != nil && slices.ContainsFunc(before.RouteTables, func(b *topology.RouteTable) bool { return b.ID == t.ID })
				fresh[t.ID] = fresh[t.ID] || !had
			}
		}
	}
	for _, i := range s.Interfaces {
		if i.Subnet != nil && fresh[i.Subnet.Node.ID] {
			i.Subnet.Node.CutInternet = true
		}
	}
}
