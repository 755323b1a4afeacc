package dataplane

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vpcsim/dataplane/packet"
	"vpcsim/dataplane/port"
	"vpcsim/internal/packettest"
	"vpcsim/nat"
	"vpcsim/routing"
)

// TestSoak: ordinary and odd packets from all sides at once, through all gateways, while the snapshot changes under them. The checker
// at the ports, and the race detector, say whether anything is wrong.
func TestSoak(t *testing.T) {
	for _, mode := range []Mode{Natural, Silent, Reset} {
		t.Run(mode.String(), func(t *testing.T) {
			s := newSoak(t, mode)
			s.run()
			c := s.router.Counters()
			reasons := 0
			for _, n := range c.Drops {
				if n > 0 {
					reasons++
				}
			}
			t.Logf("%d packets in, %d out, %d of the router's own, dropped for %d reasons, %d commits",
				c.PacketsIn, c.PacketsOut, c.Resets+c.ICMPErrors, reasons, s.router.Snapshot().Generation)
			if c.PacketsIn < 60_000 || c.PacketsOut < c.PacketsIn/2 || c.Resets == 0 || c.ICMPErrors == 0 || reasons < 12 {
				t.Errorf("too little happened: %+v", c)
			}
		})
	}
}

type soak struct {
	*lab
	gateway *nat.Gateway
	ports   map[string]*port.Pipe
	sent    atomic.Int64
	changed chan struct{} // has an item when it is time for a commit
}

// commitEvery is after how many packets the snapshot changes.
const commitEvery = 200

func newSoak(t *testing.T, mode Mode) *soak {
	s := &soak{lab: newLab(t, mode), gateway: natGateway(), ports: map[string]*port.Pipe{}, changed: make(chan struct{}, 1)}
	for _, id := range []string{"eni-app", "eni-other", "eni-far", "host", "s3", "vpce-1"} {
		s.ports[id] = s.attach(id, 256)
	}
	s.commit(options{change: s.widen})
	return s
}

// widen adds the NAT gateway to a snapshot, and lets the internet host be the whole internet.
func (s *soak) widen(snapshot *Snapshot) {
	withNAT(s.gateway)(snapshot)
	host := snapshot.Interface("host")
	host.SourceDestCheck = false
	host.Node.Routes = with(host.Node.Routes, &Route{Prefix: prefix("0.0.0.0/0"), Origin: routing.Static, Target: "host", Interface: host})
}

// run sends until every host has had its say, and then ends the router.
func (s *soak) run() {
	var receivers, senders sync.WaitGroup
	for id := range s.ports {
		receivers.Go(func() { s.receive(id) })
	}
	for n, from := range []struct {
		id           string
		addr, public netip.Addr
	}{{"eni-app", app, natIP}, {"eni-other", other, natIP}, {"eni-far", far, farIP}} {
		senders.Go(func() { s.send(rand.New(rand.NewPCG(uint64(n), 1)), from.id, from.addr, from.public) })
	}
	done := make(chan struct{})
	go func() { senders.Wait(); close(done) }()
	for n := 0; ; n++ {
		select {
		case <-s.changed:
		case <-done:
			s.close()
			receivers.Wait()
			return
		}
		now := s.clock.Add(int64(time.Second))
		s.gateway.Expire(now)
		s.router.flows.Expire(now)
		o := options{change: s.widen, cut: n%7 == 0}
		if n%2 == 0 {
			o.endpointA = "vpce-1"
		}
		s.commit(o)
	}
}

// send is a host of the VPC, and whoever on the internet knows of it.
func (s *soak) send(r *rand.Rand, id string, addr, public netip.Addr) {
	remotes := []netip.Addr{internet, s3, internet.Next(), app, other, far}
	for round := range uint16(5) {
		world := packettest.World{Inside: addr, Neighbour: app, Remote: internet, Stranger: internet.Next(), First: 10000 + round*200}
		all := append(packettest.Stream(r, []netip.Addr{addr}, remotes, 400), packettest.Vectors(world)...)
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for v, step := range packettest.Interleave(r, all, 50) {
			ends := v.Ends
			ends.Public = netip.AddrPortFrom(public, ends.Inside.Port())
			from := id
			if step.Inbound {
				from = "host"
			}
			for _, b := range step.Make(ends) {
				s.inject(from, b)
			}
		}
	}
}

func (s *soak) inject(id string, b []byte) {
	_ = s.ports[id].Inject(b) // it may be closed already for an answer
	if s.sent.Add(1)%commitEvery == 0 {
		select {
		case s.changed <- struct{}{}:
		default:
		}
	}
}

// receive takes what arrives at a port until the end. Hosts outside answer it, and instances what the others send them.
func (s *soak) receive(id string) {
	p, answer := packet.New(packet.MaxSize), packet.New(packet.MaxSize)
	for n := 0; ; n++ {
		b, err := s.ports[id].Receive(context.Background())
		if err != nil {
			return
		}
		p.SetBytes(b)
		if p.Decode() == packet.OK && answers(answer, p, n) {
			s.inject(id, answer.Bytes())
		}
	}
}

// answers builds what a host answers to p, now and then an ICMP error; false if nothing.
func answers(dst, p *packet.Packet, n int) bool {
	to, from := at(p.Src, p.SrcPort), at(p.Dst, p.DstPort)
	switch {
	case p.LaterFragment():
		return false
	case n%16 == 0:
		return packet.BuildICMPError(dst, p, p.Dst, packet.ICMPDestinationUnreachable, 3, 0)
	case p.Protocol == packet.UDP && from.Port() < 1024:
		packet.BuildUDP(dst, from, to, p.Payload())
	case p.Protocol == packet.ICMP && p.ICMPType == packet.ICMPEchoRequest:
		packet.BuildICMPEchoReply(dst, p.Dst, p.Src, p.SrcPort, uint16(n), p.Payload())
	case p.Protocol == packet.TCP && p.TCPFlags == packet.SYN:
		packet.BuildTCP(dst, from, to, packet.SYN|packet.ACK, 1000, p.TCPSeq()+1, nil)
	case p.Protocol == packet.TCP && p.PayloadLen() > 0 && p.TCPFlags&packet.ACK != 0:
		packet.BuildTCP(dst, from, to, packet.ACK, p.TCPAck(), p.TCPSeq()+uint32(p.PayloadLen()), nil)
	default:
		return false
	}
	return true
}
