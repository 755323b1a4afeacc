package awsimport

import (
	"cmp"
	"slices"
	"strings"
)

// parts are the objects that several resources make together, while they are made.
type parts struct {
	vpcs    map[string]*Vpc
	tables  map[string]*RouteTable
	igws    map[string]*InternetGateway
	acls    map[string]*NetworkAcl
	groups  map[string]*SecurityGroup
	lists   map[string]*PrefixList
	enis    map[string]*NetworkInterface
	nats    map[string]*NatGateway
	vpces   map[string]*VpcEndpoint
	pcxs    map[string]*VpcPeeringConnection
	attach  map[string]*TransitGatewayAttachment
	transit map[string]*TransitTableContents
	places  map[string]Place
}

// part returns a part, made when it is first asked for.
func part[T any](parts map[string]*T, id string) *T {
	if parts[id] == nil {
		parts[id] = new(T)
	}
	return parts[id]
}

// conversions say what a resource is in AWS's shapes, by its type. They are applied in this order: what makes objects before what
// adds to them.
var conversions = []struct {
	kind    string
	convert func(*terraform, *resource)
}{
	{"aws_vpc", (*terraform).vpc},
	{"aws_default_vpc", (*terraform).vpc},
	{"aws_vpc_ipv4_cidr_block_association", (*terraform).cidrAssociation},
	{"aws_subnet", (*terraform).subnet},
	{"aws_default_subnet", (*terraform).subnet},
	{"aws_route_table", (*terraform).routeTable},
	{"aws_default_route_table", (*terraform).routeTable},
	{"aws_route", (*terraform).route},
	{"aws_route_table_association", (*terraform).tableAssociation},
	{"aws_main_route_table_association", (*terraform).mainTable},
	{"aws_internet_gateway", (*terraform).internetGateway},
	{"aws_internet_gateway_attachment", (*terraform).gatewayAttachment},
	{"aws_egress_only_internet_gateway", (*terraform).egressOnly},
	{"aws_vpn_gateway", (*terraform).vpnGateway},
	{"aws_nat_gateway", (*terraform).natGateway},
	{"aws_vpc_endpoint", (*terraform).endpoint},
	{"aws_vpc_endpoint_route_table_association", (*terraform).endpointTable},
	{"aws_ec2_managed_prefix_list", (*terraform).prefixList},
	{"aws_ec2_managed_prefix_list_entry", (*terraform).prefixListEntry},
	{"aws_security_group", (*terraform).securityGroup},
	{"aws_default_security_group", (*terraform).securityGroup},
	{"aws_security_group_rule", (*terraform).groupRule},
	{"aws_vpc_security_group_ingress_rule", (*terraform).oneRule},
	{"aws_vpc_security_group_egress_rule", (*terraform).oneRule},
	{"aws_network_acl", (*terraform).networkACL},
	{"aws_default_network_acl", (*terraform).networkACL},
	{"aws_network_acl_rule", (*terraform).aclRule},
	{"aws_network_acl_association", (*terraform).aclAssociation},
	{"aws_network_interface", (*terraform).networkInterface},
	{"aws_instance", (*terraform).instance},
	{"aws_network_interface_attachment", (*terraform).interfaceAttachment},
	{"aws_eip", (*terraform).elasticIP},
	{"aws_eip_association", (*terraform).elasticIP},
	{"aws_vpc_peering_connection", (*terraform).peering},
	{"aws_vpc_peering_connection_accepter", (*terraform).peeringAccepter},
	{"aws_ec2_transit_gateway", (*terraform).transitGateway},
	{"aws_ec2_transit_gateway_route_table", (*terraform).transitTable},
	{"aws_ec2_transit_gateway_vpc_attachment", (*terraform).transitAttachment},
	{"aws_ec2_transit_gateway_route_table_association", (*terraform).transitAssociation},
	{"aws_ec2_transit_gateway_route_table_propagation", (*terraform).transitPropagation},
	{"aws_ec2_transit_gateway_route", (*terraform).transitRoute},
}

