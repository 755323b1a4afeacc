package dataplane

import (
	"encoding/binary"
	"hash/maphash"
	"maps"
	"net/netip"

	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
	"vpcsim/routing"
)

// Snapshot is one state of the whole graph. It is built by one goroutine and immutable from [Router.Commit] on.
type Snapshot struct {
	Generation uint64 // set by Commit; 1 for the first
	Change     string // id of the change that made it, for events
	Interfaces []*Interface

	byID   map[string]*Interface
	owners map[owner]*Interface
	names  map[uint64]string // hash of a target to the target, those of earlier snapshots included
}

type owner struct {
	realm uint32
	addr  [4]byte
}

// Interface is where packets enter and leave: a network interface of an instance, or an edge (an internet host, a service).
type Interface struct {
	ID              string       // eni-…, vpce-…, or ours for what AWS has no id for
	Name            string       // what the user calls it
	Realm           uint32       // the VPC's number; 0 for an edge
	Addrs           []netip.Addr // its own addresses; empty for an edge that owns whole prefixes
	PublicIP        netip.Addr   // what the internet gateway maps Addrs[0] to; the zero Addr if nothing
	SourceDestCheck bool         // its packets must be from and to its own addresses
	Subnet          *Subnet      // nil for an edge
	Node            *Node        // an edge's entry into the graph; nil for a network interface, which enters at its subnet's table

	attached *attachment // set by Commit; nil in a snapshot that is only traced
}

// Subnet is what forwarding needs to know of a subnet.
type Subnet struct {
	ID     string
	Prefix netip.Prefix
	Node   *Node // its effective route table
	Local  *Node // the VPC's own addresses: where packets that stay in the subnet are delivered

	base, mask uint32 // Prefix as numbers, set by index
}

// Node is a lookup point: a route table, a VPC's local addresses, the internet.
type Node struct {
	ID     string // rtb-…, or ours
	Routes *routing.Table[*Route]
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
	Target     string // AWS's id of the target: igw-…, vpce-…, local
	Origin     routing.Origin
	Path       conntrack.Path
	Gateway    Gateway
	Node       *Node
	Interface  *Interface
	Drop       drop.Reason

	target uint64 // hash of what a flow remembers of the route; set by Commit
}

// Gateway carries a packet across to its far side: it rewrites the packet for there, or says why it may not cross. Cross
// is called by many goroutines at once, must not allocate, and changes nothing but p; with p.Probe set it changes
// no state of its own either.
type Gateway interface {
	Cross(p *packet.Packet) drop.Reason
}

// targetSeed makes the hashes of targets the same for all snapshots of the process.
var targetSeed = maphash.MakeSeed()

// targetID is what a flow remembers of its route: the target, and whether it was of any use. That two targets collide
// has odds of one in 2^64.
func (r *Route) targetID() uint64 {
	if r == nil {
		return 0
	}
	return r.target
}

func hashTarget(r *Route) uint64 {
	if r.Drop != drop.None {
		return maphash.String(targetSeed, r.Target+" "+r.Drop.String())
	}
	return maphash.String(targetSeed, r.Target)
}

// index prepares the snapshot for use: lookups by id and by owner, and the hashes of all targets reachable from its
// interfaces.
func (s *Snapshot) index() {
	s.byID = make(map[string]*Interface, len(s.Interfaces))
	s.owners = make(map[owner]*Interface, len(s.Interfaces))
	s.names = make(map[uint64]string)
	seen := map[*Node]bool{nil: true}
	for _, i := range s.Interfaces {
		s.byID[i.ID] = i
		s.indexNode(i.Node, seen)
		if i.Subnet == nil {
			continue
		}
		i.Subnet.index()
		s.indexNode(i.Subnet.Node, seen)
		s.indexNode(i.Subnet.Local, seen)
		for _, a := range i.Addrs {
			s.owners[owner{i.Realm, a.As4()}] = i
		}
	}
}

func (s *Snapshot) indexNode(n *Node, seen map[*Node]bool) {
	if seen[n] {
		return
	}
	seen[n] = true
	for _, e := range n.Routes.Entries() {
		e.Value.target = hashTarget(e.Value)
		s.names[e.Value.target] = e.Value.Target
		s.indexNode(e.Value.Node, seen)
	}
}

// inherit takes over the names of targets that flows may still remember.
func (s *Snapshot) inherit(old *Snapshot) {
	maps.Copy(s.names, old.names)
}

// Interface returns the interface with the given id, or nil.
func (s *Snapshot) Interface(id string) *Interface { return s.byID[id] }

// Source returns the source address that the far side of route r sees in packets of interface i from its address a. This is the
// identity that breaks when the route changes (aws-semantics 3.6).
func (i *Interface) Source(r *Route, a netip.Addr) netip.Addr {
	switch {
	case r == nil || r.Drop != drop.None:
		return netip.Addr{}
	case r.Path == conntrack.PathInternet && len(i.Addrs) > 0 && a == i.Addrs[0]:
		return i.PublicIP
	case r.Path == conntrack.PathInternet:
		return netip.Addr{}
	}
	return a
}

func (s *Subnet) index() {
	base := s.Prefix.Masked().Addr().As4()
	s.base = binary.BigEndian.Uint32(base[:])
	s.mask = ^uint32(0) << (32 - s.Prefix.Bits())
}

// contains is Prefix.Contains for IPv4, without its generality.
func (s *Subnet) contains(a netip.Addr) bool {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])&s.mask == s.base
}

// next returns where the packets of a network interface to dst are looked up: inside the subnet there is neither a route
// table nor a network ACL between two interfaces (aws-semantics 0.1 step 3).
func (i *Interface) next(dst netip.Addr) *Node {
	switch {
	case i.Subnet == nil:
		return i.Node
	case i.Subnet.contains(dst):
		return i.Subnet.Local
	}
	return i.Subnet.Node
}

// route returns the first route that the packets of i to dst take, or nil. A local route leads to the VPC's own addresses,
// whether it is found in the table or implied by the subnet.
func (i *Interface) route(dst netip.Addr) *Route {
	r, _ := i.next(dst).Routes.Lookup(dst)
	return r
}
