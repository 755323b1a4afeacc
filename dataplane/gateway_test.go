package dataplane

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/filter"
	"vpcsim/dataplane/packet"
	"vpcsim/dataplane/port"
	"vpcsim/nat"
	"vpcsim/routing"
)

// The NAT gateway that [withNAT] adds: in subnet b, with an Elastic IP that is the next after far's.
var (
	natAddr = netip.MustParseAddr("10.0.2.100")
	natIP   = netip.MustParseAddr("198.51.100.100")
)

// withNAT puts a NAT gateway into subnet b and makes it the default route of subnet a, on whose table S3's endpoint may take
// precedence. The internet gateway maps the NAT gateway's address.
func withNAT(gateway Gateway) func(*Snapshot) {
	return func(s *Snapshot) {
		a, b := s.Interface("eni-app").Subnet, s.Interface("eni-far").Subnet
		igw := nat.NewStatic(map[netip.Addr]netip.Addr{app: appIP, far: farIP, natAddr: natIP})
		eni := &Interface{ID: "eni-nat", Addrs: []netip.Addr{natAddr}, Public: []netip.Addr{natIP}, Subnet: b, Gateway: gateway}
		s.Interfaces = append(s.Interfaces, eni)
		internet := s.Interface("host").Node
		internet.Routes = with(internet.Routes, &Route{Prefix: netip.PrefixFrom(natIP, 32), Target: "igw", Gateway: igw.Ingress(), Node: a.Local})
		a.Local.Routes = with(a.Local.Routes, &Route{Prefix: netip.PrefixFrom(natAddr, 32), Target: "local", Path: conntrack.PathLocal, Interface: eni})
		a.Node.Routes = with(a.Node.Routes, &Route{Prefix: prefix("0.0.0.0/0"), Origin: routing.Static, Target: "nat-1", Path: conntrack.PathNAT,
			Interface: eni, MTU: 8500, ClampMSS: 8460})
		b.Node.Routes = with(b.Node.Routes, &Route{Prefix: prefix("0.0.0.0/0"), Origin: routing.Static, Target: "igw", Path: conntrack.PathInternet,
			Gateway: igw.Egress(), Node: internet, MTU: 1500})
	}
}

// with returns the table with a route added, in the place of the one to the same prefix.
func with(old *routing.Table[*Route], r *Route) *routing.Table[*Route] {
	var b routing.Builder[*Route]
	for _, e := range old.Entries() {
		if e.Prefix != r.Prefix {
			b.Add(e.Prefix, e.Origin, e.Value)
		}
	}
	b.Add(r.Prefix, r.Origin, r)
	built, err := b.Build()
	if err != nil {
		panic(err)
	}
	return built
}

func natGateway() *nat.Gateway {
	return nat.NewGateway(nat.GatewayConfig{Addresses: []netip.Addr{natAddr}, Sources: []netip.Prefix{prefix("10.0.0.0/16")}})
}

func TestThroughNATGateway(t *testing.T) {
	l := newLab(t, Natural)
	l.commit(options{change: withNAT(natGateway())})
	to, reason, p := l.send("eni-other", at(other, 40000), at(internet, 443), packet.SYN)
	require.Equal(t, drop.None, reason)
	if to != "host" || p.Src != natIP || p.SrcPort < 1024 || p.TTL() != 63 {
		t.Errorf("at %s from %s:%d, TTL %d; want the Elastic IP and one hop", to, p.Src, p.SrcPort, p.TTL())
	}
	back, reason, answer := l.send("host", at(internet, 443), at(natIP, p.SrcPort), packet.SYN|packet.ACK)
	if back != "eni-other" || answer.Dst != other || answer.DstPort != 40000 {
		t.Errorf("the answer arrived at %q %s as %s:%d", back, reason, answer.Dst, answer.DstPort)
	}
	if _, reason, _ := l.send("host", at(internet, 444), at(natIP, p.SrcPort), packet.SYN); reason != drop.NATNoMapping {
		t.Errorf("a stranger got %q", reason)
	}
}

