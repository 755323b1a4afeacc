package dataplane

import (
	"fmt"
	"net/netip"

	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/filter"
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
	Outbound   bool        // the interface opened it
	Cut        drop.Reason // why the connection is lost; None if its packets merely take another path (not TCP)

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

// track is the part that an interface's connections have in a packet's way: what belongs to a tracked one passes, all else is
// for the security groups to judge. It opens flows, notices on a flow's first packet under a new snapshot what became of its
// route, and refuses what must not pass of a flow that was cut.
//
// The groups are not asked about later fragments: they carry no ports, and without the first one, which is judged, nobody can
// reassemble them (undocumented, and chosen so).
func (w *Worker) track(i *Interface, p *packet.Packet, d direction) drop.Reason {
	switch {
	case p.LaterFragment():
		return drop.None
	case p.IsICMPError():
		return w.related(i, p, d)
	case w.router == nil || p.Probe:
		return w.question(i, p, d)
	}
	held := w.router.flows.Acquire(i.zone, p, bool(d))
	reason := w.trackIn(&held, i, p, d)
	held.Release()
	return reason
}

func (w *Worker) trackIn(held *conntrack.Held, i *Interface, p *packet.Packet, d direction) drop.Reason {
	f := held.Flow(p.Time)
	if f != nil && f.Generation != w.snapshot.Generation {
		w.router.judge(w.snapshot, i, held.Tuple(), f)
	}
	switch {
	case f == nil || opens(p) && (f.Cut != drop.None || f.Tracking == conntrack.Barred || f.State == conntrack.Closed):
		return w.open(held, i, p, d)
	case f.Cut != drop.None:
		return w.step(StageFlow, i.ID, nil, p, w.stale(f, i, p, d))
	case f.Tracking == conntrack.Barred:
		return w.step(StageFlow, i.ID, nil, p, drop.SecurityGroup)
	}
	if f.Tracking == conntrack.Untracked { // nothing is remembered of it but its way: the rules decide about every packet (aws-semantics 6.4)
		verdict, reason := w.groups(i, p, d)
		if reason != drop.None {
			return reason
		}
		f.Tracking = tracking(verdict)
	} else {
		w.stepRule(StageGroups, i.ID, byConnection, p)
	}
	held.See(f, p, bool(d))
	if w.meter != nil {
		w.meter.add(held.Tuple(), p, d)
	}
	return drop.None
}

// byConnection is why a packet passes an interface whose security groups need not be asked.
const byConnection = "belongs to a tracked connection"

// opens says whether p begins a TCP connection.
func opens(p *packet.Packet) bool {
	return p.Protocol == packet.TCP && p.TCPFlags&(packet.SYN|packet.ACK|packet.RST) == packet.SYN
}

// open makes the flow that p begins, if the security groups let it.
func (w *Worker) open(held *conntrack.Held, i *Interface, p *packet.Packet, d direction) drop.Reason {
	verdict, reason := w.groups(i, p, d)
	if reason != drop.None {
		return reason
	}
	f := held.Open(p, bool(d), i.Timeouts)
	if f == nil {
		return w.step(StageFlow, i.ID, nil, p, drop.FlowTableFull)
	}
	f.Generation = w.snapshot.Generation
	t := held.Tuple()
	way := i.way(t.Local.Addr(), t.Remote.Addr())
	f.Tracking = tracking(verdict)
	follow(f, way)
	if w.meter != nil {
		w.meter.add(t, p, d)
	}
	if d == outbound && way.nat != nil {
		w.opened, w.unnoted = t, true
	}
	return drop.None
}

func tracking(v filter.Verdict) conntrack.Tracking {
	if v == filter.Untracked {
		return conntrack.Untracked
	}
	return conntrack.Tracked
}

// alwaysTracked says whether connections on a way of the path class are tracked whatever the rules (aws-semantics 6.3).
func alwaysTracked(p conntrack.Path) bool {
	return p == conntrack.PathNAT || p == conntrack.PathNATEndpoint || p == conntrack.PathEgressOnly
}

// note completes the flow that p opened: which of its addresses a NAT gateway chose is known only now that the packet has
// arrived. If it has not, what was expected stays.
func (w *Worker) note(p *packet.Packet, arrived bool) {
	w.unnoted = false
	if !arrived {
		return
	}
	held := w.router.flows.AcquireTuple(w.opened)
	if f := held.Flow(p.Time); f != nil {
		f.SetSource(p.Src)
	}
	held.Release()
}

// related decides about an ICMP error at an interface: one that quotes a packet of a tracked connection passes, any other
// is for the rules (aws-semantics 6.1: network-mtu). It opens and refreshes nothing (RFC 5508 REQ-6).
func (w *Worker) related(i *Interface, p *packet.Packet, d direction) drop.Reason {
	if w.quotesFlow(i, p, d) {
		return w.stepRule(StageGroups, i.ID, "about a tracked connection", p)
	}
	_, reason := w.groups(i, p, d)
	return reason
}

func (w *Worker) quotesFlow(i *Interface, p *packet.Packet, d direction) bool {
	src, ok := p.EmbeddedSrc()
	if !ok {
		return false
	}
	dst, _ := p.EmbeddedDst()
	protocol, srcPort, dstPort, _ := p.EmbeddedPorts()
	local, remote := netip.AddrPortFrom(src, srcPort), netip.AddrPortFrom(dst, dstPort)
	if d == outbound { // the interface reports on a packet that came in
		local, remote = remote, local
	}
	return w.tracked(conntrack.Tuple{Local: local, Remote: remote, Zone: i.zone, Protocol: protocol}, false)
}

// tracked says whether there is a live tracked connection of the name, real or opened by the question that this answers. For what
// opens a connection one that is closed is none.
func (w *Worker) tracked(t conntrack.Tuple, opens bool) bool {
	if w.trace != nil && w.trace.tracks(t) {
		return true
	}
	if w.router == nil {
		return false
	}
	held := w.router.flows.AcquireTuple(t)
	f := held.Flow(w.now)
	ok := f != nil && f.Cut == drop.None && f.Tracking == conntrack.Tracked && !(opens && f.State == conntrack.Closed)
	held.Release()
	return ok
}

// tuple is the name of the flow that p belongs to at interface i.
func tuple(i *Interface, p *packet.Packet, d direction) conntrack.Tuple {
	local, remote := netip.AddrPortFrom(p.Src, p.SrcPort), netip.AddrPortFrom(p.Dst, p.DstPort)
	if d == inbound {
		local, remote = remote, local
	}
	return conntrack.Tuple{Local: local, Remote: remote, Zone: i.zone, Protocol: p.Protocol}
}

// stale decides about a packet of a flow that was cut.
func (w *Worker) stale(f *conntrack.Flow, i *Interface, p *packet.Packet, d direction) drop.Reason {
	switch w.router.mode {
	case Silent:
		return f.Cut
	case Reset:
		w.answer = answer{kind: answerReset, to: i}
		if d == inbound {
			w.answer = answer{kind: answerReset, to: w.from, source: w.entered, receiver: i}
		}
		return f.Cut
	}
	if d == inbound || p.TCPFlags&packet.RST != 0 {
		return drop.None // it wakes nothing up: what the interface answers is outbound
	}
	if now := i.way(p.Src, p.Dst); now.target == f.Target && now.keeps(f) {
		w.answer = answer{kind: answerReset, to: i}
		return f.Cut
	}
	return drop.None
}
