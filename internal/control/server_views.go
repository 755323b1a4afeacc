package control

import (
	"vpcsim/endpoint/policy"
	"vpcsim/nat"
)

// Description is a network in the words of AWS's API: the object that `vpcsim validate -o json` and `vpcsim inspect -o json`
// print. Where AWS tags a thing with a name, Name is the user's name for it. Its field names are a contract.
type Description struct {
	Name            string               `json:"Name"`
	Region          string               `json:"Region"`
	Preset          string               `json:"Preset"`
	Vpcs            []VpcView            `json:"Vpcs"`
	Subnets         []SubnetView         `json:"Subnets"`
	RouteTables     []RouteTableView     `json:"RouteTables"`
	VpcEndpoints    []EndpointView       `json:"VpcEndpoints"`
	NatGateways     []NATGatewayView     `json:"NatGateways"`
	Peerings        []PeeringView        `json:"VpcPeeringConnections"`
	TransitGateways []TransitGatewayView `json:"TransitGateways"`
	SecurityGroups  []SecurityGroupView  `json:"SecurityGroups"`
	NetworkAcls     []NetworkACLView     `json:"NetworkAcls"`
	Instances       []InstanceView       `json:"Instances"`
	Interfaces      []InterfaceView      `json:"NetworkInterfaces"` // those without an instance
	PrefixLists     []PrefixListView     `json:"PrefixLists"`
	InternetHosts   []InternetHostView   `json:"InternetHosts"` // ours: AWS has no such thing
}

// VpcView is a VPC.
type VpcView struct {
	VpcID               string   `json:"VpcId"`
	Name                string   `json:"Name"`
	CidrBlock           string   `json:"CidrBlock"`
	SecondaryCidrs      []string `json:"SecondaryCidrBlocks,omitempty"`
	IPv6CidrBlock       string   `json:"Ipv6CidrBlock,omitempty"`
	InternetGatewayID   string   `json:"InternetGatewayId,omitempty"`
	EgressOnlyGatewayID string   `json:"EgressOnlyInternetGatewayId,omitempty"`
}

// SubnetView is a subnet, with the route table and the network ACL in effect.
type SubnetView struct {
	SubnetID         string `json:"SubnetId"`
	Name             string `json:"Name"`
	VpcID            string `json:"VpcId"`
	CidrBlock        string `json:"CidrBlock"`
	IPv6CidrBlock    string `json:"Ipv6CidrBlock,omitempty"`
	AvailabilityZone string `json:"AvailabilityZone"`
	RouteTableID     string `json:"RouteTableId"`
	NetworkACLID     string `json:"NetworkAclId"`
}

// RouteTableView is a route table with all its routes, the local ones first.
type RouteTableView struct {
	RouteTableID string      `json:"RouteTableId"`
	Name         string      `json:"Name"`
	VpcID        string      `json:"VpcId"`
	Main         bool        `json:"Main"`
	SubnetIDs    []string    `json:"SubnetIds"`           // those it is in effect for
	GatewayID    string      `json:"GatewayId,omitempty"` // the internet gateway whose route table it is
	Routes       []RouteView `json:"Routes"`
}

// RouteView is a route. One destination and one target is set; GatewayId is an internet gateway, a gateway endpoint, local, or
// whatever a blackhole's target was.
type RouteView struct {
	DestinationCidrBlock     string `json:"DestinationCidrBlock,omitempty"`
	DestinationIPv6CidrBlock string `json:"DestinationIpv6CidrBlock,omitempty"`
	DestinationPrefixListID  string `json:"DestinationPrefixListId,omitempty"`
	GatewayID                string `json:"GatewayId,omitempty"`
	NatGatewayID             string `json:"NatGatewayId,omitempty"`
	NetworkInterfaceID       string `json:"NetworkInterfaceId,omitempty"`
	PeeringID                string `json:"VpcPeeringConnectionId,omitempty"`
	TransitGatewayID         string `json:"TransitGatewayId,omitempty"`
	EgressOnlyGatewayID      string `json:"EgressOnlyInternetGatewayId,omitempty"`
	State                    string `json:"State"`
	Origin                   string `json:"Origin"`
	*CountView                      // of a running lab; nil of a table that nothing uses
}

// Destination is the one destination that is set.
func (r RouteView) Destination() string {
	return r.DestinationCidrBlock + r.DestinationIPv6CidrBlock + r.DestinationPrefixListID
}

// Target is the one target that is set.
func (r RouteView) Target() string {
	return r.GatewayID + r.NatGatewayID + r.NetworkInterfaceID + r.PeeringID + r.TransitGatewayID + r.EgressOnlyGatewayID
}

// EndpointView is a gateway endpoint.
type EndpointView struct {
	VpcEndpointID   string   `json:"VpcEndpointId"`
	Name            string   `json:"Name"`
	VpcEndpointType string   `json:"VpcEndpointType"`
	VpcID           string   `json:"VpcId"`
	ServiceName     string   `json:"ServiceName"`
	State           string   `json:"State"`
	PrefixListID    string   `json:"PrefixListId"`
	RouteTableIDs   []string `json:"RouteTableIds"`
	PolicyDocument  string   `json:"PolicyDocument"` // in JSON; AWS's default if the endpoint has none of its own
}

