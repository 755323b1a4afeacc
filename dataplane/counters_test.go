package dataplane

import (
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/filter"
	"vpcsim/dataplane/packet"
)

// balanced complains of a Usage in which something is lost: of the whole, of an interface, or against an earlier one.
func balanced(t *testing.T, u, before *Usage) {
	if out := u.Total.PacketsOut + u.Total.Dropped(); u.Total.PacketsIn != out {
		t.Errorf("%d packets in, %d out or dropped", u.Total.PacketsIn, out)
	}
	in, out, earlier := uint64(0), uint64(0), map[string]InterfaceCounters{}
	if before != nil {
		for _, i := range before.Interfaces {
			earlier[i.ID] = i
		}
	}
	for _, i := range u.Interfaces {
		in += i.PacketsIn
		out += i.PacketsOut
		if sum := i.PacketsOut + i.Dropped(); i.PacketsIn != sum {
			t.Errorf("%s: %d packets in, %d out or dropped", i.ID, i.PacketsIn, sum)
		}
		e := earlier[i.ID]
		if i.PacketsIn < e.PacketsIn || i.PacketsOut < e.PacketsOut || i.Drops[drop.Held]+i.Resumed < e.Drops[drop.Held]+e.Resumed {
			t.Errorf("%s counted backwards: %+v, then %+v", i.ID, e, i)
		}
	}
	if len(u.Interfaces) > 0 && (in != u.Total.PacketsIn || out != u.Total.PacketsOut) { // here ports are detached all at once
		t.Errorf("the interfaces have %d in and %d out, the router %d and %d", in, out, u.Total.PacketsIn, u.Total.PacketsOut)
	}
}

// TestWhatComesInGoesOutOrHasAReasonAtEveryMoment: readers look while all kinds of packets come in at six ports at once, and the
// snapshot changes under them.
func TestWhatComesInGoesOutOrHasAReasonAtEveryMoment(t *testing.T) {
	for _, mode := range []Mode{Natural, Reset} {
		t.Run(mode.String(), func(t *testing.T) { watchSoak(t, newSoak(t, mode)) })
	}
}

