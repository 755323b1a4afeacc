package awsimport

import (
	"cmp"
	"slices"
	"strings"
)

func (t *terraform) internetGateway(r *resource) {
	g := part(t.parts.igws, r.id())
	g.InternetGatewayId, g.Tags = r.id(), r.tags()
	if vpc := t.vpcOf(r); vpc != "" {
		g.Attachments = []GatewayAttachment{{VpcId: vpc}}
	}
}

func (t *terraform) gatewayAttachment(r *resource) {
	g, vpc := t.parts.igws[t.id(r.node, "internet_gateway_id", "aws_internet_gateway")], t.vpcOf(r)
	if g == nil || vpc == "" {
		t.lost(r, "internet_gateway_id or vpc_id")
		return
	}
	g.Attachments = []GatewayAttachment{{VpcId: vpc}}
}

func (t *terraform) egressOnly(r *resource) {
	t.dump.egressOnly.add(r.id(), EgressOnlyInternetGateway{
		EgressOnlyInternetGatewayId: r.id(), Attachments: []GatewayAttachment{{VpcId: t.vpcOf(r)}}, Tags: r.tags(),
	}, r.place(t))
}

func (t *terraform) vpnGateway(r *resource) {
	g := VpnGateway{VpnGatewayId: r.id(), Tags: r.tags()}
	if vpc := t.vpcOf(r); vpc != "" {
		g.VpcAttachments = []GatewayAttachment{{VpcId: vpc}}
	}
	t.dump.vpnGateways.add(r.id(), g, r.place(t))
}

// automatic is an address that is known only after apply: the simulator chooses one.
const automatic = "auto"

func (t *terraform) natGateway(r *resource) {
	primary := true
	g := NatGateway{NatGatewayId: r.id(), SubnetId: t.id(r.node, "subnet_id", "aws_subnet"), ConnectivityType: cmp.Or(r.text("connectivity_type"), "public"), Tags: r.tags()}
	a := NatAddress{NetworkInterfaceId: r.text("network_interface_id"), PrivateIp: cmp.Or(r.text("private_ip"), automatic), IsPrimary: &primary}
	if g.ConnectivityType == "public" {
		a.PublicIp = cmp.Or(r.text("public_ip"), t.publicIP(t.id(r.node, "allocation_id", "aws_eip")), automatic)
	}
	g.NatGatewayAddresses = []NatAddress{a}
	for _, id := range t.ids(r.node, "secondary_allocation_ids", "aws_eip") {
		g.NatGatewayAddresses = append(g.NatGatewayAddresses, NatAddress{PrivateIp: automatic, PublicIp: cmp.Or(t.publicIP(id), automatic)})
	}
	if g.ConnectivityType == "private" {
		for _, ip := range r.texts("secondary_private_ip_addresses") {
			g.NatGatewayAddresses = append(g.NatGatewayAddresses, NatAddress{PrivateIp: ip})
		}
	}
	for _, s := range t.dump.subnets.copies[g.SubnetId] {
		g.VpcId = s.value.VpcId
	}
	if g.VpcId == "" {
		t.lost(r, "subnet_id")
		return
	}
	*part(t.parts.nats, g.NatGatewayId) = g
}

// publicIP is the address of an Elastic IP address; empty if it is not known, or not of the plan.
func (t *terraform) publicIP(allocation string) string {
	for _, r := range t.resources {
		if r.kind == "aws_eip" && (r.id() == allocation || r.text("allocation_id") == allocation) {
			return r.text("public_ip")
		}
	}
	return ""
}

