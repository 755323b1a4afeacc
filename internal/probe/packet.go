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
}

func (f flow) hasPorts() bool { return f.protocol == packet.TCP || f.protocol == packet.UDP }

// isEcho says whether the packets are an echo request and its reply: the ICMP of the addresses' family.
func (f flow) isEcho() bool {
	if f.src.Addr().Is4() {
		return f.protocol == packet.ICMP
	}
	return f.protocol == packet.ICMPv6
}

// packetSize is room enough for any probe: headers without data.
const packetSize = 64

// request is the first packet of the flow: SYN, datagram, echo request, or a bare IP header.
func (f flow) request() *packet.Packet {
	p := packet.New(packetSize)
	switch {
	case f.protocol == packet.TCP:
		packet.BuildTCP(p, f.src, f.dst, packet.SYN, 0, 0, nil)
	case f.isEcho():
		packet.BuildICMPEcho(p, f.src.Addr(), f.dst.Addr(), f.src.Port(), 1, nil)
	default:
		f.build(p)
	}
	return p
}

// reply is the first packet of the way back. An echo's identifier is in both ports.
func (f flow) reply() *packet.Packet {
	p := packet.New(packetSize)
	switch {
	case f.protocol == packet.TCP:
		packet.BuildTCP(p, f.src, f.dst, packet.SYN|packet.ACK, 0, 1, nil)
	case f.isEcho():
		packet.BuildICMPEchoReply(p, f.src.Addr(), f.dst.Addr(), f.dst.Port(), 1, nil)
	default:
		f.build(p)
	}
	return p
}

// build makes what looks the same in both directions.
func (f flow) build(p *packet.Packet) {
	if f.protocol == packet.UDP {
		packet.BuildUDP(p, f.src, f.dst, nil)
		return
	}
	p.SetBytes(f.header())
	if fault := p.Decode(); fault != packet.OK {
		panic("probe: built a datagram of which " + fault.String())
	}
}

// payload is what a bare datagram carries: enough zeros for what little the data plane may want to see of any transport.
const payload = 8

// header is an IPv4 header (RFC 791 3.1) or IPv6 header (RFC 8200 3) with its payload.
func (f flow) header() []byte {
	if !f.src.Addr().Is4() {
		return f.header6()
	}
	const size = 20
	b := make([]byte, size+payload)
	b[0], b[8], b[9] = 4<<4|size/4, 64, f.protocol
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	src, dst := f.src.Addr().As4(), f.dst.Addr().As4()
	copy(b[12:], src[:])
	copy(b[16:], dst[:])
	var sum uint32
	for i := 0; i < size; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	sum = sum>>16 + sum&0xffff
	sum += sum >> 16
	binary.BigEndian.PutUint16(b[10:], ^uint16(sum))
	return b
}

func (f flow) header6() []byte {
	const size = 40
	b := make([]byte, size+payload)
	b[0], b[6], b[7] = 6<<4, f.protocol, 64
	binary.BigEndian.PutUint16(b[4:], payload)
	src, dst := f.src.Addr().As16(), f.dst.Addr().As16()
	copy(b[8:], src[:])
	copy(b[24:], dst[:])
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
