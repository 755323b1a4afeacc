package topology

import (
	"fmt"
	"net/netip"
	"slices"
)

// The edits are what the control commands do to a running topology, as changes of its Spec. Each one fails, and changes
// nothing, if what it names is not there; whether the result makes sense is for [Resolve] to judge, so an edit is made on
// a [Spec.Clone] and thrown away if that fails.
//
// What an edit takes may be named as in the file or by its id. The VPC may be left empty if there is one VPC only, or only
// one that has a thing of that name.

// CreateEndpoint adds a gateway endpoint.
func (s *Spec) CreateEndpoint(vpc, name string, e EndpointSpec) error {
	vpc, err := s.vpcOf(vpc)
	if err != nil {
		return err
	}
	v := s.VPCs[vpc]
	if _, there := v.Endpoints[name]; there {
		return fmt.Errorf("%s already has an endpoint %s", join("vpcs", vpc), shown(name))
	}
	e.RouteTables = slices.Clone(e.RouteTables)
	for i, table := range e.RouteTables {
		e.RouteTables[i] = s.tableName(vpc, table)
	}
	if v.Endpoints == nil {
		v.Endpoints = map[string]EndpointSpec{}
	}
	v.Endpoints[name] = e
	s.VPCs[vpc] = v
	return nil
}

// ModifyEndpoint adds an endpoint to route tables and removes it from others, in one step.
func (s *Spec) ModifyEndpoint(vpc, name string, add, remove []string) error {
	vpc, name, err := s.find(endpointKind, vpc, name)
	if err != nil {
		return err
	}
	e := s.VPCs[vpc].Endpoints[name]
	tables := slices.Clone(e.RouteTables)
	for _, want := range remove {
		table := s.tableName(vpc, want)
		i := slices.Index(tables, table)
		if i < 0 {
			return fmt.Errorf("%s", noSuch("route table", want, join(join(join("vpcs", vpc), "endpoints"), name), tables))
		}
		tables = slices.Delete(tables, i, i+1)
	}
	for _, want := range add {
		_, table, err := s.find(tableKind, vpc, want)
		if err != nil {
			return err
		}
		tables = append(tables, table)
	}
	e.RouteTables = tables
	s.VPCs[vpc].Endpoints[name] = e
	return nil
}

// DeleteEndpoint removes an endpoint with its routes.
func (s *Spec) DeleteEndpoint(vpc, name string) error {
	vpc, name, err := s.find(endpointKind, vpc, name)
	if err != nil {
		return err
	}
	delete(s.VPCs[vpc].Endpoints, name)
	return nil
}

// CreateRoute adds a static route at the end of a table.
func (s *Spec) CreateRoute(vpc, table string, r RouteSpec) error {
	vpc, table, err := s.find(tableKind, vpc, table)
	if err != nil {
		return err
	}
	if s.isLocal(vpc, r.Destination) || s.routeIndex(vpc, table, r.Destination) >= 0 {
		return fmt.Errorf("route table %s already has a route to %s; replace it instead", table, shown(r.Destination))
	}
	return s.setRoutes(vpc, table, append(slices.Clone(s.VPCs[vpc].RouteTables[table].Routes), r))
}

// ReplaceRoute puts a route in the place of the one with the same destination. That may be the VPC's own CIDR, whose route
// is local until it is replaced and again when its target is local (aws-semantics 1.2).
func (s *Spec) ReplaceRoute(vpc, table string, r RouteSpec) error {
	vpc, table, err := s.find(tableKind, vpc, table)
	if err != nil {
		return err
	}
	if s.isLocal(vpc, r.Destination) {
		return s.replaceLocal(vpc, table, r)
	}
	return s.editRoute(vpc, table, r.Destination, func(all []RouteSpec, i int) []RouteSpec {
		all[i] = r
		return all
	})
}

// replaceLocal gives the route to a CIDR of the VPC another target.
func (s *Spec) replaceLocal(vpc, table string, r RouteSpec) error {
	all := slices.Clone(s.VPCs[vpc].RouteTables[table].Routes)
	switch i := s.routeIndex(vpc, table, r.Destination); {
	case i >= 0 && r.Target == local:
		all = slices.Delete(all, i, i+1)
	case i >= 0:
		all[i] = r
	case r.Target != local:
		all = append(all, r)
	}
	return s.setRoutes(vpc, table, all)
}

