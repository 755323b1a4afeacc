package awsimport

import (
	"cmp"
	"strings"
)

// sortFilters gives security groups and network ACLs to their VPCs.
func (m *mapper) sortFilters() {
	for _, id := range m.dump.securityGroups.ids() {
		g := m.dump.securityGroups.get(id)
		v := m.in("SecurityGroups", id, g.VpcId)
		if v == nil {
			continue
		}
		v.groups = append(v.groups, id)
		if g.GroupName == "default" {
			m.names.keep(id, "default", "group "+v.id)
		} else {
			m.names.want(id, cmp.Or(nameTag(g.Tags), g.GroupName), "group "+v.id)
		}
	}
	for _, id := range m.dump.networkAcls.ids() {
		a := m.dump.networkAcls.get(id)
		v := m.in("NetworkAcls", id, a.VpcId)
		if v == nil {
			continue
		}
		v.acls = append(v.acls, id)
		if a.IsDefault {
			m.names.keep(id, "default", "acl "+v.id)
		} else {
			m.names.want(id, nameTag(a.Tags), "acl "+v.id)
		}
	}
}

// sortGateways gives gateways and endpoints to their VPCs.
func (m *mapper) sortGateways() {
	for _, id := range m.dump.internetGateways.ids() {
		g := m.dump.internetGateways.get(id)
		if v := m.gatewayOf("InternetGateways", id, g.Attachments); v != nil {
			v.igw = id
			m.names.want(id, nameTag(g.Tags), v.targets())
		}
	}
	for _, id := range m.dump.egressOnly.ids() {
		g := m.dump.egressOnly.get(id)
		if v := m.gatewayOf("EgressOnlyInternetGateways", id, g.Attachments); v != nil {
			v.eigw = id
			m.names.want(id, nameTag(g.Tags), v.targets())
		}
	}
	for _, id := range m.dump.vpnGateways.ids() {
		g := m.dump.vpnGateways.get(id)
		if v := m.gatewayOf("VpnGateways", id, g.VpcAttachments); v != nil {
			v.vgw, v.outside[id] = id, true
			m.fates.approximated("VpnGateways", id, "what is behind it is not simulated")
			m.warn(m.dump.vpnGateways.place(id), id, g.Tags,
				"a virtual private gateway: "+unfollowed+", and none come from behind it")
		}
	}
	m.inferGateways()
	m.sortNATGateways()
	m.sortEndpoints()
}

// gatewayOf returns the VPC that a gateway is attached to, or nil after noting why there is none.
func (m *mapper) gatewayOf(kind, id string, attachments []GatewayAttachment) *vpc {
	for _, a := range attachments {
		if a.State == "" || a.State == "available" || a.State == "attached" {
			return m.in(kind, id, a.VpcId)
		}
	}
	m.fates.ignored(kind, id, "not attached")
	return nil
}

// inferGateways finds the internet gateways that routes lead to and no list has: an active route proves that they are attached.
func (m *mapper) inferGateways() {
	for _, v := range m.vpcs {
		for _, table := range v.tables {
			for _, r := range m.dump.routeTables.get(table).Routes {
				if id := r.GatewayId; v.igw == "" && strings.HasPrefix(id, "igw-") && r.State != blackhole {
					v.igw = id
					m.names.want(id, "", v.targets())
				}
				if id := r.EgressOnlyInternetGatewayId; v.eigw == "" && id != "" && r.State != blackhole {
					v.eigw = id
					m.names.want(id, "", v.targets())
				}
			}
		}
	}
}

