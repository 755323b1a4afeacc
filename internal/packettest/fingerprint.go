package packettest

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"

	"vpcsim/dataplane/packet"
)

// traits are what a router must keep of a packet.
type traits struct {
	src      netip.Addr
	ttl, tos uint8
	df       bool
	checksum uint32 // by how much the transport checksum is wrong (ChecksumError)
	role     Role   // from where it came
}

func traitsOf(p *packet.Packet, from Role) traits {
	b := p.Bytes()
	t := traits{src: p.Src, ttl: p.TTL(), checksum: ChecksumError(p), role: from}
	if p.Version() == 4 {
		t.tos, t.df = b[1], b[6]&0x40 != 0
	} else {
		t.tos = b[0]<<4 | b[1]>>4
	}
	return t
}

// wrong says by which rule t cannot be what became of before; empty if it can.
func (t *traits) wrong(before *traits) string {
	switch {
	case t.ttl > before.ttl:
		return "INV-8: the time to live went up"
	case t.df != before.df, t.tos != before.tos:
		return "INV-8: DF, DSCP or ECN changed"
	case t.checksum != before.checksum:
		return "INV-3: the transport checksum is not as wrong as it was"
	}
	return ""
}

// pieceOf is by what the fragments of a datagram are known, as far as no router changes it.
func pieceOf(p *packet.Packet) (k [2]uint32) {
	if p.Version() == 4 {
		k = [2]uint32{uint32(p.Protocol), uint32(binary.BigEndian.Uint16(p.Bytes()[4:]))}
	}
	return k
}

// fingerprint is a hash of what no router changes. Options of TCP are none of that: the MSS is clamped.
func (c *Checker) fingerprint(p *packet.Packet) uint64 {
	var h maphash.Hash
	h.SetSeed(c.seed)
	b := p.Bytes()
	_, _ = h.Write([]byte{b[0], p.Protocol})
	at := 40
	if p.Version() == 4 {
		at = int(b[0]&0xf) * 4
		_, _ = h.Write(b[2:6])
		_, _ = h.Write([]byte{b[6] &^ 0x40, b[7]}) // DF is a trait
	}
	for _, part := range kept(p, b[at:]) {
		_, _ = h.Write(part)
	}
	return h.Sum64()
}

// kept are the parts of the transport header and payload t that no router changes.
func kept(p *packet.Packet, t []byte) [][]byte {
	switch {
	case p.LaterFragment() || p.Version() == 6 && p.Protocol != packet.TCP:
		return [][]byte{t}
	case p.Protocol == packet.TCP && p.Version() == 4:
		return [][]byte{t[4:14], p.Payload()}
	case p.Protocol == packet.TCP: // perhaps behind extension headers
		return [][]byte{binary.BigEndian.AppendUint32(nil, p.TCPSeq()), p.Payload()}
	case p.Protocol == packet.UDP:
		return [][]byte{t[4:6], t[8:]}
	case p.Protocol == packet.ICMP && p.IsICMPError():
		return [][]byte{t[:2], t[4:8], t[8:min(18, len(t))]} // of the quoted header up to its checksum
	case p.Protocol == packet.ICMP:
		return [][]byte{t[:2], t[6:]}
	}
	return [][]byte{t}
}

// noChecksum marks UDP without a checksum.
const noChecksum = 1 << 31

// ChecksumError is by how much the transport checksum is wrong, as a one's-complement number; 0 where it is right or is not there to
// be judged. Of a first fragment it is the sum of what is there: no more than that it stays can be asked.
func ChecksumError(p *packet.Packet) uint32 {
	b := p.Bytes()
	at, addresses := 40, 8
	if p.Version() == 4 {
		at, addresses = int(b[0]&0xf)*4, 12
	}
	t, pseudo := b[at:], b[addresses:]
	if p.LaterFragment() || p.Version() == 6 && b[6] != p.Protocol { // behind extension headers
		return 0
	}
	switch p.Protocol {
	case packet.ICMP:
		return sum(t) % 0xffff
	case packet.TCP, packet.ICMPv6:
	case packet.UDP:
		if binary.BigEndian.Uint16(t[6:]) == 0 {
			return noChecksum
		}
		if !p.IsFragment() {
			t = t[:binary.BigEndian.Uint16(t[4:])]
		}
	default:
		return 0
	}
	return (sum(pseudo[:2*p.Src.BitLen()/8]) + uint32(p.Protocol) + uint32(len(t)) + sum(t)) % 0xffff
}

// sum adds up the words of b, whose checksum is right if it is a multiple of ffff. b has at most 65,535 bytes.
func sum(b []byte) (s uint32) {
	for len(b) > 1 {
		s += uint32(b[0])<<8 | uint32(b[1])
		b = b[2:]
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	return s
}

// HeaderError is by how much the checksum of an IPv4 header is wrong; 0 if it is right. b has 20 bytes or more.
func HeaderError(b []byte) uint32 { return sum(b[:min(len(b), max(20, int(b[0]&0xf)*4))]) % 0xffff }
