package dataplane

import (
	"hash/maphash"
	"math/bits"
	"net/netip"
	"slices"

	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
)

// way is how the packets of a flow go as far as routes decide it: from an interface's route table through gateways that stand
// in a subnet of their own (a NAT gateway, a transit gateway), whose tables decide on. It is what a flow remembers, and
// what breaks it when it changes: an endpoint route in the table of a NAT gateway's subnet moves the flows of the instances
// behind it, too (aws-semantics 5.7).
type way struct {
	target uint64 // hash of the ids of all targets on the way
	path   conntrack.Path
	// source is the address that the far side sees of the flow's local one; invalid if packets do not get there. Of a
	// NAT gateway with several Elastic IPs it is the first.
	source netip.Addr
	nat    *Interface // the NAT gateway's interface, if there is one on the way
	table  *Node      // the first table looked up
}

// maxLegs is how many tables a way can have: subnet, transit gateway, attachment, NAT gateway.
const maxLegs = 4

// way returns how packets of interface i from local to remote go.
func (i *Interface) way(local, remote netip.Addr) way {
	node, _ := i.next(remote)
	w := way{table: node, source: local}
	at := i
	for range maxLegs {
		r, ok := node.Routes.Lookup(remote)
		if !ok || r.Drop != drop.None {
			if ok {
				w.target = extend(w.target, r.target)
			}
			w.path, w.source = conntrack.PathNone, netip.Addr{}
			return w
		}
		w.target = extend(w.target, r.target)
		w.path = join(w.path, r.Path)
		if r.Path == conntrack.PathInternet {
			w.source = at.public(w.source)
		}
		next := r.onward(remote)
		if next == nil {
			return w
		}
		if at, node = r.Interface, next; at == nil {
			at = i
		} else if r.Path == conntrack.PathNAT && len(at.Addrs) > 0 {
			w.nat, w.source = at, at.Addrs[0]
		}
	}
	return w
}

// onward returns the table in which packets to dst are looked up behind the route; nil where the route's own node or interface
// is all that the way depends on: an internet gateway, an edge, an instance.
func (r *Route) onward(dst netip.Addr) *Node {
	switch {
	case r.Interface != nil && r.Interface.Gateway != nil:
		n, _ := r.Interface.next(dst)
		return n
	case r.Interface == nil && r.Path == conntrack.PathTransit:
		return r.Node
	}
	return nil
}

// join is the path class of a way that goes on by a route of class next.
func join(before, next conntrack.Path) conntrack.Path {
	switch {
	case before == conntrack.PathNAT && next == conntrack.PathEndpoint:
		return conntrack.PathNATEndpoint
	case before == conntrack.PathNone || next == conntrack.PathNAT:
		return next
	}
	return before
}

// leadsOut says whether packets that follow the route, which is in node n, go to a target that is counted: to anything but the VPC's own
// addresses by a route table, or through a gateway.
func (r *Route) leadsOut(n *Node) bool {
	return r.Drop == drop.None && r.Path != conntrack.PathLocal && (n.Table || r.Gateway != nil)
}

// public says whether connections on a way of the path class use a public IPv4 address of the VPC.
func public(p conntrack.Path) bool { return p == conntrack.PathInternet || p == conntrack.PathNAT }

// targetSeed makes the hashes of targets the same for all snapshots of the process.
var targetSeed = maphash.MakeSeed()

func hashTarget(r *Route) uint64 {
	if r.Drop != drop.None {
		return maphash.String(targetSeed, r.Target+" "+r.Drop.String())
	}
	return maphash.String(targetSeed, r.Target)
}

// extend is the hash of a way that goes on to a target. That two ways collide has odds of one in 2^64.
func extend(way, target uint64) uint64 { return bits.RotateLeft64(way, 17)*0x9e3779b97f4a7c15 ^ target }

// marking gives routes what a snapshot knows of them.
type marking struct {
	public map[netip.Addr]*Interface
	been   map[*Node]bool
	nodes  *[]*Node // all that were met
}

// mark marks the routes of a node and of all behind it: with the hashes of their targets, and with what is behind public addresses.
func (m marking) mark(n *Node) {
	if m.been[n] {
		return
	}
	m.been[n] = true
	*m.nodes = append(*m.nodes, n)
	for _, e := range n.Routes.Entries() {
		r := e.Value
		r.target = hashTarget(r)
		if i := m.public[r.Prefix.Addr()]; i != nil && r.Interface == nil && r.Prefix.IsSingleIP() {
			r.behind, r.private = i, i.Addrs[slices.Index(i.Public, r.Prefix.Addr())]
		}
		m.mark(r.Node)
		if r.Interface != nil && r.Interface.Subnet != nil {
			m.mark(r.Interface.Subnet.Node)
			m.mark(r.Interface.Subnet.Local)
		}
	}
}

// stop is a node that a way has come to.
type stop struct {
	at  *Node
	way uint64
}

// naming notes the names of ways. However many subnets' ways come to a stop, it goes on from there once: all VPCs at a transit
// gateway go the same ways through it.
type naming struct {
	names map[uint64]string
	been  map[stop]bool
}

// nameWays notes, for events, the names of all ways that lead on from a node: the ids of their targets, in order.
func (s naming) nameWays(n *Node, way uint64, name string, legs int) {
	if s.been[stop{n, way}] {
		return
	}
	s.been[stop{n, way}] = true
	done := map[uint64]bool{}
	for _, e := range n.Routes.Entries() {
		r := e.Value
		if done[r.target] {
			continue
		}
		done[r.target] = true
		id, text := extend(way, r.target), r.Target
		if name != "" {
			text = name + " > " + r.Target
		}
		s.names[id] = text
		if legs > 1 && r.Drop == drop.None {
			s.nameOnward(r, id, text, legs-1)
		}
	}
}

// nameOnward is nameWays for what lies behind a route.
func (s naming) nameOnward(r *Route, way uint64, name string, legs int) {
	switch {
	case r.Interface != nil && r.Interface.Gateway != nil:
		s.nameWays(r.Interface.Subnet.Node, way, name, legs)
		s.nameWays(r.Interface.Subnet.Local, way, name, 1)
	case r.Interface == nil && r.Path == conntrack.PathTransit:
		s.nameWays(r.Node, way, name, legs)
	}
}
