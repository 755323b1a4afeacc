package dataplane

import (
	"net/netip"

	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/packet"
)

// Looking ahead.
//
// With hundreds of thousands of connections every table that a packet meets costs it the time of one or two reads from memory,
// one after the other. A worker has a batch of packets, so it asks for the memory of all of them before it forwards the first: first
// for the places where their connections are looked up, then for the connections. It guesses which those are by the first routes of
// a packet alone, and guesses without locks; a wrong guess costs time and nothing else.

// fetcher is a gateway with connections of its own, whose methods are those of nat.Gateway.
type fetcher interface {
	Ahead(p *packet.Packet, dst netip.Addr) (session uint64)
	Fetch(session uint64)
	Inside(session uint64) (netip.AddrPort, bool)
}

// ahead is what a packet of a batch seems to meet.
type ahead struct {
	near, far conntrack.Ahead // at the sender's interface, at the receiver's
	gateway   fetcher         // nil for none
	at        *Interface      // of the gateway
	session   uint64
}

// lookAhead asks for the memory that a batch of decoded packets will need.
func (w *Worker) lookAhead(batch []*packet.Packet) {
	if w.from == nil || !w.router.flows.IsBig() {
		return
	}
	all := w.ahead[:len(batch)]
	for i, p := range batch {
		all[i] = w.foresee(p)
	}
	for i := range all {
		a := &all[i]
		a.near.Fetch()
		a.far.Fetch()
		if a.gateway != nil {
			a.gateway.Fetch(a.session)
		}
	}
	inside := false
	for i, p := range batch {
		inside = all[i].foreseeInside(w.router.flows, p) || inside
	}
	for i := range all {
		if inside && all[i].gateway != nil {
			all[i].far.Fetch()
		}
	}
}

// foresee guesses from the first routes of p.
func (w *Worker) foresee(p *packet.Packet) (a ahead) {
	if !p.Src.IsValid() { // malformed
		return a
	}
	if w.from.Subnet != nil {
		a.near = w.router.flows.Ahead(w.from.zone, p, true)
	}
	node, _ := w.from.next(p.Dst)
	at, dst := node.leadsTo(p.Dst)
	if at == nil {
		return a
	}
	if gateway, ok := at.Gateway.(fetcher); ok && dst.Is4() {
		a.gateway, a.at, a.session = gateway, at, gateway.Ahead(p, dst)
	} else if at.Subnet != nil {
		a.far = w.router.flows.AheadTuple(conntrack.Tuple{
			Local: netip.AddrPortFrom(dst, p.DstPort), Remote: netip.AddrPortFrom(p.Src, p.SrcPort), Zone: at.zone, Protocol: p.Protocol,
		})
	}
	return a
}

// foreseeInside guesses whose connection it is that a packet from outside belongs to at a NAT gateway.
func (a *ahead) foreseeInside(flows *conntrack.Table, p *packet.Packet) bool {
	if a.gateway == nil {
		return false
	}
	to, ok := a.gateway.Inside(a.session)
	if !ok {
		return false
	}
	owner, _ := a.at.Subnet.Local.leadsTo(to.Addr())
	if owner == nil {
		return false
	}
	a.far = flows.AheadTuple(conntrack.Tuple{
		Local: to, Remote: netip.AddrPortFrom(p.Src, p.SrcPort), Zone: owner.zone, Protocol: p.Protocol,
	})
	return true
}

// leadsTo guesses the interface that packets to dst reach from the node, and their destination there: by the node's own routes, and
// those of the VPC's addresses where they lead. Nil if they lead elsewhere.
func (n *Node) leadsTo(dst netip.Addr) (*Interface, netip.Addr) {
	r, ok := n.Routes.Lookup(dst)
	if ok && r.Path == conntrack.PathLocal && r.Node != nil {
		r, ok = r.Node.Routes.Lookup(dst)
	}
	switch {
	case !ok:
		return nil, dst
	case r.Interface != nil:
		return r.Interface, dst
	}
	return r.behind, r.private
}
