package control

import "vpcsim/topology"

// Change is one change to a running VPC, as written in a scenario's timeline and as sent to a standing lab. Exactly one field
// is set. The doc tags describe the fields in the published schema.
type Change struct {
	CreateEndpoint *CreateEndpoint `yaml:"create_endpoint" json:"CreateVpcEndpoint,omitempty" doc:"create a gateway endpoint"`
	ModifyEndpoint *ModifyEndpoint `yaml:"modify_endpoint" json:"ModifyVpcEndpoint,omitempty" doc:"add an endpoint to route tables or remove it from them, or replace its policy"`
	DeleteEndpoint *DeleteEndpoint `yaml:"delete_endpoint" json:"DeleteVpcEndpoints,omitempty" doc:"delete a gateway endpoint"`
	CreateRoute    *RouteChange    `yaml:"create_route" json:"CreateRoute,omitempty" doc:"add a route to a route table"`
	ReplaceRoute   *RouteChange    `yaml:"replace_route" json:"ReplaceRoute,omitempty" doc:"give an existing route another target"`
	DeleteRoute    *RouteChange    `yaml:"delete_route" json:"DeleteRoute,omitempty" doc:"remove a route"`
	BlackholeRoute *RouteChange    `yaml:"blackhole_route" json:"BlackholeRoute,omitempty" doc:"the target of a route becomes unavailable; the route stays and drops"`
	PrefixList     *PrefixList     `yaml:"modify_prefix_list" json:"ModifyManagedPrefixList,omitempty" doc:"change the entries of a prefix list, AWS-managed ones included (AWS does), or its maximum size"`
	RestoreList    *RestoreList    `yaml:"restore_prefix_list" json:"RestoreManagedPrefixListVersion,omitempty" doc:"give a prefix list the entries of an earlier version again, as a new version"`

	PutBucketPolicy    *PutBucketPolicy    `yaml:"put_bucket_policy" json:"PutBucketPolicy,omitempty" doc:"give a bucket of the topology another policy"`
	DeleteBucketPolicy *DeleteBucketPolicy `yaml:"delete_bucket_policy" json:"DeleteBucketPolicy,omitempty" doc:"take a bucket's policy away"`

	MainRouteTable     *MainRouteTable     `yaml:"replace_main_route_table" json:"ReplaceRouteTableAssociation,omitempty" doc:"make another route table the main one"`
	SubnetRouteTable   *SubnetRouteTable   `yaml:"associate_route_table" json:"AssociateRouteTable,omitempty" doc:"associate a subnet with a route table, or with the main one again"`
	AssociateAddress   *AssociateAddress   `yaml:"associate_address" json:"AssociateAddress,omitempty" doc:"give an instance another public IP address, or none"`
	SecurityGroupRules *SecurityGroupRules `yaml:"modify_security_group" json:"ModifySecurityGroupRules,omitempty" doc:"replace the rules of a security group"`
	InstanceGroups     *InstanceGroups     `yaml:"modify_instance_groups" json:"ModifyNetworkInterfaceAttribute,omitempty" doc:"replace the security groups of an instance"`
	NetworkACLEntries  *NetworkACLEntries  `yaml:"modify_network_acl" json:"ReplaceNetworkAclEntry,omitempty" doc:"replace the entries of a network ACL"`
	SubnetNetworkACL   *SubnetNetworkACL   `yaml:"associate_network_acl" json:"ReplaceNetworkAclAssociation,omitempty" doc:"associate a subnet with a network ACL"`
	CreateNATGateway   *CreateNATGateway   `yaml:"create_nat_gateway" json:"CreateNatGateway,omitempty" doc:"create a NAT gateway"`
	DeleteNATGateway   *DeleteNATGateway   `yaml:"delete_nat_gateway" json:"DeleteNatGateway,omitempty" doc:"delete a NAT gateway; routes to it become blackholes"`
	CreatePeering      *CreatePeering      `yaml:"create_peering" json:"CreateVpcPeeringConnection,omitempty" doc:"create a VPC peering connection, accepted at once"`
	DeletePeering      *DeletePeering      `yaml:"delete_peering" json:"DeleteVpcPeeringConnection,omitempty" doc:"delete a VPC peering connection; routes to it become blackholes"`
}

