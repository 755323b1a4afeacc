package awsimport

import (
	"cmp"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"vpcsim/topology"
)

// protocols are the protocols with names, by what the AWS CLI may call them.
var protocols = map[string]string{
	"-1": "all", "all": "all", "icmp": "icmp", "1": "icmp", "tcp": "tcp", "6": "tcp", "udp": "udp", "17": "udp", "icmpv6": "icmpv6", "58": "icmpv6",
}

// protocol is a protocol as rules of the topology name it; empty if it is none.
func protocol(text string) string {
	if name := protocols[strings.ToLower(text)]; name != "" {
		return name
	}
	if n, err := strconv.ParseUint(text, 10, 8); err == nil {
		return strconv.FormatUint(n, 10)
	}
	return ""
}

// ports writes a range of ports; nothing for all of them.
func ports(from, to int) string {
	switch {
	case from < 0 || from == 0 && to == 65535:
		return ""
	case from == to:
		return strconv.Itoa(from)
	}
	return fmt.Sprintf("%d-%d", from, to)
}

// icmp writes an ICMP type and code; nothing for all of them.
func icmp(kind, code int) string {
	switch {
	case kind < 0:
		return ""
	case code < 0:
		return strconv.Itoa(kind)
	}
	return fmt.Sprintf("%d/%d", kind, code)
}

// impossible reports whether a rule is about ICMP of the one IP version at addresses of the other: no packet is that.
func impossible(protocol, cidrs string) bool {
	six := strings.Contains(cidrs, ":")
	return protocol == "icmp" && six || protocol == "icmpv6" && !six
}

// networkACLs says what the network ACLs of a VPC are.
func (m *mapper) networkACLs(v *vpc) {
	if len(v.acls) > 0 {
		v.spec.NetworkACLs = map[string]topology.NetworkACLSpec{}
	}
	for _, id := range v.acls {
		a := m.dump.networkAcls.get(id)
		m.fates.used("NetworkAcls", id)
		name := m.names.of(id)
		spec := topology.NetworkACLSpec{ID: unless(name, id)}
		for i, e := range a.Entries {
			entry, why := aclEntry(e)
			switch {
			case why != "":
				m.fates.approximated("NetworkAcls", id, "entries that are left out")
				m.warn(m.dump.networkAcls.place(id), id, a.Tags, fmt.Sprintf("Entries[%d]: %s: left out, and packets are judged without it", i, why))
			case entry.Number > maxNumber || impossible(entry.Protocol, entry.CIDR):
			case e.Egress:
				spec.Egress = append(spec.Egress, entry)
			default:
				spec.Ingress = append(spec.Ingress, entry)
			}
		}
		byNumber := func(a, b topology.ACLEntrySpec) int { return cmp.Compare(a.Number, b.Number) }
		slices.SortStableFunc(spec.Ingress, byNumber)
		slices.SortStableFunc(spec.Egress, byNumber)
		v.spec.NetworkACLs[name] = spec
	}
}

// maxNumber is the highest number of an entry; those above it are the final denials, which are implied.
const maxNumber = 32766

// aclEntry says what an entry of a network ACL is, or why it is nothing that a topology could have.
func aclEntry(e NetworkAclEntry) (entry topology.ACLEntrySpec, why string) {
	entry = topology.ACLEntrySpec{Number: e.RuleNumber, Action: e.RuleAction, Protocol: protocol(e.Protocol), CIDR: cmp.Or(e.CidrBlock, e.Ipv6CidrBlock)}
	switch {
	case entry.Number < 1:
		return entry, "no number"
	case entry.Action != "allow" && entry.Action != "deny":
		return entry, fmt.Sprintf("RuleAction %q is neither allow nor deny", e.RuleAction)
	case entry.Protocol == "":
		return entry, fmt.Sprintf("Protocol %q is not one", e.Protocol)
	case !isCIDR(entry.CIDR):
		return entry, fmt.Sprintf("%q is not a CIDR", entry.CIDR)
	}
	switch entry.Protocol {
	case "tcp", "udp":
		if e.PortRange != nil {
			entry.Ports = ports(e.PortRange.From, e.PortRange.To)
		}
	case "icmp", "icmpv6":
		if e.IcmpTypeCode != nil {
			entry.ICMP = icmp(e.IcmpTypeCode.Type, e.IcmpTypeCode.Code)
		}
	}
	return entry, ""
}

func isCIDR(text string) bool {
	_, err := netip.ParsePrefix(text)
	return err == nil
}

// securityGroups says what the security groups of a VPC are.
func (m *mapper) securityGroups(v *vpc) {
	v.spec.SecurityGroups = map[string]topology.SecurityGroupSpec{}
	for _, id := range v.groups {
		g := m.dump.securityGroups.get(id)
		m.fates.used("SecurityGroups", id)
		name := m.names.of(id)
		spec := topology.SecurityGroupSpec{ID: unless(name, id), Ingress: m.rules(v, id, g.IpPermissions), Egress: m.rules(v, id, g.IpPermissionsEgress)}
		own := []topology.RuleSpec{{Protocol: "all", Peer: "default"}}
		switch {
		case name != "default":
		case reflect.DeepEqual(spec.Ingress, own):
			spec.Ingress = nil // what a default group has anyway
		case spec.Ingress == nil:
			spec.Ingress = []topology.RuleSpec{}
		}
		if reflect.DeepEqual(spec.Egress, everywhere(v)) {
			spec.Egress = nil // what a new group has anyway
		} else if spec.Egress == nil {
			spec.Egress = []topology.RuleSpec{}
		}
		if d := g.Description; name != "default" && d != g.GroupName && d != "Managed by Terraform" {
			spec.Description = d
		}
		v.spec.SecurityGroups[name] = spec
	}
}

