package packet

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
)

// A rewrite is done twice: to the packet, by a Set method, and to its description, from which gopacket then makes all
// bytes afresh.
type rewrite struct {
	name string
	set  func(p *Packet)
	want func(d *datagram)
}

func rewrites(d datagram) []rewrite {
	a, b := "54.1.2.3", "203.0.113.255"
	if !netip.MustParseAddr(d.src).Is4() {
		a, b = "2001:db8:ffff::1", "::ffff:1.2.3.4"
	}
	ports := d.protocol == TCP || d.protocol == UDP
	echo := d.protocol == ICMP || d.protocol == ICMPv6
	port := func(v uint16, field func(d *datagram) *uint16) func(d *datagram) {
		return func(d *datagram) {
			if echo {
				d.sport = v
			} else if ports {
				*field(d) = v
			}
		}
	}
	source := func(d *datagram) *uint16 { return &d.sport }
	destination := func(d *datagram) *uint16 { return &d.dport }
	all := []rewrite{
		{"SetSrc", func(p *Packet) { p.SetSrc(netip.MustParseAddr(a)) }, func(d *datagram) { d.src = a }},
		{"SetDst", func(p *Packet) { p.SetDst(netip.MustParseAddr(b)) }, func(d *datagram) { d.dst = b }},
		{"SetSrcPort", func(p *Packet) { p.SetSrcPort(1024) }, port(1024, source)},
		{"SetSrcPort to 65535", func(p *Packet) { p.SetSrcPort(65535) }, port(65535, source)},
		{"SetDstPort", func(p *Packet) { p.SetDstPort(1) }, port(1, destination)},
		{"SetDstPort to 0", func(p *Packet) { p.SetDstPort(0) }, port(0, destination)},
		{"DecrementTTL", func(p *Packet) { p.DecrementTTL() }, func(d *datagram) { d.ttl = 63 }},
		{"all of them", func(p *Packet) {
			p.SetDst(netip.MustParseAddr(a))
			p.SetSrc(netip.MustParseAddr(b))
			p.SetDstPort(2)
			p.SetSrcPort(3)
			p.DecrementTTL()
		}, func(d *datagram) {
			d.dst, d.src, d.ttl = a, b, 63
			port(2, destination)(d)
			port(3, source)(d)
		}},
	}
	if netip.MustParseAddr(d.src).Is4() {
		all = append(all, hops(port)...)
	}
	return all
}

// hops are the rewrites of IPv4 in one pass.
func hops(port func(uint16, func(*datagram) *uint16) func(*datagram)) []rewrite {
	const a = 0x01020304
	return []rewrite{
		{"HopFrom", func(p *Packet) { p.HopFrom(a, 1024) }, func(d *datagram) {
			d.src, d.ttl = "1.2.3.4", 63
			port(1024, func(d *datagram) *uint16 { return &d.sport })(d)
		}},
		{"HopTo", func(p *Packet) { p.HopTo(a, 443) }, func(d *datagram) {
			d.dst, d.ttl = "1.2.3.4", 63
			port(443, func(d *datagram) *uint16 { return &d.dport })(d)
		}},
	}
}

func TestEverySetMethodEqualsMakingThePacketAnew(t *testing.T) {
	for kind, d := range every() {
		for _, r := range rewrites(d) {
			p, want := d.packet(t), d
			r.set(p)
			r.want(&want)
			if b := want.bytes(t); !bytes.Equal(p.Bytes(), b) {
				t.Errorf("%s of %s:\ngot  % x\nwant % x", r.name, kind, p.Bytes(), b)
			}
			agree(t, p)
		}
	}
}

func TestFragmentsOfARewrittenDatagramAreItsFragmentsRewritten(t *testing.T) {
	for kind, d := range every() {
		if !netip.MustParseAddr(d.src).Is4() {
			continue
		}
		d.payload = bytes.Repeat([]byte("payload"), 30)
		for _, r := range rewrites(d) {
			want := d
			r.want(&want)
			after := fragments(want.bytes(t), 64)
			for i, b := range fragments(d.bytes(t), 64) {
				p := decoded(t, b)
				r.set(p)
				if !bytes.Equal(p.Bytes(), after[i]) {
					t.Errorf("%s of %s, fragment %d:\ngot  % x\nwant % x", r.name, kind, i, p.Bytes(), after[i])
				}
				agree(t, p)
			}
		}
	}
}

func TestAWrongChecksumStaysWrongByTheSame(t *testing.T) {
	for kind, d := range every() {
		for _, r := range rewrites(d) {
			p := d.packet(t)
			if p.checksum == 0 {
				continue
			}
			field := p.Bytes()[p.checksum:]
			be.PutUint16(field, be.Uint16(field)^0x5aa5)
			before := received(p)
			r.set(p)
			if after := received(p); after != before || p.ValidChecksum() {
				t.Errorf("%s of %s: a receiver's sum was %04x and is now %04x", r.name, kind, before, after)
			}
		}
	}
}

