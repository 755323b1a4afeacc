package awsimport

import (
	"regexp"
	"slices"
	"strings"
)

// transit is a transit gateway and what belongs to it, by id.
type transit struct {
	id          string
	value       TransitGateway
	attachments []string
	tables      []string
}

// alive reports whether a transit gateway, an attachment or a route table of one does its work.
func alive(state string) bool { return state == "" || state == "available" || state == "modifying" }

// sortTransitGateways gives attachments and route tables to their transit gateways.
func (m *mapper) sortTransitGateways(everywhere []string) {
	m.transit = map[string]*transit{}
	for _, id := range m.dump.transitGateways.ids() {
		if g := m.dump.transitGateways.get(id); alive(g.State) {
			m.transit[id] = &transit{id: id, value: *g}
		} else {
			m.fates.ignored("TransitGateways", id, g.State)
		}
	}
	m.sortAttachments()
	m.sortTransitTables()
	for _, id := range sortedKeys(m.transit) {
		g := m.transit[id]
		if !slices.ContainsFunc(g.attachments, func(a string) bool { return m.byID[m.dump.attachments.get(a).ResourceId] != nil || m.farEnd(a) != "" }) {
			m.fates.ignored("TransitGateways", id, "no VPC of the dump is attached to it")
			delete(m.transit, id)
			continue
		}
		m.names.want(id, nameTag(g.value.Tags), everywhere...)
		for _, a := range g.attachments {
			if value := m.dump.attachments.get(a); value.isPeering() {
				m.names.keep(a, nameOf(value.TransitGatewayAttachmentId), "attachment "+id)
			} else {
				m.names.want(a, nameTag(value.Tags), "attachment "+id)
			}
		}
		for _, t := range g.tables {
			tags := []Tag(nil)
			if table := m.dump.transitTables.get(t); table != nil {
				tags = table.Tags
			}
			m.names.want(t, nameTag(tags), "transit table "+id)
		}
	}
}

// farEnd returns the other end of a peering attachment whose transit gateways are both in the dump, or nothing.
func (m *mapper) farEnd(attachment string) string {
	near := m.dump.attachments.get(attachment)
	for _, id := range sortedKeys(m.transit) {
		key := near.TransitGatewayAttachmentId + " " + id
		if near.isPeering() && id != near.TransitGatewayId && slices.Contains(m.transit[id].attachments, key) {
			return key
		}
	}
	return ""
}

// attachment returns the key of an attachment of the gateway, or nothing if that is not in the dump.
func (g *transit) attachment(id string) string {
	for _, key := range []string{id, id + " " + g.id} {
		if slices.Contains(g.attachments, key) {
			return key
		}
	}
	return ""
}

// sortAttachments gives the attachments to their transit gateways; one that no list has is known by its attachments.
func (m *mapper) sortAttachments() {
	for _, id := range m.dump.attachments.ids() {
		a := m.dump.attachments.get(id)
		if !alive(a.State) {
			m.fates.ignored("TransitGatewayAttachments", id, a.State)
			continue
		}
		if m.transit[a.TransitGatewayId] == nil {
			if m.dump.transitGateways.get(a.TransitGatewayId) != nil || a.TransitGatewayId == "" {
				m.fates.ignored("TransitGatewayAttachments", id, "its transit gateway is gone")
				continue
			}
			m.transit[a.TransitGatewayId] = &transit{id: a.TransitGatewayId}
		}
		g := m.transit[a.TransitGatewayId]
		g.attachments = append(g.attachments, id)
	}
}

// sortTransitTables gives the route tables to their transit gateways, also those that only an association names.
func (m *mapper) sortTransitTables() {
	for _, id := range m.dump.transitTables.ids() {
		t := m.dump.transitTables.get(id)
		switch g := m.transit[t.TransitGatewayId]; {
		case !alive(t.State):
			m.fates.ignored("TransitGatewayRouteTables", id, t.State)
		case g == nil:
			m.fates.ignored("TransitGatewayRouteTables", id, "its transit gateway is not in the dump")
		default:
			g.tables = append(g.tables, id)
		}
	}
	for _, id := range sortedKeys(m.transit) {
		g := m.transit[id]
		for _, a := range g.attachments {
			if t := m.tableOf(a); t != "" && m.dump.transitTables.get(t) == nil && !slices.Contains(g.tables, t) {
				g.tables = append(g.tables, t)
			}
		}
		slices.Sort(g.tables)
	}
}

// tableOf is the route table with which an attachment is associated; empty if it is with none.
func (m *mapper) tableOf(attachment string) string {
	value := m.dump.attachments.get(attachment)
	if a := value.Association; a.State == "associated" || a.State == "" && a.TransitGatewayRouteTableId != "" {
		return a.TransitGatewayRouteTableId
	}
	for _, id := range m.dump.transitContents.ids() {
		if t := m.dump.transitTables.get(id); t != nil && t.TransitGatewayId != "" && t.TransitGatewayId != value.TransitGatewayId {
			continue // of the other end of a peering attachment
		}
		for _, member := range m.dump.transitContents.get(id).Associations {
			if member.TransitGatewayAttachmentId == value.TransitGatewayAttachmentId && (member.State == "associated" || member.State == "") {
				return id
			}
		}
	}
	return ""
}

var attachmentID = regexp.MustCompile(`tgw-attach-[0-9a-f]{8,17}`)

// transitInterface reports whether a network interface is that of a transit gateway attachment of the dump, and notes which.
func (m *mapper) transitInterface(eni string, e *NetworkInterface) bool {
	id := attachmentID.FindString(e.Description)
	if m.dump.attachments.get(id) == nil {
		id = ""
	}
	for _, other := range m.dump.attachments.ids() {
		a := m.dump.attachments.get(other)
		if id == "" && alive(a.State) && a.ResourceId == e.VpcId && slices.Contains(a.SubnetIds, e.SubnetId) {
			id = other
		}
	}
	if id == "" || m.byID[e.VpcId] == nil {
		return false
	}
	if m.transitENIs == nil {
		m.transitENIs = map[string]map[string]string{}
	}
	if m.transitENIs[id] == nil {
		m.transitENIs[id] = map[string]string{}
	}
	m.transitENIs[id][e.SubnetId] = eni
	m.fates.used("NetworkInterfaces", eni)
	return true
}

// attachmentSubnets are the subnets that an attachment has in a VPC of the dump, by what lists them or by its network interfaces.
func (m *mapper) attachmentSubnets(id string) []string {
	a := m.dump.attachments.get(id)
	v := m.byID[a.ResourceId]
	if v == nil || a.ResourceType != "vpc" {
		return nil
	}
	subnets := slices.Clone(a.SubnetIds)
	for s := range m.transitENIs[id] {
		if !slices.Contains(subnets, s) {
			subnets = append(subnets, s)
		}
	}
	subnets = slices.DeleteFunc(subnets, func(s string) bool { return !v.hasSubnet(s) })
	slices.SortFunc(subnets, func(a, b string) int { return strings.Compare(m.names.of(a), m.names.of(b)) })
	return subnets
}

// attachedTo reports whether a VPC reaches a transit gateway of the topology.
func (m *mapper) attachedTo(v *vpc, gateway string) bool {
	g := m.transit[gateway]
	return g != nil && slices.ContainsFunc(g.attachments, func(a string) bool {
		return m.dump.attachments.get(a).ResourceId == v.id && len(m.attachmentSubnets(a)) > 0
	})
}
