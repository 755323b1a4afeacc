package nat

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

func TestRFC5508_REQ1_IdentifiersAreTranslatedLikePorts(t *testing.T) {
	r := newRig(t)
	for id := range uint16(50) {
		p := r.pass(echo(hostA, webA, id))
		if p.Src != natA || p.SrcPort < 1024 {
			t.Errorf("identifier %d went out as %s %d", id, p.Src, p.SrcPort)
		}
		if q := r.pass(echoReply(webA, natA, p.SrcPort)); q.Dst != hostA || q.SrcPort != id {
			t.Errorf("the answer to %d arrived at %s as %d", id, q.Dst, q.SrcPort)
		}
		r.refuse(echoReply(webB, natA, p.SrcPort), drop.NATNoMapping)
		r.refuse(echo(webA, natA, p.SrcPort), drop.NATNoMapping) // it answers no pings, nor does anybody behind it
	}
	r.refuse(echoReply(hostA, webA, 3), drop.ICMPNotTranslated)
}

func TestRFC5508_REQ2_QueriesLive350Seconds(t *testing.T) {
	r := newRig(t)
	p := r.pass(echo(hostA, webA, 7))
	r.wait(350*time.Second - 1)
	r.pass(echoReply(webA, natA, p.SrcPort))
	r.wait(350 * time.Second)
	r.refuse(echoReply(webA, natA, p.SrcPort), drop.NATNoMapping)
}

// both is an ICMP error from outside about what hostA sent, and one from hostA about the answer.
func both(t *testing.T, r *rig) (fromOutside, fromInside *packet.Packet) {
	sent := r.pass(udpDatagram(at(hostA, 5000), at(webA, 53), "a question of some length"))
	got := r.pass(udpDatagram(at(webA, 53), source(sent), "an answer of some length"))
	return icmpError(t, sent, transit, packet.ICMPTimeExceeded, 0), icmpError(t, got, hostA, packet.ICMPDestinationUnreachable, 3)
}

// eachWay runs f for an ICMP error of each direction, with the offset of what it quotes.
func eachWay(t *testing.T, f func(t *testing.T, r *rig, p *packet.Packet)) {
	for i, name := range []string{"from outside", "from inside"} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			out, in := both(t, r)
			f(t, r, []*packet.Packet{out, in}[i])
		})
	}
}

const quoteAt = 28 // IP header and ICMP header

func TestRFC5508_REQ3_WrongICMPChecksumIsDropped(t *testing.T) {
	eachWay(t, func(t *testing.T, r *rig, p *packet.Packet) {
		r.refuse(remake(t, p, func(b []byte) []byte { b[22] ^= 1; return b }), drop.ICMPChecksum)
	})
}

func TestRFC5508_REQ3a_WrongChecksumOfTheQuotedHeaderIsDropped(t *testing.T) {
	eachWay(t, func(t *testing.T, r *rig, p *packet.Packet) {
		r.refuse(remake(t, p, func(b []byte) []byte { b[quoteAt+10] ^= 1; return fixICMP(b) }), drop.ICMPChecksum)
	})
}

// withOptions puts n words of options, no-operation all, into the IP header at the offset.
func withOptions(b []byte, at, words int) []byte {
	options := make([]byte, 4*words)
	for i := range options {
		options[i] = 1
	}
	b = append(b[:at+20:at+20], append(options, b[at+20:]...)...)
	b[at] = 0x40 | byte(5+words)
	return b
}

func TestRFC5508_REQ3b_OptionsOfTheQuotedHeaderAreSkipped(t *testing.T) {
	for words := range 11 {
		eachWay(t, func(t *testing.T, r *rig, p *packet.Packet) {
			r.pass(remake(t, p, func(b []byte) []byte {
				b = withOptions(b, quoteAt, words)
				fixHeader(b[quoteAt:])
				return fixICMP(b)
			}))
		})
	}
}

