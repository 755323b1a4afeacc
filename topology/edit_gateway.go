package topology

import (
	"fmt"
	"slices"
	"strings"
)

// CreateNATGateway adds a NAT gateway.
func (s *Spec) CreateNATGateway(vpc, name string, g NATGatewaySpec) error {
	vpc, err := s.vpcOf(vpc)
	if err != nil {
		return err
	}
	if _, there := s.VPCs[vpc].NATGateways[name]; there {
		return fmt.Errorf("%s already has a NAT gateway %s", join("vpcs", vpc), shown(name))
	}
	if _, subnet, err := s.find(subnetKind, vpc, g.Subnet); err == nil {
		g.Subnet = subnet
	}
	s.holdAddresses()
	v := s.VPCs[vpc]
	if v.NATGateways == nil {
		v.NATGateways = map[string]NATGatewaySpec{}
	}
	v.NATGateways[name] = g
	s.VPCs[vpc] = v
	return nil
}

// DeleteNATGateway removes a NAT gateway. The routes that lead to it become black holes (aws-semantics 5.1).
func (s *Spec) DeleteNATGateway(vpc, name string) error {
	vpc, name, err := s.find(natKind, vpc, name)
	if err != nil {
		return err
	}
	s.holdAddresses()
	gone := natKind.identity(vpc, s.VPCs[vpc], name)
	delete(s.VPCs[vpc].NATGateways, name)
	s.blackhole(vpc, gone)
	return nil
}

// CreatePeering adds a VPC peering connection.
func (s *Spec) CreatePeering(name string, p PeeringSpec) error {
	if _, there := s.Peerings[name]; there {
		return fmt.Errorf("the topology already has a peering %s", shown(name))
	}
	for _, side := range []*string{&p.Requester, &p.Accepter} {
		vpc, err := s.vpcOf(*side)
		if err != nil {
			return err
		}
		*side = vpc
	}
	if s.Peerings == nil {
		s.Peerings = map[string]PeeringSpec{}
	}
	s.Peerings[name] = p
	return nil
}

// DeletePeering removes a VPC peering connection. The routes of both VPCs that lead to it become black holes (aws-semantics
// 1.5). Rules that name a security group of the other VPC are taken away: AWS keeps them as stale ones, which allow nothing
// (aws-semantics 6.1).
func (s *Spec) DeletePeering(name string) error {
	names := sortedKeys(s.Peerings)
	i := slices.IndexFunc(names, func(other string) bool { return peeringIdentity(other, s.Peerings[other]).is(name) })
	if i < 0 {
		return fmt.Errorf("%s", noSuch("peering", name, "the topology", names))
	}
	p := s.Peerings[names[i]]
	delete(s.Peerings, names[i])
	for _, vpc := range []string{p.Requester, p.Accepter} {
		s.blackhole(vpc, peeringIdentity(names[i], p))
	}
	s.dropRules(p.Requester, p.Accepter)
	s.dropRules(p.Accepter, p.Requester)
	return nil
}

// dropRules takes the rules of a VPC's security groups away that name a group of another VPC. A list that had rules stays
// written, if only as an empty one: left out, it would mean AWS's default.
func (s *Spec) dropRules(vpc, other string) {
	names := func(r RuleSpec) bool {
		_, isCIDR := parsePeer(r.Peer)
		return !isCIDR && strings.HasPrefix(r.Peer, other+"/")
	}
	for name, g := range s.VPCs[vpc].SecurityGroups {
		g.Ingress = slices.DeleteFunc(g.Ingress, names)
		g.Egress = slices.DeleteFunc(g.Egress, names)
		s.VPCs[vpc].SecurityGroups[name] = g
	}
}

// blackhole makes black holes of a VPC's routes to a target, which is gone. It may be named in any of the ways.
func (s *Spec) blackhole(vpc string, target identity) {
	for _, table := range s.VPCs[vpc].RouteTables {
		for i := range table.Routes {
			if target.is(table.Routes[i].Target) {
				table.Routes[i].State = string(RouteBlackhole)
			}
		}
	}
}
