package control

import (
	"strconv"

	"vpcsim/dataplane/packet"
	"vpcsim/topology"
)

// The numbers of the entries that end every network ACL and deny what no other matched (aws-semantics 7).
const (
	lastEntry     = 32767
	lastIPv6Entry = 32768
)

// filters describes the security groups and network ACLs of a VPC.
func (d *Description) filters(v *topology.VPC) {
	for _, g := range v.SecurityGroups {
		d.SecurityGroups = append(d.SecurityGroups, SecurityGroupView{
			GroupID: g.ID, GroupName: g.Name, VpcID: v.ID, Permissions: permissions(g.Ingress), Egress: permissions(g.Egress),
		})
	}
	for _, a := range v.NetworkACLs {
		view := NetworkACLView{NetworkACLID: a.ID, Name: a.Name, VpcID: v.ID, IsDefault: a.Default, Associations: []ACLAssociationView{}}
		view.Entries = append(aclEntries(a, false), aclEntries(a, true)...)
		for _, s := range v.Subnets {
			if s.ACL == a {
				view.Associations = append(view.Associations, ACLAssociationView{NetworkACLID: a.ID, SubnetID: s.ID})
			}
		}
		d.NetworkAcls = append(d.NetworkAcls, view)
	}
}

func permissions(rules []*topology.Rule) []PermissionView {
	all := []PermissionView{}
	for _, r := range rules {
		p := PermissionView{
			RuleID: r.ID, IPProtocol: packet.ProtocolName(r.Protocol), IPRanges: []RangeView{}, IPv6Ranges: []RangeIPv6View{}, PrefixListIDs: []PrefixListRef{}, Groups: []GroupMemberView{},
		}
		switch r.Protocol {
		case packet.TCP, packet.UDP:
			from, to := int(r.FirstPort), int(r.LastPort)
			p.FromPort, p.ToPort = &from, &to
		case packet.ICMP, packet.ICMPv6:
			p.FromPort, p.ToPort = &r.ICMPType, &r.ICMPCode
		}
		switch {
		case r.PrefixList != nil:
			p.PrefixListIDs = append(p.PrefixListIDs, PrefixListRef{r.PrefixList.ID})
		case r.Group != nil:
			p.Groups = append(p.Groups, GroupMemberView{r.Group.ID, r.Group.VPC.ID})
		case r.StaleGroup != "":
			p.Groups = append(p.Groups, GroupMemberView{GroupID: r.StaleGroup})
		case r.Prefix.Addr().Is4():
			p.IPRanges = append(p.IPRanges, RangeView{r.Prefix.String()})
		default:
			p.IPv6Ranges = append(p.IPv6Ranges, RangeIPv6View{r.Prefix.String()})
		}
		all = append(all, p)
	}
	return all
}

// aclEntries describes the entries of one direction, those at the end that every ACL has included.
func aclEntries(a *topology.NetworkACL, egress bool) (all []ACLEntryView) {
	rules := a.Ingress
	if egress {
		rules = a.Egress
	}
	for _, r := range rules {
		all = append(all, aclEntry(r, egress))
	}
	all = append(all, ACLEntryView{RuleNumber: lastEntry, Protocol: "-1", RuleAction: "deny", Egress: egress, CidrBlock: "0.0.0.0/0"})
	if a.VPC.IPv6CIDR.IsValid() {
		all = append(all, ACLEntryView{RuleNumber: lastIPv6Entry, Protocol: "-1", RuleAction: "deny", Egress: egress, IPv6CidrBlock: "::/0"})
	}
	return all
}

func aclEntry(r *topology.Rule, egress bool) ACLEntryView {
	e := ACLEntryView{RuleNumber: r.Number, Protocol: strconv.Itoa(r.Protocol), RuleAction: "deny", Egress: egress}
	if r.Allow {
		e.RuleAction = "allow"
	}
	if r.Prefix.Addr().Is4() {
		e.CidrBlock = r.Prefix.String()
	} else {
		e.IPv6CidrBlock = r.Prefix.String()
	}
	switch r.Protocol {
	case packet.TCP, packet.UDP:
		e.PortRange = &PortRangeView{From: int(r.FirstPort), To: int(r.LastPort)}
	case packet.ICMP, packet.ICMPv6:
		e.ICMPTypeCode = &ICMPView{Type: r.ICMPType, Code: r.ICMPCode}
	}
	return e
}
