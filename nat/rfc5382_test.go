package nat

import (
	"testing"
	"time"

	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

// conversation is a TCP connection through a rig, played segment by segment.
type conversation struct {
	*rig
	outside uint16 // the gateway's port, once known
}

const clientPort, serverPort = 5000, 443

// out sends a segment from the inside.
func (c *conversation) out(flags uint8, seq, ack uint32) {
	c.Helper()
	p := c.pass(tcpSegment(at(hostA, clientPort), at(webA, serverPort), flags, seq, ack, ""))
	if c.outside != 0 && p.SrcPort != c.outside {
		c.Errorf("the connection's port changed from %d to %d", c.outside, p.SrcPort)
	}
	c.outside = p.SrcPort
}

// in sends a segment from the outside.
func (c *conversation) in(flags uint8, seq, ack uint32) {
	c.Helper()
	p := c.pass(tcpSegment(at(webA, serverPort), at(natA, c.outside), flags, seq, ack, ""))
	if target(p) != at(hostA, clientPort) {
		c.Errorf("arrived at %s", target(p))
	}
}

// state asserts what the connection's state is.
func (c *conversation) state(want State) {
	c.Helper()
	if got := c.only(); got != want {
		c.Errorf("state %s, want %s", got, want)
	}
}

// established returns a conversation after its handshake.
func established(t *testing.T) *conversation {
	c := &conversation{rig: newRig(t)}
	c.out(packet.SYN, 100, 0)
	c.in(packet.SYN|packet.ACK, 900, 101)
	c.out(packet.ACK, 101, 901)
	c.state(Established)
	return c
}

func TestRFC5382_REQ1_TheMappingOfTCPIsThatOfUDP(t *testing.T) {
	for name, row := range map[string]struct {
		edit func(*GatewayConfig)
		same bool
	}{
		"by default it depends on the remote":       {func(*GatewayConfig) {}, false},
		"endpoint-independent mapping is an option": {eim, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, row.edit)
			same := 0
			for port := range uint16(10) {
				if r.connect(at(hostA, 5000+port), at(webA, 443)) == r.connect(at(hostA, 5000+port), at(webB, 443)) {
					same++
				}
			}
			if row.same && same != 10 || !row.same && same > 1 {
				t.Errorf("%d of 10 endpoints had the same mapping for two remotes", same)
			}
		})
	}
}

func TestRFC5382_REQ2_ThreeWayHandshakeAndClose(t *testing.T) {
	c := established(t)
	c.out(packet.FIN|packet.ACK, 101, 901)
	c.state(FINInside)
	c.in(packet.ACK, 901, 102)
	c.in(packet.ACK|packet.PSH, 901, 102) // half closed: the other half may send on
	c.state(FINInside)
	c.in(packet.FIN|packet.ACK, 901, 102)
	c.state(FINBoth)
	c.out(packet.ACK, 102, 902)
	c.state(FINBoth)
}

func TestRFC5382_REQ2_TheOutsideMayCloseFirst(t *testing.T) {
	c := established(t)
	c.in(packet.FIN|packet.ACK, 901, 101)
	c.state(FINOutside)
	c.in(packet.FIN|packet.ACK, 901, 101) // sent again
	c.state(FINOutside)
	c.out(packet.FIN|packet.ACK, 101, 902)
	c.state(FINBoth)
}

func TestRFC5382_REQ2_SimultaneousOpen(t *testing.T) {
	c := &conversation{rig: newRig(t)}
	c.out(packet.SYN, 100, 0)
	c.in(packet.SYN, 900, 0)
	c.out(packet.SYN|packet.ACK, 100, 901)
	c.in(packet.SYN|packet.ACK, 900, 101)
	c.state(Established)
	if m := c.g.Metrics(); m.ConnectionAttemptCount != 1 || m.ConnectionEstablishedCount != 1 {
		t.Errorf("%d attempts, %d established", m.ConnectionAttemptCount, m.ConnectionEstablishedCount)
	}
}

func TestRFC5382_REQ2_SimultaneousClose(t *testing.T) {
	c := established(t)
	c.out(packet.FIN|packet.ACK, 101, 901)
	c.in(packet.FIN|packet.ACK, 901, 101)
	c.state(FINBoth)
	c.out(packet.ACK, 102, 902)
	c.in(packet.ACK, 902, 102)
}

