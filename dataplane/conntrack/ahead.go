package conntrack

import (
	"net/netip"
	"unsafe"

	"vpcsim/dataplane/index"
	"vpcsim/dataplane/packet"
)

// aheadFrom is how many flows there must be for looking ahead to pay: fewer stay in the processor's caches.
const aheadFrom = 20_000

// IsBig says whether the table is so big that looking ahead pays.
func (t *Table) IsBig() bool { return index.Hints && t.Len() >= aheadFrom }

// Ahead is a flow that will be looked up soon. Who has a batch of packets makes one for each, calls Fetch for each, and forwards them
// then: so the memory of all their flows is waited for together (see hint.go of package index). It decides nothing.
type Ahead struct {
	v4 *shard[key4] // one of the two is set, or none
	v6 *shard[key6]
	h  uint64
}

// Ahead asks for the place where the flow of p at the interface with number zone is looked up, as Acquire does.
func (t *Table) Ahead(zone uint32, p *packet.Packet, outbound bool) Ahead {
	if outbound {
		return t.ahead(p.Src, p.Dst, packRest(p.SrcPort, p.DstPort, zone, p.Protocol))
	}
	return t.ahead(p.Dst, p.Src, packRest(p.DstPort, p.SrcPort, zone, p.Protocol))
}

// AheadTuple is Ahead for the flow k.
func (t *Table) AheadTuple(k Tuple) Ahead {
	return t.ahead(k.Local.Addr(), k.Remote.Addr(), packRest(k.Local.Port(), k.Remote.Port(), k.Zone, k.Protocol))
}

func (t *Table) ahead(local, remote netip.Addr, rest uint64) Ahead {
	if local.Is4() {
		k := pack4(local, remote, rest)
		h := t.hash4(&k)
		s := &t.v4[shardOf(h)]
		s.index.Prefetch(h)
		return Ahead{v4: s, h: h}
	}
	k := pack6(local, remote, rest)
	h := t.hash6(&k)
	s := &t.v6[shardOf(h)]
	s.index.Prefetch(h)
	return Ahead{v6: s, h: h}
}

// Fetch asks for the flow itself, if there seems to be one.
func (a Ahead) Fetch() {
	switch {
	case a.v4 != nil:
		a.v4.fetch(a.h)
	case a.v6 != nil:
		a.v6.fetch(a.h)
	}
}

func (s *shard[K]) fetch(h uint64) {
	if slot, ok := s.index.Guess(h); ok {
		index.Prefetch(unsafe.Pointer(s.first.Load()), slot, unsafe.Sizeof(Flow{}))
	}
}
