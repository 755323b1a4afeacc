package packet

import (
	"bytes"
	"net/netip"
	"testing"
)

func TestBuildersEqualGopacket(t *testing.T) {
	for name, d := range every() {
		from, to := netip.AddrPortFrom(netip.MustParseAddr(d.src), d.sport), netip.AddrPortFrom(netip.MustParseAddr(d.dst), d.dport)
		p := New(1500)
		for i := range p.buf {
			p.buf[i] = 0xa5 // whatever was there
		}
		p.Time, p.Probe = 42, true
		switch {
		case d.options != nil || d.protocol == 132:
			continue
		case d.protocol == TCP:
			BuildTCP(p, from, to, d.flags, d.seq, d.ack, d.payload)
		case d.protocol == UDP:
			BuildUDP(p, from, to, d.payload)
		case d.icmpType == ICMPEchoReply:
			BuildICMPEchoReply(p, from.Addr(), to.Addr(), d.sport, d.dport, d.payload)
		default:
			BuildICMPEcho(p, from.Addr(), to.Addr(), d.sport, d.dport, d.payload)
		}
		if want := d.bytes(t); !bytes.Equal(p.Bytes(), want) {
			t.Errorf("%s:\ngot  % x\nwant % x", name, p.Bytes(), want)
		}
		agree(t, p)
		if p.Time != 42 || !p.Probe {
			t.Errorf("%s: time or probe changed", name)
		}
	}
}

func TestBuildUDPSendsAZeroSumAsOnes(t *testing.T) {
	d := udp4()
	d.payload = []byte{0, 0}
	be.PutUint16(d.payload, be.Uint16(d.bytes(t)[26:])) // the checksum as data: the sum comes to ffff
	p := New(100)
	BuildUDP(p, netip.MustParseAddrPort("10.0.2.5:40001"), netip.MustParseAddrPort("10.0.0.2:53"), d.payload)
	if got := be.Uint16(p.Bytes()[26:]); got != 0xffff || !p.ValidChecksum() {
		t.Errorf("got %04x", got)
	}
}

func TestBuilderOfTwoFamiliesPanics(t *testing.T) {
	if !panics(func() { BuildICMPEcho(New(100), netip.MustParseAddr("1.2.3.4"), netip.MustParseAddr("::1"), 1, 1, nil) }) {
		t.Error("did not panic")
	}
}

func TestRFC9293_3_10_7_1_ResetAnswersASegmentWithoutAConnection(t *testing.T) {
	for _, base := range []datagram{tcp4(), tcp6()} {
		for _, c := range []struct {
			name     string
			flags    uint8
			payload  string
			want     uint8
			seq, ack uint32
		}{
			{"data with ACK: SEQ is the segment's ACK", PSH | ACK, "data", RST, 9000, 0},
			{"FIN with ACK", FIN | ACK, "", RST, 9000, 0},
			{"SYN with ACK", SYN | ACK, "", RST, 9000, 0},
			{"SYN: ACK counts the SYN", SYN, "", RST | ACK, 0, 501},
			{"SYN with data: ACK counts both", SYN, "data", RST | ACK, 0, 505},
			{"SYN and FIN: ACK counts each", SYN | FIN, "", RST | ACK, 0, 502},
			{"null flags", 0, "data", RST | ACK, 0, 504},
			{"Xmas without ACK", FIN | PSH | URG, "", RST | ACK, 0, 501},
		} {
			d := base
			d.flags, d.seq, d.ack, d.payload = c.flags, 500, 9000, []byte(c.payload)
			seg, got := d.packet(t), New(100)
			seg.Time, seg.Probe = 7, true
			want := base
			want.src, want.dst, want.sport, want.dport = d.dst, d.src, d.dport, d.sport
			want.flags, want.seq, want.ack, want.payload = c.want, c.seq, c.ack, nil
			if !BuildReset(got, seg) || !bytes.Equal(got.Bytes(), want.bytes(t)) {
				t.Errorf("%s:\ngot  % x\nwant % x", c.name, got.Bytes(), want.bytes(t))
			}
			agree(t, got)
			if got.Time != 7 || !got.Probe {
				t.Errorf("%s: time or probe is not the segment's", c.name)
			}
			if !BuildReset(seg, seg) || !bytes.Equal(seg.Bytes(), got.Bytes()) {
				t.Errorf("%s: written over the segment itself it is % x", c.name, seg.Bytes())
			}
		}
	}
}

