package dataplane

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
	"vpcsim/dataplane/port"
	"vpcsim/routing"
)

// TestExactness opens 10,000 flows, half of them to S3, and installs the endpoint: all the S3 flows of the table are cut, with
// an event each, and none of the others.
func TestExactness(t *testing.T) {
	l := newLab(t, Natural)
	l.commit(options{})
	const each = 1000
	wantCut := map[netip.AddrPort]bool{}
	for i := range uint16(each) {
		for n, dst := range []netip.Addr{s3, s3.Next(), s3.Next().Next(), s3.Prev(), netip.MustParseAddr("52.217.255.254")} {
			local := at(app, 1024+i*5+uint16(n))
			l.connect("eni-app", local, at(dst, 80))
			wantCut[local] = true
		}
		l.connect("eni-app", at(app, 20000+i), at(internet, 80)) // control: internet
		l.connect("host", at(internet, 20000+i), at(appIP, 22))  // control: inbound
		l.connect("eni-app", at(app, 30000+i), at(far, 80))      // control: local, two flows
		l.connect("eni-far", at(far, 40000+i), at(s3, 80))       // control: another table
	}
	require.Equal(t, 10*each, l.router.flows.Len())
	l.commit(options{endpointA: "vpce-1"})

	events := l.drained()
	for _, e := range events {
		if e.Cut != drop.StaleFlow || !wantCut[e.Local] {
			t.Fatalf("cut a control connection: %s -> %s", e.Local, e.Remote)
		}
		delete(wantCut, e.Local)
		if e.PathBefore != conntrack.PathInternet || e.PathAfter != conntrack.PathEndpoint ||
			e.TargetBefore != "igw" || e.TargetAfter != "vpce-1" || e.SourceBefore != appIP || e.SourceAfter.IsValid() || !e.Outbound {
			t.Fatalf("event %+v", e)
		}
	}
	if len(events) != 5*each || len(wantCut) != 0 {
		t.Errorf("%d events, want %d; %d S3 flows not cut", len(events), 5*each, len(wantCut))
	}
	l.router.Commit(l.snapshot(options{endpointA: "vpce-1"}))
	if n := len(l.drained()); n != 0 {
		t.Errorf("a commit that changes nothing made %d events", n)
	}
}

func TestRouteChanges(t *testing.T) {
	const app1, far1 = "app", "far"
	narrow := []*Route{} // filled below: a static route inside the prefix list
	narrow = append(narrow, &Route{Prefix: prefix("52.216.1.0/24"), Origin: routing.Static, Target: "igw",
		Path: conntrack.PathInternet, Gateway: igw.Egress(), Node: &Node{ID: "internet", Routes: table(t)}})
	for name, row := range map[string]struct {
		before, after options
		cut           []string
	}{
		"endpoint created on one table":                        {options{}, options{endpointA: "vpce-1"}, []string{app1}},
		"endpoint deleted":                                     {options{endpointA: "vpce-1"}, options{}, []string{app1}},
		"endpoint moved to another table":                      {options{endpointA: "vpce-1"}, options{endpointB: "vpce-1"}, []string{app1, far1}},
		"endpoint replaced by another":                         {options{endpointA: "vpce-1"}, options{endpointA: "vpce-2"}, []string{app1}},
		"a more specific static route keeps its part of S3":    {options{more: narrow}, options{endpointA: "vpce-1", more: narrow}, nil},
		"the commit of an equal snapshot":                      {options{endpointA: "vpce-1"}, options{endpointA: "vpce-1"}, nil},
		"a more specific static route takes part of S3 away":   {options{endpointA: "vpce-1"}, options{endpointA: "vpce-1", more: narrow}, []string{app1}},
		"the literal launch text spares the other subnet's S3": {options{}, options{endpointA: "vpce-1", cut: true}, []string{app1, "internet"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, Natural)
			l.commit(row.before)
			local := map[string]netip.AddrPort{app1: at(app, 1000), far1: at(far, 1000), "internet": at(app, 1001), "local": at(app, 1002)}
			remote := map[string]netip.AddrPort{app1: at(s3, 80), far1: at(s3, 80), "internet": at(internet, 80), "local": at(far, 80)}
			for who := range local {
				from := "eni-app"
				if who == far1 {
					from = "eni-far"
				}
				if _, reason, _ := l.send(from, local[who], remote[who], packet.ACK); reason != drop.None && len(row.before.more) == 0 {
					t.Fatal(who, reason)
				}
			}
			l.commit(row.after)
			got := map[netip.AddrPort]bool{}
			for _, e := range l.drained() {
				got[e.Local] = true
			}
			if len(got) != len(row.cut) {
				t.Errorf("%d cut, want %v", len(got), row.cut)
			}
			for _, who := range row.cut {
				if !got[local[who]] {
					t.Errorf("%s not cut", who)
				}
			}
		})
	}
}

