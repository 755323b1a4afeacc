package dataplane

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
	"vpcsim/routing"
)

func TestForward(t *testing.T) {
	endpoint := options{endpointA: "vpce-1"}
	blackhole := options{more: []*Route{{Prefix: prefix("203.0.113.0/24"), Origin: routing.Static, Target: "nat-gone", Drop: drop.BadStateRoute}}}
	narrow := options{endpointA: "vpce-1", more: []*Route{}}
	none := netip.Addr{}
	for name, row := range map[string]struct {
		options options
		from    string
		src     netip.Addr
		dst     netip.Addr
		to      string
		reason  drop.Reason
		seen    netip.Addr // the source at delivery
	}{
		"a neighbour in the subnet is reached directly":                     {options{}, "eni-app", app, other, "eni-other", drop.None, app},
		"another subnet of the VPC is local":                                {options{}, "eni-app", app, far, "eni-far", drop.None, app},
		"the internet sees the public address":                              {options{}, "eni-app", app, internet, "host", drop.None, appIP},
		"S3 over the internet sees the public address":                      {options{}, "eni-app", app, s3, "s3", drop.None, appIP},
		"S3 through an endpoint sees the private address":                   {endpoint, "eni-app", app, s3, "vpce-1", drop.None, app},
		"the endpoint of one table is no use to another":                    {endpoint, "eni-far", far, s3, "s3", drop.None, farIP},
		"the internet reaches a public address":                             {options{}, "host", internet, appIP, "eni-app", drop.None, internet},
		"without a public address there is no way out":                      {options{}, "eni-other", other, internet, "", drop.IGWNoPublicIP, none},
		"without a public address S3 is reached through an endpoint":        {narrow, "eni-other", other, s3, "vpce-1", drop.None, other},
		"a blackhole wins over the default route and drops":                 {blackhole, "eni-app", app, internet, "", drop.BadStateRoute, none},
		"an unassigned address of the VPC does not leak out":                {options{}, "eni-app", app, netip.MustParseAddr("10.0.9.9"), "", drop.NoPossibleDestination, none},
		"an address that is not the interface's own is refused":             {options{}, "eni-app", other, internet, "", drop.SourceDestCheck, none},
		"an internet host may not use another's address":                    {options{}, "host", s3, appIP, "", drop.SourceDestCheck, none},
		"an address on the internet that nobody has":                        {options{}, "eni-app", app, netip.MustParseAddr("8.8.8.8"), "", drop.NoRouteToDestination, none},
		"broadcast is not carried":                                          {options{}, "eni-app", app, netip.MustParseAddr("255.255.255.255"), "", drop.NotUnicast, none},
		"a loopback address is none on a wire":                              {options{}, "eni-app", app, netip.MustParseAddr("127.0.0.1"), "", drop.NotUnicast, none},
		"class E is not carried":                                            {options{}, "eni-app", app, netip.MustParseAddr("240.0.0.1"), "", drop.NotUnicast, none},
		"multicast is not carried":                                          {options{}, "eni-app", app, netip.MustParseAddr("224.0.0.1"), "", drop.NotUnicast, none},
		"a neighbour's public address is reached through the gateway twice": {options{}, "eni-app", app, farIP, "eni-far", drop.None, appIP},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, Natural)
			l.commit(row.options)
			to, reason, p := l.send(row.from, at(row.src, 40000), at(row.dst, 80), packet.SYN)
			if to != row.to || reason != row.reason {
				t.Fatalf("arrived at %q %s, want %q %s", to, reason, row.to, row.reason)
			}
			if reason == drop.None && p.Src != row.seen {
				t.Errorf("source at delivery %s, want %s", p.Src, row.seen)
			}
			if !p.ValidChecksum() {
				t.Error("checksum broken on the way")
			}
		})
	}
}

func TestTraceIsForward(t *testing.T) {
	l := newLab(t, Natural)
	l.commit(options{endpointA: "vpce-1"})
	trace := l.router.Snapshot().Trace(l.router, l.router.Snapshot().Interface("eni-app"), segment(at(app, 1), at(s3, 80), packet.SYN), nil)
	if trace.Delivered == nil || trace.Delivered.ID != "vpce-1" {
		t.Fatalf("traced to %v, %s", trace.Delivered, trace.Drop)
	}
	var where []string
	for _, s := range trace.Steps {
		where = append(where, s.Stage.String()+":"+s.Where)
	}
	want := []string{"interface:eni-app", "route:rtb-a", "gateway:vpce-1", "interface:vpce-1"}
	if len(where) != len(want) {
		t.Fatalf("steps %v, want %v", where, want)
	}
	for i := range want {
		if where[i] != want[i] {
			t.Errorf("step %d: %s, want %s", i, where[i], want[i])
		}
	}
	if n := l.router.flows.Len(); n != 0 {
		t.Errorf("a probe left %d flows behind", n)
	}
}

