package packet

import (
	"bytes"
	"net/netip"
	"testing"
)

// quoting6 is an ICMPv6 error about the start of quote, made anew with every checksum right. mtu is in the last 16 bits before
// the quote.
func quoting6(t testing.TB, typ uint8, mtu uint16, quote []byte) []byte {
	return datagram{src: "2001:db8::1", dst: "2001:db8::5", dport: mtu, protocol: ICMPv6, icmpType: typ, payload: quote}.bytes(t)
}

// with6 puts an IPv6 extension header, or several, before the transport header of b.
func with6(b []byte, first uint8, chain ...byte) []byte {
	b = append(append(bytes.Clone(b[:40]), chain...), b[40:]...)
	b[6] = first
	be.PutUint16(b[4:], uint16(len(b)-40))
	return b
}

func TestTheQuoteOfAnICMPv6ErrorIsRead(t *testing.T) {
	tcp, udp, echo := tcp6().bytes(t), udp6().bytes(t), echo6().bytes(t)
	padded := with6(udp, ipv6DestinationOptions, UDP, 0, 1, 4, 0, 0, 0, 0)
	extended := quoting6(t, ICMPv6DestinationUnreachable, 0, append(bytes.Clone(tcp), make([]byte, 100)...))
	extended[44] = 6 // RFC 4884: 48 bytes of it are the quote
	opaque := bytes.Clone(echo)
	opaque[6], opaque[40] = ICMP, ICMPEchoRequest
	big := quoting6(t, ICMPv6PacketTooBig, 1500, tcp)
	for _, c := range []struct {
		name         string
		b            []byte
		protocol     uint8
		sport, dport uint16
		ports        bool
	}{
		{"TCP", quoting6(t, ICMPv6DestinationUnreachable, 0, tcp), TCP, 40000, 443, true},
		{"TCP, 8 bytes of its header", quoting6(t, ICMPv6TimeExceeded, 0, tcp[:48]), TCP, 40000, 443, true},
		{"TCP, 7 bytes of its header", quoting6(t, ICMPv6TimeExceeded, 0, tcp[:47]), TCP, 0, 0, false},
		{"too big: the MTU is no length of the quote", big, TCP, 40000, 443, true},
		{"UDP", quoting6(t, ICMPv6ParameterProblem, 6, udp), UDP, 40001, 53, true},
		{"an echo request", quoting6(t, ICMPv6TimeExceeded, 0, echo), ICMPv6, 77, 77, true},
		{"behind an extension header", quoting6(t, 1, 0, padded), UDP, 40001, 53, true},
		{"an extension header cut off", quoting6(t, 1, 0, padded[:44]), 0, 0, 0, false},
		{"the first fragment", quoting6(t, 1, 0, with6(udp, ipv6Fragment, UDP, 0, 0, 1, 0, 0, 0, 1)), UDP, 40001, 53, true},
		{"a later fragment", quoting6(t, 1, 0, with6(udp, ipv6Fragment, UDP, 0, 0, 8, 0, 0, 0, 1)), UDP, 0, 0, false},
		{"ICMP over IPv6 is opaque", quoting6(t, 1, 0, opaque), ICMP, 0, 0, false},
		{"cut by RFC 4884 to 48 bytes", extended, TCP, 40000, 443, true},
		{"only the IP header", quoting6(t, 1, 0, udp[:40]), UDP, 0, 0, false},
	} {
		p := decoded(t, c.b)
		before := bytes.Clone(p.Bytes())
		protocol, sport, dport, ok := p.EmbeddedPorts()
		if protocol != c.protocol || sport != c.sport || dport != c.dport || ok != c.ports {
			t.Errorf("%s: got protocol %d ports %d %d, %v", c.name, protocol, sport, dport, ok)
		}
		src, _ := p.EmbeddedSrc()
		dst, ok := p.EmbeddedDst()
		if quoted := len(c.b) > 48; quoted && (!ok || src.String() != "2001:db8::5" || dst.String() != "2600:1f00::1:2") {
			t.Errorf("%s: got %v > %v, %v", c.name, src, dst, ok)
		}
		a := netip.MustParseAddr("1.2.3.4")
		if p.SetEmbeddedSrc(a) || p.SetEmbeddedDst(a) || p.SetEmbeddedSrcPort(1) || p.SetEmbeddedDstPort(1) || !bytes.Equal(p.Bytes(), before) {
			t.Errorf("%s: was rewritten", c.name)
		}
	}
}

