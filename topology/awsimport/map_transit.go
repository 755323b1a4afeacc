package awsimport

import (
	"cmp"
	"slices"
	"strings"

	"vpcsim/topology"
)

// transitGateways says what the transit gateways are that VPCs of the dump are attached to.
func (m *mapper) transitGateways() {
	if len(m.transit) > 0 {
		m.spec.TransitGateways = map[string]topology.TransitGatewaySpec{}
	}
	for _, id := range sortedKeys(m.transit) {
		g := m.transit[id]
		m.fates.used("TransitGateways", id)
		name := m.names.of(id)
		spec := topology.TransitGatewaySpec{ID: unless(name, id), Attachments: map[string]topology.TransitAttachmentSpec{}}
		for _, a := range g.attachments {
			spec.Attachments[m.names.of(a)] = m.attachment(a)
		}
		if len(g.tables) > 0 {
			spec.RouteTables = map[string]topology.TransitTableSpec{}
		} else {
			m.fates.approximated("TransitGateways", id, "its route tables are not in the dump")
			m.warn(m.dump.attachments.place(g.attachments[0]), id, g.value.Tags, "its route tables are not in the dump: every attachment reaches every other, as AWS's default has it")
		}
		for _, t := range g.tables {
			spec.RouteTables[m.names.of(t)] = m.transitTable(g, t, &spec)
		}
		m.spec.TransitGateways[name] = spec
	}
	for _, id := range m.dump.transitContents.ids() {
		if m.names.of(id) != "" {
			m.fates.used("TransitGatewayRoutes", id)
		} else {
			m.fates.ignored("TransitGatewayRoutes", id, "its route table is not in the dump")
		}
	}
}

// attachment says what is attached: a VPC of the dump, or something outside.
func (m *mapper) attachment(id string) topology.TransitAttachmentSpec {
	a := m.dump.attachments.get(id)
	spec := topology.TransitAttachmentSpec{ID: unless(m.names.of(id), id)}
	if far := m.farEnd(id); far != "" {
		m.fates.used("TransitGatewayAttachments", id)
		spec.Peer = m.names.of(m.dump.attachments.get(far).TransitGatewayId)
		return spec
	}
	subnets := m.attachmentSubnets(id)
	if len(subnets) == 0 {
		spec.Outside = cmp.Or(a.ResourceType, "unknown")
		what := "a " + spec.Outside + " attachment (" + a.ResourceId + "), which is not simulated"
		switch {
		case a.ResourceType == "vpc" && m.byID[a.ResourceId] == nil:
			what = "it attaches " + a.ResourceId + ", which is not in the dump"
		case a.ResourceType == "vpc":
			what = "its subnets in " + a.ResourceId + " are not in the dump (aws ec2 describe-transit-gateway-vpc-attachments)"
		}
		m.fates.approximated("TransitGatewayAttachments", id, "not followed: "+spec.Outside)
		m.warn(m.dump.attachments.place(id), a.TransitGatewayAttachmentId, a.Tags, what+": packets that a transit gateway route sends to it are dropped (UNSUPPORTED_COMPONENT), and none come from there")
		return spec
	}
	m.fates.used("TransitGatewayAttachments", id)
	spec.VPC = m.names.of(a.ResourceId)
	for _, s := range subnets {
		spec.Subnets = append(spec.Subnets, m.names.of(s))
		if eni := m.transitENIs[id][s]; eni != "" {
			spec.InterfaceIDs = append(spec.InterfaceIDs, written(eni))
			spec.Addresses = append(spec.Addresses, cmp.Or(primary(m.dump.interfaces.get(eni)), automatic))
		}
	}
	if len(spec.InterfaceIDs) < len(subnets) || slices.Contains(spec.InterfaceIDs, "") { // the lists go with that of the subnets, or not at all
		spec.InterfaceIDs, spec.Addresses = nil, nil
	}
	return spec
}

// transitTable says what a route table of a transit gateway has.
func (m *mapper) transitTable(g *transit, id string, gateway *topology.TransitGatewaySpec) topology.TransitTableSpec {
	m.fates.used("TransitGatewayRouteTables", id)
	spec := topology.TransitTableSpec{ID: unless(m.names.of(id), id)}
	for _, a := range g.attachments {
		if m.tableOf(a) == id {
			spec.Associations = append(spec.Associations, m.names.of(a))
		}
	}
	contents := m.dump.transitContents.get(id)
	if contents == nil {
		contents = &TransitTableContents{}
	}
	if contents.AdditionalRoutesAvailable {
		m.transitWarning(id, "search-transit-gateway-routes had more routes than it printed: packets go as if those did not exist")
	}
	spec.Propagations = m.propagations(g, id, contents)
	spec.Routes = m.transitRoutes(g, id, contents, gateway)
	slices.Sort(spec.Associations)
	slices.Sort(spec.Propagations)
	spec.Propagations = slices.Compact(spec.Propagations)
	m.untold(g, id, &spec)
	return spec
}