func TestRFC5508_REQ3c_TheQuotedTransportChecksumIsNotValidated(t *testing.T) {
	eachWay(t, func(t *testing.T, r *rig, p *packet.Packet) {
		r.pass(remake(t, p, func(b []byte) []byte {
			binary.BigEndian.PutUint16(b[quoteAt+26:], 0x1234) // UDP's
			return fixICMP(b)
		}))
	})
	eachWay(t, func(t *testing.T, r *rig, p *packet.Packet) {
		r.pass(remake(t, p, func(b []byte) []byte { return fixICMP(b[:quoteAt+28]) })) // 8 bytes of UDP, no more
	})
	eachWay(t, func(t *testing.T, r *rig, p *packet.Packet) {
		r.refuse(remake(t, p, func(b []byte) []byte { return fixICMP(b[:quoteAt+27]) }), drop.ICMPNotTranslated)
	})
}

func TestRFC5508_REQ3d_ExtensionsAreLeftIntact(t *testing.T) {
	eachWay(t, func(t *testing.T, r *rig, p *packet.Packet) {
		const extension = "\x20\x00\xdf\xff\x00\x08\x01\x01MPLS" // RFC 4884 7, RFC 4950
		p = r.pass(remake(t, p, func(b []byte) []byte {
			b = append(b, make([]byte, quoteAt+128-len(b))...)
			b[25] = 128 / 4 // how long the quotation is
			return fixICMP(append(b, extension...))
		}))
		if b := p.Bytes(); string(b[len(b)-len(extension):]) != extension {
			t.Errorf("the extension became % x", b[len(b)-len(extension):])
		}
	})
}

func TestRFC5508_REQ4_ErrorsFromOutside(t *testing.T) {
	for name, send := range map[string]func() *packet.Packet{
		"about UDP":  func() *packet.Packet { return udpDatagram(at(hostA, 5000), at(webA, 53), "out") },
		"about TCP":  func() *packet.Packet { return tcpSegment(at(hostA, 5000), at(webA, 53), packet.SYN, 1, 0, "") },
		"about ICMP": func() *packet.Packet { return echo(hostA, webA, 5000) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			sent := r.pass(send())
			for _, typ := range []uint8{packet.ICMPDestinationUnreachable, packet.ICMPTimeExceeded, packet.ICMPParameterProblem} {
				p := r.pass(icmpError(t, sent, transit, typ, 1))
				want := send()
				want.DecrementTTL() // as it left: the gateway is a hop
				if string(p.Bytes()[quoteAt:]) != string(want.Bytes()) {
					t.Errorf("quotes\n% x, not what was sent\n% x", p.Bytes()[quoteAt:], want.Bytes())
				}
				if p.Dst != hostA || p.Src != transit || p.ICMPType != typ || p.ICMPCode != 1 {
					t.Errorf("type %d code %d from %s to %s", p.ICMPType, p.ICMPCode, p.Src, p.Dst)
				}
			}
		})
	}
}

func TestRFC5508_REQ4_ErrorsAboutNothingKnownAreDropped(t *testing.T) {
	r := newRig(t)
	p := r.pass(udpDatagram(at(hostA, 5000), at(webA, 53), "out"))
	p.SetSrcPort(p.SrcPort ^ 1)
	r.refuse(icmpError(t, p, transit, packet.ICMPTimeExceeded, 0), drop.NATNoMapping)
	p.SetSrcPort(p.SrcPort ^ 1)
	p.SetDst(webB)
	r.refuse(icmpError(t, p, transit, packet.ICMPTimeExceeded, 0), drop.NATNoMapping)
	p.SetDst(webA)
	misled := icmpError(t, p, transit, packet.ICMPTimeExceeded, 0)
	misled.SetEmbeddedSrc(natB) // and yet sent to natA
	r.refuse(misled, drop.ICMPNotTranslated)
}