// TestFlowsThroughNATGateways is "route change on state": an endpoint on the private subnet's table, or on that of the NAT
// gateway's own subnet (aws-semantics 5.7), cuts the S3 connections behind it and no other.
func TestFlowsThroughNATGateways(t *testing.T) {
	for name, row := range map[string]struct {
		after        options
		path         conntrack.Path
		target       string
		source, seen netip.Addr
	}{
		"endpoint on the private subnet's table":  {options{endpointA: "vpce-1"}, conntrack.PathEndpoint, "vpce-1", natIP, other},
		"endpoint on the NAT gateway's own table": {options{endpointB: "vpce-1"}, conntrack.PathNATEndpoint, "nat-1 > vpce-1", natIP, natAddr},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, Natural)
			gateway := natGateway()
			l.commit(options{change: withNAT(gateway)})
			l.connect("eni-other", at(other, 40000), at(s3, 443))
			l.connect("eni-other", at(other, 40001), at(internet, 443))
			row.after.change = withNAT(gateway)
			l.commit(row.after)
			events := l.drained()
			require.Len(t, events, 1)
			e := events[0]
			if e.Cut != drop.StaleFlow || e.Local != at(other, 40000) || e.PathBefore != conntrack.PathNAT || e.TargetBefore != "nat-1 > igw" ||
				e.SourceBefore != row.source || e.PathAfter != row.path || e.TargetAfter != row.target {
				t.Errorf("event %+v", e)
			}
			if _, reason, p := l.send("eni-other", at(other, 40000), at(s3, 443), packet.ACK); reason != drop.None || p.Src != row.seen {
				t.Errorf("the next segment: %q from %s, want it at S3 from %s", reason, p.Src, row.seen)
			}
			l.commit(options{change: withNAT(gateway)}) // the route flaps back
			if _, reason, _ := l.send("eni-other", at(other, 40000), at(s3, 443), packet.ACK); reason != drop.StaleFlow {
				t.Errorf("the flow was resumed: %q", reason)
			}
		})
	}
}

// TestAWS_NGW5_TheSubnetsACLApplies: the network ACL of the NAT gateway's subnet judges what comes to it and what it sends, in both
// directions; security groups do not (aws-semantics 5.1).
func TestAWS_NGW5_TheSubnetsACLApplies(t *testing.T) {
	everything, nothing := []filter.Rule{all()}, []filter.Rule(nil)
	for name, row := range map[string]struct {
		ingress, egress []filter.Rule
		out, back       drop.Reason
	}{
		"an open ACL":                         {everything, everything, drop.None, drop.None},
		"no inbound entry":                    {nothing, everything, drop.NetworkACL, drop.None},
		"no outbound entry":                   {everything, nothing, drop.NetworkACL, drop.None},
		"inbound from the inside only":        {[]filter.Rule{tcpPort(443, prefix("10.0.0.0/16"))}, everything, drop.None, drop.NetworkACL},
		"outbound to the outside's port only": {everything, []filter.Rule{tcpPort(443, everywhere...)}, drop.None, drop.NetworkACL},
	} {
		t.Run(name, func(t *testing.T) {
			l, gateway := newLab(t, Natural), natGateway()
			l.commit(options{change: func(s *Snapshot) { withNAT(gateway)(s); bounded("eni-far", row.ingress, row.egress)(s) }})
			_, reason, p := l.send("eni-other", at(other, 40000), at(internet, 443), packet.SYN)
			if reason != row.out {
				t.Fatalf("out: %q, want %q", reason, row.out)
			}
			if reason != drop.None {
				return
			}
			if _, reason, _ := l.send("host", at(internet, 443), at(natIP, p.SrcPort), packet.SYN|packet.ACK); reason != row.back {
				t.Errorf("back: %q, want %q", reason, row.back)
			}
		})
	}
}

// TestPublicAddressChange: a connection cannot go on from another public address (aws-semantics 4, elastic-ip-addresses-eip).
func TestPublicAddressChange(t *testing.T) {
	moved := netip.MustParseAddr("198.51.100.77")
	l := newLab(t, Natural)
	l.commit(options{})
	l.connect("eni-app", at(app, 40000), at(internet, 443))
	l.connect("eni-app", at(app, 40000), at(far, 443)) // local: not its business
	l.connect("eni-far", at(far, 40000), at(internet, 443))
	l.commit(options{change: func(s *Snapshot) { s.Interface("eni-app").Public = []netip.Addr{moved} }})
	events := l.drained()
	if len(events) != 1 || events[0].Cut != drop.StaleAddress || events[0].Local != at(app, 40000) || events[0].SourceBefore != appIP {
		t.Errorf("events %+v", events)
	}
}

