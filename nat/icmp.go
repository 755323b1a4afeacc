package nat

import (
	"encoding/binary"

	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

// ICMP types that no translator lets through (RFC 5508 REQ-10): what they say is about the sender's own link.
const (
	icmpRouterAdvertisement = 9
	icmpRouterSolicitation  = 10
)

// checkICMP says whether an ICMP message over IPv4, whole or a first fragment, can be translated. An error must be intact and
// quote a packet that can be told, or the quotation would name addresses that its reader must not see (RFC 5508 REQ-3). The
// transport checksum of the quotation is not looked at: it is mostly cut off or not final (REQ-3c).
func checkICMP(p *packet.Packet) drop.Reason {
	switch p.ICMPType {
	case packet.ICMPSourceQuench, packet.ICMPRedirect, icmpRouterAdvertisement, icmpRouterSolicitation:
		return drop.ICMPNotTranslated
	}
	if !p.IsICMPError() {
		return drop.None
	}
	if !p.ValidChecksum() || badQuote(p.Payload()) {
		return drop.ICMPChecksum
	}
	if _, ok := p.EmbeddedSrc(); !ok {
		return drop.ICMPNotTranslated
	}
	return drop.None
}

// badQuote says whether b begins with a whole IPv4 header whose checksum is wrong (RFC 5508 REQ-3a).
func badQuote(b []byte) bool {
	if len(b) < 20 || b[0]>>4 != 4 {
		return false
	}
	n := int(b[0]&0xf) * 4
	if n < 20 || n > len(b) {
		return false
	}
	var sum uint32
	for i := 0; i < n; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	return sum%0xffff != 0 // the complemented sum is a multiple of ffff iff the checksum is right; it cannot be 0 itself
}

// judgeICMP turns the key of an ICMP message into that of its session, or says why it has none. Identifiers of queries stand
// for ports (RFC 5508 REQ-1). Only the inside asks, and only the outside answers.
func (k *key) judgeICMP(p *packet.Packet, inbound bool) drop.Reason {
	if reason := checkICMP(p); reason != drop.None {
		return reason
	}
	switch p.ICMPType {
	case packet.ICMPEchoRequest, timestampRequest:
		if inbound {
			return drop.NATNoMapping
		}
	case packet.ICMPEchoReply, timestampReply:
		if !inbound {
			return drop.ICMPNotTranslated
		}
	case packet.ICMPDestinationUnreachable, packet.ICMPTimeExceeded, packet.ICMPParameterProblem:
		return k.judgeQuote(p, inbound)
	default:
		return drop.ICMPNotTranslated
	}
	k.setRemotePort(keyedByIdentifier)
	if p.ICMPType >= timestampRequest && !p.LaterFragment() {
		k.setRemotePort(keyedByTimestampID)
		k.setLocalPort(identifier(p))
	}
	return drop.None
}

// identifier is that of an ICMP query, which has eight bytes of header at least.
func identifier(p *packet.Packet) uint16 {
	b := p.Bytes()
	return binary.BigEndian.Uint16(b[int(b[0]&0xf)*4+4:])
}

// judgeQuote makes k the key of the session that an ICMP error is about. The error goes to who sent the packet that it quotes
// (RFC 5508 REQ-4, REQ-5).
func (k *key) judgeQuote(p *packet.Packet, inbound bool) drop.Reason {
	src, _ := p.EmbeddedSrc()
	dst, _ := p.EmbeddedDst()
	protocol, srcPort, dstPort, ok := p.EmbeddedPorts()
	if !ok || src != p.Dst {
		return drop.ICMPNotTranslated
	}
	if inbound {
		*k = newKey(number(src), number(dst), srcPort, dstPort, protocol)
	} else {
		*k = newKey(number(dst), number(src), dstPort, srcPort, protocol)
	}
	if protocol == packet.ICMP {
		k.setRemotePort(keyedByIdentifier)
	}
	return drop.None
}

// crossError translates an ICMP error and what it quotes. It neither refreshes nor ends the session (RFC 5508 REQ-6,
// RFC 7857 7.1), and may come from any router on the way (RFC 4787 REQ-12). The caller holds the shard.
func (s *shard) crossError(c *config, k *key, p *packet.Packet, inbound bool) drop.Reason {
	index := &s.inside
	if inbound {
		index = &s.outside
	}
	i, ok := index.Find(k, k.hash(&s.g.seed))
	if !ok || !s.sessions[i].alive(c, p.Time) {
		return drop.NATNoMapping
	}
	if reason := hop(p); reason != drop.None {
		return reason
	}
	f := &s.sessions[i]
	if inbound {
		p.SetEmbeddedSrc(address(f.inside))
		p.SetEmbeddedSrcPort(f.insidePort)
		p.SetDst(address(f.inside))
	} else {
		p.SetEmbeddedDst(address(f.own))
		p.SetEmbeddedDstPort(f.ownPort)
		p.SetSrc(address(f.own))
	}
	return drop.None
}