func TestModes(t *testing.T) {
	src, dst := at(app, 1000), at(s3, 80)
	for name, row := range map[string]struct {
		mode     Mode
		outbound string // where the client's segment arrives
		inbound  string // where the old far side's segment arrives
		reset    bool   // the router answers the client
	}{
		"natural: the segment goes where the route says": {Natural, "vpce-1", "eni-app", false},
		"silent: both directions are discarded":          {Silent, "", "", false},
		"rst: both directions are answered":              {Reset, "", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, row.mode)
			l.commit(options{})
			l.connect("eni-app", src, dst)
			l.commit(options{endpointA: "vpce-1"})
			w := l.worker()
			p := segment(src, dst, packet.ACK)
			to, _ := w.Forward(w.snapshot.Interface("eni-app"), p)
			if got := id(to); got != row.outbound {
				t.Errorf("the client's segment arrived at %q, want %q", got, row.outbound)
			}
			if got := w.answer.to != nil; got != row.reset {
				t.Errorf("reset due: %v, want %v", got, row.reset)
			}
			got, _, _ := l.send("s3", dst, at(appIP, 1000), packet.ACK)
			if got != row.inbound {
				t.Errorf("the old far side's segment arrived at %q, want %q", got, row.inbound)
			}
			if to, _, _ := l.send("eni-app", src, dst, packet.SYN); to != "vpce-1" {
				t.Errorf("a fresh SYN on the same ports arrived at %q, want the endpoint", to)
			}
			if to, _, _ := l.send("eni-app", src, dst, packet.ACK); to != "vpce-1" {
				t.Errorf("the new connection's segment arrived at %q, want the endpoint", to)
			}
		})
	}
}

func id(i *Interface) string {
	if i == nil {
		return ""
	}
	return i.ID
}

// TestNeverResumed lets the route flap: create, delete, and not one packet in between.
func TestNeverResumed(t *testing.T) {
	src, dst := at(app, 1000), at(s3, 80)
	for _, mode := range []Mode{Natural, Silent, Reset} {
		t.Run(mode.String(), func(t *testing.T) {
			l := newLab(t, mode)
			l.commit(options{})
			l.connect("eni-app", src, dst)
			l.commit(options{endpointA: "vpce-1"})
			l.commit(options{})
			if n := len(l.drained()); n != 1 {
				t.Errorf("%d events, want the one cut", n)
			}
			w := l.worker()
			p := segment(src, dst, packet.ACK)
			to, reason := w.Forward(w.snapshot.Interface("eni-app"), p)
			if to != nil || reason != drop.StaleFlow {
				t.Errorf("the flow was resumed: arrived at %q, %s", id(to), reason)
			}
			if got, want := w.answer.to != nil, mode != Silent; got != want {
				t.Errorf("reset due: %v, want %v", got, want)
			}
			l.connect("eni-app", src, dst)
			if _, reason, _ := l.send("eni-app", src, dst, packet.ACK); reason != drop.None {
				t.Errorf("the new connection on the same ports: %s", reason)
			}
		})
	}
}

func TestOnlyConnectionsAreCut(t *testing.T) {
	l := newLab(t, Natural)
	l.commit(options{})
	w := l.worker()
	ping, datagram := packet.New(128), packet.New(128)
	packet.BuildICMPEcho(ping, app, s3, 7, 1, nil)
	w.Forward(w.snapshot.Interface("eni-app"), ping)
	packet.BuildUDP(datagram, at(app, 1001), at(s3, 53), nil)
	w.Forward(w.snapshot.Interface("eni-app"), datagram)
	l.connect("eni-app", at(app, 1000), at(s3, 80))
	l.send("eni-app", at(app, 1000), at(s3, 80), packet.RST) // closed: nothing left to cut
	l.commit(options{endpointA: "vpce-1"})
	events := l.drained()
	protocols := map[uint8]bool{}
	for _, e := range events {
		protocols[e.Protocol] = true
		if e.Cut != drop.None || e.SourceBefore != appIP || e.SourceAfter != app || e.PathAfter != conntrack.PathEndpoint {
			t.Errorf("event %+v, want a flow rerouted", e)
		}
	}
	if len(events) != 2 || !protocols[packet.ICMP] || !protocols[packet.UDP] {
		t.Fatalf("events %+v, want the ping and the datagram rerouted, and no more", events)
	}
	w = l.worker()
	packet.BuildICMPEcho(ping, app, s3, 7, 2, nil)
	if to, reason := w.Forward(w.snapshot.Interface("eni-app"), ping); id(to) != "vpce-1" {
		t.Errorf("the next ping arrived at %q, %s", id(to), reason)
	}
}

func TestFlowsOfAGoneInterfaceAreForgotten(t *testing.T) {
	l := newLab(t, Natural)
	l.commit(options{})
	l.connect("eni-app", at(app, 1000), at(internet, 80))
	s := l.snapshot(options{})
	s.Interfaces = s.Interfaces[:2] // only the edges
	l.router.Commit(s)
	if n := l.router.flows.Len(); n != 0 {
		t.Errorf("%d flows left", n)
	}
}

