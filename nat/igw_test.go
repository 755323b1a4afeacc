package nat

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

// Two instances with public addresses, and the internet gateway between them and the rest.
var (
	publicA, publicB = netip.MustParseAddr("198.51.100.10"), netip.MustParseAddr("198.51.100.11")
)

func internetGateway() *Static {
	return NewStatic(map[netip.Addr]netip.Addr{hostA: publicA, hostB: publicB})
}

// leave lets a packet go out, and checks it as the internet would.
func leave(t *testing.T, p *packet.Packet) *packet.Packet {
	t.Helper()
	before := packet.New(p.Len())
	before.CopyFrom(p)
	if r := internetGateway().Egress().Cross(p); r != drop.None {
		t.Fatalf("out: %s", r)
	}
	if p.Src != publicA && p.Src != publicB {
		t.Errorf("INV-1: left with source %s", p.Src)
	}
	after := packet.New(p.Len())
	after.CopyFrom(p)
	after.DecrementTTL() // only the way in is a hop
	checkTranslation(t, before, after)
	return p
}

// enter lets a packet come in, and checks it as an instance would.
func enter(t *testing.T, p *packet.Packet) *packet.Packet {
	t.Helper()
	before := packet.New(p.Len())
	before.CopyFrom(p)
	if r := internetGateway().Ingress().Cross(p); r != drop.None {
		t.Fatalf("in: %s", r)
	}
	if p.Dst != hostA && p.Dst != hostB {
		t.Errorf("INV-2: arrived at %s", p.Dst)
	}
	checkTranslation(t, before, p)
	return p
}

func TestAWS_IGW1_AddressesAreMappedOneToOneWithoutState(t *testing.T) {
	for _, port := range []uint16{1, 80, 1023, 1024, 65535} {
		for _, remote := range []netip.Addr{webA, webB} {
			p := leave(t, udpDatagram(at(hostA, port), at(remote, 53), "out")) // RFC 4787 REQ-1, 3a and 4: one address and port, whatever the remote
			if source(p) != at(publicA, port) {
				t.Errorf("port %d went out as %s", port, source(p))
			}
			p = enter(t, tcpSegment(at(remote, 99), at(publicA, port), packet.SYN, 1, 0, "")) // REQ-8: anybody may come in; filters are others
			if target(p) != at(hostA, port) {
				t.Errorf("port %d arrived at %s", port, target(p))
			}
		}
	}
}

func TestAWS_IGW2_WithoutPublicAddressNothingPasses(t *testing.T) {
	p := udpDatagram(at(stranger, 1), at(webA, 2), "x")
	before := string(p.Bytes())
	if r := internetGateway().Egress().Cross(p); r != drop.IGWNoPublicIP || string(p.Bytes()) != before {
		t.Errorf("%q, or changed", r)
	}
}

func TestAWS_NGW6_APrivateNATGatewayDoesNotPassTheInternetGateway(t *testing.T) {
	r := newRig(t)
	p := r.pass(udpDatagram(at(hostA, 5000), at(webA, 53), "out"))
	if reason := internetGateway().Egress().Cross(p); reason != drop.IGWNoPublicIP {
		t.Errorf("%q", reason)
	}
}

func TestAWS_IGW_IPv6PassesUntranslated(t *testing.T) {
	p := udpDatagram(at(host6, 5000), at(web6, 53), "out")
	before := string(p.Bytes())
	if r := internetGateway().Egress().Cross(p); r != drop.None || string(p.Bytes()) != before {
		t.Errorf("out: %q, or changed", r)
	}
	p = udpDatagram(at(web6, 53), at(host6, 5000), "in")
	hops := p.TTL()
	if r := internetGateway().Ingress().Cross(p); r != drop.None || p.TTL() != hops-1 || p.Dst != host6 {
		t.Errorf("in: %q, hop limit %d, to %s", r, p.TTL(), p.Dst)
	}
	for p.TTL() > 1 {
		p.DecrementTTL()
	}
	if r := internetGateway().Ingress().Cross(p); r != drop.TTLExpired {
		t.Errorf("with hop limit 1: %q", r)
	}
}

// hairpin lets p go out and in again.
func hairpin(t *testing.T, p *packet.Packet) *packet.Packet {
	t.Helper()
	return enter(t, leave(t, p))
}

func TestRFC4787_REQ9_IGWHairpinComesFromThePublicAddress(t *testing.T) {
	p := hairpin(t, udpDatagram(at(hostA, 5000), at(publicB, 53), "hello"))
	if source(p) != at(publicA, 5000) || target(p) != at(hostB, 53) {
		t.Errorf("%s > %s", source(p), target(p))
	}
	p = hairpin(t, udpDatagram(at(hostB, 53), at(publicA, 5000), "hello yourself"))
	if source(p) != at(publicB, 53) || target(p) != at(hostA, 5000) {
		t.Errorf("%s > %s", source(p), target(p))
	}
}

