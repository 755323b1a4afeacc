package topology

import "time"

// Spec is a topology file as written. Its keys are the YAML keys; maps are keyed by the user's friendly names, which
// become Name tags, and from which the stable AWS-style ids are derived ([Network]).
//
// The doc tag of a field is its description in the published JSON schema ([Schema]), the enum tag the only texts it takes,
// and the required tag says that leaving it out is always wrong.
type Spec struct {
	Name     string                 `yaml:"name" doc:"name of the lab; letters, digits and dashes"`
	Region   string                 `yaml:"region" doc:"AWS region, for example us-east-1; the VPCs' unless they name another, and that of the buckets" required:"true"`
	Preset   string                 `yaml:"preset" doc:"which facts of AWS apply: launch2015, capture2018 or current (default)" enum:"launch2015,capture2018,current"`
	Quotas   string                 `yaml:"quotas" doc:"enforced (default): AWS's quotas at their default values hold; raised: none is checked, as an account's own may have been raised" enum:"enforced,raised"`
	VPCs     map[string]VPCSpec     `yaml:"vpcs" doc:"the VPCs by name" required:"true"`
	Peerings map[string]PeeringSpec `yaml:"peerings" doc:"VPC peering connections by name"`

	TransitGateways map[string]TransitGatewaySpec `yaml:"transit_gateways" doc:"transit gateways by name"`

	PrefixLists map[string]PrefixListSpec `yaml:"prefix_lists" doc:"customer-managed prefix lists by name, or replaced contents of an AWS-managed one by its id or name"`
	Internet    InternetSpec              `yaml:"internet" doc:"what lies beyond the internet gateways"`
	S3          S3Spec                    `yaml:"s3" doc:"the simulated Amazon S3 service"`
	IAM         IAMSpec                   `yaml:"iam" doc:"the AWS account's users and roles, who may sign requests to S3; without any, a bucket that has no policy is open to everybody, which AWS never is"`
}

// VPCSpec is one VPC. A name is unique among the things of its VPC that a route may name as its target.
type VPCSpec struct {
	ID                string                       `yaml:"id" doc:"AWS id, vpc-…; if left out, the name if it has that form, else one made from it"`
	Region            string                       `yaml:"region" doc:"AWS region (default: the file's)"`
	CIDR              string                       `yaml:"cidr" doc:"the primary IPv4 CIDR, /16 to /28" required:"true"`
	SecondaryCIDRs    []string                     `yaml:"secondary_cidrs" doc:"further IPv4 CIDRs"`
	IPv6CIDR          string                       `yaml:"ipv6_cidr" doc:"the IPv6 CIDR, a /56; none if left out"`
	InternetGateway   string                       `yaml:"internet_gateway" doc:"name of the attached internet gateway; none if left out"`
	InternetGatewayID string                       `yaml:"internet_gateway_id" doc:"AWS id of the internet gateway, igw-…; made from the name if left out"`
	EgressOnlyGateway string                       `yaml:"egress_only_internet_gateway" doc:"name of the egress-only internet gateway, which is for IPv6; none if left out"`
	EgressOnlyID      string                       `yaml:"egress_only_internet_gateway_id" doc:"AWS id of the egress-only internet gateway, eigw-…; made from the name if left out"`
	EdgeRouteTable    string                       `yaml:"edge_route_table" doc:"route table associated with the internet gateway itself: it decides where what comes in from the internet goes (gateway route table)"`
	Subnets           map[string]SubnetSpec        `yaml:"subnets" doc:"subnets by name"`
	RouteTables       map[string]RouteTableSpec    `yaml:"route_tables" doc:"route tables by name; a main table with only the local route is added if none is marked main"`
	Endpoints         map[string]EndpointSpec      `yaml:"endpoints" doc:"gateway endpoints by name"`
	NATGateways       map[string]NATGatewaySpec    `yaml:"nat_gateways" doc:"NAT gateways by name"`
	SecurityGroups    map[string]SecurityGroupSpec `yaml:"security_groups" doc:"security groups by name"`
	NetworkACLs       map[string]NetworkACLSpec    `yaml:"network_acls" doc:"network ACLs by name"`
	Instances         map[string]InstanceSpec      `yaml:"instances" doc:"instances by name"`

	NetworkInterfaces map[string]NetworkInterfaceSpec `yaml:"network_interfaces" doc:"network interfaces without an instance, by name: those of load balancers, interface endpoints and other services"`
	OutsideGateways   []string                        `yaml:"outside_gateways" doc:"names or ids of route targets that the simulator does not follow, for example a virtual private gateway: a route to one wins and drops with UNSUPPORTED_COMPONENT"`

	EnableDNSSupport   *bool           `yaml:"enable_dns_support" doc:"false: the VPC has no resolver (default true)"`
	EnableDNSHostnames *bool           `yaml:"enable_dns_hostnames" doc:"true: the resolver knows the DNS names of instances, and those with a public IP address have public ones (default false, as of a VPC that is not AWS's default one)"`
	DHCPOptions        DHCPOptionsSpec `yaml:"dhcp_options" doc:"what instances learn by DHCP; AWS's default set if left out"`
}

