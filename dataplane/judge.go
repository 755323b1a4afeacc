package dataplane

import (
	"net/netip"
	"slices"

	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/filter"
	"vpcsim/dataplane/packet"
)

// judge decides what the snapshot s does to flow f of interface i, and tells of it. Every flow is judged once per snapshot: by its
// first packet or by the sweep that follows the commit, whichever comes first. The caller holds the flow's shard.
func (r *Router) judge(s *Snapshot, i *Interface, t conntrack.Tuple, f *conntrack.Flow) {
	f.Generation = s.Generation
	if e, told := s.judge(i, t, f); told {
		e.Time = r.now()
		r.onFlow(e)
	}
}

// judge changes f to what the snapshot makes of it, and says what happened, if there is anything to tell. The event lacks the
// time.
func (s *Snapshot) judge(i *Interface, t conntrack.Tuple, f *conntrack.Flow) (e FlowEvent, told bool) {
	if f.Cut != drop.None || f.State == conntrack.Closed {
		return e, false
	}
	way := i.way(t.Local.Addr(), t.Remote.Addr())
	reason, barred := verdict(f, way), i.bar(t, f)
	switch {
	case reason == drop.None && !barred:
		return e, false
	case f.State == conntrack.SynSent: // nobody has answered: there is no connection to lose
		follow(f, way)
		return e, false
	}
	e = FlowEvent{
		Change: s.Change, Generation: s.Generation, Interface: i,
		Protocol: t.Protocol, Local: t.Local, Remote: t.Remote, Outbound: f.Outbound,
		TargetBefore: s.names[f.Target], PathBefore: f.Path, SourceBefore: f.SourceAddr(),
		TargetAfter: s.names[way.target], PathAfter: way.path,
	}
	switch {
	case barred: // not a tombstone: should the rule come back, so do the packets
		e.Cut = drop.SecurityGroup
	case t.Protocol == packet.TCP:
		e.Cut, f.Cut = reason, reason
	default: // has no connection to lose: the next packet simply takes the new path
		e.SourceAfter = way.source
		follow(f, way)
	}
	return e, true
}

// bar notes whether the rules still allow an untracked connection, and says whether that has just ended.
func (i *Interface) bar(t conntrack.Tuple, f *conntrack.Flow) (ended bool) {
	before := f.Tracking
	switch {
	case before == conntrack.Tracked:
	case i.allows(t, f.Outbound):
		f.Tracking = conntrack.Untracked
	default:
		f.Tracking = conntrack.Barred
	}
	return before == conntrack.Untracked && f.Tracking == conntrack.Barred
}

// allows says whether the security groups let in, or out, what opens the connection of the name. Of an untracked connection
// nothing passes any more when they do not, answers neither (aws-semantics 6.4).
func (i *Interface) allows(t conntrack.Tuple, out bool) bool {
	p := packet.Packet{Protocol: t.Protocol, Src: t.Local.Addr(), SrcPort: t.Local.Port(), Dst: t.Remote.Addr(), DstPort: t.Remote.Port()}
	if i.Groups == nil {
		return true
	}
	verdict, _ := i.Groups.Egress(&p)
	if !out {
		p.Src, p.SrcPort, p.Dst, p.DstPort = p.Dst, p.DstPort, p.Src, p.SrcPort
		verdict, _ = i.Groups.Ingress(&p)
	}
	return verdict != filter.Denied
}

// verdict says why the flow is lost on the way that its packets now take; None if nothing happened to it.
func verdict(f *conntrack.Flow, now way) drop.Reason {
	switch {
	case now.target != f.Target, now.table.CutInternet && public(f.Path):
		return drop.StaleFlow
	case public(f.Path) && !now.keeps(f):
		return drop.StaleAddress
	}
	return drop.None
}

// keeps says whether the far side of f still sees the source that it saw. A NAT gateway may have several.
func (w way) keeps(f *conntrack.Flow) bool {
	return w.source == f.SourceAddr() || w.nat != nil && w.nat.sends(f.SourceAddr())
}

// sends says whether the far side can see a as the source of what a NAT gateway's interface sends.
func (i *Interface) sends(a netip.Addr) bool {
	return slices.Contains(i.Addrs, a) || slices.Contains(i.Public, a)
}

// follow notes the way that the flow takes.
func follow(f *conntrack.Flow, w way) {
	f.Target, f.Path = w.target, w.path
	f.SetSource(w.source)
	if alwaysTracked(w.path) {
		f.Tracking = conntrack.Tracked
	}
}

// sweep judges all flows under s: idle connections too lose their route at the moment of the commit, and a route that
// flaps back a moment later must not find them alive. A flow whose interface is gone goes with it.
func (r *Router) sweep(s *Snapshot) {
	r.flows.Each(func(t conntrack.Tuple, f *conntrack.Flow) (keep bool) {
		i := s.zones[t.Zone]
		if i != nil && f.Generation != s.Generation {
			r.judge(s, i, t, f)
		}
		return i != nil
	})
}
