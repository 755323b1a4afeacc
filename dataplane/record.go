package dataplane

import (
	"net/netip"

	"vpcsim/dataplane/capture"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/filter"
	"vpcsim/dataplane/packet"
	"vpcsim/routing"
)

// Forwarding tells what it does in one place, here, whoever listens: a trace, an observer, a capture, or nobody. Of a packet that
// nobody listens to only the decision that drops it is kept, for the ring of the last drops; that is on no other packet's way.

// decision is a step that is not in words yet. Keeping one costs no allocation, and holds on to nothing of the snapshot but names.
type decision struct {
	stage    Stage
	drop     drop.Reason
	where    string
	src, dst netip.AddrPort
	toward   capture.Direction // of the packet as the place sees it; 0 where it has none

	saying, about, more string // the rule in words, in three parts
	route               matched
}

// matched is what a decision keeps of the route that made it.
type matched struct {
	prefix       netip.Prefix
	list, target string
	origin       routing.Origin
}

// step puts a decision into words.
func (d *decision) step() Step {
	rule := d.saying + d.about + d.more
	switch r := &d.route; {
	case r.list != "":
		rule = r.list + " -> " + r.target + " (entry " + r.prefix.String() + ")"
	case r.target != "":
		rule = r.prefix.String() + " -> " + r.target + " (" + r.origin.String() + ")"
	}
	if d.drop != drop.None {
		if rule != "" {
			rule += "; "
		}
		rule += d.drop.Sentence()
	}
	return Step{Stage: d.stage, Where: d.where, Rule: rule, Src: d.src, Dst: d.dst, Drop: d.drop}
}

// step is where forwarding tells what it does. It returns reason, so that a decision and its record are one line.
func (w *Worker) step(stage Stage, where string, r *Route, p *packet.Packet, reason drop.Reason) drop.Reason {
	if reason != drop.None || w.steps != nil {
		w.record(stage, where, r, p, reason)
	}
	return reason
}

// stepRule is step for a decision that was not made by a route, and that lets p pass.
func (w *Worker) stepRule(stage Stage, where, rule string, p *packet.Packet) drop.Reason {
	if w.steps != nil {
		d := made(stage, where, p, drop.None)
		d.saying = rule
		w.decided(&d, p)
	}
	return drop.None
}

// made is a decision about p as it is now.
func made(stage Stage, where string, p *packet.Packet, reason drop.Reason) decision {
	return decision{stage: stage, where: where, drop: reason, src: netip.AddrPortFrom(p.Src, p.SrcPort), dst: netip.AddrPortFrom(p.Dst, p.DstPort)}
}

func (w *Worker) record(stage Stage, where string, r *Route, p *packet.Packet, reason drop.Reason) {
	d := made(stage, where, p, reason)
	switch {
	case stage == StageGateway:
		d.toward = capture.Outbound // it leaves the gateway, if it does
	case r != nil && stage == StageRoute && reason != drop.TransitNoRoute: // which no route is there for
		d.route = matched{r.Prefix, r.PrefixList, r.Target, r.Origin}
	}
	w.decided(&d, p)
}

// recordGroups tells what the security groups of an interface said.
func (w *Worker) recordGroups(i *Interface, p *packet.Packet, way direction, v filter.Verdict, rule int, reason drop.Reason) {
	d := made(StageGroups, i.ID, p, reason)
	d.toward = way.toward()
	switch {
	case reason != drop.None:
	case v == filter.Denied:
		d.saying = "not filtered: a service of the VPC itself"
	case way == outbound:
		d.saying, d.about = "egress rule ", i.Groups.EgressRule(rule)
	default:
		d.saying, d.about = "ingress rule ", i.Groups.IngressRule(rule)
	}
	if v == filter.Untracked {
		d.more = ", untracked"
	}
	w.decided(&d, p)
}

// recordACL tells what the network ACL of a subnet said.
func (w *Worker) recordACL(s *Subnet, p *packet.Packet, way direction, allowed bool, entry int, reason drop.Reason) {
	d := made(StageACL, "", p, reason)
	if d.toward, d.about = way.toward(), s.ID; way == outbound {
		d.where, d.saying = s.ACL.EgressEntry(entry), "egress of "
	} else {
		d.where, d.saying = s.ACL.IngressEntry(entry), "ingress of "
	}
	if !allowed && reason == drop.None {
		d.more = "; not filtered: a service of the VPC itself"
	}
	w.decided(&d, p)
}

// toward is the direction as captures write it.
func (d direction) toward() capture.Direction {
	if d == outbound {
		return capture.Outbound
	}
	return capture.Inbound
}

// decided hands a decision to who listens.
func (w *Worker) decided(d *decision, p *packet.Packet) {
	if d.drop != drop.None {
		w.fatal = *d
	}
	if w.steps == nil {
		return
	}
	*w.steps = append(*w.steps, d.step())
	if w.film.followers != 0 && (d.stage != StageGateway || d.drop == drop.None) { // a packet that is refused does not leave the gateway
		w.shoot(placeOf(d), d.toward, p)
	}
}
