package awsimport

// TransitGateway is of describe-transit-gateways.
type TransitGateway struct {
	TransitGatewayId string
	State            string         `json:",omitempty" merge:"state"`
	Options          TransitOptions `json:",omitzero" merge:"any"`
	Tags             []Tag          `json:",omitempty" merge:"any"`
}

// TransitOptions are those of a transit gateway that say what its route tables are for.
type TransitOptions struct {
	DefaultRouteTablePropagation   string `json:",omitempty"`
	PropagationDefaultRouteTableId string `json:",omitempty"`
}

// TransitGatewayAttachment is of describe-transit-gateway-attachments and, with VpcId and SubnetIds,
// describe-transit-gateway-vpc-attachments.
type TransitGatewayAttachment struct {
	TransitGatewayAttachmentId string
	TransitGatewayId           string             `json:",omitempty" merge:"same"`
	ResourceType               string             `json:",omitempty" merge:"same"`
	ResourceId                 string             `json:",omitempty" merge:"same"`
	VpcId                      string             `json:",omitempty" merge:"same"`
	State                      string             `json:",omitempty" merge:"state"`
	SubnetIds                  []string           `json:",omitempty"`
	Association                TransitAssociation `json:",omitzero"`
	Tags                       []Tag              `json:",omitempty" merge:"any"`
}

func (a *TransitGatewayAttachment) isPeering() bool {
	return a.ResourceType == "peering" || a.ResourceType == "tgw-peering"
}

// TransitAssociation is of an attachment with the route table that what it sends is looked up in.
type TransitAssociation struct {
	TransitGatewayRouteTableId string `json:",omitempty"`
	State                      string `json:",omitempty"`
}

// TransitGatewayRouteTable is of describe-transit-gateway-route-tables.
type TransitGatewayRouteTable struct {
	TransitGatewayRouteTableId string
	TransitGatewayId           string `json:",omitempty" merge:"same"`
	State                      string `json:",omitempty" merge:"state"`
	Tags                       []Tag  `json:",omitempty" merge:"any"`
}

// TransitTableContents is what the calls about one transit gateway route table print; the id of the table is not in their output.
type TransitTableContents struct {
	TransitGatewayRouteTableId           string
	TransitGatewayRouteTablePropagations []TransitMember `json:",omitempty"`
	Associations                         []TransitMember `json:",omitempty"`
	Routes                               []TransitRoute  `json:",omitempty"`
	AdditionalRoutesAvailable            bool            `json:",omitempty"`
}

// TransitMember is an attachment as get-transit-gateway-route-table-propagations and -associations print it.
type TransitMember struct {
	TransitGatewayAttachmentId string
	ResourceType               string `json:",omitempty"`
	ResourceId                 string `json:",omitempty"`
	State                      string `json:",omitempty"`
}

// TransitRoute is of search-transit-gateway-routes.
type TransitRoute struct {
	DestinationCidrBlock      string
	Type                      string          `json:",omitempty"`
	State                     string          `json:",omitempty"`
	TransitGatewayAttachments []TransitMember `json:",omitempty"`
}