func TestRFC5508_REQ7_IGWHairpinnedErrorsQuoteWhatWasSent(t *testing.T) {
	got := hairpin(t, udpDatagram(at(hostA, 5000), at(publicB, 53), "hello"))
	p := hairpin(t, icmpError(t, got, hostB, packet.ICMPDestinationUnreachable, 3))
	src, _ := p.EmbeddedSrc()
	dst, _ := p.EmbeddedDst()
	if p.Dst != hostA || p.Src != publicB || src != hostA || dst != publicB || !p.ValidChecksum() {
		t.Errorf("from %s to %s, quoting %s > %s", p.Src, p.Dst, src, dst)
	}
}

func TestRFC4787_REQ14_IGWFragmentsPass(t *testing.T) {
	for name, whole := range map[string]*packet.Packet{
		"UDP":  udpDatagram(at(hostA, 5000), at(webA, 53), longText),
		"TCP":  tcpSegment(at(hostA, 5000), at(webA, 443), packet.ACK, 1, 2, longText),
		"ICMP": remake(t, echo(hostA, webA, 7), func(b []byte) []byte { return append(b, longText...) }),
	} {
		pieces := cut(t, whole, 7, 24)
		for i := len(pieces) - 1; i >= 0; i-- {
			if p := leave(t, pieces[i]); p.Src != publicA {
				t.Errorf("%s at %d: source %s", name, offset(p), p.Src)
			}
		}
	}
}

func TestRFC4787_REQ10_IGWPayloadsAreLeftAlone(t *testing.T) {
	const command = "PORT 10,0,1,10,19,137\r\n"
	if p := leave(t, tcpSegment(at(hostA, 5000), at(webA, 21), packet.ACK, 1, 2, command)); string(p.Payload()) != command {
		t.Errorf("payload became %q", p.Payload())
	}
}

func TestRFC5382_REQ2_IGWEverySegmentPasses(t *testing.T) {
	for flags := range 256 {
		leave(t, tcpSegment(at(hostA, 5000), at(webA, 443), uint8(flags), 1, 2, "x"))
		enter(t, tcpSegment(at(webA, 443), at(publicA, 5000), uint8(flags), 1, 2, "x"))
	}
}

func TestRFC5508_REQ1_IGWKeepsTheIdentifier(t *testing.T) {
	if p := leave(t, echo(hostA, webA, 7)); p.SrcPort != 7 {
		t.Errorf("identifier %d", p.SrcPort)
	}
	if p := enter(t, echoReply(webA, publicA, 7)); p.SrcPort != 7 {
		t.Errorf("identifier %d", p.SrcPort)
	}
	enter(t, echo(webA, publicA, 7)) // who has a public address can be pinged
}

// igwErrors are an ICMP error for each direction of the internet gateway.
func igwErrors(t *testing.T) map[string]struct {
	p     *packet.Packet
	cross func(*packet.Packet) drop.Reason
} {
	sent, got := udpDatagram(at(publicA, 5000), at(webA, 53), longText), udpDatagram(at(webA, 53), at(hostA, 5000), longText)
	return map[string]struct {
		p     *packet.Packet
		cross func(*packet.Packet) drop.Reason
	}{
		"in":  {icmpError(t, sent, transit, packet.ICMPTimeExceeded, 0), internetGateway().Ingress().Cross},
		"out": {icmpError(t, got, hostA, packet.ICMPDestinationUnreachable, 3), internetGateway().Egress().Cross},
	}
}

