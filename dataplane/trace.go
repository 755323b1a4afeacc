package dataplane

import (
	"net/netip"
	"slices"

	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/filter"
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
	w := &Worker{snapshot: s, trace: t, router: flows}
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

// step is where forwarding tells what it does. It returns reason, so that a decision and its record are one line.
func (w *Worker) step(stage Stage, where string, r *Route, p *packet.Packet, reason drop.Reason) drop.Reason {
	if w.trace != nil {
		w.record(stage, where, r, p, reason)
	}
	return reason
}

// stepRule is step for a decision that was not made by a route, and that lets p pass.
func (w *Worker) stepRule(stage Stage, where, rule string, p *packet.Packet) drop.Reason {
	if w.trace != nil {
		w.trace.add(stage, where, rule, p, drop.None)
	}
	return drop.None
}

func (w *Worker) record(stage Stage, where string, r *Route, p *packet.Packet, reason drop.Reason) {
	rule := ""
	if r != nil && stage == StageRoute && reason != drop.TransitNoRoute { // which no route is there for
		rule = r.Prefix.String() + " -> " + r.Target + " (" + r.Origin.String() + ")"
		if r.PrefixList != "" {
			rule = r.PrefixList + " -> " + r.Target + " (entry " + r.Prefix.String() + ")"
		}
	}
	w.trace.add(stage, where, rule, p, reason)
}

// recordGroups tells what the security groups of an interface said.
func (w *Worker) recordGroups(i *Interface, p *packet.Packet, d direction, v filter.Verdict, rule int) {
	text, reason := "", drop.None
	switch {
	case v == filter.Denied && exempt(i.Subnet, p, d):
		text = "not filtered: a service of the VPC itself"
	case v == filter.Denied && (d == inbound && i.Groups.IngressEmpty() || d == outbound && i.Groups.EgressEmpty()):
		reason = drop.SecurityGroupEmpty
	case v == filter.Denied:
		reason = drop.SecurityGroup
	case d == outbound:
		text = "egress rule " + i.Groups.EgressRule(rule)
	default:
		text = "ingress rule " + i.Groups.IngressRule(rule)
	}
	if v == filter.Untracked {
		text += ", untracked"
	}
	w.trace.add(StageGroups, i.ID, text, p, reason)
}

// recordACL tells what the network ACL of a subnet said.
func (w *Worker) recordACL(s *Subnet, p *packet.Packet, d direction, allowed bool, entry int, reason drop.Reason) {
	var where, text string
	if d == outbound {
		where, text = s.ACL.EgressEntry(entry), "egress of "+s.ID
	} else {
		where, text = s.ACL.IngressEntry(entry), "ingress of "+s.ID
	}
	if !allowed && reason == drop.None {
		text += "; not filtered: a service of the VPC itself"
	}
	w.trace.add(StageACL, where, text, p, reason)
}

func (t *Trace) add(stage Stage, where, rule string, p *packet.Packet, reason drop.Reason) {
	if reason != drop.None {
		if rule != "" {
			rule += "; "
		}
		rule += reason.Sentence()
	}
	t.Steps = append(t.Steps, Step{
		Stage: stage, Where: where, Rule: rule, Drop: reason,
		Src: netip.AddrPortFrom(p.Src, p.SrcPort), Dst: netip.AddrPortFrom(p.Dst, p.DstPort),
	})
}
