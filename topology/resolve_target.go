package topology

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"
)

// local is what the target of a VPC's implied routes is called.
const local = "local"

// targetNames checks that a name means one thing as the target of a route: peerings and transit gateways are everybody's,
// the others their VPC's own.
func (r *resolver) targetNames() {
	shared := targetClaims{resolver: r, taken: map[string]string{}}
	for _, name := range sortedKeys(r.spec.Peerings) {
		shared.claim(join("peerings", name), name)
	}
	for _, name := range sortedKeys(r.spec.TransitGateways) {
		shared.claim(join("transit_gateways", name), name)
	}
	for _, b := range r.builders {
		own := targetClaims{resolver: r, shared: shared.taken, taken: map[string]string{}}
		if name := b.spec.InternetGateway; name != "" {
			own.claim(b.at("internet_gateway"), name)
		}
		if name := b.spec.EgressOnlyGateway; name != "" {
			own.claim(b.at("egress_only_internet_gateway"), name)
		}
		for _, name := range sortedKeys(b.spec.Endpoints) {
			own.claim(b.at("endpoints", name), name)
		}
		for _, name := range sortedKeys(b.spec.NATGateways) {
			own.claim(b.at("nat_gateways", name), name)
		}
		for _, i := range b.vpc.Instances {
			own.take(b.at("instances", i.Name), i.Name)
		}
		for _, name := range sortedKeys(b.spec.NetworkInterfaces) {
			own.claim(b.at("network_interfaces", name), name)
		}
		for i, name := range b.spec.OutsideGateways {
			own.takeOutside(item(b.at("outside_gateways"), i), name)
		}
	}
}

// targetClaims is which names are taken, with the paths that have them.
type targetClaims struct {
	*resolver
	shared, taken map[string]string
}

// claim takes a name that nobody else has checked.
func (c targetClaims) claim(path, name string) {
	c.name(path, name)
	c.take(path, name)
}

func (c targetClaims) take(path, name string) {
	if name == local {
		c.errorf(path, "local is the name of the implied route's target; choose another")
	}
	before, twice := c.shared[name]
	if !twice {
		before, twice = c.taken[name]
	}
	if twice {
		c.errorf(path, "the name %s is taken by %s; what a route may name as its target has a name of its own", shown(name), c.place(before))
	}
	c.taken[name] = path
}

// takeOutside takes the name of an outside gateway. It may be any id of AWS, a core network's ARN too, and is nobody else's.
func (c targetClaims) takeOutside(path, name string) {
	if name == "" || len(name) > maxOutside || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsGraphic(r) || r == ' ' }) {
		c.errorf(path, "%s is neither a name nor an id", shown(name))
	}
	c.take(path, name)
}

// maxOutside is how many bytes the name of an outside gateway may have: an ARN has up to 500 (API_Route, CoreNetworkArn).
const maxOutside = 500

// routeTargets lists what a route of the VPC may lead to under all its names and ids. Where a name is also an id, the name
// wins.
func (b *vpcBuilder) routeTargets() map[string]Route {
	byName, all := map[string]Route{}, map[string]Route{}
	add := func(name string, r Route) { byName[name], all[r.Target] = r, r }
	if g := b.vpc.InternetGateway; g != nil {
		add(g.Name, Route{Target: g.ID, InternetGateway: g})
	}
	if g := b.vpc.EgressOnly; g != nil {
		add(g.Name, Route{Target: g.ID, EgressOnly: g})
	}
	for _, e := range b.vpc.Endpoints {
		add(e.Name, Route{Target: e.ID, Endpoint: e})
	}
	for _, g := range b.vpc.NATGateways {
		add(g.Name, Route{Target: g.ID, NATGateway: g})
	}
	for _, i := range b.vpc.Instances {
		for index, eni := range i.Interfaces {
			r := Route{Target: eni.ID, NetworkInterface: eni}
			if index > 0 {
				add(fmt.Sprintf("%s/%d", i.Name, index), r)
				continue
			}
			add(i.Name, r)
			all[i.ID] = r
		}
	}
	for _, eni := range b.vpc.NetworkInterfaces {
		add(eni.Name, Route{Target: eni.ID, NetworkInterface: eni})
	}
	for _, name := range b.spec.OutsideGateways {
		add(name, Route{Target: name, Outside: true})
	}
	b.sharedTargets(add)
	for name, r := range byName {
		all[name] = r
	}
	return all
}