// convert turns all resources into the objects of a dump.
func (t *terraform) convert() {
	t.parts = parts{
		map[string]*Vpc{}, map[string]*RouteTable{}, map[string]*InternetGateway{}, map[string]*NetworkAcl{}, map[string]*SecurityGroup{},
		map[string]*PrefixList{}, map[string]*NetworkInterface{}, map[string]*NatGateway{}, map[string]*VpcEndpoint{},
		map[string]*VpcPeeringConnection{}, map[string]*TransitGatewayAttachment{}, map[string]*TransitTableContents{}, map[string]Place{},
	}
	known := map[string]bool{}
	for _, c := range conversions {
		known[c.kind] = true
		for _, r := range t.resources {
			if r.kind == c.kind {
				t.parts.places[r.id()] = r.place(t)
				c.convert(t, r)
			}
		}
	}
	for _, r := range t.resources {
		if !known[r.kind] {
			t.unknown(r)
		}
	}
	t.defaultACLs()
	t.deliver()
}

// places are the arguments by which a resource says that it puts something into a VPC.
var places = []string{"vpc_id", "vpc_config", "subnet_id", "subnet_ids", "subnets", "subnet_mapping", "db_subnet_group_name", "transit_gateway_id", "vpn_gateway_id"}

// unknown counts a resource that means nothing to the import, and warns of one that puts something into a VPC.
func (t *terraform) unknown(r *resource) {
	t.dump.unknownLists[r.kind]++
	for _, key := range places {
		if v := r.values[key]; v != nil && v != "" || r.exprs[key] != nil {
			t.dump.warn(Warning{File: t.file, ID: r.address, Problem: r.kind + " is not simulated: packets go as if what it puts into a VPC did not exist"})
			return
		}
	}
}

// deliver puts the finished parts into the dump.
func (t *terraform) deliver() {
	hand(t, &t.dump.vpcs, t.parts.vpcs)
	hand(t, &t.dump.routeTables, t.parts.tables)
	hand(t, &t.dump.internetGateways, t.parts.igws)
	hand(t, &t.dump.networkAcls, t.parts.acls)
	hand(t, &t.dump.securityGroups, t.parts.groups)
	hand(t, &t.dump.interfaces, t.parts.enis)
	hand(t, &t.dump.natGateways, t.parts.nats)
	hand(t, &t.dump.endpoints, t.parts.vpces)
	hand(t, &t.dump.peerings, t.parts.pcxs)
	hand(t, &t.dump.attachments, t.parts.attach)
	hand(t, &t.dump.transitContents, t.parts.transit)
	for id, l := range t.parts.lists {
		t.dump.prefixLists.add(t.region+"/"+id, *l, t.placeOf(id))
	}
}

func hand[T any](t *terraform, to *table[T], from map[string]*T) {
	for id, v := range from {
		to.add(id, *v, t.placeOf(id))
	}
}

// placeOf is the place of the resource that an object comes from.
func (t *terraform) placeOf(id string) Place {
	if p, ok := t.parts.places[id]; ok {
		return p
	}
	return Place{File: t.file, Region: t.region}
}

// tags are the tags of a resource; one without a Name is named by its address, without the word that says what it is.
func (r *resource) tags() []Tag {
	for _, key := range []string{"tags_all", "tags"} {
		if tags, ok := r.values[key].(map[string]any); ok {
			if name, _ := tags["Name"].(string); name != "" {
				return []Tag{{"Name", name}}
			}
		}
	}
	w := slices.DeleteFunc(words(r.address), func(w string) bool { return w == "module" || w == "data" || w == r.kind })
	for i, one := range w {
		w[i] = strings.Trim(one, `[]"`)
	}
	return []Tag{{"Name", strings.Join(w, "-")}}
}

// lost warns of a resource that belongs to nothing that is known.
func (t *terraform) lost(r *resource, what string) {
	t.dump.warn(Warning{File: t.file, ID: r.address, Problem: what + " is not known, and its expression leads to no resource of the plan: left out, and packets go as if it did not exist"})
}

