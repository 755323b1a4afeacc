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
		p.addressChanged(c)
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
		p.contentChanged(put16(t[at:], port))
	case isEcho(p.Protocol, p.ICMPType):
		p.SrcPort, p.DstPort = port, port
		putChecksum(t[icmpChecksum:], p.Protocol, put16(t[echoID:], port))
		if p.Protocol == ICMP && !p.IsFragment() && allZero(t) {
			be.PutUint16(t[icmpChecksum:], 0xffff)
		}
	}
}

// HopFrom takes one from the TTL, as [Packet.DecrementTTL], and makes address a and port the source of an IPv4 packet. For TCP and
// UDP each checksum is updated once for all of it.
func (p *Packet) HopFrom(a uint32, port uint16) {
	src := addr4(a)
	if !p.hop(ipv4Src, 0, a, port) {
		p.DecrementTTL()
		p.SetSrc(src)
		p.SetSrcPort(port)
		return
	}
	p.Src, p.SrcPort = src, port
}

// HopTo is HopFrom for the destination.
func (p *Packet) HopTo(a uint32, port uint16) {
	dst := addr4(a)
	if !p.hop(ipv4Dst, 2, a, port) {
		p.DecrementTTL()
		p.SetDst(dst)
		p.SetDstPort(port)
		return
	}
	p.Dst, p.DstPort = dst, port
}

// hop writes one end of TCP or UDP over IPv4 and the TTL: at says where the address is, portAt where the port is. Of anything else,
// and of a packet whose TTL is 0, it touches nothing, and is false.
func (p *Packet) hop(at, portAt int, a uint32, port uint16) bool {
	b := p.Bytes()
	if p.checksum == 0 || p.Protocol != TCP && p.Protocol != UDP || b[0]>>4 != 4 || b[8] == 0 {
		return false
	}
	h := (*[20]byte)(b)
	c := put32(h[at:], a)
	ttl := be.Uint16(h[8:])
	header := c + put16(h[8:], ttl-1<<8)
	be.PutUint16(h[ipv4Checksum:], header.apply(be.Uint16(h[ipv4Checksum:])))
	ports := put16(b[int(p.transport)+portAt:], port)
	if p.sumFrom != 0 {
		p.addressChanged(c)
	} else {
		putChecksum(b[p.checksum:], p.Protocol, c+ports)
	}
	return true
}

func addr4(a uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)})
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
