package dataplane

import (
	"fmt"
	"net/netip"

	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

// Mode is what the two ends of a cut connection experience (aws-semantics 3.5: AWS says "disconnected" and not how).
type Mode uint8

// The modes.
const (
	// Natural is the default: packets go where the routes now send them, and the far side's own TCP answers a segment that
	// belongs to no connection with RST. Where a cut flow would reach its old far side on its old path, and so live again,
	// the router answers in the far side's stead.
	Natural Mode = iota
	// Silent discards the packets of a cut flow in both directions.
	Silent
	// Reset discards them and answers each with RST. In place of what the far side sends the interface gets a RST, too: one that
	// only listens would never hear of its loss otherwise.
	Reset
)

// String returns the mode's name on the command line.
func (m Mode) String() string { return [...]string{"natural", "silent", "rst", ""}[m&3] }

// ParseMode is the inverse of String.
func ParseMode(s string) (Mode, error) {
	for m := Natural; m <= Reset; m++ {
		if m.String() == s {
			return m, nil
		}
	}
	return 0, fmt.Errorf("mode %q: must be natural, silent or rst", s)
}

// FlowEvent tells what a commit did to one flow.
type FlowEvent struct {
	Time       int64 // monotonic ns
	Change     string
	Generation uint64
	Interface  *Interface // whose flow it is, in the snapshot that was committed
	Protocol   uint8
	Local      netip.AddrPort
	Remote     netip.AddrPort
	Outbound   bool // the interface opened it
	Cut        bool // the connection is dropped; otherwise its packets merely take another path (not TCP)

	TargetBefore, TargetAfter string
	PathBefore, PathAfter     conntrack.Path
	SourceBefore, SourceAfter netip.Addr // what the far side sees; the zero Addr if packets do not get there
}

// direction of a packet as an interface sees it.
type direction bool

const (
	inbound  direction = false
	outbound direction = true
)

// track is the flow table's part in a packet's way: it opens flows, notices on a flow's first packet under a new snapshot
// what became of its route, and refuses what must not pass of a flow that was cut.
func (w *Worker) track(i *Interface, p *packet.Packet, d direction) drop.Reason {
	if w.router == nil || p.LaterFragment() || p.Protocol == packet.ICMP && !echo(p) {
		return drop.None // carries no ports: it belongs to a flow, but cannot be told to which
	}
	k := conntrack.NewKey(i.Realm, p.Protocol, p.Src, p.Dst, p.SrcPort, p.DstPort)
	if d == inbound {
		k = k.Reverse()
	}
	shard := w.router.flows.Acquire(k)
	reason := w.trackIn(shard, k, i, p, d)
	shard.Release()
	if reason != drop.None {
		w.step(StageFlow, i.ID, nil, p, reason)
	}
	return reason
}

func (w *Worker) trackIn(shard *conntrack.Shard, k conntrack.Key, i *Interface, p *packet.Packet, d direction) drop.Reason {
	f := shard.Find(k)
	if p.Probe {
		if f != nil && f.Cut && !opens(p) {
			return drop.StaleFlow
		}
		return drop.None
	}
	if f == nil || opens(p) && (f.Cut || f.State == conntrack.Closed) {
		return w.open(shard, k, i, p, d)
	}
	if f.Generation != w.snapshot.Generation {
		w.router.judge(w.snapshot, i, f)
	}
	if f.Cut {
		return w.stale(f, i, p, d)
	}
	shard.See(f, p, bool(d))
	return drop.None
}

// opens says whether p begins a TCP connection.
func opens(p *packet.Packet) bool {
	return p.Protocol == packet.TCP && p.TCPFlags&(packet.SYN|packet.ACK|packet.RST) == packet.SYN
}

// echo says whether p is an ICMP echo request or reply, the only ICMP that makes flows.
func echo(p *packet.Packet) bool {
	return p.ICMPType == packet.ICMPEchoRequest || p.ICMPType == packet.ICMPEchoReply
}

func (w *Worker) open(shard *conntrack.Shard, k conntrack.Key, i *Interface, p *packet.Packet, d direction) drop.Reason {
	f := shard.Open(k, p, bool(d))
	if f == nil {
		return drop.FlowTableFull
	}
	f.Generation = w.snapshot.Generation
	follow(f, i, i.route(k.RemoteAddr().Addr()))
	return drop.None
}

// stale decides about a packet of a flow that was cut.
func (w *Worker) stale(f *conntrack.Flow, i *Interface, p *packet.Packet, d direction) drop.Reason {
	switch w.router.mode {
	case Silent:
		return drop.StaleFlow
	case Reset:
		w.reset = answer{to: i}
		if d == inbound {
			w.reset = answer{to: w.from, source: addrOf(f.Source), receiver: i}
		}
		return drop.StaleFlow
	}
	if d == inbound || p.TCPFlags&packet.RST != 0 {
		return drop.None // it wakes nothing up: what the interface answers is outbound
	}
	if i.route(f.RemoteAddr().Addr()).targetID() == f.Target {
		w.reset = answer{to: i}
		return drop.StaleFlow
	}
	return drop.None
}

// judge decides what the snapshot s does to flow f of interface i. Every flow is judged once per snapshot: by its first
// packet or by the sweep that follows the commit, whichever comes first. The caller holds the flow's shard.
func (r *Router) judge(s *Snapshot, i *Interface, f *conntrack.Flow) {
	f.Generation = s.Generation
	local, remote := f.LocalAddr(), f.RemoteAddr()
	route := i.route(remote.Addr())
	moved := route.targetID() != f.Target
	literal := i.next(remote.Addr()).CutInternet && f.Path == conntrack.PathInternet
	if f.Cut || f.State == conntrack.Closed || !moved && !literal {
		return
	}
	if f.State == conntrack.SynSent { // nobody has answered: there is no connection to lose
		follow(f, i, route)
		return
	}
	e := FlowEvent{
		Time: r.now(), Change: s.Change, Generation: s.Generation, Interface: i,
		Protocol: f.Protocol(), Local: local, Remote: remote, Outbound: f.Outbound,
		TargetBefore: s.names[f.Target], PathBefore: f.Path, SourceBefore: addrOf(f.Source),
	}
	if route != nil {
		e.TargetAfter, e.PathAfter = route.Target, route.Path
	}
	if f.Protocol() == packet.TCP {
		e.Cut, f.Cut = true, true
	} else { // has no connection to lose: the next packet simply takes the new path
		e.SourceAfter = i.Source(route, local.Addr())
		follow(f, i, route)
	}
	r.onFlow(e)
}

// follow notes the route that the flow takes.
func follow(f *conntrack.Flow, i *Interface, r *Route) {
	f.Target, f.Path, f.Source = r.targetID(), conntrack.PathNone, [4]byte{}
	if r != nil {
		f.Path = r.Path
	}
	if a := i.Source(r, f.LocalAddr().Addr()); a.Is4() {
		f.Source = a.As4()
	}
}

func addrOf(b [4]byte) netip.Addr {
	if b == [4]byte{} {
		return netip.Addr{}
	}
	return netip.AddrFrom4(b)
}

// sweep judges all flows under s: idle connections too lose their route at the moment of the commit, and a route that
// flaps back a moment later must not find them alive. A flow whose interface is gone goes with it.
func (r *Router) sweep(s *Snapshot) {
	r.flows.Each(func(shard *conntrack.Shard, f *conntrack.Flow) {
		if f.Generation == s.Generation {
			return
		}
		if i := s.owners[owner{f.Realm(), f.Local}]; i != nil {
			r.judge(s, i, f)
		} else {
			shard.Delete(f)
		}
	})
}
