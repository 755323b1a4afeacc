package nat

import (
	"net/netip"
	"unsafe"

	"vpcsim/dataplane/index"
	"vpcsim/dataplane/packet"
)

// A session that will be looked up soon is a number, so that those who keep it need not know what it is: the hash by which it is
// looked up, in which the bits that are left for it say its shard, and whether from outside.
const (
	aheadShard   = 51
	aheadInbound = 1 << 50
	aheadOwn     = (shardCount-1)<<aheadShard | aheadInbound
)

// Ahead asks for the place where the session of p is looked up when p crosses as a packet to dst, which is p.Dst or what an internet
// gateway will make of it; dst is IPv4. The number is for [Gateway.Fetch] and then [Gateway.Inside], each called for all packets
// of a batch before the next, so that they wait for memory together (see hint.go of package index). It decides nothing.
func (g *Gateway) Ahead(p *packet.Packet, dst netip.Addr) uint64 {
	c, to := g.config.Load(), number(dst)
	if !p.Src.Is4() {
		return 0
	}
	from := uint32(p.Addresses4() >> 32)
	if inbound := c.owns(to); inbound {
		k := newKey(to, from, p.DstPort, p.SrcPort, p.Protocol)
		return g.ahead(&k, func(s *shard) *index.Index[key] { return &s.outside }) | aheadInbound
	}
	k := newKey(from, to, p.SrcPort, p.DstPort, p.Protocol)
	return g.ahead(&k, func(s *shard) *index.Index[key] { return &s.inside })
}

func (g *Gateway) ahead(k *key, side func(*shard) *index.Index[key]) uint64 {
	h, s := k.hash(&g.seed), g.shardNumber(k)
	side(&g.shards[s]).Prefetch(h)
	return h&^aheadOwn | s<<aheadShard
}

// Fetch asks for the session itself, if there seems to be one.
func (g *Gateway) Fetch(ahead uint64) {
	if f := g.guess(ahead); f != nil {
		index.Prefetch(unsafe.Pointer(f), 0, 0)
	}
}

// Inside guesses the inside end of the session of a packet from outside; false for any other packet, and if there seems to be none.
func (g *Gateway) Inside(ahead uint64) (netip.AddrPort, bool) {
	if ahead&aheadInbound == 0 {
		return netip.AddrPort{}, false
	}
	f := g.guess(ahead)
	if f == nil {
		return netip.AddrPort{}, false
	}
	ports := (*uint32)(unsafe.Pointer(&f.insidePort)) // and ownPort
	return netip.AddrPortFrom(address(index.Peek(&f.inside)), uint16(index.Peek(ports))), true
}

// guess returns where the session seems to be; nil if there seems to be none.
func (g *Gateway) guess(ahead uint64) *session {
	s := &g.shards[ahead>>aheadShard%shardCount]
	side := &s.inside
	if ahead&aheadInbound != 0 {
		side = &s.outside
	}
	slot, ok := side.Guess(ahead)
	shared := s.shared.Load()
	if !ok || shared == nil || int(slot) >= len(*shared) {
		return nil
	}
	return &(*shared)[slot]
}