// SubnetSpec is one subnet.
type SubnetSpec struct {
	ID         string `yaml:"id" doc:"AWS id, subnet-…; if left out, the name if it has that form, else one made from it"`
	CIDR       string `yaml:"cidr" doc:"IPv4 CIDR inside the VPC, /16 to /28" required:"true"`
	IPv6CIDR   string `yaml:"ipv6_cidr" doc:"IPv6 CIDR inside the VPC's, a /64; none if left out"`
	AZ         string `yaml:"az" doc:"Availability Zone (default: the region's first)"`
	RouteTable string `yaml:"route_table" doc:"explicitly associated route table (default: the VPC's main table)"`
	NetworkACL string `yaml:"network_acl" doc:"associated network ACL (default: the VPC's default ACL)"`
}

// RouteTableSpec is one route table. The local routes are implied and may not be written.
type RouteTableSpec struct {
	ID     string      `yaml:"id" doc:"AWS id, rtb-…; if left out, the name if it has that form, else one made from it"`
	Main   bool        `yaml:"main" doc:"true for the VPC's main route table"`
	Routes []RouteSpec `yaml:"routes" doc:"the static routes; endpoint routes come from the endpoint"`
}

// RouteSpec is one static route.
type RouteSpec struct {
	Destination string `yaml:"destination" doc:"IPv4 or IPv6 CIDR, or the id or name of a prefix list" required:"true"`
	Target      string `yaml:"target" doc:"name of an internet gateway, egress-only internet gateway, NAT gateway, peering connection, transit gateway, network interface or instance (its primary network interface; INSTANCE/1 is its second one)" required:"true"`
	Propagated  bool   `yaml:"propagated" doc:"true for a route that a virtual private gateway propagated: static routes and prefix lists win over it at the same destination"`
	State       string `yaml:"state" doc:"active (default), or blackhole if the target is no longer available" enum:"active,blackhole"`
}

// EndpointSpec is one gateway endpoint.
type EndpointSpec struct {
	ID          string   `yaml:"id" doc:"AWS id, vpce-…; if left out, the name if it has that form, else one made from it"`
	Service     string   `yaml:"service" doc:"s3, or the full name com.amazonaws.REGION.s3" required:"true"`
	RouteTables []string `yaml:"route_tables" doc:"route tables that receive the route to the endpoint; may be empty"`
	Policy      any      `yaml:"policy" doc:"endpoint policy document"`
}

// InstanceSpec is one instance. An instance with one network interface may write its fields directly; with several it
// lists them, the first being the primary one.
type InstanceSpec struct {
	ID            string `yaml:"id" doc:"AWS id, i-…; if left out, the name if it has that form, else one made from it"`
	InterfaceSpec `yaml:",inline"`
	Interfaces    []InterfaceSpec `yaml:"interfaces" doc:"network interfaces, if there is more than one; the first is the primary"`
	MetadataSpec  `yaml:",inline"`
}

// InterfaceSpec is one network interface.
type InterfaceSpec struct {
	InterfaceID        string   `yaml:"interface_id" doc:"AWS id, eni-…; made from the name and the number of the interface if left out"`
	Subnet             string   `yaml:"subnet" doc:"name of the subnet"`
	Address            string   `yaml:"address" doc:"private IPv4 address (default auto: the next free one of the subnet)"`
	SecondaryAddresses []string `yaml:"secondary_addresses" doc:"secondary private IPv4 addresses"`
	IPv6Addresses      []string `yaml:"ipv6_addresses" doc:"IPv6 addresses of the subnet; auto for the next free one"`
	PublicIP           string   `yaml:"public_ip" doc:"public IPv4 address mapped to the primary private address by the internet gateway; auto for one chosen by the simulator"`
	SecondaryPublicIPs []string `yaml:"secondary_public_ips" doc:"Elastic IPs of the secondary private addresses, in their order; none for one that has none, auto for one chosen by the simulator"`
	SourceDestCheck    *bool    `yaml:"source_dest_check" doc:"false lets the interface send and receive packets that are not its own (default true)"`
	SecurityGroups     []string `yaml:"security_groups" doc:"names of security groups (default: the VPC's default group); an empty list, of an interface without an instance, for none: nothing is filtered there then"`

	ConnectionTracking ConnectionTrackingSpec `yaml:"connection_tracking" doc:"idle time-outs of tracked connections"`
}

