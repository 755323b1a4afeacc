package compile

import (
	"net/netip"

	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
	"vpcsim/nat"
)

// The gateways here have no state and rewrite nothing but the time to live: they say what may cross. Those that remember
// connections or translate addresses are in package nat.

// contains says whether one of the prefixes contains a.
func contains(prefixes []netip.Prefix, a netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// peering is the way from one VPC of a peering connection to the other.
type peering struct{ from, to []netip.Prefix }

// Cross lets through what goes from the addresses of one VPC to those of the other
// (aws-semantics 8.6, explanation-codes PCX_REQUIRES_ADDRESS_IN_VPC_CIDR).
func (g peering) Cross(p *packet.Packet) drop.Reason {
	if contains(g.from, p.Src) && contains(g.to, p.Dst) {
		return drop.None
	}
	return drop.PeeringAddress
}

// untranslated is an internet gateway's way out for IPv6.
type untranslated struct{ from netip.Prefix }

// Cross lets through what comes from the VPC's own addresses (aws-semantics 4, explanation-codes
// GATEWAY_REJECTS_SPOOFED_TRAFFIC).
func (g untranslated) Cross(p *packet.Packet) drop.Reason {
	if g.from.Contains(p.Src) {
		return drop.None
	}
	return drop.Spoofed
}

// egressOnly is an egress-only internet gateway's way out: the VPC's own addresses get there, and nothing is remembered of others.
type egressOnly struct {
	source untranslated
	out    nat.Outbound
}

// Cross lets through, and remembers, what comes from the VPC's own addresses.
func (g egressOnly) Cross(p *packet.Packet) drop.Reason {
	if reason := g.source.Cross(p); reason != drop.None {
		return reason
	}
	return g.out.Cross(p)
}

// hop is an internet gateway's way in for IPv6, the way into a transit gateway, and that from one transit gateway to the next.
type hop struct{}

// Cross takes one off the hop limit, as for IPv4 (aws-semantics 8.4).
func (hop) Cross(p *packet.Packet) drop.Reason {
	if p.TTL() <= 1 {
		return drop.TTLExpired
	}
	p.DecrementTTL()
	return drop.None
}

// passage is the way out of a transit gateway: what arrives at its network interface goes on from there.
type passage struct{}

// Cross lets everything through.
func (passage) Cross(*packet.Packet) drop.Reason { return drop.None }