// sharedTargets adds the peerings and transit gateways of the VPC. One that names no VPC might have meant this one; that is
// told where it stands.
func (b *vpcBuilder) sharedTargets(add func(name string, r Route)) {
	for _, p := range b.net.Peerings {
		if sides := []*VPC{p.Requester, p.Accepter}; slices.Contains(sides, b.vpc) || slices.Contains(sides, nil) {
			add(p.Name, Route{Target: p.ID, Peering: p})
		}
	}
	for _, g := range b.net.TransitGateways {
		if slices.ContainsFunc(g.Attachments, func(a *TransitAttachment) bool {
			return a.VPC == b.vpc || a.VPC == nil && a.Outside == "" && a.Peer == nil
		}) {
			add(g.Name, Route{Target: g.ID, TransitGateway: g})
		}
	}
}

// target resolves what a route leads to and reports whether that means anything. A blackhole may name anything, also what is
// no longer there.
func (b *vpcBuilder) target(t *RouteTable, route *Route, at, text string) bool {
	found, known := b.targets[text]
	route.Target = text
	switch {
	case text == "":
		b.errorf(at, "missing; name what the route leads to")
	case text == local && t.Edge:
		route.Local = true
		return true
	case text == local:
		b.errorf(at, "local routes are implied, one per CIDR of the VPC; remove this one")
	case known && found.Endpoint != nil && route.State == RouteActive:
		// aws-semantics 2.4: AWS refuses to create or replace a route to a gateway endpoint by hand.
		b.errorf(at, "%s is an endpoint, whose routes are its own; add the table to %s", shown(text), b.at("endpoints", found.Endpoint.Name, "route_tables"))
	case known:
		found.State, found.Propagated = route.State, route.Propagated
		*route = found
		return true
	case route.State == RouteBlackhole:
		return true
	default:
		b.errorf(at, "%s", b.noTarget(text))
	}
	return false
}

// noTarget says what is wrong with a name that nothing in the VPC has.
func (b *vpcBuilder) noTarget(text string) string {
	if b.errs.full() {
		return ""
	}
	for _, p := range b.net.Peerings {
		if text == p.Name || text == p.ID {
			return fmt.Sprintf("peering %s is not this VPC's: it connects %s", p.Name, p.sides(" and "))
		}
	}
	for _, g := range b.net.TransitGateways {
		if text == g.Name || text == g.ID {
			return fmt.Sprintf("%s is not attached to transit gateway %s; add an attachment to %s", b.path, g.Name, join(join("transit_gateways", g.Name), "attachments"))
		}
	}
	igw := b.vpc.InternetGateway
	for _, other := range b.builders {
		if r, there := other.targets[text]; there && (r.InternetGateway == nil || igw != nil) {
			return fmt.Sprintf("%s belongs to %s; only what is in the same VPC will do", shown(text), other.path)
		}
	}
	var names []string
	for name, r := range b.targets {
		eni := r.NetworkInterface
		isID := name == r.Target && !r.Outside || eni != nil && eni.Instance != nil && name == eni.Instance.ID
		if !isID && r.Endpoint == nil {
			names = append(names, name)
		}
	}
	problem := noSuch("route target", text, b.path, names)
	if igw == nil && !strings.Contains(problem, "did you mean") {
		problem += fmt.Sprintf("; add internet_gateway: %s, or write state: blackhole if it is gone", shown(text))
	} else if mayBeOutside(text) {
		problem += "; if it is not part of the topology, add it to outside_gateways"
	}
	return problem
}

// mayBeOutside reports whether a text is the id or ARN of a target that tends to lie outside of a topology.
func mayBeOutside(text string) bool {
	return strings.HasPrefix(text, "arn:") ||
		slices.ContainsFunc([]string{"vgw", "lgw", "cagw", "vpce", "pcx", "tgw"}, func(kind string) bool { return isID(kind, text) })
}

