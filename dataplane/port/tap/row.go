package tap

import (
	"encoding/binary"

	"vpcsim/dataplane/packet"
)

// Rows.
//
// A kernel takes a row of UDP datagrams as one super-packet: it finds the way through its stack, and the socket, once for all of them, and
// cuts it there, or leaves it whole for a program that asked for that (UDP_GRO). That costs less than half of what the same datagrams
// cost one by one. So what a thread has for one port at once, and what is alike, is written that way, from the packets' own memory:
// a header for all of them and the payload of each. What arrives at the socket is what was sent, datagram by datagram; only who looks
// at the interface itself, with tcpdump, sees the row. Therefore few datagrams stay alone: a row is for floods.
//
// Alike are datagrams of which the kernel makes the same headers again (udp_offload.c, __udp_gso_segment, and af_inet.c, inet_gso_segment):
// it counts IPv4's identification up by one for each. What must not be fragmented may have any (RFC 6864 4.1).

const (
	leastRow = 8
	udpLen   = 8

	dontFragment = 0x4000
)

// rowOf returns how many packets of the batch, which is not empty, are alike, the first one included.
func rowOf(batch []*packet.Packet) (n int) {
	first := batch[0]
	head, size := rowHead(first), first.Len()
	if head == 0 || size == head {
		return 1
	}
	total := size
	for n = 1; n < len(batch); n++ {
		p := batch[n]
		payload := p.Len() - head
		if payload <= 0 || p.Len() > size || total+payload > packet.MaxSize || rowHead(p) != head || !alike(first.Bytes(), p.Bytes(), n) {
			return n
		}
		if total += payload; p.Len() < size { // the last one may be shorter
			return n + 1
		}
	}
	return n
}

// rowHead is the length of the headers of a UDP datagram that may be in a row; 0 if it may not: its checksum must be partial, as a
// super-packet's is, and its headers plain.
func rowHead(p *packet.Packet) int {
	b := p.Bytes()
	head := 0
	switch {
	case p.SegmentSize != 0 || !p.ChecksumPartial():
		return 0
	case b[0] == 0x45 && b[9] == packet.UDP && binary.BigEndian.Uint16(b[6:])&^dontFragment == 0:
		head = 20
	case b[0]>>4 == 6 && b[6] == packet.UDP:
		head = 40
	default:
		return 0
	}
	start, at := p.PartialChecksum()
	if start != head || at != head+6 || int(binary.BigEndian.Uint16(b[head+4:])) != len(b)-head {
		return 0
	}
	return head + udpLen
}

// alike tells whether b is a datagram of the same headers as a, but for what the kernel makes of them for the n-th after a.
func alike(a, b []byte, n int) bool {
	be := binary.BigEndian
	if a[0] != 0x45 {
		return be.Uint32(a) == be.Uint32(b) && be.Uint16(a[6:]) == be.Uint16(b[6:]) && [32]byte(a[8:40]) == [32]byte(b[8:40]) &&
			be.Uint32(a[40:]) == be.Uint32(b[40:])
	}
	return be.Uint16(a) == be.Uint16(b) && be.Uint32(a[6:]) == be.Uint32(b[6:]) && be.Uint64(a[12:]) == be.Uint64(b[12:]) &&
		be.Uint32(a[20:]) == be.Uint32(b[20:]) && (a[6]&(dontFragment>>8) != 0 || be.Uint16(a[4:])+uint16(n) == be.Uint16(b[4:]))
}

// putRowHeader fills header with the virtio header and the IP and UDP headers of a row, and returns what of it was filled. The link
// header between them stays as it is.
func putRowHeader(header []byte, row []*packet.Packet) []byte {
	first := row[0]
	head := first.HeaderLen()
	payload := 0
	for _, p := range row {
		payload += p.Len() - head
	}
	first.SuperHeader(header[vnetLen+headerLen:][:head], payload)
	clear(header[:vnetLen])
	native := binary.NativeEndian
	header[0], header[1] = vnetNeedsChecksum, vnetUDP
	native.PutUint16(header[2:], uint16(headerLen+head))
	native.PutUint16(header[4:], uint16(first.Len()-head))
	native.PutUint16(header[6:], uint16(headerLen+head-udpLen))
	native.PutUint16(header[8:], 6)
	return header[:vnetLen+headerLen+head]
}
