package dataplane

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/filter"
	"vpcsim/dataplane/packet"
)

var everywhere = []netip.Prefix{prefix("0.0.0.0/0")}

// rules of a security group or network ACL, as tests spell them.
func all() filter.Rule {
	return filter.Rule{ID: "all", Protocol: filter.Any, LastPort: 65535, ICMPType: filter.Any, ICMPCode: filter.Any, Peers: everywhere}
}

func tcpPort(port uint16, peers ...netip.Prefix) filter.Rule {
	return filter.Rule{ID: "tcp", Protocol: packet.TCP, FirstPort: port, LastPort: port, ICMPType: filter.Any, ICMPCode: filter.Any, Peers: peers}
}

func denied(r filter.Rule) filter.Rule {
	r.Deny = true
	return r
}

// guarded gives an interface security groups.
func guarded(id string, ingress, egress []filter.Rule) func(*Snapshot) {
	return func(s *Snapshot) { s.Interface(id).Groups = filter.NewSecurityGroups(ingress, egress) }
}

// bounded gives the subnet of an interface a network ACL.
func bounded(id string, ingress, egress []filter.Rule) func(*Snapshot) {
	return func(s *Snapshot) { s.Interface(id).Subnet.ACL = filter.NewNetworkACL("acl-1", ingress, egress) }
}

// hop is one packet of a conversation and what becomes of it.
type hop struct {
	from     string
	src, dst netip.AddrPort
	flags    uint8
	want     drop.Reason
}

func (l *lab) converse(t *testing.T, hops []hop) {
	t.Helper()
	for n, h := range hops {
		if _, got, _ := l.send(h.from, h.src, h.dst, h.flags); got != h.want {
			t.Errorf("packet %d, %s -> %s: %q, want %q", n+1, h.src, h.dst, got, h.want)
		}
	}
}

func TestSecurityGroups(t *testing.T) {
	out, in, srv := at(app, 40000), at(appIP, 40000), at(internet, 443)
	ssh, client := at(app, 22), at(internet, 50000)
	const syn, synAck, ack = packet.SYN, packet.SYN | packet.ACK, packet.ACK
	web := []filter.Rule{tcpPort(443, everywhere...)}
	for name, row := range map[string]struct {
		ingress, egress []filter.Rule
		hops            []hop
	}{
		"the answer to what a rule let out passes without a rule": {nil, web, []hop{
			{"eni-app", out, srv, syn, drop.None}, {"host", srv, in, synAck, drop.None}, {"eni-app", out, srv, ack, drop.None},
		}},
		"the answer to what a rule let in passes without a rule": {[]filter.Rule{tcpPort(22, everywhere...)}, nil, []hop{
			{"host", client, at(appIP, 22), syn, drop.None}, {"eni-app", ssh, client, synAck, drop.None},
		}},
		"what no rule allows is dropped at the sender": {nil, web, []hop{
			{"eni-app", out, at(internet, 80), syn, drop.SecurityGroup},
		}},
		"groups without an outbound rule let nothing out": {web, nil, []hop{
			{"eni-app", out, srv, syn, drop.SecurityGroupEmpty},
		}},
		"groups without an inbound rule let nothing in": {nil, web, []hop{
			{"host", client, at(appIP, 443), syn, drop.SecurityGroupEmpty},
		}},
		"another port of the same peer is no answer": {nil, web, []hop{
			{"eni-app", out, srv, syn, drop.None}, {"host", srv, at(appIP, 40001), synAck, drop.SecurityGroupEmpty},
		}},
		"inside a subnet the groups stand, too": {[]filter.Rule{tcpPort(22, everywhere...)}, []filter.Rule{all()}, []hop{
			{"eni-other", at(other, 1), at(app, 80), syn, drop.SecurityGroup}, {"eni-other", at(other, 1), at(app, 22), syn, drop.None},
		}},
		"the rules see the private address, not the public one": {[]filter.Rule{tcpPort(80, prefix("198.51.100.10/32"))}, []filter.Rule{all()}, []hop{
			{"eni-other", at(other, 1), at(app, 80), syn, drop.SecurityGroup},
		}},
		"to the resolver nothing is filtered": {nil, nil, []hop{
			{"eni-app", out, at(resolver, 53), syn, drop.NoPossibleDestination}, // not a word of the groups
		}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, Natural)
			l.commit(options{change: guarded("eni-app", row.ingress, row.egress)})
			l.converse(t, row.hops)
		})
	}
}

