package control

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"vpcsim/topology"
)

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
	c.addRouting(add)
	c.addPolicies(add)
	c.addAssociations(add)
	c.addFilters(add)
	c.addGateways(add)
	return all
}

func (c Change) addRouting(add func(string, func(*topology.Spec) error)) {
	if e := c.CreateEndpoint; e != nil {
		add("CreateVpcEndpoint", func(s *topology.Spec) error {
			return s.CreateEndpoint(e.VPC, e.Name, topology.EndpointSpec{Service: e.Service, RouteTables: e.RouteTables, Policy: e.Policy})
		})
	}
	if e := c.ModifyEndpoint; e != nil {
		add("ModifyVpcEndpoint", e.apply)
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
		add("ModifyManagedPrefixList", func(s *topology.Spec) error { return s.ModifyPrefixList(l.Name, l.PrefixListEdit) })
	}
	if l := c.RestoreList; l != nil {
		add("RestoreManagedPrefixListVersion", func(s *topology.Spec) error {
			return s.RestorePrefixList(l.Name, l.PreviousVersion, l.CurrentVersion)
		})
	}
}

// apply changes an endpoint.
func (e *ModifyEndpoint) apply(s *topology.Spec) error {
	if e.Policy != nil && e.Reset {
		return errors.New("policy and reset_policy: an endpoint has one policy")
	}
	err := s.ModifyEndpoint(e.VPC, e.Name, e.Add, e.Remove)
	if err == nil && (e.Policy != nil || e.Reset) {
		err = s.SetEndpointPolicy(e.VPC, e.Name, e.Policy)
	}
	return err
}

func (c Change) addPolicies(add func(string, func(*topology.Spec) error)) {
	if p := c.PutBucketPolicy; p != nil {
		add("PutBucketPolicy", func(s *topology.Spec) error {
			if p.Policy == nil {
				return errors.New("no policy; to take it away, delete it")
			}
			return s.SetBucketPolicy(p.Bucket, p.Policy)
		})
	}
	if p := c.DeleteBucketPolicy; p != nil {
		add("DeleteBucketPolicy", func(s *topology.Spec) error { return s.SetBucketPolicy(p.Bucket, nil) })
	}
}

func (c Change) addAssociations(add func(string, func(*topology.Spec) error)) {
	if t := c.MainRouteTable; t != nil {
		add("ReplaceRouteTableAssociation", func(s *topology.Spec) error { return s.ReplaceMainRouteTable(t.VPC, t.RouteTable) })
	}
	if t := c.SubnetRouteTable; t != nil {
		add("AssociateRouteTable", func(s *topology.Spec) error { return s.AssociateRouteTable(t.VPC, t.Subnet, t.RouteTable) })
	}
	if a := c.SubnetNetworkACL; a != nil {
		add("ReplaceNetworkAclAssociation", func(s *topology.Spec) error { return s.AssociateNetworkACL(a.VPC, a.Subnet, a.NetworkACL) })
	}
	if a := c.AssociateAddress; a != nil {
		add("AssociateAddress", func(s *topology.Spec) error { return s.AssociateAddress(a.VPC, a.Instance, a.PublicIP) })
	}
}

func (c Change) addFilters(add func(string, func(*topology.Spec) error)) {
	if g := c.SecurityGroupRules; g != nil {
		add("ModifySecurityGroupRules", func(s *topology.Spec) error {
			return s.SetSecurityGroupRules(g.VPC, g.SecurityGroup, g.Ingress, g.Egress)
		})
	}
	if g := c.InstanceGroups; g != nil {
		add("ModifyNetworkInterfaceAttribute", func(s *topology.Spec) error {
			return s.SetInstanceGroups(g.VPC, g.Instance, g.SecurityGroups)
		})
	}
	if a := c.NetworkACLEntries; a != nil {
		add("ReplaceNetworkAclEntry", func(s *topology.Spec) error {
			return s.SetNetworkACLEntries(a.VPC, a.NetworkACL, a.Ingress, a.Egress)
		})
	}
}

func (c Change) addGateways(add func(string, func(*topology.Spec) error)) {
	if g := c.CreateNATGateway; g != nil {
		add("CreateNatGateway", func(s *topology.Spec) error {
			return s.CreateNATGateway(g.VPC, g.Name, topology.NATGatewaySpec{Subnet: g.Subnet, Private: g.Private, PublicIP: g.PublicIP})
		})
	}
	if g := c.DeleteNATGateway; g != nil {
		add("DeleteNatGateway", func(s *topology.Spec) error { return s.DeleteNATGateway(g.VPC, g.Name) })
	}
	if p := c.CreatePeering; p != nil {
		add("CreateVpcPeeringConnection", func(s *topology.Spec) error {
			return s.CreatePeering(p.Name, topology.PeeringSpec{Requester: p.Requester, Accepter: p.Accepter})
		})
	}
	if p := c.DeletePeering; p != nil {
		add("DeleteVpcPeeringConnection", func(s *topology.Spec) error { return s.DeletePeering(p.Name) })
	}
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
		return edit{}, fmt.Errorf("nothing to change: name one of %s", strings.Join(kinds(), ", "))
	default:
		return edit{}, fmt.Errorf("%s and %s: a step changes one thing; write two steps", all[0].action, all[1].action)
	}
}

// kinds lists the names of all changes, as a timeline writes them.
func kinds() (all []string) {
	for t, n := reflect.TypeFor[Change](), 0; n < t.NumField(); n++ {
		all = append(all, t.Field(n).Tag.Get("yaml"))
	}
	return all
}

// On makes the change to a topology, of which spec is a copy of its own, and returns its name as AWS's API calls it and what the
// topology then means. After an error spec is of no use any more.
func (c Change) On(spec *topology.Spec) (action string, network *topology.Network, err error) {
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
