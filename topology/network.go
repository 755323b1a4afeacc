package topology

import "net/netip"

// Network is a checked topology: references are pointers, addresses are parsed, and all AWS rules known to the package
// hold. Everything in it is immutable after [Resolve] and may be shared between goroutines.
//
// Slices are ordered by name (interfaces and routes as written), so two resolutions of the same Spec are identical.
// Every ID is derived from the kind and path of its thing alone and is therefore the same in every run.
type Network struct {
	Name          string
	Region        string
	Preset        Preset
	VPCs          []*VPC
	PrefixLists   []*PrefixList // AWS-managed lists of the region first, then the customer's
	InternetHosts []*InternetHost
	S3            *S3
}

// VPC is one virtual private cloud.
type VPC struct {
	Name            string
	ID              string         // vpc-…
	Realm           uint32         // small number unique to this VPC in the Network; keeps equal addresses of two VPCs apart
	CIDRs           []netip.Prefix // the primary first
	InternetGateway *InternetGateway
	Subnets         []*Subnet
	RouteTables     []*RouteTable
	Endpoints       []*Endpoint
	Instances       []*Instance
}

// InternetGateway is the internet gateway attached to a VPC.
type InternetGateway struct {
	Name string
	ID   string // igw-…
	VPC  *VPC
}

// Subnet is one subnet.
type Subnet struct {
	Name       string
	ID         string // subnet-…
	VPC        *VPC
	CIDR       netip.Prefix
	AZ         string
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
	Routes []*Route // static routes in the order written, then endpoint routes by endpoint name
}

// RouteState is the state of a route as AWS names it.
type RouteState string

// The states of a route (API_Route).
const (
	RouteActive    RouteState = "active"
	RouteBlackhole RouteState = "blackhole"
)

// Route is one route that is not local. Exactly one of Destination and PrefixList is set. A blackhole's target may name
// something that no longer exists, so InternetGateway and Endpoint may both be nil there.
type Route struct {
	Destination     netip.Prefix
	PrefixList      *PrefixList
	Target          string // id of the target: igw-…, vpce-…; what the user wrote if a blackhole's target is unknown
	State           RouteState
	InternetGateway *InternetGateway
	Endpoint        *Endpoint
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
}

// PrefixList is a prefix list of the region. Its id is unique only inside the region (aws-semantics 2.1).
type PrefixList struct {
	Name       string // com.amazonaws.us-east-1.s3, or the customer's name
	ID         string // pl-…
	AWSManaged bool
	Weight     int // what it counts against the route quota
	Entries    []netip.Prefix
}

// Instance is one instance.
type Instance struct {
	Name       string
	ID         string // i-…
	VPC        *VPC
	Interfaces []*NetworkInterface // the primary first
}

// NetworkInterface is one elastic network interface.
type NetworkInterface struct {
	ID              string // eni-…
	Index           int    // device index at the instance
	Instance        *Instance
	Subnet          *Subnet
	Addresses       []netip.Addr // private IPv4 addresses, the primary first
	PublicIP        netip.Addr   // mapped to Addresses[0]; the zero Addr if there is none
	MAC             [6]byte      // locally administered, derived from the id
	SourceDestCheck bool
}

// InternetHost is a host on the internet.
type InternetHost struct {
	Name    string
	ID      string // host-…, ours: AWS has no such thing
	Address netip.Addr
}

// S3 is the simulated S3 service of the region.
type S3 struct {
	// CIDRs are all addresses that the service owns, on the internet as behind every endpoint: the region's S3 ranges of
	// every preset and whatever the prefix list now holds. It is wider than the prefix list on purpose
	// (aws-semantics 2.3): an address can be S3's and still not be routed to the endpoint.
	CIDRs   []netip.Prefix
	Buckets []*Bucket
	// Names are the host names of the service with the addresses they resolve to, the same before and after an endpoint
	// exists (aws-semantics 10). Addresses lie inside the region's S3 prefix list.
	Names []HostName
}

// Bucket is one bucket.
type Bucket struct {
	Name    string
	Objects []Object
}

// Object is an object that a bucket holds from the start. Size counts when Content is nil.
type Object struct {
	Key     string
	Content []byte
	Size    int64
}

// HostName is a name and its IPv4 addresses.
type HostName struct {
	Name      string
	Addresses []netip.Addr
}
