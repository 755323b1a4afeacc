package dataplane

import (
	"net/netip"
	"testing"

	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/packet"
	"vpcsim/nat"
)

// TestForesee: what a packet seems to meet is what it does meet.
func TestForesee(t *testing.T) {
	l, gateway := newLab(t, Natural), natGateway()
	l.commit(options{endpointA: "vpce-1", change: withNAT(gateway)})
	if manyFlows(l); !l.router.flows.IsBig() {
		t.Skip("this processor is given no hints")
	}
	flow := func(id string, local, remote netip.AddrPort) conntrack.Ahead {
		return l.router.flows.AheadTuple(conntrack.Tuple{Local: local, Remote: remote, Zone: l.router.Snapshot().Interface(id).zone, Protocol: packet.TCP})
	}
	for name, row := range map[string]struct {
		from      string
		src, dst  netip.AddrPort
		near, far conntrack.Ahead
		gateway   fetcher
	}{
		"to an endpoint only the sender's connection": {"eni-other", at(other, 1), at(s3, 2), flow("eni-other", at(other, 1), at(s3, 2)), nothing, nil},
		"inside the VPC those of both ends":           {"eni-app", at(app, 1), at(far, 2), flow("eni-app", at(app, 1), at(far, 2)), flow("eni-far", at(far, 2), at(app, 1)), nil},
		"out through a NAT gateway the sender's and the gateway's": {
			"eni-other", at(other, 40000), at(internet, 443), flow("eni-other", at(other, 40000), at(internet, 443)), nothing, gateway,
		},
		"from the internet the connection of who has the public address": {"host", at(internet, 1), at(appIP, 2), nothing, flow("eni-app", at(app, 2), at(internet, 1)), nil},
		"nothing where there is no session":                              {"host", at(internet, 444), at(natIP, 1024), nothing, nothing, gateway},
	} {
		t.Run(name, func(t *testing.T) {
			w, p := l.worker(), segment(row.src, row.dst, packet.ACK)
			w.from = w.snapshot.Interface(row.from)
			w.lookAhead([]*packet.Packet{p})
			got := w.ahead[0]
			if got.near != row.near || got.far != row.far || got.gateway != row.gateway {
				t.Errorf("the sender's %t, the receiver's %t, the gateway %t", got.near == row.near, got.far == row.far, got.gateway == row.gateway)
			}
		})
	}
}

var nothing conntrack.Ahead

// TestForeseeInside: what comes from the internet to a NAT gateway seems to meet, too, the connection of who is behind it. That is a
// guess, and mostly right.
func TestForeseeInside(t *testing.T) {
	l, right := newLab(t, Natural), 0
	l.commit(options{change: withNAT(natGateway())})
	if manyFlows(l); !l.router.flows.IsBig() {
		t.Skip("this processor is given no hints")
	}
	for port := uint16(1); port <= 100; port++ {
		_, _, out := l.send("eni-other", at(other, port), at(internet, 443), packet.SYN)
		w := l.worker()
		w.from = w.snapshot.Interface("host")
		w.lookAhead([]*packet.Packet{segment(at(internet, 443), at(natIP, out.SrcPort), packet.SYN|packet.ACK)})
		if w.ahead[0].far == l.router.flows.AheadTuple(conntrack.Tuple{
			Local: at(other, port), Remote: at(internet, 443), Zone: w.snapshot.Interface("eni-other").zone, Protocol: packet.TCP,
		}) {
			right++
		}
	}
	if right < 60 {
		t.Errorf("%d of 100 right", right)
	}
}

// manyFlows opens so many connections that workers look ahead, each also at the NAT gateway.
func manyFlows(l *lab) {
	w := l.worker()
	from := w.snapshot.Interface("eni-other")
	for i := range 20_000 {
		p := segment(at(other, uint16(1024+i%40_000)), at(internet, uint16(1000+i/40_000)), packet.SYN)
		p.Time = l.clock.Load()
		if _, reason := w.Forward(from, p); reason != 0 {
			l.t.Fatalf("connection %d: %s", i, reason)
		}
	}
}

// TestLookingAheadDoesNotAllocate, whatever the packet.
func TestLookingAheadDoesNotAllocate(t *testing.T) {
	l := newLab(t, Natural)
	l.commit(options{change: withNAT(natGateway())})
	manyFlows(l)
	w := l.worker()
	w.from = w.snapshot.Interface("eni-other")
	malformed := packet.New(64)
	malformed.SetBytes([]byte{0x45})
	malformed.Decode()
	six := packet.New(128)
	packet.BuildTCP(six, netip.MustParseAddrPort("[2001:db8::1]:1"), netip.MustParseAddrPort("[2001:db8::2]:2"), packet.ACK, 1, 1, nil)
	batch := []*packet.Packet{segment(at(other, 1024), at(internet, 1000), packet.ACK), malformed, six}
	if n := testing.AllocsPerRun(100, func() { w.lookAhead(batch) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

var _ fetcher = (*nat.Gateway)(nil)
