package dataplane

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/filter"
	"vpcsim/dataplane/packet"
	"vpcsim/dataplane/pcapfilter"
	"vpcsim/dataplane/port"
	"vpcsim/routing"
)

// watched is a lab with ports, whose packets can be seen.
type watched struct {
	*lab
	ports map[string]*port.Pipe
}

func newWatched(t testing.TB, o options) *watched {
	w := &watched{newLab(t, Natural), map[string]*port.Pipe{}}
	for _, id := range []string{"eni-app", "eni-other", "eni-far", "host", "s3", "vpce-1"} {
		w.ports[id] = w.attach(id, 4096)
	}
	w.commit(o)
	return w
}

func (w *watched) observe(o Observing) *Observer {
	w.t.Helper()
	seen, err := w.router.Observe(o)
	require.NoError(w.t, err)
	return seen
}

func (w *watched) inject(from string, p *packet.Packet) {
	w.t.Helper()
	require.NoError(w.t, w.ports[from].Inject(p.Bytes()))
}

// next is the next observation.
func (w *watched) next(o *Observer) *Observation {
	w.t.Helper()
	select {
	case seen := <-o.C:
		return seen
	case <-time.After(time.Minute):
		w.t.Fatal("nothing is observed")
		return nil
	}
}

// many is a lab of many places: a NAT gateway, filters, an endpoint, a blackhole.
func many(gateway Gateway) options {
	return options{endpointA: "vpce-1", more: []*Route{{Prefix: prefix("192.0.2.0/24"), Origin: routing.Static, Target: "nat-gone", Drop: drop.BadStateRoute}},
		change: func(s *Snapshot) {
			withNAT(gateway)(s)
			guarded("eni-far", []filter.Rule{tcpPort(22, everywhere...)}, []filter.Rule{all()})(s)
			guarded("eni-other", nil, []filter.Rule{all()})(s)
			bounded("eni-app", []filter.Rule{entry(100, all())}, []filter.Rule{entry(90, denied(tcpPort(81, everywhere...))), entry(100, all())})(s)
		}}
}

// entry gives a rule the ID that it has in a network ACL.
func entry(n int, r filter.Rule) filter.Rule {
	r.ID = fmt.Sprint("acl-1#", n)
	return r
}

// TestObservationsAreTracesOfRealPackets: what is told of a packet is what a trace of it foretold, step by step, and the ring
// remembers its end. A NAT gateway chooses ports when a packet is there, so behind one ports are left out.
func TestObservationsAreTracesOfRealPackets(t *testing.T) {
	w := newWatched(t, many(natGateway()))
	o := w.observe(Observing{Steps: true})
	defer o.Close()
	random, stages, reasons := rand.New(rand.NewPCG(3, 4)), map[Stage]int{}, map[drop.Reason]int{}
	for range 3000 {
		from, p := randomPacket(random)
		probe := packet.New(512)
		probe.CopyFrom(p)
		trace := w.router.Snapshot().Trace(w.router, w.router.Snapshot().Interface(from), probe, nil)
		w.inject(from, p)
		got := w.next(o)
		require.Equal(t, from, got.From)
		require.Equal(t, trace.Drop, got.Drop())
		require.Equal(t, steps(untilDropped(trace.Steps)), steps(got.Steps()), "%s %s -> %s", from, got.Src, got.Dst)
		if got.Drop() == drop.None {
			require.Equal(t, trace.Delivered.ID, got.To)
		} else {
			require.Equal(t, got.Steps()[len(got.Steps())-1], got.End())
			last := w.router.LastDrops(Filter{}, 1)
			require.Len(t, last, 1)
			got.steps = nil
			require.Equal(t, *got, last[0])
		}
		reasons[got.Drop()]++
		for _, s := range trace.Steps {
			stages[s.Stage]++
		}
	}
	if len(stages) < 5 || len(reasons) < 7 || reasons[drop.None] < 500 {
		t.Errorf("too little happened: %v, %v", stages, reasons)
	}
}

var ports = regexp.MustCompile(`:\d+\b`)

// untilDropped is how far a real packet comes of a trace's steps, which go on behind what blocks it.
func untilDropped(all []Step) []Step {
	for n, s := range all {
		if s.Drop != drop.None {
			return all[:n+1]
		}
	}
	return all
}

// steps are comparable steps.
func steps(all []Step) (bare []Step) {
	natted := false
	for _, s := range all {
		natted = natted || s.Where == "eni-nat" && s.Stage == StageGateway
		if natted {
			s.Src, s.Dst = netip.AddrPortFrom(s.Src.Addr(), 0), netip.AddrPortFrom(s.Dst.Addr(), 0)
			s.Rule = ports.ReplaceAllString(s.Rule, ":0")
		}
		bare = append(bare, s)
	}
	return bare
}

