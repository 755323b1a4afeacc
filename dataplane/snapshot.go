package dataplane

import (
	"encoding/binary"
	"maps"
	"net/netip"

	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/filter"
	"vpcsim/dataplane/packet"
	"vpcsim/routing"
)

// Snapshot is one state of the whole graph. It is built by one goroutine and immutable from [Router.Commit] on.
type Snapshot struct {
	Generation uint64 // set by Commit; 1 for the first
	Change     string // id of the change that made it, for events
	Interfaces []*Interface

	byID  map[string]*Interface
	zones map[uint32]*Interface
	names map[uint64]string // hash of a target to the target, those of earlier snapshots included
	nodes []*Node           // all that packets can come to

	numbered int // numbers of counted things are below it; set by Commit
}

// Interface is where packets enter and leave: a network interface of an instance or of a gateway, or an edge (an internet
// host, a service).
type Interface struct {
	ID              string                 // eni-…, vpce-…, or ours for what AWS has no id for
	Name            string                 // what the user calls it
	Addrs           []netip.Addr           // its own addresses, of both families; empty for an edge that owns whole prefixes
	Public          []netip.Addr           // what the internet gateway maps each of Addrs to; the zero Addr, or no item, where nothing
	SourceDestCheck bool                   // its packets must be from and to its own addresses
	Subnet          *Subnet                // nil for an edge
	Node            *Node                  // an edge's entry into the graph; nil for a network interface, which enters at its subnet's table
	Groups          *filter.SecurityGroups // nil where no security group stands: edges, gateways
	GroupIDs        string                 // sg-… of Groups, with commas between them, for traces
	Timeouts        conntrack.Timeouts     // of the connections tracked here
	// Gateway makes the interface a gateway's: what arrives crosses and goes on from here, by the subnet's ACL and route table,
	// instead of being delivered. Nil for all others.
	Gateway Gateway
	// Outlet says that packets come out of the interface and that none is delivered to it, as at a transit gateway's in the VPC
	// that they go to: flow logs there have them once.
	Outlet bool

	attached *attachment // set by Commit; nil in a snapshot that is only traced
	zone     uint32      // the interface's number in the flow table; set by Commit

	// Where packets are counted, set by Commit.
	delivered  uint32
	rules      *ruleNumbers // of Groups
	mismatched struct{ ingress, egress uint32 }
}

// Subnet is what forwarding needs to know of a subnet.
type Subnet struct {
	ID      string
	Prefix  netip.Prefix       // IPv4
	Prefix6 netip.Prefix       // IPv6; invalid if it has none
	Router  netip.Addr         // the implicit router's IPv4 address, which ICMP errors of the path come from
	Router6 netip.Addr         // its IPv6 address; invalid if the subnet has none
	ACL     *filter.NetworkACL // nil allows everything
	Node    *Node              // its effective route table
	Local   *Node              // the VPC's own addresses: where packets that stay in the subnet are delivered
	// Resolver is the VPC's DNS address, base plus two. It, the link-local services and the router are not filtered
	// (aws-semantics 6.2).
	Resolver netip.Addr

	base, mask uint32       // Prefix as numbers, set by index
	entries    *ruleNumbers // where packets are counted at ACL; set by Commit
}

// Node is a lookup point: a route table, a VPC's local addresses, the internet.
type Node struct {
	ID     string // rtb-…, or ours
	Routes *routing.Table[*Route]
	Table  bool // it is a route table of the user's, whose routes are counted one by one
	// CutInternet makes this snapshot cut every flow that goes by an internet gateway from a subnet whose table this is:
	// the launch announcement read literally (aws-semantics 3.5, 13.1). The writer sets it on the one snapshot that
	// installs an endpoint route, before the commit.
	CutInternet bool
}