func (t *terraform) vpc(r *resource) {
	id := r.id()
	if r.data {
		t.dump.warn(Warning{File: t.file, ID: id, Name: r.address, Problem: "a VPC that is there already: its routes, security groups and network ACLs beyond the plan are not known, " +
			"and packets go as by those that AWS gives a new one"})
		if t.parts.vpcs[id] != nil {
			return // the plan has it, or another data source
		}
	}
	*part(t.parts.vpcs, id) = Vpc{VpcId: id, CidrBlock: r.text("cidr_block"), Tags: r.tags(), OwnerId: r.text("owner_id")}
	if six := r.text("ipv6_cidr_block"); six != "" {
		t.parts.vpcs[id].Ipv6CidrBlockAssociationSet = []CIDRAssociation{{Ipv6CidrBlock: six}}
	}
	main, group, acl := r.made("default_route_table_id"), r.made("default_security_group_id"), r.made("default_network_acl_id")
	if m := r.text("main_route_table_id"); m != "" {
		main = m
	}
	*part(t.parts.tables, main) = RouteTable{RouteTableId: main, VpcId: id, Associations: []TableAssociation{{Main: true}}, Tags: madeTag(r, "main")}
	all := "-1"
	*part(t.parts.groups, group) = SecurityGroup{
		GroupId: group, GroupName: "default", VpcId: id,
		IpPermissions:       []IpPermission{{IpProtocol: all, UserIdGroupPairs: []GroupPair{{GroupId: group}}}},
		IpPermissionsEgress: []IpPermission{{IpProtocol: all, IpRanges: []struct{ CidrIp string }{{"0.0.0.0/0"}}}},
	}
	*part(t.parts.acls, acl) = NetworkAcl{NetworkAclId: acl, VpcId: id, IsDefault: true, Entries: []NetworkAclEntry{
		{RuleNumber: 100, RuleAction: "allow", Protocol: all, CidrBlock: "0.0.0.0/0"},
		{RuleNumber: 100, RuleAction: "allow", Protocol: all, CidrBlock: "0.0.0.0/0", Egress: true},
	}}
}

// madeTag names what AWS makes with a resource, unless it has an id to be known by.
func madeTag(r *resource, name string) []Tag {
	if r.text("id") != "" {
		return nil
	}
	return []Tag{{"Name", name}}
}

func (t *terraform) cidrAssociation(r *resource) {
	if id := t.id(r.node, "vpc_id", "aws_vpc", "aws_default_vpc"); t.parts.vpcs[id] != nil && r.text("cidr_block") != "" {
		v := t.parts.vpcs[id]
		v.CidrBlockAssociationSet = append(v.CidrBlockAssociationSet, CIDRAssociation{CidrBlock: r.text("cidr_block")})
		return
	}
	t.lost(r, "vpc_id or cidr_block")
}

// vpcOf is the VPC of a resource.
func (t *terraform) vpcOf(r *resource) string {
	return t.id(r.node, "vpc_id", "aws_vpc", "aws_default_vpc")
}

func (t *terraform) subnet(r *resource) {
	s := Subnet{SubnetId: r.id(), VpcId: t.vpcOf(r), CidrBlock: r.text("cidr_block"), AvailabilityZone: r.text("availability_zone"), AvailabilityZoneId: r.text("availability_zone_id"), Tags: r.tags()}
	if six := r.text("ipv6_cidr_block"); six != "" {
		s.Ipv6CidrBlockAssociationSet = []CIDRAssociation{{Ipv6CidrBlock: six}}
	}
	if s.VpcId == "" {
		t.lost(r, "vpc_id")
		return
	}
	if r.data && t.dump.subnets.copies[s.SubnetId] != nil {
		return
	}
	t.dump.subnets.add(s.SubnetId, s, r.place(t))
}

// The types that a target of a route may be of, by the argument that names it.
var targetKinds = map[string][]string{
	"gateway_id": {"aws_internet_gateway", "aws_vpn_gateway"}, "nat_gateway_id": {"aws_nat_gateway"}, "network_interface_id": {"aws_network_interface", "aws_instance"},
	"instance_id": {"aws_instance"}, "vpc_peering_connection_id": {"aws_vpc_peering_connection", "aws_vpc_peering_connection_accepter"},
	"transit_gateway_id": {"aws_ec2_transit_gateway"}, "egress_only_gateway_id": {"aws_egress_only_internet_gateway"}, "vpc_endpoint_id": {"aws_vpc_endpoint"},
	"carrier_gateway_id": {"aws_ec2_carrier_gateway"}, "local_gateway_id": nil, "core_network_arn": {"aws_networkmanager_core_network"},
}

