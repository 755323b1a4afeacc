// Package packet holds one layer-3 datagram: its bytes, the few fields forwarding decides on, and the ways it may change.
//
// The bytes are the truth. Decode reads the fields out of them; the Set methods change a field and its bytes together and
// keep the checksums as right, as wrong or as absent as they were (RFC 1624), so that the simulator neither repairs nor
// breaks what passes through it. Nothing else writes to a packet, but for the builders, which make new ones.
//
//	buf    0        Headroom - link header     Headroom                   Headroom + Len
//	       |  free  |        link header       |  IP header | transport   |  free  |
//
// A Packet belongs to one goroutine at a time: the one that read it carries it to the write. No method allocates.
package packet

import (
	"encoding/binary"
	"net/netip"
)

const (
	// Headroom is how many bytes are kept free before the datagram, for a link header.
	Headroom = 64
	// MaxSize is the size in bytes of the largest datagram.
	MaxSize = 65535
)

// Protocol numbers (IANA "Assigned Internet Protocol Numbers") as found in Packet.Protocol.
const (
	ICMP   = 1
	TCP    = 6
	UDP    = 17
	ICMPv6 = 58
)

// TCP flags as found in Packet.TCPFlags (RFC 9293 3.1).
const (
	FIN = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
)

// ICMP and ICMPv6 types and codes the data plane itself acts on (RFC 792, RFC 4443).
const (
	ICMPEchoReply              = 0
	ICMPDestinationUnreachable = 3
	ICMPSourceQuench           = 4
	ICMPRedirect               = 5
	ICMPEchoRequest            = 8
	ICMPTimeExceeded           = 11
	ICMPParameterProblem       = 12

	ICMPv6DestinationUnreachable = 1
	ICMPv6PacketTooBig           = 2
	ICMPv6TimeExceeded           = 3
	ICMPv6ParameterProblem       = 4
	ICMPv6EchoRequest            = 128
	ICMPv6EchoReply              = 129

	CodeTTLExceeded         = 0 // of ICMPTimeExceeded, ICMPv6TimeExceeded
	CodeFragmentationNeeded = 4 // of ICMPDestinationUnreachable
)

// Packet is one layer-3 datagram. The decoded fields agree with the bytes from a Decode that returned OK on; change them
// only with the Set methods.
type Packet struct {
	Src, Dst netip.Addr // Is4 iff the packet is IPv4; without zone
	// SrcPort and DstPort are those of TCP and UDP. An ICMP echo request or reply has its identifier in both. Zero where
	// there is none: other protocols and messages, later fragments.
	SrcPort, DstPort uint16
	Protocol         uint8 // of IPv4, or of the last IPv6 extension header
	TCPFlags         uint8 // valid iff Protocol is TCP and not a later fragment
	// ICMPType and ICMPCode are valid iff Protocol is ICMP over IPv4 or ICMPv6 over IPv6, and not a later fragment.
	ICMPType, ICMPCode uint8

	// SegmentSize is how many bytes of payload each segment has, but for the last, of a super-packet that a port took from a
	// kernel's segmentation offload: a row of TCP segments or UDP datagrams under one header, whose length is that of all. 0 is
	// an ordinary datagram. The reader of the port sets it after SetLen, which resets it.
	SegmentSize uint16

	Probe bool  // the packet is a question (trace): whoever sees it reads state and never changes it
	Time  int64 // monotonic nanoseconds when it was read; set by the reader of the port

	fragment  uint16 // more-fragments bit and offset in units of 8 bytes, as IPv4 has them in bytes 6 and 7
	transport uint16 // offset of what follows the IP headers
	checksum  uint16 // offset of the TCP, UDP, ICMP or ICMPv6 checksum; 0 where there is none
	sumFrom   uint16 // where a partial checksum begins to be computed, 0 if the checksum is complete
	sumAt     uint16 // where a partial checksum is
	n         int    // the datagram's length
	buf       []byte // Headroom, the datagram, unused rest
}

var be = binary.BigEndian

// New returns an empty packet with room for a datagram of up to size bytes and Headroom before it.
func New(size int) *Packet {
	return &Packet{buf: make([]byte, Headroom+size)}
}

// Row returns n packets as New does, in one piece of memory. They begin at different places of a page, so that their headers do not push each
// other out of a processor's caches.
func Row(n, size int) []*Packet {
	const line = 64
	stride := (Headroom+size+line-1)/line*line + 3*line
	all, memory := make([]*Packet, n), make([]byte, n*stride)
	for i := range all {
		all[i] = &Packet{buf: memory[i*stride:][: Headroom+size : Headroom+size]}
	}
	return all
}

// Buffer is the whole space to read a frame into: it starts headroom bytes (at most Headroom) before the datagram's
// place. The reader tells what it found with SetLen.
func (p *Packet) Buffer(headroom int) []byte { return p.buf[Headroom-headroom:] }

// SetLen says that the datagram is n bytes long, without the link header, and an ordinary one with its checksums complete. The fields are those of
// before until Decode. It panics if n is more than the packet has room for.
func (p *Packet) SetLen(n int) {
	_ = p.buf[Headroom : Headroom+n]
	p.n, p.SegmentSize, p.sumFrom = n, 0, 0
}

// SetBytes makes b, copied, the datagram: for in-memory ports and tests. The fields are those of before until Decode. It
// panics if b is more than the packet has room for.
func (p *Packet) SetBytes(b []byte) {
	p.SetLen(len(b))
	copy(p.buf[Headroom:], b)
}

