package topology

import (
	"net/netip"
	"slices"
	"strings"
)

// vpcs resolves every VPC with what is in it. Public addresses come later, when all explicit ones are known.
func (r *resolver) vpcs() {
	for i, name := range sortedKeys(r.spec.VPCs) {
		path := join("vpcs", name)
		r.name(path, name)
		b := &vpcBuilder{
			resolver: r, path: path, spec: r.spec.VPCs[name],
			vpc: &VPC{Name: name, ID: id("vpc", idPath("vpcs", name)), Realm: uint32(i + 1)},
		}
		b.cidrs()
		b.internetGateway()
		b.subnets()
		b.routeTables()
		b.associations()
		b.targetNames()
		b.endpoints()
		b.routes()
		b.endpointRoutes()
		b.routeQuota()
		b.instances()
		r.net.VPCs = append(r.net.VPCs, b.vpc)
	}
}

// vpcBuilder is a resolver at work in one VPC.
type vpcBuilder struct {
	*resolver
	path string // vpcs.NAME
	spec VPCSpec
	vpc  *VPC
}

// at returns the path of something in the VPC.
func (b *vpcBuilder) at(keys ...string) string {
	path := b.path
	for _, k := range keys {
		path = join(path, k)
	}
	return path
}

// id returns the id of something in the VPC.
func (b *vpcBuilder) id(kind string, keys ...string) string {
	return id(kind, idPath("vpcs", append([]string{b.vpc.Name}, keys...)...))
}

// idPath is the path an id is made from. Unlike a path in a message it is never cut or quoted, and no two things share
// one: a name has no slash.
func idPath(first string, keys ...string) string {
	return first + "/" + strings.Join(keys, "/")
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
		b.vpc.InternetGateway = &InternetGateway{Name: name, ID: b.id("igw", "internet_gateway", name), VPC: b.vpc}
	}
}

// targetNames checks that a name means one thing as the target of a route.
func (b *vpcBuilder) targetNames() {
	taken := map[string]string{}
	claim := func(path, name string) {
		b.name(path, name)
		if name == "local" {
			b.errorf(path, "local is the name of the implied route's target; choose another")
		}
		if before, twice := taken[name]; twice {
			b.errorf(path, "the name %s is taken by %s; what a route may name as its target has a name of its own", shown(name), b.place(before))
		}
		taken[name] = path
	}
	if b.spec.InternetGateway != "" {
		claim(b.at("internet_gateway"), b.spec.InternetGateway)
	}
	for _, name := range sortedKeys(b.spec.Endpoints) {
		claim(b.at("endpoints", name), name)
	}
	for _, name := range sortedKeys(b.spec.NATGateways) {
		claim(b.at("nat_gateways", name), name)
	}
}
