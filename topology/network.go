package topology

import (
	"net/netip"
	"slices"
	"time"
)

// Network is a checked topology: references are pointers, addresses are parsed, and all AWS rules known to the package
// hold. Everything in it is immutable after [Resolve] and may be shared between goroutines.
//
// Slices are ordered by name (interfaces and routes as written), so two resolutions of the same Spec are identical.
// An ID that the file does not give is derived from the kind and path of its thing alone and is therefore the same in every run.
type Network struct {
	Name            string
	Region          string // the file's; each VPC has its own
	Preset          Preset
	VPCs            []*VPC
	Peerings        []*Peering
	TransitGateways []*TransitGateway
	PrefixLists     []*PrefixList // AWS-managed lists first, the file's region's before others', then the customer's
	InternetHosts   []*InternetHost
	S3              *S3
	IAM             *IAM

	index *index
}

// VPC is one virtual private cloud.
type VPC struct {
	Name            string
	ID              string // vpc-…
	Region          string
	Realm           uint32         // small number unique to this VPC in the Network; keeps equal addresses of two VPCs apart
	CIDRs           []netip.Prefix // IPv4, the primary first
	IPv6CIDR        netip.Prefix   // invalid if it has none
	InternetGateway *InternetGateway
	EgressOnly      *EgressOnlyGateway
	Subnets         []*Subnet
	RouteTables     []*RouteTable
	Endpoints       []*Endpoint
	NATGateways     []*NATGateway
	SecurityGroups  []*SecurityGroup // the default group included, whether or not the file writes it
	NetworkACLs     []*NetworkACL    // the default one included
	Instances       []*Instance
	// NetworkInterfaces are those without an instance: of load balancers, interface endpoints and other services.
	NetworkInterfaces []*NetworkInterface

	DNSSupport   bool // it has a resolver
	DNSHostnames bool // its instances have DNS names; only with DNSSupport
	DHCPOptions  DHCPOptions
}

// DHCPOptions is what instances of a VPC learn by DHCP about names.
type DHCPOptions struct {
	DomainName  string       // empty for the region's own
	NameServers []netip.Addr // empty for the VPC's own resolver
}

// Resolver returns the address of the VPC's resolver besides the link-local ones: the base of the primary CIDR plus two, reserved
// whether or not there is a resolver (aws-semantics 8.1: vpc-dns).
func (v *VPC) Resolver() netip.Addr { return v.CIDRs[0].Addr().Next().Next() }

// AllCIDRs returns the VPC's CIDRs of both IP versions, the primary first.
func (v *VPC) AllCIDRs() []netip.Prefix {
	all := slices.Clone(v.CIDRs)
	if v.IPv6CIDR.IsValid() {
		all = append(all, v.IPv6CIDR)
	}
	return all
}

// InternetGateway is the internet gateway attached to a VPC.
type InternetGateway struct {
	Name string
	ID   string // igw-…
	VPC  *VPC
	// RouteTable is the gateway route table, where what comes in from the internet is looked up; nil if there is none
	// (aws-semantics 1.1).
	RouteTable *RouteTable
}

// EgressOnlyGateway is the egress-only internet gateway of a VPC (aws-semantics 1.7).
type EgressOnlyGateway struct {
	Name string
	ID   string // eigw-…
	VPC  *VPC
}

// Subnet is one subnet.
type Subnet struct {
	Name       string
	ID         string // subnet-…
	VPC        *VPC
	CIDR       netip.Prefix
	IPv6CIDR   netip.Prefix // a /64; invalid if it has none
	AZ         string
	ACL        *NetworkACL
	RouteTable *RouteTable // the effective one: explicit, or the VPC's main table
	Explicit   bool        // the association is explicit
}

// Router returns the address of the subnet's implicit router: the network's base address plus one
// (aws-semantics 8.1: subnet-sizing).
func (s *Subnet) Router() netip.Addr { return s.CIDR.Addr().Next() }

// RouteTable is one route table. Local routes are not listed: there is one per CIDR of the VPC in every table.
type RouteTable struct {
	Name   string
	ID     string // rtb-…
	VPC    *VPC
	Main   bool
	Edge   bool     // it is the gateway route table of the VPC's internet gateway
	Routes []*Route // static routes in the order written, then endpoint routes by endpoint name
}

// RouteState is the state of a route as AWS names it.
type RouteState string

// The states of a route (API_Route).
const (
	RouteActive    RouteState = "active"
	RouteBlackhole RouteState = "blackhole"
)