func TestUDPWithoutChecksumStaysWithout(t *testing.T) {
	for _, d := range []datagram{udp4(), udp6()} {
		for _, r := range rewrites(d) {
			p := d.packet(t)
			be.PutUint16(p.Bytes()[p.checksum:], 0)
			r.set(p)
			if got := be.Uint16(p.Bytes()[p.checksum:]); got != 0 {
				t.Errorf("%s: got %04x", r.name, got)
			}
		}
	}
}

func TestUDPWhoseNewChecksumIsZeroIsSentWithOnes(t *testing.T) {
	// Find the port that brings the sum to ffff; all ports are tried, so one is found.
	d := udp4()
	found := 0
	for port := range 1 << 16 {
		p := d.packet(t)
		if port == int(p.SrcPort) {
			continue
		}
		p.SetSrcPort(uint16(port))
		if be.Uint16(p.Bytes()[p.checksum:]) != 0xffff {
			continue
		}
		found++
		want := d
		want.sport = uint16(port)
		if !bytes.Equal(p.Bytes(), want.bytes(t)) {
			t.Errorf("port %d: got % x", port, p.Bytes())
		}
		p.SetSrcPort(d.sport) // and back: ones are a sum like any other
		if !bytes.Equal(p.Bytes(), d.bytes(t)) {
			t.Errorf("back from port %d: got % x", port, p.Bytes())
		}
	}
	if found != 1 {
		t.Errorf("%d ports bring the sum to ffff, want 1", found)
	}
}

func TestAnEchoReplyOfZerosKeepsAChecksumReceiversTake(t *testing.T) {
	d := datagram{src: "8.8.8.8", dst: "54.1.2.3", sport: 0xbeef, protocol: ICMP, icmpType: ICMPEchoReply, payload: make([]byte, 56)}
	p := d.packet(t)
	p.SetDstPort(0)
	d.sport = 0
	if want := d.bytes(t); !bytes.Equal(p.Bytes(), want) || !p.ValidChecksum() {
		t.Errorf("got  % x\nwant % x", p.Bytes(), want)
	}
	p.SetDstPort(0xbeef)
	if !p.ValidChecksum() {
		t.Error("the way back breaks the checksum")
	}
}

func TestAMessageWithoutPortsIsLeftAlone(t *testing.T) {
	d := echo4()
	d.icmpType = 13 // timestamp: has an identifier, but no NAT session of its own (RFC 5508 REQ-10)
	p := d.packet(t)
	p.SetSrcPort(9)
	p.SetDstPort(9)
	if !bytes.Equal(p.Bytes(), d.bytes(t)) || p.SrcPort != 0 || p.DstPort != 0 {
		t.Errorf("got %+v", p)
	}
}

func TestTTLZeroStaysZero(t *testing.T) {
	for _, d := range []datagram{tcp4(), tcp6()} {
		d.ttl = 1
		p := d.packet(t)
		p.DecrementTTL()
		if p.TTL() != 0 {
			t.Errorf("TTL 1 became %d", p.TTL())
		}
		before := append([]byte{}, p.Bytes()...)
		p.DecrementTTL()
		if !bytes.Equal(p.Bytes(), before) {
			t.Errorf("TTL 0 became %d", p.TTL())
		}
		agree(t, p)
	}
}

func TestAnAddressOfTheOtherFamilyPanics(t *testing.T) {
	v4, v6, mapped := netip.MustParseAddr("1.2.3.4"), netip.MustParseAddr("::1"), netip.MustParseAddr("::ffff:1.2.3.4")
	for name, f := range map[string]func(){
		"IPv6 into IPv4":   func() { tcp4().packet(t).SetSrc(v6) },
		"mapped into IPv4": func() { tcp4().packet(t).SetDst(mapped) },
		"IPv4 into IPv6":   func() { tcp6().packet(t).SetSrc(v4) },
		"none into IPv6":   func() { tcp6().packet(t).SetSrc(netip.Addr{}) },
		"IPv6 into quote":  func() { tcp4().packet(t).SetEmbeddedSrc(v6) },
	} {
		if !panics(f) {
			t.Errorf("%s did not panic", name)
		}
	}
}

