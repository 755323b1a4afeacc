package packettest

import (
	"encoding/binary"
	"net/netip"

	"vpcsim/dataplane/packet"
)

// Datagrams as bytes, right in all respects until somebody breaks them.

// UDP returns a datagram with the identification id, which may be fragmented.
func UDP(from, to netip.AddrPort, id uint16, payload []byte) []byte {
	p := packet.New(len(payload) + 28)
	packet.BuildUDP(p, from, to, payload)
	return mayFragment(p, id)
}

// TCP returns a segment with the identification id.
func TCP(from, to netip.AddrPort, id uint16, flags uint8, seq, ack uint32, payload []byte) []byte {
	p := packet.New(len(payload) + 40)
	packet.BuildTCP(p, from, to, flags, seq, ack, payload)
	return mayFragment(p, id)
}

// Echo returns an echo request, or reply, with the identification id. The first address's port is the identifier.
func Echo(from, to netip.AddrPort, id uint16, reply bool, payload []byte) []byte {
	p := packet.New(len(payload) + 28)
	if reply {
		packet.BuildICMPEchoReply(p, from.Addr(), to.Addr(), to.Port(), id, payload)
	} else {
		packet.BuildICMPEcho(p, from.Addr(), to.Addr(), from.Port(), id, payload)
	}
	return mayFragment(p, id)
}

// ICMP returns a message of any type: word is bytes 4 to 7, body what follows.
func ICMP(from, to netip.Addr, id uint16, typ, code uint8, word uint32, body []byte) []byte {
	b := IPv4(from, to, id, packet.ICMP, append(binary.BigEndian.AppendUint32([]byte{typ, code, 0, 0}, word), body...))
	FixICMP(b)
	return b
}

// IPv4 returns a datagram of any protocol.
func IPv4(from, to netip.Addr, id uint16, protocol uint8, payload []byte) []byte {
	b := make([]byte, 20, 20+len(payload))
	b[0], b[8], b[9] = 0x45, 64, protocol
	binary.BigEndian.PutUint16(b[4:], id)
	src, dst := from.As4(), to.As4()
	copy(b[12:], src[:])
	copy(b[16:], dst[:])
	b = append(b, payload...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	FixHeader(b)
	return b
}

// mayFragment returns the bytes of p with an identification and without DF.
func mayFragment(p *packet.Packet, id uint16) []byte {
	b := append([]byte(nil), p.Bytes()...)
	b[6] = 0
	binary.BigEndian.PutUint16(b[4:], id)
	FixHeader(b)
	return b
}

// FixHeader makes the header checksum of an IPv4 datagram right, as far as its length makes sense.
func FixHeader(b []byte) {
	b[10], b[11] = 0, 0
	n := min(len(b), max(20, int(b[0]&0xf)*4))
	binary.BigEndian.PutUint16(b[10:], checksum(b[:n]))
}

// FixICMP makes the checksum of an ICMP message right.
func FixICMP(b []byte) {
	t := b[int(b[0]&0xf)*4:]
	t[2], t[3] = 0, 0
	binary.BigEndian.PutUint16(t[2:], checksum(t))
}

func checksum(b []byte) uint16 {
	s := sum(b)
	for s>>16 != 0 {
		s = s>>16 + s&0xffff
	}
	return ^uint16(s)
}

// withOptions returns b with options after the IP header; they must fill words.
func withOptions(b []byte, options ...byte) []byte {
	b = append(append(append([]byte(nil), b[:20]...), options...), b[20:]...)
	b[0] = 4<<4 | uint8(len(options)/4+5)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	FixHeader(b)
	return b
}

// with returns b with a byte changed, and the IP header's checksum right.
func with(b []byte, at int, v byte) []byte {
	b[at] = v
	FixHeader(b)
	return b
}

// flip returns b with a byte wrong and nothing else.
func flip(b []byte, at int) []byte {
	b[at] ^= 0x5a
	return b
}

// piece returns the part of datagram b from one offset to another, of what follows its header, as a fragment.
func piece(b []byte, from, to int) []byte {
	f := append(append([]byte(nil), b[:20]...), b[20+from:min(20+to, len(b))]...)
	w := uint16(from / 8)
	if 20+to < len(b) {
		w |= 0x2000
	}
	binary.BigEndian.PutUint16(f[2:], uint16(len(f)))
	binary.BigEndian.PutUint16(f[6:], w)
	FixHeader(f)
	return f
}
