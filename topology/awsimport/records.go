package awsimport

// The records are AWS's shapes, cut to the fields that matter to packets. The merge tag says what becomes of a field in which two
// copies of one object differ: "same" can't differ, as AWS never changes it; "any" may, as each account has its own; without a tag
// the richer copy's is taken, with a warning; of a "state" the later one is.

// Tag is a tag.
type Tag struct{ Key, Value string }

// CIDRAssociation is an IPv4 or IPv6 CIDR of a VPC, or an IPv6 CIDR of a subnet.
type CIDRAssociation struct {
	CidrBlock          string          `json:",omitempty"`
	Ipv6CidrBlock      string          `json:",omitempty"`
	CidrBlockState     AssociatedState `json:",omitzero"`
	Ipv6CidrBlockState AssociatedState `json:",omitzero"`
}

// AssociatedState is how far an association is.
type AssociatedState struct{ State string }

// Vpc is of describe-vpcs.
type Vpc struct {
	VpcId                       string
	CidrBlock                   string            `json:",omitempty" merge:"same"`
	CidrBlockAssociationSet     []CIDRAssociation `json:",omitempty"`
	Ipv6CidrBlockAssociationSet []CIDRAssociation `json:",omitempty"`
	OwnerId                     string            `json:",omitempty" merge:"same"`
	Tags                        []Tag             `json:",omitempty" merge:"any"`
}

// Subnet is of describe-subnets.
type Subnet struct {
	SubnetId                    string
	VpcId                       string            `merge:"same"`
	CidrBlock                   string            `json:",omitempty" merge:"same"`
	Ipv6CidrBlockAssociationSet []CIDRAssociation `json:",omitempty"`
	AvailabilityZone            string            `json:",omitempty" merge:"any"`
	AvailabilityZoneId          string            `json:",omitempty" merge:"same"`
	OwnerId                     string            `json:",omitempty" merge:"same"`
	SubnetArn                   string            `json:",omitempty" merge:"same"`
	Tags                        []Tag             `json:",omitempty" merge:"any"`
}

// RouteTable is of describe-route-tables.
type RouteTable struct {
	RouteTableId    string
	VpcId           string             `merge:"same"`
	Associations    []TableAssociation `json:",omitempty"`
	PropagatingVgws []struct{ GatewayId string }
	Routes          []Route `json:",omitempty"`
	OwnerId         string  `json:",omitempty" merge:"same"`
	Tags            []Tag   `json:",omitempty" merge:"any"`
}

// TableAssociation is of what uses a route table: the VPC (Main), a subnet or a gateway.
type TableAssociation struct {
	Main             bool            `json:",omitempty"`
	SubnetId         string          `json:",omitempty"`
	GatewayId        string          `json:",omitempty"`
	AssociationState AssociatedState `json:",omitzero"`
}

// Route is a route of a route table (API_Route).
type Route struct {
	DestinationCidrBlock        string `json:",omitempty"`
	DestinationIpv6CidrBlock    string `json:",omitempty"`
	DestinationPrefixListId     string `json:",omitempty"`
	GatewayId                   string `json:",omitempty"`
	NatGatewayId                string `json:",omitempty"`
	NetworkInterfaceId          string `json:",omitempty"`
	InstanceId                  string `json:",omitempty"`
	VpcPeeringConnectionId      string `json:",omitempty"`
	TransitGatewayId            string `json:",omitempty"`
	EgressOnlyInternetGatewayId string `json:",omitempty"`
	CarrierGatewayId            string `json:",omitempty"`
	LocalGatewayId              string `json:",omitempty"`
	CoreNetworkArn              string `json:",omitempty"`
	OdbNetworkArn               string `json:",omitempty"`
	State                       string `json:",omitempty"`
	Origin                      string `json:",omitempty"`
}

// GatewayAttachment is of a gateway to a VPC.
type GatewayAttachment struct{ VpcId, State string }

// InternetGateway is of describe-internet-gateways.
type InternetGateway struct {
	InternetGatewayId string
	Attachments       []GatewayAttachment `json:",omitempty"`
	OwnerId           string              `json:",omitempty" merge:"same"`
	Tags              []Tag               `json:",omitempty" merge:"any"`
}

// EgressOnlyInternetGateway is of describe-egress-only-internet-gateways.
type EgressOnlyInternetGateway struct {
	EgressOnlyInternetGatewayId string
	Attachments                 []GatewayAttachment `json:",omitempty"`
	Tags                        []Tag               `json:",omitempty" merge:"any"`
}