// FuzzRewrite: rewritten packets equal gopacket's, and the way back restores every byte (INV-3, INV-4). A transport
// checksum changed by corrupt before stays as wrong.
func FuzzRewrite(f *testing.F) {
	f.Add(uint8(0), []byte("\x0a\x00\x02\x05\x34\xd8\x01\x02\x9c\x40\x01\xbb"), []byte("\x36\x01\x02\x03\x08\x08\x08\x08\x04\x00\x00\x35"), uint16(0), []byte("data"))
	f.Add(uint8(1), make([]byte, 12), bytes.Repeat([]byte{0xff}, 12), uint16(0), []byte{})
	f.Add(uint8(2), bytes.Repeat([]byte{0xff}, 12), make([]byte, 12), uint16(0), []byte{0xff, 0xff, 0x00})
	f.Add(uint8(3), []byte("aaaabbbb\xbe\xef\x00\x00"), make([]byte, 12), uint16(0), make([]byte, 8))
	f.Add(uint8(4), []byte("aaaabbbbccdd"), []byte("eeeeffffgghh"), uint16(1), []byte("odd"))
	f.Add(uint8(7), []byte("aaaabbbbccdd"), []byte("\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\x00\x00"), uint16(0xffff), []byte("even"))
	kinds := []datagram{tcp4(), udp4(), echo4(), {protocol: ICMP, icmpType: ICMPEchoReply}, {protocol: 132}, tcp6(), udp6(), echo6()}
	f.Fuzz(func(t *testing.T, kind uint8, from, to []byte, corrupt uint16, payload []byte) {
		if len(from) != 12 || len(to) != 12 || len(payload) > 2000 {
			return
		}
		d := kinds[int(kind)%len(kinds)]
		d.payload = payload
		before, after := endpoints(d, from), endpoints(d, to)
		b := before.bytes(t)
		p := decoded(t, b)
		if p.checksum != 0 && (p.Protocol != UDP || be.Uint16(b[p.checksum:])^corrupt != 0) {
			be.PutUint16(b[p.checksum:], be.Uint16(b[p.checksum:])^corrupt)
			p = decoded(t, b)
		}
		wrong := received(p)
		set(p, after)
		agree(t, p)
		if got := received(p); got != wrong {
			t.Fatalf("a receiver's sum was %04x and is now %04x", wrong, got)
		}
		if want := after.bytes(t); corrupt == 0 && !bytes.Equal(p.Bytes(), want) {
			t.Fatalf("got  % x\nwant % x", p.Bytes(), want)
		}
		set(p, before)
		if got := p.Bytes(); corrupt == 0 && !bytes.Equal(got, b) {
			t.Fatalf("there and back again\ngot  % x\nwant % x", got, b)
		}
	})
}

// endpoints is d with addresses and ports (4, 4, 2 and 2 bytes) out of b.
func endpoints(d datagram, b []byte) datagram {
	prefix := ""
	if d.protocol == ICMPv6 || d.src != "" && !netip.MustParseAddr(d.src).Is4() {
		prefix = "2001:db8::"
	}
	address := func(b []byte) string {
		if prefix != "" {
			return fmt.Sprintf("%s%x:%x", prefix, be.Uint16(b), be.Uint16(b[2:]))
		}
		return netip.AddrFrom4([4]byte(b)).String()
	}
	d.src, d.dst, d.sport = address(b), address(b[4:]), be.Uint16(b[8:])
	if d.protocol == TCP || d.protocol == UDP {
		d.dport = be.Uint16(b[10:])
	}
	return d
}

// set makes p's addresses and ports those of d.
func set(p *Packet, d datagram) {
	p.SetSrc(netip.MustParseAddr(d.src))
	p.SetDst(netip.MustParseAddr(d.dst))
	if d.protocol == TCP || d.protocol == UDP {
		p.SetDstPort(d.dport)
	}
	p.SetSrcPort(d.sport)
}

// agree checks that the fields are what decoding the bytes afresh yields.
func agree(t testing.TB, p *Packet) {
	t.Helper()
	q := decoded(t, p.Bytes())
	if p.Src != q.Src || p.Dst != q.Dst || p.SrcPort != q.SrcPort || p.DstPort != q.DstPort || p.Protocol != q.Protocol ||
		p.TCPFlags != q.TCPFlags || p.ICMPType != q.ICMPType || p.ICMPCode != q.ICMPCode || p.TTL() != q.TTL() {
		t.Errorf("the fields %+v\nare not those of the bytes %+v", p, q)
	}
}

// received is the sum a receiver of the transport header comes to; ffff where it is right. 0 and ffff are one number.
func received(p *Packet) uint16 {
	if p.checksum == 0 {
		return 0xffff
	}
	b := p.Bytes()
	t := b[p.transport:]
	pseudo := words(uint16(p.Protocol), uint16(len(t)))
	switch {
	case p.Protocol == ICMP:
		pseudo = nil
	case p.Version() == 4:
		pseudo = append(pseudo, b[12:20]...)
	default:
		pseudo = append(pseudo, b[8:40]...)
	}
	if s := naiveSum(pseudo, t); s != 0 {
		return s
	}
	return 0xffff
}
