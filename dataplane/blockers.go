package dataplane

import (
	"net/netip"

	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

// What blocks a probe.
//
// A filter or a check that refuses a packet leaves it as it came, and where it would have gone is known. So a trace notes the refusal,
// the first of which is the verdict, and takes the packet on: a user who mends the first blocker should not meet the second one only
// then. There is no going on where nobody knows where to: without a route, or behind a gateway that does not translate the packet.
//
// None of this is in the way of real packets: a Worker without a trace stops at the first refusal, also one that records its steps.

// passable says whether what refuses a packet for the reason leaves a way on for it.
func passable(r drop.Reason) bool {
	switch r {
	case drop.SourceDestCheck, drop.SecurityGroup, drop.SecurityGroupEmpty, drop.NetworkACL, drop.StaleFlow, drop.StaleAddress,
		drop.EndpointProtocol, drop.EndpointSource, drop.Spoofed, drop.PeeringAddress, drop.EgressOnly, drop.MTUExceeded:
		return true
	}
	return false
}

// refused notes a reason, and returns it where the packet ends for it.
func (t *Trace) refused(reason drop.Reason) drop.Reason {
	if reason != drop.None && t.Drop == drop.None {
		t.Drop = reason
	}
	if passable(reason) {
		return drop.None
	}
	return reason
}

// question is track for a packet that asks (trace): it says what track would, reads the flow table, and opens flows in the trace alone.
func (w *Worker) question(i *Interface, p *packet.Packet, d direction) drop.Reason {
	t := tuple(i, p, d)
	f, live := w.live(i, t)
	if w.trace != nil {
		if tracking, supposed := w.trace.supposes(t); supposed && !(live && w.trace.open) { // also in place of one that was cut
			f, live = conntrack.Flow{Tracking: tracking}, true
		}
	}
	if live && !(opens(p) && (f.Cut != drop.None || f.Tracking == conntrack.Barred || f.State == conntrack.Closed)) {
		switch {
		case f.Cut != drop.None:
			return w.step(StageFlow, i.ID, nil, p, w.stale(&f, i, p, d))
		case f.Tracking == conntrack.Barred:
			return w.step(StageFlow, i.ID, nil, p, drop.SecurityGroup)
		case f.Tracking == conntrack.Tracked:
			return w.stepRule(StageGroups, i.ID, byConnection, p)
		}
	}
	verdict, reason := w.groups(i, p, d)
	if reason == drop.None && w.trace != nil {
		o := opening{t, tracking(verdict)}
		if alwaysTracked(i.way(t.Local.Addr(), t.Remote.Addr()).path) {
			o.tracking = conntrack.Tracked
		}
		w.trace.opened = append(w.trace.opened, o)
	}
	return reason
}

// live returns what the flow table knows of a connection, judged under the worker's snapshot as its next packet would have it judged.
func (w *Worker) live(i *Interface, t conntrack.Tuple) (f conntrack.Flow, ok bool) {
	if w.router == nil {
		return f, false
	}
	held := w.router.flows.AcquireTuple(t)
	if known := held.Flow(w.now); known != nil {
		f, ok = *known, true
	}
	held.Release()
	if ok && f.Generation != w.snapshot.Generation {
		w.snapshot.judge(i, t, &f)
	}
	return f, ok
}

// supposes returns how the connection is tracked if the question that t answers opened it, or t's own packet on its way.
func (t *Trace) supposes(name conntrack.Tuple) (how conntrack.Tracking, opened bool) {
	if t.question != nil {
		for _, o := range t.question.opened {
			if o.name == name {
				return o.tracking, true
			}
		}
	}
	for _, o := range t.opened {
		if o.name == name {
			return o.tracking, true
		}
	}
	return 0, false
}

// tracks says whether the connection is one that t supposes to be tracked.
func (t *Trace) tracks(name conntrack.Tuple) bool {
	how, opened := t.supposes(name)
	return opened && how == conntrack.Tracked
}

// translated notes what the gateway at interface i made of a packet.
func (t *Trace) translated(i *Interface, src, dst netip.AddrPort, p *packet.Packet) {
	t.translations = append(t.translations, translation{
		at: i, src: src, dst: dst, protocol: p.Protocol,
		newSrc: netip.AddrPortFrom(p.Src, p.SrcPort), newDst: netip.AddrPortFrom(p.Dst, p.DstPort),
	})
}

// retranslate does to a packet of a connection that is supposed to be open what the gateway at interface i did to the packet that
// opened it, and undoes it for what comes the other way. It says whether there was anything to do; the gateway itself, which knows
// nothing of the connection, is then not asked.
func (t *Trace) retranslate(i *Interface, p *packet.Packet) (rule string, reason drop.Reason, ok bool) {
	if t.question == nil {
		return "", drop.None, false
	}
	src, dst := netip.AddrPortFrom(p.Src, p.SrcPort), netip.AddrPortFrom(p.Dst, p.DstPort)
	for _, made := range t.question.translations {
		switch {
		case made.at.ID != i.ID || made.protocol != p.Protocol || made.src == made.newSrc:
		case made.newSrc == dst && made.newDst == src:
			return rewritten(p, func() string {
				p.SetDst(made.src.Addr())
				p.SetDstPort(made.src.Port())
				return "back to the inside: " + becomes("destination", dst, made.src)
			})
		case t.open && made.src == src && made.dst == dst:
			return rewritten(p, func() string {
				p.SetSrc(made.newSrc.Addr())
				p.SetSrcPort(made.newSrc.Port())
				t.translated(i, src, dst, p)
				return becomes("source", src, made.newSrc)
			})
		}
	}
	return "", drop.None, false
}

// rewritten rewrites p if it has a hop left, which it then takes.
func rewritten(p *packet.Packet, rewrite func() (rule string)) (rule string, reason drop.Reason, ok bool) {
	if p.TTL() <= 1 {
		return "", drop.TTLExpired, true
	}
	p.DecrementTTL()
	return rewrite(), drop.None, true
}