// TestRuleRemoval is aws-semantics 6.4: a tracked connection outlives its rule, an untracked one does not.
func TestRuleRemoval(t *testing.T) {
	open, shut := []filter.Rule{all()}, []filter.Rule{tcpPort(1, everywhere...)}
	out, srv := at(app, 40000), at(internet, 443)
	for name, row := range map[string]struct {
		before, after [2][]filter.Rule // ingress, egress
		wantEvent     bool
		want          drop.Reason
	}{
		"a tracked connection lives on when its rule goes":     {[2][]filter.Rule{shut, open}, [2][]filter.Rule{shut, shut}, false, drop.None},
		"an untracked connection is cut when its rule goes":    {[2][]filter.Rule{open, open}, [2][]filter.Rule{open, shut}, true, drop.SecurityGroup},
		"an untracked connection lives on under the same rule": {[2][]filter.Rule{open, open}, [2][]filter.Rule{open, open}, false, drop.None},
		"an untracked connection lives on by a narrower rule": {
			[2][]filter.Rule{open, open}, [2][]filter.Rule{open, {tcpPort(443, everywhere...)}}, false, drop.None,
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, Natural)
			l.commit(options{change: guarded("eni-app", row.before[0], row.before[1])})
			l.connect("eni-app", out, srv)
			l.commit(options{change: guarded("eni-app", row.after[0], row.after[1])})
			events := l.drained()
			if got := len(events) == 1 && events[0].Cut == drop.SecurityGroup; got != row.wantEvent {
				t.Errorf("events %+v", events)
			}
			l.converse(t, []hop{{"eni-app", out, srv, packet.ACK, row.want}})
			l.commit(options{change: guarded("eni-app", row.before[0], row.before[1])})
			l.converse(t, []hop{{"eni-app", out, srv, packet.ACK, drop.None}}) // the rule is back, and so are the packets
		})
	}
}

// TestAnswersDoNotBringAnUntrackedConnectionBack: what the instance still sends of it is no new connection of its own, even where
// everything may go out.
func TestAnswersDoNotBringAnUntrackedConnectionBack(t *testing.T) {
	open := []filter.Rule{all()}
	l := newLab(t, Natural)
	l.commit(options{change: guarded("eni-app", open, open)})
	ssh, client := at(app, 22), at(internet, 50000)
	l.converse(t, []hop{
		{"host", client, at(appIP, 22), packet.SYN, drop.None}, {"eni-app", ssh, client, packet.SYN | packet.ACK, drop.None},
		{"host", client, at(appIP, 22), packet.ACK, drop.None},
	})
	for range 2 {
		l.commit(options{change: guarded("eni-app", nil, open)})
		l.converse(t, []hop{{"eni-app", ssh, client, packet.ACK, drop.SecurityGroup}, {"host", client, at(appIP, 22), packet.ACK, drop.SecurityGroup}})
	}
	if events := l.drained(); len(events) != 1 {
		t.Errorf("%d events, want one", len(events))
	}
	l.commit(options{change: guarded("eni-app", open, open)})
	l.converse(t, []hop{{"host", client, at(appIP, 22), packet.ACK, drop.None}, {"eni-app", ssh, client, packet.ACK, drop.None}})
}