// routeOf is a route, from a resource or a block of one.
func (t *terraform) routeOf(n node) Route {
	id := func(key string) string { return t.id(n, key, targetKinds[key]...) }
	r := Route{
		DestinationCidrBlock:     cmp.Or(n.text("destination_cidr_block"), n.text("cidr_block")),
		DestinationIpv6CidrBlock: cmp.Or(n.text("destination_ipv6_cidr_block"), n.text("ipv6_cidr_block")),
		DestinationPrefixListId:  t.id(n, "destination_prefix_list_id", "aws_ec2_managed_prefix_list"),
		GatewayId:                cmp.Or(id("gateway_id"), id("vpc_endpoint_id")), NatGatewayId: id("nat_gateway_id"), NetworkInterfaceId: id("network_interface_id"),
		VpcPeeringConnectionId: t.peeringID(id("vpc_peering_connection_id")), TransitGatewayId: id("transit_gateway_id"),
		EgressOnlyInternetGatewayId: cmp.Or(id("egress_only_gateway_id"), id("egress_only_internet_gateway_id")),
		CarrierGatewayId:            id("carrier_gateway_id"), LocalGatewayId: id("local_gateway_id"), CoreNetworkArn: id("core_network_arn"), State: n.text("state"),
	}
	if r.NetworkInterfaceId == "" {
		r.InstanceId = id("instance_id")
	}
	return r
}

// peeringID is the id of a peering connection that may have been named by its accepter.
func (t *terraform) peeringID(id string) string {
	for _, r := range t.resources {
		if r.kind == "aws_vpc_peering_connection_accepter" && r.id() == id {
			return cmp.Or(t.id(r.node, "vpc_peering_connection_id", "aws_vpc_peering_connection"), id)
		}
	}
	return id
}

func (t *terraform) routeTable(r *resource) {
	id, vpc := t.recordID(r), ""
	if r.kind == "aws_default_route_table" {
		if there := t.parts.tables[id]; there != nil {
			vpc = there.VpcId
		}
		t.parts.places[id] = r.place(t)
	}
	table := part(t.parts.tables, id)
	table.RouteTableId, table.VpcId, table.Tags = id, cmp.Or(vpc, t.vpcOf(r)), r.tags()
	for _, block := range r.blocks("route") {
		table.Routes = append(table.Routes, t.routeOf(block))
	}
	for _, vgw := range t.ids(r.node, "propagating_vgws", "aws_vpn_gateway") {
		table.PropagatingVgws = append(table.PropagatingVgws, struct{ GatewayId string }{vgw})
	}
	if table.VpcId == "" {
		delete(t.parts.tables, id)
		t.lost(r, "vpc_id")
	}
}

func (t *terraform) route(r *resource) {
	table := t.parts.tables[t.id(r.node, "route_table_id", "aws_route_table", "aws_default_route_table")]
	if table == nil {
		t.lost(r, "route_table_id")
		return
	}
	one := t.routeOf(r.node)
	same := func(have Route) bool { // the table's own values have it, too, once it is applied
		return have.DestinationCidrBlock == one.DestinationCidrBlock && have.DestinationIpv6CidrBlock == one.DestinationIpv6CidrBlock &&
			have.DestinationPrefixListId == one.DestinationPrefixListId
	}
	table.Routes = append(slices.DeleteFunc(table.Routes, same), one)
}

func (t *terraform) tableAssociation(r *resource) {
	table := t.parts.tables[t.id(r.node, "route_table_id", "aws_route_table", "aws_default_route_table")]
	a := TableAssociation{SubnetId: t.id(r.node, "subnet_id", "aws_subnet", "aws_default_subnet"), GatewayId: t.id(r.node, "gateway_id", "aws_internet_gateway", "aws_vpn_gateway")}
	if table == nil || a.SubnetId == "" && a.GatewayId == "" {
		t.lost(r, "route_table_id or subnet_id")
		return
	}
	table.Associations = append(table.Associations, a)
}

// mainTable makes another route table the main one.
func (t *terraform) mainTable(r *resource) {
	vpc, id := t.vpcOf(r), t.id(r.node, "route_table_id", "aws_route_table", "aws_default_route_table")
	table := t.parts.tables[id]
	if table == nil || t.parts.vpcs[vpc] == nil {
		t.lost(r, "vpc_id or route_table_id")
		return
	}
	for _, other := range t.parts.tables {
		if other.VpcId == vpc {
			other.Associations = slices.DeleteFunc(other.Associations, func(a TableAssociation) bool { return a.Main })
		}
	}
	table.Associations = append(table.Associations, TableAssociation{Main: true})
}