func randomPacket(r *rand.Rand) (from string, p *packet.Packet) {
	ids := []string{"eni-app", "eni-other", "eni-far", "host"}
	own := []netip.Addr{app, other, far, internet}
	n := r.IntN(len(ids))
	src := own[n]
	if r.IntN(20) == 0 {
		src = own[r.IntN(len(own))]
	}
	dsts := []netip.Addr{app, other, far, internet, s3, appIP, farIP, natIP, netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr("10.0.9.9"), netip.MustParseAddr("224.0.0.1")}
	if ids[n] == "host" { // what is between others on the internet is nothing of the VPC's
		dsts = []netip.Addr{appIP, farIP, natIP}
	}
	dst, port := dsts[r.IntN(len(dsts))], []uint16{22, 80, 81, 443}[r.IntN(4)]
	p = packet.New(512)
	switch r.IntN(4) {
	case 0:
		packet.BuildUDP(p, at(src, uint16(1000+r.IntN(20))), at(dst, port), []byte("x"))
	case 1:
		packet.BuildICMPEcho(p, src, dst, uint16(r.IntN(20)), 1, nil)
	default:
		packet.BuildTCP(p, at(src, uint16(1000+r.IntN(20))), at(dst, port), []uint8{packet.SYN, packet.ACK, packet.SYN | packet.ACK, packet.RST}[r.IntN(4)], 1, 1, nil)
	}
	return ids[n], p
}

func TestFiltersOfObservers(t *testing.T) {
	parse := func(s string) *pcapfilter.Filter {
		f, err := pcapfilter.Parse(s)
		require.NoError(t, err)
		return f
	}
	party := func(id string, addrs ...string) (p Party) {
		p.Interfaces = []string{id}
		for _, a := range addrs {
			p.Addrs = append(p.Addrs, prefix(a))
		}
		return p
	}
	// The packets: one to the internet through NAT, one that the ACL drops, one that a group drops, and a ping inside.
	w := newWatched(t, many(natGateway()))
	send := func() {
		w.inject("eni-app", segment(at(app, 1000), at(internet, 80), packet.SYN))
		w.inject("eni-app", segment(at(app, 1001), at(internet, 81), packet.SYN))
		w.inject("eni-app", segment(at(app, 1002), at(far, 80), packet.SYN))
		ping := packet.New(256)
		packet.BuildICMPEcho(ping, app, s3, 7, 1, nil)
		w.inject("eni-app", ping)
	}
	for _, row := range []struct {
		name string
		Observing
		want string // which of the packets, by number
	}{
		{"all", Observing{}, "1234"},
		{"what was dropped", Observing{Filter: Filter{Verdict: Dropped}}, "23"},
		{"what was dropped, with its steps", Observing{Filter: Filter{Verdict: Dropped}, Steps: true}, "23"},
		{"what was forwarded", Observing{Filter: Filter{Verdict: Forwarded}}, "14"},
		{"for a reason", Observing{Filter: Filter{Reasons: []drop.Reason{drop.NetworkACL, drop.Loop}}}, "2"},
		{"of a protocol", Observing{Filter: Filter{Protocol: packet.ICMP}}, "4"},
		{"to a port", Observing{Filter: Filter{Port: 80}}, "13"},
		{"from a port", Observing{Filter: Filter{Port: 1001}}, "2"},
		{"from an address", Observing{Filter: Filter{Src: prefix("10.0.1.0/24")}}, "1234"},
		{"to a network, as it entered", Observing{Filter: Filter{Dst: prefix("203.0.113.0/24")}}, "12"},
		{"from somebody", Observing{Filter: Filter{From: party("eni-far")}}, ""},
		{"to whom it came", Observing{Filter: Filter{To: party("host")}}, "1"},
		{"to whom it was to come", Observing{Filter: Filter{To: party("host", "203.0.113.10/32")}}, "12"},
		{"to whose group dropped it", Observing{Filter: Filter{To: party("eni-far"), Verdict: Dropped}}, "3"},
		{"with an address behind the NAT gateway", Observing{Filter: Filter{NAT: natAddr}}, "1"},
		{"with an address on the internet", Observing{Filter: Filter{NAT: natIP}}, "1"},
		{"by an expression, as it entered", Observing{Filter: Filter{Expression: parse("src host 10.0.1.10 and tcp dst port 80")}}, "13"},
		{"by an expression, of what was dropped", Observing{Filter: Filter{Expression: parse("tcp dst port 81"), Verdict: Dropped}}, "2"},
		{"one in three", Observing{Sample: 3}, "14"},
		{"one in two of those that are wanted", Observing{Filter: Filter{Protocol: packet.TCP}, Sample: 2}, "13"},
		{"one in two of what was dropped", Observing{Filter: Filter{Verdict: Dropped}, Sample: 2}, "2"},
	} {
		t.Run(row.name, func(t *testing.T) {
			end := w.observe(Observing{Filter: Filter{Protocol: 99}})
			defer end.Close()
			o := w.observe(row.Observing)
			defer o.Close()
			send()
			w.inject("eni-app", lastPacket())
			w.next(end) // behind it all has been told
			got := ""
			for len(o.C) > 0 {
				if seen := <-o.C; seen.Protocol != 99 {
					got += numberOf(seen)
				}
			}
			if got != row.want {
				t.Errorf("got packets %q, want %q", got, row.want)
			}
		})
	}
}