func TestQuoteFault(t *testing.T) {
	udp := udp4().bytes(t)
	edited := func(at int, v byte) []byte { b := bytes.Clone(udp); b[at] = v; return b }
	for _, c := range []struct {
		name string
		b    []byte
		want Fault
	}{
		{"a quote in order", quoting(t, 3, 3, udp), OK},
		{"8 bytes of the transport header", quoting(t, 3, 3, udp[:28]), OK},
		{"nothing quoted", quoting(t, 3, 3, nil), Truncated},
		{"half a header", quoting(t, 3, 3, udp[:19]), Truncated},
		{"IHL 4", quoting(t, 3, 3, edited(0, 0x44)), BadHeaderLength},
		{"a total length below the header's", quoting(t, 3, 3, edited(3, 19)), BadTotalLength},
		{"a wrong header checksum", quoting(t, 3, 3, edited(1, 9)), BadHeaderChecksum},
		{"IPv6 in ICMP", quoting(t, 3, 3, udp6().bytes(t)), BadVersion},
		{"IPv4 in ICMPv6", quoting6(t, 1, 0, make([]byte, 40)), BadVersion},
		{"IPv6", quoting6(t, 1, 0, udp6().bytes(t)), OK},
		{"half an IPv6 header", quoting6(t, 1, 0, udp6().bytes(t)[:39]), Truncated},
		{"an echo", echo6().bytes(t), Truncated},
		{"an ICMPv6 error of an unknown type", quoting6(t, 5, 0, udp6().bytes(t)), Truncated},
		{"no ICMP", udp, Truncated},
	} {
		p := decoded(t, c.b)
		if got := p.QuoteFault(); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
		if _, ok := p.EmbeddedSrc(); ok != (c.want == OK) {
			t.Errorf("%s: EmbeddedSrc says %v", c.name, ok)
		}
	}
}

// FuzzQuote: of a quote that is a whole datagram, an ICMP error tells what decoding the datagram itself does.
func FuzzQuote(f *testing.F) {
	for _, d := range every() {
		b := d.bytes(f)
		f.Add(b, uint8(0))
		f.Add(b, uint8(len(b)/2))
	}
	f.Add(with6(udp6().bytes(f), ipv6DestinationOptions, UDP, 0, 1, 4, 0, 0, 0, 0), uint8(0))
	f.Fuzz(func(t *testing.T, quote []byte, less uint8) {
		if len(quote) > 1000 || len(quote) == 0 {
			return
		}
		whole := New(len(quote))
		whole.SetBytes(quote)
		fault := whole.Decode()
		short := quote[:max(0, len(quote)-int(less))]
		p := New(1100)
		if quote[0]>>4 == 6 {
			p.SetBytes(quoting6(t, ICMPv6TimeExceeded, 0, short))
		} else {
			p.SetBytes(quoting(t, ICMPTimeExceeded, 0, short))
		}
		if p.Decode() != OK {
			t.Fatal("the error itself has a fault")
		}
		src, ok := p.EmbeddedSrc()
		dst, _ := p.EmbeddedDst()
		protocol, sport, dport, ports := p.EmbeddedPorts()
		if fault != OK {
			return
		}
		if less == 0 && !ok || ok && (src != whole.Src || dst != whole.Dst) {
			t.Fatalf("got %v > %v, %v; want %v > %v", src, dst, ok, whole.Src, whole.Dst)
		}
		if ports && (protocol != whole.Protocol || sport != whole.SrcPort || dport != whole.DstPort) {
			t.Fatalf("got protocol %d ports %d %d; want %+v", protocol, sport, dport, whole)
		}
		if less == 0 && whole.SrcPort != 0 && !ports {
			t.Fatalf("no ports; want %d %d", whole.SrcPort, whole.DstPort)
		}
	})
}