func TestNoResetWhereNothingMayBeAnswered(t *testing.T) {
	flagged := func(flags uint8) datagram { d := tcp4(); d.flags = flags; return d }
	from := func(src, dst string) datagram { d := tcp4(); d.src, d.dst = src, dst; return d }
	long := flagged(ACK)
	long.payload = make([]byte, 200)
	longSYN := long
	longSYN.flags = SYN
	for _, c := range []struct {
		name string
		b    []byte
		want bool
	}{
		{"an RST", flagged(RST).bytes(t), false},
		{"an RST with ACK", flagged(RST | ACK).bytes(t), false},
		{"UDP", udp4().bytes(t), false},
		{"an echo", echo4().bytes(t), false},
		{"a later fragment", fragments(long.bytes(t), 64)[1], false},
		{"a first fragment with ACK", fragments(long.bytes(t), 64)[0], true},
		{"a first fragment without ACK, its length unknown", fragments(longSYN.bytes(t), 64)[0], false},
		{"from multicast", from("224.0.0.1", "10.0.0.1").bytes(t), false},
		{"to broadcast", from("10.0.0.1", "255.255.255.255").bytes(t), false},
		{"from 0.0.0.0", from("0.0.0.0", "10.0.0.1").bytes(t), false},
		{"to IPv6 multicast", from("2001:db8::1", "ff02::1").bytes(t), false},
	} {
		if got := BuildReset(New(100), decoded(t, c.b)); got != c.want {
			t.Errorf("%s: got %v", c.name, got)
		}
	}
}

func TestBuildICMPErrorQuotesTheOffendingDatagram(t *testing.T) {
	from := netip.MustParseAddr("10.0.2.1")
	long := tcp4()
	long.payload = make([]byte, 1400)
	for _, c := range []struct {
		name      string
		d         datagram
		typ, code uint8
		mtu       uint16
		quote     int
	}{
		{"TTL exceeded about UDP", udp4(), ICMPTimeExceeded, CodeTTLExceeded, 0, 36},
		{"TTL exceeded about an echo request", echo4(), ICMPTimeExceeded, CodeTTLExceeded, 0, 35},
		{"fragmentation needed about 1,440 bytes", long, ICMPDestinationUnreachable, CodeFragmentationNeeded, 1400, 548},
	} {
		offending, p := c.d.packet(t), New(600)
		before := bytes.Clone(offending.Bytes())
		offending.Bytes()[1] = 0xff // TOS; the header checksum is no matter here
		before[1] = 0xff
		offending.Time, offending.Probe = 7, true
		if !BuildICMPError(p, offending, from, c.typ, c.code, c.mtu) {
			t.Fatalf("%s: refused", c.name)
		}
		b := p.Bytes()
		if p.Src != from || p.Dst.String() != c.d.src || p.ICMPType != c.typ || p.ICMPCode != c.code || !p.IsICMPError() {
			t.Errorf("%s: got %+v", c.name, p)
		}
		if !bytes.Equal(b[28:], before[:c.quote]) || be.Uint16(b[26:]) != c.mtu || b[1] != 0xdc || !p.ValidChecksum() {
			t.Errorf("%s: got % x", c.name, b)
		}
		if p.Time != 7 || !p.Probe {
			t.Errorf("%s: time or probe is not the offending packet's", c.name)
		}
		agree(t, p)
	}
}

func TestNoICMPErrorWhereRFC1122ForbidsIt(t *testing.T) {
	from := func(src, dst string) []byte { d := udp4(); d.src, d.dst = src, dst; return d.bytes(t) }
	for _, c := range []struct {
		name string
		b    []byte
		want bool
	}{
		{"about an ICMP error", quoting(t, ICMPTimeExceeded, 0, udp4().bytes(t)), false},
		{"about a redirect", quoting(t, ICMPRedirect, 0, udp4().bytes(t)), false},
		{"about a timestamp", quoting(t, 13, 0, make([]byte, 12)), true},
		{"about a first fragment", fragments(udp4().bytes(t), 8)[0], true},
		{"about a later fragment", fragments(udp4().bytes(t), 8)[1], false},
		{"about broadcast", from("10.0.0.1", "255.255.255.255"), false},
		{"about multicast", from("10.0.0.1", "239.1.1.1"), false},
		{"about class E", from("10.0.0.1", "240.0.0.1"), false},
		{"to 0.0.0.0", from("0.0.0.0", "10.0.0.1"), false},
		{"to 127.0.0.1", from("127.0.0.1", "10.0.0.1"), false},
		{"to multicast", from("224.0.0.5", "10.0.0.1"), false},
	} {
		p := New(600)
		if got := BuildICMPError(p, decoded(t, c.b), netip.MustParseAddr("10.0.0.254"), ICMPTimeExceeded, 0, 0); got != c.want {
			t.Errorf("%s: got %v", c.name, got)
		}
		if !c.want && p.Len() != 0 {
			t.Errorf("%s: dst was touched", c.name)
		}
	}
}