// CreateEndpoint creates a gateway endpoint.
type CreateEndpoint struct {
	VPC         string   `yaml:"vpc" json:"Vpc,omitempty" doc:"name of the VPC; may be left out if there is only one"`
	Name        string   `yaml:"name" json:"Name" doc:"name of the endpoint"`
	Service     string   `yaml:"service" json:"ServiceName" doc:"s3, or com.amazonaws.REGION.s3"`
	RouteTables []string `yaml:"route_tables" json:"RouteTables" doc:"names of the route tables that receive the route"`
	Policy      any      `yaml:"policy" json:"PolicyDocument,omitempty" doc:"endpoint policy, as YAML or as text in JSON (default: AWS's, which allows everything)"`
}

// ModifyEndpoint adds an endpoint to route tables and removes it from others, and gives it another policy.
type ModifyEndpoint struct {
	VPC    string   `yaml:"vpc" json:"Vpc,omitempty" doc:"name of the VPC; may be left out if there is only one"`
	Name   string   `yaml:"name" json:"Name" doc:"name of the endpoint"`
	Add    []string `yaml:"add_route_tables" json:"AddRouteTables,omitempty" doc:"names of route tables"`
	Remove []string `yaml:"remove_route_tables" json:"RemoveRouteTables,omitempty" doc:"names of route tables"`
	Policy any      `yaml:"policy" json:"PolicyDocument,omitempty" doc:"endpoint policy in place of the one there is, as YAML or as text in JSON; open connections stay, and their next request is judged by it"`
	Reset  bool     `yaml:"reset_policy" json:"ResetPolicy,omitempty" doc:"true for AWS's default policy, which allows everything"`
}

// DeleteEndpoint deletes a gateway endpoint.
type DeleteEndpoint struct {
	VPC  string `yaml:"vpc" json:"Vpc,omitempty" doc:"name of the VPC; may be left out if there is only one"`
	Name string `yaml:"name" json:"Name" doc:"name of the endpoint"`
}

// RouteChange creates, replaces, removes or blackholes a route.
type RouteChange struct {
	VPC         string `yaml:"vpc" json:"Vpc,omitempty" doc:"name of the VPC; may be left out if there is only one"`
	RouteTable  string `yaml:"route_table" json:"RouteTable" doc:"name of the route table"`
	Destination string `yaml:"destination" json:"Destination" doc:"IPv4 or IPv6 CIDR, or the id or name of a prefix list"`
	Target      string `yaml:"target" json:"Target,omitempty" doc:"name of the target (create and replace)"`
}

// PrefixList changes a prefix list.
type PrefixList struct {
	Name                    string `yaml:"name" json:"PrefixList" doc:"id or name of the prefix list"`
	topology.PrefixListEdit `yaml:",inline"`
}

// RestoreList restores a version of a customer's prefix list.
type RestoreList struct {
	Name            string `yaml:"name" json:"PrefixList" doc:"id or name of the prefix list"`
	PreviousVersion int    `yaml:"previous_version" json:"PreviousVersion" doc:"the version to restore"`
	CurrentVersion  int    `yaml:"current_version" json:"CurrentVersion,omitempty" doc:"the version that is taken for the current one: if it is not, nothing is changed (default: whichever is current; AWS asks for it)"`
}

// PutBucketPolicy gives a bucket another policy.
type PutBucketPolicy struct {
	Bucket string `yaml:"bucket" json:"Bucket" doc:"name of the bucket"`
	Policy any    `yaml:"policy" json:"Policy" doc:"bucket policy, as YAML or as text in JSON; open connections stay, and their next request is judged by it"`
}

// DeleteBucketPolicy takes a bucket's policy away.
type DeleteBucketPolicy struct {
	Bucket string `yaml:"bucket" json:"Bucket" doc:"name of the bucket"`
}

// MainRouteTable makes another route table the VPC's main one.
type MainRouteTable struct {
	VPC        string `yaml:"vpc" json:"Vpc,omitempty" doc:"name of the VPC; may be left out if there is only one"`
	RouteTable string `yaml:"route_table" json:"RouteTable" doc:"name of the route table"`
}

// SubnetRouteTable associates a subnet with a route table.
type SubnetRouteTable struct {
	VPC        string `yaml:"vpc" json:"Vpc,omitempty" doc:"name of the VPC; may be left out if there is only one"`
	Subnet     string `yaml:"subnet" json:"Subnet" doc:"name of the subnet"`
	RouteTable string `yaml:"route_table" json:"RouteTable,omitempty" doc:"name of the route table; none for the main one"`
}

