// Package graph draws a network: VPCs with their subnets, instances, route tables and gateways, what lies between them and outside, and the
// path of a traced packet through all that. It draws as text, as Mermaid and Graphviz source, and as an SVG picture of its own.
//
// A network becomes a Graph once, which every form draws: what is in the picture is decided in build.go, how it looks in the file of the
// form.
package graph

// Graph is a network as it is to be drawn. It is immutable once built.
type Graph struct {
	Name    string
	Region  string
	VPCs    []*VPC
	Between []*Node // peering connections and transit gateways
	Outside []*Node // the internet, its hosts, S3
	Edges   []*Edge
	Path    *Path // of a packet; nil without one
}

// VPC is a VPC and what is in it.
type VPC struct {
	*Node    // its implicit router, where local routes lead
	Subnets  []*Subnet
	Tables   []*Node
	Gateways []*Node // NAT gateways and endpoints, too
}

// Subnet is a subnet and what is in it.
type Subnet struct {
	*Node
	Members []*Node // instances, and network interfaces without one
}

// Kind is what a node stands for, in words.
type Kind string

// The kinds of nodes.
const (
	KindVPC        Kind = "VPC"
	KindSubnet     Kind = "subnet"
	KindInstance   Kind = "instance"
	KindInterface  Kind = "network interface"
	KindTable      Kind = "route table"
	KindInternetGW Kind = "internet gateway"
	KindEgressOnly Kind = "egress-only internet gateway"
	KindNAT        Kind = "NAT gateway"
	KindEndpoint   Kind = "endpoint"
	KindOutsideGW  Kind = "outside gateway"
	KindPeering    Kind = "peering"
	KindTransit    Kind = "transit gateway"
	KindInternet   Kind = "internet"
	KindHost       Kind = "internet host"
	KindS3         Kind = "S3"
)

// Node is a thing that packets meet.
type Node struct {
	ID      string // AWS's where it has one
	Kind    Kind
	Name    string
	Detail  string  // addresses and the like
	Routes  []Route // of a route table
	Visits  []int   // which stops of the path it is, from 1
	Blocked string  // the reason for which the packet is dropped here
}

// Title is the kind and the name.
func (n *Node) Title() string {
	if n.Name == "" || n.Name == string(n.Kind) {
		return string(n.Kind)
	}
	return string(n.Kind) + " " + n.Name
}

// Route is a line of a route table.
type Route struct {
	Destination string // with the prefix list's id, if it is one
	Target      string // name
	To          string // id of the node; empty if it leads nowhere
	Chosen      bool   // the packet takes it
}

// Edge leads from node to node.
type Edge struct {
	From, To string
	Label    string
	Dashed   bool // an association, not a way of packets
	Step     int  // the packet takes it as its nth step, from 1; 0 if it does not
}

// Path is the way of a packet.
type Path struct {
	Caption []string // what was asked, and what became of it
	Stops   []Stop
}

// Stop is a node on a path.
type Stop struct {
	Node *Node
	Note string // the rule that sends the packet on, or drops it
}
