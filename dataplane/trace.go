package dataplane

import (
	"net/netip"
	"slices"

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

// Trace is the way of one packet.
type Trace struct {
	Steps     []Step
	Delivered *Interface  // where it arrived; nil if it was dropped
	Drop      drop.Reason // why it was dropped

	// What a real packet would have left behind, for the answer to it.
	opened       []conntrack.Tuple
	translations []translation
	question     *Trace // what this answers; nil for a question
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
	p.Probe = true
	t := &Trace{question: question, Steps: make([]Step, 0, usualSteps)}
	w := &Worker{snapshot: s, trace: t, steps: &t.Steps, router: flows}
	if flows != nil {
		p.Time = flows.now()
	}
	t.Delivered, t.Drop = w.Forward(from, p)
	if t.Drop != drop.None {
		t.Delivered = nil
	}
	return t
}

// supposes says whether the question that t answers opened the connection.
func (t *Trace) supposes(name conntrack.Tuple) bool {
	return t.question != nil && slices.Contains(t.question.opened, name) || slices.Contains(t.opened, name)
}

// translated notes what the gateway at interface i made of a packet.
func (t *Trace) translated(i *Interface, src, dst netip.AddrPort, p *packet.Packet) {
	t.translations = append(t.translations, translation{
		at: i, src: src, dst: dst, protocol: p.Protocol,
		newSrc: netip.AddrPortFrom(p.Src, p.SrcPort), newDst: netip.AddrPortFrom(p.Dst, p.DstPort),
	})
}

// untranslate undoes for an answer what the gateway at interface i made of the question, and says whether it did.
func (t *Trace) untranslate(i *Interface, p *packet.Packet) bool {
	if t.question == nil {
		return false
	}
	src, dst := netip.AddrPortFrom(p.Src, p.SrcPort), netip.AddrPortFrom(p.Dst, p.DstPort)
	for _, made := range t.question.translations {
		if made.at.ID != i.ID || made.protocol != p.Protocol || made.newSrc != dst || made.newDst != src || made.src == made.newSrc {
			continue
		}
		p.SetDst(made.src.Addr())
		p.SetDstPort(made.src.Port())
		p.DecrementTTL()
		return true
	}
	return false
}

// atEgressOnly stands for an interface's number in the names of connections that an egress-only internet gateway would know.
const atEgressOnly = ^uint32(0)

// egressOnly is what an egress-only internet gateway would have said of p had it remembered the question: what goes out is
// noted, and what answers it comes in.
func (t *Trace) egressOnly(p *packet.Packet, reason drop.Reason) drop.Reason {
	src, dst := netip.AddrPortFrom(p.Src, p.SrcPort), netip.AddrPortFrom(p.Dst, p.DstPort)
	switch {
	case reason == drop.None:
		t.opened = append(t.opened, conntrack.Tuple{Local: src, Remote: dst, Zone: atEgressOnly, Protocol: p.Protocol})
	case reason == drop.EgressOnly && t.supposes(conntrack.Tuple{Local: dst, Remote: src, Zone: atEgressOnly, Protocol: p.Protocol}):
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
