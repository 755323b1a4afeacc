package probe

import (
	"fmt"
	"net/netip"

	"vpcsim/dataplane/drop"
	"vpcsim/topology"
	"vpcsim/topology/compile"
)

// Choices is what every route table of a network makes of one address.
type Choices struct {
	Address     string   `json:"Address"`
	RouteTables []Choice `json:"RouteTables"`
}

// Choice is what one route table makes of an address.
type Choice struct {
	RouteTableID string      `json:"RouteTableId"`
	Name         string      `json:"Name"`
	VpcID        string      `json:"VpcId"`
	VPC          string      `json:"VpcName"`
	Candidates   []Candidate `json:"Candidates"` // the route that is taken, then the others, each in line for when those before it are gone
}

// Candidate is a route of a table whose destination contains the address. Of a prefix list it is one entry.
type Candidate struct {
	Destination  string `json:"Destination"`
	PrefixListID string `json:"DestinationPrefixListId,omitempty"`
	Target       string `json:"Target"`
	State        string `json:"State"` // active, or blackhole: such a route is taken like any other, and drops (aws-semantics 1.5)
	Origin       string `json:"Origin"`
	Taken        bool   `json:"Taken"`
	Reason       string `json:"Reason"` // why it is taken, or not
}

// Routes tells which route each table of a network takes to an address, and why not the others (aws-semantics 1.4).
func Routes(n *topology.Network, address string) (*Choices, error) {
	a, err := netip.ParseAddr(address)
	if err != nil || a.Zone() != "" {
		return nil, fmt.Errorf("%q is not an address such as 52.216.1.1 or 2600:1f00::1", address)
	}
	tables, err := compile.RouteTables(n)
	if err != nil {
		return nil, err
	}
	all := &Choices{Address: a.String(), RouteTables: []Choice{}}
	for _, v := range n.VPCs {
		for _, t := range v.RouteTables {
			choice := Choice{RouteTableID: t.ID, Name: t.Name, VpcID: v.ID, VPC: v.Name, Candidates: []Candidate{}}
			for _, c := range tables[t.ID].Explain(a) {
				r := c.Value
				state := topology.RouteActive
				if r.Drop == drop.BadStateRoute {
					state = topology.RouteBlackhole
				}
				choice.Candidates = append(choice.Candidates, Candidate{
					Destination: c.Prefix.String(), PrefixListID: r.PrefixList, Target: r.Target, State: string(state), Origin: c.Origin.String(),
					Taken: c.Loss == 0, Reason: c.Loss.String(),
				})
			}
			all.RouteTables = append(all.RouteTables, choice)
		}
	}
	return all, nil
}
