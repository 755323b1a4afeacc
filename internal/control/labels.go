package control

import (
	"cmp"
	"fmt"

	"vpcsim/topology"
)

// labels says what things are called, by their ids: "web", "web eth1", "nat", "s3". What has no name is not in it.
func labels(n *topology.Network, nodes []plan) map[string]string {
	all := map[string]string{}
	for _, p := range nodes {
		for i, d := range p.devices {
			if all[d.id] = p.name; len(p.devices) > 1 {
				all[d.id] = fmt.Sprintf("%s eth%d", p.name, i)
			}
		}
	}
	for _, v := range n.VPCs {
		labelVPC(all, v)
	}
	for _, p := range n.Peerings {
		all[p.ID] = p.Name
	}
	for _, g := range n.TransitGateways {
		for _, a := range g.Attachments {
			for _, id := range a.InterfaceIDs {
				all[id] = a.Name
			}
		}
		for _, t := range g.RouteTables {
			all[t.ID] = t.Name
		}
	}
	return all
}

// labelVPC adds the things of a VPC that packets pass, but for its nodes.
func labelVPC(all map[string]string, v *topology.VPC) {
	for _, g := range v.NATGateways {
		all[g.ID], all[g.InterfaceID] = g.Name, g.Name
	}
	for _, i := range v.NetworkInterfaces {
		all[i.ID] = cmp.Or(all[i.ID], i.Name)
	}
	for _, e := range v.Endpoints {
		all[e.ID] = e.Name
	}
	for _, t := range v.RouteTables {
		all[t.ID] = t.Name
	}
	for _, a := range v.NetworkACLs {
		all[a.ID] = a.Name
	}
	if v.InternetGateway != nil {
		all[v.InternetGateway.ID] = v.InternetGateway.Name
	}
	if v.EgressOnly != nil {
		all[v.EgressOnly.ID] = v.EgressOnly.Name
	}
}

// label is what the thing with an id is called; "" if it has no name, or none but its id.
func (l *Lab) label(id string) string {
	k := l.known.Load()
	if k == nil || k.labels[id] == id {
		return ""
	}
	return k.labels[id]
}