// Route is one route that is not an implied local one. Exactly one of Destination and PrefixList is set. At most one of the
// targets is set: a blackhole's target may name something that no longer exists. Destination may be one of the VPC's own
// CIDRs, whose local route then has another target (aws-semantics 1.2).
type Route struct {
	Destination netip.Prefix // IPv4 or IPv6
	PrefixList  *PrefixList
	Target      string // id of the target: igw-…, vpce-…, nat-…, eni-…; what the user wrote if a blackhole's target is unknown
	State       RouteState

	InternetGateway  *InternetGateway
	EgressOnly       *EgressOnlyGateway
	Endpoint         *Endpoint
	NATGateway       *NATGateway
	NetworkInterface *NetworkInterface
	Peering          *Peering
	TransitGateway   *TransitGateway
	Local            bool // local, written in a gateway route table for a subnet's CIDR
	Outside          bool // to one of the VPC's outside gateways, whose name is Target

	// Propagated routes come from a virtual private gateway. All others win over them at the same destination.
	Propagated bool
}

// Endpoint is a gateway endpoint.
type Endpoint struct {
	Name        string
	ID          string // vpce-…
	VPC         *VPC
	Service     string // short name: s3
	ServiceName string // com.amazonaws.us-east-1.s3
	PrefixList  *PrefixList
	RouteTables []*RouteTable
	Policy      *Policy // nil if the file has none, which allows everything
}

// PrefixList is a prefix list, whose contents are of one IP version. The id of an AWS-managed one is unique only inside its region
// (aws-semantics 2.1).
type PrefixList struct {
	Name       string // com.amazonaws.us-east-1.s3, or the customer's name
	ID         string // pl-…
	Region     string // of an AWS-managed one; empty if it is in all regions, and for a customer's
	AWSManaged bool
	Weight     int // what it counts against the route quota: a customer's its maximum size
	Version    int // of a customer's, from 1; AWS shows none of its own lists
	State      PrefixListState
	IPv6       bool // what its entries are, now or when it has any again (aws-semantics 2.4)
	Entries    []netip.Prefix
}

// Instance is one instance.
type Instance struct {
	Name       string
	ID         string // i-…
	VPC        *VPC
	Interfaces []*NetworkInterface // the primary first

	Role           string // whose credentials its metadata has; empty for none
	RequiresTokens bool   // it answers IMDSv2 only
	MetadataTags   bool   // its Name tag is in its metadata
	Type           string // for example t3.micro
	ImageID        string // ami-…
}

// NetworkInterface is one elastic network interface: an instance's, or one that some service of AWS has.
type NetworkInterface struct {
	ID              string    // eni-…
	Name            string    // its own, or that of the instance
	Instance        *Instance // nil if it has none
	Index           int       // device index at the instance
	Type            string    // InterfaceType as AWS names it: interface, vpc_endpoint, network_load_balancer, …
	Description     string    // for people
	Subnet          *Subnet
	Addresses       []netip.Addr // private IPv4 addresses, the primary first
	IPv6Addresses   []netip.Addr
	PublicIPs       []netip.Addr // what the internet gateway maps each of Addresses to; the zero Addr where that is nothing
	MAC             [6]byte      // locally administered, derived from the id
	SourceDestCheck bool
	SecurityGroups  []*SecurityGroup // at least one at an instance; with none nothing is filtered
	Tracking        ConnectionTracking
}

// The types of network interface with a meaning here (EC2 API Reference, NetworkInterface).
const (
	TypeInterface         = "interface" // AWS's word for an ordinary one
	TypeInterfaceEndpoint = "vpc_endpoint"
)

// PublicIP returns the public address of the primary private one; the zero Addr if there is none.
func (e *NetworkInterface) PublicIP() netip.Addr { return e.PublicIPs[0] }

// IsPublic reports whether the interface has a public IPv4 address.
func (e *NetworkInterface) IsPublic() bool {
	return slices.ContainsFunc(e.PublicIPs, netip.Addr.IsValid)
}

// ConnectionTracking is the idle time-outs of an interface's tracked connections (aws-semantics 6.3).
type ConnectionTracking struct {
	TCPEstablished, UDPStream, UDP time.Duration
}

// NATGateway is a zonal NAT gateway (aws-semantics 5).
type NATGateway struct {
	Name        string
	ID          string // nat-…
	InterfaceID string // eni-… of its network interface
	VPC         *VPC
	Subnet      *Subnet
	Private     bool
	Addresses   []netip.Addr // private IPv4 addresses, the primary first, at most 8
	PublicIPs   []netip.Addr // the Elastic IP of each of Addresses; empty if Private
	EIM         bool         // endpoint-independent mapping, which AWS does not have
	IdleTimeout time.Duration
}

