package packet

import "net/netip"

// An ICMP error quotes the start of the datagram it is about. Who tracks flows finds the one that is meant by it. A NAT has
// to translate the quote too, or the host could not tell which of its connections is meant (RFC 5508 REQ-4, REQ-5). The
// quote is often cut off, so its transport checksum is kept right where it is there and is never verified (REQ-3c); what
// follows the quote (RFC 4884) stays.
//
// The quote of an ICMPv6 error is for reading only: nothing in a VPC translates IPv6 addresses.

// embedded is the datagram quoted in an ICMP error.
type embedded struct {
	ip        []byte // from the IP header to the end of what is quoted
	transport []byte // what is quoted of the transport header and payload; nil in later fragments
	protocol  uint8  // 0 if it is cut off, behind IPv6 extension headers
}

// embedded finds the quote and says what is wrong with it (QuoteFault).
func (p *Packet) embedded() (e embedded, f Fault) {
	if !p.quotes() {
		return e, Truncated
	}
	icmp := p.Bytes()[p.transport:]
	e.ip = icmp[icmpHeaderLen:]
	// RFC 4884: how much of it is the quote.
	n := int(icmp[5]) * 4
	if p.Protocol == ICMPv6 {
		n = int(icmp[4]) * 8
		if p.ICMPType == ICMPv6PacketTooBig || p.ICMPType == ICMPv6ParameterProblem {
			n = 0 // the byte is part of the MTU or the pointer
		}
	}
	if n != 0 && n < len(e.ip) {
		e.ip = e.ip[:n]
	}
	if p.Protocol == ICMPv6 {
		return e, e.decode6()
	}
	return e, e.decode4()
}

// quotes tells whether p is a whole ICMP error of a type that quotes a datagram.
func (p *Packet) quotes() bool {
	if p.checksum == 0 || p.IsFragment() {
		return false
	}
	switch p.Protocol {
	case ICMP:
		return p.ICMPType == ICMPDestinationUnreachable || p.ICMPType == ICMPTimeExceeded || p.ICMPType == ICMPParameterProblem
	case ICMPv6:
		return p.ICMPType >= ICMPv6DestinationUnreachable && p.ICMPType <= ICMPv6ParameterProblem
	}
	return false
}

// decode4 finds the parts of an IPv4 quote.
func (e *embedded) decode4() Fault {
	switch {
	case len(e.ip) < ipv4HeaderLen:
		return Truncated
	case e.ip[0]>>4 != 4:
		return BadVersion
	}
	header, total := int(e.ip[0]&0xf)*4, int(be.Uint16(e.ip[2:]))
	switch {
	case header < ipv4HeaderLen:
		return BadHeaderLength
	case total < header:
		return BadTotalLength
	case header > len(e.ip):
		return Truncated
	case fold(sum(e.ip[:header])) != 0xffff:
		return BadHeaderChecksum
	}
	e.ip = e.ip[:min(total, len(e.ip))]
	e.protocol = e.ip[9]
	if be.Uint16(e.ip[6:])&fragmentOffset == 0 {
		e.transport = e.ip[header:]
	}
	return OK
}

// decode6 finds the parts of an IPv6 quote.
func (e *embedded) decode6() Fault {
	switch {
	case len(e.ip) < ipv6HeaderLen:
		return Truncated
	case e.ip[0]>>4 != 6:
		return BadVersion
	}
	e.ip = e.ip[:min(ipv6HeaderLen+int(be.Uint16(e.ip[4:])), len(e.ip))]
	next, at, fragment, ok := skipExtensions(e.ip)
	if !ok {
		return OK // the addresses are there
	}
	e.protocol = next
	if fragment&fragmentOffset == 0 {
		e.transport = e.ip[at:]
	}
	return OK
}

// checksum is the place of the quote's transport checksum in IPv4; nil where the protocol has none or it is cut off.
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
	icmp := uint8(ICMP)
	if e.ip[0]>>4 == 6 {
		icmp = ICMPv6
	}
	switch {
	case e.protocol == TCP, e.protocol == UDP:
		return e.transport[0:2], e.transport[2:4]
	case e.protocol == icmp && isEcho(icmp, e.transport[0]):
		return e.transport[echoID : echoID+2], e.transport[echoID : echoID+2]
	}
	return nil, nil
}

// QuoteFault says what is wrong with the datagram quoted in an ICMP error of type 3, 11 or 12, or an ICMPv6 error of type 1 to
// 4: OK if its addresses can be told, BadHeaderChecksum if they are not to be trusted (RFC 5508 REQ-3a), Truncated if too
// little is quoted, or nothing, also because the packet is no such error or a fragment of one.
func (p *Packet) QuoteFault() Fault {
	_, f := p.embedded()
	return f
}

// EmbeddedSrc is the source address of the datagram quoted in an ICMP or ICMPv6 error; false unless QuoteFault is OK: RFC 5508
// REQ-3 has such an error dropped.
func (p *Packet) EmbeddedSrc() (netip.Addr, bool) { return p.embeddedAddr(ipv4Src, ipv6Src) }

// EmbeddedDst is EmbeddedSrc for the destination address.
func (p *Packet) EmbeddedDst() (netip.Addr, bool) { return p.embeddedAddr(ipv4Dst, ipv6Dst) }

func (p *Packet) embeddedAddr(at4, at6 int) (netip.Addr, bool) {
	e, f := p.embedded()
	switch {
	case f != OK:
		return netip.Addr{}, false
	case p.Protocol == ICMP:
		return netip.AddrFrom4([4]byte(e.ip[at4:])), true
	}
	return netip.AddrFrom16([16]byte(e.ip[at6:])), true
}

// EmbeddedPorts are the protocol and ports of the quoted datagram, for an echo both times the identifier; false if there is
// no quote (EmbeddedSrc), or none of the ports: other protocols, later fragments, fewer than 8 bytes of transport header.
func (p *Packet) EmbeddedPorts() (protocol uint8, src, dst uint16, ok bool) {
	e, f := p.embedded()
	if f != OK {
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
// changes, where EmbeddedSrc is, and about ICMPv6. It panics if a is not IPv4.
func (p *Packet) SetEmbeddedSrc(a netip.Addr) bool { return p.setEmbeddedAddr(ipv4Src, a) }

// SetEmbeddedDst is SetEmbeddedSrc for the destination address.
func (p *Packet) SetEmbeddedDst(a netip.Addr) bool { return p.setEmbeddedAddr(ipv4Dst, a) }

func (p *Packet) setEmbeddedAddr(at int, a netip.Addr) bool {
	if !a.Is4() {
		panic("packet: the new address is of the other family")
	}
	e, f := p.embedded()
	if f != OK || p.Protocol != ICMP {
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
// checksums over it. It is false, and nothing changes, where EmbeddedPorts is, and about ICMPv6.
func (p *Packet) SetEmbeddedSrcPort(port uint16) bool {
	e, _ := p.embedded()
	src, _ := e.ports() // none after a fault
	return p.setEmbeddedPort(e, src, port)
}

// SetEmbeddedDstPort is SetEmbeddedSrcPort for the destination port.
func (p *Packet) SetEmbeddedDstPort(port uint16) bool {
	e, _ := p.embedded()
	_, dst := e.ports()
	return p.setEmbeddedPort(e, dst, port)
}

func (p *Packet) setEmbeddedPort(e embedded, field []byte, port uint16) bool {
	if field == nil || p.Protocol != ICMP {
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
