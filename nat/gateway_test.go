package nat

import (
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"time"
	"unsafe"

	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

func TestAProbeIsTranslatedAndLeavesNoTrace(t *testing.T) {
	for name, config := range map[string]func(*GatewayConfig){"as AWS": func(*GatewayConfig) {}, "EIM": eim} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, config)
			probe := tcpSegment(at(hostA, 5000), at(webA, 443), packet.SYN, 1, 0, "")
			probe.Probe = true
			if r.pass(probe); probe.Src != natA || probe.SrcPort < 1024 {
				t.Errorf("became %s", source(probe))
			}
			if r.g.Metrics() != (Metrics{}) || len(r.sessions()) != 0 || r.g.live.Load() != 0 {
				t.Error("it left a trace")
			}
			outside := r.connect(at(hostA, 5000), at(webA, 443))
			before, counts := r.sessions()[0], r.g.Metrics()
			r.now += int64(100 * time.Second)
			reset := tcpSegment(at(webA, 443), outside, packet.RST, 901, 0, "")
			reset.Probe = true
			if r.pass(reset); target(reset) != at(hostA, 5000) {
				t.Errorf("arrived at %s", target(reset))
			}
			if r.sessions()[0] != before || r.g.Metrics() != counts {
				t.Error("it left a trace")
			}
		})
	}
}

func TestEIMRunsOutOfPortsAndGivesThemBack(t *testing.T) {
	r := newRig(t, eim)
	send := func(n int) drop.Reason {
		p := udpDatagram(at(netip.AddrFrom4([4]byte{10, 0, 5, byte(n >> 14)}), uint16(1+n&0x3fff)), at(webA, uint16(n&7)), "")
		p.Time = r.now
		reason := r.g.Cross(p)
		r.seen.count(false, 1, p.Len(), reason)
		return reason
	}
	for n := range maxPerDestination {
		if reason := send(n); reason != drop.None {
			t.Fatalf("session %d: %s", n, reason)
		}
	}
	if reason := send(maxPerDestination); reason != drop.NATPorts {
		t.Errorf("%q", reason)
	}
	r.wait(350 * time.Second)
	r.wait(121 * time.Second)
	if reason := send(maxPerDestination); reason != drop.None {
		t.Errorf("when all are free again: %s", reason)
	}
}

// TestManyAtOnce is for the race detector, and asserts that nothing is counted twice or lost.
func TestManyAtOnce(t *testing.T) {
	g := NewGateway(GatewayConfig{Addresses: []netip.Addr{natA, natB}, Sources: []netip.Prefix{vpc}, EIM: true})
	const workers, rounds = 4, 2000
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for n := range rounds {
				p := udpDatagram(at(hostA, uint16(rand.IntN(500))), at(webA, uint16(n%16)), longText)
				p.Time = int64(n) * int64(time.Second)
				if n%7 == 0 {
					p = cut(t, p, uint16(n), 24)[rand.IntN(3)]
				}
				if g.Cross(p) == drop.None && n%2 == 0 {
					packet.BuildUDP(p, target(p), source(p), nil)
					g.Cross(p)
				}
				if n%100 == w {
					g.Expire(int64(n) * int64(time.Second))
					g.Configure(GatewayConfig{Addresses: []netip.Addr{natA, natB}[:1+n/100%2], Sources: []netip.Prefix{vpc}, EIM: n%200 == w})
					g.Release(packet.New(2048))
					g.Metrics()
				}
			}
		})
	}
	all.Wait()
	m := g.Metrics()
	if in, out := m.PacketsInFromSource+m.PacketsInFromDestination, m.PacketsOutToSource+m.PacketsOutToDestination; in != out+m.PacketsDropCount {
		t.Errorf("INV-6: %d in, %d out, %d dropped", in, out, m.PacketsDropCount)
	}
	n := int64(0)
	g.Sessions(func(Session) { n++ })
	if live := g.live.Load(); live != n {
		t.Errorf("%d sessions, but %d are counted", n, live)
	}
}

func TestGatewayDoesNotAllocate(t *testing.T) {
	g := NewGateway(standard())
	p := packet.New(256)
	outside := netip.AddrPort{}
	next := uint32(0)
	for name, cross := range map[string]func(){
		"an established packet, out and in": func() {
			packet.BuildTCP(p, at(hostA, 1), at(webA, 443), packet.SYN, 1, 0, nil)
			g.Cross(p)
			outside = source(p)
			packet.BuildTCP(p, at(webA, 443), outside, packet.ACK, 1, 0, nil)
			g.Cross(p)
		},
		"a refused packet": func() {
			packet.BuildTCP(p, at(webA, 443), at(natA, 1), packet.ACK, 1, 0, nil)
			g.Cross(p)
		},
		"a probe": func() {
			packet.BuildUDP(p, at(hostA, 1), at(webA, 443), nil)
			p.Probe = true
			g.Cross(p)
			p.Probe = false
		},
		"a new session, but for growing tables": func() {
			next++
			packet.BuildUDP(p, at(hostA, 1), at(address(0xcb000000|next), 443), nil)
			g.Cross(p)
		},
	} {
		if n := testing.AllocsPerRun(5000, cross); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	whole := udpDatagram(at(hostA, 5000), at(webA, 53), longText)
	first, later := cut(t, whole, 7, 48)[0], cut(t, whole, 7, 48)[1]
	if n := testing.AllocsPerRun(100, func() {
		p.CopyFrom(later)
		p.Time = 1
		g.Cross(p)
		p.CopyFrom(first)
		p.Time = 1
		g.Cross(p)
		g.Release(p)
		g.Cross(p)
		g.fragments.configure()
	}); n != 0 {
		t.Errorf("fragments: %v allocations", n)
	}
}

func TestASessionIsOneCacheLine(t *testing.T) {
	if n := unsafe.Sizeof(session{}); n != 64 {
		t.Errorf("%d bytes", n)
	}
}
