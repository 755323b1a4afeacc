package packet

import (
	"math/bits"
	"net/netip"
)

// Fault is what is wrong with a datagram that no router would forward. The zero value is OK.
type Fault uint8

// The faults, in the order they are looked for.
const (
	OK                Fault = iota
	Truncated               // shorter than an IP header, or than its own total length
	BadVersion              // neither IPv4 nor IPv6
	BadHeaderLength         // IPv4 header under 20 bytes, or IPv6 extension headers beyond the datagram
	BadTotalLength          // IPv4 total length shorter than the header
	BadHeaderChecksum       // of the IPv4 header
	BadFragment             // ends beyond 65,535, or would overwrite TCP flags already judged (RFC 1858, RFC 3128)
	BadTransport            // TCP, UDP, ICMP or ICMPv6 header cut off, its length impossible, or no super-packet can be of it
	faults                  // how many there are
)

var faultSentences = [faults]string{
	OK:                "the datagram is well formed",
	Truncated:         "the datagram is shorter than its header says",
	BadVersion:        "the IP version is neither 4 nor 6",
	BadHeaderLength:   "the IP header length is impossible",
	BadTotalLength:    "the IP total length is shorter than the header",
	BadHeaderChecksum: "the IPv4 header checksum is wrong",
	BadFragment:       "the fragment is at an impossible place",
	BadTransport:      "the transport header is cut off or its length impossible",
}

// String returns a sentence for people, without a full stop.
func (f Fault) String() string {
	if f >= faults {
		return "unknown fault"
	}
	return faultSentences[f]
}

// The word p.fragment, as in IPv4.
const (
	moreFragments  = 0x2000
	fragmentOffset = 0x1fff
)

// The IPv6 extension headers that Decode walks over (RFC 8200 4, RFC 4302). Any other next header ends the walk and is
// the packet's protocol.
const (
	ipv6HopByHop           = 0
	ipv6Routing            = 43
	ipv6Fragment           = 44
	ipv6Authentication     = 51
	ipv6DestinationOptions = 60
)

// Decode sets the fields from the bytes, all but Time and Probe, and cuts off what a link layer padded after the
// datagram. It checks what a router checks: the lengths, the IPv4 header checksum (RFC 1812 5.2.2), and that the transport
// header a filter has to judge is there. TTL, addresses that make no sense and transport checksums are left to the caller. What the
// port said of offloads it judges too: a super-packet is one of TCP or UDP and longer than a segment, or none.
//
// After BadFragment and BadTransport the addresses and the protocol are set; after any other fault no field is. Nothing
// but the bytes and those fields may then be used.
func (p *Packet) Decode() Fault {
	p.SrcPort, p.DstPort = 0, 0
	p.Protocol, p.TCPFlags, p.ICMPType, p.ICMPCode = 0, 0, 0, 0
	p.fragment, p.transport, p.checksum = 0, 0, 0
	b := p.Bytes()
	f := BadVersion
	switch {
	case len(b) < 20:
		f = Truncated
	case b[0]>>4 == 4:
		f = p.decode4(b)
	case b[0]>>4 == 6:
		f = p.decode6(b)
	}
	switch {
	case f == OK && (p.SegmentSize != 0 || p.sumFrom != 0):
		return p.settle()
	case f != OK && f < BadFragment:
		p.Src, p.Dst = netip.Addr{}, netip.Addr{}
	}
	return f
}

// decode4 is Decode for IPv4 (RFC 791); b has 20 bytes or more.
func (p *Packet) decode4(b []byte) Fault {
	h := (*[20]byte)(b)
	header := int(h[0]&0xf) * 4
	total := int(be.Uint16(h[2:]))
	switch {
	case header < 20:
		return BadHeaderLength
	case total < header:
		return BadTotalLength
	case total > len(b):
		return Truncated
	}
	// Eight bytes at a time: the carries out of 64 bits count as one, like any in a one's-complement sum.
	s, carry := bits.Add64(be.Uint64(h[0:]), be.Uint64(h[8:]), 0)
	s, carry = bits.Add64(s, uint64(be.Uint32(h[16:])), carry)
	s += carry
	if header > 20 {
		s = uint64(fold(s)) + sum(b[20:header])
	}
	if fold(s) != 0xffff {
		return BadHeaderChecksum
	}
	p.n = total
	p.Src = netip.AddrFrom4([4]byte(h[12:16]))
	p.Dst = netip.AddrFrom4([4]byte(h[16:20]))
	p.Protocol = h[9]
	p.fragment = be.Uint16(h[6:]) & (moreFragments | fragmentOffset)
	p.transport = uint16(header)
	if p.fragment != 0 {
		if f := p.checkFragment(total); f != OK || p.LaterFragment() {
			return f
		}
	}
	return p.decodeTransport(b[header:total], ICMP)
}