// DeleteRoute removes a static route.
func (s *Spec) DeleteRoute(vpc, table, destination string) error {
	vpc, table, err := s.find(tableKind, vpc, table)
	if err != nil {
		return err
	}
	if s.isLocal(vpc, destination) {
		return fmt.Errorf("the local route to %s can't be deleted, only replaced", s.canonical(vpc, destination))
	}
	return s.editRoute(vpc, table, destination, func(all []RouteSpec, i int) []RouteSpec {
		return slices.Delete(all, i, i+1)
	})
}

// SetRouteState makes a static route active or a blackhole, as when its target comes or goes.
func (s *Spec) SetRouteState(vpc, table, destination, state string) error {
	return s.editRoute(vpc, table, destination, func(all []RouteSpec, i int) []RouteSpec {
		all[i].State = state
		return all
	})
}

// editRoute changes the routes of a table around the one with a destination.
func (s *Spec) editRoute(vpc, table, destination string, change func(all []RouteSpec, i int) []RouteSpec) error {
	vpc, table, err := s.find(tableKind, vpc, table)
	if err != nil {
		return err
	}
	all := slices.Clone(s.VPCs[vpc].RouteTables[table].Routes)
	i := s.routeIndex(vpc, table, destination)
	if i < 0 {
		return s.noRoute(vpc, table, destination)
	}
	return s.setRoutes(vpc, table, change(all, i))
}

func (s *Spec) setRoutes(vpc, table string, routes []RouteSpec) error {
	v := s.VPCs[vpc]
	if v.RouteTables == nil {
		v.RouteTables = map[string]RouteTableSpec{}
	}
	t, written := v.RouteTables[table]
	if !written {
		t.Main = true // the implied main table, now written
	}
	t.Routes = routes
	v.RouteTables[table] = t
	s.VPCs[vpc] = v
	return nil
}

// routeIndex finds the static route of a table to a destination; propagated ones are nobody's to edit.
func (s *Spec) routeIndex(vpc, table, destination string) int {
	wanted := s.canonical(vpc, destination)
	return slices.IndexFunc(s.VPCs[vpc].RouteTables[table].Routes, func(r RouteSpec) bool {
		return !r.Propagated && s.canonical(vpc, r.Destination) == wanted
	})
}

// canonical writes a destination in a VPC's route table in the one form that equal destinations share.
func (s *Spec) canonical(vpc, destination string) string {
	if p, err := netip.ParsePrefix(destination); err == nil {
		return p.Masked().String()
	}
	if key, ok := s.prefixListKey(s.regionOf(vpc), destination); ok {
		if m, ok := s.managed(key); ok {
			return m.name()
		}
		return key
	}
	return destination
}

// isLocal reports whether a destination is a CIDR of the VPC.
func (s *Spec) isLocal(vpc, destination string) bool {
	v := s.VPCs[vpc]
	return slices.ContainsFunc(slices.Concat([]string{v.CIDR, v.IPv6CIDR}, v.SecondaryCIDRs), func(cidr string) bool {
		return cidr != "" && s.canonical(vpc, cidr) == s.canonical(vpc, destination)
	})
}

// noRoute says why a table has no static route to a destination.
func (s *Spec) noRoute(vpc, table, destination string) error {
	wanted := s.canonical(vpc, destination)
	v := s.VPCs[vpc]
	for _, name := range sortedKeys(v.Endpoints) {
		e := v.Endpoints[name]
		if m, ok := managed(s.regionOf(vpc), e.Service); ok && m.name() == wanted && slices.Contains(e.RouteTables, table) {
			return fmt.Errorf("the route to %s in route table %s is endpoint %s's; modify the endpoint instead", wanted, table, name)
		}
	}
	if s.isLocal(vpc, wanted) {
		return fmt.Errorf("the local route to %s can't be changed", wanted)
	}
	var there []string
	for _, r := range v.RouteTables[table].Routes {
		there = append(there, r.Destination)
	}
	return fmt.Errorf("%s", noSuch("route to", destination, "route table "+table, there))
}