// FullAccess reports whether the endpoint's policy is AWS's default.
func (e EndpointView) FullAccess() bool { return e.PolicyDocument == policy.FullAccessText }

// NATGatewayView is a NAT gateway. Metrics are CloudWatch's, of a lab that runs; nil of a file.
type NATGatewayView struct {
	NatGatewayID     string           `json:"NatGatewayId"`
	Name             string           `json:"Name"`
	VpcID            string           `json:"VpcId"`
	SubnetID         string           `json:"SubnetId"`
	ConnectivityType string           `json:"ConnectivityType"` // public or private
	State            string           `json:"State"`
	Addresses        []NATAddressView `json:"NatGatewayAddresses"`
	Metrics          *nat.Metrics     `json:"Metrics,omitempty"`
}

// NATAddressView is one address of a NAT gateway.
type NATAddressView struct {
	NetworkInterfaceID string `json:"NetworkInterfaceId"`
	PrivateIP          string `json:"PrivateIp"`
	PublicIP           string `json:"PublicIp,omitempty"`
	IsPrimary          bool   `json:"IsPrimary"`
}

// PeeringView is a VPC peering connection.
type PeeringView struct {
	PeeringID string           `json:"VpcPeeringConnectionId"`
	Name      string           `json:"Name"`
	Requester PeeringSideView  `json:"RequesterVpcInfo"`
	Accepter  PeeringSideView  `json:"AccepterVpcInfo"`
	Status    PeeringStateView `json:"Status"`
}

// PeeringSideView is one of the VPCs of a peering connection.
type PeeringSideView struct {
	VpcID     string `json:"VpcId"`
	CidrBlock string `json:"CidrBlock"`
}

// PeeringStateView is the state of a peering connection, which here is always active.
type PeeringStateView struct {
	Code string `json:"Code"`
}

// TransitGatewayView is a transit gateway with what AWS describes apart from it: its attachments and route tables.
type TransitGatewayView struct {
	TransitGatewayID string                  `json:"TransitGatewayId"`
	Name             string                  `json:"Name"`
	State            string                  `json:"State"`
	Attachments      []TransitAttachmentView `json:"TransitGatewayAttachments"`
	RouteTables      []TransitTableView      `json:"TransitGatewayRouteTables"`
}

// TransitAttachmentView is an attachment, with the route table that it is associated with.
type TransitAttachmentView struct {
	AttachmentID string   `json:"TransitGatewayAttachmentId"`
	Name         string   `json:"Name"`
	ResourceType string   `json:"ResourceType"` // vpc, or what is attached outside of the topology
	VpcID        string   `json:"VpcId,omitempty"`
	SubnetIDs    []string `json:"SubnetIds"`
	TableID      string   `json:"TransitGatewayRouteTableId,omitempty"`
}

// TransitTableView is a route table of a transit gateway.
type TransitTableView struct {
	TableID string             `json:"TransitGatewayRouteTableId"`
	Name    string             `json:"Name"`
	Routes  []TransitRouteView `json:"Routes"`
}

// TransitRouteView is a route of a transit gateway.
type TransitRouteView struct {
	DestinationCidrBlock string `json:"DestinationCidrBlock"`
	AttachmentID         string `json:"TransitGatewayAttachmentId,omitempty"`
	Type                 string `json:"Type"`  // static or propagated
	State                string `json:"State"` // active or blackhole
}

// SecurityGroupView is a security group. Every rule is a permission of its own; AWS puts together those that differ in the
// other side alone.
type SecurityGroupView struct {
	GroupID     string           `json:"GroupId"`
	GroupName   string           `json:"GroupName"`
	VpcID       string           `json:"VpcId"`
	Permissions []PermissionView `json:"IpPermissions"`
	Egress      []PermissionView `json:"IpPermissionsEgress"`
}

// PermissionView is what a rule allows. FromPort and ToPort are ports, or ICMP type and code with -1 for all; without either,
// all is allowed. One of the lists has one item.
type PermissionView struct {
	RuleID        string            `json:"SecurityGroupRuleId"` // which AWS has elsewhere, and traces go by
	IPProtocol    string            `json:"IpProtocol"`          // tcp, udp, icmp, icmpv6, a number, or -1 for all
	FromPort      *int              `json:"FromPort,omitempty"`
	ToPort        *int              `json:"ToPort,omitempty"`
	IPRanges      []RangeView       `json:"IpRanges"`
	IPv6Ranges    []RangeIPv6View   `json:"Ipv6Ranges"`
	PrefixListIDs []PrefixListRef   `json:"PrefixListIds"`
	Groups        []GroupMemberView `json:"UserIdGroupPairs"`
	*CountView                      // of a running lab; nil of a group that nothing is in
}

