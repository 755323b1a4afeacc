package topology

import (
	"net/netip"
	"slices"
)

// vpcs resolves every VPC with what is in it and between them. What a route may lead to comes before any route; addresses
// that the file writes come before those the simulator chooses, and among these the instances' come first, so that a
// gateway added to a lab moves nobody. Public addresses come later, when all explicit ones are known.
func (r *resolver) vpcs() {
	for i, name := range sortedKeys(r.spec.VPCs) {
		path := join("vpcs", name)
		r.name(path, name)
		b := &vpcBuilder{
			resolver: r, path: path, spec: r.spec.VPCs[name],
			vpc: &VPC{Name: name, Realm: uint32(i + 1), Region: r.spec.regionOf(name)},
		}
		b.vpc.ID = r.identify(path, "id", vpcIdentity(name, b.spec))
		b.itself()
		b.securityGroups()
		b.networkACLs()
		b.subnets()
		b.subnetsIPv6()
		b.subnetACLs()
		b.routeTables()
		b.associations()
		b.endpoints()
		b.instances()
		r.net.VPCs = append(r.net.VPCs, b.vpc)
		r.builders = append(r.builders, b)
	}
	r.targetNames()
	for _, b := range r.builders {
		b.natGateways()
	}
	r.peerings()
	r.transitGateways()
	for _, b := range r.builders {
		b.networkInterfaces()
		b.placeAutomatic()
		b.targets = b.routeTargets()
	}
	for _, b := range r.builders {
		b.edgeTable()
		b.routes()
		b.endpointRoutes()
		b.routeQuota()
	}
}

// vpcBuilder is a resolver at work in one VPC.
type vpcBuilder struct {
	*resolver
	path string // vpcs.NAME
	spec VPCSpec
	vpc  *VPC

	placement placement        // of IPv4 addresses
	ipv6      placement        // of IPv6 addresses
	targets   map[string]Route // by the names and ids that a route may call its target, as routes without destination
}

// at returns the path of something in the VPC.
func (b *vpcBuilder) at(keys ...string) string {
	path := b.path
	for _, k := range keys {
		path = join(path, k)
	}
	return path
}

// identify returns the id of a thing of the VPC and takes it for it.
func (b *vpcBuilder) identify(k kind, name string) string {
	return b.resolver.identify(b.at(k.key, name), "id", k.identity(b.vpc.Name, b.spec, name))
}

// interfaceID is identify for the network interface that something else of the VPC has: keys lead there.
func (b *vpcBuilder) interfaceID(path, written string, keys ...string) string {
	place := idPath("vpcs", append([]string{b.vpc.Name}, keys...)...)
	return b.resolver.identify(path, "interface_id", identity{kind: "eni", written: written, place: place})
}

// gatewayID is identify for the gateway of the VPC that has a name under a key, and its id under another.
func (b *vpcBuilder) gatewayID(kind, key, name, written string) string {
	at := b.at(key)
	if written != "" {
		at = b.path
	}
	return b.resolver.identify(at, key+"_id", identity{kind, name, written, idPath("vpcs", b.vpc.Name, key, name)})
}

// itself resolves what the VPC is before there is anything in it.
func (b *vpcBuilder) itself() {
	if b.spec.Region != "" {
		b.region(b.at("region"), b.spec.Region)
	}
	b.cidrs()
	b.ipv6CIDR()
	b.internetGateway()
	b.names()
}

// cidrs resolves the VPC's CIDRs (aws-semantics 8.1: vpc-cidr-blocks).
func (b *vpcBuilder) cidrs() {
	if p, ok := b.block(b.at("cidr"), b.spec.CIDR); ok {
		b.vpc.CIDRs = append(b.vpc.CIDRs, p)
	}
	for i, text := range b.spec.SecondaryCIDRs {
		at := item(b.at("secondary_cidrs"), i)
		p, ok := b.block(at, text)
		if !ok {
			continue
		}
		if q, overlap := overlapsAny(p, b.vpc.CIDRs); overlap {
			b.errorf(at, "%s overlaps the VPC's %s", p, q)
		} else if why := unassociable(p, b.vpc.CIDRs); why != "" {
			b.errorf(at, "%s", why)
		}
		b.vpc.CIDRs = append(b.vpc.CIDRs, p)
	}
}

// block parses a CIDR of a VPC or subnet.
func (b *vpcBuilder) block(path, text string) (netip.Prefix, bool) {
	p, ok := b.cidr(path, text)
	if !ok {
		return p, false
	}
	if p.Bits() < 16 || p.Bits() > 28 {
		b.errorf(path, "%s is a /%d; VPCs and subnets are from /16 to /28", p, p.Bits())
		return p, false
	}
	if q, never := overlapsAny(p, neverVPC); never {
		b.errorf(path, "%s lies in %s, which no VPC can use", p, q)
		return p, false
	}
	return p, true
}

// unassociable says why AWS would not add a CIDR to a VPC that has the others, the primary first: the families of
// private space don't mix, and some parts of it are AWS's own (vpc-cidr-blocks, "IPv4 CIDR block association
// restrictions", 2023).
func unassociable(p netip.Prefix, others []netip.Prefix) string {
	if len(others) == 0 {
		return ""
	}
	benchmark := netip.MustParsePrefix("198.19.0.0/16")
	family := func(p netip.Prefix) netip.Prefix { q, _ := insideAny(p, rfc1918); return q }
	primary := others[0]
	switch {
	case inside(p, benchmark) && !inside(primary, benchmark):
		return p.String() + " lies in 198.19.0.0/16, which AWS keeps for itself"
	case family(p).IsValid() && family(p) != family(primary):
		return p.String() + " can't join the primary " + primary.String() + ": AWS adds private CIDRs of the primary's own RFC 1918 range only"
	case inside(p, netip.MustParsePrefix("172.31.0.0/16")):
		return p.String() + " lies in 172.31.0.0/16, which AWS does not add to a VPC"
	case inside(p, netip.MustParsePrefix("10.0.0.0/16")) && slices.ContainsFunc(others, func(q netip.Prefix) bool {
		return inside(q, netip.MustParsePrefix("10.0.0.0/15"))
	}):
		return p.String() + " lies in 10.0.0.0/16, which AWS does not add to a VPC that has a CIDR in 10.0.0.0/15"
	}
	return ""
}

func (b *vpcBuilder) internetGateway() {
	if name := b.spec.InternetGateway; name != "" {
		b.vpc.InternetGateway = &InternetGateway{Name: name, ID: b.gatewayID("igw", "internet_gateway", name, b.spec.InternetGatewayID), VPC: b.vpc}
	}
	if name := b.spec.EgressOnlyGateway; name != "" {
		if !b.limits.IPv6 {
			b.errorf(b.at("egress_only_internet_gateway"), "%s had no IPv6 in a VPC: it came in December 2016", b.net.Preset)
		}
		b.vpc.EgressOnly = &EgressOnlyGateway{Name: name, VPC: b.vpc}
		b.vpc.EgressOnly.ID = b.gatewayID("eigw", "egress_only_internet_gateway", name, b.spec.EgressOnlyID)
	}
}
