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

// packetSize is room enough for any probe: headers without data.
const packetSize = 64

// request is the first packet of the flow: SYN, datagram, echo request, or a bare IP header.
func (f flow) request() *packet.Packet {
	p := packet.New(packetSize)
	switch f.protocol {
	case packet.TCP:
		packet.BuildTCP(p, f.src, f.dst, packet.SYN, 0, 0, nil)
	case packet.ICMP:
		packet.BuildICMPEcho(p, f.src.Addr(), f.dst.Addr(), f.src.Port(), 1, nil)
	default:
		f.build(p)
	}
	return p
}

// reply is the first packet of the way back. An echo's identifier is in both ports.
func (f flow) reply() *packet.Packet {
	p := packet.New(packetSize)
	switch f.protocol {
	case packet.TCP:
		packet.BuildTCP(p, f.src, f.dst, packet.SYN|packet.ACK, 0, 1, nil)
	case packet.ICMP:
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

// header is an IPv4 header (RFC 791 3.1) with eight zero bytes after it, enough for what little the data plane may want to see
// of any transport.
func (f flow) header() []byte {
	const size = 20
	b := make([]byte, size+8)
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
