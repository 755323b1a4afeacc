package dataplane

import (
	"net/netip"

	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

// maxHops bounds the number of lookups for one packet in one leg, and the number of legs. The longest path there is in a VPC
// without loops is far shorter: subnet, transit gateway, attachment, NAT gateway, internet, gateway table, local.
const maxHops = 16

// Forward carries p, which entered at from, through the graph, and returns the interface it is to be delivered at, or why it
// is dropped. It rewrites p on the way. It does not allocate and returns no error.
//
// The order of the steps is AWS's (aws-semantics 0.1).
func (w *Worker) Forward(from *Interface, p *packet.Packet) (*Interface, drop.Reason) {
	w.now, w.source, w.entered, w.mtu = p.Time, netip.AddrPortFrom(p.Src, p.SrcPort), netip.AddrPortFrom(p.Dst, p.DstPort), 0
	if reason := w.leave(from, p); reason != drop.None {
		w.log(from, p, outbound, reason, nil)
		return nil, reason
	}
	to, reason := w.route(from, p)
	if w.unnoted {
		w.note(p, reason == drop.None)
	}
	return to, reason
}

// leave is what happens at the interface that sends p.
func (w *Worker) leave(i *Interface, p *packet.Packet) drop.Reason {
	if !unicast(p) {
		return w.step(StageInterface, i.ID, nil, p, drop.NotUnicast)
	}
	refused := drop.None
	if i.SourceDestCheck && !i.owns(p.Src) {
		refused = drop.SourceDestCheck
	}
	if reason := w.step(StageInterface, i.ID, nil, p, refused); reason != drop.None || i.Subnet == nil {
		return reason
	}
	return w.track(i, p, outbound)
}

// route is Forward once the packet has left its interface: leg by leg, from one interface to the next, until one of them is
// its destination and not a gateway's.
func (w *Worker) route(from *Interface, p *packet.Packet) (*Interface, drop.Reason) {
	for range maxHops {
		to, reason := w.leg(from, p)
		if reason != drop.None || to.Gateway == nil {
			return to, reason
		}
		if reason = w.cross(to, p); reason != drop.None {
			return nil, reason
		}
		from = to
	}
	return nil, w.step(StageRoute, from.ID, nil, p, drop.Loop)
}

// leg carries p from one interface to the next: out of the subnet, along the routes, and into the next subnet. Between two
// interfaces of one subnet there is no network ACL (aws-semantics 7).
func (w *Worker) leg(from *Interface, p *packet.Packet) (*Interface, drop.Reason) {
	node, inside := from.next(p.Dst)
	r, ok := node.Routes.Lookup(p.Dst)
	if ok && r.Interface != nil && from.Subnet.is(r.Interface.Subnet) {
		inside = true // a gateway or appliance that stands in the sender's own subnet
	}
	if !inside {
		if reason := w.acl(from.Subnet, p, outbound); reason != drop.None {
			w.log(from, p, outbound, reason, nil)
			return nil, reason
		}
	}
	w.log(from, p, outbound, drop.None, r)
	for range maxHops {
		if !ok {
			return nil, w.step(StageRoute, node.ID, nil, p, drop.NoRouteToDestination)
		}
		w.count(r.number, p)
		if w.step(StageRoute, node.ID, r, p, r.Drop) != drop.None {
			return nil, r.Drop
		}
		w.count(r.passed, p)
		if reason := w.along(from, r, p); reason != drop.None {
			return nil, reason
		}
		if r.Interface != nil {
			return r.Interface, w.arrive(r.Interface, p, inside)
		}
		node = r.Node
		r, ok = node.Routes.Lookup(p.Dst)
	}
	return nil, w.step(StageRoute, node.ID, nil, p, drop.Loop)
}

// along takes p, which comes from an interface, along route r as far as the next node or interface: through its gateway, if it has one.
func (w *Worker) along(from *Interface, r *Route, p *packet.Packet) drop.Reason {
	if reason := w.fit(from, r, p); reason != drop.None {
		w.count(r.refused, p)
		w.approach(r.Target, p)
		if w.step(StageGateway, r.Target, r, p, reason) != drop.None {
			return reason
		}
	}
	if r.Gateway == nil {
		return drop.None
	}
	reason := drop.None
	if r.Guard != nil {
		reason = w.acl(r.Guard, p, inbound)
	}
	if reason == drop.None {
		w.approach(r.Target, p)
		if reason = w.step(StageGateway, r.Target, r, p, w.through(r, p)); reason != drop.None {
			w.count(r.refused, p)
		}
	}
	if r.Entry != nil {
		w.log(r.Entry, p, inbound, reason, nil)
	}
	return reason
}

// through takes p across the gateway of route r.
func (w *Worker) through(r *Route, p *packet.Packet) drop.Reason {
	reason := r.Gateway.Cross(p)
	if w.trace != nil && r.Path == conntrack.PathEgressOnly {
		return w.trace.egressOnly(p, reason)
	}
	return reason
}

// arrive is what happens at the interface that p reaches, from inside its subnet or from outside.
func (w *Worker) arrive(i *Interface, p *packet.Packet, inside bool) drop.Reason {
	reason := w.admit(i, p, inside)
	if !i.Outlet {
		w.log(i, p, inbound, reason, nil)
	}
	return reason
}

// admit is what the filters of the interface say of p, and the interface itself.
func (w *Worker) admit(i *Interface, p *packet.Packet, inside bool) drop.Reason {
	if i.Subnet != nil {
		if !inside {
			if reason := w.acl(i.Subnet, p, inbound); reason != drop.None {
				return reason
			}
		}
		if i.Gateway != nil { // it keeps its connections itself, and no security group stands before it (aws-semantics 5.1)
			return w.step(StageInterface, i.ID, nil, p, drop.None)
		}
		if reason := w.track(i, p, inbound); reason != drop.None {
			return reason
		}
	}
	refused := drop.None
	if i.SourceDestCheck && !i.owns(p.Dst) {
		refused = drop.SourceDestCheck
	}
	return w.step(StageInterface, i.ID, nil, p, refused)
}

// land is route for a packet that is at interface i already, sent by the subnet's router.
func (w *Worker) land(i *Interface, p *packet.Packet) (*Interface, drop.Reason) {
	if reason := w.arrive(i, p, true); reason != drop.None || i.Gateway == nil {
		return i, reason
	}
	return w.resume(i, p)
}

// resume is route for a packet that has arrived at the interface of a gateway.
func (w *Worker) resume(i *Interface, p *packet.Packet) (*Interface, drop.Reason) {
	if reason := w.cross(i, p); reason != drop.None {
		return nil, reason
	}
	return w.route(i, p)
}

// cross takes p through the gateway that stands as interface i. A NAT gateway tells senders inside of what it refuses where
// AWS's does: with RST where it has no session (any longer), with ICMP where the time to live ran out (aws-semantics 5.1, 5.4).
func (w *Worker) cross(i *Interface, p *packet.Packet) drop.Reason {
	if w.trace != nil {
		if rule, reason, ok := w.trace.retranslate(i, p); ok {
			d := made(StageGateway, i.ID, p, reason)
			d.words[0] = rule
			return w.decided(&d, p)
		}
	}
	w.approach(i.ID, p)
	src, dst := netip.AddrPortFrom(p.Src, p.SrcPort), netip.AddrPortFrom(p.Dst, p.DstPort)
	reason := w.step(StageGateway, i.ID, nil, p, i.Gateway.Cross(p))
	switch {
	case reason == drop.NATIdle:
		w.answer = answer{kind: answerReset, to: i, leaves: true}
	case reason == drop.TTLExpired && !i.owns(p.Dst) && len(i.Addrs) > 0:
		w.answer = answer{kind: answerTimeExceeded, to: i, leaves: true, from: i.Addrs[0]}
	case reason == drop.None && w.trace != nil:
		w.trace.translated(i, src, dst, p)
	case reason == drop.None && p.IsFragment() && !p.LaterFragment():
		w.first = i
	}
	return reason
}

// fit sees to it that p fits through the target of route r: it clamps the MSS that a SYN announces, and where p is too
// large marks it for fragmenting at its delivery, or drops it (aws-semantics 8.5; RFC 791, RFC 1191, RFC 8201).
func (w *Worker) fit(from *Interface, r *Route, p *packet.Packet) drop.Reason {
	if r.ClampMSS != 0 && p.Protocol == packet.TCP && p.TCPFlags&packet.SYN != 0 {
		mss := r.ClampMSS
		if !p.Src.Is4() {
			mss -= 20 // the header is that much longer
		}
		p.ClampMSS(mss)
	}
	switch {
	case r.MTU == 0 || p.WireLen() <= int(r.MTU):
		return drop.None
	case r.Silent:
		return drop.MTUExceeded
	case !p.DontFragment():
		if w.mtu == 0 || r.MTU < w.mtu {
			w.mtu = r.MTU
		}
		return drop.None
	}
	if sender := tooBigSender(from, r, p); sender.IsValid() {
		w.answer = answer{kind: answerTooBig, to: from, from: sender, mtu: r.MTU}
	}
	return drop.MTUExceeded
}

// tooBigSender is who says that a packet was too big: the NAT gateway that would have had to take it, else the router of the
// sender's subnet (aws-semantics 4: the answer comes from there; 5.2).
func tooBigSender(from *Interface, r *Route, p *packet.Packet) netip.Addr {
	switch {
	case r.Interface != nil && r.Interface.Gateway != nil && len(r.Interface.Addrs) > 0 && p.Src.Is4():
		return r.Interface.Addrs[0]
	case from.Subnet != nil:
		return from.Subnet.router(p.Src)
	}
	return netip.Addr{}
}

// unicast says whether a packet is from and to addresses that a host can have: a VPC carries neither broadcast nor
// multicast (aws-semantics 8.2), and some addresses no packet on a wire may have (RFC 1122 3.2.1.3, RFC 1112 4, RFC 4291 2.5).
func unicast(p *packet.Packet) bool {
	if p.Dst.Is4() {
		src, dst := p.Src.As4(), p.Dst.As4()
		return isHost(src[0]) && isHost(dst[0])
	}
	return isHost6(p.Src) && isHost6(p.Dst)
}

// isHost says whether an IPv4 address with this first byte can be a host's: not 0/8, 127/8, multicast or class E, to which
// the limited broadcast belongs.
func isHost(first byte) bool { return first != 0 && first != 127 && first < 224 }

// isHost6 says whether an IPv6 address can be a host's beyond its own link.
func isHost6(a netip.Addr) bool {
	return !a.IsUnspecified() && !a.IsLoopback() && !a.IsMulticast() && !a.IsLinkLocalUnicast()
}