func TestRFC5508_REQ3_IGWErrorsMustBeIntact(t *testing.T) {
	for name, edit := range map[string]struct {
		f    func(b []byte) []byte
		want drop.Reason
	}{
		"wrong ICMP checksum (REQ-3)":            {func(b []byte) []byte { b[22] ^= 1; return b }, drop.ICMPChecksum},
		"wrong quoted header checksum (REQ-3a)":  {func(b []byte) []byte { b[quoteAt+10] ^= 1; return fixICMP(b) }, drop.ICMPChecksum},
		"wrong quoted transport checksum passes": {func(b []byte) []byte { b[quoteAt+26] ^= 1; return fixICMP(b) }, drop.None},
		"options in the quote are skipped": {func(b []byte) []byte {
			b = withOptions(b, quoteAt, 10)
			fixHeader(b[quoteAt:])
			return fixICMP(b)
		}, drop.None},
		"eight bytes of transport are enough":     {func(b []byte) []byte { return fixICMP(b[:quoteAt+28]) }, drop.None},
		"a quote cut off in its header":           {func(b []byte) []byte { return fixICMP(b[:quoteAt+8]) }, drop.ICMPNotTranslated},
		"a quote that is IPv6":                    {func(b []byte) []byte { b[quoteAt] = 0x60; return fixICMP(b) }, drop.ICMPNotTranslated},
		"a quote of an impossible header length":  {func(b []byte) []byte { b[quoteAt] = 0x44; return fixICMP(b) }, drop.ICMPNotTranslated},
		"a source quench is not forwarded":        {func(b []byte) []byte { b[20] = 4; return fixICMP(b) }, drop.ICMPNotTranslated},
		"a redirect is not forwarded":             {func(b []byte) []byte { b[20] = 5; return fixICMP(b) }, drop.ICMPNotTranslated},
		"a router advertisement is not forwarded": {func(b []byte) []byte { b[20] = 9; return fixICMP(b) }, drop.ICMPNotTranslated},
		"a router solicitation is not forwarded":  {func(b []byte) []byte { b[20] = 10; return fixICMP(b) }, drop.ICMPNotTranslated},
		"a parameter problem is translated":       {func(b []byte) []byte { b[20] = 12; return fixICMP(b) }, drop.None},
		"a timestamp request passes":              {func(b []byte) []byte { b[20] = 13; return fixICMP(b) }, drop.None},
	} {
		for way, e := range igwErrors(t) {
			p := remake(t, e.p, edit.f)
			before := string(p.Bytes())
			if got := e.cross(p); got != edit.want {
				t.Errorf("%s, %s: got %q, want %q", way, name, got, edit.want)
			}
			if edit.want != drop.None && before != string(p.Bytes()) {
				t.Errorf("%s, %s: refused and yet changed", way, name)
			}
		}
	}
}

func TestRFC5508_REQ3d_IGWExtensionsAreLeftIntact(t *testing.T) {
	const extension = "\x20\x00\xdf\xff\x00\x08\x01\x01MPLS"
	for way, e := range igwErrors(t) {
		p := remake(t, e.p, func(b []byte) []byte {
			b = append(b, make([]byte, quoteAt+128-len(b))...)
			b[25] = 128 / 4
			return fixICMP(append(b, extension...))
		})
		if r := e.cross(p); r != drop.None || !p.ValidChecksum() {
			t.Errorf("%s: %q, or its checksum is wrong", way, r)
		}
		if b := p.Bytes(); string(b[len(b)-len(extension):]) != extension {
			t.Errorf("%s: the extension became % x", way, b[len(b)-len(extension):])
		}
	}
}

// TestAWS_INV1_OddPacketsAreTranslatedToo: what Linux lets pass untranslated.
func TestAWS_INV1_OddPacketsAreTranslatedToo(t *testing.T) {
	u, s := udpDatagram(at(hostA, 5000), at(webA, 53), "odd"), tcpSegment(at(hostA, 5000), at(webA, 443), packet.ACK, 1, 2, "odd")
	for name, p := range map[string]*packet.Packet{
		"bad UDP checksum":  remake(t, u, func(b []byte) []byte { b[26] ^= 1; return b }),
		"zero UDP checksum": remake(t, u, func(b []byte) []byte { b[26], b[27] = 0, 0; return b }),
		"bad TCP checksum":  remake(t, s, func(b []byte) []byte { b[36] ^= 1; return b }),
		"SYN and FIN":       remake(t, s, func(b []byte) []byte { b[33] = 3; return b }),
		"no flags":          remake(t, s, func(b []byte) []byte { b[33] = 0; return b }),
		"Xmas":              remake(t, s, func(b []byte) []byte { b[33] = 0xff; return b }),
		"GRE":               remake(t, u, func(b []byte) []byte { b[9] = 47; return b }),
		"ESP":               remake(t, u, func(b []byte) []byte { b[9] = 50; return b }),
		"SCTP":              remake(t, u, func(b []byte) []byte { b[9] = 132; return b }),
		"15 words of IP":    remake(t, u, func(b []byte) []byte { return withOptions(b, 0, 10) }),
		"the evil bit":      remake(t, u, func(b []byte) []byte { b[6] |= 0x80; return b }),
		"source and destination alike": remake(t, u, func(b []byte) []byte {
			binary.BigEndian.PutUint32(b[16:], number(publicA))
			return b
		}),
	} {
		t.Run(name, func(t *testing.T) { leave(t, p) })
		if protocol := p.Protocol; protocol != packet.TCP && protocol != packet.UDP {
			continue
		}
		t.Run(name+", through a NAT gateway", func(t *testing.T) {
			r := newRig(t)
			q := packet.New(2048)
			packet.BuildUDP(q, at(hostA, 5000), at(webA, 53), []byte("odd"))
			r.pass(q)
			r.connect(at(hostA, 5000), at(webA, 443))
			q.SetBytes(p.Bytes())
			q.Decode()
			q.SetSrc(hostA)
			if reason := r.cross(q); reason != drop.None {
				t.Errorf("refused by %s", reason)
			}
		})
	}
}