// Bytes is the datagram itself, not a copy, valid as long as the packet holds it.
func (p *Packet) Bytes() []byte { return p.buf[Headroom : Headroom+p.n] }

// Frame is the datagram preceded by linkHeader bytes (at most Headroom) for a writer to fill.
func (p *Packet) Frame(linkHeader int) []byte { return p.buf[Headroom-linkHeader : Headroom+p.n] }

// Len is the datagram's length in bytes.
func (p *Packet) Len() int { return p.n }

// CopyFrom makes p equal to q: bytes, fields, time and all, sharing nothing. It panics if p has no room for q.
func (p *Packet) CopyFrom(q *Packet) {
	buf := p.buf
	copy(buf[Headroom:Headroom+q.n], q.Bytes())
	*p = *q
	p.buf = buf
}

// Version is the IP version, 4 or 6, of a packet decoded without fault.
func (p *Packet) Version() int { return int(p.buf[Headroom] >> 4) }

// Addresses4 is the two addresses of an IPv4 packet as numbers: the source in the upper half, the destination in the lower.
func (p *Packet) Addresses4() uint64 { return be.Uint64(p.buf[Headroom+ipv4Src:]) }

// TTL is IPv4's time to live or IPv6's hop limit.
func (p *Packet) TTL() uint8 {
	if p.Src.Is4() {
		return p.buf[Headroom+8]
	}
	return p.buf[Headroom+7]
}

// IsFragment tells whether the packet is part of a datagram, first, middle or last. An IPv6 atomic fragment is whole
// (RFC 6946).
func (p *Packet) IsFragment() bool { return p.fragment != 0 }

// LaterFragment tells whether the packet is a fragment without the transport header: any but the first.
func (p *Packet) LaterFragment() bool { return p.fragment&fragmentOffset != 0 }

// DontFragment tells whether a router that finds the packet too big must refuse it: IPv4 with DF set, and IPv6 always.
func (p *Packet) DontFragment() bool { return !p.Src.Is4() || p.buf[Headroom+6]&0x40 != 0 }

// IsICMPError tells whether the packet reports on another: the ICMP types which RFC 1122 3.2.2 calls error messages, and
// ICMPv6 types below 128 (RFC 4443 2.1).
func (p *Packet) IsICMPError() bool {
	if p.checksum == 0 {
		return false
	}
	switch p.Protocol {
	case ICMP:
		switch p.ICMPType {
		case ICMPDestinationUnreachable, ICMPSourceQuench, ICMPRedirect, ICMPTimeExceeded, ICMPParameterProblem:
			return true
		}
	case ICMPv6:
		return p.ICMPType < 128
	}
	return false
}

// TCPSeq is the sequence number. Valid iff TCPFlags is.
func (p *Packet) TCPSeq() uint32 { return be.Uint32(p.buf[Headroom+int(p.transport)+4:]) }

// TCPAck is the acknowledgement number. Valid iff TCPFlags is and has ACK.
func (p *Packet) TCPAck() uint32 { return be.Uint32(p.buf[Headroom+int(p.transport)+8:]) }

// TCPSegmentLen is RFC 9293's SEG.LEN: the payload, and one for each of SYN and FIN. Valid iff TCPFlags is; of a first
// fragment only what it carries is counted.
func (p *Packet) TCPSegmentLen() int {
	n := p.PayloadLen()
	if p.TCPFlags&SYN != 0 {
		n++
	}
	if p.TCPFlags&FIN != 0 {
		n++
	}
	return n
}

// Transport is what follows the IP headers, the transport header first unless the packet is a later fragment. Not a copy.
func (p *Packet) Transport() []byte { return p.Bytes()[p.transport:] }

// Payload is what follows the transport header, not a copy; after the IP header where the protocol is none of TCP, UDP,
// ICMP and ICMPv6, and in later fragments. Bytes after the end of a UDP datagram shorter than its IP datagram are none of it.
func (p *Packet) Payload() []byte {
	t := p.Bytes()[p.transport:]
	switch {
	case p.checksum == 0:
		return t
	case p.Protocol == TCP:
		return t[t[12]>>4*4:]
	case p.Protocol == UDP:
		return t[8:min(int(be.Uint16(t[4:])), len(t))]
	default:
		return t[8:]
	}
}

// PayloadLen is the length of Payload.
func (p *Packet) PayloadLen() int { return len(p.Payload()) }

// Segments is how many datagrams a wire would carry for the packet: 1 unless it is a super-packet.
func (p *Packet) Segments() int {
	if p.SegmentSize == 0 {
		return 1
	}
	return max(1, (p.PayloadLen()+int(p.SegmentSize)-1)/int(p.SegmentSize))
}

// WireBytes is the length in bytes of all datagrams together that a wire would carry for the packet, headers included.
func (p *Packet) WireBytes() int {
	if p.SegmentSize == 0 {
		return p.n
	}
	return p.n + (p.Segments()-1)*(p.n-p.PayloadLen())
}

// WireLen is the length in bytes of the largest datagram that a wire would carry for the packet, headers included: what an
// MTU is compared with. It is Len unless the packet is a super-packet.
func (p *Packet) WireLen() int {
	if p.SegmentSize == 0 {
		return p.n
	}
	return p.n - max(0, p.PayloadLen()-int(p.SegmentSize))
}
