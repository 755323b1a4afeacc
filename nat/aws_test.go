package nat

import (
	"net/netip"
	"testing"
	"time"

	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

// answersWithReset asserts what AWS-1 says of a segment that the gateway has no session for: p is as it came, so that the
// caller's RST has the segment's ACK as its sequence number.
func answersWithReset(r *rig, p *packet.Packet) {
	r.Helper()
	r.refuse(p, drop.NATIdle)
	rst := packet.New(128)
	if !packet.BuildReset(rst, p) || rst.TCPSeq() != p.TCPAck() || target(rst) != source(p) || rst.TCPFlags != packet.RST {
		r.Errorf("the answer is %s > %s flags %02x seq %d", source(rst), target(rst), rst.TCPFlags, rst.TCPSeq())
	}
}

func TestAWS_AWS1_AfterIdleTheInsideIsAnsweredWithReset(t *testing.T) {
	c := established(t)
	c.now += int64(350 * time.Second) // without Expire: the packet itself finds that the time is over
	answersWithReset(c.rig, tcpSegment(at(hostA, clientPort), at(webA, serverPort), packet.ACK|packet.PSH, 101, 901, "late"))
	c.refuse(tcpSegment(at(webA, serverPort), at(natA, c.outside), packet.ACK, 901, 101, ""), drop.NATNoMapping)
	answersWithReset(c.rig, tcpSegment(at(hostA, clientPort), at(webA, serverPort), packet.FIN|packet.ACK, 101, 901, ""))
}

func TestAWS_AWS2_IdleTimeoutsAreCounted(t *testing.T) {
	r := newRig(t)
	for port := range uint16(5) {
		r.connect(at(hostA, 5000+port), at(webA, 443))
	}
	r.udp(at(hostA, 5000), at(webA, 53))
	r.pass(echo(hostA, webA, 5))
	if n := r.g.Metrics().ActiveConnectionCount; n != 5 {
		t.Errorf("ActiveConnectionCount %d, want 5", n)
	}
	r.now += int64(350 * time.Second)
	r.refuse(tcpSegment(at(hostA, 5000), at(webA, 443), packet.ACK, 101, 901, ""), drop.NATIdle) // one is found by a packet
	r.wait(time.Second)
	r.wait(time.Second)
	if m := r.g.Metrics(); m.IdleTimeoutCount != 7 || m.ActiveConnectionCount != 0 {
		t.Errorf("IdleTimeoutCount %d, want 7; ActiveConnectionCount %d", m.IdleTimeoutCount, m.ActiveConnectionCount)
	}
}

func TestAWS_AWS3_MidstreamSegmentsAreAnsweredWithReset(t *testing.T) {
	r := newRig(t)
	for _, flags := range []uint8{packet.ACK, packet.ACK | packet.PSH, packet.FIN | packet.ACK, packet.SYN | packet.ACK} {
		answersWithReset(r, tcpSegment(at(hostA, 5000), at(webA, 443), flags, 10, 20, "x"))
		r.refuse(tcpSegment(at(webA, 443), at(natA, 5000), flags, 10, 20, "x"), drop.NATNoMapping)
	}
	for _, flags := range []uint8{0, packet.RST, packet.SYN | packet.FIN, packet.SYN | packet.RST, 0xff} {
		r.refuse(tcpSegment(at(hostA, 5000), at(webA, 443), flags, 10, 20, "x"), drop.NATIdle)
	}
	if n := len(r.sessions()); n != 0 {
		t.Errorf("%d sessions", n)
	}
}

func TestAWS_NGW1_OnlyTCPUDPAndICMP(t *testing.T) {
	r := newRig(t)
	for _, protocol := range []byte{2, 4, 41, 47, 50, 51, 89, 132, 136, 255} {
		r.refuse(remake(t, udpDatagram(at(hostA, 1), at(webA, 2), "x"), func(b []byte) []byte { b[9] = protocol; return b }), drop.NATProtocol)
		r.refuse(remake(t, udpDatagram(at(webA, 1), at(natA, 2), "x"), func(b []byte) []byte { b[9] = protocol; return b }), drop.NATProtocol)
	}
	r.refuse(udpDatagram(at(host6, 1), at(web6, 2), "x"), drop.NATProtocol)
	if n := r.g.Metrics().PacketsDropCount; n != 21 {
		t.Errorf("%d drops are counted", n)
	}
}

func TestAWS_NGW1_OnlySourcesOfTheVPC(t *testing.T) {
	r := newRig(t)
	for _, src := range []string{"10.1.0.1", "192.168.0.1", "203.0.113.99", "10.0.255.4"} {
		r.refuse(udpDatagram(at(netip.MustParseAddr(src), 5000), at(webA, 53), "x"), drop.NATSource)
	}
}

func TestAWS_NGW2_55000SessionsPerAddressAndDestination(t *testing.T) {
	for name, addresses := range map[string][]netip.Addr{"one address": {natA}, "two addresses": {natA, natB}} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(c *GatewayConfig) { c.Addresses = addresses })
			n := 0
			open := func(to netip.AddrPort) drop.Reason {
				n++
				p := udpDatagram(at(netip.AddrFrom4([4]byte{10, 0, 5, byte(n >> 14)}), uint16(1+n&0x3fff)), to, "")
				p.Time = r.now
				inside := source(p)
				reason := r.g.Cross(p)
				r.seen.count(false, 1, p.Len(), reason)
				if back := udpDatagram(to, source(p), ""); reason == drop.None && n%1000 == 0 && target(r.pass(back)) != inside {
					t.Errorf("session %d: the answer arrived at %s", n, target(back))
				}
				return reason
			}
			for range len(addresses) * maxPerDestination {
				if reason := open(at(webA, 443)); reason != drop.None {
					t.Fatalf("session %d: %s", n, reason)
				}
			}
			for i := range 3 {
				if reason := open(at(webA, 443)); reason != drop.NATPorts {
					t.Errorf("session %d: %q", n, reason)
				}
				if got := r.g.Metrics().ErrorPortAllocation; got != uint64(i+1) {
					t.Errorf("ErrorPortAllocation %d", got)
				}
			}
			for _, to := range []netip.AddrPort{at(webA, 444), at(webB, 443)} {
				if reason := open(to); reason != drop.None {
					t.Errorf("another destination: %s", reason)
				}
			}
			r.pass(tcpSegment(at(hostA, 1), at(webA, 443), packet.SYN, 1, 0, "")) // another protocol
		})
	}
}