// TestIdleConnectionsNeedARuleAgain is aws-semantics 6.3: after its time-out a connection is a stranger's.
func TestIdleConnectionsNeedARuleAgain(t *testing.T) {
	l := newLab(t, Natural)
	l.commit(options{change: guarded("eni-app", nil, []filter.Rule{all()})})
	out, srv := at(app, 40000), at(internet, 443)
	l.connect("eni-app", out, srv)
	l.clock.Add(int64(431_999 * time.Second))
	l.converse(t, []hop{{"host", srv, at(appIP, 40000), packet.ACK, drop.None}})
	l.clock.Add(int64(432_010 * time.Second))
	l.converse(t, []hop{{"host", srv, at(appIP, 40000), packet.ACK, drop.SecurityGroupEmpty}})
}

func TestNetworkACLs(t *testing.T) {
	out, srv := at(app, 40000), at(internet, 443)
	const syn, synAck, ack = packet.SYN, packet.SYN | packet.ACK, packet.ACK
	open := []filter.Rule{all()}
	for name, row := range map[string]struct {
		at              string
		ingress, egress []filter.Rule
		hops            []hop
	}{
		"an ACL without entries denies everything": {"eni-app", nil, nil, []hop{{"eni-app", out, srv, syn, drop.NetworkACL}}},
		"answers need an entry of their own": {"eni-app", []filter.Rule{tcpPort(443, everywhere...)}, open, []hop{
			{"eni-app", out, srv, syn, drop.None}, {"host", srv, at(appIP, 40000), synAck, drop.NetworkACL},
		}},
		"inside the subnet it is not asked": {"eni-app", nil, nil, []hop{{"eni-app", out, at(other, 80), syn, drop.None}}},
		"between subnets both are asked, the sender's first": {"eni-app", open, []filter.Rule{denied(all())}, []hop{
			{"eni-app", out, at(far, 80), syn, drop.NetworkACL},
		}},
		"between subnets the receiver's is asked": {"eni-far", nil, open, []hop{
			{"eni-app", out, at(far, 80), syn, drop.NetworkACL}, {"eni-far", at(far, 1), at(app, 80), ack, drop.None},
		}},
		"a neighbour's public address is outside of the subnet": {"eni-app", nil, open, []hop{
			{"eni-app", out, at(farIP, 80), syn, drop.None}, {"eni-far", at(far, 80), at(appIP, 40000), synAck, drop.NetworkACL},
		}},
		"through an endpoint only the instance's subnet counts": {"eni-app", nil, open, []hop{{"eni-app", out, at(s3, 443), syn, drop.None}}},
		"to the resolver nothing is filtered":                   {"eni-app", nil, nil, []hop{{"eni-app", out, at(resolver, 53), syn, drop.NoPossibleDestination}}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, Natural)
			l.commit(options{endpointA: "vpce-1", change: bounded(row.at, row.ingress, row.egress)})
			l.converse(t, row.hops)
		})
	}
}

// TestACLChangeCutsLiveConnections: nothing is remembered (aws-semantics 7).
func TestACLChangeCutsLiveConnections(t *testing.T) {
	l := newLab(t, Natural)
	l.commit(options{})
	out, srv := at(app, 40000), at(internet, 443)
	l.connect("eni-app", out, srv)
	l.commit(options{change: bounded("eni-app", nil, nil)})
	l.converse(t, []hop{{"eni-app", out, srv, packet.ACK, drop.NetworkACL}, {"host", srv, at(appIP, 40000), packet.ACK, drop.NetworkACL}})
}

