// Package conntrack remembers the connections that pass each network interface.
//
// # State
//
// The table is cut into shards by a seeded hash of the flow's key; a shard is a mutex, an index from key to slot, and a slab
// of pointer-free [Flow] slots. A flow is born by the first packet of a connection that passes an interface, is looked up by
// every later one, and dies when it has been idle for too long, when it is closed and its port is used again, or when
// its interface goes. Flows outlive snapshots: what a route change does to them is the caller's verdict (the dataplane
// package), for which each flow keeps the target it took first and the generation it was last judged under.
//
// A flow that was cut stays as a tombstone, so that it cannot be resumed if the route flaps back; a fresh SYN on the same
// ports opens a new flow in its place.
//
// Who may touch it: whoever holds the shard, for a few lines. No goroutine holds two shards.
package conntrack

import (
	"math/rand/v2"
	"sync"

	"vpcsim/dataplane/packet"
)

const (
	shardBits = 6
	shards    = 1 << shardBits
)

// Table holds the flows of one router. Make one with [New].
type Table struct {
	seed   seed
	shards [shards]Shard
}

// Shard is one part of the table, held by the caller between [Table.Acquire] and [Shard.Release].
type Shard struct {
	seed     seed
	capacity int

	mu    sync.Mutex
	hash  uint64  // guarded by mu; of the key that the shard is held for
	index index   // guarded by mu
	slab  []Flow  // guarded by mu
	free  []int32 // guarded by mu; unused slots of slab

	_ [64]byte // two workers in neighbouring shards should not share a cache line
}

// New returns a table for up to capacity flows, rounded up to a multiple of the number of shards. Memory is taken as flows
// come: about 100 bytes each.
func New(capacity int) *Table {
	t := &Table{seed: seed{rand.Uint64(), rand.Uint64()}}
	for i := range t.shards {
		t.shards[i].seed = t.seed
		t.shards[i].capacity = (capacity + shards - 1) / shards
	}
	return t
}

// Acquire locks the shard that k belongs to, for looking k up.
func (t *Table) Acquire(k Key) *Shard {
	h := k.hash(t.seed)
	s := &t.shards[h>>(64-shardBits)] // the index uses the low bits
	s.mu.Lock()
	s.hash = h
	return s
}

// Release unlocks the shard; every *Flow got from it is invalid from here on.
func (s *Shard) Release() { s.mu.Unlock() }

// Find returns the flow with key k, which the shard was acquired for, or nil. It does not look at the clock: a flow that has been idle for too long is found
// until something expires it.
func (s *Shard) Find(k Key) *Flow {
	if i, ok := s.index.find(s.slab, &k, s.hash); ok {
		return &s.slab[i]
	}
	return nil
}

// Open makes the flow that packet p begins, with the key k that the shard was acquired for, replacing one with the same key. It returns nil if the table is full even after
// idle flows are forgotten. The caller fills in Target, Generation, Path and Source.
func (s *Shard) Open(k Key, p *packet.Packet, outbound bool) *Flow {
	i, ok := s.index.find(s.slab, &k, s.hash)
	if !ok {
		if i, ok = s.slot(p.Time); !ok {
			return nil
		}
		s.index.put(s.slab, s.seed, i, s.hash)
	}
	f := &s.slab[i]
	*f = Flow{used: true, Key: k, Opened: p.Time, Outbound: outbound, State: Established}
	if p.Protocol == packet.TCP && p.TCPFlags&packet.SYN != 0 {
		f.State = SynSent
	}
	f.see(p, outbound)
	return f
}

// See notes that p passed as part of the flow.
func (s *Shard) See(f *Flow, p *packet.Packet, outbound bool) { f.see(p, outbound) }

// Delete forgets the flow.
func (s *Shard) Delete(f *Flow) {
	h := f.hash(s.seed)
	i, _ := s.index.find(s.slab, &f.Key, h)
	s.index.remove(s.slab, s.seed, i, h)
	s.slab[i] = Flow{}
	s.free = append(s.free, i)
}

func (s *Shard) slot(now int64) (int32, bool) {
	if len(s.free) == 0 && len(s.slab) >= s.capacity {
		s.expire(now)
	}
	if n := len(s.free); n > 0 {
		i := s.free[n-1]
		s.free = s.free[:n-1]
		return i, true
	}
	if len(s.slab) >= s.capacity {
		return 0, false
	}
	s.slab = append(s.slab, Flow{})
	return int32(len(s.slab) - 1), true
}

func (s *Shard) expire(now int64) (n int) {
	for i := range s.slab {
		if f := &s.slab[i]; f.used && f.expired(now) {
			s.Delete(f)
			n++
		}
	}
	return n
}

// Expire forgets the flows that have been idle for too long at the time now, and returns how many. It holds one shard at
// a time.
func (t *Table) Expire(now int64) (n int) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		n += s.expire(now)
		s.mu.Unlock()
	}
	return n
}

// Each calls visit for every flow, holding the flow's shard. visit may change the flow and may delete it, and must not use
// the table otherwise.
func (t *Table) Each(visit func(*Shard, *Flow)) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		for i := range s.slab {
			if f := &s.slab[i]; f.used {
				visit(s, f)
			}
		}
		s.mu.Unlock()
	}
}

// Len returns the number of flows, tombstones included.
func (t *Table) Len() (n int) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		n += s.index.used
		s.mu.Unlock()
	}
	return n
}
