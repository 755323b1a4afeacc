package filter

import (
	"net/netip"

	"vpcsim/dataplane/packet"
)

// NetworkACL is a network ACL: two ordered lists, of which the first entry that matches decides; what none matches is denied
// (aws-semantics 7). It is immutable.
type NetworkACL struct {
	final           string // the ID of the final deny
	ingress, egress list
}

// NewNetworkACL compiles a network ACL. The entries are in the order of their numbers. It keeps neither slice.
func NewNetworkACL(id string, ingress, egress []Rule) *NetworkACL {
	return &NetworkACL{id + "#*", newList(ingress), newList(egress)}
}

// Ingress judges a packet that enters the subnet. entry is the number of the deciding entry, for
// [NetworkACL.IngressEntry]; it is negative if the final deny decided.
func (a *NetworkACL) Ingress(p *packet.Packet) (allowed bool, entry int) {
	return a.ingress.entry(p, p.Src)
}

// Egress judges a packet that leaves the subnet. entry is as in [NetworkACL.Ingress], for [NetworkACL.EgressEntry].
func (a *NetworkACL) Egress(p *packet.Packet) (allowed bool, entry int) {
	return a.egress.entry(p, p.Dst)
}

func (l *list) entry(p *packet.Packet, peer netip.Addr) (allowed bool, entry int) {
	if c := l.match(p, peer); c != nil {
		return !c.deny, int(c.number)
	}
	return false, -1
}

// IngressEntry returns the ID of an inbound entry by its number, and what it says; of the final deny for a negative one.
func (a *NetworkACL) IngressEntry(entry int) (id, says string) {
	return a.label(a.ingress.labels, entry)
}

// EgressEntry returns the ID of an outbound entry by its number, and what it says; of the final deny for a negative one.
func (a *NetworkACL) EgressEntry(entry int) (id, says string) { return a.label(a.egress.labels, entry) }

func (a *NetworkACL) label(labels []label, n int) (id, says string) {
	if n < 0 {
		return a.final, "what no other entry is about is denied"
	}
	return labels[n].id, labels[n].says
}