// Route is where a packet goes next. Either Drop says why it goes nowhere, or Node or Interface is set, with Gateway
// perhaps in between.
type Route struct {
	Prefix     netip.Prefix
	PrefixList string // pl-… if the prefix is an entry of a prefix list
	Over       string // what it was chosen over where AWS chooses at random: an equal route to elsewhere; or empty
	Target     string // AWS's id of the target: igw-…, vpce-…, local
	Origin     routing.Origin
	Path       conntrack.Path
	Gateway    Gateway
	Guard      *Subnet // whose network ACL is asked, inbound, before Gateway is: that of a transit gateway's interface; or nil
	Node       *Node
	Interface  *Interface
	Drop       drop.Reason
	// MTU is the largest datagram in bytes that the target carries; 0 where it has no limit of its own. What is too big
	// dies, answered with ICMP unless Silent, or is fragmented where IPv4 allows it and the route is not Silent
	// (aws-semantics 8.5).
	MTU    uint16
	Silent bool
	// Entry is the network interface by which packets enter the target, where no one of ours receives them: a transit gateway's in
	// the sender's VPC. It is for flow logs alone, and may be nil.
	Entry    *Interface
	ClampMSS uint16 // the largest MSS that a SYN through the target may announce; 0 for any. IPv4's; IPv6's is 20 less

	target uint64 // hash of what a flow remembers of the route; set by Commit
	// Where packets are counted, set by Commit: at the route, and at the gateway that it leads through, whether or not that lets them.
	number, passed, refused uint32
	// behind is the interface that a public address leads to, and private what that address becomes there; set by Commit, for
	// looking ahead only.
	behind  *Interface
	private netip.Addr
}

// Gateway carries a packet across to its far side: it rewrites the packet for there, or says why it may not cross. Cross
// is called by many goroutines at once, must not allocate, and changes nothing but p; with p.Probe set it changes
// no state of its own either.
type Gateway interface {
	Cross(p *packet.Packet) drop.Reason
}

// index prepares the snapshot for use: lookups by id, and the names of all ways there are from its interfaces.
func (s *Snapshot) index() {
	s.byID = make(map[string]*Interface, len(s.Interfaces))
	s.zones = make(map[uint32]*Interface, len(s.Interfaces))
	s.names, s.nodes = make(map[uint64]string), nil
	public := map[netip.Addr]*Interface{}
	for _, i := range s.Interfaces {
		for _, a := range i.Public {
			public[a] = i
		}
	}
	marking := marking{public, map[*Node]bool{nil: true}, &s.nodes}
	for _, i := range s.Interfaces {
		s.byID[i.ID] = i
		marking.mark(i.Node)
		if i.Subnet != nil {
			i.Subnet.index()
			marking.mark(i.Subnet.Node)
			marking.mark(i.Subnet.Local)
		}
	}
	naming := naming{s.names, map[stop]bool{}}
	for _, i := range s.Interfaces {
		if i.Subnet != nil {
			naming.nameWays(i.Subnet.Node, 0, "", maxLegs)
			naming.nameWays(i.Subnet.Local, 0, "", 1)
		}
	}
}

// inherit takes over the names of ways that flows may still remember.
func (s *Snapshot) inherit(old *Snapshot) {
	maps.Copy(s.names, old.names)
}

// Interface returns the interface with the given id, or nil.
func (s *Snapshot) Interface(id string) *Interface { return s.byID[id] }

// public is what the internet gateway maps an IPv4 address of the interface to; the zero Addr if nothing. IPv6 is not
// translated.
func (i *Interface) public(a netip.Addr) netip.Addr {
	if !a.Is4() {
		return a
	}
	for n, own := range i.Addrs {
		if own == a && n < len(i.Public) {
			return i.Public[n]
		}
	}
	return netip.Addr{}
}

func (i *Interface) owns(a netip.Addr) bool {
	for _, own := range i.Addrs {
		if own == a {
			return true
		}
	}
	return false
}

func (s *Subnet) index() {
	base := s.Prefix.Masked().Addr().As4()
	s.base = binary.BigEndian.Uint32(base[:])
	s.mask = ^uint32(0) << (32 - s.Prefix.Bits())
}

// is says whether both are the same subnet. A transit gateway's interface has a view of it of its own.
func (s *Subnet) is(t *Subnet) bool { return s != nil && t != nil && (s == t || s.ID == t.ID) }

// contains says whether an address lies in the subnet; for IPv4 it is Prefix.Contains without its generality.
func (s *Subnet) contains(a netip.Addr) bool {
	if !a.Is4() {
		return s.Prefix6.Contains(a)
	}
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])&s.mask == s.base
}

// router returns the address of the implicit router of a's family; invalid if the subnet has none.
func (s *Subnet) router(a netip.Addr) netip.Addr {
	if a.Is4() {
		return s.Router
	}
	return s.Router6
}

// next returns where the packets of an interface to dst are looked up: inside the subnet there is neither a route
// table nor a network ACL between two interfaces (aws-semantics 0.1 step 3).
func (i *Interface) next(dst netip.Addr) (n *Node, inside bool) {
	switch {
	case i.Subnet == nil:
		return i.Node, false
	case i.Subnet.contains(dst):
		return i.Subnet.Local, true
	}
	return i.Subnet.Node, false
}