// VpnGateway is of describe-vpn-gateways: a virtual private gateway.
type VpnGateway struct {
	VpnGatewayId   string
	State          string              `json:",omitempty" merge:"state"`
	VpcAttachments []GatewayAttachment `json:",omitempty"`
	Tags           []Tag               `json:",omitempty" merge:"any"`
}

// NatGateway is of describe-nat-gateways.
type NatGateway struct {
	NatGatewayId        string
	State               string       `json:",omitempty" merge:"state"`
	VpcId               string       `json:",omitempty" merge:"same"`
	SubnetId            string       `json:",omitempty" merge:"same"`
	ConnectivityType    string       `json:",omitempty" merge:"same"`
	NatGatewayAddresses []NatAddress `json:",omitempty"`
	Tags                []Tag        `json:",omitempty" merge:"any"`
}

// NatAddress is an address of a NAT gateway.
type NatAddress struct {
	NetworkInterfaceId string `json:",omitempty"`
	PrivateIp          string `json:",omitempty"`
	PublicIp           string `json:",omitempty"`
	AllocationId       string `json:",omitempty"`
	IsPrimary          *bool  `json:",omitempty"`
	Status             string `json:",omitempty"`
}

// VpcEndpoint is of describe-vpc-endpoints.
type VpcEndpoint struct {
	VpcEndpointId       string
	VpcEndpointType     string                     `json:",omitempty" merge:"same"`
	ServiceName         string                     `json:",omitempty" merge:"same"`
	VpcId               string                     `json:",omitempty" merge:"same"`
	State               string                     `json:",omitempty" merge:"state"`
	RouteTableIds       []string                   `json:",omitempty"`
	SubnetIds           []string                   `json:",omitempty"`
	NetworkInterfaceIds []string                   `json:",omitempty"`
	Groups              []struct{ GroupId string } `json:",omitempty"`
	PolicyDocument      string                     `json:",omitempty"`
	OwnerId             string                     `json:",omitempty" merge:"same"`
	Tags                []Tag                      `json:",omitempty" merge:"any"`
}

// PrefixList is of describe-prefix-lists (with Cidrs) and describe-managed-prefix-lists (without).
type PrefixList struct {
	PrefixListId   string
	PrefixListName string   `json:",omitempty" merge:"same"`
	PrefixListArn  string   `json:",omitempty" merge:"same"`
	MaxEntries     int      `json:",omitempty"`
	Version        int      `json:",omitempty"`
	Cidrs          []string `json:",omitempty"`
	OwnerId        string   `json:",omitempty" merge:"same"`
	Tags           []Tag    `json:",omitempty" merge:"any"`
}

// PrefixListEntry is of get-managed-prefix-list-entries.
type PrefixListEntry struct{ Cidr string }

// NetworkInterface is of describe-network-interfaces, and of the interfaces in describe-instances.
type NetworkInterface struct {
	NetworkInterfaceId string
	SubnetId           string                         `json:",omitempty" merge:"same"`
	VpcId              string                         `json:",omitempty" merge:"same"`
	InterfaceType      string                         `json:",omitempty"`
	Description        string                         `json:",omitempty" merge:"any"`
	Groups             []struct{ GroupId string }     `json:",omitempty"`
	SourceDestCheck    *bool                          `json:",omitempty"`
	PrivateIpAddress   string                         `json:",omitempty"`
	PrivateIpAddresses []PrivateAddress               `json:",omitempty"`
	Ipv6Addresses      []struct{ Ipv6Address string } `json:",omitempty"`
	Ipv4Prefixes       []struct{ Ipv4Prefix string }  `json:",omitempty"`
	Ipv6Prefixes       []struct{ Ipv6Prefix string }  `json:",omitempty"`
	Association        PublicAssociation              `json:",omitzero"`
	Attachment         InterfaceAttachment            `json:",omitzero"`
	Status             string                         `json:",omitempty" merge:"any"`
	OwnerId            string                         `json:",omitempty" merge:"same"`
	TagSet             []Tag                          `json:",omitempty" merge:"any"`
}

// PrivateAddress is a private IPv4 address of a network interface.
type PrivateAddress struct {
	PrivateIpAddress string
	Primary          bool              `json:",omitempty"`
	Association      PublicAssociation `json:",omitzero"`
}

