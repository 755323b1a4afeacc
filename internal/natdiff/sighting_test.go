package natdiff

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"vpcsim/dataplane/packet"
	"vpcsim/internal/packettest"
)

// sighting is a packet that came out, in words that are the same whatever ports a NAT chooses: what it is, and its properties, each
// "name=value". The time to live is not among them: hops are counted differently.
type sighting struct {
	kind       string
	properties []string
}

// sightings puts what came out of a step into words, the inside's first. Fragments that make up a datagram count as that datagram:
// where it is cut is nobody's business.
func (e *engine) sightings(from side, sent [][]byte, came [2][][]byte) (all []sighting) {
	sent = reassemble(sent)
	for on := range came {
		for _, b := range reassemble(came[on]) {
			s := e.sight(from, sent, side(on), b)
			s.kind = fmt.Sprint(side(on), ": ", s.kind)
			all = append(all, s)
		}
	}
	return all
}

func (e *engine) sight(from side, sent [][]byte, on side, b []byte) (s sighting) {
	p := decode(b)
	if p == nil {
		return sighting{"malformed, untranslated", []string{fmt.Sprintf("bytes=%x", b[20:])}}
	}
	if from == on && !e.returned(sent, p) {
		return e.sightOwn(p)
	}
	s.kind = "translated"
	switch {
	case from == on:
		s.kind = "returned"
	case on == outside && p.Src == public:
		if q := decode(sent[0]); q != nil && !p.LaterFragment() && !p.IsICMPError() {
			e.learn(sessionOf(p.Protocol, netip.AddrPortFrom(q.Src, q.SrcPort), netip.AddrPortFrom(q.Dst, q.DstPort)), p.SrcPort)
		}
	case on == outside, p.Dst == public:
		s.kind = "untranslated"
	}
	if p.IsFragment() {
		s.kind += fmt.Sprintf(" piece %04x", word(b, 6)&0x3fff)
	}
	s.properties = append(e.addresses(on, p),
		fmt.Sprintf("tos=%02x", b[1]), fmt.Sprintf("id=%04x", word(b, 4)), fmt.Sprintf("flags=%x", word(b, 6)>>14),
		fmt.Sprintf("options=%x", b[20:int(b[0]&0xf)*4]), fmt.Sprintf("checksum=%x", packettest.ChecksumError(p)),
		e.compared(sent, p))
	return s
}

// compared says whether the contents of p are those of something that was sent; if not, what they are.
func (e *engine) compared(sent [][]byte, p *packet.Packet) string {
	now := e.contents(p)
	for _, b := range sent {
		if q := decode(b); q != nil && q.Protocol == p.Protocol && e.contents(q) == now {
			return "contents as sent"
		}
	}
	return now
}

// returned says whether p is what was sent, come back.
func (e *engine) returned(sent [][]byte, p *packet.Packet) bool {
	return slices.ContainsFunc(sent, func(b []byte) bool { return slices.Equal(b[12:], p.Bytes()[12:]) })
}

// sightOwn is sight for a packet of the NAT's own.
func (e *engine) sightOwn(p *packet.Packet) (s sighting) {
	b := p.Bytes()
	switch {
	case p.Protocol == packet.TCP && p.TCPFlags&packet.RST != 0:
		s.kind = "RST"
		s.properties = []string{fmt.Sprintf("seq=%d ack=%d flags=%x", p.TCPSeq(), p.TCPAck(), p.TCPFlags)}
	case p.IsICMPError():
		s.kind = fmt.Sprintf("ICMP %d/%d of its own", p.ICMPType, p.ICMPCode)
		s.properties = []string{fmt.Sprintf("quote=%x", p.Payload()[12:])}
	default:
		s.kind = "something of its own"
	}
	return sighting{s.kind, append(s.properties, fmt.Sprint("src=", p.Src), fmt.Sprint("dst=", p.Dst), fmt.Sprintf("tos=%02x", b[1]),
		fmt.Sprintf("checksum=%x", packettest.ChecksumError(p)))}
}

