package awsimport

func (t *terraform) transitGateway(r *resource) {
	g := TransitGateway{TransitGatewayId: r.id(), Tags: r.tags()}
	t.dump.transitGateways.add(r.id(), g, r.place(t))
	if r.text("default_route_table_association") != "disable" || r.text("default_route_table_propagation") != "disable" {
		id := r.made("association_default_route_table_id")
		t.dump.transitTables.add(id, TransitGatewayRouteTable{TransitGatewayRouteTableId: id, TransitGatewayId: r.id(), Tags: madeTag(r, "default")}, r.place(t))
	}
}

// contents is what is known of a transit gateway route table.
func (t *terraform) contents(id string) *TransitTableContents {
	c := part(t.parts.transit, id)
	c.TransitGatewayRouteTableId = id
	return c
}

// defaultTable is the default route table of a transit gateway for associations or propagations; empty if it has none.
func (t *terraform) defaultTable(gateway, what string) string {
	for _, r := range t.resources {
		if r.kind == "aws_ec2_transit_gateway" && r.id() == gateway && r.text("default_route_table_"+what) != "disable" {
			return r.made("association_default_route_table_id")
		}
	}
	return ""
}

func (t *terraform) transitAttachment(r *resource) {
	id := r.id()
	a := part(t.parts.attach, id)
	*a = TransitGatewayAttachment{
		TransitGatewayAttachmentId: id, TransitGatewayId: t.id(r.node, "transit_gateway_id", "aws_ec2_transit_gateway"), ResourceType: "vpc", ResourceId: t.vpcOf(r),
		SubnetIds: t.ids(r.node, "subnet_ids", "aws_subnet"), Tags: r.tags(),
	}
	if a.TransitGatewayId == "" || a.ResourceId == "" {
		delete(t.parts.attach, id)
		t.lost(r, "transit_gateway_id or vpc_id")
		return
	}
	if table := t.defaultTable(a.TransitGatewayId, "association"); table != "" && !r.isNot("transit_gateway_default_route_table_association") {
		a.Association.TransitGatewayRouteTableId = table
	}
	if table := t.defaultTable(a.TransitGatewayId, "propagation"); table != "" && !r.isNot("transit_gateway_default_route_table_propagation") {
		c := t.contents(table)
		c.TransitGatewayRouteTablePropagations = append(c.TransitGatewayRouteTablePropagations, TransitMember{TransitGatewayAttachmentId: id})
	}
}

func (t *terraform) transitTable(r *resource) {
	gateway := t.id(r.node, "transit_gateway_id", "aws_ec2_transit_gateway")
	t.dump.transitTables.add(r.id(), TransitGatewayRouteTable{TransitGatewayRouteTableId: r.id(), TransitGatewayId: gateway, Tags: r.tags()}, r.place(t))
}

// ends are the attachment and the table that a resource joins; both empty if one is not known.
func (t *terraform) ends(r *resource) (attachment, table string) {
	attachment = t.id(r.node, "transit_gateway_attachment_id", "aws_ec2_transit_gateway_vpc_attachment")
	table = t.id(r.node, "transit_gateway_route_table_id", "aws_ec2_transit_gateway_route_table")
	if table == "" || attachment == "" && !r.is("blackhole") {
		t.lost(r, "transit_gateway_attachment_id or transit_gateway_route_table_id")
		return "", ""
	}
	return attachment, table
}

func (t *terraform) transitAssociation(r *resource) {
	if attachment, table := t.ends(r); t.parts.attach[attachment] != nil {
		t.parts.attach[attachment].Association.TransitGatewayRouteTableId = table
	}
}

func (t *terraform) transitPropagation(r *resource) {
	if attachment, table := t.ends(r); table != "" {
		c := t.contents(table)
		c.TransitGatewayRouteTablePropagations = append(c.TransitGatewayRouteTablePropagations, TransitMember{TransitGatewayAttachmentId: attachment})
	}
}

func (t *terraform) transitRoute(r *resource) {
	attachment, table := t.ends(r)
	if table == "" {
		return
	}
	route := TransitRoute{DestinationCidrBlock: r.text("destination_cidr_block"), Type: "static"}
	if r.is("blackhole") {
		route.State = blackhole
	} else {
		route.TransitGatewayAttachments = []TransitMember{{TransitGatewayAttachmentId: attachment, ResourceType: "vpc"}}
	}
	c := t.contents(table)
	c.Routes = append(c.Routes, route)
}
