package dataplane

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
	"vpcsim/routing"
)

// TestAForecastIsWhatTheCommitDoes asks what becomes of flows of every kind and then makes the change: every event was foreseen,
// and nothing else was.
func TestAForecastIsWhatTheCommitDoes(t *testing.T) {
	narrow := []*Route{{
		Prefix: netip.PrefixFrom(s3, 32), Origin: routing.Static, Target: "igw", Path: conntrack.PathInternet, Gateway: igw.Egress(),
		Node: &Node{ID: "internet", Routes: table(t)},
	}}
	for name, row := range map[string]struct {
		before, after options
		drops         int
		reroutes      int // the half-open one included
	}{
		"an endpoint is created":                        {options{}, options{endpointA: "vpce-1"}, 1, 2},
		"an endpoint is deleted":                        {options{endpointA: "vpce-1"}, options{}, 1, 2},
		"an endpoint moves to another table":            {options{endpointA: "vpce-1"}, options{endpointB: "vpce-1"}, 2, 2},
		"a more specific route holds S3's flows":        {options{more: narrow}, options{endpointA: "vpce-1", more: narrow}, 0, 0},
		"the launch announcement, read literally":       {options{}, options{endpointA: "vpce-1", cut: true}, 3, 2},
		"nothing changes":                               {options{endpointA: "vpce-1"}, options{endpointA: "vpce-1"}, 0, 0},
		"the internet becomes reachable by no way":      {options{}, options{change: blackholed}, 3, 2},
		"the public address of an instance is replaced": {options{}, options{change: readdressed}, 3, 2},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, Natural)
			l.commit(row.before)
			openOneOfEach(l)
			c := NewForecast(l.router.Snapshot(), l.snapshot(row.after))
			drops, reroutes, ended := map[netip.AddrPort]FlowEvent{}, map[netip.AddrPort]FlowEvent{}, 0
			l.router.Flows(func(i *Interface, tuple conntrack.Tuple, f conntrack.Flow) {
				seen, ok := c.Flow(i, tuple, f)
				require.True(t, ok)
				switch seen.Fate {
				case Drops:
					drops[tuple.Local] = seen.FlowEvent
				case Reroutes:
					reroutes[tuple.Local] = seen.FlowEvent
				case Ended:
					ended++
				}
			})
			if len(drops) != row.drops || len(reroutes) != row.reroutes || ended != 1 {
				t.Errorf("%d dropped, %d rerouted, %d ended; want %d, %d, 1", len(drops), len(reroutes), ended, row.drops, row.reroutes)
			}
			l.commit(row.after)
			for _, e := range l.drained() {
				want, ok := drops[e.Local]
				if e.Cut == drop.None {
					want, ok = reroutes[e.Local]
				}
				if !ok || want.Cut != e.Cut || want.PathBefore != e.PathBefore || want.PathAfter != e.PathAfter ||
					want.TargetBefore != e.TargetBefore || want.TargetAfter != e.TargetAfter || want.SourceBefore != e.SourceBefore {
					t.Errorf("happened %+v\nforeseen %+v", e, want)
				}
				delete(drops, e.Local)
				delete(reroutes, e.Local)
			}
			if len(drops) != 0 || len(reroutes) > 1 { // the half-open one is not told of
				t.Errorf("did not happen: %v, %v", drops, reroutes)
			}
		})
	}
}

// openOneOfEach opens connections to S3, to the internet and inside the VPC, from the internet and from the other subnet; a
// datagram and a half-open attempt to S3; and one that is closed again.
func openOneOfEach(l *lab) {
	l.send("eni-app", at(app, 1000), at(s3, 80), packet.ACK)
	l.send("eni-app", at(app, 1001), at(internet, 80), packet.ACK)
	l.send("eni-app", at(app, 1002), at(far, 80), packet.ACK)
	l.send("host", at(internet, 1003), at(appIP, 22), packet.ACK)
	l.send("eni-far", at(far, 1004), at(s3, 80), packet.ACK)
	l.send("eni-app", at(app, 1005), at(s3, 80), packet.SYN)
	l.send("eni-app", at(app, 1006), at(s3, 80), packet.RST)
	datagram := packet.New(128)
	packet.BuildUDP(datagram, at(app, 1007), at(s3, 53), nil)
	w := l.worker()
	w.Forward(w.snapshot.Interface("eni-app"), datagram)
}

// blackholed makes the default route of the first subnet a blackhole.
func blackholed(s *Snapshot) {
	for _, e := range s.Interface("eni-app").Subnet.Node.Routes.Entries() {
		if e.Value.Target == "igw" {
			e.Value.Drop = drop.BadStateRoute
		}
	}
}

// readdressed gives the first instance another public address.
func readdressed(s *Snapshot) {
	s.Interface("eni-app").Public[0] = netip.MustParseAddr("198.51.100.99")
}

// TestAConnectionOnlyHeardOfIsForetoldAsItsFlow: what a flow log tells of a connection is enough to judge it by.
func TestAConnectionOnlyHeardOfIsForetoldAsItsFlow(t *testing.T) {
	l, gateway := newLab(t, Natural), natGateway()
	before, after := l.snapshot(options{change: withNAT(gateway)}), l.snapshot(options{endpointA: "vpce-1", change: withNAT(gateway)})
	c := NewForecast(Prepare(before), after)
	for name, row := range map[string]struct {
		eni           string
		local, remote netip.AddrPort
		fate          Fate
		path          [2]conntrack.Path
		source        [2]netip.Addr
		route         [2]string // target of the first lookup
	}{
		"to S3 by the NAT gateway": {
			"eni-other", at(other, 40000), at(s3, 443), Drops,
			[2]conntrack.Path{conntrack.PathNAT, conntrack.PathEndpoint}, [2]netip.Addr{natIP, other}, [2]string{"nat-1", "vpce-1"},
		},
		"to the internet by the NAT gateway": {
			"eni-other", at(other, 40000), at(internet, 443), Survives,
			[2]conntrack.Path{conntrack.PathNAT, conntrack.PathNAT}, [2]netip.Addr{natIP, natIP}, [2]string{"nat-1", "nat-1"},
		},
		"from another subnet": {
			"eni-far", at(far, 40000), at(s3, 443), Survives,
			[2]conntrack.Path{conntrack.PathInternet, conntrack.PathInternet}, [2]netip.Addr{farIP, farIP}, [2]string{"igw", "igw"},
		},
	} {
		i := c.Interface(row.eni)
		tuple := conntrack.Tuple{Local: row.local, Remote: row.remote, Protocol: packet.TCP}
		seen, ok := c.Flow(i, tuple, c.Open(i, tuple, true))
		require.True(t, ok, name)
		got := [2]conntrack.Path{seen.PathBefore, seen.PathAfter}
		if source := [2]netip.Addr{seen.SourceBefore, seen.SourceAfter}; seen.Fate != row.fate || got != row.path || source != row.source {
			t.Errorf("%s: fate %d by %v, seen as %v", name, seen.Fate, got, source)
		}
		if route := [2]string{seen.Before[0].Route.Target, seen.After[0].Route.Target}; route != row.route || Lost(seen.After) != drop.None {
			t.Errorf("%s: routes %v, lost %q", name, route, Lost(seen.After))
		}
		if was, is, moves := c.Moves(i, row.remote.Addr()); moves != (row.fate == Drops) || [2]conntrack.Path{was, is} != row.path {
			t.Errorf("%s: moves from %s to %s: %v", name, was, is, moves)
		}
	}
	if n := len(c.Interfaces()); n != 3 {
		t.Errorf("%d network interfaces, want the three of the instances", n)
	}
}