// RangeView is an IPv4 CIDR in a permission.
type RangeView struct {
	CidrIP string `json:"CidrIp"`
}

// RangeIPv6View is an IPv6 CIDR in a permission.
type RangeIPv6View struct {
	CidrIPv6 string `json:"CidrIpv6"`
}

// PrefixListRef is a prefix list in a permission.
type PrefixListRef struct {
	PrefixListID string `json:"PrefixListId"`
}

// GroupMemberView is a security group in a permission.
type GroupMemberView struct {
	GroupID string `json:"GroupId"`
	VpcID   string `json:"VpcId,omitempty"` // empty for a group that is gone
}

// NetworkACLView is a network ACL. The entries 32767 and 32768 are those that end every ACL and deny the rest.
type NetworkACLView struct {
	NetworkACLID string               `json:"NetworkAclId"`
	Name         string               `json:"Name"`
	VpcID        string               `json:"VpcId"`
	IsDefault    bool                 `json:"IsDefault"`
	Entries      []ACLEntryView       `json:"Entries"`
	Associations []ACLAssociationView `json:"Associations"`
}

// ACLEntryView is one entry of a network ACL.
type ACLEntryView struct {
	RuleNumber    int            `json:"RuleNumber"`
	Protocol      string         `json:"Protocol"` // a number, -1 for all
	RuleAction    string         `json:"RuleAction"`
	Egress        bool           `json:"Egress"`
	CidrBlock     string         `json:"CidrBlock,omitempty"`
	IPv6CidrBlock string         `json:"Ipv6CidrBlock,omitempty"`
	PortRange     *PortRangeView `json:"PortRange,omitempty"`
	ICMPTypeCode  *ICMPView      `json:"IcmpTypeCode,omitempty"`
	*CountView                   // of a running lab; nil of an ACL without a subnet. The last two entries count together
}

// PortRangeView is a range of ports, both ends included.
type PortRangeView struct {
	From int `json:"From"`
	To   int `json:"To"`
}

// ICMPView is an ICMP type and code; -1 is all.
type ICMPView struct {
	Type int `json:"Type"`
	Code int `json:"Code"`
}

// ACLAssociationView is a subnet that a network ACL is in effect for.
type ACLAssociationView struct {
	NetworkACLID string `json:"NetworkAclId"`
	SubnetID     string `json:"SubnetId"`
}

// InstanceView is an instance.
type InstanceView struct {
	InstanceID        string          `json:"InstanceId"`
	Name              string          `json:"Name"`
	VpcID             string          `json:"VpcId"`
	NetworkInterfaces []InterfaceView `json:"NetworkInterfaces"`
}

// InterfaceView is a network interface; PrivateIPAddress is the primary one.
type InterfaceView struct {
	NetworkInterfaceID string         `json:"NetworkInterfaceId"`
	Name               string         `json:"Name,omitempty"` // of one without an instance
	InterfaceType      string         `json:"InterfaceType"`
	Description        string         `json:"Description,omitempty"`
	SubnetID           string         `json:"SubnetId"`
	PrivateIPAddress   string         `json:"PrivateIpAddress"`
	SecondaryAddresses []string       `json:"SecondaryPrivateIpAddresses,omitempty"`
	IPv6Addresses      []string       `json:"Ipv6Addresses,omitempty"`
	PublicIP           string         `json:"PublicIp,omitempty"`
	SecondaryPublicIPs []string       `json:"SecondaryPublicIps,omitempty"` // in the order of SecondaryPrivateIpAddresses, "" for none
	MacAddress         string         `json:"MacAddress"`
	SourceDestCheck    bool           `json:"SourceDestCheck"`
	Groups             []GroupRefView `json:"Groups"`
}

// GroupRefView is a security group of a network interface.
type GroupRefView struct {
	GroupID   string `json:"GroupId"`
	GroupName string `json:"GroupName"`
}

// PrefixListView is a prefix list. As at AWS, one of AWS's own has neither a version nor a maximum size.
type PrefixListView struct {
	PrefixListID   string   `json:"PrefixListId"`
	PrefixListName string   `json:"PrefixListName"`
	AddressFamily  string   `json:"AddressFamily"` // IPv4 or IPv6
	OwnerID        string   `json:"OwnerId"`       // AWS, or self
	State          string   `json:"State"`
	MaxEntries     int      `json:"MaxEntries,omitempty"`
	Version        int      `json:"Version,omitempty"`
	Cidrs          []string `json:"Cidrs"` // of the current version
}

// PrefixListEntries is what a version of a prefix list holds.
type PrefixListEntries struct {
	Entries []PrefixListEntryView `json:"Entries"`
}

// PrefixListEntryView is an entry of a prefix list.
type PrefixListEntryView struct {
	Cidr string `json:"Cidr"`
}

// InternetHostView is a host on the internet.
type InternetHostView struct {
	HostID      string `json:"HostId"`
	Name        string `json:"Name"`
	IPAddress   string `json:"IpAddress"`
	IPv6Address string `json:"Ipv6Address,omitempty"`
}
