package dataplane

import (
	"net/netip"

	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

// maxHops bounds the number of lookups for one packet. The longest path there is in a VPC without loops is far shorter:
// table, internet, local.
const maxHops = 16

// Forward carries p, which entered at from, through the graph, and returns the interface it is to be delivered at, or why it
// is dropped. It rewrites p on the way. It does not allocate and returns no error.
//
// The order of the steps is AWS's (aws-semantics 0.1).
func (w *Worker) Forward(from *Interface, p *packet.Packet) (*Interface, drop.Reason) {
	if reason := w.leave(from, p); reason != drop.None {
		return nil, reason
	}
	return w.route(from, p)
}

// route is Forward once the packet has left its interface.
func (w *Worker) route(from *Interface, p *packet.Packet) (*Interface, drop.Reason) {
	node := from.next(p.Dst)
	for range maxHops {
		r, ok := node.Routes.Lookup(p.Dst)
		if !ok {
			return nil, w.step(StageRoute, node.ID, nil, p, drop.NoRouteToDestination)
		}
		if w.step(StageRoute, node.ID, r, p, r.Drop) != drop.None {
			return nil, r.Drop
		}
		if r.Gateway != nil {
			if reason := w.step(StageGateway, r.Target, r, p, r.Gateway.Cross(p)); reason != drop.None {
				return nil, reason
			}
		}
		if r.Interface != nil {
			return r.Interface, w.arrive(r.Interface, p)
		}
		node = r.Node
	}
	return nil, w.step(StageRoute, node.ID, nil, p, drop.Loop)
}

// leave is what happens at the interface that sends p.
func (w *Worker) leave(i *Interface, p *packet.Packet) drop.Reason {
	if reason := unicast(p); reason != drop.None {
		return w.step(StageInterface, i.ID, nil, p, reason)
	}
	if i.SourceDestCheck && !i.owns(p.Src) {
		return w.step(StageInterface, i.ID, nil, p, drop.SourceDestCheck)
	}
	w.step(StageInterface, i.ID, nil, p, drop.None)
	if i.Subnet == nil {
		return drop.None
	}
	return w.track(i, p, outbound)
}

// arrive is what happens at the interface that p is delivered to.
func (w *Worker) arrive(i *Interface, p *packet.Packet) drop.Reason {
	if i.Subnet != nil {
		if reason := w.track(i, p, inbound); reason != drop.None {
			return reason
		}
	}
	if i.SourceDestCheck && !i.owns(p.Dst) {
		return w.step(StageInterface, i.ID, nil, p, drop.SourceDestCheck)
	}
	return w.step(StageInterface, i.ID, nil, p, drop.None)
}

// unicast refuses what a VPC never carries: IPv6 as yet, broadcast and multicast (aws-semantics 8.2), and addresses that
// no packet on a wire may have (RFC 1122 3.2.1.3, RFC 1112 4).
func unicast(p *packet.Packet) drop.Reason {
	if !p.Dst.Is4() {
		return drop.IPv6
	}
	if src, dst := p.Src.As4(), p.Dst.As4(); !isHost(src[0]) || !isHost(dst[0]) {
		return drop.NotUnicast
	}
	return drop.None
}

// isHost says whether an IPv4 address with this first byte can be a host's: not 0/8, 127/8, multicast or class E, to which
// the limited broadcast belongs.
func isHost(first byte) bool { return first != 0 && first != 127 && first < 224 }

func (i *Interface) owns(a netip.Addr) bool {
	for _, own := range i.Addrs {
		if own == a {
			return true
		}
	}
	return false
}
