package awsimport

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"vpcsim/topology"
)

// The words of AWS for a route.
const (
	blackhole = "blackhole"
	local     = "local"
)

// propagated are the origins of routes that nobody made by hand: a virtual private gateway's and a route server's (API_Route).
var propagated = []string{"EnableVgwRoutePropagation", "Advertisement"}

// routeTables says what the route tables of a VPC are and who uses them.
func (m *mapper) routeTables(v *vpc) {
	if len(v.tables) > 0 {
		v.spec.RouteTables = map[string]topology.RouteTableSpec{}
	}
	hasMain := false
	for _, id := range v.tables {
		t := m.dump.routeTables.get(id)
		m.fates.used("RouteTables", id)
		name := m.names.of(id)
		spec := topology.RouteTableSpec{ID: unless(name, id)}
		edge := false
		for _, a := range t.Associations {
			if !associated(a.AssociationState) {
				continue
			}
			spec.Main = spec.Main || a.Main
			edge = m.associate(v, id, a) || edge
		}
		hasMain = hasMain || spec.Main
		spec.Routes = m.routes(v, id, t, edge)
		v.spec.RouteTables[name] = spec
	}
	if !hasMain && m.dump.seen["RouteTables"] {
		m.warn(m.dump.vpcs.place(v.id), v.id, v.value.Tags, "its main route table is not in the dump: packets of subnets without a table of their own go by the local routes only")
	}
	v.spec.OutsideGateways = sortedKeys(v.outside)
}

// associate gives a route table to what it is associated with, and reports whether that is the internet gateway.
func (m *mapper) associate(v *vpc, table string, a TableAssociation) (edge bool) {
	t := m.dump.routeTables.get(table)
	switch {
	case a.SubnetId != "" && v.hasSubnet(a.SubnetId):
		subnet := v.spec.Subnets[m.names.of(a.SubnetId)]
		subnet.RouteTable = m.names.of(table)
		v.spec.Subnets[m.names.of(a.SubnetId)] = subnet
	case a.GatewayId == "":
	case a.GatewayId == v.igw:
		v.spec.EdgeRouteTable = m.names.of(table)
		return true
	default:
		m.fates.approximated("RouteTables", table, "its association with a gateway is left out")
		m.warn(m.dump.routeTables.place(table), table, t.Tags, "it is the gateway route table of "+a.GatewayId+", which is not simulated: no packet comes from there to go by it")
	}
	return false
}

// routes says what the routes of a table are, but for the local ones and those of endpoints, which are implied.
func (m *mapper) routes(v *vpc, table string, t *RouteTable, edge bool) []topology.RouteSpec {
	var all []topology.RouteSpec
	less := func(why string) {
		m.fates.approximated("RouteTables", table, "routes that are left out")
		m.warn(m.dump.routeTables.place(table), table, t.Tags, why)
	}
	for _, r := range t.Routes {
		to := cmp.Or(r.DestinationCidrBlock, r.DestinationIpv6CidrBlock)
		cidrs := append(ipv4CIDRs(v.value), v.spec.IPv6CIDR)
		switch {
		case r.GatewayId == local && (!edge || slices.Contains(cidrs, to)):
			continue
		case m.ownEndpoint(v, r):
			continue
		case r.DestinationPrefixListId != "":
			name, why := m.useList(v, r.DestinationPrefixListId)
			if why != "" {
				less("the destination of a route is not known: " + why + ": the route is left out, and packets to it take the next best one")
				continue
			}
			to = name
		case !isCIDR(to):
			less("a route has no CIDR as its destination: it is left out, and no packet takes it")
			continue
		}
		if r.DestinationPrefixListId == "" && m.nowhere(v, to) {
			m.fates.approximated("RouteTables", table, "routes into the VPC where no subnet is")
			continue
		}
		spec := topology.RouteSpec{Destination: to, Target: m.target(v, table, &r, to), Propagated: slices.Contains(propagated, r.Origin)}
		if r.State == blackhole {
			spec.State = blackhole
		}
		all = append(all, spec)
	}
	slices.SortFunc(all, compareRoutes)
	return slices.Compact(all)
}

// nowhere reports whether a destination lies in the VPC and is not, or no longer, a subnet's: nobody is there, whatever leads there.
func (m *mapper) nowhere(v *vpc, to string) bool {
	p, err := netip.ParsePrefix(to)
	if err != nil {
		return false
	}
	inside := false
	for _, c := range append(ipv4CIDRs(v.value), v.spec.IPv6CIDR) {
		q, err := netip.ParsePrefix(c)
		if err == nil && p == q.Masked() {
			return false
		}
		inside = inside || err == nil && q.Bits() < p.Bits() && q.Contains(p.Addr())
	}
	for _, s := range v.spec.Subnets {
		if inside && (s.CIDR == to || s.IPv6CIDR == to) {
			return false
		}
	}
	return inside
}