func numberOf(o *Observation) string {
	switch {
	case o.Protocol == packet.ICMP:
		return "4"
	case o.Dst.Port() == 81:
		return "2"
	case o.Dst.Addr() == far:
		return "3"
	}
	return "1"
}

// lastPacket is one of another protocol, to the internet.
func lastPacket() *packet.Packet {
	p := segment(at(app, 1), at(s3, 1), packet.SYN)
	b := p.Bytes()
	sum := uint32(b[10])<<8 | uint32(b[11])
	sum = sum + 6 + ^uint32(99)&0xffff
	b[9] = 99
	sum = sum>>16 + sum&0xffff
	b[10], b[11] = byte(sum>>8), byte(sum)
	return p
}

func TestASlowObserverMissesAndKnowsHowMany(t *testing.T) {
	w := newWatched(t, options{})
	o, end := w.observe(Observing{Queue: 10, Filter: Filter{Protocol: packet.TCP}}), w.observe(Observing{Filter: Filter{Protocol: 99}})
	for n := range 100 {
		w.inject("eni-app", segment(at(app, uint16(1000+n)), at(far, 80), packet.SYN))
	}
	w.inject("eni-app", lastPacket())
	w.next(end)
	if len(o.C) != 10 || o.Missed() != 90 {
		t.Errorf("%d wait and %d are missed, want 10 and 90", len(o.C), o.Missed())
	}
	o.Close()
	end.Close()
	require.Nil(t, w.router.watch.Load(), "nobody watches, and it costs something")
}

func TestTooManyObserversAreRefused(t *testing.T) {
	w := newWatched(t, options{})
	for range maxWatchers {
		defer w.observe(Observing{}).Close()
	}
	_, err := w.router.Observe(Observing{})
	require.ErrorContains(t, err, "64 observers and captures run already")
}

// TestPacketsThatAPortDoesNotTakeAreDropped: also those that nobody follows, of which it is not known any more how they came.
func TestPacketsThatAPortDoesNotTakeAreDropped(t *testing.T) {
	for name, o := range map[string]Observing{
		"who follows them":           {Filter: Filter{Verdict: Dropped}, Steps: true},
		"who asks only about drops":  {Filter: Filter{Verdict: Dropped}},
		"who asks about this reason": {Filter: Filter{Reasons: []drop.Reason{drop.NoPort}}},
	} {
		w := newWatched(t, options{})
		seen := w.observe(o)
		require.NoError(t, w.router.Detach("host"))
		w.commit(options{})
		w.inject("eni-app", segment(at(app, 1000), at(internet, 80), packet.SYN))
		got := w.next(seen)
		want := at(appIP, 1000)
		if o.Steps {
			want = at(app, 1000)
		}
		if got.Drop() != drop.NoPort || got.From != "eni-app" || got.End().Where != "host" || got.End().Src != at(appIP, 1000) || got.Src != want {
			t.Errorf("%s: got %+v", name, got)
		}
		require.Equal(t, drop.NoPort, w.router.LastDrops(Filter{}, 1)[0].Drop())
		seen.Close()
	}
}