// addresses are those of a packet and its ports, of the NAT's session instead of its port.
func (e *engine) addresses(on side, p *packet.Packet) []string {
	src, dst := netip.AddrPortFrom(p.Src, p.SrcPort), netip.AddrPortFrom(p.Dst, p.DstPort)
	if p.Protocol == packet.ICMP && p.SrcPort != 0 {
		// An echo has its identifier in both, and neither is the remote's.
		if on == outside {
			dst = netip.AddrPortFrom(p.Dst, 0)
		} else {
			src = netip.AddrPortFrom(p.Src, 0)
		}
	}
	return []string{"src=" + e.end(p.Protocol, src, dst), "dst=" + e.end(p.Protocol, dst, src)}
}

// end is an end of a session with its other end.
func (e *engine) end(protocol uint8, a, other netip.AddrPort) string {
	if owner, ok := e.owners[sessionOf(protocol, a, other)]; ok {
		return "public of " + owner.String()
	}
	return a.String()
}

// contents is what follows the IP header, without what addresses names and without checksums.
func (e *engine) contents(p *packet.Packet) string {
	b := p.Bytes()
	t := append([]byte(nil), b[int(b[0]&0xf)*4:]...)
	switch {
	case p.LaterFragment():
	case p.IsICMPError():
		return fmt.Sprintf("contents=%x about %s", append(t[:2:2], t[4:8]...), e.quote(t[8:]))
	case p.Protocol == packet.TCP:
		clear(t[:4])
		clear(t[16:18])
	case p.Protocol == packet.UDP:
		clear(t[:4])
		clear(t[6:8])
	case p.Protocol == packet.ICMP:
		clear(t[2:6])
	}
	return fmt.Sprintf("contents=%d:%x", len(t), sha256.Sum256(t))[:30]
}

// quote is what an ICMP error quotes, likewise.
func (e *engine) quote(q []byte) string {
	if len(q) < 20 {
		return fmt.Sprintf("%x", q)
	}
	src, dst := netip.AddrFrom4([4]byte(q[12:16])), netip.AddrFrom4([4]byte(q[16:20]))
	header := fmt.Sprintf("%s > %s %x sum %x", src, dst, q[:8], packettest.HeaderError(q))
	if len(q) < 28 || word(q, 6)&0x1fff != 0 || q[9] != packet.UDP {
		return fmt.Sprintf("%s %x", header, q[20:])
	}
	from, to := netip.AddrPortFrom(src, word(q, 20)), netip.AddrPortFrom(dst, word(q, 22))
	wrong := uint32(0)
	if p := decode(q); p != nil {
		wrong = packettest.ChecksumError(p)
	}
	return fmt.Sprintf("%s %s > %s %x sum %x", header, e.end(q[9], from, to), e.end(q[9], to, from), q[28:], wrong)
}

// reassemble returns the datagrams with those that came in fragments, if none is missing, in place of their last one. An exact
// repetition counts once.
func reassemble(came [][]byte) (all [][]byte) {
	pieces := map[string][][]byte{}
	for _, b := range came {
		if p := decode(b); p != nil && p.IsFragment() {
			k := fmt.Sprintf("%x %x", b[4:6], b[9:20])
			k = strings.Replace(k, fmt.Sprintf("%x", b[10:12]), "", 1) // the header's checksum
			pieces[k] = append(pieces[k], b)
			continue
		}
		all = append(all, b)
	}
	keys := make([]string, 0, len(pieces))
	for k := range pieces {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		all = append(all, join(pieces[k])...)
	}
	return all
}

// join returns the datagram that the pieces are of, or the pieces.
func join(pieces [][]byte) [][]byte {
	offset := func(b []byte) int { return int(word(b, 6)&0x1fff) * 8 }
	sorted := slices.Clone(pieces)
	slices.SortStableFunc(sorted, func(a, b []byte) int { return cmp.Compare(offset(a), offset(b)) })
	sorted = slices.CompactFunc(sorted, slices.Equal)
	whole := slices.Clone(sorted[0])
	for i, b := range sorted {
		header := int(b[0]&0xf) * 4
		more := word(b, 6)&0x2000 != 0
		if i == 0 && offset(b) != 0 || i > 0 && offset(b) != len(whole)-int(whole[0]&0xf)*4 || more == (i == len(sorted)-1) {
			return pieces
		}
		if i > 0 {
			whole = append(whole, b[header:]...)
		}
	}
	whole[2], whole[3] = byte(len(whole)>>8), byte(len(whole))
	whole[6], whole[7] = whole[6]&0xc0, 0
	packettest.FixHeader(whole)
	return [][]byte{whole}
}