func TestRFC5508_REQ5_ErrorsFromInside(t *testing.T) {
	r := newRig(t)
	out := r.pass(udpDatagram(at(hostA, 5000), at(webA, 53), "out"))
	sent := udpDatagram(at(webA, 53), source(out), "in")
	quoted := udpDatagram(at(webA, 53), source(out), "in")
	got := r.pass(sent)
	p := r.pass(icmpError(t, got, hostA, packet.ICMPDestinationUnreachable, 3))
	quoted.DecrementTTL()
	if string(p.Bytes()[quoteAt:]) != string(quoted.Bytes()) {
		t.Errorf("quotes\n% x, not what was sent\n% x", p.Bytes()[quoteAt:], quoted.Bytes())
	}
	if p.Src != natA || p.Dst != webA {
		t.Errorf("from %s to %s", p.Src, p.Dst)
	}
	p = icmpError(t, got, hostA, packet.ICMPDestinationUnreachable, 3)
	p.SetEmbeddedDstPort(4999)
	r.refuse(p, drop.NATNoMapping)
}

func TestRFC5508_REQ6_ErrorsDoNotRefreshOrDelete(t *testing.T) {
	eachWay(t, func(t *testing.T, r *rig, p *packet.Packet) {
		q := packet.New(2048)
		q.CopyFrom(p)
		before := r.sessions()
		r.wait(349 * time.Second)
		r.pass(p)
		if after := r.sessions(); len(after) != 1 || after[0] != before[0] {
			t.Errorf("the session was %+v and is %+v", before, after)
		}
		r.wait(time.Second)
		r.refuse(q, drop.NATNoMapping)
	})
}

func TestRFC5508_REQ7_HairpinnedErrorsAreDropped(t *testing.T) {
	r := newRig(t)
	sent := r.pass(udpDatagram(at(hostA, 5000), at(webA, 53), "out"))
	sent.SetDst(natA) // as if somebody inside had been reached by it
	r.refuse(icmpError(t, sent, hostB, packet.ICMPDestinationUnreachable, 3), drop.NATNoMapping)
}

func TestRFC5508_REQ8_WithoutPortsQueriesAreDroppedInSilence(t *testing.T) {
	r := newRig(t, func(c *GatewayConfig) { c.Addresses = nil })
	r.refuse(echo(hostA, webA, 7), drop.NATPorts)
	if n := r.g.Metrics().ErrorPortAllocation; n != 1 {
		t.Errorf("ErrorPortAllocation %d, want 1", n)
	}
}

// message is an ICMP message of the type, as long as an echo.
func message(t *testing.T, from, to netip.Addr, typ uint8) *packet.Packet {
	return remake(t, echo(from, to, 700), func(b []byte) []byte { b[20] = typ; return fixICMP(b) })
}

func TestRFC5508_REQ10_OtherTypesAreNotForwarded(t *testing.T) {
	r := newRig(t)
	r.pass(echo(hostA, webA, 700))
	for _, typ := range []uint8{4, 5, 9, 10, 15, 17, 30, 255} {
		r.refuse(message(t, hostA, webA, typ), drop.ICMPNotTranslated)
		r.refuse(message(t, webA, natA, typ), drop.ICMPNotTranslated)
	}
}

func TestRFC5508_REQ10_TimestampsPassWithTheirIdentifier(t *testing.T) {
	r := newRig(t)
	if p := r.pass(message(t, hostA, webA, 13)); p.Src != natA || identifier(p) != 700 {
		t.Errorf("went out from %s with identifier %d", p.Src, identifier(p))
	}
	r.refuse(message(t, hostB, webA, 13), drop.NATPorts) // the identifier is taken
	if p := r.pass(message(t, webA, natA, 14)); p.Dst != hostA {
		t.Errorf("the answer arrived at %s", p.Dst)
	}
	r.refuse(message(t, webB, natA, 14), drop.NATNoMapping)
	r.refuse(message(t, webA, natA, 13), drop.NATNoMapping)
	r.refuse(message(t, hostA, webA, 14), drop.ICMPNotTranslated)
}