// checkDestination judges a CIDR destination against what AWS keeps for itself and for the VPC (aws-semantics 1.2, 1.3).
func (b *vpcBuilder) checkDestination(route *Route, at string, meant bool) {
	p := route.Destination
	if block, reserved := insideAny(p, awsReserved); reserved {
		b.errorf(at, "%s lies in %s, where AWS allows no routes", p, block)
	}
	cidr, own := insideAny(p, b.vpc.AllCIDRs())
	switch {
	case !own, route.Propagated: // what comes from outside for the VPC's own addresses stays in the table and does nothing
	case p == cidr && !b.limits.MoreSpecificThanLocal:
		b.errorf(at, "%s is the VPC's own CIDR, and %s had no other target for its route than local; remove this one", p, b.net.Preset)
	case !b.limits.MoreSpecificThanLocal:
		b.errorf(at, "%s lies inside the VPC's %s, and %s had no routes more specific than the local one", p, cidr, b.net.Preset)
	case p != cidr && !b.isSubnet(p):
		b.errorf(at, "%s lies inside the VPC's %s; such a route must lead to the CIDR of a whole subnet", p, cidr)
	case !meant || route.NATGateway != nil || route.NetworkInterface != nil || route.Outside || route.gone():
	case p == cidr:
		b.errorf(at, "%s is the VPC's own CIDR, whose route can lead to a NAT gateway or network interface only; without this one it is local", p)
	default:
		b.errorf(at, "%s lies inside the VPC's %s; such a route can lead to a NAT gateway, network interface or Gateway Load Balancer endpoint only", p, cidr)
	}
}

// gone reports whether the route is a blackhole whose target nobody knows.
func (r *Route) gone() bool {
	known := r.InternetGateway != nil || r.EgressOnly != nil || r.Endpoint != nil || r.NATGateway != nil ||
		r.NetworkInterface != nil || r.Peering != nil || r.TransitGateway != nil || r.Local || r.Outside
	return r.State == RouteBlackhole && !known
}

// nat64 is what IPv6 senders know the IPv4 internet by (RFC 6052 2.1).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// checkFamily judges whether a target can take what the destination sends to it (aws-semantics 1.7, 5.1). A NAT gateway takes
// NAT64, where such routes come from an account; what they carry is dropped, as nobody translates it here.
func (b *vpcBuilder) checkFamily(route *Route, at string) {
	six := route.Destination.IsValid() && route.Destination.Addr().Is6() || route.PrefixList != nil && route.PrefixList.IPv6
	switch {
	case six && route.NATGateway != nil && (route.PrefixList != nil || !inside(route.Destination, nat64)):
		b.errorf(at, "a NAT gateway takes IPv4 only, and of IPv6 %s for NAT64, which is not simulated", nat64)
	case !six && route.EgressOnly != nil:
		b.errorf(at, "an egress-only internet gateway is for IPv6; for IPv4 there are NAT gateways")
	}
}

// isSubnet reports whether a CIDR is exactly a subnet's.
func (b *vpcBuilder) isSubnet(p netip.Prefix) bool {
	return slices.ContainsFunc(b.vpc.Subnets, func(s *Subnet) bool { return s.CIDR == p || s.IPv6CIDR == p })
}

// eitherCIDR parses a CIDR of either family into its canonical form.
func (r *resolver) eitherCIDR(path, text string) (netip.Prefix, bool) {
	if !strings.Contains(text, ":") {
		return r.cidr(path, text)
	}
	p, ok := parseBlock(text)
	switch {
	case ok:
		return p, r.hasIPv6(path, text)
	case isAddress(text):
		r.errorf(path, "%s has no prefix length; write %s/128 if you mean the one address", shown(text), shown(text))
	default:
		r.errorf(path, "%s is not an IPv6 CIDR such as 2001:db8::/56", shown(text))
	}
	return netip.Prefix{}, false
}