func TestAWS_NGW3_IdleThenReset(t *testing.T) {
	c := established(t)
	c.wait(350 * time.Second)
	answersWithReset(c.rig, tcpSegment(at(hostA, clientPort), at(webA, serverPort), packet.ACK, 101, 901, ""))
	old := c.outside
	c.outside = 0
	c.out(packet.SYN, 300, 0) // a new connection from the same port works at once
	if c.outside == old {
		t.Error("with the port that the remote may still remember")
	}
}

func TestAWS_NGW7_MetricsAreWhatPassed(t *testing.T) {
	r := newRig(t)
	r.connect(at(hostA, 5000), at(webA, 443))
	r.connect(at(hostA, 5001), at(webA, 443))
	r.pass(tcpSegment(at(hostA, 5002), at(webA, 443), packet.SYN, 1, 0, ""))
	r.refuse(tcpSegment(at(webB, 1), at(natA, 2), packet.SYN, 1, 0, ""), drop.NATNoMapping)
	want := Metrics{
		ActiveConnectionCount: 2, ConnectionAttemptCount: 3, ConnectionEstablishedCount: 2, PacketsDropCount: 1,
		PacketsInFromSource: 5, BytesInFromSource: 200, PacketsOutToDestination: 5, BytesOutToDestination: 200,
		PacketsInFromDestination: 3, BytesInFromDestination: 120, PacketsOutToSource: 2, BytesOutToSource: 80,
	}
	if got := r.g.Metrics(); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestAWS_TTL_TheGatewayIsAHop(t *testing.T) {
	r := newRig(t)
	low := func(p *packet.Packet) *packet.Packet {
		for p.TTL() > 1 {
			p.DecrementTTL()
		}
		return p
	}
	r.refuse(low(udpDatagram(at(hostA, 5000), at(webA, 33434), "traceroute")), drop.TTLExpired)
	if len(r.sessions()) != 0 {
		t.Error("a packet that went nowhere opened a session")
	}
	a := r.udp(at(hostA, 5000), at(webA, 33434))
	r.refuse(low(udpDatagram(at(webA, 33434), a, "x")), drop.TTLExpired)
	r.refuse(low(udpDatagram(at(webB, 33434), a, "x")), drop.NATNoMapping) // no answer to strangers
}

func TestConfigureForgetsSessionsOfAddressesThatGo(t *testing.T) {
	r := newRig(t, twoAddresses)
	gone, kept := map[netip.AddrPort]bool{}, map[netip.AddrPort]bool{}
	for port := range uint16(50) {
		for host := range byte(4) {
			from := at(netip.AddrFrom4([4]byte{10, 0, 3, host}), 5000+port)
			a := r.udp(from, at(webA, 53))
			if a.Addr() == natA {
				gone[a] = true
			} else {
				kept[a] = true
			}
		}
	}
	r.config.Addresses = []netip.Addr{natB}
	r.g.Configure(r.config)
	if got := len(r.sessions()); got != len(kept) {
		t.Errorf("%d sessions are left, want %d", got, len(kept))
	}
	for a := range kept {
		r.pass(udpDatagram(at(webA, 53), a, "in"))
	}
	if a := r.udp(at(hostA, 9999), at(webA, 53)); a.Addr() != natB {
		t.Errorf("a new session got %s", a)
	}
}

func TestRFC6888_REQ8_APortRestsBeforeItMeetsTheSameRemote(t *testing.T) {
	r := newRig(t)
	resting := map[netip.AddrPort]bool{}
	for port := range uint16(20000) {
		resting[r.udp(at(hostA, 1+port), at(webA, 53))] = true
	}
	r.wait(350 * time.Second)
	for port := range uint16(20000) {
		if a := r.udp(at(hostB, 1+port), at(webA, 53)); resting[a] {
			t.Fatalf("%s was used again at once", a)
		}
	}
	r.wait(121 * time.Second)
	again := 0
	for port := range uint16(20000) {
		if resting[r.udp(at(netip.MustParseAddr("10.0.9.9"), 1+port), at(webA, 53))] {
			again++
		}
	}
	if again == 0 {
		t.Error("never used again")
	}
}

func TestRFC6888_REQ8_RestNeverCostsASession(t *testing.T) {
	r := newRig(t)
	for round := range 3 {
		for n := range maxPerDestination {
			p := udpDatagram(at(netip.AddrFrom4([4]byte{10, 0, byte(round), byte(n >> 14)}), uint16(1+n&0x3fff)), at(webA, 53), "")
			p.Time = r.now
			if reason := r.g.Cross(p); reason != drop.None {
				t.Fatalf("round %d, session %d: %s", round, n, reason)
			}
			r.seen.count(false, 1, p.Len(), drop.None)
		}
		r.wait(350 * time.Second)
	}
}

func TestRFC6888_REQ4_TheNumberOfSessionsIsBounded(t *testing.T) {
	r := newRig(t, func(c *GatewayConfig) { c.Capacity = 100 })
	for port := range uint16(100) {
		r.udp(at(hostA, 1+port), at(webA, port))
	}
	r.refuse(udpDatagram(at(hostA, 5000), at(webA, 53), "x"), drop.FlowTableFull)
	r.wait(350 * time.Second)
	r.udp(at(hostA, 5000), at(webA, 53))
}
