package routing

// Origin is where a route comes from. Among routes to the same prefix the one with the lower Origin wins; routes to
// different prefixes never compete, because the longest prefix wins whatever the origin (aws-semantics 1.4,
// route-tables-priority).
type Origin uint8

// The origins in AWS's order of preference. That a local route wins over a prefix-list entry equal to it is
// undocumented; we choose it (aws-semantics 1.4).
const (
	Local            Origin = iota // the VPC's own CIDRs
	Static                         // written by hand with a CIDR
	PrefixList                     // an entry of a prefix list, gateway endpoint routes included
	Propagated                     // learnt over Direct Connect's BGP, or from where is not known
	PropagatedVPN                  // a VPN's static route
	PropagatedVPNBGP               // learnt over a VPN's BGP
)

// String returns the origin's name as it appears in traces.
func (o Origin) String() string {
	return [...]string{"local", "static", "prefix-list", "propagated", "propagated-vpn-static", "propagated-vpn-bgp", "", ""}[o&7]
}
