package dataplane

import (
	"fmt"
	"net/netip"

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
)

// String returns the stage's name as it appears in traces.
func (s Stage) String() string {
	return [...]string{"interface", "flow", "route", "gateway"}[s&3]
}

// Step is one decision about a packet: where it was made, by which rule, and what the packet's addresses were then.
type Step struct {
	Stage    Stage
	Where    string // id of the interface, route table or gateway
	Rule     string // what matched, for a person
	Src, Dst netip.AddrPort
	Drop     drop.Reason
}

// Trace is the way of one packet.
type Trace struct {
	Steps     []Step
	Delivered *Interface  // where it arrived; nil if it was dropped
	Drop      drop.Reason // why it was dropped
}

// Trace forwards p as a probe under the snapshot s: the same code as for real packets, which reads flow state and
// changes none. p is rewritten. flows may be nil for a VPC in which nothing is open. s must have been committed or be
// one that [Prepare] returned.
func (s *Snapshot) Trace(flows *Router, from *Interface, p *packet.Packet) *Trace {
	p.Probe = true
	t := new(Trace)
	w := &Worker{snapshot: s, trace: t, router: flows}
	t.Delivered, t.Drop = w.Forward(from, p)
	if t.Drop != drop.None {
		t.Delivered = nil
	}
	return t
}

// Prepare readies a snapshot for [Snapshot.Trace] without committing it to a router.
func Prepare(s *Snapshot) *Snapshot {
	s.index()
	return s
}

// step is where forwarding tells what it does. It returns reason, so that a decision and its record are one line.
func (w *Worker) step(stage Stage, where string, r *Route, p *packet.Packet, reason drop.Reason) drop.Reason {
	if w.trace != nil {
		w.record(stage, where, r, p, reason)
	}
	return reason
}

func (w *Worker) record(stage Stage, where string, r *Route, p *packet.Packet, reason drop.Reason) {
	rule := ""
	if r != nil && stage == StageRoute {
		rule = fmt.Sprintf("%s -> %s (%s)", r.Prefix, r.Target, r.Origin)
		if r.PrefixList != "" {
			rule = fmt.Sprintf("%s -> %s (entry %s)", r.PrefixList, r.Target, r.Prefix)
		}
	}
	if reason != drop.None {
		if rule != "" {
			rule += "; "
		}
		rule += reason.Sentence()
	}
	w.trace.Steps = append(w.trace.Steps, Step{
		Stage: stage, Where: where, Rule: rule, Drop: reason,
		Src: netip.AddrPortFrom(p.Src, p.SrcPort), Dst: netip.AddrPortFrom(p.Dst, p.DstPort),
	})
}
