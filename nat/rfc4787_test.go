package nat

import (
	"net/netip"
	"testing"
	"time"

	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

func eim(c *GatewayConfig) { c.EIM = true }

func twoAddresses(c *GatewayConfig) { c.Addresses = []netip.Addr{natA, natB} }

func TestRFC4787_REQ1_MappingDependsOnTheRemoteAsAtAWS(t *testing.T) {
	r := newRig(t)
	different := 0
	for port := range uint16(20) {
		a := r.udp(at(hostA, 5000+port), at(webA, 53))
		b := r.udp(at(hostA, 5000+port), at(webB, 53))
		c := r.udp(at(hostA, 5000+port), at(webA, 54))
		if a != b && b != c {
			different++
		}
	}
	if different < 18 {
		t.Errorf("only %d of 20 endpoints had a mapping for each remote", different)
	}
}

func TestRFC4787_REQ1_EndpointIndependentMappingIsAnOption(t *testing.T) {
	r := newRig(t, eim)
	for port := range uint16(20) {
		a := r.udp(at(hostA, 5000+port), at(webA, 53))
		if b, c := r.udp(at(hostA, 5000+port), at(webB, 53)), r.udp(at(hostA, 5000+port), at(webA, 54)); a != b || a != c {
			t.Errorf("one endpoint is seen as %s, %s and %s", a, b, c)
		}
		if a == r.udp(at(hostB, 5000+port), at(webA, 53)) {
			t.Errorf("two endpoints are both %s", a)
		}
		if r.arrives(at(webB, 99), a, at(hostA, 5000+port)) {
			t.Error("mapping is not filtering: who was not sent to must not answer")
		}
	}
	r.wait(351 * time.Second)
	r.wait(121 * time.Second)
	if n := len(r.g.mappings.slab) - len(r.g.mappings.free); n != 0 {
		t.Errorf("%d mappings outlive their sessions", n)
	}
}

func TestRFC4787_REQ2_AHostKeepsOneAddressForAllProtocols(t *testing.T) {
	r := newRig(t, twoAddresses)
	hosts := map[netip.Addr]int{}
	for n := range byte(100) {
		host := netip.AddrFrom4([4]byte{10, 0, 7, n})
		a := r.udp(at(host, 5000), at(webA, 53)).Addr()
		b := r.connect(at(host, 5000), at(webB, 443)).Addr()
		c := r.pass(echo(host, webA, 7)).Src
		if a != b || a != c {
			t.Errorf("%s is seen as %s, %s and %s", host, a, b, c)
		}
		hosts[a]++
	}
	if hosts[natA] < 20 || hosts[natB] < 20 {
		t.Errorf("the hosts are not spread over the addresses: %v", hosts)
	}
}

func TestRFC4787_REQ3_NeverTwoSessionsOnOneTuple(t *testing.T) {
	r := newRig(t)
	seen := map[netip.AddrPort]bool{}
	for host := range byte(4) {
		for port := range uint16(2000) {
			a := r.udp(at(netip.AddrFrom4([4]byte{10, 0, 3, host}), 1000+port), at(webA, 53))
			if seen[a] {
				t.Fatalf("%s was given twice", a)
			}
			seen[a] = true
		}
	}
}

func TestRFC4787_REQ3a_PortsAreNeverWellKnown(t *testing.T) {
	r := newRig(t)
	for port := range uint16(1024) {
		if a := r.udp(at(hostA, port+1), at(webA, 53)); a.Port() < 1024 {
			t.Fatalf("source port %d became %d", port+1, a.Port())
		}
	}
}

func TestRFC4787_REQ4_PortsAreUnpredictable(t *testing.T) {
	r := newRig(t)
	buckets, preserved := [8]int{}, 0
	for port := range uint16(4000) {
		a := r.udp(at(hostA, 2000+port), at(webA, 53))
		buckets[(int(a.Port())-firstPort)*8/ports]++
		if a.Port() == 2000+port {
			preserved++
		}
	}
	for i, n := range buckets {
		if n < 400 || n > 600 { // 500 expected, a standard deviation is 21
			t.Errorf("of 4000 ports %d are in the %d. eighth of the range", n, i+1)
		}
	}
	if preserved > 5 {
		t.Errorf("%d of 4000 ports were preserved: they can be foreseen", preserved)
	}
}

func TestRFC4787_REQ5_UDPLives350Seconds(t *testing.T) {
	r := newRig(t)
	a := r.udp(at(hostA, 5000), at(webA, 53))
	r.wait(350*time.Second - 1)
	if !r.arrives(at(webA, 53), a, at(hostA, 5000)) {
		t.Error("gone before 350 s")
	}
	r.wait(350 * time.Second)
	if r.arrives(at(webA, 53), a, at(hostA, 5000)) {
		t.Error("there after 350 s")
	}
}

func TestRFC4787_REQ5_IdleTimeIsConfigurable(t *testing.T) {
	r := newRig(t, func(c *GatewayConfig) { c.Idle = 10 * time.Second })
	a := r.udp(at(hostA, 5000), at(webA, 53))
	r.now += int64(10 * time.Second) // without Expire: the packet itself finds that the time is over
	if r.arrives(at(webA, 53), a, at(hostA, 5000)) {
		t.Error("there after 10 s")
	}
}

func TestRFC4787_REQ6_TrafficOfBothDirectionsRefreshes(t *testing.T) {
	r := newRig(t)
	a := r.udp(at(hostA, 5000), at(webA, 53))
	for range 3 {
		r.wait(300 * time.Second)
		if !r.arrives(at(webA, 53), a, at(hostA, 5000)) {
			t.Fatal("inbound traffic did not keep the session")
		}
		r.wait(300 * time.Second)
		if r.udp(at(hostA, 5000), at(webA, 53)) != a {
			t.Fatal("outbound traffic did not keep the session")
		}
	}
}

func TestRFC4787_REQ7_TwoVPCsMayHaveTheSameAddresses(t *testing.T) {
	one, two := newRig(t), newRig(t)
	a, b := one.udp(at(hostA, 5000), at(webA, 53)), two.udp(at(hostA, 5000), at(webA, 53))
	if !one.arrives(at(webA, 53), a, at(hostA, 5000)) || !two.arrives(at(webA, 53), b, at(hostA, 5000)) {
		t.Error("a gateway does not know its own session")
	}
	if a != b && one.arrives(at(webA, 53), b, at(hostA, 5000)) {
		t.Error("a gateway knows the other's session")
	}
}

func TestRFC4787_REQ8_FilteringDependsOnAddressAndPort(t *testing.T) {
	r := newRig(t)
	a := r.udp(at(hostA, 5000), at(webA, 53))
	for _, from := range []netip.AddrPort{at(webA, 54), at(webB, 53), at(hostB, 53)} {
		if r.arrives(from, a, at(hostA, 5000)) {
			t.Errorf("%s was let in", from)
		}
	}
	r.refuse(tcpSegment(at(webA, 53), a, packet.SYN, 1, 0, ""), drop.NATNoMapping)
	if !r.arrives(at(webA, 53), a, at(hostA, 5000)) {
		t.Error("the answer was not let in")
	}
}

func TestRFC4787_REQ9_HairpinIsDroppedAndCounted(t *testing.T) {
	r := newRig(t)
	a := r.udp(at(hostA, 5000), at(webA, 53))
	r.refuse(udpDatagram(at(hostB, 6000), a, "hairpin"), drop.NATNoMapping)
	r.refuse(tcpSegment(at(hostB, 6000), at(natA, 80), packet.SYN, 1, 0, ""), drop.NATNoMapping)
	r.refuse(echo(hostB, natA, 7), drop.NATNoMapping)
	if n := r.g.Metrics().PacketsDropCount; n != 3 {
		t.Errorf("%d drops are counted, want 3", n)
	}
}

func TestRFC4787_REQ10_PayloadsAreLeftAlone(t *testing.T) {
	r := newRig(t)
	r.connect(at(hostA, 5000), at(webA, 21))
	const command = "PORT 10,0,1,10,19,137\r\n"
	p := r.pass(tcpSegment(at(hostA, 5000), at(webA, 21), packet.ACK|packet.PSH, 101, 901, command))
	if string(p.Payload()) != command {
		t.Errorf("payload became %q", p.Payload())
	}
}

func TestRFC4787_REQ11_BehaviourDoesNotChangeWithLoad(t *testing.T) {
	r := newRig(t)
	opened := 0
	for n, load := range []int{0, maxPerDestination / 2, maxPerDestination * 99 / 100} {
		for ; opened < load; opened++ {
			r.udp(at(netip.AddrFrom4([4]byte{10, 0, 9, byte(opened >> 15)}), uint16(opened&0x7fff)), at(webA, 53))
		}
		inside := at(hostA, 40000+uint16(n))
		a := r.udp(inside, at(webA, 53))
		if a.Port() < 1024 || r.arrives(at(webA, 99), a, inside) || !r.arrives(at(webA, 53), a, inside) {
			t.Errorf("at %d sessions it is another gateway", load)
		}
	}
}

func TestRFC4787_REQ12_ICMPEndsNoMapping(t *testing.T) {
	r := newRig(t)
	sent := r.pass(udpDatagram(at(hostA, 5000), at(webA, 53), "out"))
	outside := source(sent)
	for code := range uint8(16) {
		p := icmpError(t, sent, transit, packet.ICMPDestinationUnreachable, code)
		r.pass(p)
		if quoted, _ := p.EmbeddedSrc(); p.Dst != hostA || quoted != hostA || p.Src != transit || p.ICMPCode != code {
			t.Errorf("code %d arrived as %d from %s to %s about %s", code, p.ICMPCode, p.Src, p.Dst, quoted)
		}
	}
	if !r.arrives(at(webA, 53), outside, at(hostA, 5000)) {
		t.Error("the mapping is gone")
	}
}