// TestICMPErrorsFollowTheirConnection: an error about a tracked connection passes, any other needs a rule (aws-semantics 6.1).
func TestICMPErrorsFollowTheirConnection(t *testing.T) {
	l := newLab(t, Natural)
	l.commit(options{change: guarded("eni-app", nil, []filter.Rule{tcpPort(443, everywhere...)})})
	l.connect("eni-app", at(app, 40000), at(internet, 443))
	for name, row := range map[string]struct {
		quoted uint16 // the source port of the packet that the error is about
		want   drop.Reason
	}{
		"about the connection":      {40000, drop.None},
		"about one there never was": {40001, drop.SecurityGroupEmpty},
	} {
		t.Run(name, func(t *testing.T) {
			about, e := segment(at(appIP, row.quoted), at(internet, 443), packet.ACK), packet.New(600)
			require.True(t, packet.BuildICMPError(e, about, internet, packet.ICMPDestinationUnreachable, 1, 0))
			e.Time = l.clock.Load()
			w := l.worker()
			if _, got := w.Forward(w.snapshot.Interface("host"), e); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

// TestAnswersInTraces: a question leaves nothing behind, and the trace of its answer still knows of it.
func TestAnswersInTraces(t *testing.T) {
	l := newLab(t, Natural)
	l.commit(options{change: guarded("eni-app", nil, []filter.Rule{all()})})
	s := l.router.Snapshot()
	question := s.Trace(l.router, s.Interface("eni-app"), segment(at(app, 40000), at(internet, 443), packet.SYN), nil)
	require.NotNil(t, question.Delivered)
	back := func(of *Trace) *Trace {
		return s.Trace(l.router, s.Interface("host"), segment(at(internet, 443), at(appIP, 40000), packet.SYN|packet.ACK), of)
	}
	if answer := back(question); answer.Delivered == nil {
		t.Errorf("the answer: %s", answer.Drop)
	}
	if stranger := back(nil); stranger.Drop != drop.SecurityGroupEmpty {
		t.Errorf("without the question: %q", stranger.Drop)
	}
	if n := l.router.flows.Len(); n != 0 {
		t.Errorf("%d flows left behind", n)
	}
}

// TestTraceInPlaceOfACutConnection: a SYN opens a new connection on the ports of one that was cut, in traces too, and the
// answer belongs to it. What belongs to the one that was cut fares in traces as it does in each mode.
func TestTraceInPlaceOfACutConnection(t *testing.T) {
	for mode, want := range map[Mode]drop.Reason{Natural: drop.None, Silent: drop.StaleFlow, Reset: drop.StaleFlow} {
		t.Run(mode.String(), func(t *testing.T) { traceInPlaceOfACutConnection(t, mode, want) })
	}
}

func traceInPlaceOfACutConnection(t *testing.T, mode Mode, want drop.Reason) {
	l := newLab(t, mode)
	l.commit(options{})
	l.connect("eni-app", at(app, 40000), at(s3, 80))
	l.commit(options{endpointA: "vpce-1"})
	s := l.router.Snapshot()
	question := s.Trace(l.router, s.Interface("eni-app"), segment(at(app, 40000), at(s3, 80), packet.SYN), nil)
	require.NotNil(t, question.Delivered)
	answer := func() *packet.Packet { return segment(at(s3, 80), at(app, 40000), packet.SYN|packet.ACK) }
	if got := s.Trace(l.router, question.Delivered, answer(), question); got.Delivered == nil {
		t.Errorf("the answer: %s", got.Drop)
	}
	if got := s.Trace(l.router, question.Delivered, answer(), nil); got.Drop != want || got.Reached == nil {
		t.Errorf("without the question: %q, want %q; beyond that it would reach %v", got.Drop, want, got.Reached)
	}
}

// TestLaterFragmentsAreNotForTheGroups: they carry no ports. Chosen where AWS is silent (aws-semantics 6.3).
func TestLaterFragmentsAreNotForTheGroups(t *testing.T) {
	l := newLab(t, Natural)
	l.commit(options{change: guarded("eni-app", nil, []filter.Rule{tcpPort(443, everywhere...)})})
	whole := datagram(at(app, 5000), at(internet, 53), 2000)
	clearDF(whole)
	w, want := l.worker(), []drop.Reason{drop.SecurityGroup, drop.None}
	for n, offset, more := 0, 0, true; more; n++ {
		f := packet.New(1500)
		offset, more = whole.FragmentInto(f, 1500, offset)
		if _, got := w.Forward(w.snapshot.Interface("eni-app"), f); got != want[n] {
			t.Errorf("fragment %d: %q, want %q", n, got, want[n])
		}
	}
}
