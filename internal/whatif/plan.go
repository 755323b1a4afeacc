// Package whatif foretells a change: which routes change in which tables, which subnets and network interfaces that affects, and
// what becomes of the connections that are open, each with its reason.
//
// It has no model of its own of what is lost. Both states are compiled ([vpcsim/topology/compile]), and the data plane passes the
// judgement that it passes at a commit ([dataplane.Forecast]). The connections come from a running lab, or from the flow logs of
// an account ([Log]).
package whatif

import (
	"vpcsim/dataplane"
	"vpcsim/topology"
	"vpcsim/topology/compile"
)

// Plan is what a change would do: the object that `vpcsim plan --json` prints. Its field names are a contract, AWS's where AWS has
// one. Lists are never null.
type Plan struct {
	Changes     []Request          `json:"Changes"` // made at once: connections are judged by the state after the last of them
	Scope       string             `json:"Scope"`   // s3 or public-ip
	RouteTables []RouteTableChange `json:"RouteTables"`
	Subnets     []SubnetEffect     `json:"Subnets"`
	Interfaces  []InterfaceEffect  `json:"NetworkInterfaces"`
	FlowLogs    *FlowLogs          `json:"FlowLogs,omitempty"` // what was read; absent where the connections are a lab's, or none are known
	Connections *Connections       `json:"Connections,omitempty"`

	before   *topology.Network
	forecast *dataplane.Forecast
	names    nouns
}

// Request is a change, as AWS's API calls it.
type Request struct {
	Action  string `json:"Action"`
	Summary string `json:"Summary"` // for a person
	Request any    `json:"Request"`
}

// Drops says whether the change would lose a connection that is known of.
func (p *Plan) Drops() bool { return p.Connections != nil && p.Connections.Dropped.Total > 0 }

// Foresee compiles two states of a network that nothing runs in. With publicIP the change cuts connections as the announcement of
// 2015 reads ([compile.CutInternet]).
func Foresee(before, after *topology.Network, publicIP bool) (*dataplane.Forecast, error) {
	was, _, err := compile.Snapshot(before, nil)
	if err != nil {
		return nil, err
	}
	is, _, err := compile.Snapshot(after, nil)
	if err != nil {
		return nil, err
	}
	if publicIP {
		compile.CutInternet(is, before, after)
	}
	return dataplane.NewForecast(dataplane.Prepare(was), is), nil
}

// New returns the plan of a change between two networks, as far as it does not depend on connections: see [Plan.Lab] and
// [Plan.Logged] for those. The forecast is of the same change.
func New(before, after *topology.Network, forecast *dataplane.Forecast) (*Plan, error) {
	p := &Plan{
		Changes: []Request{}, RouteTables: []RouteTableChange{}, Subnets: []SubnetEffect{}, Interfaces: []InterfaceEffect{},
		before: before, forecast: forecast, names: namesOf(before, after),
	}
	moved, err := p.routes(after)
	if err != nil {
		return nil, err
	}
	p.effects(moved)
	return p, nil
}

// nouns are the names of things by their ids.
type nouns map[string]string

// namesOf collects what the user calls the things of both networks.
func namesOf(networks ...*topology.Network) nouns {
	all := nouns{}
	for _, n := range networks {
		for _, v := range n.VPCs {
			all.vpc(v)
		}
		for _, p := range n.Peerings {
			all[p.ID] = p.Name
		}
		for _, g := range n.TransitGateways {
			all[g.ID] = g.Name
			for _, t := range g.RouteTables {
				all[t.ID] = t.Name
			}
		}
		for _, l := range n.PrefixLists {
			all[l.ID] = l.Name
		}
		for _, e := range n.NetworkInterfaces() {
			all[e.ID] = e.Name
		}
	}
	return all
}

func (n nouns) vpc(v *topology.VPC) {
	n[v.ID] = v.Name
	if v.InternetGateway != nil {
		n[v.InternetGateway.ID] = v.InternetGateway.Name
	}
	if v.EgressOnly != nil {
		n[v.EgressOnly.ID] = v.EgressOnly.Name
	}
	for _, s := range v.Subnets {
		n[s.ID] = s.Name
	}
	for _, t := range v.RouteTables {
		n[t.ID] = t.Name
	}
	for _, e := range v.Endpoints {
		n[e.ID] = e.Name
	}
	for _, g := range v.NATGateways {
		n[g.ID] = g.Name
	}
}
