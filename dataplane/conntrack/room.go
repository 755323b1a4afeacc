package conntrack

import (
	"sync/atomic"

	"vpcsim/dataplane/index"
)

// room is what the shards of a table share: how many flows there may be, so that a shard that got more than its part of them
// refuses none as long as the table has room.
type room struct {
	capacity  int64
	parts     []part       // all shards; fixed
	flows     atomic.Int64 // in all shards
	evictable atomic.Int64 // of these, how many may be evicted
	swept     atomic.Int64 // the tick in which room was last sought by expiring flows in all shards
}

// take takes the place of one flow, if there is one.
func (r *room) take() bool {
	for {
		n := r.flows.Load()
		if n >= r.capacity {
			return false
		}
		if r.flows.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// find takes a place for a flow of the shard self, which the caller holds, at the expense of others if need be.
func (r *room) find(self part, now int64) bool {
	if r.take() {
		return true
	}
	self.expire(now)
	if r.take() {
		return true
	}
	if tick, last := now/int64(index.Tick), r.swept.Load(); tick > last && r.swept.CompareAndSwap(last, tick) {
		r.others(self, func(p part) bool { return p.expire(now) < 0 })
	}
	for !r.take() {
		if !self.evict() && !r.evictElsewhere(self) {
			return false
		}
	}
	return true
}

// evictElsewhere evicts a flow of another shard than self. A flood at a table full of connections costs it one look.
func (r *room) evictElsewhere(self part) bool {
	return r.evictable.Load() > 0 && r.others(self, part.evict)
}

// others holds each shard but self in turn until enough returns true. It waits for none, since those who hold them may be in here
// too: one that is busy is passed over.
func (r *room) others(self part, enough func(part) bool) bool {
	start := self.number()
	for i := 1; i < len(r.parts); i++ {
		p := r.parts[(start+i)%len(r.parts)]
		if !p.tryLock() {
			continue
		}
		done := enough(p)
		p.unlock()
		if done {
			return true
		}
	}
	return false
}
