package filter

import (
	"net/netip"
	"slices"

	"vpcsim/dataplane/packet"
)

// Verdict is what the rules of a list say of a packet.
type Verdict uint8

// The verdicts. Untracked is the allowance of a TCP or UDP packet by a rule from or to everywhere, 0.0.0.0/0 or ::/0, whose
// ports may be limited, while the opposite direction has such a rule without a limit for that protocol: AWS keeps no
// connection for it (aws-semantics 6.3). All else that is allowed is tracked.
const (
	Denied Verdict = iota
	Tracked
	Untracked
)

// SecurityGroups is the union of all security groups of one network interface. It is immutable.
//
// Where a rule for everywhere and a narrower one allow a packet, AWS does not say which decides whether it is tracked; as
// rules have no order, the one for everywhere does, wherever it stands [I]. These rules are therefore asked first, and
// whichever matches first settles the verdict.
type SecurityGroups struct {
	ingress, egress list
}

// NewSecurityGroups compiles the rules of all groups of an interface. It keeps neither slice.
func NewSecurityGroups(ingress, egress []Rule) *SecurityGroups {
	g := &SecurityGroups{newList(ingress), newList(egress)}
	decideTracking(g.ingress.checks, g.egress.checks)
	decideTracking(g.ingress.checks6, g.egress.checks6)
	return g
}

// Union returns what [NewSecurityGroups] makes of the rules of all the groups together, without compiling any rule again.
func Union(groups []*SecurityGroups) *SecurityGroups {
	if len(groups) == 1 {
		return groups[0]
	}
	u := new(SecurityGroups)
	for _, g := range groups {
		u.ingress.add(&g.ingress)
		u.egress.add(&g.egress)
	}
	decideTracking(u.ingress.checks, u.egress.checks)
	decideTracking(u.ingress.checks6, u.egress.checks6)
	return u
}

// decideTracking sorts and completes the checks of two opposite directions.
func decideTracking(a, b []check) {
	openA, openB := open(a), open(b)
	everywhereFirst(a, openB)
	everywhereFirst(b, openA)
}

// open returns the protocols, as bits, of which one rule for everywhere allows everything: TCP, UDP, both or none.
func open(checks []check) (protocols uint32) {
	for i := range checks {
		for _, protocol := range [...]key{packet.TCP, packet.UDP} {
			if checks[i].everywhere && checks[i].is(protocol<<detailBits|noDetail) {
				protocols |= 1 << protocol
			}
		}
	}
	return protocols
}

// everywhereFirst moves the rules for everywhere to the front. They track all but the protocols that are open in the opposite
// direction.
func everywhereFirst(checks []check, opposite uint32) {
	slices.SortStableFunc(checks, func(a, b check) int {
		switch {
		case a.everywhere == b.everywhere:
			return 0
		case a.everywhere:
			return -1
		}
		return 1
	})
	for i := range checks {
		if checks[i].everywhere {
			checks[i].untracked = opposite
		}
	}
}

// Ingress judges a packet that arrives at the interface. rule is the number of a rule that allows it, for
// [SecurityGroups.IngressRule]: of one for everywhere if there is one, and the lowest. It is negative if none does.
func (g *SecurityGroups) Ingress(p *packet.Packet) (v Verdict, rule int) {
	return g.ingress.verdict(p, p.Src)
}

// Egress judges a packet that leaves the interface. rule is as in [SecurityGroups.Ingress], for [SecurityGroups.EgressRule].
func (g *SecurityGroups) Egress(p *packet.Packet) (v Verdict, rule int) {
	return g.egress.verdict(p, p.Dst)
}

func (l *list) verdict(p *packet.Packet, peer netip.Addr) (v Verdict, rule int) {
	c := l.match(p, peer)
	switch {
	case c == nil:
		return Denied, -1
	case c.untracked>>p.Protocol&1 != 0: // protocols above 31 have no bit
		return Untracked, int(c.number)
	}
	return Tracked, int(c.number)
}

// IngressRule returns the ID of an inbound rule by its number, and what it says.
func (g *SecurityGroups) IngressRule(rule int) string { return g.ingress.labels[rule].String() }

// EgressRule returns the ID of an outbound rule by its number, and what it says.
func (g *SecurityGroups) EgressRule(rule int) string { return g.egress.labels[rule].String() }

// IngressEmpty says that there is no inbound rule at all.
func (g *SecurityGroups) IngressEmpty() bool { return len(g.ingress.labels) == 0 }

// EgressEmpty says that there is no outbound rule at all.
func (g *SecurityGroups) EgressEmpty() bool { return len(g.egress.labels) == 0 }