func TestTheLastDropsAreRemembered(t *testing.T) {
	w := newWatched(t, options{})
	for n := range ringSize + 100 {
		w.inject("eni-app", segment(at(app, uint16(1000+n)), at(netip.MustParseAddr("10.0.9.9"), 80), packet.SYN))
	}
	malformed := packet.New(64)
	malformed.SetBytes([]byte{0x45, 0, 0, 1})
	w.inject("eni-app", malformed)
	w.inject("eni-app", segment(at(app, 1), at(far, 80), packet.SYN))
	_, err := w.ports["eni-far"].Receive(t.Context()) // all others are done with
	require.NoError(t, err)
	all := w.router.LastDrops(Filter{}, 1<<20)
	require.Len(t, all, ringSize)
	last := all[ringSize-1]
	if last.Drop() != drop.Malformed || last.Src.IsValid() || last.From != "eni-app" || last.Length != 4 {
		t.Errorf("the malformed one: %+v", last)
	}
	for n, o := range all[:ringSize-1] {
		want := Step{StageRoute, "vpc", "10.0.0.0/16 -> local (local); " + drop.NoPossibleDestination.Sentence(), at(app, uint16(1101+n)), at(netip.MustParseAddr("10.0.9.9"), 80), drop.NoPossibleDestination}
		if o.End() != want || o.Src != want.Src || o.Dst != want.Dst {
			t.Fatalf("number %d: %+v, want %+v", n, o, want)
		}
	}
	require.Len(t, w.router.LastDrops(Filter{}, 3), 3)
	require.Len(t, w.router.LastDrops(Filter{Reasons: []drop.Reason{drop.Malformed}}, 3), 1)
	require.Empty(t, w.router.LastDrops(Filter{Verdict: Forwarded}, 3))
	require.Empty(t, w.router.LastDrops(Filter{Port: 9}, 3))
}

// TestUnwatchedPacketsDoNotAllocate: neither those that pass nor those that are dropped, also while somebody asks about drops alone.
func TestUnwatchedPacketsDoNotAllocate(t *testing.T) {
	for name, watch := range map[string]func(*watched){
		"nobody watches":               func(*watched) {},
		"somebody asks for drops":      func(w *watched) { w.observe(Observing{Filter: Filter{Reasons: []drop.Reason{drop.Loop}}}) },
		"somebody wants other packets": func(w *watched) { w.observe(Observing{Filter: Filter{Protocol: 99}, Steps: true}) },
	} {
		w := newWatched(t, many(natGateway()))
		watch(w)
		rows := map[string]netip.AddrPort{"forwarded": at(s3, 80)}
		if name == "nobody watches" {
			rows["dropped by a network ACL"], rows["dropped by a route"], rows["dropped by a group"] = at(internet, 81), at(netip.MustParseAddr("192.0.2.9"), 80), at(other, 80)
			rows["dropped by the final deny"] = at(internet, 82)
		}
		for what, dst := range rows {
			worker, batch := w.bench("eni-app", segment(at(app, 1000), dst, packet.ACK))
			worker.process(batch(1))
			if n := testing.AllocsPerRun(500, func() { worker.process(batch(1)) }); n != 0 {
				t.Errorf("%s, %s: %v allocations", name, what, n)
			}
		}
	}
}

// bench is a worker of an interface whose packets go nowhere at last, and batches of a packet for it.
func (l *lab) bench(id string, original *packet.Packet) (*Worker, func(n int) []*packet.Packet) {
	w := newWorker(l.router, &attachment{id: id})
	w.slots = newSlots()
	for _, i := range l.router.Snapshot().Interfaces {
		i.attached = &attachment{id: i.ID, port: sink{}}
	}
	return w, func(n int) []*packet.Packet {
		for _, p := range w.batch[:n] {
			p.SetBytes(original.Bytes())
		}
		return w.batch[:n]
	}
}

// BenchmarkWatched is the cost of watching, for packets of an established flow that nobody wants, or one in a hundred, or everybody.
// "nobody" against the rest is what a watcher costs the others.
func BenchmarkWatched(b *testing.B) {
	for _, row := range []struct {
		name string
		o    *Observing
	}{
		{"nobody", nil},
		{"dropped only", &Observing{Filter: Filter{Verdict: Dropped}}},
		{"1 in 100", &Observing{Sample: 100}},
		{"1 in 100 with steps", &Observing{Sample: 100, Steps: true}},
		{"others", &Observing{Filter: Filter{Port: 9}}},
		{"all", &Observing{}},
		{"all with steps", &Observing{Steps: true}},
	} {
		b.Run(row.name, func(b *testing.B) {
			l := newLab(b, Natural)
			l.commit(options{endpointA: "vpce-1"})
			if row.o != nil {
				o, err := l.router.Observe(*row.o)
				require.NoError(b, err)
				defer o.Close()
			}
			w, batch := l.bench("eni-app", segment(at(app, 1000), at(internet, 80), packet.ACK))
			b.ReportAllocs()
			for b.Loop() {
				w.process(batch(batchSize))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/batchSize, "ns/packet")
		})
	}
}
