package packet

import "net/netip"

// An ICMP error quotes the start of the datagram it is about, and a NAT has to translate the quote too, or the host could
// not tell which of its connections is meant (RFC 5508 REQ-4, REQ-5). The quote is often cut off, so its transport
// checksum is kept right where it is there and is never verified (REQ-3c); what follows the quote (RFC 4884) stays.
//
// Only ICMP over IPv4 is known: nothing in a VPC translates IPv6 addresses.

// embedded is the datagram quoted in an ICMP error.
type embedded struct {
	ip        []byte // from the IP header to the end of what is quoted
	transport []byte // what is quoted of the transport header and payload; nil in later fragments
	protocol  uint8
}

// embedded finds the quote; not ok if there is none, if it is cut off within its IP header, or if that header is
// malformed or its checksum wrong (RFC 5508 REQ-3a).
func (p *Packet) embedded() (e embedded, ok bool) {
	if p.Protocol != ICMP || p.checksum == 0 || p.IsFragment() {
		return e, false
	}
	switch p.ICMPType {
	case ICMPDestinationUnreachable, ICMPTimeExceeded, ICMPParameterProblem:
	default:
		return e, false
	}
	icmp := p.Bytes()[p.transport:]
	e.ip = icmp[8:]
	if n := int(icmp[5]) * 4; n != 0 && n < len(e.ip) { // RFC 4884: how much of it is the quote
		e.ip = e.ip[:n]
	}
	if len(e.ip) < 20 || e.ip[0]>>4 != 4 {
		return e, false
	}
	header, total := int(e.ip[0]&0xf)*4, int(be.Uint16(e.ip[2:]))
	if header < 20 || header > len(e.ip) || total < header || fold(sum(e.ip[:header])) != 0xffff {
		return e, false
	}
	e.ip = e.ip[:min(total, len(e.ip))]
	e.protocol = e.ip[9]
	if be.Uint16(e.ip[6:])&fragmentOffset == 0 {
		e.transport = e.ip[header:]
	}
	return e, true
}

// checksum is the place of the quote's transport checksum; nil where the protocol has none or it is cut off.
func (e *embedded) checksum() []byte {
	at := 0
	switch e.protocol {
	case TCP:
		at = tcpChecksum
	case UDP:
		at = udpChecksum
	case ICMP:
		at = icmpChecksum
	default:
		return nil
	}
	if len(e.transport) < at+2 {
		return nil
	}
	return e.transport[at : at+2]
}

// ports finds the source and destination port, for an echo both times the identifier. RFC 792 has at least 8 bytes of the
// transport header quoted; with less there are no ports.
func (e *embedded) ports() (src, dst []byte) {
	if len(e.transport) < 8 {
		return nil, nil
	}
	switch e.protocol {
	case TCP, UDP:
		return e.transport[0:2], e.transport[2:4]
	case ICMP:
		if typ := e.transport[0]; typ == ICMPEchoRequest || typ == ICMPEchoReply {
			return e.transport[echoID : echoID+2], e.transport[echoID : echoID+2]
		}
	}
	return nil, nil
}

// EmbeddedSrc is the source address of the datagram quoted in an ICMP error of type 3, 11 or 12; false if the packet is
// none, or quotes nothing that can be told: RFC 5508 REQ-3 has such an error dropped.
func (p *Packet) EmbeddedSrc() (netip.Addr, bool) { return p.embeddedAddr(ipv4Src) }

// EmbeddedDst is EmbeddedSrc for the destination address.
func (p *Packet) EmbeddedDst() (netip.Addr, bool) { return p.embeddedAddr(ipv4Dst) }

func (p *Packet) embeddedAddr(at int) (netip.Addr, bool) {
	e, ok := p.embedded()
	if !ok {
		return netip.Addr{}, false
	}
	return netip.AddrFrom4([4]byte(e.ip[at:])), true
}

// EmbeddedPorts are the protocol and ports of the quoted datagram, for an echo both times the identifier; false if there is
// no quote (EmbeddedSrc), or none of the ports: other protocols, later fragments, fewer than 8 bytes of transport header.
func (p *Packet) EmbeddedPorts() (protocol uint8, src, dst uint16, ok bool) {
	e, ok := p.embedded()
	if !ok {
		return 0, 0, 0, false
	}
	s, d := e.ports()
	if s == nil {
		return e.protocol, 0, 0, false
	}
	return e.protocol, be.Uint16(s), be.Uint16(d), true
}

// SetEmbeddedSrc changes the source address of the datagram quoted in an ICMP error, the quoted checksums over it as far
// as they are there, and the ICMP checksum over all of that; the packet's own addresses stay. It is false, and nothing
// changes, where EmbeddedSrc is. It panics if a is not IPv4.
func (p *Packet) SetEmbeddedSrc(a netip.Addr) bool { return p.setEmbeddedAddr(ipv4Src, a) }

// SetEmbeddedDst is SetEmbeddedSrc for the destination address.
func (p *Packet) SetEmbeddedDst(a netip.Addr) bool { return p.setEmbeddedAddr(ipv4Dst, a) }

func (p *Packet) setEmbeddedAddr(at int, a netip.Addr) bool {
	if !a.Is4() {
		panic("packet: the new address is of the other family")
	}
	e, ok := p.embedded()
	if !ok {
		return false
	}
	c := putAddr4(e.ip, at, a)
	// The new header checksum cancels the new address in the sum over both: only the transport checksum is left.
	if field := e.checksum(); field != nil && e.protocol != ICMP {
		p.putOuter(putChecksum(field, e.protocol, c))
	}
	return true
}

// SetEmbeddedSrcPort changes the source port, or echo identifier, of the datagram quoted in an ICMP error, and the
// checksums over it. It is false, and nothing changes, where EmbeddedPorts is.
func (p *Packet) SetEmbeddedSrcPort(port uint16) bool {
	e, ok := p.embedded()
	src, _ := e.ports()
	return ok && p.setEmbeddedPort(e, src, port)
}

// SetEmbeddedDstPort is SetEmbeddedSrcPort for the destination port.
func (p *Packet) SetEmbeddedDstPort(port uint16) bool {
	e, ok := p.embedded()
	_, dst := e.ports()
	return ok && p.setEmbeddedPort(e, dst, port)
}

func (p *Packet) setEmbeddedPort(e embedded, field []byte, port uint16) bool {
	if field == nil {
		return false
	}
	c := put16(field, port)
	if sum := e.checksum(); sum != nil {
		c += putChecksum(sum, e.protocol, c)
	}
	p.putOuter(c)
	return true
}

// putOuter brings the ICMP error's own checksum up to date with a change of its quote.
func (p *Packet) putOuter(c change) { putChecksum(p.Bytes()[p.checksum:], ICMP, c) }