// NetworkInterfaceSpec is a network interface without an instance. Of an interface endpoint (type vpc_endpoint) TCP port 443 is
// known to answer; of all others nobody is.
type NetworkInterfaceSpec struct {
	InterfaceSpec `yaml:",inline"`
	Type          string `yaml:"type" doc:"InterfaceType as AWS names it, for example vpc_endpoint or network_load_balancer (default interface)"`
	Description   string `yaml:"description" doc:"for people"`
}

// PrefixListSpec is the contents of a prefix list. A file has the latest version of them only.
type PrefixListSpec struct {
	ID         string   `yaml:"id" doc:"AWS id, pl-…; if left out, the name if it has that form, else one made from it"`
	Entries    []string `yaml:"entries" doc:"CIDRs, all of one IP version"`
	Family     string   `yaml:"address_family" doc:"IPv4 or IPv6: which version the entries are, and stay (default: what they are, and IPv4 if there are none)"`
	MaxEntries int      `yaml:"max_entries" doc:"maximum size, which is what counts against the route quota (default: the number of entries)"`
	Version    int      `yaml:"version" doc:"which version of the list the entries are (default 1); each change of them makes the next one"`

	Past PrefixListPast `yaml:"-"`
}

// InternetSpec is what the internet consists of.
type InternetSpec struct {
	Hosts map[string]HostSpec `yaml:"hosts" doc:"internet hosts by name"`
}

// HostSpec is one host on the internet.
type HostSpec struct {
	Address     string `yaml:"address" doc:"public IPv4 address" required:"true"`
	IPv6Address string `yaml:"ipv6_address" doc:"public IPv6 address; none if left out"`
}

// ConnectionTrackingSpec is the idle time-outs of an interface's connections (aws-semantics 6.3).
type ConnectionTrackingSpec struct {
	Nitro          string        `yaml:"nitro" doc:"generation of the instance's Nitro system, which decides the default: v6 means 350s for established TCP, anything before it 432000s" enum:"v5,v6"`
	TCPEstablished time.Duration `yaml:"tcp_established" doc:"60s to 432000s"`
	UDPStream      time.Duration `yaml:"udp_stream" doc:"of UDP with more than one request and one response; 60s to 180s (default 180s)"`
	UDP            time.Duration `yaml:"udp" doc:"of UDP in one direction or with one request and one response; 30s to 60s (default 30s)"`
}

// PeeringSpec is a VPC peering connection. Routes of both VPCs may name it as their target.
type PeeringSpec struct {
	ID        string `yaml:"id" doc:"AWS id, pcx-…; if left out, the name if it has that form, else one made from it"`
	Requester string `yaml:"requester" doc:"name of a VPC" required:"true"`
	Accepter  string `yaml:"accepter" doc:"name of a VPC" required:"true"`
}

// NATGatewaySpec is a NAT gateway.
type NATGatewaySpec struct {
	ID                 string        `yaml:"id" doc:"AWS id, nat-…; if left out, the name if it has that form, else one made from it"`
	InterfaceID        string        `yaml:"interface_id" doc:"AWS id of its network interface, eni-…; made from the name if left out"`
	Subnet             string        `yaml:"subnet" doc:"name of the subnet it stands in" required:"true"`
	Private            bool          `yaml:"private" doc:"true for a private NAT gateway, which has no Elastic IP address"`
	Address            string        `yaml:"address" doc:"primary private IPv4 address (default auto: the next free one of the subnet)"`
	SecondaryAddresses []string      `yaml:"secondary_addresses" doc:"secondary private IPv4 addresses, up to 7; auto for the next free one"`
	PublicIP           string        `yaml:"public_ip" doc:"Elastic IP of the primary address (default auto)"`
	SecondaryPublicIPs []string      `yaml:"secondary_public_ips" doc:"Elastic IPs of the secondary addresses, which may then be left out; auto for one chosen by the simulator"`
	Mapping            string        `yaml:"mapping" doc:"symmetric (default, as AWS): a public port per destination; eim: the same one for all destinations of a private address and port (RFC 4787)" enum:"symmetric,eim"`
	IdleTimeout        time.Duration `yaml:"idle_timeout" doc:"after which an idle connection is forgotten (default 350s, as AWS)"`
}

// SecurityGroupSpec is a security group. AWS gives a new group no inbound rule and one that allows everything outbound.
type SecurityGroupSpec struct {
	ID          string     `yaml:"id" doc:"AWS id, sg-…; if left out, the name if it has that form, else one made from it"`
	Description string     `yaml:"description" doc:"for people"`
	Ingress     []RuleSpec `yaml:"ingress" doc:"inbound rules (default: none; of the group named default: everything from the group itself)"`
	Egress      []RuleSpec `yaml:"egress" doc:"outbound rules (default: everything is allowed; write [] for none)"`
}

