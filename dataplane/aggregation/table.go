// Package aggregation adds packets up to the flows of flow log records: what a network interface's filters did, in one direction, with the
// packets of one 5-tuple during one aggregation interval (aws-semantics 9.1).
//
// # State
//
// A [Table] is one worker's share of one interval: the worker alone adds to it, without locks, until its owner takes it away and gives
// the worker another. A table is thrown away after its interval, so nothing is ever deleted from one. The tables of an interval share a
// [Room], which bounds how many flows they hold together: a worker takes space from it a piece at a time, so that the shared counter is
// touched once for many new flows and never for packets of known ones. What finds no room is counted by its interface, and becomes
// SKIPDATA.
//
// A flow costs 16 bytes of key (40 for IPv6) and 24 of sums, and no pointer. Tables of one log have the same seed, so that a flow is in
// the same shard of all: [Merge] puts them together shard by shard, which needs little memory beside them.
package aggregation

import (
	"net/netip"
	"sync/atomic"
	"time"

	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/index"
	"vpcsim/dataplane/packet"
)

// Traffic is which packets are logged (TrafficType).
type Traffic uint8

// The types of traffic.
const (
	All Traffic = iota
	Accepted
	Rejected
)

// Wants says whether packets with which an interface's filters did this are logged.
func (t Traffic) Wants(a drop.Action) bool { return t == All || (t == Rejected) == (a == drop.Reject) }

// Flow is what there was of one flow at one interface, in one direction.
type Flow struct {
	Interface        uint32     // the interface's number
	Src, Dst         netip.Addr // of the packets
	SrcPort, DstPort uint16     // of TCP and UDP; 0 for all else
	Protocol         uint8
	Egress           bool
	Action           drop.Action
	Path             conntrack.Path // of egress: the class of the route; PathNone if no route took the packets

	Packets, Bytes uint64 // datagrams on the wire, and their IP headers and payload
	First, Last    int64  // when the first and the last packet came, in whole seconds after the table's origin
	TCPFlags       uint8  // as tcp-flags has them
}

// Room is how many flows the tables of one interval may hold together.
type Room struct{ left atomic.Int64 }

// NewRoom returns room for so many flows.
func NewRoom(flows int) *Room {
	r := &Room{}
	r.left.Store(int64(flows))
	return r
}

// piece is how much room a table takes at once.
const piece = 64

// take returns how much of a piece was left.
func (r *Room) take() int { return int(min(piece, max(0, r.left.Add(-piece)+piece))) }

// shards is how many parts a family of a table has: of a million flows each part grows by 30,000 at once, in some two milliseconds.
const shards = 16

// Table is the flows that one worker has seen in an interval. Make one with [NewTable].
type Table struct {
	seed    index.Seed
	room    *Room
	granted int   // of room, not yet used
	origin  int64 // monotonic ns
	traffic Traffic

	four    *family[key4] // nil until the first flow
	six     *family[key6]
	skipped []uint64 // packets that found no room, by the number of their interface
}

// NewTable returns an empty table, made of nothing until it is used. origin is the monotonic time in ns that First and Last count from: a
// time at which a second of the clock on the wall begins.
func NewTable(seed index.Seed, room *Room, origin int64, traffic Traffic) *Table {
	return &Table{seed: seed, room: room, origin: origin, traffic: traffic}
}

// family is the flows of one IP version.
type family[K key] struct {
	hash   func(*K) uint64
	shards [shards]shard[K]
}

type shard[K key] struct {
	index index.Index[K]
	sums  []sums // the slots
}

// sums is the part of a Flow that packets are added to.
type sums struct {
	packets, bytes uint64
	first, last    uint16 // seconds after the origin; 18 hours are enough for an interval of ten minutes
	flags          uint8
}

func newFamily[K key](hash func(*K) uint64) *family[K] {
	f := &family[K]{hash: hash}
	for i := range f.shards {
		f.shards[i].index = index.New(hash)
	}
	return f
}

// Add counts a decoded packet at an interface, given by its number. It allocates only to grow.
func (t *Table) Add(at uint32, p *packet.Packet, egress bool, a drop.Action, path conntrack.Path) {
	if !t.traffic.Wants(a) {
		return
	}
	rest, ok := pack(at, p, egress, a, path)
	if !ok {
		t.skip(at, uint64(p.Segments()))
		return
	}
	var s *sums
	if p.Src.Is4() {
		k := key4{p.Addresses4(), rest}
		s = t.sums4(&k)
	} else {
		k := key6{4: rest}
		k.setAddresses(p)
		s = t.sums6(&k)
	}
	if s == nil {
		t.skip(at, uint64(p.Segments()))
		return
	}
	s.see(p, t.second(p.Time))
}

func (t *Table) sums4(k *key4) *sums {
	if t.four == nil {
		seed := t.seed
		t.four = newFamily(func(k *key4) uint64 { return seed.Hash16((*[2]uint64)(k)) })
	}
	return t.four.find(t, k, t.seed.Hash16((*[2]uint64)(k)))
}

func (t *Table) sums6(k *key6) *sums {
	if t.six == nil {
		seed := t.seed
		t.six = newFamily(func(k *key6) uint64 { return seed.Hash40((*[5]uint64)(k)) })
	}
	return t.six.find(t, k, t.seed.Hash40((*[5]uint64)(k)))
}

// find returns the sums of a key, new ones if there are none; nil if there is no room.
func (f *family[K]) find(t *Table, k *K, h uint64) *sums {
	s := f.shard(h)
	if slot, ok := s.index.Find(k, h); ok {
		return &s.sums[slot]
	}
	if t.granted == 0 {
		if t.granted = t.room.take(); t.granted == 0 {
			return nil
		}
	}
	t.granted--
	return s.put(k, h)
}

func (f *family[K]) shard(h uint64) *shard[K] { return &f.shards[h>>51%shards] }

// put makes the sums of a key that has none.
func (s *shard[K]) put(k *K, h uint64) *sums {
	slot := len(s.sums)
	s.index.Put(k, h, int32(slot))
	s.sums = append(s.sums, sums{})
	return &s.sums[slot]
}

// second is a monotonic time as sums has it.
func (t *Table) second(now int64) uint16 {
	return uint16(min(max(0, now-t.origin)/int64(time.Second), 1<<16-1))
}

func (s *sums) see(p *packet.Packet, second uint16) {
	if s.packets == 0 {
		s.first = second
	}
	s.packets += uint64(p.Segments())
	s.bytes += uint64(p.WireBytes())
	s.last = max(s.last, second)
	if p.Protocol == packet.TCP && !p.LaterFragment() {
		s.flags |= flags(p.TCPFlags)
	}
}

// flags is a segment's flags as tcp-flags counts them: FIN, SYN and RST, and ACK only beside SYN (aws-semantics 9.1).
func flags(f uint8) uint8 {
	counted := f & (packet.FIN | packet.SYN | packet.RST)
	if f&packet.SYN != 0 {
		counted |= f & packet.ACK
	}
	return counted
}

// skip counts packets that were not logged for want of room.
func (t *Table) skip(at uint32, packets uint64) {
	for int(at) >= len(t.skipped) {
		t.skipped = append(t.skipped, 0)
	}
	t.skipped[at] += packets
}
