package control

import (
	"errors"
	"fmt"

	"vpcsim/topology"
)

// Change is one change to a running VPC, as written in a scenario's timeline and as sent to a standing lab. Exactly one field
// is set. The doc tags describe the fields in the published schema.
type Change struct {
	CreateEndpoint *CreateEndpoint `yaml:"create_endpoint" json:"CreateVpcEndpoint,omitempty" doc:"create a gateway endpoint"`
	ModifyEndpoint *ModifyEndpoint `yaml:"modify_endpoint" json:"ModifyVpcEndpoint,omitempty" doc:"add an endpoint to route tables or remove it from them"`
	DeleteEndpoint *DeleteEndpoint `yaml:"delete_endpoint" json:"DeleteVpcEndpoints,omitempty" doc:"delete a gateway endpoint"`
	CreateRoute    *RouteChange    `yaml:"create_route" json:"CreateRoute,omitempty" doc:"add a route to a route table"`
	ReplaceRoute   *RouteChange    `yaml:"replace_route" json:"ReplaceRoute,omitempty" doc:"give an existing route another target"`
	DeleteRoute    *RouteChange    `yaml:"delete_route" json:"DeleteRoute,omitempty" doc:"remove a route"`
	BlackholeRoute *RouteChange    `yaml:"blackhole_route" json:"BlackholeRoute,omitempty" doc:"the target of a route becomes unavailable; the route stays and drops"`
	PrefixList     *PrefixList     `yaml:"modify_prefix_list" json:"ModifyManagedPrefixList,omitempty" doc:"replace the entries of a prefix list, AWS-managed ones included (AWS does)"`
}

// CreateEndpoint creates a gateway endpoint.
type CreateEndpoint struct {
	VPC         string   `yaml:"vpc" json:"Vpc,omitempty" doc:"name of the VPC; may be left out if there is only one"`
	Name        string   `yaml:"name" json:"Name" doc:"name of the endpoint"`
	Service     string   `yaml:"service" json:"ServiceName" doc:"s3, or com.amazonaws.REGION.s3"`
	RouteTables []string `yaml:"route_tables" json:"RouteTables" doc:"names of the route tables that receive the route"`
}

// ModifyEndpoint adds an endpoint to route tables and removes it from others.
type ModifyEndpoint struct {
	VPC    string   `yaml:"vpc" json:"Vpc,omitempty" doc:"name of the VPC; may be left out if there is only one"`
	Name   string   `yaml:"name" json:"Name" doc:"name of the endpoint"`
	Add    []string `yaml:"add_route_tables" json:"AddRouteTables,omitempty" doc:"names of route tables"`
	Remove []string `yaml:"remove_route_tables" json:"RemoveRouteTables,omitempty" doc:"names of route tables"`
}

// DeleteEndpoint deletes a gateway endpoint.
type DeleteEndpoint struct {
	VPC  string `yaml:"vpc" json:"Vpc,omitempty" doc:"name of the VPC; may be left out if there is only one"`
	Name string `yaml:"name" json:"Name" doc:"name of the endpoint"`
}

// RouteChange creates, replaces, removes or blackholes a route.
type RouteChange struct {
	VPC         string `yaml:"vpc" json:"Vpc,omitempty" doc:"name of the VPC; may be left out if there is only one"`
	RouteTable  string `yaml:"route_table" json:"RouteTable" doc:"name of the route table"`
	Destination string `yaml:"destination" json:"Destination" doc:"IPv4 CIDR, or the id or name of a prefix list"`
	Target      string `yaml:"target" json:"Target,omitempty" doc:"name of the target (create and replace)"`
}

// PrefixList replaces the contents of a prefix list.
type PrefixList struct {
	Name    string   `yaml:"name" json:"PrefixList" doc:"id or name of the prefix list"`
	Entries []string `yaml:"entries" json:"Entries" doc:"IPv4 CIDRs"`
}

// edit is a change reduced to what it does: its name as AWS's API calls it, and the edit of the topology.
type edit struct {
	action string
	apply  func(*topology.Spec) error
}

// edits lists what the change consists of: one edit, if it is well-formed.
func (c Change) edits() (all []edit) {
	add := func(action string, apply func(*topology.Spec) error) {
		all = append(all, edit{action, apply})
	}
	if e := c.CreateEndpoint; e != nil {
		add("CreateVpcEndpoint", func(s *topology.Spec) error {
			return s.CreateEndpoint(e.VPC, e.Name, topology.EndpointSpec{Service: e.Service, RouteTables: e.RouteTables})
		})
	}
	if e := c.ModifyEndpoint; e != nil {
		add("ModifyVpcEndpoint", func(s *topology.Spec) error { return s.ModifyEndpoint(e.VPC, e.Name, e.Add, e.Remove) })
	}
	if e := c.DeleteEndpoint; e != nil {
		add("DeleteVpcEndpoints", func(s *topology.Spec) error { return s.DeleteEndpoint(e.VPC, e.Name) })
	}
	if r := c.CreateRoute; r != nil {
		add("CreateRoute", func(s *topology.Spec) error { return s.CreateRoute(r.VPC, r.RouteTable, r.spec()) })
	}
	if r := c.ReplaceRoute; r != nil {
		add("ReplaceRoute", func(s *topology.Spec) error { return s.ReplaceRoute(r.VPC, r.RouteTable, r.spec()) })
	}
	if r := c.DeleteRoute; r != nil {
		add("DeleteRoute", func(s *topology.Spec) error { return s.DeleteRoute(r.VPC, r.RouteTable, r.Destination) })
	}
	if r := c.BlackholeRoute; r != nil {
		add("BlackholeRoute", func(s *topology.Spec) error {
			return s.SetRouteState(r.VPC, r.RouteTable, r.Destination, string(topology.RouteBlackhole))
		})
	}
	if l := c.PrefixList; l != nil {
		add("ModifyManagedPrefixList", func(s *topology.Spec) error { return s.SetPrefixList(l.Name, l.Entries) })
	}
	return all
}

func (r *RouteChange) spec() topology.RouteSpec {
	return topology.RouteSpec{Destination: r.Destination, Target: r.Target}
}

// IsZero says whether the change is none at all.
func (c Change) IsZero() bool { return len(c.edits()) == 0 }

// edit returns the one edit that the change is.
func (c Change) edit() (edit, error) {
	switch all := c.edits(); len(all) {
	case 1:
		return all[0], nil
	case 0:
		return edit{}, errors.New("nothing to change: name one of create_endpoint, modify_endpoint, delete_endpoint, " +
			"create_route, replace_route, delete_route, blackhole_route, modify_prefix_list")
	default:
		return edit{}, fmt.Errorf("%s and %s: a step changes one thing; write two steps", all[0].action, all[1].action)
	}
}

// on makes the change to a topology, of which spec is a copy of its own, and returns what that then means.
func (c Change) on(spec *topology.Spec) (action string, network *topology.Network, err error) {
	e, err := c.edit()
	if err != nil {
		return "", nil, err
	}
	if err = e.apply(spec); err == nil {
		network, err = topology.Resolve(spec, nil)
	}
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", e.action, err)
	}
	return e.action, network, nil
}

// Action returns the change's name as AWS's API calls it, or the empty string for a change that is none.
func (c Change) Action() string {
	if all := c.edits(); len(all) > 0 {
		return all[0].action
	}
	return ""
}
