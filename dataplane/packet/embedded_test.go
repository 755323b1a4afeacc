package packet

import (
	"bytes"
	"net/netip"
	"testing"
)

// quoting is an ICMP error about the start of quote, made anew with every checksum right.
func quoting(t *testing.T, typ, code uint8, quote []byte) []byte {
	return datagram{src: "54.9.9.9", dst: "10.0.2.5", protocol: ICMP, icmpType: typ, payload: quote}.bytes(t)
}

func TestTheQuoteOfAnICMPErrorIsRewrittenAsIfMadeAnew(t *testing.T) {
	options, reply, sctp := tcp4(), echo4(), udp4()
	options.options, reply.icmpType, sctp.protocol, sctp.sport, sctp.dport = []byte{1, 1, 1, 1, 1, 1, 1, 1}, 0, 132, 0, 0
	long := tcp4()
	long.payload = bytes.Repeat([]byte("x"), 300)
	to := netip.MustParseAddr("203.0.113.7")
	for _, c := range []struct {
		name   string
		d      datagram
		length int // of the quote; 0 for all
	}{
		{"TCP", tcp4(), 0},
		{"TCP, the 8 bytes of RFC 792: no checksum", tcp4(), 28},
		{"TCP, cut after the checksum", tcp4(), 20 + 18},
		{"TCP with IP options", options, 0},
		{"TCP with IP options, 8 bytes", options, 28 + 8},
		{"long TCP", long, 128},
		{"UDP", udp4(), 0},
		{"UDP, 8 bytes", udp4(), 28},
		{"only the IP header", udp4(), 20},
		{"echo request", echo4(), 28},
		{"echo reply", reply, 0},
		{"SCTP", sctp, 0},
	} {
		cut := func(d datagram) []byte {
			if b := d.bytes(t); c.length != 0 {
				return b[:c.length]
			} else {
				return b
			}
		}
		header := 20 + len(c.d.options)
		hasPorts := (c.length == 0 || c.length >= header+8) && c.d.protocol != 132
		for _, typ := range []uint8{ICMPDestinationUnreachable, ICMPTimeExceeded, ICMPParameterProblem} {
			p := decoded(t, quoting(t, typ, 1, cut(c.d)))
			src, _ := p.EmbeddedSrc()
			dst, ok := p.EmbeddedDst()
			if !ok || src.String() != c.d.src || dst.String() != c.d.dst {
				t.Fatalf("%s: got %v > %v, %v", c.name, src, dst, ok)
			}
			protocol, sport, dport, ok := p.EmbeddedPorts()
			wantDst := c.d.dport
			if c.d.protocol == ICMP {
				wantDst = c.d.sport
			}
			if ok != hasPorts || protocol != c.d.protocol || ok && (sport != c.d.sport || dport != wantDst) {
				t.Errorf("%s: got protocol %d ports %d %d, %v", c.name, protocol, sport, dport, ok)
			}

			want := c.d
			want.src, want.dst = to.String(), "10.9.8.7"
			if !p.SetEmbeddedSrc(to) || !p.SetEmbeddedDst(netip.MustParseAddr("10.9.8.7")) {
				t.Errorf("%s: nothing was set", c.name)
			}
			if hasPorts {
				want.sport = 1024
				if want.protocol != ICMP {
					want.dport = 65535
				}
			}
			if p.SetEmbeddedDstPort(65535) != hasPorts || p.SetEmbeddedSrcPort(1024) != hasPorts {
				t.Errorf("%s: ports set or not, want %v", c.name, hasPorts)
			}
			if b := quoting(t, typ, 1, cut(want)); !bytes.Equal(p.Bytes(), b) {
				t.Errorf("%s:\ngot  % x\nwant % x", c.name, p.Bytes(), b)
			}
		}
	}
}

func TestAQuoteThatCannotBeToldIsLeftAlone(t *testing.T) {
	udp := udp4().bytes(t)
	edited := func(f func(b []byte)) []byte {
		b := bytes.Clone(udp)
		f(b)
		return b
	}
	for _, c := range []struct {
		name string
		b    []byte
	}{
		{"no quote", quoting(t, 3, 3, nil)},
		{"8 bytes of a header", quoting(t, 3, 3, udp[:8])},
		{"19 bytes of a header", quoting(t, 3, 3, udp[:19])},
		{"options cut off", quoting(t, 3, 3, every()["TCP with IP options"].bytes(t)[:22])},
		{"IHL 4", quoting(t, 3, 3, edited(func(b []byte) { b[0] = 0x44 }))},
		{"IPv6 in ICMP", quoting(t, 3, 3, udp6().bytes(t))},
		{"a header whose checksum is wrong", quoting(t, 3, 3, edited(func(b []byte) { b[1]++ }))},
		{"a total length below the header's", quoting(t, 3, 3, edited(func(b []byte) { b[3] = 19; fixHeader(b) }))},
		{"source quench", quoting(t, ICMPSourceQuench, 0, udp)},
		{"an echo", quoting(t, ICMPEchoRequest, 0, udp)},
		{"no ICMP", udp},
		{"ICMPv6", echo6().bytes(t)},
		{"an ICMP error in fragments", fragments(quoting(t, 3, 3, tcp4().bytes(t)), 40)[0]},
	} {
		p := decoded(t, c.b)
		before := bytes.Clone(p.Bytes())
		a := netip.MustParseAddr("1.2.3.4")
		_, src := p.EmbeddedSrc()
		_, dst := p.EmbeddedDst()
		_, _, _, ports := p.EmbeddedPorts()
		if src || dst || ports || p.SetEmbeddedSrc(a) || p.SetEmbeddedDst(a) || p.SetEmbeddedSrcPort(1) || p.SetEmbeddedDstPort(1) {
			t.Errorf("%s: taken for a quote", c.name)
		}
		if !bytes.Equal(p.Bytes(), before) {
			t.Errorf("%s: changed to % x", c.name, p.Bytes())
		}
	}
}