// TestADropOnTheWayDoesNotChangeWhatIsExpected: of a flow whose first packet did not arrive the source is the expected one.
func TestADropOnTheWayDoesNotChangeWhatIsExpected(t *testing.T) {
	gateway := natGateway()
	l := newLab(t, Natural)
	shut := options{change: func(s *Snapshot) { withNAT(gateway)(s); bounded("eni-far", nil, nil)(s) }}
	l.commit(shut)
	if _, reason, _ := l.send("eni-other", at(other, 40000), at(internet, 443), packet.ACK); reason != drop.NetworkACL {
		t.Fatalf("got %s", reason)
	}
	l.commit(shut)
	if events := l.drained(); len(events) != 0 {
		t.Errorf("events %+v", events)
	}
}

// TestTrackedBecauseOfNAT: through a NAT gateway even an all-open group tracks (aws-semantics 6.3).
func TestTrackedBecauseOfNAT(t *testing.T) {
	gateway := natGateway()
	open := []filter.Rule{all()}
	guard := func(ingress, egress []filter.Rule) options {
		return options{change: func(s *Snapshot) {
			withNAT(gateway)(s)
			s.Interface("eni-other").Groups = filter.NewSecurityGroups(ingress, egress)
		}}
	}
	l := newLab(t, Natural)
	l.commit(guard(open, open))
	l.connect("eni-other", at(other, 40000), at(internet, 443))
	l.commit(guard(nil, nil))
	if _, reason, _ := l.send("eni-other", at(other, 40000), at(internet, 443), packet.ACK); reason != drop.None {
		t.Errorf("the connection did not outlive its rule: %s", reason)
	}
}

// wire is the lab with pipes as ports, for what only a running worker does.
type wire struct {
	*lab
	ports map[string]*port.Pipe
	ctx   context.Context
}

func newWire(t *testing.T, o options) *wire {
	w := &wire{lab: newLab(t, Natural), ports: map[string]*port.Pipe{}}
	for _, id := range []string{"eni-app", "eni-other", "eni-far", "host", "s3"} {
		w.ports[id] = w.attach(id, 64)
	}
	w.commit(o)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	w.ctx = ctx
	return w
}

func (w *wire) inject(id string, p *packet.Packet) {
	require.NoError(w.t, w.ports[id].Inject(p.Bytes()))
}

func (w *wire) receive(id string) *packet.Packet {
	w.t.Helper()
	b, err := w.ports[id].Receive(w.ctx)
	require.NoError(w.t, err)
	p := packet.New(len(b))
	p.SetBytes(b)
	require.Equal(w.t, packet.OK, p.Decode())
	if !p.ValidChecksum() {
		w.t.Errorf("%s received a packet with a wrong checksum", id)
	}
	return p
}

// counters ends the router and returns what it counted.
func (w *wire) counters() Counters {
	w.t.Helper()
	w.close()
	return w.router.Counters()
}

func datagram(src, dst netip.AddrPort, size int) *packet.Packet {
	p := packet.New(size + 28)
	packet.BuildUDP(p, src, dst, make([]byte, size))
	return p
}

func TestRFC4787_REQ13_TooBigIsAnswered(t *testing.T) {
	for name, row := range map[string]struct {
		from   string
		src    netip.Addr
		mtu    uint16
		sender netip.Addr
	}{
		"the subnet's router answers for the internet gateway": {"eni-far", far, 1500, routerA.Next()},
		"behind a NAT gateway the answer comes through it":     {"eni-other", other, 1500, routerA.Next()},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t, options{change: withNAT(natGateway())})
			w.inject(row.from, datagram(at(row.src, 5000), at(internet, 53), 1473)) // DF is set
			p := w.receive(row.from)
			quoted, _ := p.EmbeddedSrc()
			_, port, _, _ := p.EmbeddedPorts()
			if p.ICMPType != packet.ICMPDestinationUnreachable || p.ICMPCode != packet.CodeFragmentationNeeded || p.Src != row.sender ||
				quoted != row.src || port != 5000 || p.Bytes()[26] != byte(row.mtu>>8) || p.Bytes()[27] != byte(row.mtu&0xff) {
				t.Errorf("answer % x", p.Bytes())
			}
			w.inject(row.from, datagram(at(row.src, 5000), at(internet, 53), 1472))
			if got := w.receive("host").Len(); got != 1500 {
				t.Errorf("%d bytes arrived", got)
			}
			if c := w.counters(); c.ICMPErrors != 1 || c.Drops[drop.MTUExceeded] != 1 {
				t.Errorf("counters %+v", c)
			}
		})
	}
}

