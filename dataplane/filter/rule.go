// Package filter decides which packets a network interface and a subnet let through: security groups, which are sets of what is
// allowed, and network ACLs, which are ordered lists. Both are compiled once, immutable, and read by any number of goroutines.
//
// A filter knows nothing of connections: that an answer to an allowed packet passes whatever the rules say is the flow
// table's part (aws-semantics 6.3).
//
// A rule asks two things of a packet: what it is, and who is at its other side. What it is is one number, its key, in which
// the protocol stands above the port or the ICMP type and code, so that each rule is about one range of keys. The other
// side is looked up in the rule's peers.
package filter

import (
	"net/netip"
	"slices"

	"vpcsim/dataplane/packet"
)

// Any is the wildcard of a rule's protocol, ICMP type and ICMP code.
const Any = -1

// Rule is one rule of a security group or one entry of a network ACL, in the direction of the list it stands in.
//
// A later fragment has neither ports nor a type: only rules which do not limit them are about it (aws-semantics 7). A rule
// about ICMP is so only over IPv4, one about ICMPv6 only over IPv6. A rule that asks for the impossible, such as a first port
// above the last, is about nothing.
type Rule struct {
	ID       string // for traces: "sg-0…/sgr-0…" or "acl-0…#100"
	Says     string // for traces, in words: "tcp 443 from 0.0.0.0/0"; may be empty
	Protocol int    // IANA number, or Any
	// FirstPort and LastPort are the destination ports, for TCP and UDP alone; 0 and 65535 are no limit.
	FirstPort, LastPort uint16
	// ICMPType and ICMPCode are for ICMP and ICMPv6 alone; or Any. With a type of Any the code means nothing.
	ICMPType, ICMPCode int
	Peers              []netip.Prefix // the other side, of both families: sources inbound, destinations outbound
	Deny               bool           // of a network ACL; a security group only allows
}

// key is what a packet is, as far as rules tell packets apart: the protocol above 17 bits of detail. That is the
// destination port of TCP and UDP, or the type and the code, a byte each, of ICMP and ICMPv6. (Of the ICMP of the other
// family it is nothing to rely on, but there are no rules for that either.)
type key uint32

const (
	detailBits = 17
	// noDetail is that of later fragments and of other protocols. It lies above all others: a range reaches it only if it
	// has no limit.
	noDetail = 1 << 16
)

func keyOf(p *packet.Packet) key {
	detail := key(noDetail)
	switch p.Protocol {
	case packet.TCP, packet.UDP:
		detail = key(p.DstPort)
	case packet.ICMP, packet.ICMPv6:
		detail = key(p.ICMPType)<<8 | key(p.ICMPCode)
	}
	if p.LaterFragment() {
		detail = noDetail
	}
	return key(p.Protocol)<<detailBits | detail
}

// list is one direction of a filter.
type list struct {
	labels          []label // by the rules' numbers
	checks, checks6 []check // of IPv4, of IPv6
}

// label is what traces show of a rule.
type label struct{ id, says string }

// String returns all of it.
func (l label) String() string {
	if l.says == "" {
		return l.id
	}
	return l.id + ": " + l.says
}

// check is a compiled rule, for packets of one family.
type check struct {
	first, size key // the keys from first to first+size
	peers       peers
	number      int32 // of the rule, in the list it came from
	deny        bool
	everywhere  bool   // one of the peers is all of the family
	untracked   uint32 // the protocols below 32, as bits, that security groups do not track if this rule allows them
}

// newList compiles the rules and keeps their order.
func newList(rules []Rule) list {
	labels := make([]label, len(rules))
	for n := range rules {
		labels[n] = label{rules[n].ID, rules[n].Says}
	}
	return list{labels, compile(rules, ipv4), compile(rules, ipv6)}
}

// add appends the rules of another list, whose numbers go on from here. Peers are shared.
func (l *list) add(other *list) {
	base := int32(len(l.labels))
	l.labels = append(l.labels, other.labels...)
	l.checks = appendChecks(l.checks, other.checks, base)
	l.checks6 = appendChecks(l.checks6, other.checks6, base)
}

func appendChecks(checks, more []check, base int32) []check {
	n := len(checks)
	checks = append(checks, more...)
	for i := range checks[n:] {
		checks[n+i].number += base
	}
	return checks
}

// compile leaves out the rules that are about no packet of the family.
func compile(rules []Rule, f family) (checks []check) {
	for n := range rules {
		r := &rules[n]
		first, last := r.keys(f)
		peers, some := newPeers(r.Peers, f)
		if first <= last && some {
			checks = append(checks, check{
				first: first, size: last - first, peers: peers, number: int32(n), deny: r.Deny,
				everywhere: slices.ContainsFunc(r.Peers, f.everywhere),
			})
		}
	}
	return checks
}

// match returns the first check that is about the packet, whose other side is peer; nil if none is. What it asks a check is
// in one expression, and in the order of its cost, because only so does the compiler inline all but the search.
func (l *list) match(p *packet.Packet, peer netip.Addr) *check {
	checks := l.checks6
	if peer.Is4() {
		checks = l.checks
	}
	k, a := keyOf(p), addressOf(peer)
	for i := range checks {
		if c := &checks[i]; c.is(k) && c.peers.mayContain(a) && (c.peers.ranges == nil || c.peers.search(a)) {
			return c
		}
	}
	return nil
}

// is says whether the rule is about packets of the key.
func (c *check) is(k key) bool { return k-c.first <= c.size }

// keys returns the first and the last key that the rule is about; first is above last if there is none.
func (r *Rule) keys(f family) (first, last key) {
	switch r.Protocol {
	case Any:
		return 0, ^key(0)
	case packet.TCP, packet.UDP:
		return r.portKeys()
	case packet.ICMP, packet.ICMPv6:
		if (r.Protocol == packet.ICMP) != (f == ipv4) {
			return 1, 0
		}
		return r.icmpKeys()
	}
	if r.Protocol < 0 || r.Protocol > 255 {
		return 1, 0
	}
	return r.unlimited()
}

func (r *Rule) unlimited() (first, last key) {
	first = key(r.Protocol) << detailBits
	return first, first | noDetail
}

func (r *Rule) portKeys() (first, last key) {
	first, last = r.unlimited()
	if r.FirstPort == 0 && r.LastPort == 65535 {
		return first, last
	}
	return first | key(r.FirstPort), first | key(r.LastPort)
}

func (r *Rule) icmpKeys() (first, last key) {
	first, last = r.unlimited()
	switch {
	case r.ICMPType == Any:
		return first, last
	case r.ICMPType < 0 || r.ICMPType > 255 || r.ICMPCode < Any || r.ICMPCode > 255:
		return 1, 0
	}
	first |= key(r.ICMPType) << 8
	if r.ICMPCode == Any {
		return first, first | 255
	}
	return first | key(r.ICMPCode), first | key(r.ICMPCode)
}
