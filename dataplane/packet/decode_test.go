package packet

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

func TestDecodeReadsTheFieldsOfEachKind(t *testing.T) {
	for name, d := range every() {
		p := d.packet(t)
		if p.Src.String() != d.src || p.Dst.String() != d.dst || p.Protocol != d.protocol || p.TTL() != 64 {
			t.Errorf("%s: got %v > %v protocol %d TTL %d", name, p.Src, p.Dst, p.Protocol, p.TTL())
		}
		sport, dport := d.sport, d.dport
		if d.protocol == ICMP || d.protocol == ICMPv6 {
			dport = d.sport // the identifier in both
		}
		if p.SrcPort != sport || p.DstPort != dport {
			t.Errorf("%s: got ports %d %d, want %d %d", name, p.SrcPort, p.DstPort, sport, dport)
		}
		if p.TCPFlags != d.flags || p.ICMPType != d.icmpType {
			t.Errorf("%s: got flags %02x type %d", name, p.TCPFlags, p.ICMPType)
		}
		if d.protocol == TCP && (p.TCPSeq() != d.seq || p.TCPAck() != d.ack) {
			t.Errorf("%s: got seq %d ack %d", name, p.TCPSeq(), p.TCPAck())
		}
		if want := 4 + 2*strings.Count(d.src, "::"); p.Version() != want || !p.DontFragment() {
			t.Errorf("%s: got version %d", name, p.Version())
		}
	}
}

func TestDecodeFaults(t *testing.T) {
	edit := func(d datagram, f func(b []byte) []byte) []byte { return f(d.bytes(t)) }
	header := func(at int, v byte) func(b []byte) []byte { // a byte of the IPv4 header, its checksum right
		return func(b []byte) []byte { b[at] = v; return fixHeader(b) }
	}
	plain := func(at int, v byte) func(b []byte) []byte {
		return func(b []byte) []byte { b[at] = v; return b }
	}
	cut := func(n int) func(b []byte) []byte {
		return func(b []byte) []byte {
			be.PutUint16(b[2:], uint16(n))
			return fixHeader(b[:n])
		}
	}
	longest := tcp4()
	longest.options = bytes.Repeat([]byte{1}, 40)
	for _, c := range []struct {
		name string
		b    []byte
		want Fault
	}{
		{"nothing at all", nil, Truncated},
		{"one byte", []byte{0x45}, Truncated},
		{"a header of 19 bytes", edit(tcp4(), func(b []byte) []byte { return b[:19] }), Truncated},
		{"IP version 5", edit(tcp4(), plain(0, 0x55)), BadVersion},
		{"IHL 4", edit(tcp4(), plain(0, 0x44)), BadHeaderLength},
		{"IHL 15 with its 40 bytes of options", longest.bytes(t), OK},
		{"IHL 15 beyond the total length", edit(tcp4(), plain(0, 0x4f)), BadTotalLength},
		{"total length 19", edit(tcp4(), plain(3, 19)), BadTotalLength},
		{"total length 0", edit(tcp4(), plain(3, 0)), BadTotalLength},
		{"total length one more than the frame", edit(tcp4(), func(b []byte) []byte { return b[:len(b)-1] }), Truncated},
		{"one bit of the header flipped", edit(tcp4(), plain(1, 1)), BadHeaderChecksum},
		{"one bit of the options flipped", edit(every()["TCP with IP options"], plain(21, 0x41)), BadHeaderChecksum},
		{"the evil bit (RFC 3514)", edit(tcp4(), header(6, 0xc0)), OK},
		{"TCP cut to 19 bytes", edit(tcp4(), cut(39)), BadTransport},
		{"TCP data offset 4", edit(tcp4(), plain(32, 0x40)), BadTransport},
		{"TCP data offset beyond the datagram", edit(tcp4(), plain(32, 0xf0)), BadTransport},
		{"TCP of the header alone", edit(tcp4(), cut(40)), OK},
		{"UDP cut to 7 bytes", edit(udp4(), cut(27)), BadTransport},
		{"UDP length 7", edit(udp4(), plain(25, 7)), BadTransport},
		{"UDP length beyond the IP length", edit(udp4(), plain(25, 17)), BadTransport},
		{"UDP length shorter than the IP length", edit(udp4(), plain(25, 9)), OK},
		{"UDP length beyond a first fragment", fragments(udp4().bytes(t), 8)[0], OK},
		{"ICMP cut to 7 bytes", edit(echo4(), cut(27)), BadTransport},
		{"TTL 0", edit(tcp4(), header(8, 0)), OK},
		{"a fragment at byte 8 of a TCP segment", fragments(tcp4().bytes(t), 8)[1], BadFragment},
		{"a first fragment with half a TCP header", fragments(tcp4().bytes(t), 8)[0], BadTransport},
		{"a fragment that ends at 65,536", edit(udp4(), func(b []byte) []byte { // 65512 + 24
			be.PutUint16(b[6:], 65512/8)
			return cut(24)(b)
		}), BadFragment},
		{"a fragment that ends at 65,535", edit(udp4(), func(b []byte) []byte {
			be.PutUint16(b[6:], 65512/8)
			return cut(23)(b)
		}), OK},
		{"an unknown protocol without payload", edit(udp4(), func(b []byte) []byte { b[9] = 47; return cut(20)(b) }), OK},
		{"ICMPv6 over IPv4", edit(echo4(), header(9, ICMPv6)), OK},
		{"IPv6 of 39 bytes", edit(tcp6(), func(b []byte) []byte { return b[:39] }), Truncated},
		{"IPv6 with a byte missing", edit(tcp6(), func(b []byte) []byte { return b[:len(b)-1] }), Truncated},
		{"IPv6 extension header beyond the datagram", edit(tcp6(), plain(6, ipv6HopByHop)), BadHeaderLength},
		{"IPv6 fragment that ends beyond 65,535", edit(udp6(), func(b []byte) []byte {
			b[6] = ipv6Fragment
			copy(b[40:], []byte{UDP, 0, 0xff, 0xf8}) // offset 65,528, and 8 bytes
			return b
		}), BadFragment},
		{"IPv6 with no next header", edit(tcp6(), plain(6, 59)), OK},
	} {
		p := New(len(c.b))
		p.Src, p.SrcPort, p.TCPFlags = netip.MustParseAddr("9.9.9.9"), 9, 9
		p.SetBytes(c.b)
		got := p.Decode()
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
		if got != OK && (p.SrcPort != 0 || p.TCPFlags != 0 || p.Src == netip.MustParseAddr("9.9.9.9")) {
			t.Errorf("%s: fields of the packet before are left: %+v", c.name, p)
		}
		if p.Src.IsValid() != (got == OK || got >= BadFragment) {
			t.Errorf("%s: got source %v", c.name, p.Src)
		}
	}
}

