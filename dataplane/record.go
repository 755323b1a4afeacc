package dataplane

import (
	"net/netip"
	"strings"

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

	words [5]string // the rule in words, in parts
	route matched
}

// matched is what a decision keeps of the route that made it.
type matched struct {
	prefix       netip.Prefix
	list, target string
	over         string // of equal routes, those that it was chosen over
	origin       routing.Origin
}

// step puts a decision into words.
func (d *decision) step() Step {
	rule := strings.Join(d.words[:], "")
	switch r := &d.route; {
	case r.list != "":
		rule = r.prefix.String() + " via " + r.list + " -> " + r.target
	case r.target != "":
		rule = r.prefix.String() + " -> " + r.target + " (" + r.origin.String() + ")"
	}
	if d.route.over != "" {
		rule += "; added before " + d.route.over + ", which is equal (AWS picks at random)"
	}
	if d.drop != drop.None {
		if rule != "" {
			rule += "; "
		}
		rule += d.drop.Sentence()
	}
	return Step{Stage: d.stage, Where: d.where, Rule: rule, Src: d.src, Dst: d.dst, Drop: d.drop}
}

// inWords puts decisions into words.
func inWords(made []decision) []Step {
	steps := make([]Step, len(made))
	for i := range made {
		steps[i] = made[i].step()
	}
	return steps
}

// step is where forwarding tells what it does. It returns the reason for which the packet ends here, so that a decision and its record
// are one line.
func (w *Worker) step(stage Stage, where string, r *Route, p *packet.Packet, reason drop.Reason) drop.Reason {
	if reason != drop.None || w.steps != nil {
		return w.record(stage, where, r, p, reason)
	}
	return reason
}

// stepRule is step for a decision that was not made by a route, and that lets p pass.
func (w *Worker) stepRule(stage Stage, where, rule string, p *packet.Packet) drop.Reason {
	if w.steps != nil {
		d := made(stage, where, p, drop.None)
		d.words[0] = rule
		w.decided(&d, p)
	}
	return drop.None
}

// made is a decision about p as it is now.
func made(stage Stage, where string, p *packet.Packet, reason drop.Reason) decision {
	return decision{stage: stage, where: where, drop: reason, src: netip.AddrPortFrom(p.Src, p.SrcPort), dst: netip.AddrPortFrom(p.Dst, p.DstPort)}
}

func (w *Worker) record(stage Stage, where string, r *Route, p *packet.Packet, reason drop.Reason) drop.Reason {
	d := made(stage, where, p, reason)
	switch {
	case stage == StageGateway:
		d.toward = capture.Outbound // it leaves the gateway, if it does
		d.words[0] = w.rewrite(p)
	case r != nil && stage == StageRoute && reason != drop.TransitNoRoute: // which no route is there for
		d.route = matched{r.Prefix, r.PrefixList, r.Target, r.Over, r.Origin}
	}
	return w.decided(&d, p)
}

// recordGroups tells what the security groups of an interface said.
func (w *Worker) recordGroups(i *Interface, p *packet.Packet, way direction, v filter.Verdict, rule int, reason drop.Reason) drop.Reason {
	d := made(StageGroups, i.ID, p, reason)
	d.toward = way.toward()
	switch {
	case reason != drop.None:
		d.words = [5]string{way.of(), i.GroupIDs}
	case v == filter.Denied:
		d.words[0] = "not filtered: a service of the VPC itself"
	case way == outbound:
		d.words = [5]string{"egress rule ", i.Groups.EgressRule(rule)}
	default:
		d.words = [5]string{"ingress rule ", i.Groups.IngressRule(rule)}
	}
	if v == filter.Untracked {
		d.words[2] = ", untracked"
	}
	return w.decided(&d, p)
}

// recordACL tells what the network ACL of a subnet said.
func (w *Worker) recordACL(s *Subnet, p *packet.Packet, way direction, allowed bool, entry int, reason drop.Reason) drop.Reason {
	d := made(StageACL, "", p, reason)
	d.toward, d.words = way.toward(), [5]string{way.of(), s.ID}
	says := ""
	if way == outbound {
		d.where, says = s.ACL.EgressEntry(entry)
	} else {
		d.where, says = s.ACL.IngressEntry(entry)
	}
	if says != "" {
		d.words[2], d.words[3] = ": ", says
	}
	if !allowed && reason == drop.None {
		d.words[4] = "; not filtered: a service of the VPC itself"
	}
	return w.decided(&d, p)
}

// rewrite says what a gateway made of the ends of p, which it has just crossed, where its steps are recorded.
func (w *Worker) rewrite(p *packet.Packet) (text string) {
	if w.steps == nil || len(*w.steps) == 0 {
		return ""
	}
	before := &(*w.steps)[len(*w.steps)-1]
	text = becomes("source", before.src, netip.AddrPortFrom(p.Src, p.SrcPort))
	if dst := becomes("destination", before.dst, netip.AddrPortFrom(p.Dst, p.DstPort)); text != "" && dst != "" {
		text += ", " + dst
	} else {
		text += dst
	}
	return text
}

// becomes tells of a change to one end of a packet; nothing where there is none.
func becomes(end string, before, after netip.AddrPort) string {
	switch {
	case before == after:
		return ""
	case before.Port() == after.Port():
		return end + " " + before.Addr().String() + " becomes " + after.Addr().String()
	}
	return end + " " + before.String() + " becomes " + after.String()
}

// of is the direction as rules speak of it.
func (d direction) of() string {
	if d == outbound {
		return "egress of "
	}
	return "ingress of "
}

// toward is the direction as captures write it.
func (d direction) toward() capture.Direction {
	if d == outbound {
		return capture.Outbound
	}
	return capture.Inbound
}

// decided hands a decision to who listens, and returns the reason for which the packet ends here: that of the decision, but where
// a trace goes on in spite of it.
func (w *Worker) decided(d *decision, p *packet.Packet) drop.Reason {
	if d.drop != drop.None {
		w.fatal = *d
	}
	if w.steps == nil {
		return d.drop
	}
	*w.steps = append(*w.steps, *d)
	if w.film.followers != 0 && (d.stage != StageGateway || d.drop == drop.None) { // a packet that is refused does not leave the gateway
		w.shoot(placeOf(d), d.toward, p)
	}
	if w.trace != nil {
		return w.trace.refused(d.drop)
	}
	return d.drop
}