func TestLoopEnds(t *testing.T) {
	l := newLab(t, Natural)
	s := l.snapshot(options{})
	loop := &Node{ID: "loop"}
	loop.Routes = table(t, &Route{Prefix: prefix("0.0.0.0/0"), Target: "self", Node: loop})
	for _, i := range s.Interfaces {
		if i.ID == "host" {
			i.Node = loop
		}
	}
	l.router.Commit(s)
	if _, reason, _ := l.send("host", at(internet, 1), at(appIP, 1), packet.SYN); reason != drop.Loop {
		t.Errorf("got %s, want %s", reason, drop.Loop)
	}
}

func TestForwardDoesNotAllocate(t *testing.T) {
	l := newLab(t, Natural)
	l.commit(options{endpointA: "vpce-1"})
	for name, dst := range map[string]netip.Addr{"to the internet": internet, "to an endpoint": s3, "inside the VPC": far} {
		t.Run(name, func(t *testing.T) {
			w, from := l.worker(), l.router.Snapshot().Interface("eni-app")
			original := segment(at(app, 40000), at(dst, 80), packet.ACK)
			p := packet.New(256)
			forward := func() {
				p.CopyFrom(original)
				p.Decode()
				if _, reason := w.Forward(from, p); reason != drop.None {
					t.Fatal(reason)
				}
			}
			forward() // the flow's first packet takes a slot
			if n := testing.AllocsPerRun(1000, forward); n != 0 {
				t.Errorf("%v allocations per packet", n)
			}
		})
	}
}

// BenchmarkForward times decode and forward of packets of established flows. The packets are many, so that neither the branch
// predictor nor the nearest cache knows the next one; filling the buffers is not timed, as it is the port's work.
func BenchmarkForward(b *testing.B) {
	for _, row := range []struct {
		name  string
		dst   netip.Addr
		flows int
	}{
		{"igw/1k", internet, 1000}, {"igw/100k", internet, 100_000}, {"vpce/1k", s3, 1000}, {"local/1k", far, 1000},
	} {
		b.Run(row.name, func(b *testing.B) {
			l := newLab(b, Natural)
			l.commit(options{endpointA: "vpce-1"})
			w, from := l.worker(), l.router.Snapshot().Interface("eni-app")
			originals, batch := make([]*packet.Packet, row.flows), make([]*packet.Packet, batchSize)
			for i := range originals {
				originals[i] = packet.New(64)
				packet.BuildTCP(originals[i], at(app, uint16(1024+i%50000)), at(row.dst, uint16(80+i/50000)), packet.ACK, 1, 1, make([]byte, 20))
			}
			for i := range batch {
				batch[i] = packet.New(64)
			}
			rand.Shuffle(len(originals), func(i, j int) { originals[i], originals[j] = originals[j], originals[i] })
			forward := func(batch []*packet.Packet) {
				for _, p := range batch {
					if p.Decode() != packet.OK {
						b.Fatal("malformed")
					}
					if _, reason := w.Forward(from, p); reason != drop.None {
						b.Fatal(reason)
					}
				}
			}
			var spent time.Duration
			packets := 0
			round := func() {
				for done := 0; done+batchSize <= len(originals); done += batchSize {
					for i, p := range batch {
						p.CopyFrom(originals[done+i])
					}
					start := time.Now()
					forward(batch)
					spent += time.Since(start)
					packets += batchSize
				}
			}
			round() // opens the flows
			spent, packets = 0, 0
			b.ReportAllocs()
			for b.Loop() {
				round()
			}
			b.ReportMetric(float64(spent.Nanoseconds())/float64(packets), "ns/packet")
		})
	}
}

func TestFlowRemembersWhatTheFarSideSees(t *testing.T) {
	l := newLab(t, Natural)
	l.commit(options{endpointA: "vpce-1"})
	l.connect("eni-app", at(app, 1000), at(internet, 80))
	l.connect("eni-app", at(app, 1001), at(s3, 80))
	got := map[conntrack.Path]netip.Addr{}
	l.router.Flows(func(_ *Interface, _ conntrack.Tuple, f conntrack.Flow) { got[f.Path] = f.SourceAddr() })
	if got[conntrack.PathInternet] != appIP || got[conntrack.PathEndpoint] != app {
		t.Errorf("got %v", got)
	}
}
