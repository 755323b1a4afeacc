package topology

// Spec is a topology file as written. Its keys are the YAML keys; maps are keyed by the user's friendly names, which
// become Name tags, and from which the stable AWS-style ids are derived ([Network]).
//
// The doc tag of a field is its description in the published JSON schema ([Schema]), the enum tag the only texts it takes,
// and the required tag says that leaving it out is always wrong.
type Spec struct {
	Name        string                    `yaml:"name" doc:"name of the lab; letters, digits and dashes"`
	Region      string                    `yaml:"region" doc:"AWS region, for example us-east-1" required:"true"`
	Preset      string                    `yaml:"preset" doc:"which facts of AWS apply: launch2015, capture2018 or current (default)" enum:"launch2015,capture2018,current"`
	VPCs        map[string]VPCSpec        `yaml:"vpcs" doc:"the VPCs by name" required:"true"`
	Peerings    map[string]PeeringSpec    `yaml:"peerings" doc:"VPC peering connections by name"`
	PrefixLists map[string]PrefixListSpec `yaml:"prefix_lists" doc:"customer-managed prefix lists by name, or replaced contents of an AWS-managed one by its id or name"`
	Internet    InternetSpec              `yaml:"internet" doc:"what lies beyond the internet gateways"`
	S3          S3Spec                    `yaml:"s3" doc:"the simulated Amazon S3 service"`
}

// VPCSpec is one VPC. A name is unique among the things of its VPC that a route may name as its target.
type VPCSpec struct {
	CIDR            string                       `yaml:"cidr" doc:"the primary IPv4 CIDR, /16 to /28" required:"true"`
	SecondaryCIDRs  []string                     `yaml:"secondary_cidrs" doc:"further IPv4 CIDRs"`
	InternetGateway string                       `yaml:"internet_gateway" doc:"name of the attached internet gateway; none if left out"`
	Subnets         map[string]SubnetSpec        `yaml:"subnets" doc:"subnets by name"`
	RouteTables     map[string]RouteTableSpec    `yaml:"route_tables" doc:"route tables by name; a main table with only the local route is added if none is marked main"`
	Endpoints       map[string]EndpointSpec      `yaml:"endpoints" doc:"gateway endpoints by name"`
	NATGateways     map[string]NATGatewaySpec    `yaml:"nat_gateways" doc:"NAT gateways by name"`
	SecurityGroups  map[string]SecurityGroupSpec `yaml:"security_groups" doc:"security groups by name"`
	NetworkACLs     map[string]NetworkACLSpec    `yaml:"network_acls" doc:"network ACLs by name"`
	Instances       map[string]InstanceSpec      `yaml:"instances" doc:"instances by name"`
}

// SubnetSpec is one subnet.
type SubnetSpec struct {
	CIDR       string `yaml:"cidr" doc:"IPv4 CIDR inside the VPC, /16 to /28" required:"true"`
	AZ         string `yaml:"az" doc:"Availability Zone (default: the region's first)"`
	RouteTable string `yaml:"route_table" doc:"explicitly associated route table (default: the VPC's main table)"`
	NetworkACL string `yaml:"network_acl" doc:"associated network ACL (default: the VPC's default ACL, which allows everything)"`
}

// RouteTableSpec is one route table. The local routes are implied and may not be written.
type RouteTableSpec struct {
	Main   bool        `yaml:"main" doc:"true for the VPC's main route table"`
	Routes []RouteSpec `yaml:"routes" doc:"the static routes; endpoint routes come from the endpoint"`
}

// RouteSpec is one static route.
type RouteSpec struct {
	Destination string `yaml:"destination" doc:"IPv4 CIDR, or the id or name of a prefix list" required:"true"`
	Target      string `yaml:"target" doc:"name of the internet gateway" required:"true"`
	State       string `yaml:"state" doc:"active (default), or blackhole if the target is no longer available" enum:"active,blackhole"`
}

