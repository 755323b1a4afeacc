package awsimport

import (
	"cmp"
	"slices"
	"strconv"
)

func (t *terraform) securityGroup(r *resource) {
	id := t.recordID(r)
	t.parts.places[id] = r.place(t)
	g := part(t.parts.groups, id)
	g.GroupId, g.VpcId, g.Description, g.Tags = id, cmp.Or(t.vpcOf(r), g.VpcId), r.text("description"), r.tags()
	if g.GroupName != "default" {
		g.GroupName = r.text("name")
	}
	g.IpPermissions, g.IpPermissionsEgress = nil, nil // the provider takes away the rules that AWS gives a new group
	for _, block := range r.blocks("ingress") {
		g.IpPermissions = append(g.IpPermissions, t.permission(block, id))
	}
	for _, block := range r.blocks("egress") {
		g.IpPermissionsEgress = append(g.IpPermissionsEgress, t.permission(block, id))
	}
	if g.VpcId == "" {
		delete(t.parts.groups, id)
		t.lost(r, "vpc_id")
	}
}

// permission is what a block or a rule resource allows. group is that of self.
func (t *terraform) permission(n node, group string) IpPermission {
	p := IpPermission{IpProtocol: cmp.Or(n.text("protocol"), n.text("ip_protocol"))}
	if p.IpProtocol == "all" {
		p.IpProtocol = "-1"
	}
	_, from := n.values["from_port"].(float64)
	_, to := n.values["to_port"].(float64)
	if from && to && p.IpProtocol != "-1" {
		first, last := n.number("from_port"), n.number("to_port")
		p.FromPort, p.ToPort = &first, &last
	}
	for _, c := range append(n.texts("cidr_blocks"), n.text("cidr_ipv4")) {
		if c != "" {
			p.IpRanges = append(p.IpRanges, struct{ CidrIp string }{c})
		}
	}
	for _, c := range append(n.texts("ipv6_cidr_blocks"), n.text("cidr_ipv6")) {
		if c != "" {
			p.Ipv6Ranges = append(p.Ipv6Ranges, struct{ CidrIpv6 string }{c})
		}
	}
	groups := append(t.ids(n, "security_groups", "aws_security_group"), t.id(n, "source_security_group_id", "aws_security_group"),
		t.id(n, "referenced_security_group_id", "aws_security_group"))
	if n.is("self") {
		groups = append(groups, group)
	}
	for _, g := range groups {
		if g != "" {
			p.UserIdGroupPairs = append(p.UserIdGroupPairs, GroupPair{GroupId: g})
		}
	}
	for _, l := range append(t.ids(n, "prefix_list_ids", "aws_ec2_managed_prefix_list", "aws_vpc_endpoint"), t.id(n, "prefix_list_id", "aws_ec2_managed_prefix_list")) {
		if l != "" {
			p.PrefixListIds = append(p.PrefixListIds, struct{ PrefixListId string }{l})
		}
	}
	return p
}

// groupRule adds an aws_security_group_rule.
func (t *terraform) groupRule(r *resource) { t.addRule(r, r.text("type") == "egress") }

// oneRule adds an aws_vpc_security_group_ingress_rule or -egress_rule.
func (t *terraform) oneRule(r *resource) {
	t.addRule(r, r.kind == "aws_vpc_security_group_egress_rule")
}

func (t *terraform) addRule(r *resource, egress bool) {
	id := t.id(r.node, "security_group_id", "aws_security_group", "aws_default_security_group")
	g := t.parts.groups[id]
	switch p := t.permission(r.node, id); {
	case g == nil:
		t.lost(r, "security_group_id")
	case egress:
		g.IpPermissionsEgress = append(g.IpPermissionsEgress, p)
	default:
		g.IpPermissions = append(g.IpPermissions, p)
	}
}

func (t *terraform) networkACL(r *resource) {
	id := t.recordID(r)
	t.parts.places[id] = r.place(t)
	a := part(t.parts.acls, id)
	a.NetworkAclId, a.VpcId, a.Tags = id, cmp.Or(t.vpcOf(r), a.VpcId), r.tags()
	a.Entries = nil
	for _, egress := range []bool{false, true} {
		key := "ingress"
		if egress {
			key = "egress"
		}
		for _, block := range r.blocks(key) {
			a.Entries = append(a.Entries, aclEntryOf(block, "rule_no", "action", egress))
		}
	}
	for _, s := range t.ids(r.node, "subnet_ids", "aws_subnet") {
		t.associateACL(a, s)
	}
	if a.VpcId == "" {
		delete(t.parts.acls, id)
		t.lost(r, "vpc_id")
	}
}

func aclEntryOf(n node, number, action string, egress bool) NetworkAclEntry {
	e := NetworkAclEntry{
		Egress: egress, RuleNumber: n.number(number), RuleAction: n.text(action), Protocol: n.text("protocol"),
		CidrBlock: n.text("cidr_block"), Ipv6CidrBlock: n.text("ipv6_cidr_block"),
	}
	whole := func(key string) int { // the older resources have these as texts
		if v, err := strconv.Atoi(n.text(key)); err == nil {
			return v
		}
		return n.number(key)
	}
	switch protocol(e.Protocol) {
	case "tcp", "udp":
		e.PortRange = &struct{ From, To int }{whole("from_port"), whole("to_port")}
	case "icmp", "icmpv6":
		e.IcmpTypeCode = &struct{ Type, Code int }{whole("icmp_type"), whole("icmp_code")}
	}
	return e
}

func (t *terraform) aclRule(r *resource) {
	a := t.parts.acls[t.id(r.node, "network_acl_id", "aws_network_acl", "aws_default_network_acl")]
	if a == nil {
		t.lost(r, "network_acl_id")
		return
	}
	a.Entries = append(a.Entries, aclEntryOf(r.node, "rule_number", "rule_action", r.is("egress")))
}

func (t *terraform) aclAssociation(r *resource) {
	a, subnet := t.parts.acls[t.id(r.node, "network_acl_id", "aws_network_acl")], t.id(r.node, "subnet_id", "aws_subnet")
	if a == nil || subnet == "" {
		t.lost(r, "network_acl_id or subnet_id")
		return
	}
	t.associateACL(a, subnet)
}

// associateACL gives a subnet a network ACL in place of any other.
func (t *terraform) associateACL(a *NetworkAcl, subnet string) {
	for _, other := range t.parts.acls {
		other.Associations = slices.DeleteFunc(other.Associations, func(s struct{ SubnetId string }) bool { return s.SubnetId == subnet })
	}
	a.Associations = append(a.Associations, struct{ SubnetId string }{subnet})
}

// defaultACLs gives the subnets that have no network ACL the default one of their VPC.
func (t *terraform) defaultACLs() {
	has := map[string]bool{}
	defaults := map[string]*NetworkAcl{}
	for _, a := range t.parts.acls {
		for _, s := range a.Associations {
			has[s.SubnetId] = true
		}
		if a.IsDefault {
			defaults[a.VpcId] = a
		}
	}
	for id, copies := range t.dump.subnets.copies {
		if a := defaults[copies[0].value.VpcId]; a != nil && !has[id] {
			a.Associations = append(a.Associations, struct{ SubnetId string }{id})
		}
	}
}