// everywhere are the outbound rules that AWS gives a new group.
func everywhere(v *vpc) []topology.RuleSpec {
	all := []topology.RuleSpec{{Protocol: "all", Peer: "0.0.0.0/0"}}
	if v.spec.IPv6CIDR != "" {
		all = append(all, topology.RuleSpec{Protocol: "all", Peer: "::/0"})
	}
	return all
}

// rules says what one direction of a security group allows, in an order of its own.
func (m *mapper) rules(v *vpc, group string, permissions []IpPermission) []topology.RuleSpec {
	var all []topology.RuleSpec
	for _, p := range permissions {
		base := topology.RuleSpec{Protocol: protocol(p.IpProtocol)}
		if base.Protocol == "" {
			m.lessRules(group, fmt.Sprintf("IpProtocol %q is not one", p.IpProtocol))
			continue
		}
		if p.FromPort != nil && p.ToPort != nil {
			switch base.Protocol {
			case "tcp", "udp":
				base.Ports = ports(*p.FromPort, *p.ToPort)
			case "icmp", "icmpv6":
				base.ICMP = icmp(*p.FromPort, *p.ToPort)
			}
		}
		for _, peer := range m.peers(v, group, p) {
			rule := base
			if rule.Peer = peer; !isCIDR(peer) || !impossible(rule.Protocol, peer) {
				all = append(all, rule)
			}
		}
	}
	slices.SortFunc(all, compareRules)
	return slices.Compact(all)
}

func compareRules(a, b topology.RuleSpec) int {
	port := func(r topology.RuleSpec) int {
		first, _, _ := strings.Cut(r.Ports+r.ICMP, "-")
		n, _ := strconv.Atoi(first)
		return n
	}
	return cmp.Or(strings.Compare(a.Protocol, b.Protocol), cmp.Compare(port(a), port(b)), strings.Compare(a.Ports, b.Ports),
		strings.Compare(a.ICMP, b.ICMP), strings.Compare(a.Peer, b.Peer))
}

// lessRules says that a group has a rule which the topology does not have.
func (m *mapper) lessRules(group, why string) {
	g := m.dump.securityGroups.get(group)
	m.fates.approximated("SecurityGroups", group, "rules that are left out")
	m.warn(m.dump.securityGroups.place(group), group, append([]Tag{{"Name", g.GroupName}}, g.Tags...), why+": the rule is left out, and what it allows is not allowed")
}

// idleRule says that a rule of a group allows nothing here.
func (m *mapper) idleRule(group, why string) {
	g := m.dump.securityGroups.get(group)
	m.fates.approximated("SecurityGroups", group, "rules that allow nothing")
	m.warn(m.dump.securityGroups.place(group), group, append([]Tag{{"Name", g.GroupName}}, g.Tags...), why+": the rule allows nothing")
}

// peers are the other sides of a permission.
func (m *mapper) peers(v *vpc, group string, p IpPermission) (all []string) {
	cidr := func(text string) {
		if isCIDR(text) {
			all = append(all, text)
		} else {
			m.lessRules(group, fmt.Sprintf("%q is not a CIDR", text))
		}
	}
	for _, r := range p.IpRanges {
		cidr(r.CidrIp)
	}
	for _, r := range p.Ipv6Ranges {
		cidr(r.CidrIpv6)
	}
	for _, l := range p.PrefixListIds {
		if name, why := m.useList(v, l.PrefixListId); why == "" {
			list := m.spec.PrefixLists[name].Entries // none if the simulator knows them, which are IPv4
			if !impossible(protocol(p.IpProtocol), strings.Join(list, " ")) {
				all = append(all, name)
			}
		} else {
			m.lessRules(group, why)
		}
	}
	for _, pair := range p.UserIdGroupPairs {
		name, why := m.groupPeer(v, pair.GroupId)
		switch ended := pair.PeeringStatus != "" && pair.PeeringStatus != "active"; {
		case why == "":
			all = append(all, name)
		case !goodID.MatchString(pair.GroupId):
			m.lessRules(group, why)
		default: // as a stale rule at AWS, it allows nothing (aws-semantics 6.1)
			all = append(all, pair.GroupId)
			if !ended {
				m.idleRule(group, why)
			}
		}
	}
	return all
}

// groupPeer names a security group in a rule of a VPC, or says why it can't.
func (m *mapper) groupPeer(v *vpc, id string) (name, why string) {
	g := m.dump.securityGroups.get(id)
	if g == nil {
		return "", "it names security group " + id + ", which is not in the dump"
	}
	other := m.byID[g.VpcId]
	switch {
	case other == nil:
		return "", "it names security group " + id + ", whose VPC is not in the dump"
	case other == v:
		return m.names.of(id), ""
	case other.region != v.region:
		return "", "it names security group " + id + " of " + other.id + " in another region"
	}
	for pcx := range m.peered {
		p := m.dump.peerings.get(pcx)
		sides := []string{p.RequesterVpcInfo.VpcId, p.AccepterVpcInfo.VpcId}
		if slices.Contains(sides, v.id) && slices.Contains(sides, other.id) {
			return m.names.of(other.id) + "/" + m.names.of(id), ""
		}
	}
	return "", "it names security group " + id + " of " + other.id + ", with which its VPC is not peered"
}