// NetworkACLSpec is a network ACL. A list that is left out denies everything, as AWS's new ones do. The ACL named default
// is that of the subnets that name none; if the file does not write it, it allows everything.
type NetworkACLSpec struct {
	ID      string         `yaml:"id" doc:"AWS id, acl-…; if left out, the name if it has that form, else one made from it"`
	Ingress []ACLEntrySpec `yaml:"ingress" doc:"inbound entries"`
	Egress  []ACLEntrySpec `yaml:"egress" doc:"outbound entries"`
}

// RuleSpec is one rule of a security group: what it allows.
type RuleSpec struct {
	ID       string `yaml:"id" doc:"AWS id, sgr-…; if left out, one made from the group's name and what the rule says"`
	Protocol string `yaml:"protocol" doc:"tcp, udp, icmp, icmpv6, a number, or all" required:"true"`
	Ports    string `yaml:"ports" doc:"destination port or range of tcp and udp, for example 443 or 1024-65535 (default: all)"`
	ICMP     string `yaml:"icmp" doc:"type, or type/code, of icmp and icmpv6, for example 8 or 3/4; -1 is any (default: all)"`
	Peer     string `yaml:"peer" doc:"the other side: CIDR, address, prefix list, security group, or VPC/GROUP in a peered VPC; an id sg-… that no group in reach has allows nothing, as a stale rule at AWS" required:"true"`
}

// ACLEntrySpec is one entry of a network ACL.
type ACLEntrySpec struct {
	Number   int    `yaml:"number" doc:"1 to 32766; the lowest number that matches decides" required:"true"`
	Action   string `yaml:"action" doc:"allow or deny" enum:"allow,deny" required:"true"`
	Protocol string `yaml:"protocol" doc:"tcp, udp, icmp, icmpv6, a number, or all" required:"true"`
	Ports    string `yaml:"ports" doc:"destination port or range of tcp and udp (default: all)"`
	ICMP     string `yaml:"icmp" doc:"type, or type/code, of icmp and icmpv6 (default: all)"`
	CIDR     string `yaml:"cidr" doc:"the other side: source inbound, destination outbound" required:"true"`
}

// TransitGatewaySpec is a transit gateway. Without route tables it has one, with which all attachments are associated and
// to which all propagate, as AWS's default is.
type TransitGatewaySpec struct {
	ID          string                           `yaml:"id" doc:"AWS id, tgw-…; if left out, the name if it has that form, else one made from it"`
	Attachments map[string]TransitAttachmentSpec `yaml:"attachments" doc:"VPC attachments by name" required:"true"`
	RouteTables map[string]TransitTableSpec      `yaml:"route_tables" doc:"transit gateway route tables by name"`
}

// TransitAttachmentSpec attaches a VPC, another transit gateway, or something outside of the topology.
type TransitAttachmentSpec struct {
	ID           string   `yaml:"id" doc:"AWS id, tgw-attach-…; if left out, the name if it has that form, else one made from it"`
	VPC          string   `yaml:"vpc" doc:"name of the VPC"`
	Peer         string   `yaml:"peer" doc:"name of the transit gateway that is peered in place of a VPC; it has an attachment that names this one"`
	Outside      string   `yaml:"outside" doc:"what is attached in place of a VPC and not followed by the simulator, for example vpn, direct-connect-gateway or connect: what is routed to it is dropped with UNSUPPORTED_COMPONENT"`
	Subnets      []string `yaml:"subnets" doc:"names of subnets of the VPC, one per Availability Zone; only senders in these zones reach the transit gateway"`
	InterfaceIDs []string `yaml:"interface_ids" doc:"AWS ids of the network interfaces, eni-…, in the order of subnets; made from the names if left out"`
	Addresses    []string `yaml:"addresses" doc:"private IPv4 addresses of the network interfaces, in the order of subnets; auto for the next free one (default)"`
}

// TransitTableSpec is a route table of a transit gateway.
type TransitTableSpec struct {
	ID           string             `yaml:"id" doc:"AWS id, tgw-rtb-…; if left out, the name if it has that form, else one made from it"`
	Associations []string           `yaml:"associations" doc:"attachments whose traffic is looked up in this table; an attachment has one table"`
	Propagations []string           `yaml:"propagations" doc:"attachments whose VPC CIDRs are routes of this table"`
	Routes       []TransitRouteSpec `yaml:"routes" doc:"static routes, which win over propagated ones to the same destination"`
}

// TransitRouteSpec is a static route of a transit gateway.
type TransitRouteSpec struct {
	Destination string `yaml:"destination" doc:"IPv4 or IPv6 CIDR" required:"true"`
	Attachment  string `yaml:"attachment" doc:"name of the attachment"`
	Blackhole   bool   `yaml:"blackhole" doc:"true for a route that drops; instead of attachment"`
}