func TestRFC5382_REQ2_SYNIsSentAgainWithOtherOptionsAndData(t *testing.T) {
	c := &conversation{rig: newRig(t)}
	c.out(packet.SYN|packet.ECE|packet.CWR, 100, 0) // asks for ECN (RFC 3168)
	c.out(packet.SYN, 100, 0)                       // and no more
	p := c.pass(tcpSegment(at(hostA, clientPort), at(webA, serverPort), packet.SYN, 100, 0, "data on SYN"))
	if p.SrcPort != c.outside || string(p.Payload()) != "data on SYN" {
		t.Errorf("port %d with %q", p.SrcPort, p.Payload())
	}
	c.in(packet.SYN|packet.ACK, 900, 101)
	c.state(Established)
}

func TestRFC5382_REQ2_PortsAreUsedAgainAfterResetOrClose(t *testing.T) {
	for name, end := range map[string]func(*conversation){
		"after a reset": func(c *conversation) { c.out(packet.RST, 101, 0); c.state(Transitory) },
		"after both have closed": func(c *conversation) {
			c.out(packet.FIN|packet.ACK, 101, 901)
			c.in(packet.FIN|packet.ACK, 901, 102)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := established(t)
			end(c)
			c.out(packet.SYN, 5000, 0)
			c.state(Init)
			c.in(packet.SYN|packet.ACK, 7000, 5001)
			c.out(packet.ACK, 5001, 7001)
			c.state(Established)
			c.wait(300 * time.Second)
			c.in(packet.ACK, 7001, 5001)
		})
	}
}

func TestRFC5382_REQ3_FilteringDependsOnAddressAndPort(t *testing.T) {
	r := newRig(t)
	a := r.connect(at(hostA, 5000), at(webA, 443))
	r.refuse(tcpSegment(at(webA, 444), a, packet.SYN, 1, 0, ""), drop.NATNoMapping)
	r.refuse(tcpSegment(at(webB, 443), a, packet.SYN, 1, 0, ""), drop.NATNoMapping)
}

func TestRFC5382_REQ4_UnsolicitedSYNIsDroppedInSilence(t *testing.T) {
	r := newRig(t)
	r.refuse(tcpSegment(at(webA, 4000), at(natA, 80), packet.SYN, 1, 0, ""), drop.NATNoMapping)
	if n := len(r.sessions()); n != 0 {
		t.Errorf("%d sessions", n)
	}
}

func TestRFC5382_REQ5_EstablishedLives350Seconds(t *testing.T) {
	c := established(t)
	c.wait(350*time.Second - 1)
	c.in(packet.ACK, 901, 101)
	c.wait(350 * time.Second)
	if len(c.sessions()) != 0 {
		t.Error("there after 350 s")
	}
}

func TestRFC5382_REQ6_PayloadsAreLeftAlone(t *testing.T) {
	r := newRig(t)
	a := r.connect(at(hostA, 5000), at(webA, 21))
	const answer = "227 Entering Passive Mode (203,0,113,10,19,137)\r\n"
	if p := r.pass(tcpSegment(at(webA, 21), a, packet.ACK, 901, 101, answer)); string(p.Payload()) != answer {
		t.Errorf("payload became %q", p.Payload())
	}
}

func TestRFC5382_REQ7_NoOverloadingOfATuple(t *testing.T) {
	r := newRig(t)
	a, b := r.connect(at(hostA, 5000), at(webA, 443)), r.connect(at(hostB, 5000), at(webA, 443))
	if a == b {
		t.Errorf("both are %s", a)
	}
}

func TestRFC5382_REQ8_HairpinIsDropped(t *testing.T) {
	r := newRig(t)
	a := r.connect(at(hostA, 5000), at(webA, 443))
	r.refuse(tcpSegment(at(hostB, 443), a, packet.SYN, 1, 0, ""), drop.NATNoMapping)
}

func TestRFC5382_REQ9_DestinationUnreachableIsTranslated(t *testing.T) {
	r := newRig(t)
	sent := r.pass(tcpSegment(at(hostA, 5000), at(webA, 443), packet.SYN, 100, 0, ""))
	p := r.pass(icmpError(t, sent, transit, packet.ICMPDestinationUnreachable, 4))
	src, _ := p.EmbeddedSrc()
	_, srcPort, dstPort, _ := p.EmbeddedPorts()
	if at(src, srcPort) != at(hostA, 5000) || dstPort != 443 || p.Dst != hostA {
		t.Errorf("to %s about %s:%d", p.Dst, src, srcPort)
	}
}

func TestRFC5382_REQ10_ICMPEndsNoSession(t *testing.T) {
	c := established(t)
	sent := c.pass(tcpSegment(at(hostA, clientPort), at(webA, serverPort), packet.ACK, 101, 901, "x"))
	for _, code := range []uint8{0, 1, 2, 3, 4, 13} {
		c.pass(icmpError(t, sent, webA, packet.ICMPDestinationUnreachable, code))
	}
	c.state(Established)
	c.in(packet.ACK, 901, 102)
}
