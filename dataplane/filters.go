package dataplane

import (
	"net/netip"

	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/filter"
	"vpcsim/dataplane/packet"
)

// groups asks the security groups of an interface about a packet that belongs to no tracked connection.
func (w *Worker) groups(i *Interface, p *packet.Packet, d direction) (filter.Verdict, drop.Reason) {
	if i.Groups == nil {
		return filter.Tracked, drop.None
	}
	verdict, rule := i.Groups.Ingress(p)
	if d == outbound {
		verdict, rule = i.Groups.Egress(p)
	}
	reason := drop.None
	if verdict == filter.Denied && !exempt(i.Subnet, p, d) {
		reason = drop.SecurityGroup
		if d == inbound && i.Groups.IngressEmpty() || d == outbound && i.Groups.EgressEmpty() {
			reason = drop.SecurityGroupEmpty
		}
	}
	switch {
	case verdict != filter.Denied:
		w.countRule(i.rules.of(d), rule, p)
	case reason != drop.None && d == outbound:
		w.count(i.mismatched.egress, p)
	case reason != drop.None:
		w.count(i.mismatched.ingress, p)
	}
	if reason != drop.None || w.steps != nil {
		reason = w.recordGroups(i, p, d, verdict, rule, reason)
	}
	return verdict, reason
}

// acl asks the network ACL of a subnet about a packet that crosses its boundary (aws-semantics 7).
func (w *Worker) acl(s *Subnet, p *packet.Packet, d direction) drop.Reason {
	if s == nil || s.ACL == nil {
		return drop.None
	}
	allowed, entry := s.ACL.Ingress(p)
	if d == outbound {
		allowed, entry = s.ACL.Egress(p)
	}
	w.countRule(s.entries.of(d), entry+1, p)
	reason := drop.None
	if !allowed && !exempt(s, p, d) {
		reason = drop.NetworkACL
	}
	if reason != drop.None || w.steps != nil {
		reason = w.recordACL(s, p, d, allowed, entry, reason)
	}
	return reason
}

// Link-local services that neither security groups nor network ACLs filter (aws-semantics 6.2, 8.1): resolver, metadata,
// time, ECS task metadata, licence activation.
var unfiltered = [...]netip.Addr{
	netip.AddrFrom4([4]byte{169, 254, 169, 253}), netip.AddrFrom4([4]byte{169, 254, 169, 254}), netip.AddrFrom4([4]byte{169, 254, 169, 123}),
	netip.AddrFrom4([4]byte{169, 254, 170, 2}), netip.AddrFrom4([4]byte{169, 254, 169, 250}), netip.AddrFrom4([4]byte{169, 254, 169, 251}),
	netip.MustParseAddr("fd00:ec2::253"), netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("fd00:ec2::123"),
}

// exempt says whether the packet's other side is one that no filter judges. It is asked only when a filter would refuse.
func exempt(s *Subnet, p *packet.Packet, d direction) bool {
	peer := p.Src
	if d == outbound {
		peer = p.Dst
	}
	if s != nil && (peer == s.Resolver || peer == s.Router || peer == s.Router6) {
		return true
	}
	for _, a := range unfiltered {
		if peer == a {
			return true
		}
	}
	return false
}
