package packet

import "net/netip"

// Offsets within the IP headers.
const (
	ipv4Checksum = 10
	ipv4Src      = 12
	ipv4Dst      = 16
	ipv6Src      = 8
	ipv6Dst      = 24
)

// SetSrc changes the source address, of the same family, and the checksums over it: the IPv4 header's and that of TCP,
// UDP or ICMPv6. Other transports with a pseudo header (DCCP, UDP-Lite) are left as they are. It panics on the other family.
func (p *Packet) SetSrc(a netip.Addr) {
	p.setAddr(ipv4Src, ipv6Src, a)
	p.Src = a
}

// SetDst is SetSrc for the destination address.
func (p *Packet) SetDst(a netip.Addr) {
	p.setAddr(ipv4Dst, ipv6Dst, a)
	p.Dst = a
}

func (p *Packet) setAddr(at4, at6 int, a netip.Addr) {
	b := p.Bytes()
	var c change
	switch {
	case a.BitLen() != p.Src.BitLen():
		panic("packet: the new address is of the other family")
	case a.Is4():
		c = putAddr4(b, at4, a)
	default:
		v := a.As16()
		for i := 0; i < 16; i += 4 {
			c += put32(b[at6+i:], be.Uint32(v[i:]))
		}
	}
	if p.checksum != 0 && p.Protocol != ICMP { // ICMP has no pseudo header (RFC 792)
		putChecksum(b[p.checksum:], p.Protocol, c)
	}
}

// putAddr4 writes an address of the IPv4 header b and its checksum. It returns the change of the address.
func putAddr4(b []byte, at int, a netip.Addr) change {
	v := a.As4()
	c := put32(b[at:], be.Uint32(v[:]))
	be.PutUint16(b[ipv4Checksum:], c.apply(be.Uint16(b[ipv4Checksum:])))
	return c
}

// SetSrcPort changes the source port of TCP or UDP and the checksum over it. Of an ICMP echo it changes the identifier,
// and so both port fields. A packet without ports stays as it is.
func (p *Packet) SetSrcPort(port uint16) { p.setPort(0, &p.SrcPort, port) }

// SetDstPort is SetSrcPort for the destination port.
func (p *Packet) SetDstPort(port uint16) { p.setPort(2, &p.DstPort, port) }

func (p *Packet) setPort(at int, field *uint16, port uint16) {
	if p.checksum == 0 || *field == port {
		return
	}
	t := p.Bytes()[p.transport:]
	switch {
	case p.Protocol == TCP || p.Protocol == UDP:
		*field = port
		putChecksum(p.Bytes()[p.checksum:], p.Protocol, put16(t[at:], port))
	case isEcho(p.Protocol, p.ICMPType):
		p.SrcPort, p.DstPort = port, port
		putChecksum(t[icmpChecksum:], p.Protocol, put16(t[echoID:], port))
		if p.Protocol == ICMP && !p.IsFragment() && allZero(t) {
			be.PutUint16(t[icmpChecksum:], 0xffff)
		}
	}
}

// SetSource is SetSrc and SetSrcPort in one: for TCP and UDP over IPv4 the checksum over both is updated once.
func (p *Packet) SetSource(a netip.AddrPort) {
	if !p.setEnd(ipv4Src, 0, a) {
		p.SetSrc(a.Addr())
		p.SetSrcPort(a.Port())
		return
	}
	p.Src, p.SrcPort = a.Addr(), a.Port()
}

// SetDestination is SetSource for the destination.
func (p *Packet) SetDestination(a netip.AddrPort) {
	if !p.setEnd(ipv4Dst, 2, a) {
		p.SetDst(a.Addr())
		p.SetDstPort(a.Port())
		return
	}
	p.Dst, p.DstPort = a.Addr(), a.Port()
}

// setEnd writes one end of TCP or UDP over IPv4: at says where the address is, portAt where the port is. Of anything else it
// touches nothing, and is false.
func (p *Packet) setEnd(at, portAt int, a netip.AddrPort) bool {
	if p.checksum == 0 || p.Protocol != TCP && p.Protocol != UDP || !p.Src.Is4() || !a.Addr().Is4() {
		return false
	}
	b := p.Bytes()
	c := putAddr4(b, at, a.Addr())
	c += put16(b[int(p.transport)+portAt:], a.Port())
	putChecksum(b[p.checksum:], p.Protocol, c)
	return true
}

// allZero tells whether b is all zeros. Of all that a NAT rewrites only an ICMP echo reply may come to that: identifier 0,
// sequence 0, zeros as data. Its checksum is ffff, but RFC 1624 equation 3 yields 0, the same number in one's complement,
// which receivers refuse because a sum of zeros alone never becomes ffff.
func allZero(b []byte) bool {
	for _, v := range b {
		if v != 0 {
			return false
		}
	}
	return true
}

// DecrementTTL takes one from the TTL or hop limit, as a router does (RFC 1812 5.3.1). Zero stays: whoever forwards has to
// look at TTL first.
func (p *Packet) DecrementTTL() {
	b := p.Bytes()
	switch {
	case p.TTL() == 0:
	case p.Src.Is4():
		const one = 1 << 8 // the TTL is the high byte of its word, the protocol the low one
		c := put16(b[8:], be.Uint16(b[8:])-one)
		be.PutUint16(b[ipv4Checksum:], c.apply(be.Uint16(b[ipv4Checksum:])))
	default:
		b[7]--
	}
}