// SecurityGroup is a security group (aws-semantics 6.1).
type SecurityGroup struct {
	Name    string
	ID      string // sg-…
	VPC     *VPC
	Default bool
	Ingress []*Rule // in the order written
	Egress  []*Rule
}

// Rule is one rule of a security group or one entry of a network ACL. Exactly one of Prefix, PrefixList, Group and
// StaleGroup is set; a network ACL's is always Prefix. A rule of the ICMP of one IP version and with addresses of the other, which
// AWS takes, is about no packet.
type Rule struct {
	ID                  string // sgr-… of a security group's rule; empty in a network ACL
	Number              int    // of a network ACL's entry
	Allow               bool   // always true in a security group
	Protocol            int    // IANA number; AnyProtocol for all
	FirstPort, LastPort uint16 // destination ports of TCP and UDP; 0-65535 where the rule does not say
	ICMPType, ICMPCode  int    // AnyICMP for all
	Prefix              netip.Prefix
	PrefixList          *PrefixList
	Group               *SecurityGroup // stands for the private addresses of its member interfaces
	StaleGroup          string         // id of a security group that is gone or out of reach: stands for nobody
}

// The wildcards of a [Rule].
const (
	AnyProtocol = -1
	AnyICMP     = -1
)

// NetworkACL is a network ACL (aws-semantics 7). What no entry matches is denied.
type NetworkACL struct {
	Name    string
	ID      string // acl-…
	VPC     *VPC
	Default bool
	Ingress []*Rule // by Number
	Egress  []*Rule
}

// Peering is an active VPC peering connection (aws-semantics 8.6).
type Peering struct {
	Name                string
	ID                  string // pcx-…
	Requester, Accepter *VPC
}

// TransitGateway is a transit gateway with its attachments and route tables (aws-semantics 8.6).
type TransitGateway struct {
	Name        string
	ID          string // tgw-…
	Attachments []*TransitAttachment
	RouteTables []*TransitTable
}

// TransitAttachment is a VPC attached to a transit gateway, with a network interface in each of its subnets, or another transit
// gateway that it is peered with, or something outside of the topology.
type TransitAttachment struct {
	Name         string
	ID           string // tgw-attach-…
	Gateway      *TransitGateway
	VPC          *VPC               // nil if Peer or Outside is set
	Peer         *TransitAttachment // the other end of a peering attachment, which has the same id; nil if it is none
	Outside      string             // what is attached, if it is nothing of the topology: vpn, direct-connect-gateway, peering, …
	Subnets      []*Subnet          // one per Availability Zone, by zone
	InterfaceIDs []string           // eni-… in each of Subnets
	Addresses    []netip.Addr       // private address of each
	Table        *TransitTable      // with which it is associated; nil if with none: then what it sends is dropped
}

// TransitTable is a route table of a transit gateway.
type TransitTable struct {
	Name   string
	ID     string          // tgw-rtb-…
	Routes []*TransitRoute // static ones as written, then propagated ones by attachment
}

// TransitRoute is a route of a transit gateway.
type TransitRoute struct {
	Destination netip.Prefix
	Attachment  *TransitAttachment // nil for a blackhole
	Propagated  bool
}

// InternetHost is a host on the internet.
type InternetHost struct {
	Name        string
	ID          string // host-…, ours: AWS has no such thing
	Address     netip.Addr
	IPv6Address netip.Addr // the zero Addr if there is none
}

// S3 is the simulated S3 service of all regions that the topology has VPCs in.
type S3 struct {
	// CIDRs are all addresses that the service owns, on the internet as behind every endpoint: the regions' S3 ranges of
	// every preset and whatever their prefix lists now hold. It is wider than the prefix list on purpose
	// (aws-semantics 2.3): an address can be S3's and still not be routed to the endpoint.
	CIDRs   []netip.Prefix
	Buckets []*Bucket
	// Regions are those that the service is known in, by name: the VPCs', the buckets', and us-east-1, where the global name leads.
	Regions []S3Region

	Dir     string // directory that keeps the objects; empty for memory
	MaxSize int64  // what all objects together may take, in bytes; 0 for the default
}

// S3Region is the S3 of a region. Its names resolve to Addresses, which lie inside its prefix list, the same before and after an
// endpoint exists (aws-semantics 10). A region whose list nobody knows has none.
type S3Region struct {
	Name      string // us-east-1
	Addresses []netip.Addr
	CIDRs     []netip.Prefix // all that it owns, in any preset
}

// Bucket is one bucket.
type Bucket struct {
	Name    string
	Region  string
	Policy  *Policy // nil if it has none
	Objects []Object
}

// Object is an object that a bucket holds from the start. Size counts when Content is nil.
type Object struct {
	Key     string
	Content []byte
	Size    int64
}
