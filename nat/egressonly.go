package nat

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"time"

	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/index"
	"vpcsim/dataplane/packet"
)

// EgressOnly is an egress-only internet gateway: IPv6 passes untranslated, and from the internet only what belongs to
// a connection that the VPC opened (aws-semantics 1.7, egress-only-internet-gateway). Its two directions are
// [EgressOnly.Outbound] and [EgressOnly.Inbound], for any number of goroutines.
//
// # State
//
// Every packet that goes out opens or keeps a connection, known by protocol, addresses and ports; 350 s after its last packet
// of either direction it is over. When the table is full, packets still go out, and their answers stay out. Of fragments
// only the first has ports: one that came in lets its followers in, by protocol and addresses, for 30 s.
//
// Both directions look up the same key, so that a packet needs one shard. No goroutine holds two shards.
type EgressOnly struct {
	seed   index.Seed
	shards [shardCount]connections
}

// connections are a shard of an EgressOnly.
type connections struct {
	mu       sync.Mutex
	seed     *index.Seed
	capacity int
	index    index.Index[connection] // guarded by mu
	wheel    index.Wheel             // guarded by mu
	slab     []remembered            // guarded by mu
	free     []int32                 // guarded by mu; unused slots of slab
	_        [64]byte                // two workers in neighbouring shards should not share a cache line
}

// connection is what a connection is known by: the two addresses, the inside's first, then its port, the other port, a bit
// for fragments, and the protocol.
type connection [5]uint64

type remembered struct {
	key   connection
	until int64
}

const followers = 1 << 8 // in the last word of a connection: it stands for later fragments

// NewEgressOnly returns an egress-only internet gateway that remembers up to capacity connections; 0 means 1<<20.
func NewEgressOnly(capacity int) *EgressOnly {
	if capacity == 0 {
		capacity = defaultCapacity
	}
	e := &EgressOnly{seed: index.NewSeed()}
	for i := range e.shards {
		s := &e.shards[i]
		s.seed, s.capacity, s.wheel = &e.seed, (capacity+shardCount-1)/shardCount, index.NewWheel()
		s.index = index.New(func(k *connection) uint64 { return e.seed.Hash40((*[5]uint64)(k)) })
	}
	return e
}

func newConnection(inside, outside netip.Addr, insidePort, outsidePort uint16, protocol uint8) (k connection) {
	a, b := inside.As16(), outside.As16()
	k[0], k[1] = binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(a[8:])
	k[2], k[3] = binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	k[4] = uint64(insidePort)<<48 | uint64(outsidePort)<<32 | uint64(protocol)
	return k
}

// Outbound is the way out of the VPC.
func (e *EgressOnly) Outbound() Outbound { return Outbound{e} }

// Inbound is the way into the VPC.
func (e *EgressOnly) Inbound() Inbound { return Inbound{e} }

// Expire forgets the connections that are over at the monotonic time now. Its owner calls it about once a second.
func (e *EgressOnly) Expire(now int64) {
	for i := range e.shards {
		e.shards[i].expire(now)
	}
}

// Outbound lets everything out and remembers its connection.
type Outbound struct{ e *EgressOnly }

// Cross lets the packet out.
func (o Outbound) Cross(p *packet.Packet) drop.Reason {
	if !p.Probe && !p.LaterFragment() && !p.IsICMPError() {
		k := newConnection(p.Src, p.Dst, p.SrcPort, p.DstPort, p.Protocol)
		o.e.keep(&k, p.Time, defaultIdle)
	}
	return drop.None
}

// Inbound lets in what belongs to a connection that was opened from inside.
type Inbound struct{ e *EgressOnly }

// Cross lets an answer in, less one in its hop limit as at an internet gateway, and ICMP errors about what went out. It
// drops anything else (drop.EgressOnly). A refused packet is as it came.
func (i Inbound) Cross(p *packet.Packet) drop.Reason {
	k := newConnection(p.Dst, p.Src, p.DstPort, p.SrcPort, p.Protocol)
	idle := defaultIdle
	switch {
	case p.IsICMPError():
		inside, ok := p.EmbeddedSrc()
		outside, _ := p.EmbeddedDst()
		protocol, insidePort, outsidePort, ports := p.EmbeddedPorts()
		if !ok || !ports || inside != p.Dst {
			return drop.EgressOnly
		}
		k, idle = newConnection(inside, outside, insidePort, outsidePort, protocol), 0
	case p.LaterFragment():
		k[4], idle = uint64(p.Protocol)|followers, 0
	case p.Protocol == packet.ICMPv6 && p.ICMPType == packet.ICMPv6EchoRequest:
		return drop.EgressOnly
	}
	if !i.e.knows(&k, p, idle) {
		return drop.EgressOnly
	}
	if reason := hop(p); reason != drop.None {
		return reason
	}
	if p.IsFragment() && !p.LaterFragment() && !p.Probe {
		k[4] = uint64(p.Protocol) | followers
		i.e.keep(&k, p.Time, fragmentTime)
	}
	return drop.None
}

// acquire locks the shard of k and returns it with k's hash.
func (e *EgressOnly) acquire(k *connection) (*connections, uint64) {
	h := e.seed.Hash40((*[5]uint64)(k))
	s := &e.shards[h>>51%shardCount]
	s.mu.Lock()
	return s, h
}

// keep remembers k until the time idle from now, if there is room.
func (e *EgressOnly) keep(k *connection, now int64, idle time.Duration) {
	s, h := e.acquire(k)
	defer s.mu.Unlock()
	until := now + int64(idle)
	if i, ok := s.index.Find(k, h); ok {
		s.slab[i].until = max(s.slab[i].until, until)
		return
	}
	n := len(s.free)
	i := int32(len(s.slab))
	switch {
	case n > 0:
		i = s.free[n-1]
		s.free = s.free[:n-1]
	case len(s.slab) < s.capacity:
		s.slab = append(s.slab, remembered{})
	default:
		return
	}
	s.slab[i] = remembered{*k, until}
	s.index.Put(k, h, i)
	s.wheel.Add(i, until)
}

// knows says whether k is remembered, and keeps it for the time idle from p's on unless p is a probe.
func (e *EgressOnly) knows(k *connection, p *packet.Packet, idle time.Duration) bool {
	s, h := e.acquire(k)
	defer s.mu.Unlock()
	i, ok := s.index.Find(k, h)
	if !ok || s.slab[i].until <= p.Time {
		return false
	}
	if !p.Probe {
		s.slab[i].until = max(s.slab[i].until, p.Time+int64(idle))
	}
	return true
}

func (s *connections) expire(now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wheel.Advance(now, func(i int32) (again int64) {
		c := &s.slab[i]
		if now < c.until {
			return c.until
		}
		s.index.Remove(&c.key, s.seed.Hash40((*[5]uint64)(&c.key)))
		s.free = append(s.free, i)
		return 0
	})
}