// PublicAssociation is the public IPv4 address of a private one.
type PublicAssociation struct {
	PublicIp string `json:",omitempty"`
}

// InterfaceAttachment is of a network interface to an instance.
type InterfaceAttachment struct {
	InstanceId  string `json:",omitempty"`
	DeviceIndex int    `json:",omitempty"`
	Status      string `json:",omitempty"`
}

// Reservation is of describe-instances: instances that were launched together.
type Reservation struct {
	Instances []Instance
}

// Instance is an instance.
type Instance struct {
	InstanceId        string
	State             struct{ Name string } `json:",omitzero" merge:"state"`
	VpcId             string                `json:",omitempty" merge:"same"`
	NetworkInterfaces []NetworkInterface    `json:",omitempty" merge:"any"`
	Tags              []Tag                 `json:",omitempty" merge:"any"`
}

// SecurityGroup is of describe-security-groups.
type SecurityGroup struct {
	GroupId             string
	GroupName           string         `json:",omitempty" merge:"same"`
	Description         string         `json:",omitempty" merge:"any"`
	VpcId               string         `json:",omitempty" merge:"same"`
	IpPermissions       []IpPermission `json:",omitempty"`
	IpPermissionsEgress []IpPermission `json:",omitempty"`
	OwnerId             string         `json:",omitempty" merge:"same"`
	Tags                []Tag          `json:",omitempty" merge:"any"`
}

// IpPermission is what the rules of a security group have in common that differ only in the other side. Of ICMP the ports are type
// and code; -1 stands for all.
type IpPermission struct {
	IpProtocol       string
	FromPort         *int                            `json:",omitempty"`
	ToPort           *int                            `json:",omitempty"`
	IpRanges         []struct{ CidrIp string }       `json:",omitempty"`
	Ipv6Ranges       []struct{ CidrIpv6 string }     `json:",omitempty"`
	UserIdGroupPairs []GroupPair                     `json:",omitempty"`
	PrefixListIds    []struct{ PrefixListId string } `json:",omitempty"`
}

// GroupPair is a security group as the other side of a rule.
type GroupPair struct {
	GroupId       string
	PeeringStatus string `json:",omitempty"` // of the peering connection by which it is in another VPC
}

// NetworkAcl is of describe-network-acls.
type NetworkAcl struct {
	NetworkAclId string
	VpcId        string                      `json:",omitempty" merge:"same"`
	IsDefault    bool                        `json:",omitempty"`
	Associations []struct{ SubnetId string } `json:",omitempty"`
	Entries      []NetworkAclEntry           `json:",omitempty"`
	OwnerId      string                      `json:",omitempty" merge:"same"`
	Tags         []Tag                       `json:",omitempty" merge:"any"`
}

// NetworkAclEntry is an entry of a network ACL.
type NetworkAclEntry struct {
	Egress        bool `json:",omitempty"`
	RuleNumber    int
	RuleAction    string
	Protocol      string
	CidrBlock     string                    `json:",omitempty"`
	Ipv6CidrBlock string                    `json:",omitempty"`
	PortRange     *struct{ From, To int }   `json:",omitempty"`
	IcmpTypeCode  *struct{ Type, Code int } `json:",omitempty"`
}

// VpcPeeringConnection is of describe-vpc-peering-connections.
type VpcPeeringConnection struct {
	VpcPeeringConnectionId string
	Status                 struct{ Code string } `json:",omitzero" merge:"state"`
	RequesterVpcInfo       PeeringSide           `json:",omitzero"`
	AccepterVpcInfo        PeeringSide           `json:",omitzero"`
	Tags                   []Tag                 `json:",omitempty" merge:"any"`
}

// PeeringSide is one of the VPCs of a peering connection.
type PeeringSide struct {
	VpcId   string `json:",omitempty" merge:"same"`
	Region  string `json:",omitempty" merge:"same"`
	OwnerId string `json:",omitempty" merge:"same"`
}

// Address is of describe-addresses: an Elastic IP address.
type Address struct {
	PublicIp           string `json:",omitempty"`
	CarrierIp          string `json:",omitempty"` // of a Wavelength Zone, in place of a public one
	CustomerOwnedIp    string `json:",omitempty"` // of an Outpost
	AllocationId       string `json:",omitempty"`
	NetworkInterfaceId string `json:",omitempty"`
	PrivateIpAddress   string `json:",omitempty"`
}