// propagations are the attachments that propagate to a table: those listed, and those that its routes come from.
func (m *mapper) propagations(g *transit, id string, contents *TransitTableContents) (all []string) {
	for _, p := range contents.TransitGatewayRouteTablePropagations {
		if a := g.attachment(p.TransitGatewayAttachmentId); (p.State == "enabled" || p.State == "") && a != "" {
			all = append(all, m.names.of(a))
		}
	}
	for _, r := range contents.Routes {
		if r.Type != "propagated" {
			continue
		}
		for _, t := range r.TransitGatewayAttachments {
			if a := g.attachment(t.TransitGatewayAttachmentId); a != "" {
				all = append(all, m.names.of(a))
			}
		}
	}
	if !m.dump.seen["TransitGatewayPropagations"] && !m.dump.seen["TransitGatewayRouteTablePropagations"] && all == nil &&
		g.value.Options.DefaultRouteTablePropagation == "enable" && g.value.Options.PropagationDefaultRouteTableId == id {
		m.transitWarning(id, "its propagations are not in the dump: every attachment is taken to propagate to it, as AWS's default has it")
		for _, a := range g.attachments {
			all = append(all, m.names.of(a))
		}
	}
	return all
}

// transitRoutes are the routes of a table that are written out: static ones, and those propagated from outside.
func (m *mapper) transitRoutes(g *transit, id string, contents *TransitTableContents, gateway *topology.TransitGatewaySpec) []topology.TransitRouteSpec {
	var all []topology.TransitRouteSpec
	static := map[string]bool{}
	routes := slices.Clone(contents.Routes)
	slices.SortStableFunc(routes, func(a, b TransitRoute) int { return -strings.Compare(a.Type, b.Type) }) // static before propagated
	for _, r := range routes {
		spec := topology.TransitRouteSpec{Destination: r.DestinationCidrBlock, Blackhole: r.State == blackhole}
		if !isCIDR(r.DestinationCidrBlock) || static[r.DestinationCidrBlock] || r.State != "" && r.State != "active" && r.State != blackhole {
			continue
		}
		if !spec.Blackhole {
			spec.Attachment = m.transitTarget(g, id, r, gateway)
			if r.Type == "propagated" && gateway.Attachments[spec.Attachment].Outside == "" || spec.Attachment == "" {
				continue
			}
		}
		static[r.DestinationCidrBlock] = true
		all = append(all, spec)
	}
	slices.SortFunc(all, func(a, b topology.TransitRouteSpec) int { return compareCIDRs(a.Destination, b.Destination) })
	return all
}

// transitTarget names the attachment that a route leads to; one that is not in the dump is outside.
func (m *mapper) transitTarget(g *transit, table string, r TransitRoute, gateway *topology.TransitGatewaySpec) string {
	if len(r.TransitGatewayAttachments) == 0 {
		m.transitWarning(table, "its route to "+r.DestinationCidrBlock+" has no attachment in the dump: left out, and packets to it take the next best one")
		return ""
	}
	targets := slices.Clone(r.TransitGatewayAttachments)
	slices.SortFunc(targets, func(a, b TransitMember) int {
		return strings.Compare(a.TransitGatewayAttachmentId, b.TransitGatewayAttachmentId)
	})
	a := targets[0]
	if len(targets) > 1 {
		m.transitWarning(table, "its route to "+r.DestinationCidrBlock+" goes by several attachments at once: here by "+a.TransitGatewayAttachmentId+" only")
	}
	if key := g.attachment(a.TransitGatewayAttachmentId); key != "" {
		return m.names.of(key)
	}
	if _, there := gateway.Attachments[a.TransitGatewayAttachmentId]; !there {
		gateway.Attachments[a.TransitGatewayAttachmentId] = topology.TransitAttachmentSpec{Outside: cmp.Or(a.ResourceType, "unknown")}
		m.transitWarning(table, "its route to "+r.DestinationCidrBlock+" leads to attachment "+a.TransitGatewayAttachmentId+", which is not in the dump: packets that take it are dropped (UNSUPPORTED_COMPONENT)")
	}
	return a.TransitGatewayAttachmentId
}

// untold warns of what the dump should say of a table and does not.
func (m *mapper) untold(g *transit, id string, spec *topology.TransitTableSpec) {
	if len(spec.Associations) == 0 {
		return // no packet is looked up in it
	}
	if !m.dump.seen["TransitGatewayStaticRoutes"] && !m.dump.seen["Routes"] {
		m.transitWarning(id, "its static routes are not in the dump (aws ec2 search-transit-gateway-routes): packets go as if it had none")
	}
	if len(spec.Propagations) == 0 && !m.dump.seen["TransitGatewayPropagations"] && !m.dump.seen["TransitGatewayRouteTablePropagations"] {
		m.transitWarning(id, "its propagations are not in the dump (aws ec2 get-transit-gateway-route-table-propagations): packets go as if it had none")
	}
	contents := m.dump.transitContents.get(id)
	for _, a := range g.attachments {
		name := m.names.of(a)
		if contents == nil || !slices.Contains(spec.Propagations, name) || len(m.attachmentSubnets(a)) > 0 {
			continue
		}
		if !slices.ContainsFunc(contents.Routes, func(r TransitRoute) bool {
			return r.Type == "propagated" && slices.ContainsFunc(r.TransitGatewayAttachments, func(t TransitMember) bool { return t.TransitGatewayAttachmentId == a })
		}) {
			m.transitWarning(id, a+" propagates to it, and the dump has no route of it: packets to what is behind it go as if it propagated nothing")
		}
	}
}

func (m *mapper) transitWarning(table, problem string) {
	m.fates.approximated("TransitGatewayRouteTables", table, "routes or propagations that are not in the dump")
	var tags []Tag
	place := m.dump.transitContents.place(table)
	if t := m.dump.transitTables.get(table); t != nil {
		tags, place = t.Tags, m.dump.transitTables.place(table)
	}
	m.warn(place, table, tags, problem)
}
