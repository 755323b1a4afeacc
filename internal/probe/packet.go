package probe

import (
	"encoding/binary"
	"net/netip"

	"vpcsim/dataplane/packet"
)

// flow is what the packets of a probe have in common.
type flow struct {
	protocol uint8
	src, dst netip.AddrPort
	size     int   // of a datagram in bytes; 0 for the smallest
	ttl      uint8 // time to live, or hop limit; 0 for 64
}

func (f flow) hasPorts() bool { return f.protocol == packet.TCP || f.protocol == packet.UDP }

// isEcho says whether the packets are an echo request and its reply: the ICMP of the addresses' family.
func (f flow) isEcho() bool {
	if f.src.Addr().Is4() {
		return f.protocol == packet.ICMP
	}
	return f.protocol == packet.ICMPv6
}

// largest is the largest datagram that the interface of an instance sends (aws-semantics 8.5).
const largest = 9001

// least is what a datagram of no known transport carries: enough zeros for what little the data plane may want to see of one.
const least = 8

// ipHeader is the length of the IP header.
func (f flow) ipHeader() int {
	if f.src.Addr().Is4() {
		return 20
	}
	return 40
}

// headers is the length of the smallest datagram.
func (f flow) headers() int {
	if f.protocol == packet.TCP {
		return f.ipHeader() + 20
	}
	return f.ipHeader() + least // also of UDP and of an echo
}

// request is the first packet of the flow: SYN, datagram, echo request, or a bare IP header.
func (f flow) request() *packet.Packet { return f.packet(packet.SYN, packet.BuildICMPEcho) }

// reply is the first packet of the way back. An echo's identifier is in both ports.
func (f flow) reply() *packet.Packet {
	return f.packet(packet.SYN|packet.ACK, packet.BuildICMPEchoReply)
}

// segment is a packet in the middle of the flow: what looks like the first one, unless that is a SYN.
func (f flow) segment() *packet.Packet { return f.packet(packet.ACK, packet.BuildICMPEcho) }

// packet makes one. All that is the same in both directions it needs not be told.
func (f flow) packet(flags uint8, echo func(dst *packet.Packet, from, to netip.Addr, id, seq uint16, payload []byte)) *packet.Packet {
	size := max(f.size, f.headers())
	p, payload := packet.New(size), make([]byte, size-f.headers())
	switch {
	case f.protocol == packet.TCP:
		packet.BuildTCP(p, f.src, f.dst, flags, 0, 1, payload)
	case f.protocol == packet.UDP:
		packet.BuildUDP(p, f.src, f.dst, payload)
	case f.isEcho():
		echo(p, f.src.Addr(), f.dst.Addr(), max(f.src.Port(), f.dst.Port()), 1, payload)
	default:
		p.SetBytes(f.datagram(size))
		if fault := p.Decode(); fault != packet.OK {
			panic("probe: built a datagram of which " + fault.String())
		}
	}
	for f.ttl != 0 && p.TTL() > f.ttl {
		p.DecrementTTL()
	}
	return p
}

// datagram is an IPv4 header (RFC 791 3.1) or IPv6 header (RFC 8200 3) with zeros behind it.
func (f flow) datagram(size int) []byte {
	b := make([]byte, size)
	if !f.src.Addr().Is4() {
		b[0], b[6], b[7] = 6<<4, f.protocol, 64
		binary.BigEndian.PutUint16(b[4:], uint16(size-f.ipHeader()))
		src, dst := f.src.Addr().As16(), f.dst.Addr().As16()
		copy(b[8:], src[:])
		copy(b[24:], dst[:])
		return b
	}
	const dontFragment = 0x40
	b[0], b[6], b[8], b[9] = 4<<4|5, dontFragment, 64, f.protocol
	binary.BigEndian.PutUint16(b[2:], uint16(size))
	src, dst := f.src.Addr().As4(), f.dst.Addr().As4()
	copy(b[12:], src[:])
	copy(b[16:], dst[:])
	var sum uint32
	for i := 0; i < f.ipHeader(); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	sum = sum>>16 + sum&0xffff
	sum += sum >> 16
	binary.BigEndian.PutUint16(b[10:], ^uint16(sum))
	return b
}

// isExtension says whether a protocol number is an IPv6 extension header's (RFC 8200 4), which no packet consists of alone.
func isExtension(protocol uint8) bool {
	switch protocol {
	case 0, 43, 44, 51, 60:
		return true
	}
	return false
}
