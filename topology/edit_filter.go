package topology

import "slices"

// SetSecurityGroupRules replaces the rules of a security group. A nil list leaves that direction as it is; an empty one
// takes all its rules away. A rule may name a group by its id.
func (s *Spec) SetSecurityGroupRules(vpc, group string, ingress, egress []RuleSpec) error {
	vpc, group, err := s.find(groupKind, vpc, group)
	if err != nil {
		return err
	}
	v := s.VPCs[vpc]
	if v.SecurityGroups == nil {
		v.SecurityGroups = map[string]SecurityGroupSpec{}
	}
	g := v.SecurityGroups[group] // the default group may not be written yet
	if ingress != nil {
		g.Ingress = s.rulesByName(vpc, ingress)
	}
	if egress != nil {
		g.Egress = s.rulesByName(vpc, egress)
	}
	v.SecurityGroups[group] = g
	s.VPCs[vpc] = v
	return nil
}

// rulesByName writes the groups that rules give by id as the file does: by name, those of another VPC behind its name.
func (s *Spec) rulesByName(vpc string, rules []RuleSpec) []RuleSpec {
	named := slices.Clone(rules)
	for i, rule := range named {
		place, group, err := s.find(groupKind, "", rule.Peer)
		switch {
		case err != nil || group == rule.Peer:
		case place == vpc:
			named[i].Peer = group
		default:
			named[i].Peer = place + "/" + group
		}
	}
	return named
}

// SetInstanceGroups puts the primary network interface of an instance into other security groups; none at all stands for
// the VPC's default group.
func (s *Spec) SetInstanceGroups(vpc, instance string, groups []string) error {
	vpc, instance, err := s.find(instanceKind, vpc, instance)
	if err != nil {
		return err
	}
	names := slices.Clone(groups)
	for i, group := range groups {
		if _, names[i], err = s.find(groupKind, vpc, group); err != nil {
			return err
		}
	}
	return s.editPrimary(vpc, instance, func(eni *InterfaceSpec) { eni.SecurityGroups = names })
}

// SetNetworkACLEntries replaces the entries of a network ACL. A nil list leaves that direction as it is; an empty one denies
// everything.
func (s *Spec) SetNetworkACLEntries(vpc, acl string, ingress, egress []ACLEntrySpec) error {
	vpc, acl, err := s.find(aclKind, vpc, acl)
	if err != nil {
		return err
	}
	v := s.VPCs[vpc]
	if v.NetworkACLs == nil {
		v.NetworkACLs = map[string]NetworkACLSpec{}
	}
	a, written := v.NetworkACLs[acl]
	if !written { // the default one: what it is left with must be written from now on
		a = NetworkACLSpec{Ingress: allowAll(v), Egress: allowAll(v)}
	}
	if ingress != nil {
		a.Ingress = slices.Clone(ingress)
	}
	if egress != nil {
		a.Egress = slices.Clone(egress)
	}
	v.NetworkACLs[acl] = a
	s.VPCs[vpc] = v
	return nil
}

// allowAll is what a default network ACL holds that nobody has changed (aws-semantics 7).
func allowAll(v VPCSpec) []ACLEntrySpec {
	all := []ACLEntrySpec{{Number: 100, Action: "allow", Protocol: "all", CIDR: "0.0.0.0/0"}}
	if v.IPv6CIDR != "" {
		all = append(all, ACLEntrySpec{Number: 101, Action: "allow", Protocol: "all", CIDR: "::/0"})
	}
	return all
}
