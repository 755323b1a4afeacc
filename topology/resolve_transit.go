package topology

import (
	"net/netip"
	"slices"
	"strings"
)

// transitGateways resolves the transit gateways (aws-semantics 8.6).
func (r *resolver) transitGateways() {
	for _, name := range sortedKeys(r.spec.TransitGateways) {
		b := &transitBuilder{
			resolver: r, path: join("transit_gateways", name), spec: r.spec.TransitGateways[name],
			gateway: &TransitGateway{Name: name, ID: id("tgw", idPath("transit_gateways", name))},
		}
		if len(b.spec.Attachments) == 0 {
			r.errorf(join(b.path, "attachments"), "missing; a transit gateway without attachments leads nowhere")
		}
		b.attachments()
		b.tables()
		r.net.TransitGateways = append(r.net.TransitGateways, b.gateway)
	}
}

// transitBuilder is a resolver at work in one transit gateway.
type transitBuilder struct {
	*resolver
	path    string // transit_gateways.NAME
	spec    TransitGatewaySpec
	gateway *TransitGateway
}

func (b *transitBuilder) id(kind string, keys ...string) string {
	return id(kind, idPath("transit_gateways", append([]string{b.gateway.Name}, keys...)...))
}

func (b *transitBuilder) attachments() {
	attached := map[*VPC]string{}
	for _, name := range sortedKeys(b.spec.Attachments) {
		path, spec := join(join(b.path, "attachments"), name), b.spec.Attachments[name]
		b.name(path, name)
		a := &TransitAttachment{
			Name: name, ID: b.id("tgw-attach", "attachments", name), Gateway: b.gateway,
			VPC: b.vpcNamed(join(path, "vpc"), spec.VPC),
		}
		b.gateway.Attachments = append(b.gateway.Attachments, a)
		if a.VPC == nil {
			continue
		}
		if before, twice := attached[a.VPC]; twice {
			b.errorf(path, "%s is attached by %s already; a VPC is attached to a transit gateway once", join("vpcs", a.VPC.Name), b.place(before))
		}
		attached[a.VPC] = path
		b.attachSubnets(a, join(path, "subnets"), spec.Subnets)
	}
}

// attachSubnets gives an attachment its subnets, one per Availability Zone, with an interface in each.
func (b *transitBuilder) attachSubnets(a *TransitAttachment, at string, names []string) {
	if len(names) == 0 {
		b.errorf(at, "missing; name a subnet of %s in each Availability Zone that is to reach the transit gateway", join("vpcs", a.VPC.Name))
	}
	vpc := b.builders[a.VPC.Realm-1]
	paths := map[*Subnet]string{}
	zones := map[string]*Subnet{}
	for i, name := range names {
		s := vpc.subnetNamed(item(at, i), name)
		if s == nil {
			continue
		}
		switch other := zones[s.AZ]; {
		case other == s:
			b.errorf(item(at, i), "subnet %s is listed twice", s.Name)
		case other != nil:
			b.errorf(item(at, i), "subnet %s is in %s like %s; an attachment has one subnet per Availability Zone", s.Name, s.AZ, other.Name)
		default:
			zones[s.AZ], paths[s] = s, item(at, i)
			a.Subnets = append(a.Subnets, s)
		}
	}
	slices.SortFunc(a.Subnets, func(s, t *Subnet) int { return strings.Compare(s.AZ, t.AZ) })
	a.Addresses = make([]netip.Addr, len(a.Subnets))
	for i, s := range a.Subnets {
		a.InterfaceIDs = append(a.InterfaceIDs, b.id("eni", "attachments", a.Name, s.Name))
		vpc.assign(s, paths[s], "auto", &a.Addresses[i])
	}
}

// defaultTransitTable is the name of the route table of a transit gateway whose file writes none.
const defaultTransitTable = "default"

// tables resolves the route tables: those of the file, or the default one, which all attachments use.
func (b *transitBuilder) tables() {
	specs := b.spec.RouteTables
	if len(specs) == 0 {
		all := sortedKeys(b.spec.Attachments)
		specs = map[string]TransitTableSpec{defaultTransitTable: {Associations: all, Propagations: all}}
	}
	associated := map[*TransitAttachment]string{}
	for _, name := range sortedKeys(specs) {
		path, spec := join(join(b.path, "route_tables"), name), specs[name]
		b.name(path, name)
		t := &TransitTable{Name: name, ID: b.id("tgw-rtb", "route_tables", name)}
		b.associate(t, join(path, "associations"), spec.Associations, associated)
		b.staticRoutes(t, join(path, "routes"), spec.Routes)
		b.propagate(t, join(path, "propagations"), spec.Propagations)
		b.gateway.RouteTables = append(b.gateway.RouteTables, t)
	}
}

func (b *transitBuilder) associate(t *TransitTable, at string, names []string, associated map[*TransitAttachment]string) {
	for i, name := range names {
		a := b.attachment(item(at, i), name)
		if a == nil {
			continue
		}
		if before, twice := associated[a]; twice {
			b.errorf(item(at, i), "attachment %s is associated by %s already; it has one route table", name, b.place(before))
			continue
		}
		associated[a], a.Table = item(at, i), t
	}
}

func (b *transitBuilder) staticRoutes(t *TransitTable, at string, specs []TransitRouteSpec) {
	seen := map[netip.Prefix]string{}
	for i, spec := range specs {
		path := item(at, i)
		route := &TransitRoute{}
		switch {
		case spec.Blackhole && spec.Attachment != "":
			b.errorf(join(path, "blackhole"), "a route leads to an attachment or is a blackhole, not both")
		case !spec.Blackhole && spec.Attachment == "":
			b.errorf(join(path, "attachment"), "missing; name an attachment, or write blackhole: true")
		case !spec.Blackhole:
			route.Attachment = b.attachment(join(path, "attachment"), spec.Attachment)
		}
		p, ok := b.eitherCIDR(join(path, "destination"), spec.Destination)
		if !ok {
			continue
		}
		if before, twice := seen[p]; twice {
			b.errorf(path, "the table already has a static route to %s: %s", p, b.place(before))
		}
		seen[p], route.Destination = path, p
		t.Routes = append(t.Routes, route)
	}
}

// propagate adds the CIDRs of attached VPCs. Of two VPCs with the same CIDR the attachment that is first by name wins: AWS
// does not say which does.
func (b *transitBuilder) propagate(t *TransitTable, at string, names []string) {
	from := map[*TransitAttachment]string{}
	var all []*TransitAttachment
	for i, name := range names {
		a := b.attachment(item(at, i), name)
		if a == nil {
			continue
		}
		if before, twice := from[a]; twice {
			b.errorf(item(at, i), "attachment %s is listed twice: %s", name, b.place(before))
			continue
		}
		from[a] = item(at, i)
		if a.VPC != nil {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(a, c *TransitAttachment) int { return strings.Compare(a.Name, c.Name) })
	seen := map[netip.Prefix]bool{}
	for _, a := range all {
		for _, p := range a.VPC.AllCIDRs() {
			if !seen[p] {
				seen[p] = true
				t.Routes = append(t.Routes, &TransitRoute{Destination: p, Attachment: a, Propagated: true})
			}
		}
	}
}

// attachment returns an attachment by name, or nil after saying what is wrong with the name.
func (b *transitBuilder) attachment(at, name string) *TransitAttachment {
	a := byName(b.gateway.Attachments, name, func(a *TransitAttachment) string { return a.Name })
	if a == nil {
		b.errorf(at, "%s", b.noSuch("attachment", name, b.path, sortedKeys(b.spec.Attachments)))
	}
	return a
}
