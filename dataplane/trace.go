package dataplane

import (
	"net/netip"

	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

// Stage is the kind of place where something was decided about a packet.
type Stage uint8

// The stages.
const (
	StageInterface Stage = iota
	StageFlow
	StageRoute
	StageGateway
	StageGroups
	StageACL
	stages // how many there are
)

var stageNames = [stages]string{"interface", "flow", "route", "gateway", "security-group", "network-acl"}

// String returns the stage's name as it appears in traces.
func (s Stage) String() string {
	if s >= stages {
		return "unknown"
	}
	return stageNames[s]
}

// Step is one decision about a packet: where it was made, by which rule, and what the packet's addresses were then.
type Step struct {
	Stage    Stage
	Where    string // id of the interface, route table or gateway
	Rule     string // what matched, for a person
	Src, Dst netip.AddrPort
	Drop     drop.Reason
}

// Trace is the way of one packet. It does not end at the first filter or check that refuses the packet: that drops it, but the steps
// go on as if it had passed, so that all that stands in its way is told at once (see blockers.go).
type Trace struct {
	Steps     []Step
	Delivered *Interface  // where it arrived; nil if it was dropped
	Drop      drop.Reason // why it was dropped: the first of its steps' reasons
	// Reached is where it arrived, or would have arrived had nothing refused it; nil where there was no way on.
	Reached *Interface

	open bool // the packet is of a connection that its question opened, and is not that connection's first

	// What a real packet would have left behind, for the answer to it.
	opened       []opening
	translations []translation
	question     *Trace // what this answers; nil for a question
}

// opening is a connection that a packet would have opened: at an interface, or at an egress-only internet gateway.
type opening struct {
	name     conntrack.Tuple
	tracking conntrack.Tracking
}

// translation is what a gateway that stands as an interface made of a packet.
type translation struct {
	at       *Interface
	src, dst netip.AddrPort // before
	newSrc   netip.AddrPort
	newDst   netip.AddrPort
	protocol uint8
}

// usualSteps is how many steps most traces do not exceed: from subnet to subnet, through a gateway, is twelve.
const usualSteps = 12

// Trace forwards p as a probe under the snapshot s: the same code as for real packets, which reads flow state and
// changes none. p is rewritten. flows may be nil for a VPC in which nothing is open. s must have been committed or be
// one that [Prepare] returned.
//
// question is the trace of the packet that p answers, nil if it answers none: an answer finds the connections and the
// translations that its question would have made.
func (s *Snapshot) Trace(flows *Router, from *Interface, p *packet.Packet, question *Trace) *Trace {
	return s.trace(flows, from, p, &Trace{question: question})
}

// TraceOpen is Trace for a packet in the middle of a connection that the packet of the trace opening has opened, in either direction,
// whether or not something stood in that packet's way. What flows knows of the connection counts before what is supposed of it.
func (s *Snapshot) TraceOpen(flows *Router, from *Interface, p *packet.Packet, opening *Trace) *Trace {
	return s.trace(flows, from, p, &Trace{question: opening, open: true})
}

func (s *Snapshot) trace(flows *Router, from *Interface, p *packet.Packet, t *Trace) *Trace {
	p.Probe = true
	steps := make([]decision, 0, usualSteps)
	w := &Worker{snapshot: s, trace: t, steps: &steps, router: flows}
	if flows != nil {
		p.Time = flows.now()
	}
	reached, reason := w.Forward(from, p)
	t.Steps = inWords(steps)
	if reason == drop.None {
		t.Reached = reached
	}
	if t.Drop == drop.None {
		t.Delivered = t.Reached
	}
	return t
}

// atEgressOnly stands for an interface's number in the names of connections that an egress-only internet gateway would know.
const atEgressOnly = ^uint32(0)

// egressOnly is what an egress-only internet gateway would have said of p had it remembered the question: what goes out is
// noted, and what answers it comes in.
func (t *Trace) egressOnly(p *packet.Packet, reason drop.Reason) drop.Reason {
	src, dst := netip.AddrPortFrom(p.Src, p.SrcPort), netip.AddrPortFrom(p.Dst, p.DstPort)
	switch {
	case reason == drop.None:
		t.opened = append(t.opened, opening{conntrack.Tuple{Local: src, Remote: dst, Zone: atEgressOnly, Protocol: p.Protocol}, conntrack.Tracked})
	case reason == drop.EgressOnly && t.tracks(conntrack.Tuple{Local: dst, Remote: src, Zone: atEgressOnly, Protocol: p.Protocol}):
		if p.TTL() <= 1 {
			return drop.TTLExpired
		}
		p.DecrementTTL()
		return drop.None
	}
	return reason
}

// Prepare readies a snapshot for [Snapshot.Trace] without committing it to a router.
func Prepare(s *Snapshot) *Snapshot {
	s.index()
	for n, i := range s.Interfaces {
		i.zone = uint32(n + 1)
		s.zones[i.zone] = i
	}
	return s
}
