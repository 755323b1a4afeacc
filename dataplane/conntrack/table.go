// Package conntrack remembers the connections that pass each network interface.
//
// # State
//
// A [Table] has one part for IPv4 and one for IPv6, which differ in their keys alone. Each is cut into shards by a seeded hash of the
// flow's key. A shard is a mutex, an index from key to slot, slices of pointer-free [Flow] slots and their keys, a wheel that wakes
// flows up when they may have been idle for too long, and queues of those that may be evicted.
//
// A flow is born by the first packet of a connection that passes an interface, is looked up by every later one, and dies when it
// has been idle for too long, when it is closed and its port is used again, when its interface goes, or for want of room (see
// [Config]). Flows outlive snapshots: what a route change or a rule change does to them is the caller's verdict (the dataplane package),
// for which each flow keeps the target it took first and the generation it was last judged under.
//
// A flow that was cut stays as a tombstone, so that it cannot be resumed if the route flaps back; a fresh SYN on the same
// ports opens a new flow in its place.
//
// Who may touch it: whoever holds the shard, for a few lines. No goroutine waits for a shard while it holds another.
package conntrack

import (
	"net/netip"

	"vpcsim/dataplane/index"
	"vpcsim/dataplane/packet"
)

const shards = 64 // of each family

// Config says how big a table may become.
type Config struct {
	// Capacity is how many flows there may be, IPv4 and IPv6 together; whichever shards they fall into, so many fit. When they are
	// all there and none has been idle for too long, a new one takes the place of one that is no connection: of the oldest
	// unfinished TCP handshake in its shard, else of the oldest flow that nobody answered, else of the connection
	// closed longest ago, else of one of these in another shard. An established one never has to go.
	Capacity int
}

// Stats counts what happened to a table's flows since it was made.
type Stats struct {
	Opened  uint64 // flows made
	Expired uint64 // idle for longer than their time-outs
	Evicted uint64 // forgotten before their time to make room
	Refused uint64 // not made for want of room
}

func (s *Stats) add(o Stats) {
	s.Opened += o.Opened
	s.Expired += o.Expired
	s.Evicted += o.Evicted
	s.Refused += o.Refused
}

// Table holds the flows of one router. Make one with [New]. Its methods may be called by any goroutine that holds no shard.
type Table struct {
	seed index.Seed
	v4   [shards]shard[key4]
	v6   [shards]shard[key6]
	room room
}

// New returns an empty table. Memory is taken as flows come, about 140 bytes each, and kept for others when they go.
func New(c Config) *Table {
	t := &Table{seed: index.NewSeed()}
	t.room.capacity = int64(c.Capacity)
	for i := range shards {
		t.v4[i].start(&t.room, t.hash4)
		t.v6[i].start(&t.room, t.hash6)
	}
	return t
}

func (t *Table) hash4(k *key4) uint64 { return t.seed.Hash16((*[2]uint64)(k)) }
func (t *Table) hash6(k *key6) uint64 { return t.seed.Hash40((*[5]uint64)(k)) }

// Acquire locks the shard of the flow that packet p belongs to at the interface with number zone.
func (t *Table) Acquire(zone uint32, p *packet.Packet, outbound bool) Held {
	if outbound {
		return t.acquire(p.Src, p.Dst, packRest(p.SrcPort, p.DstPort, zone, p.Protocol))
	}
	return t.acquire(p.Dst, p.Src, packRest(p.DstPort, p.SrcPort, zone, p.Protocol))
}

// AcquireTuple locks the shard of the flow k.
func (t *Table) AcquireTuple(k Tuple) Held {
	return t.acquire(k.Local.Addr(), k.Remote.Addr(), packRest(k.Local.Port(), k.Remote.Port(), k.Zone, k.Protocol))
}

func (t *Table) acquire(local, remote netip.Addr, rest uint64) Held {
	if local.Is4() {
		k := pack4(local, remote, rest)
		h := t.hash4(&k)
		return Held{v4: t.v4[shardOf(h)].acquire(k, h)}
	}
	k := pack6(local, remote, rest)
	h := t.hash6(&k)
	return Held{v6: t.v6[shardOf(h)].acquire(k, h)}
}

// shardOf takes bits of the hash that the index makes no use of.
func shardOf(h uint64) uint64 { return h >> 51 % shards }

// Held is the shard of one flow, locked from [Table.Acquire] until [Held.Release]. It belongs to the goroutine that acquired it, which
// must not use the table otherwise meanwhile.
type Held struct {
	v4 *shard[key4] // one of the two is set: a call through an interface would cost every packet
	v6 *shard[key6]
}

// Flow returns the flow that the shard was acquired for, or nil if there is none: one that has been idle for longer than its
// time-out at the time now is gone.
func (h *Held) Flow(now int64) *Flow {
	if h.v4 != nil {
		return h.v4.flow(now)
	}
	return h.v6.flow(now)
}

// Tuple names the flow that the shard was acquired for, whether it exists or not.
func (h *Held) Tuple() Tuple {
	if h.v4 != nil {
		return h.v4.tuple()
	}
	return h.v6.tuple()
}

// Open makes the flow that packet p begins, in place of the one there was, and gives it the time-outs o. It returns nil if the
// table is full and nothing can be evicted.
func (h *Held) Open(p *packet.Packet, outbound bool, o Timeouts) *Flow {
	if h.v4 != nil {
		return h.v4.open(p, outbound, o)
	}
	return h.v6.open(p, outbound, o)
}

// See notes that p passed as part of f, which [Held.Flow] or [Held.Open] of h returned.
func (h *Held) See(f *Flow, p *packet.Packet, outbound bool) {
	if h.v4 != nil {
		h.v4.see(f, p, outbound)
		return
	}
	h.v6.see(f, p, outbound)
}

// Delete forgets the flow that the shard was acquired for, if there is one.
func (h *Held) Delete() {
	if h.v4 != nil {
		h.v4.remove()
		return
	}
	h.v6.remove()
}

// Release unlocks the shard; every *Flow got from it is invalid from here on.
func (h *Held) Release() {
	if h.v4 != nil {
		h.v4.unlock()
		return
	}
	h.v6.unlock()
}

// Each calls visit for every flow, holding the flow's shard and no other. visit may change the flow, returns whether it
// stays, and must not use the table.
func (t *Table) Each(visit func(Tuple, *Flow) (keep bool)) {
	for _, p := range t.room.parts {
		p.lock()
		p.each(visit)
		p.unlock()
	}
}

// Expire forgets the flows that have been idle for too long at the time now, and returns how many. The work is in proportion to
// the flows whose time may have come; one may be up to a second late, which Held.Flow does not show. It holds one shard at a time.
func (t *Table) Expire(now int64) (n int) {
	for _, p := range t.room.parts {
		p.lock()
		n += p.expire(now)
		p.unlock()
	}
	return n
}

// Len returns the number of flows, tombstones included.
func (t *Table) Len() int { return int(t.room.flows.Load()) }

// Stats returns the sums over all shards.
func (t *Table) Stats() (sum Stats) {
	for _, p := range t.room.parts {
		p.lock()
		p.count(&sum)
		p.unlock()
	}
	return sum
}
