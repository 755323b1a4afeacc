package packet

import "math/bits"

// Internet checksums (RFC 1071) and their incremental update (RFC 1624). Everywhere here, as in the RFCs, a checksum is
// the one's complement of the one's-complement sum of big-endian 16-bit words. Words may be added up 32 bits at a time in
// a 64-bit accumulator and folded at the end: a datagram of 65,535 bytes cannot overflow it.

// fold reduces an accumulated sum to 16 bits by adding the carries back in. Only a sum of 0 gives 0.
func fold(s uint64) uint16 {
	s = s>>32 + s&0xffffffff
	s = s>>32 + s&0xffffffff
	w := uint32(s)
	return uint16((w + bits.RotateLeft32(w, 16)) >> 16) // the low half's carry goes into the high half, the sum
}

// sum adds up the words of b, which starts at an even offset; an odd last byte is padded with zero.
func sum(b []byte) uint64 {
	var s uint64
	for len(b) >= 8 {
		s += uint64(be.Uint32(b)) + uint64(be.Uint32(b[4:]))
		b = b[8:]
	}
	for len(b) >= 2 {
		s += uint64(be.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		s += uint64(b[0]) << 8
	}
	return s
}

// pseudoSum adds up the pseudo header of an IPv4 datagram (RFC 9293 3.1) or an IPv6 one (RFC 8200 8.1) for a transport
// header and payload of n bytes.
func pseudoSum(datagram []byte, protocol uint8, n int) uint64 {
	s := uint64(protocol) + uint64(n)
	if datagram[0]>>4 == 4 {
		return s + sum(datagram[12:20])
	}
	return s + sum(datagram[8:40])
}

// change is what rewriting some words adds to their sum: for each, the complement of the old and the new.
type change uint64

// apply brings a checksum up to date by RFC 1624 equation 3: HC' = ~(~HC + ~m + m'). A checksum that was wrong stays
// wrong by the same amount.
func (c change) apply(checksum uint16) uint16 {
	return ^fold(uint64(^checksum) + uint64(c))
}

// put16 writes v over the word at the start of b, which lies at an even offset.
func put16(b []byte, v uint16) change {
	old := be.Uint16(b)
	be.PutUint16(b, v)
	return change(^old) + change(v)
}

// put32 writes v over the two words at the start of b, which lies at an even offset.
func put32(b []byte, v uint32) change {
	old := be.Uint32(b)
	be.PutUint32(b, v)
	return change(^old) + change(v)
}

// putChecksum brings the transport checksum at the start of b up to date with c. In UDP zero means that there is none: it
// stays, and a sum that comes out as zero is sent as ones (RFC 768).
func putChecksum(b []byte, protocol uint8, c change) change {
	old := be.Uint16(b)
	if protocol == UDP && old == 0 {
		return 0
	}
	v := c.apply(old)
	if protocol == UDP && v == 0 {
		v = 0xffff
	}
	return put16(b, v)
}

// ValidChecksum tells whether the TCP, UDP, ICMP or ICMPv6 checksum is right. It is true where none can be judged: other
// protocols, UDP without one, fragments, partial checksums. It reads the whole packet; forwarding needs it only where a reader of the
// packet itself would check, as a NAT does with ICMP errors (RFC 5508 REQ-3).
func (p *Packet) ValidChecksum() bool {
	if p.checksum == 0 || p.IsFragment() || p.sumFrom != 0 {
		return true
	}
	b := p.Bytes()
	t := b[p.transport:]
	switch p.Protocol {
	case ICMP:
		return fold(sum(t)) == 0xffff
	case UDP:
		if be.Uint16(t[6:]) == 0 {
			return true
		}
		t = t[:be.Uint16(t[4:])]
	}
	return fold(pseudoSum(b, p.Protocol, len(t))+sum(t)) == 0xffff
}