func TestEveryFaultHasASentence(t *testing.T) {
	for f := OK; f <= faults; f++ {
		if f.String() == "" {
			t.Errorf("fault %d has none", f)
		}
	}
}

func TestDecodeCutsLinkLayerPadding(t *testing.T) {
	for name, d := range every() {
		b := d.bytes(t)
		p := decoded(t, append(append([]byte{}, b...), make([]byte, 20)...))
		if p.Len() != len(b) || p.PayloadLen() != len(d.payload) {
			t.Errorf("%s: got %d bytes, want %d", name, p.Len(), len(b))
		}
	}
}

func TestFragments(t *testing.T) {
	d := tcp4()
	d.payload = make([]byte, 100)
	for i, b := range fragments(d.bytes(t), 40) {
		p := decoded(t, b)
		if !p.IsFragment() || p.LaterFragment() != (i > 0) || p.DontFragment() {
			t.Errorf("fragment %d: got %v %v", i, p.IsFragment(), p.LaterFragment())
		}
		if first := i == 0; (p.SrcPort != 0) != first || (p.TCPFlags != 0) != first || p.Protocol != TCP {
			t.Errorf("fragment %d: got port %d, flags %02x", i, p.SrcPort, p.TCPFlags)
		}
	}
	if p := tcp4().packet(t); p.IsFragment() || p.LaterFragment() {
		t.Error("a whole datagram is taken for a fragment")
	}
}

func TestIPv6ExtensionHeadersAreSkipped(t *testing.T) {
	inner := udp6().bytes(t)[40:]
	build := func(first uint8, chain ...byte) []byte {
		b := append(append(append([]byte{}, udp6().bytes(t)[:40]...), chain...), inner...)
		b[6] = first
		be.PutUint16(b[4:], uint16(len(b)-40))
		return b
	}
	options := func(next byte) []byte { return []byte{next, 0, 1, 4, 0, 0, 0, 0} }
	fragment := func(next byte, offset uint16, more byte) []byte {
		return []byte{next, 0, byte(offset >> 5), byte(offset<<3) | more, 0, 0, 0, 1}
	}
	two := append(options(ipv6DestinationOptions), options(UDP)...)
	authentication := append([]byte{UDP, 2}, make([]byte, 14)...)
	for _, c := range []struct {
		name            string
		b               []byte
		fragment, later bool
	}{
		{"hop by hop and destination options", build(ipv6HopByHop, two...), false, false},
		{"authentication", build(ipv6Authentication, authentication...), false, false},
		{"atomic fragment", build(ipv6Fragment, fragment(UDP, 0, 0)...), false, false},
		{"first fragment", build(ipv6Fragment, fragment(UDP, 0, 1)...), true, false},
		{"later fragment", build(ipv6Fragment, fragment(UDP, 7, 1)...), true, true},
		{"last fragment", build(ipv6Fragment, fragment(UDP, 9, 0)...), true, true},
	} {
		p := decoded(t, c.b)
		if p.Protocol != UDP || p.IsFragment() != c.fragment || p.LaterFragment() != c.later || (p.DstPort == 53) == c.later {
			t.Errorf("%s: got %+v", c.name, p)
		}
	}
}