func (t *terraform) endpoint(r *resource) {
	e := part(t.parts.vpces, r.id())
	*e = VpcEndpoint{
		VpcEndpointId: r.id(), VpcEndpointType: cmp.Or(r.text("vpc_endpoint_type"), "Gateway"), ServiceName: r.text("service_name"), VpcId: t.vpcOf(r),
		RouteTableIds: t.ids(r.node, "route_table_ids", "aws_route_table", "aws_default_route_table"), PolicyDocument: r.text("policy"), Tags: r.tags(),
	}
	if e.VpcId == "" {
		delete(t.parts.vpces, r.id())
		t.lost(r, "vpc_id")
		return
	}
	if e.VpcEndpointType != "Interface" || len(r.texts("network_interface_ids")) > 0 {
		return
	}
	for _, subnet := range t.ids(r.node, "subnet_ids", "aws_subnet") {
		eni := r.address + "." + subnet
		*part(t.parts.enis, eni) = NetworkInterface{
			NetworkInterfaceId: eni, SubnetId: subnet, VpcId: e.VpcId, InterfaceType: "vpc_endpoint", PrivateIpAddress: automatic,
			Groups: groupsOf(t.ids(r.node, "security_group_ids", "aws_security_group")), TagSet: []Tag{{"Name", nameTag(e.Tags) + "-" + t.subnetName(subnet)}},
		}
		t.parts.places[eni] = r.place(t)
	}
}

// subnetName is the Name tag of a subnet.
func (t *terraform) subnetName(id string) string {
	for _, s := range t.dump.subnets.copies[id] {
		return nameTag(s.value.Tags)
	}
	return id
}

func groupsOf(ids []string) (groups []struct{ GroupId string }) {
	for _, id := range ids {
		groups = append(groups, struct{ GroupId string }{id})
	}
	return groups
}

func (t *terraform) endpointTable(r *resource) {
	e := t.parts.vpces[t.id(r.node, "vpc_endpoint_id", "aws_vpc_endpoint")]
	table := t.id(r.node, "route_table_id", "aws_route_table", "aws_default_route_table")
	if e == nil || table == "" {
		t.lost(r, "vpc_endpoint_id or route_table_id")
		return
	}
	if !slices.Contains(e.RouteTableIds, table) {
		e.RouteTableIds = append(e.RouteTableIds, table)
	}
}

func (t *terraform) prefixList(r *resource) {
	l := part(t.parts.lists, r.id())
	l.PrefixListId, l.PrefixListName = r.id(), r.text("name")
	l.MaxEntries, l.Version = r.number("max_entries"), r.number("version")
	for _, entry := range r.blocks("entry") {
		l.Cidrs = append(l.Cidrs, entry.text("cidr"))
	}
}

func (t *terraform) prefixListEntry(r *resource) {
	l := t.parts.lists[t.id(r.node, "prefix_list_id", "aws_ec2_managed_prefix_list")]
	if l == nil {
		t.lost(r, "prefix_list_id")
		return
	}
	if cidr := r.text("cidr"); !slices.Contains(l.Cidrs, cidr) {
		l.Cidrs = append(l.Cidrs, cidr)
	}
}

func (t *terraform) peering(r *resource) {
	p := part(t.parts.pcxs, r.id())
	p.VpcPeeringConnectionId, p.Tags = r.id(), r.tags()
	p.RequesterVpcInfo = PeeringSide{VpcId: t.vpcOf(r)}
	p.AccepterVpcInfo = PeeringSide{VpcId: t.id(r.node, "peer_vpc_id", "aws_vpc", "aws_default_vpc"), Region: r.text("peer_region"), OwnerId: r.text("peer_owner_id")}
	p.Status.Code = cmp.Or(strings.ToLower(r.text("accept_status")), "active")
	if r.text("accept_status") == "" && !r.is("auto_accept") {
		p.Status.Code = "pending-acceptance"
	}
}

func (t *terraform) peeringAccepter(r *resource) {
	id := t.id(r.node, "vpc_peering_connection_id", "aws_vpc_peering_connection")
	if p := t.parts.pcxs[id]; p != nil {
		p.Status.Code = "active"
		return
	}
	t.lost(r, "vpc_peering_connection_id")
}