func TestAQuotedFragmentHasAddressesButNoPorts(t *testing.T) {
	later := fragments(udp4().bytes(t), 8)[1]
	p := decoded(t, quoting(t, 11, 1, later))
	if !p.SetEmbeddedSrc(netip.MustParseAddr("203.0.113.7")) || p.SetEmbeddedSrcPort(9) {
		t.Error("want the address set and no port")
	}
	be.PutUint32(later[12:], 0xcb007107)
	if want := quoting(t, 11, 1, fixHeader(later)); !bytes.Equal(p.Bytes(), want) {
		t.Errorf("got  % x\nwant % x", p.Bytes(), want)
	}
}

func TestAQuotedUDPWithoutChecksumStaysWithout(t *testing.T) {
	quote := udp4().bytes(t)
	be.PutUint16(quote[26:], 0)
	p := decoded(t, quoting(t, 3, 3, quote))
	p.SetEmbeddedSrc(netip.MustParseAddr("203.0.113.7"))
	p.SetEmbeddedSrcPort(5)
	if got := be.Uint16(p.Bytes()[28+26:]); got != 0 || !p.ValidChecksum() {
		t.Errorf("got %04x, ICMP checksum right: %v", got, p.ValidChecksum())
	}
}

func TestAQuotedWrongChecksumStaysWrongAndTheOuterRight(t *testing.T) {
	quote := tcp4().bytes(t)
	quote[36] ^= 0x40
	p := decoded(t, quoting(t, 3, 3, quote))
	inner := func() uint16 { return received(decoded(t, p.Bytes()[28:])) }
	before := inner()
	p.SetEmbeddedSrc(netip.MustParseAddr("203.0.113.7"))
	p.SetEmbeddedSrcPort(5)
	if after := inner(); after != before || !p.ValidChecksum() {
		t.Errorf("a receiver's sum was %04x and is now %04x; ICMP checksum right: %v", before, after, p.ValidChecksum())
	}
}

func TestHalfAQuotedChecksumIsLeftAndTheOuterKeptRight(t *testing.T) {
	for _, quote := range [][]byte{tcp4().bytes(t)[:20+17], udp4().bytes(t)[:20+7]} {
		p := decoded(t, quoting(t, 3, 3, quote))
		p.SetEmbeddedSrc(netip.MustParseAddr("203.0.113.7"))
		p.SetEmbeddedSrcPort(5)
		if b := p.Bytes(); b[len(b)-1] != quote[len(quote)-1] || !p.ValidChecksum() {
			t.Errorf("got % x, ICMP checksum right: %v", b, p.ValidChecksum())
		}
	}
}

// RFC 4884: the quote is padded to 128 bytes and extensions follow. Bytes beyond the quoted datagram are no checksum.
func TestExtensionsAndPaddingStayIntact(t *testing.T) {
	d := tcp4()
	d.payload = nil
	short := d.bytes(t)[:20+12]
	be.PutUint16(short[2:], 32) // a datagram that ends before its TCP checksum
	fixHeader(short)
	for _, quote := range [][]byte{short, udp4().bytes(t)} {
		body := append(bytes.Clone(quote), make([]byte, 128-len(quote))...)
		body = append(body, 0x20, 0, 0xdf, 0xff, 0, 8, 1, 1, 0, 0, 0x11, 0x01)
		b := quoting(t, 11, 0, body)
		b[20+5] = 128 / 4
		be.PutUint16(b[22:], 0)
		be.PutUint16(b[22:], ^naiveSum(b[20:]))
		p := decoded(t, b)
		p.SetEmbeddedSrc(netip.MustParseAddr("203.0.113.7"))
		if !bytes.Equal(p.Bytes()[28+len(quote):], b[28+len(quote):]) || !p.ValidChecksum() {
			t.Errorf("got % x, ICMP checksum right: %v", p.Bytes()[28+len(quote):], p.ValidChecksum())
		}
	}
}

func TestAnErrorAboutAnErrorIsRewrittenOneLevelDeep(t *testing.T) {
	inner := quoting(t, 3, 1, udp4().bytes(t))
	p := decoded(t, quoting(t, 11, 0, inner))
	p.SetEmbeddedDst(netip.MustParseAddr("203.0.113.7"))
	be.PutUint32(inner[16:], 0xcb007107)
	if want := quoting(t, 11, 0, fixHeader(inner)); !bytes.Equal(p.Bytes(), want) {
		t.Errorf("got  % x\nwant % x", p.Bytes(), want)
	}
}