// decode6 is Decode for IPv6 (RFC 8200); b has 20 bytes or more. A later fragment's protocol is the next header of its
// fragment header, even if that is an extension header in the first fragment. Jumbograms (RFC 2675) are not known.
func (p *Packet) decode6(b []byte) Fault {
	if len(b) < 40 {
		return Truncated
	}
	total := 40 + int(be.Uint16(b[4:]))
	if total > len(b) {
		return Truncated
	}
	if total > MaxSize {
		return BadTotalLength
	}
	b = b[:total]
	next, at, fragment, ok := skipExtensions(b)
	if !ok {
		return BadHeaderLength
	}
	p.n = total
	p.Src = netip.AddrFrom16([16]byte(b[8:24]))
	p.Dst = netip.AddrFrom16([16]byte(b[24:40]))
	p.Protocol = next
	p.fragment = fragment
	p.transport = uint16(at)
	if p.fragment != 0 {
		if f := p.checkFragment(total - 40 - 8); f != OK || p.LaterFragment() {
			return f
		}
	}
	return p.decodeTransport(b[at:], ICMPv6)
}

// skipExtensions walks over the extension headers of b, an IPv6 datagram of 40 bytes or more. It returns the protocol behind
// them, where it starts, and a fragment header's word as IPv4 would have it; not ok if a header does not fit into b.
func skipExtensions(b []byte) (next uint8, at int, fragment uint16, ok bool) {
	next, at = b[6], 40
	for {
		extension := next
		switch extension {
		case ipv6HopByHop, ipv6Routing, ipv6DestinationOptions, ipv6Authentication, ipv6Fragment:
		default:
			return next, at, fragment, true
		}
		if len(b) < at+8 {
			return 0, 0, 0, false
		}
		h := b[at:]
		next = h[0]
		switch extension {
		case ipv6Fragment:
			w := be.Uint16(h[2:])
			fragment = w>>3 | w&1<<13
			at += 8
			if fragment&fragmentOffset != 0 {
				return next, at, fragment, true
			}
		case ipv6Authentication:
			at += 4 * (int(h[1]) + 2)
		default:
			at += 8 * (int(h[1]) + 1)
		}
		if len(b) < at {
			return 0, 0, 0, false
		}
	}
}

// checkFragment judges the place of a fragment that ends the reassembled datagram, or carries it on, size bytes after its
// offset.
func (p *Packet) checkFragment(size int) Fault {
	offset := p.fragment & fragmentOffset
	if int(offset)*8+size > MaxSize {
		return BadFragment
	}
	if p.Protocol == TCP && offset == 1 {
		return BadFragment
	}
	return OK
}

// decodeTransport reads the transport header at the start of t: the rest of a whole datagram, or of a first fragment,
// which must hold all of the header too. icmp is the ICMP of the packet's IP version; the other one's is opaque.
func (p *Packet) decodeTransport(t []byte, icmp uint8) Fault {
	switch p.Protocol {
	case TCP:
		if len(t) < 20 {
			return BadTransport
		}
		h := (*[20]byte)(t)
		if header := int(h[12]>>4) * 4; header < 20 || header > len(t) {
			return BadTransport
		}
		p.SrcPort, p.DstPort = be.Uint16(h[0:]), be.Uint16(h[2:])
		p.TCPFlags = h[13]
		p.checksum = p.transport + tcpChecksum
	case UDP:
		if len(t) < 8 {
			return BadTransport
		}
		h := (*[8]byte)(t)
		if n := int(be.Uint16(h[4:])); n < 8 || n > len(t) && p.fragment == 0 {
			return BadTransport
		}
		p.SrcPort, p.DstPort = be.Uint16(h[0:]), be.Uint16(h[2:])
		p.checksum = p.transport + udpChecksum
	case icmp:
		if len(t) < 8 {
			return BadTransport
		}
		h := (*[8]byte)(t)
		p.ICMPType, p.ICMPCode = h[0], h[1]
		p.checksum = p.transport + icmpChecksum
		if isEcho(p.Protocol, p.ICMPType) {
			id := be.Uint16(h[echoID:])
			p.SrcPort, p.DstPort = id, id
		}
	}
	return OK
}

// Offsets within the transport headers.
const (
	tcpChecksum  = 16
	udpChecksum  = 6
	icmpChecksum = 2
	echoID       = 4
)

// isEcho tells whether an ICMP or ICMPv6 message is an echo request or reply: the only ones with an identifier that stands
// for ports.
func isEcho(protocol, typ uint8) bool {
	switch protocol {
	case ICMP:
		return typ == ICMPEchoRequest || typ == ICMPEchoReply
	case ICMPv6:
		return typ == ICMPv6EchoRequest || typ == ICMPv6EchoReply
	}
	return false
}
