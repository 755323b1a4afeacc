package nat

import (
	"testing"
	"time"

	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

func TestRFC7857_2_1_HalfOpenAndClosingHaveTheirOwnTime(t *testing.T) {
	for name, play := range map[string]func(c *conversation){
		"half open": func(c *conversation) { c.out(packet.SYN, 100, 0) },
		"closed by both": func(c *conversation) {
			c.out(packet.SYN, 100, 0)
			c.in(packet.SYN|packet.ACK, 900, 101)
			c.out(packet.FIN|packet.ACK, 101, 901)
			c.in(packet.FIN|packet.ACK, 901, 102)
		},
	} {
		for _, limit := range []time.Duration{0, 5 * time.Second} {
			t.Run(name+" "+limit.String(), func(t *testing.T) {
				c := &conversation{rig: newRig(t, func(c *GatewayConfig) { c.Transitory = limit })}
				if limit == 0 {
					limit = 60 * time.Second
				}
				play(c)
				c.wait(limit - 1)
				if len(c.sessions()) != 1 {
					t.Error("gone too soon")
				}
				c.wait(1)
				if len(c.sessions()) != 0 {
					t.Error("there for too long")
				}
				if n := c.g.Metrics().IdleTimeoutCount; n != 0 {
					t.Errorf("IdleTimeoutCount %d: that is for connections", n)
				}
			})
		}
	}
}

func TestRFC7857_2_1_HalfClosedLivesAsEstablished(t *testing.T) {
	c := established(t)
	c.out(packet.FIN|packet.ACK, 101, 901)
	c.wait(349 * time.Second)
	c.in(packet.ACK|packet.PSH, 901, 102)
}

func TestRFC7857_2_2_ResetIsTranslatedAndTheSessionLingers(t *testing.T) {
	c := established(t)
	c.wait(100 * time.Second) // by now the wheel has been told of the longer time
	c.in(packet.RST, 901, 0)
	c.state(Transitory)
	c.wait(59 * time.Second)
	c.state(Transitory)
	c.wait(time.Second)
	if len(c.sessions()) != 0 {
		t.Error("there after 60 s")
	}
}

func TestRFC7857_2_2_MorePacketsAfterAResetKeepTheSession(t *testing.T) {
	c := established(t)
	c.in(packet.RST, 901, 0) // perhaps forged, or lost
	c.out(packet.ACK|packet.PSH, 101, 901)
	c.state(Established)
	c.wait(300 * time.Second)
	c.in(packet.ACK, 901, 101)
}

func TestRFC7857_2_2_OnlyAResetAtTheExactSequenceNumberCloses(t *testing.T) {
	c := established(t)
	for _, seq := range []uint32{0, 900, 902, 901 + 1000, 1 << 31} {
		c.in(packet.RST, seq, 0)
		c.state(Established)
	}
	c.out(packet.RST, 102, 0)
	c.state(Established)
	c.out(packet.RST|packet.ACK, 101, 901)
	c.state(Transitory)
}

func TestRFC7857_2_2_ARefusedAttemptEnds(t *testing.T) {
	c := &conversation{rig: newRig(t)}
	c.out(packet.SYN, 100, 0)
	c.in(packet.RST|packet.ACK, 0, 101)
	c.state(Transitory)
	c.out(packet.SYN, 100, 0) // the client tries again
	c.state(Init)
}

func TestRFC7857_7_1_ResetsAndErrorsDoNotRefresh(t *testing.T) {
	t.Run("a reset sent as a reply", func(t *testing.T) {
		c := established(t)
		c.wait(349 * time.Second)
		c.out(packet.RST, 101, 0)
		c.in(packet.RST, 12345, 0)
		c.wait(time.Second)
		if len(c.sessions()) != 0 {
			t.Error("a reset kept the session")
		}
	})
	t.Run("an ICMP error, from either side", func(t *testing.T) {
		r := newRig(t)
		sent := r.pass(udpDatagram(at(hostA, 5000), at(webA, 53), "out"))
		got := r.pass(udpDatagram(at(webA, 53), source(sent), "in"))
		outside := source(sent)
		r.wait(349 * time.Second)
		r.pass(icmpError(t, sent, webA, packet.ICMPDestinationUnreachable, 3))
		r.pass(icmpError(t, got, hostA, packet.ICMPDestinationUnreachable, 3))
		r.wait(time.Second)
		r.refuse(udpDatagram(at(webA, 53), outside, "late"), drop.NATNoMapping)
	})
}

func TestRFC7857_3_PortsAreSharedByDestinations(t *testing.T) {
	r := newRig(t)
	ports := map[uint16]int{}
	for i := range 200 {
		for port := range uint16(400) {
			ports[r.udp(at(hostA, 1000+port), at(webA, uint16(i))).Port()]++
		}
	}
	shared := 0
	for _, n := range ports {
		if n > 1 {
			shared++
		}
	}
	if shared == 0 || len(ports) < 20000 {
		t.Errorf("80,000 sessions use %d ports, %d of them for several remotes", len(ports), shared)
	}
}