// AssociateAddress gives an instance's primary interface another public address.
type AssociateAddress struct {
	VPC      string `yaml:"vpc" json:"Vpc,omitempty" doc:"name of the VPC; may be left out if there is only one"`
	Instance string `yaml:"instance" json:"Instance" doc:"name of the instance"`
	PublicIP string `yaml:"public_ip" json:"PublicIp,omitempty" doc:"public IPv4 address; auto for one chosen by the simulator; none for no address"`
}

// SecurityGroupRules replaces the rules of a security group. A list that is left out stays as it is.
type SecurityGroupRules struct {
	VPC           string              `yaml:"vpc" json:"Vpc,omitempty" doc:"name of the VPC; may be left out if there is only one"`
	SecurityGroup string              `yaml:"security_group" json:"SecurityGroup" doc:"name of the security group"`
	Ingress       []topology.RuleSpec `yaml:"ingress" json:"Ingress" doc:"inbound rules; [] for none; left out, they stay"`
	Egress        []topology.RuleSpec `yaml:"egress" json:"Egress" doc:"outbound rules; [] for none; left out, they stay"`
}

// InstanceGroups replaces the security groups of an instance's primary interface.
type InstanceGroups struct {
	VPC            string   `yaml:"vpc" json:"Vpc,omitempty" doc:"name of the VPC; may be left out if there is only one"`
	Instance       string   `yaml:"instance" json:"Instance" doc:"name of the instance"`
	SecurityGroups []string `yaml:"security_groups" json:"Groups" doc:"names of security groups"`
}

// NetworkACLEntries replaces the entries of a network ACL. A list that is left out stays as it is.
type NetworkACLEntries struct {
	VPC        string                  `yaml:"vpc" json:"Vpc,omitempty" doc:"name of the VPC; may be left out if there is only one"`
	NetworkACL string                  `yaml:"network_acl" json:"NetworkAcl" doc:"name of the network ACL"`
	Ingress    []topology.ACLEntrySpec `yaml:"ingress" json:"Ingress" doc:"inbound entries; [] for none; left out, they stay"`
	Egress     []topology.ACLEntrySpec `yaml:"egress" json:"Egress" doc:"outbound entries; [] for none; left out, they stay"`
}

// SubnetNetworkACL associates a subnet with a network ACL.
type SubnetNetworkACL struct {
	VPC        string `yaml:"vpc" json:"Vpc,omitempty" doc:"name of the VPC; may be left out if there is only one"`
	Subnet     string `yaml:"subnet" json:"Subnet" doc:"name of the subnet"`
	NetworkACL string `yaml:"network_acl" json:"NetworkAcl" doc:"name of the network ACL; none for the default one"`
}

// CreateNATGateway creates a NAT gateway.
type CreateNATGateway struct {
	VPC      string `yaml:"vpc" json:"Vpc,omitempty" doc:"name of the VPC; may be left out if there is only one"`
	Name     string `yaml:"name" json:"Name" doc:"name of the NAT gateway"`
	Subnet   string `yaml:"subnet" json:"Subnet" doc:"name of the subnet"`
	Private  bool   `yaml:"private" json:"Private,omitempty" doc:"true for a private NAT gateway"`
	PublicIP string `yaml:"public_ip" json:"PublicIp,omitempty" doc:"Elastic IP address (default: one chosen by the simulator)"`
}

// DeleteNATGateway deletes a NAT gateway.
type DeleteNATGateway struct {
	VPC  string `yaml:"vpc" json:"Vpc,omitempty" doc:"name of the VPC; may be left out if there is only one"`
	Name string `yaml:"name" json:"Name" doc:"name of the NAT gateway"`
}

// CreatePeering creates a VPC peering connection.
type CreatePeering struct {
	Name      string `yaml:"name" json:"Name" doc:"name of the peering connection"`
	Requester string `yaml:"requester" json:"Requester" doc:"name of a VPC"`
	Accepter  string `yaml:"accepter" json:"Accepter" doc:"name of a VPC"`
}

// DeletePeering deletes a VPC peering connection.
type DeletePeering struct {
	Name string `yaml:"name" json:"Name" doc:"name of the peering connection"`
}