func watchSoak(t *testing.T, s *soak) {
	done, reads := make(chan struct{}), [3]int{}
	var readers sync.WaitGroup
	for n := range reads {
		readers.Go(func() {
			for before := (*Usage)(nil); ; reads[n]++ {
				u := s.router.Usage()
				balanced(t, u, before)
				before = u
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	s.run()
	close(done)
	readers.Wait()
	if c := s.router.Counters(); c.PacketsIn < 20_000 || reads[0]+reads[1]+reads[2] < 50 {
		t.Errorf("too little happened: %d packets, %v looks", c.PacketsIn, reads)
	}
}

// TestDeliveredIsWhatWentOut: as long as no interface goes, where packets arrived adds up to how many went out.
func TestDeliveredIsWhatWentOut(t *testing.T) {
	w := newWire(t, options{change: withNAT(natGateway())})
	for n := range uint16(50) {
		w.inject("eni-app", segment(at(app, 1000+n), at(far, 80), packet.SYN))
		w.inject("eni-other", datagram(at(other, 1000+n), at(internet, 53), 10))
		w.receive("eni-far")
		w.receive("host")
	}
	require.Eventually(t, func() bool { return w.router.Counters().PacketsOut == 100 }, time.Minute, time.Millisecond)
	u, sum, bytes := w.router.Usage(), uint64(0), uint64(0)
	balanced(t, u, nil)
	for _, i := range u.Interfaces {
		sum += i.Delivered.Packets
		bytes += i.Delivered.Bytes
	}
	if sum != u.Total.PacketsOut || bytes != u.Total.BytesOut || u.Total.BytesIn != u.Total.BytesOut {
		t.Errorf("%d packets of %d bytes were delivered, of %+v", sum, bytes, u.Total)
	}
}

// counts returns what a worker has counted, by name.
func (l *lab) counts(w *Worker) map[Counted]Count {
	sums := make([]Count, len(l.router.register.retired))
	w.tallies.addTo(sums)
	all := map[Counted]Count{}
	for thing, at := range l.router.register.numbers {
		all[thing] = sums[at.number]
	}
	return all
}

// filtered gives app's subnet a network ACL and app a security group: all may go out, to port 80 it may be connected.
func filtered(s *Snapshot) {
	everybody := []netip.Prefix{prefix("0.0.0.0/0")}
	all := filter.Rule{ID: "acl-1#100", Protocol: filter.Any, LastPort: 65535, ICMPType: filter.Any, ICMPCode: filter.Any, Peers: everybody}
	web := filter.Rule{ID: "sg-1[ingress 0]", Protocol: packet.TCP, FirstPort: 80, LastPort: 80, Peers: []netip.Prefix{prefix("10.0.0.0/16")}}
	out := all
	out.ID, out.Peers = "sg-1[egress 0]", []netip.Prefix{prefix("0.0.0.0/1"), prefix("128.0.0.0/1")}
	telnet := filter.Rule{ID: "acl-1#90", Protocol: packet.TCP, FirstPort: 23, LastPort: 23, Peers: everybody, Deny: true}
	i := s.Interface("eni-app")
	i.Groups = filter.NewSecurityGroups([]filter.Rule{web}, []filter.Rule{out})
	i.Subnet.ACL = filter.NewNetworkACL("acl-1", []filter.Rule{all}, []filter.Rule{telnet, all})
}

// TestWhatIsCounted: a connection to the internet and one to an endpoint, three segments each and the answers to them; one that the
// network ACL refuses, one from a neighbour that no rule allows, and one that a gateway refuses.
func TestWhatIsCounted(t *testing.T) {
	l := newLab(t, Natural)
	l.commit(options{endpointA: "vpce-1", change: filtered})
	w := l.worker()
	send := func(from string, src, dst netip.AddrPort, flags uint8) *packet.Packet {
		p := segment(src, dst, flags)
		p.Time = 1
		w.Forward(w.snapshot.Interface(from), p)
		return p
	}
	for _, far := range []struct {
		id   string
		addr netip.AddrPort
	}{{"host", at(internet, 443)}, {"vpce-1", at(s3, 443)}} {
		p := send("eni-app", at(app, 1000), far.addr, packet.SYN)
		send(far.id, far.addr, at(p.Src, p.SrcPort), packet.SYN|packet.ACK)
		send("eni-app", at(app, 1000), far.addr, packet.ACK)
		send("eni-app", at(app, 1000), far.addr, packet.ACK|packet.PSH)
	}
	send("eni-app", at(app, 1001), at(internet, 23), packet.SYN)
	send("eni-far", at(far, 1001), at(app, 22), packet.SYN)
	send("eni-far", at(far, 1001), at(app, 80), packet.SYN)
	send("eni-other", at(other, 1001), at(internet, 80), packet.SYN) // has no public address, and is in the ACL's subnet too

	size := uint64(len(segment(at(app, 1), at(s3, 1), 0).Bytes()))
	for thing, want := range map[Counted]uint64{
		{Kind: CountedRule, Egress: true, ID: "sg-1[egress 0]"}:          3, // connections, not packets
		{Kind: CountedRule, ID: "sg-1[ingress 0]"}:                       1,
		{Kind: CountedMismatch, ID: "eni-app"}:                           1,
		{Kind: CountedMismatch, Egress: true, ID: "eni-app"}:             0,
		{Kind: CountedEntry, Egress: true, ID: "acl-1#90"}:               1,
		{Kind: CountedEntry, Egress: true, ID: "acl-1#100"}:              3 + 3 + 1, // what left the subnet: both connections, and the neighbour's try
		{Kind: CountedEntry, Egress: true, ID: "acl-1#*"}:                0,
		{Kind: CountedRoute, ID: "rtb-a", Prefix: prefix("0.0.0.0/0")}:   3 + 1,
		{Kind: CountedRoute, ID: "rtb-a", PrefixList: "pl-1"}:            3,
		{Kind: CountedRoute, ID: "rtb-b", Prefix: prefix("10.0.0.0/16")}: 2,
		{Kind: CountedGateway, Egress: true, ID: "igw"}:                  4,
		{Kind: CountedRefusal, Egress: true, ID: "igw"}:                  1,
		{Kind: CountedGateway, ID: "igw"}:                                1,
		{Kind: CountedGateway, Egress: true, ID: "vpce-1"}:               3,
		{Kind: CountedRefusal, Egress: true, ID: "vpce-1"}:               0,
	} {
		got, ok := l.counts(w)[thing]
		if !ok || got != (Count{want, want * size}) {
			t.Errorf("%+v: %+v, want %d packets", thing, got, want)
		}
	}
}

// TestWhatIsGoneIsNotCounted: its number is another's then, which begins at nothing, also at workers that counted under it.
func TestWhatIsGoneIsNotCounted(t *testing.T) {
	w := newWire(t, options{endpointA: "vpce-1"})
	w.ports["vpce-1"] = w.attach("vpce-1", 64)
	w.commit(options{endpointA: "vpce-1"})
	route := Counted{Kind: CountedRoute, ID: "rtb-a", PrefixList: "pl-1"}
	local := Counted{Kind: CountedRoute, ID: "rtb-a", Prefix: prefix("10.0.0.0/16")}
	connect := func() {
		w.inject("eni-app", segment(at(app, 1000), at(s3, 80), packet.SYN))
		w.inject("eni-app", segment(at(app, 1000), at(far, 80), packet.SYN))
		w.receive("eni-far")
	}
	connect()
	u := w.router.Usage()
	require.Equal(t, [2]uint64{1, 1}, [2]uint64{u.Counts[route].Packets, u.Counts[local].Packets})
	things := len(w.router.register.retired)
	for range 3 {
		w.commit(options{})
		require.NotContains(t, w.router.Usage().Counts, route)
		w.commit(options{endpointA: "vpce-1"})
	}
	require.Len(t, w.router.register.retired, things, "numbers were not used again")
	u = w.router.Usage()
	require.Equal(t, [2]uint64{0, 1}, [2]uint64{u.Counts[route].Packets, u.Counts[local].Packets})
	connect()
	require.NoError(t, w.router.Detach("eni-app"))
	u = w.router.Usage()
	require.Equal(t, [2]uint64{1, 2}, [2]uint64{u.Counts[route].Packets, u.Counts[local].Packets}, "what a detached worker counted stays")
}

func TestThereAreOnlySoManyNumbers(t *testing.T) {
	r, s := newRegister(), &Snapshot{Generation: 1}
	for n := range maxCounted + 5 {
		number := r.number(s, Counted{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}), 32)})
		if (number == 0) != (n >= maxCounted-1) {
			t.Fatalf("thing %d has number %d", n, number)
		}
	}
	require.Equal(t, 6, r.uncounted)
}

// sink is a port that takes everything.
type sink struct{}

func (sink) Read([]*packet.Packet) (int, error)        { select {} }
func (sink) Write(batch []*packet.Packet) (int, error) { return len(batch), nil }
func (sink) Close() error                              { return nil }

// counting is a lab whose app sends through a worker of the test's own, and the packets of established flows to send.
func counting(t testing.TB, dst netip.Addr, flows int) (l *lab, w *Worker, originals []*packet.Packet) {
	l = newLab(t, Natural)
	l.commit(options{endpointA: "vpce-1", change: filtered})
	for _, i := range l.router.Snapshot().Interfaces {
		i.attached = &attachment{id: i.ID, port: sink{}}
	}
	w = newWorker(l.router, &attachment{id: "eni-app", port: sink{}})
	w.slots = newSlots()
	originals = make([]*packet.Packet, flows)
	for i := range originals {
		originals[i] = packet.New(64)
		packet.BuildTCP(originals[i], at(app, uint16(1024+i%50000)), at(dst, uint16(80+i/50000)), packet.ACK, 1, 1, make([]byte, 20))
	}
	rand.Shuffle(len(originals), func(i, j int) { originals[i], originals[j] = originals[j], originals[i] })
	return l, w, originals
}

func TestCountingDoesNotAllocate(t *testing.T) {
	l, w, originals := counting(t, internet, batchSize)
	send := func() {
		for i, p := range w.batch {
			p.CopyFrom(originals[i])
		}
		w.process(w.batch)
	}
	send() // pages are made, flows opened
	if n := testing.AllocsPerRun(100, send); n != 0 {
		t.Errorf("%v allocations per batch", n)
	}
	if got := l.counts(w)[Counted{Kind: CountedDelivery, ID: "host"}].Packets; got != 102*batchSize || got != w.counters.PacketsOut {
		t.Errorf("%d packets were counted at the host, %d as out, of %d", got, w.counters.PacketsOut, 102*batchSize)
	}
}

// BenchmarkCounting forwards the same batches by turns with and without the counts of routes, gateways, rules and interfaces. The best
// round of each kind counts, so that what else the machine does weighs little.
func BenchmarkCounting(b *testing.B) {
	for _, row := range []struct {
		name string
		dst  netip.Addr
	}{{"igw", internet}, {"vpce", s3}, {"local", far}} {
		b.Run(row.name, func(b *testing.B) {
			_, w, originals := counting(b, row.dst, 1024)
			round := func() (spent time.Duration) {
				for done := 0; done < len(originals); done += batchSize {
					for i, p := range w.batch {
						p.CopyFrom(originals[done+i])
					}
					start := time.Now()
					w.process(w.batch)
					spent += time.Since(start)
				}
				return spent
			}
			round()
			pages, with, without := w.tallies, time.Hour, time.Hour
			b.ReportAllocs()
			for b.Loop() {
				with = min(with, round())
				w.tallies = nil
				without = min(without, round())
				w.tallies = pages
			}
			b.ReportMetric(float64(without.Nanoseconds())/float64(len(originals)), "ns/packet-uncounted")
			b.ReportMetric(float64(with.Nanoseconds())/float64(len(originals)), "ns/packet")
			b.ReportMetric(100*(float64(with)/float64(without)-1), "%cost")
		})
	}
}

// TestNATGatewaysAreCounted: what routes led to it is counted at its target, what came back by its own metrics.
func TestNATGatewaysAreCounted(t *testing.T) {
	gateway := natGateway()
	w := newWire(t, options{change: withNAT(gateway)})
	w.inject("eni-other", segment(at(other, 1000), at(internet, 80), packet.SYN))
	p := w.receive("host")
	w.inject("host", segment(at(internet, 80), at(p.Src, p.SrcPort), packet.SYN|packet.ACK))
	w.receive("eni-other")
	u := w.router.Usage()
	balanced(t, u, nil)
	metrics := gateway.Metrics()
	var targets []string
	for thing, n := range u.Counts {
		if thing.Kind == CountedGateway && thing.Egress && n.Packets == 1 {
			targets = append(targets, thing.ID)
		}
	}
	require.ElementsMatch(t, []string{"nat-1", "igw"}, targets)
	require.EqualValues(t, 1, metrics.PacketsInFromSource)
	require.EqualValues(t, 1, metrics.PacketsOutToSource)
}