func compareRoutes(a, b topology.RouteSpec) int {
	later := func(p bool) int {
		if p {
			return 1
		}
		return 0
	}
	return cmp.Or(compareCIDRs(a.Destination, b.Destination), cmp.Compare(later(a.Propagated), later(b.Propagated)), strings.Compare(a.Target, b.Target))
}

// ownEndpoint reports whether a route is one of a gateway endpoint's own.
func (m *mapper) ownEndpoint(v *vpc, r Route) bool {
	if r.DestinationPrefixListId == "" || !strings.HasPrefix(r.GatewayId, "vpce-") {
		return false
	}
	_, there := v.spec.Endpoints[m.names.of(r.GatewayId)]
	return there
}

// target names what a route leads to. What the topology does not have is an outside gateway, or, of a blackhole, just its id.
func (m *mapper) target(v *vpc, table string, r *Route, to string) string {
	six := strings.Contains(to, ":")
	switch {
	case r.GatewayId == local:
		return local
	case r.GatewayId != "" && (r.GatewayId == v.igw || slices.Contains(v.endpoints, r.GatewayId) && !v.outside[r.GatewayId]):
		return m.names.of(r.GatewayId)
	case r.EgressOnlyInternetGatewayId != "" && r.EgressOnlyInternetGatewayId == v.eigw:
		return m.names.of(v.eigw)
	case r.NatGatewayId != "" && slices.Contains(v.nats, r.NatGatewayId) && !six:
		return m.names.of(r.NatGatewayId)
	case r.VpcPeeringConnectionId != "" && m.connects(v, r.VpcPeeringConnectionId):
		return m.names.of(r.VpcPeeringConnectionId)
	case r.TransitGatewayId != "" && m.attachedTo(v, r.TransitGatewayId):
		return m.names.of(r.TransitGatewayId)
	}
	if name := m.interfaceTarget(v, r); name != "" {
		return name
	}
	return m.outside(v, table, r, six)
}

// interfaceTarget names the network interface that a route leads to; nothing if it is not in the topology.
func (m *mapper) interfaceTarget(v *vpc, r *Route) string {
	id := r.NetworkInterfaceId
	if enis := m.interfacesOf[r.InstanceId]; id == "" && len(enis) > 0 {
		id = enis[0]
	}
	instance := m.attached[id]
	switch {
	case instance != "" && slices.Contains(v.instances, instance):
		return interfaceName(m.names.of(instance), slices.Index(m.interfacesOf[instance], id))
	case slices.Contains(v.enis, id):
		return m.names.of(id)
	}
	return ""
}

// outside names a target that the simulator does not follow.
func (m *mapper) outside(v *vpc, table string, r *Route, six bool) string {
	known := cmp.Or(r.NatGatewayId, r.VpcPeeringConnectionId, r.TransitGatewayId, r.NetworkInterfaceId, r.InstanceId, r.EgressOnlyInternetGatewayId)
	id := cmp.Or(r.GatewayId, known, r.CarrierGatewayId, r.LocalGatewayId, r.CoreNetworkArn, r.OdbNetworkArn)
	name, why := id, "is not simulated"
	switch {
	case r.State == blackhole:
		return cmp.Or(id, "gone")
	case six && slices.Contains(v.nats, r.NatGatewayId):
		name, why = "nat64-"+id, "has to translate IPv6 (NAT64), which is not simulated"
	case id == "":
		id, name, why = table, "unknown-target", "has a route to a kind of target that is not known"
	case m.leftOut(id) != "":
		why = "is left out (" + m.leftOut(id) + ")"
	case id == known || strings.HasPrefix(id, "igw-") || strings.HasPrefix(id, "vpce-"):
		why = "is not in the dump, or not with what it leads to"
	}
	if !v.outside[name] {
		v.outside[name] = true
		if !m.toldOf(id) {
			m.warn(m.dump.routeTables.place(table), id, nil, "it "+why+": packets that a route of "+table+" sends to it are dropped (UNSUPPORTED_COMPONENT)")
		}
	}
	return name
}

// leftOut says why the topology does not have a target that the dump has.
func (m *mapper) leftOut(id string) string {
	for _, kind := range []string{"NatGateways", "VpcPeeringConnections", "TransitGateways", "VpcEndpoints", "InternetGateways", "EgressOnlyInternetGateways", "NetworkInterfaces", "Instances"} {
		if is, said := m.fates[kind][id]; said && is.ignored {
			return is.why
		}
	}
	return ""
}

// toldOf reports whether a warning has said already that packets to a target are dropped.
func (m *mapper) toldOf(id string) bool {
	return slices.ContainsFunc(m.warnings, func(w Warning) bool { return w.ID == id && strings.Contains(w.Problem, unfollowed) })
}