// TestRFC4787_REQ13_FragmentedWithoutDF: without DF what is too large for the internet gateway goes on in pieces (aws-semantics 4, network-mtu).
func TestRFC4787_REQ13_FragmentedWithoutDF(t *testing.T) {
	w := newWire(t, options{change: withNAT(natGateway())})
	p := datagram(at(far, 5000), at(internet, 53), 4000)
	clearDF(p)
	w.inject("eni-far", p)
	total := 0
	for total < 4008 {
		f := w.receive("host")
		if f.Len() > 1500 || f.Src != farIP {
			t.Fatalf("%d bytes from %s", f.Len(), f.Src)
		}
		total += f.Len() - 20
	}
	if c := w.counters(); c.PacketsOut != 1 {
		t.Errorf("counters %+v", c)
	}
}

// clearDF lets a packet be fragmented.
func clearDF(p *packet.Packet) {
	b := append([]byte(nil), p.Bytes()...)
	b[6] &^= 0x40
	sum := uint32(b[10])<<8 + uint32(b[11]) + 0x4000
	sum = sum>>16 + sum&0xffff
	b[10], b[11] = byte(sum>>8), byte(sum)
	p.SetBytes(b)
	if f := p.Decode(); f != packet.OK {
		panic(f.String())
	}
}

// TestEndpointsDropWhatIsTooLargeInSilence: aws-semantics 3.4.
func TestEndpointsDropWhatIsTooLargeInSilence(t *testing.T) {
	w := newWire(t, options{endpointA: "vpce-1", change: func(s *Snapshot) {
		for _, e := range s.Interface("eni-app").Subnet.Node.Routes.Entries() {
			if e.Value.Path == conntrack.PathEndpoint {
				e.Value.MTU, e.Value.Silent = 8500, true
			}
		}
	}})
	p := packet.New(9001)
	packet.BuildTCP(p, at(app, 5000), at(s3, 443), packet.ACK, 1, 1, make([]byte, 8461))
	w.inject("eni-app", p)
	w.inject("eni-app", segment(at(app, 1), at(far, 1), packet.SYN)) // behind it
	w.receive("eni-far")
	if c := w.counters(); c.ICMPErrors != 0 || c.Drops[drop.MTUExceeded] != 1 {
		t.Errorf("counters %+v", c)
	}
}

func TestNATGatewayAnswers(t *testing.T) {
	t.Run("a segment without a session gets a RST that its sender accepts", func(t *testing.T) {
		w := newWire(t, options{change: withNAT(natGateway())})
		w.inject("eni-other", segment(at(other, 40000), at(internet, 443), packet.ACK))
		if p := w.receive("eni-other"); p.TCPFlags != packet.RST || p.Src != internet || p.SrcPort != 443 || p.TCPSeq() != 2000 {
			t.Errorf("flags %#x from %s:%d, sequence %d", p.TCPFlags, p.Src, p.SrcPort, p.TCPSeq())
		}
		if c := w.counters(); c.Resets != 1 || c.Drops[drop.NATIdle] != 1 || c.PacketsOut != 0 {
			t.Errorf("counters %+v", c)
		}
	})
	t.Run("a time to live that ran out is told from the gateway's private address", func(t *testing.T) {
		w := newWire(t, options{change: withNAT(natGateway())})
		p := datagram(at(other, 40000), at(internet, 33434), 32)
		for p.TTL() > 1 {
			p.DecrementTTL()
		}
		w.inject("eni-other", p)
		if p := w.receive("eni-other"); p.ICMPType != packet.ICMPTimeExceeded || p.Src != natAddr {
			t.Errorf("ICMP type %d from %s", p.ICMPType, p.Src)
		}
		if c := w.counters(); c.ICMPErrors != 1 || c.Drops[drop.TTLExpired] != 1 {
			t.Errorf("counters %+v", c)
		}
	})
	t.Run("fragments wait for their first one and arrive behind it", func(t *testing.T) {
		w := newWire(t, options{change: withNAT(natGateway())})
		whole, pieces := datagram(at(other, 5000), at(internet, 53), 2000), []*packet.Packet(nil)
		clearDF(whole)
		for offset, more := 0, true; more; {
			f := packet.New(1500)
			offset, more = whole.FragmentInto(f, 1000, offset)
			pieces = append(pieces, f)
		}
		for n := len(pieces) - 1; n >= 0; n-- {
			w.inject("eni-other", pieces[n])
		}
		for n := range pieces {
			p := w.receive("host")
			if p.Src != natIP || p.LaterFragment() != (n > 0) {
				t.Errorf("piece %d from %s, later: %v", n, p.Src, p.LaterFragment())
			}
		}
		if c := w.counters(); c.PacketsOut != uint64(len(pieces)) || c.Drops[drop.Held] != 0 {
			t.Errorf("counters %+v", c)
		}
	})
}