func TestBuildICMPErrorAboutIPv6EqualsGopacket(t *testing.T) {
	from := netip.MustParseAddr("2001:db8::1")
	long := tcp6()
	long.payload = make([]byte, 1400)
	for _, c := range []struct {
		name  string
		d     datagram
		build func(dst, offending *Packet) bool
		typ   uint8
		mtu   uint16
		quote int
	}{
		{"hop limit exceeded about UDP", udp6(),
			func(p, o *Packet) bool { return BuildTimeExceeded(p, o, from) }, ICMPv6TimeExceeded, 0, 56},
		{"too big about 1,460 bytes", long,
			func(p, o *Packet) bool { return BuildTooBig(p, o, from, 1400) }, ICMPv6PacketTooBig, 1400, 1232},
		{"no route about an echo request", echo6(),
			func(p, o *Packet) bool {
				return BuildICMPError(p, o, from, ICMPv6DestinationUnreachable, 0, 0)
			}, ICMPv6DestinationUnreachable, 0, 55},
	} {
		offending, p := c.d.packet(t), New(1280)
		offending.Time, offending.Probe = 7, true
		if !c.build(p, offending) {
			t.Fatalf("%s: refused", c.name)
		}
		want := quoting6(t, c.typ, c.mtu, offending.Bytes()[:c.quote])
		be.PutUint16(want[0:], 0x6000)
		if !bytes.Equal(p.Bytes(), want) {
			t.Errorf("%s:\ngot  % x\nwant % x", c.name, p.Bytes(), want)
		}
		if p.Time != 7 || !p.Probe || !p.IsICMPError() || !p.ValidChecksum() {
			t.Errorf("%s: got %+v", c.name, p)
		}
		agree(t, p)
	}
}

func TestNoICMPErrorWhereRFC4443ForbidsIt(t *testing.T) {
	from := func(src, dst string) []byte { d := udp6(); d.src, d.dst = src, dst; return d.bytes(t) }
	fragment := func(protocol uint8) []byte {
		b := udp6().bytes(t)
		b[6] = ipv6Fragment
		copy(b[40:], []byte{protocol, 0, 0, 8 | 1, 0, 0, 0, 1}) // offset 8, more follow
		return b
	}
	unknown, redirect := echo6(), echo6()
	unknown.icmpType, redirect.icmpType = 100, 137
	for _, c := range []struct {
		name string
		b    []byte
		want bool
	}{
		{"about an ICMPv6 error", quoting6(t, ICMPv6TimeExceeded, 0, udp6().bytes(t)), false},
		{"about an error of an unknown type", unknown.bytes(t), false},
		{"about a redirect", redirect.bytes(t), false},
		{"about an echo", echo6().bytes(t), true},
		{"about a later fragment of UDP", fragment(UDP), true},
		{"about a later fragment of ICMPv6, perhaps an error's", fragment(ICMPv6), false},
		{"about multicast", from("2001:db8::5", "ff02::1"), false},
		{"to ::", from("::", "2001:db8::5"), false},
		{"to ::1", from("::1", "2001:db8::5"), false},
		{"to multicast", from("ff02::5", "2001:db8::5"), false},
	} {
		p := New(1280)
		if got := BuildTimeExceeded(p, decoded(t, c.b), netip.MustParseAddr("2001:db8::1")); got != c.want {
			t.Errorf("%s: got %v", c.name, got)
		}
		if !c.want && p.Len() != 0 {
			t.Errorf("%s: dst was touched", c.name)
		}
	}
}

func TestTooBigAndTimeExceededOfIPv4(t *testing.T) {
	from, o := netip.MustParseAddr("10.0.2.1"), tcp4().packet(t)
	for name, c := range map[string]struct {
		build     func(p *Packet) bool
		typ, code uint8
		mtu       uint16
	}{
		"too big":       {func(p *Packet) bool { return BuildTooBig(p, o, from, 8500) }, ICMPDestinationUnreachable, CodeFragmentationNeeded, 8500},
		"time exceeded": {func(p *Packet) bool { return BuildTimeExceeded(p, o, from) }, ICMPTimeExceeded, CodeTTLExceeded, 0},
	} {
		got, want := New(576), New(576)
		BuildICMPError(want, o, from, c.typ, c.code, c.mtu)
		if !c.build(got) || !bytes.Equal(got.Bytes(), want.Bytes()) || be.Uint32(got.Bytes()[24:]) != uint32(c.mtu) {
			t.Errorf("%s: got % x", name, got.Bytes())
		}
	}
}

func TestIsICMPError(t *testing.T) {
	unreachable6 := echo6()
	unreachable6.icmpType = 1
	for name, c := range map[string]struct {
		b    []byte
		want bool
	}{
		"echo":                 {echo4().bytes(t), false},
		"TCP":                  {tcp4().bytes(t), false},
		"unreachable":          {quoting(t, 3, 1, udp4().bytes(t)), true},
		"ICMPv6 echo":          {echo6().bytes(t), false},
		"ICMPv6 unreachable":   {unreachable6.bytes(t), true},
		"later fragment of it": {fragments(quoting(t, 3, 1, udp4().bytes(t)), 8)[1], false},
	} {
		if got := decoded(t, c.b).IsICMPError(); got != c.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