func (m *mapper) sortNATGateways() {
	m.taken, m.owner = map[string]bool{}, map[string]string{}
	own := map[string]string{} // private addresses with their VPC -> network interfaces of NAT gateways
	for _, id := range m.dump.interfaces.ids() {
		if e := m.dump.interfaces.get(id); e.InterfaceType == "nat_gateway" {
			own[e.VpcId+" "+primary(e)] = id
		}
	}
	for _, id := range m.dump.natGateways.ids() {
		g := m.dump.natGateways.get(id)
		if g.State != "" && g.State != "available" {
			m.fates.ignored("NatGateways", id, g.State)
			continue
		}
		v := m.in("NatGateways", id, g.VpcId)
		place := m.dump.natGateways.place(id)
		switch {
		case v == nil:
		case g.SubnetId == "":
			m.leave("NatGateways", id, "a regional NAT gateway", place, g.Tags, "a regional NAT gateway, which is in no subnet: "+unfollowed)
		case !v.hasSubnet(g.SubnetId):
			m.leave("NatGateways", id, "its subnet is not in the dump", place, g.Tags, "its subnet "+g.SubnetId+" is not in the dump: "+unfollowed)
		case len(g.NatGatewayAddresses) == 0:
			m.leave("NatGateways", id, "no address", place, g.Tags, "it has no address in the dump: "+unfollowed)
		case g.ConnectivityType != "private" && v.igw == "":
			m.leave("NatGateways", id, "no internet gateway", place, g.Tags, "its VPC has no internet gateway in the dump: "+unfollowed)
		default:
			v.nats = append(v.nats, id)
			m.names.want(id, nameTag(g.Tags), v.targets())
			for i := range g.NatGatewayAddresses {
				a := &g.NatGatewayAddresses[i]
				a.NetworkInterfaceId = cmp.Or(a.NetworkInterfaceId, own[v.id+" "+a.PrivateIp])
				m.taken[a.NetworkInterfaceId] = true
				m.owner[v.id+" "+a.PrivateIp] = id
			}
		}
	}
}

// leave notes an object that the topology does not have although AWS has it, and what follows.
func (m *mapper) leave(kind, id, why string, at Place, tags []Tag, problem string) {
	m.fates.ignored(kind, id, why)
	m.warn(at, id, tags, problem)
}

func (m *mapper) sortEndpoints() {
	for _, id := range m.dump.endpoints.ids() {
		e := m.dump.endpoints.get(id)
		if state := strings.ToLower(e.State); state != "" && state != "available" && state != "partial" {
			m.fates.ignored("VpcEndpoints", id, strings.ToLower(e.State))
			continue
		}
		if v := m.in("VpcEndpoints", id, e.VpcId); v != nil {
			v.endpoints = append(v.endpoints, id)
			m.names.want(id, nameTag(e.Tags), v.targets())
		}
		for _, eni := range e.NetworkInterfaceIds {
			if e := m.dump.interfaces.get(eni); e != nil && (e.InterfaceType == "interface" || e.InterfaceType == "") {
				e.InterfaceType = "vpc_endpoint" // which it did not say once
			}
		}
	}
}

// sortShared gives names to what several VPCs may share.
func (m *mapper) sortShared() {
	var everywhere []string
	for _, v := range m.vpcs {
		everywhere = append(everywhere, v.targets())
	}
	m.peered = map[string]bool{}
	for _, id := range m.dump.peerings.ids() {
		p := m.dump.peerings.get(id)
		if m.joins(id, p) {
			m.peered[id] = true
			m.names.want(id, nameTag(p.Tags), everywhere...)
		}
	}
	m.sortTransitGateways(everywhere)
	m.sortPrefixLists()
}

// joins reports whether a peering connection carries packets between VPCs of the dump, after noting why it does not.
func (m *mapper) joins(id string, p *VpcPeeringConnection) bool {
	if p.Status.Code != "" && p.Status.Code != "active" {
		m.fates.ignored("VpcPeeringConnections", id, p.Status.Code)
		return false
	}
	requester, accepter := p.RequesterVpcInfo.VpcId, p.AccepterVpcInfo.VpcId
	if m.byID[requester] == nil && m.byID[accepter] == nil {
		m.fates.ignored("VpcPeeringConnections", id, "neither of its VPCs is in the dump")
		return false
	}
	for _, side := range []string{requester, accepter} {
		if m.byID[side] == nil {
			m.leave("VpcPeeringConnections", id, "its far side is not in the dump", m.dump.peerings.place(id), p.Tags,
				"it peers "+requester+" with "+accepter+", and "+side+" is not in the dump: "+unfollowed+", and none come from there")
			return false
		}
	}
	return true
}
