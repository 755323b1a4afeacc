package filter

import (
	"net/netip"

	"vpcsim/dataplane/packet"
)

// The gold model reads the rules as a person does: one after the other, word by word.

// about says whether a rule is about a packet whose other side is peer.
func about(r Rule, p *packet.Packet, peer netip.Addr) bool {
	for _, q := range r.Peers {
		if q.Contains(peer) {
			return aboutProtocol(r, p) && aboutDetail(r, p)
		}
	}
	return false
}

func aboutProtocol(r Rule, p *packet.Packet) bool {
	switch r.Protocol {
	case Any:
		return true
	case packet.ICMP:
		return p.Protocol == packet.ICMP && p.Src.Is4()
	case packet.ICMPv6:
		return p.Protocol == packet.ICMPv6 && p.Src.Is6()
	}
	return r.Protocol == int(p.Protocol)
}

func aboutDetail(r Rule, p *packet.Packet) bool {
	switch r.Protocol {
	case packet.TCP, packet.UDP:
		if p.LaterFragment() {
			return allPorts(r)
		}
		return r.FirstPort <= p.DstPort && p.DstPort <= r.LastPort
	case packet.ICMP, packet.ICMPv6:
		if r.ICMPType == Any {
			return true
		}
		if p.LaterFragment() || r.ICMPType != int(p.ICMPType) {
			return false
		}
		return r.ICMPCode == Any || r.ICMPCode == int(p.ICMPCode)
	}
	return true
}

func allPorts(r Rule) bool { return r.FirstPort == 0 && r.LastPort == 65535 }

// forEverywhere says whether a rule names all addresses of the family of a in one prefix.
func forEverywhere(r Rule, a netip.Addr) bool {
	for _, q := range r.Peers {
		if q == netip.MustParsePrefix("0.0.0.0/0") && a.Is4() || q == netip.MustParsePrefix("::/0") && a.Is6() {
			return true
		}
	}
	return false
}

// goldEntry returns the first entry that is about the packet, and whether it allows it; -1 if none is.
func goldEntry(list []Rule, p *packet.Packet, peer netip.Addr) (allowed bool, entry int) {
	for n, r := range list {
		if about(r, p, peer) {
			return !r.Deny, n
		}
	}
	return false, -1
}

// goldVerdict is what security groups say of a packet: rules are those of its direction, opposite the others.
func goldVerdict(rules, opposite []Rule, p *packet.Packet, peer netip.Addr) (v Verdict, rule int) {
	narrow, wide := -1, -1 // the first rule that allows the packet, the first of those for everywhere
	for n, r := range rules {
		switch {
		case !about(r, p, peer):
		case forEverywhere(r, peer):
			if wide < 0 {
				wide = n
			}
		case narrow < 0:
			narrow = n
		}
	}
	switch {
	case wide >= 0 && (p.Protocol == packet.TCP || p.Protocol == packet.UDP) && openFor(opposite, p, peer):
		return Untracked, wide
	case wide >= 0:
		return Tracked, wide
	case narrow >= 0:
		return Tracked, narrow
	}
	return Denied, -1
}

// openFor says whether one rule allows everything of the packet's protocol, to or from everywhere.
func openFor(rules []Rule, p *packet.Packet, peer netip.Addr) bool {
	for _, r := range rules {
		if forEverywhere(r, peer) && (r.Protocol == Any || r.Protocol == int(p.Protocol) && allPorts(r)) {
			return true
		}
	}
	return false
}