// EndpointSpec is one gateway endpoint.
type EndpointSpec struct {
	Service     string   `yaml:"service" doc:"s3, or the full name com.amazonaws.REGION.s3" required:"true"`
	RouteTables []string `yaml:"route_tables" doc:"route tables that receive the route to the endpoint; may be empty"`
	Policy      any      `yaml:"policy" doc:"endpoint policy document"`
}

// InstanceSpec is one instance. An instance with one network interface may write its fields directly; with several it
// lists them, the first being the primary one.
type InstanceSpec struct {
	InterfaceSpec `yaml:",inline"`
	Interfaces    []InterfaceSpec `yaml:"interfaces" doc:"network interfaces, if there is more than one; the first is the primary"`
}

// InterfaceSpec is one network interface.
type InterfaceSpec struct {
	Subnet             string   `yaml:"subnet" doc:"name of the subnet"`
	Address            string   `yaml:"address" doc:"private IPv4 address (default: the next free one of the subnet)"`
	SecondaryAddresses []string `yaml:"secondary_addresses" doc:"secondary private IPv4 addresses"`
	PublicIP           string   `yaml:"public_ip" doc:"public IPv4 address mapped to the primary private address by the internet gateway; auto for one chosen by the simulator"`
	SourceDestCheck    *bool    `yaml:"source_dest_check" doc:"false lets the interface send and receive packets that are not its own (default true)"`
	SecurityGroups     []string `yaml:"security_groups" doc:"names of security groups"`
}

// PrefixListSpec is the contents of a prefix list.
type PrefixListSpec struct {
	Entries    []string `yaml:"entries" doc:"IPv4 CIDRs"`
	MaxEntries int      `yaml:"max_entries" doc:"maximum size, which is what counts against the route quota (default: the number of entries)"`
}

// InternetSpec is what the internet consists of.
type InternetSpec struct {
	Hosts map[string]HostSpec `yaml:"hosts" doc:"internet hosts by name"`
}

// HostSpec is one host on the internet.
type HostSpec struct {
	Address string `yaml:"address" doc:"public IPv4 address" required:"true"`
}

// S3Spec is the simulated S3 service.
type S3Spec struct {
	Buckets map[string]BucketSpec `yaml:"buckets" doc:"buckets by name"`
}

// BucketSpec is one bucket of the lab's region.
type BucketSpec struct {
	Objects map[string]string `yaml:"objects" doc:"objects by key, with their contents; a value like 'size:1MiB' makes an object of that many bytes"`
	Policy  any               `yaml:"policy" doc:"bucket policy document"`
}

// PeeringSpec is a VPC peering connection.
type PeeringSpec struct {
	Requester string `yaml:"requester" doc:"name of a VPC"`
	Accepter  string `yaml:"accepter" doc:"name of a VPC"`
}

// NATGatewaySpec is a NAT gateway.
type NATGatewaySpec struct {
	Subnet   string `yaml:"subnet" doc:"name of the subnet"`
	PublicIP string `yaml:"public_ip" doc:"Elastic IP"`
	Private  bool   `yaml:"private" doc:"true for a private NAT gateway"`
}

// SecurityGroupSpec is a security group.
type SecurityGroupSpec struct {
	Ingress []RuleSpec `yaml:"ingress" doc:"inbound rules"`
	Egress  []RuleSpec `yaml:"egress" doc:"outbound rules"`
}

// NetworkACLSpec is a network ACL.
type NetworkACLSpec struct {
	Ingress []RuleSpec `yaml:"ingress" doc:"inbound rules"`
	Egress  []RuleSpec `yaml:"egress" doc:"outbound rules"`
}

// RuleSpec is one rule of a security group or a network ACL.
type RuleSpec struct {
	Number   int    `yaml:"number" doc:"rule number (network ACLs)"`
	Action   string `yaml:"action" doc:"allow or deny (network ACLs)"`
	Protocol string `yaml:"protocol" doc:"tcp, udp, icmp, a number, or all"`
	Ports    string `yaml:"ports" doc:"port or range, for example 443 or 1024-65535"`
	Peer     string `yaml:"peer" doc:"CIDR, prefix list or security group"`
}
