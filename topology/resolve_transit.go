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
			gateway: &TransitGateway{Name: name},
		}
		b.gateway.ID = r.identify(b.path, "id", identity{"tgw", name, b.spec.ID, idPath("transit_gateways", name)})
		if len(b.spec.Attachments) == 0 {
			r.errorf(join(b.path, "attachments"), "missing; a transit gateway without attachments leads nowhere")
		}
		b.attachments()
		b.tables()
		r.net.TransitGateways = append(r.net.TransitGateways, b.gateway)
	}
	r.transitPeers()
}

// transitBuilder is a resolver at work in one transit gateway.
type transitBuilder struct {
	*resolver
	path    string // transit_gateways.NAME
	spec    TransitGatewaySpec
	gateway *TransitGateway
}

// identify returns the id of an attachment or route table of the gateway, key being where the file has them.
func (b *transitBuilder) identify(kind, key, name, written string) string {
	place := idPath("transit_gateways", b.gateway.Name, key, name)
	return b.resolver.identify(join(join(b.path, key), name), "id", identity{kind, name, written, place})
}

func (b *transitBuilder) attachments() {
	attached, first := map[*VPC]string{}, (*VPC)(nil)
	for _, name := range sortedKeys(b.spec.Attachments) {
		path, spec := join(join(b.path, "attachments"), name), b.spec.Attachments[name]
		b.name(path, name)
		a := &TransitAttachment{Name: name, Gateway: b.gateway, Outside: spec.Outside}
		b.gateway.Attachments = append(b.gateway.Attachments, a)
		if spec.Peer != "" {
			b.attachPeer(a, path, spec)
			continue
		}
		a.ID = b.identify("tgw-attach", "attachments", name, spec.ID)
		if a.Outside != "" {
			b.attachOutside(path, spec)
			continue
		}
		if a.VPC = b.vpcNamed(join(path, "vpc"), spec.VPC); a.VPC == nil {
			continue
		}
		if before, twice := attached[a.VPC]; twice {
			b.errorf(path, "%s is attached by %s already; a VPC is attached to a transit gateway once", join("vpcs", a.VPC.Name), b.place(before))
		}
		attached[a.VPC] = path
		if first == nil {
			first = a.VPC
		} else if first.Region != a.VPC.Region {
			b.errorf(join(path, "vpc"), "%s is in %s, but %s in %s; a transit gateway attaches VPCs of its own region",
				join("vpcs", a.VPC.Name), a.VPC.Region, join("vpcs", first.Name), first.Region)
		}
		b.attachSubnets(a, path, spec)
	}
}

// attachOutside checks the attachment of what is not in the topology: the name of its kind is all that there is of it.
func (b *transitBuilder) attachOutside(path string, spec TransitAttachmentSpec) {
	b.name(join(path, "outside"), spec.Outside)
	if spec.ofVPC() {
		b.errorf(path, "an attachment is of a VPC, with subnets, or of something outside; write one of the two")
	}
}

// ofVPC reports whether the attachment has what one of a VPC has.
func (s *TransitAttachmentSpec) ofVPC() bool {
	return s.VPC != "" || s.Subnets != nil || s.InterfaceIDs != nil || s.Addresses != nil
}

// attachSubnets gives an attachment its subnets, one per Availability Zone, with an interface in each.
func (b *transitBuilder) attachSubnets(a *TransitAttachment, path string, spec TransitAttachmentSpec) {
	at, names := join(path, "subnets"), spec.Subnets
	if len(names) == 0 {
		b.errorf(at, "missing; name a subnet of %s in each Availability Zone that is to reach the transit gateway", join("vpcs", a.VPC.Name))
	}
	vpc := b.builders[a.VPC.Realm-1]
	written := map[*Subnet]int{} // where in the list
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
			zones[s.AZ], written[s] = s, i
			a.Subnets = append(a.Subnets, s)
		}
	}
	slices.SortFunc(a.Subnets, func(s, t *Subnet) int { return strings.Compare(s.AZ, t.AZ) })
	b.attachInterfaces(a, path, spec, written)
}

// attachInterfaces gives an attachment its network interfaces, one in each of its subnets, which are written in another order.
func (b *transitBuilder) attachInterfaces(a *TransitAttachment, path string, spec TransitAttachmentSpec, written map[*Subnet]int) {
	names, vpc := spec.Subnets, b.builders[a.VPC.Realm-1]
	b.perSubnet(join(path, "interface_ids"), len(spec.InterfaceIDs), len(names))
	b.perSubnet(join(path, "addresses"), len(spec.Addresses), len(names))
	a.Addresses = make([]netip.Addr, len(a.Subnets))
	for i, s := range a.Subnets {
		at, address, eni := item(join(path, "subnets"), written[s]), "auto", identity{
			kind: "eni", place: idPath("transit_gateways", b.gateway.Name, "attachments", a.Name, s.Name),
		}
		if n := written[s]; n < len(spec.InterfaceIDs) {
			eni.written = spec.InterfaceIDs[n]
		}
		if n := written[s]; n < len(spec.Addresses) {
			at, address = item(join(path, "addresses"), n), spec.Addresses[n]
		}
		a.InterfaceIDs = append(a.InterfaceIDs, b.resolver.identify(path, item("interface_ids", written[s]), eni))
		vpc.assign(s, at, address, &a.Addresses[i])
	}
}

// perSubnet checks that a list that goes with the subnets of an attachment is as long as theirs, or left out.
func (b *transitBuilder) perSubnet(at string, n, subnets int) {
	if n != 0 && n != subnets {
		b.errorf(at, "%d for %d subnets; write one for each, or none at all", n, subnets)
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
		t := &TransitTable{Name: name, ID: b.identify("tgw-rtb", "route_tables", name, spec.ID)}
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