// FuzzDecode compares with gopacket's decoding, both ways, wherever gopacket has an opinion.
func FuzzDecode(f *testing.F) {
	for _, d := range every() {
		b := d.bytes(f)
		f.Add(b)
		f.Add(b[:len(b)/2])
		f.Add(append(b, 0, 0, 0))
	}
	for _, b := range fragments(udp4().bytes(f), 8) {
		f.Add(b)
	}
	options := every()["TCP with IP options"].bytes(f)
	copy(options[20:], []byte{0x95, 0x41}) // longer than the header: gopacket calls the datagram truncated, routers pass it on
	f.Add(fixHeader(options))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > MaxSize {
			return
		}
		p := New(len(b))
		p.SetBytes(b)
		fault := p.Decode()
		if fault == OK {
			p.Payload() // stays within the datagram, or panics
			p.ValidChecksum()
			p.EmbeddedPorts()
		}
		if len(b) > 0 && b[0]>>4 == 6 {
			compareIPv6(t, p, fault, b)
			return
		}
		var ip layers.IPv4
		var truncated feedback
		err := ip.DecodeFromBytes(b, &truncated)
		accepts := err == nil && !bool(truncated) && ip.Version == 4 && naiveSum(b[:ip.IHL*4]) == 0xffff && be.Uint16(b[2:]) != 0
		if got := fault == OK || fault >= BadFragment; accepts && !got || got && err == nil && bool(truncated) {
			t.Fatalf("got %v, gopacket says %v, truncated %v", fault, err, truncated)
		}
		if !accepts {
			return
		}
		if addr(ip.SrcIP) != p.Src || addr(ip.DstIP) != p.Dst || uint8(ip.Protocol) != p.Protocol ||
			p.LaterFragment() != (ip.FragOffset != 0) || p.IsFragment() != (ip.FragOffset != 0 || ip.Flags&layers.IPv4MoreFragments != 0) {
			t.Fatalf("got %+v, gopacket %+v", p, ip)
		}
		if !p.LaterFragment() && fault != BadFragment {
			compareTransport(t, p, fault, ip.Payload)
		}
	})
}

// compareIPv6 cuts padding off itself: gopacket takes it for payload behind a hop-by-hop header, whose length it counts twice.
func compareIPv6(t *testing.T, p *Packet, fault Fault, b []byte) {
	if fault != OK && fault < BadFragment {
		return
	}
	b = b[:40+int(be.Uint16(b[4:]))]
	if p.Len() != len(b) {
		t.Fatalf("%d bytes are left of %d", p.Len(), len(b))
	}
	g := gopacket.NewPacket(b, layers.LayerTypeIPv6, gopacket.NoCopy)
	ip, _ := g.NetworkLayer().(*layers.IPv6)
	if ip == nil {
		return
	}
	if addr(ip.SrcIP) != p.Src || addr(ip.DstIP) != p.Dst {
		t.Fatalf("got %+v, gopacket %+v", p, ip)
	}
	if l := g.TransportLayer(); l != nil && fault == OK && !p.LaterFragment() {
		compareTransport(t, p, fault, append(l.LayerContents(), l.LayerPayload()...))
	}
}

// compareTransport compares with gopacket's reading of b, what follows the IP headers.
func compareTransport(t *testing.T, p *Packet, fault Fault, b []byte) {
	var truncated feedback
	switch p.Protocol {
	case TCP:
		var g layers.TCP
		if err := g.DecodeFromBytes(b, &truncated); err != nil { // also about options, which are the hosts' affair
			return
		}
		if fault != OK || uint16(g.SrcPort) != p.SrcPort || uint16(g.DstPort) != p.DstPort || g.Contents[13] != p.TCPFlags ||
			g.Seq != p.TCPSeq() || g.Ack != p.TCPAck() || len(g.Payload) != p.PayloadLen() {
			t.Fatalf("%v: got %+v, gopacket %+v", fault, p, g)
		}
	case UDP:
		var g layers.UDP
		err := g.DecodeFromBytes(b, &truncated)
		if err != nil || bool(truncated) && !p.IsFragment() || g.Length == 0 {
			if fault == OK && p.Version() == 4 {
				t.Fatalf("got no fault, gopacket says %v, truncated %v", err, truncated)
			}
			return
		}
		if fault != OK || uint16(g.SrcPort) != p.SrcPort || uint16(g.DstPort) != p.DstPort || len(g.Payload) != p.PayloadLen() {
			t.Fatalf("%v: got %+v, gopacket %+v", fault, p, g)
		}
	case ICMP:
		var g layers.ICMPv4
		if g.DecodeFromBytes(b, &truncated) != nil || p.Version() != 4 {
			return
		}
		if fault != OK || g.TypeCode.Type() != p.ICMPType || g.TypeCode.Code() != p.ICMPCode || isEcho(p.Protocol, p.ICMPType) && g.Id != p.SrcPort {
			t.Fatalf("%v: got %+v, gopacket %+v", fault, p, g)
		}
	}
}

// feedback is gopacket's way to hear that a datagram was cut off.
type feedback bool

func (f *feedback) SetTruncated() { *f = true }

func addr(b []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(b)
	return a
}
