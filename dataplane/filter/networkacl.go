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

// IngressEntry returns the ID of an inbound entry by its number; of the final deny for a negative one.
func (a *NetworkACL) IngressEntry(entry int) string { return a.entryID(a.ingress.ids, entry) }

// EgressEntry returns the ID of an outbound entry by its number; of the final deny for a negative one.
func (a *NetworkACL) EgressEntry(entry int) string { return a.entryID(a.egress.ids, entry) }

func (a *NetworkACL) entryID(ids []string, n int) string {
	if n < 0 {
		return a.final
	}
	return ids[n]
}
