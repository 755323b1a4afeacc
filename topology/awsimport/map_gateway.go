package awsimport

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"vpcsim/topology"
)

// natGateways says what the NAT gateways of a VPC are.
func (m *mapper) natGateways(v *vpc) {
	if len(v.nats) > 0 {
		v.spec.NATGateways = map[string]topology.NATGatewaySpec{}
	}
	for _, id := range v.nats {
		g := m.dump.natGateways.get(id)
		m.fates.used("NatGateways", id)
		name := m.names.of(id)
		first, others := natAddresses(g)
		spec := topology.NATGatewaySpec{
			ID: unless(name, id), InterfaceID: written(first.NetworkInterfaceId), Subnet: m.names.of(g.SubnetId),
			Private: g.ConnectivityType == "private", Address: explicit(first.PrivateIp),
		}
		public := func(ip string) string { return m.public("NatGateways", id, m.dump.natGateways.place(id), g.Tags, ip) }
		if !spec.Private {
			spec.PublicIP = public(first.PublicIp)
		}
		for _, a := range others {
			spec.SecondaryAddresses = append(spec.SecondaryAddresses, a.PrivateIp)
			if !spec.Private {
				spec.SecondaryPublicIPs = append(spec.SecondaryPublicIPs, cmp.Or(public(a.PublicIp), "auto"))
			}
		}
		if !spec.Private && first.PublicIp == "" {
			m.fates.approximated("NatGateways", id, "its Elastic IP address is not in the dump")
			m.warn(m.dump.natGateways.place(id), id, g.Tags, "its Elastic IP address is not in the dump: the internet sees one that the simulator chooses")
		}
		v.spec.NATGateways[name] = spec
		for _, a := range g.NatGatewayAddresses {
			if m.dump.interfaces.get(a.NetworkInterfaceId) != nil {
				m.fates.used("NetworkInterfaces", a.NetworkInterfaceId)
			}
		}
	}
}

// natAddresses are the addresses of a NAT gateway that work, the primary first.
func natAddresses(g *NatGateway) (primary NatAddress, others []NatAddress) {
	all := slices.DeleteFunc(slices.Clone(g.NatGatewayAddresses), func(a NatAddress) bool {
		return a.Status != "" && a.Status != "succeeded" && a.Status != "unassigning" && a.Status != "disassociating"
	})
	at := max(0, slices.IndexFunc(all, func(a NatAddress) bool { return a.IsPrimary != nil && *a.IsPrimary }))
	if len(all) == 0 {
		return g.NatGatewayAddresses[0], nil
	}
	primary = all[at]
	others = slices.Delete(all, at, at+1)
	slices.SortFunc(others, func(a, b NatAddress) int { return strings.Compare(a.PrivateIp, b.PrivateIp) })
	return primary, others
}

// isS3 reports whether an endpoint is a gateway endpoint for S3.
func isS3(e *VpcEndpoint) bool {
	gateway := e.VpcEndpointType == "" || strings.EqualFold(e.VpcEndpointType, "gateway") // there was no other kind once
	return gateway && strings.HasSuffix(e.ServiceName, ".s3")
}

// endpoints says what the gateway endpoints of a VPC are, and what becomes of the others.
func (m *mapper) endpoints(v *vpc) {
	m.inferEndpoints(v)
	for _, id := range v.endpoints {
		e := m.dump.endpoints.get(id)
		place := m.dump.endpoints.place(id)
		switch kind := strings.ToLower(e.VpcEndpointType); {
		case isS3(e):
			m.s3Endpoint(v, id, e)
		case kind == "interface":
			m.fates.approximated("VpcEndpoints", id, "an interface endpoint")
			m.warn(place, id, e.Tags, "an interface endpoint of "+e.ServiceName+": its network interfaces answer on TCP port 443, and on no other")
		default:
			v.outside[id] = true
			m.fates.approximated("VpcEndpoints", id, "not simulated: "+cmp.Or(kind, "endpoint"))
			m.warn(place, id, e.Tags, fmt.Sprintf("a %s endpoint of %s, which is not simulated: "+unfollowed,
				cmp.Or(e.VpcEndpointType, "VPC"), e.ServiceName))
		}
	}
}

func (m *mapper) s3Endpoint(v *vpc, id string, e *VpcEndpoint) {
	place := m.dump.endpoints.place(id)
	if why := m.s3List(v); why != "" {
		v.outside[id] = true
		m.leave("VpcEndpoints", id, "its prefix list is not known", place, e.Tags, why+": left out, and packets to S3 go as if it did not exist")
		return
	}
	m.fates.used("VpcEndpoints", id)
	name := m.names.of(id)
	spec := topology.EndpointSpec{ID: unless(name, id), Service: "s3", Policy: m.endpointPolicy(place, id, e)}
	for _, table := range v.tables {
		if slices.Contains(e.RouteTableIds, table) || m.leads(table, id) {
			spec.RouteTables = append(spec.RouteTables, m.names.of(table))
		}
	}
	slices.Sort(spec.RouteTables)
	if v.spec.Endpoints == nil {
		v.spec.Endpoints = map[string]topology.EndpointSpec{}
	}
	v.spec.Endpoints[name] = spec
}

// leads reports whether a route of a table leads to a gateway.
func (m *mapper) leads(table, gateway string) bool {
	return slices.ContainsFunc(m.dump.routeTables.get(table).Routes, func(r Route) bool { return r.GatewayId == gateway })
}

// inferEndpoints finds the S3 endpoints that routes lead to and no list has.
func (m *mapper) inferEndpoints(v *vpc) {
	for _, table := range v.tables {
		for _, r := range m.dump.routeTables.get(table).Routes {
			id := r.GatewayId
			if !strings.HasPrefix(id, "vpce-") || r.DestinationPrefixListId == "" || m.dump.endpoints.get(id) != nil {
				continue
			}
			name := m.listName(v, r.DestinationPrefixListId)
			if !strings.HasSuffix(name, ".s3") {
				continue
			}
			e := VpcEndpoint{VpcEndpointId: id, VpcEndpointType: "Gateway", ServiceName: name, VpcId: v.id}
			m.dump.endpoints.all[id] = &record[VpcEndpoint]{value: e, places: []Place{m.dump.routeTables.place(table)}}
			m.fates.approximated("VpcEndpoints", id, "known by its routes only")
			v.endpoints = append(v.endpoints, id)
			m.names.given[id] = id
		}
	}
}
