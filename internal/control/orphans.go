package control

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/packet"
	"vpcsim/endpoint/s3"
	"vpcsim/nat"
	"vpcsim/topology/compile"
)

// When an endpoint's route cuts a connection, nobody tells the S3 at its far end: its kernel holds the connection until it sends
// something and gives up, or for ever. Such an orphan is what a server's operator sees of the change.

// orphanAfter is how long after a cut S3 must still hold a connection for it to be told.
const orphanAfter = time.Second

// ends are those of a connection as S3 sees it.
type ends struct{ local, peer netip.AddrPort }

// orphan is a connection that was cut, and that S3 holds or may hold.
type orphan struct {
	flow Event // what was said when it was cut
	at   int64 // monotonic time of the cut
	told bool
}

// orphans are the connections to S3 that were cut. A new cut of the same ends takes the old one's place. As S3 bounds the connections
// that it holds, so are these bounded a second after each change.
type orphans struct {
	mu  sync.Mutex
	all map[ends]*orphan // guarded by mu
}

// expect notes the connections to S3 that a change has cut. before has the NAT gateways as they were.
func (o *orphans) expect(done Committed, addresses []netip.Prefix, before *compile.State) {
	var outside map[ends]netip.AddrPort
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, e := range done.Flows {
		toS3 := slices.ContainsFunc(addresses, func(p netip.Prefix) bool { return p.Contains(e.remote.Addr()) })
		if e.Event != FlowDropped || e.Protocol != packet.ProtocolName(packet.TCP) || !toS3 {
			continue
		}
		port := e.local.Port()
		if e.PathBefore == conntrack.PathNAT.String() || e.PathBefore == conntrack.PathNATEndpoint.String() {
			if outside == nil {
				outside = translated(before)
			}
			port = outside[ends{e.local, e.remote}].Port()
		}
		source, err := netip.ParseAddr(e.SourceBefore)
		if err != nil {
			continue // its packets did not arrive before either
		}
		if o.all == nil {
			o.all = map[ends]*orphan{}
		}
		o.all[ends{e.remote, netip.AddrPortFrom(source, port)}] = &orphan{flow: e, at: done.At}
	}
}

// translated returns what NAT gateways made of TCP connections, by their inner and far ends.
func translated(s *compile.State) map[ends]netip.AddrPort {
	all := map[ends]netip.AddrPort{}
	s.NATs(func(_ string, g *nat.Gateway) {
		g.Sessions(func(n nat.Session) {
			if n.Protocol == packet.TCP {
				all[ends{n.Inside, n.Remote}] = n.Outside
			}
		})
	})
	for name, out := range all { // a second gateway on the way, of which the first is the inside
		if further, ok := all[ends{out, name.peer}]; ok {
			all[name] = further
		}
	}
	return all
}

// tellOrphans compares what was cut with what S3 holds.
func (l *Lab) tellOrphans(now int64) {
	o := &l.orphans
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.all) == 0 {
		return
	}
	open := map[ends]s3.Connection{}
	for _, c := range l.s3.Open() {
		open[ends{c.Local, c.Peer}] = c
	}
	for name, cut := range o.all {
		c, held := open[name]
		held = held && c.Opened < cut.at
		switch {
		case now-cut.at < int64(orphanAfter), held && cut.told:
		case held:
			cut.told = true
			l.tell(cut.event(S3HalfOpen, name, c))
		default:
			delete(o.all, name)
			if cut.told {
				l.tell(cut.event(S3HalfOpenEnded, name, l.lastAt(name, cut.at)))
			}
		}
	}
}

// lastAt returns what became of the connection with the given ends that was opened before a time.
func (l *Lab) lastAt(name ends, before int64) (last s3.Connection) {
	for _, c := range l.s3.Lookup(name.local, name.peer.Port()) {
		if c.Peer == name.peer && c.Opened < before {
			last = c
		}
	}
	return last
}

func (o *orphan) event(kind string, name ends, c s3.Connection) Event {
	f := &o.flow
	return Event{
		Event: kind, ChangeID: f.ChangeID, Instance: f.Instance, Interface: f.Interface, Protocol: f.Protocol,
		Local: f.Local, Remote: f.Remote, local: f.local, remote: f.remote, Direction: f.Direction,
		PathBefore: f.PathBefore, TargetBefore: f.TargetBefore, SourceBefore: f.SourceBefore,
		Peer: name.peer.String(), EndpointID: c.Origin.Endpoint, Error: c.Error,
	}
}