// TestHandshakes: what is not yet a connection is not cut, and what already is one for the far side is.
func TestHandshakes(t *testing.T) {
	src, dst := at(app, 1000), at(s3, 80)
	for name, row := range map[string]struct {
		answered bool
		cut      int
	}{
		"a SYN that nobody answered": {false, 0},
		"a SYN that was answered":    {true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, Silent)
			l.commit(options{})
			l.send("eni-app", src, dst, packet.SYN)
			if row.answered {
				l.send("s3", dst, at(appIP, 1000), packet.SYN|packet.ACK)
			}
			l.commit(options{endpointA: "vpce-1"})
			if n := len(l.drained()); n != row.cut {
				t.Errorf("%d cut, want %d", n, row.cut)
			}
			if to, reason, _ := l.send("eni-app", src, dst, packet.SYN); to != "vpce-1" {
				t.Errorf("the repeated SYN: arrived at %q %s, want the endpoint", to, reason)
			}
			if to, _, _ := l.send("eni-app", src, dst, packet.ACK); to != "vpce-1" {
				t.Errorf("what follows arrived at %q, want the endpoint", to)
			}
		})
	}
}

// TestWorkersForwardWhatPortsRead: the whole way through ports, batches and counters, resets included.
func TestWorkersForwardWhatPortsRead(t *testing.T) {
	l := newLab(t, Reset)
	ports := map[string]*port.Pipe{}
	for _, id := range []string{"eni-app", "eni-other", "eni-far", "host", "s3"} {
		ports[id] = l.attach(id, 64)
	}
	l.commit(options{})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	receive := func(id string) *packet.Packet {
		t.Helper()
		p := packet.New(2048)
		b, err := ports[id].Receive(ctx)
		require.NoError(t, err)
		p.SetBytes(b)
		require.Equal(t, packet.OK, p.Decode())
		return p
	}
	inject := func(id string, p *packet.Packet) { require.NoError(t, ports[id].Inject(p.Bytes())) }

	inject("eni-app", segment(at(app, 1000), at(s3, 80), packet.SYN))
	if p := receive("s3"); p.Src != appIP || p.SrcPort != 1000 {
		t.Errorf("S3 saw %s:%d", p.Src, p.SrcPort)
	}
	inject("s3", segment(at(s3, 80), at(appIP, 1000), packet.SYN|packet.ACK))
	receive("eni-app")
	l.commit(options{endpointA: "vpce-1"})
	inject("eni-app", segment(at(app, 1000), at(s3, 80), packet.ACK))
	if p := receive("eni-app"); p.TCPFlags&packet.RST == 0 || p.Src != s3 || p.TCPSeq() != 2000 || !p.ValidChecksum() {
		t.Errorf("the client was answered with flags %#x from %s, sequence %d", p.TCPFlags, p.Src, p.TCPSeq())
	}
	inject("s3", segment(at(s3, 80), at(appIP, 1000), packet.ACK))
	if p := receive("s3"); p.TCPFlags&packet.RST == 0 || p.Src != appIP || !p.ValidChecksum() {
		t.Errorf("S3 was answered with flags %#x from %s", p.TCPFlags, p.Src)
	}
	if p := receive("eni-app"); p.TCPFlags&packet.RST == 0 || p.Src != s3 || p.TCPSeq() != 1000 || !p.ValidChecksum() {
		t.Errorf("in place of S3's segment the client got flags %#x from %s, sequence %d", p.TCPFlags, p.Src, p.TCPSeq())
	}
	malformed := packet.New(64)
	malformed.SetBytes([]byte{0x45, 0, 0, 1})
	inject("eni-app", malformed)
	inject("eni-app", segment(at(app, 1000), at(far, 80), packet.SYN)) // behind it, so that all is counted
	receive("eni-far")
	l.close()
	c := l.router.Counters()
	drops := uint64(0)
	for _, n := range c.Drops {
		drops += n
	}
	if c.PacketsIn != 6 || c.PacketsIn != c.PacketsOut+drops || c.Resets != 3 || c.Drops[drop.Malformed] != 1 || c.Drops[drop.StaleFlow] != 2 {
		t.Errorf("counters %+v", c)
	}
}

// TestCommitTimes measures with a real clock, in a table of 10,000 flows, how long after the commit the first drop is noted,
// which must be within 1 ms, and how long the whole commit takes. The best of several commits counts: the bound is on the
// router and not on when a loaded machine runs it.
func TestCommitTimes(t *testing.T) {
	best, whole := time.Hour, time.Hour
	for range 5 {
		l := newLab(t, Natural)
		l.commit(options{})
		for i := range uint16(10_000) {
			l.send("eni-app", at(app, 1024+i), at(s3, 80), packet.ACK)
		}
		began := time.Now()
		l.began.Store(&began)
		committed := l.router.Commit(l.snapshot(options{endpointA: "vpce-1"}))
		whole = min(whole, time.Since(began))
		events := l.drained()
		require.Len(t, events, 10_000)
		for _, e := range events {
			best = min(best, time.Duration(e.Time-committed))
		}
	}
	t.Logf("10,000 flows cut in %v, the first %v after the commit", whole, best)
	if best < 0 || best > time.Millisecond {
		t.Errorf("first drop %v after the commit, want at most 1ms", best)
	}
}
