package conntrack

import (
	"sync"
	"sync/atomic"

	"vpcsim/dataplane/index"
	"vpcsim/dataplane/packet"
)

// part is a shard of either family, as the others see it. All but lock, tryLock and number want it held.
type part interface {
	lock()
	tryLock() bool
	unlock()
	number() int

	each(visit func(Tuple, *Flow) (keep bool))
	expire(now int64) (n int)
	evict() bool
	count(sum *Stats)
}

// queue says where a slot stands: the free ones and those that may be evicted in order, oldest first.
type queue uint8

const (
	free       queue = iota // no flow
	handshake               // TCP that is not yet a connection
	unanswered              // nobody has answered; or ICMP, answered or not
	closed                  // TCP that is no longer a connection
	queues
	kept = queues // in no queue: not to be evicted
)

// queueOf says where f belongs. A question by ICMP and its answer stand for themselves: when the flow has gone the next question opens it
// again. So they never take the place of a connection for good (nor are they ever "assured" in Linux, which keeps those when its table is full).
func queueOf(f *Flow) queue {
	switch {
	case f.State == Closed:
		return closed
	case f.State != Established:
		return handshake
	case f.protocol == packet.ICMP, f.protocol == packet.ICMPv6:
		return unanswered
	case f.marks&answered == 0: // also TCP met in mid-stream, of which only one side has been seen yet
		return unanswered
	}
	return kept
}

// shard is one part of the flows of a family.
type shard[K key] struct {
	room *room
	hash func(*K) uint64
	no   int

	mu     sync.Mutex
	key    K              // guarded by mu; what the shard was acquired for
	h      uint64         // guarded by mu; its hash
	index  index.Index[K] // guarded by mu
	flows  []Flow         // guarded by mu; the slots
	keys   []K            // guarded by mu; of each slot
	queues index.Lists    // guarded by mu; made with the first slot
	wheel  index.Wheel    // guarded by mu; made with the first slot
	stats  Stats          // guarded by mu

	first atomic.Pointer[Flow] // &flows[0], for hints

	_ [64]byte // two workers in neighbouring shards should not share a cache line
}

func (s *shard[K]) start(r *room, hash func(*K) uint64) {
	s.room, s.hash, s.no = r, hash, len(r.parts)
	s.index = index.New(hash)
	r.parts = append(r.parts, s)
}

func (s *shard[K]) acquire(k K, h uint64) *shard[K] {
	s.mu.Lock()
	s.key, s.h = k, h
	return s
}

func (s *shard[K]) lock()            { s.mu.Lock() }
func (s *shard[K]) tryLock() bool    { return s.mu.TryLock() }
func (s *shard[K]) unlock()          { s.mu.Unlock() }
func (s *shard[K]) number() int      { return s.no }
func (s *shard[K]) tuple() Tuple     { return s.key.tuple() }
func (s *shard[K]) count(sum *Stats) { sum.add(s.stats) }

func (s *shard[K]) flow(now int64) *Flow {
	slot, ok := s.index.Find(&s.key, s.h)
	if !ok {
		return nil
	}
	f := &s.flows[slot]
	if now >= f.deadline() {
		s.forget(slot)
		s.stats.Expired++
		return nil
	}
	return f
}

func (s *shard[K]) open(p *packet.Packet, outbound bool, o Timeouts) *Flow {
	slot, ok := s.index.Find(&s.key, s.h)
	if !ok {
		if !s.room.find(s, p.Time) {
			s.stats.Refused++
			return nil
		}
		slot = s.slot()
		s.keys[slot] = s.key
		s.index.Put(&s.key, s.h, slot)
	}
	s.stats.Opened++
	f := &s.flows[slot]
	*f = Flow{Opened: p.Time, LastSeen: p.Time, Outbound: outbound, protocol: p.Protocol, queue: f.queue}
	f.setIdle(o)
	f.begin(p)
	s.enqueue(slot, queueOf(f))
	s.wheel.Add(slot, f.deadline())
	return f
}

// slot returns one without a flow.
func (s *shard[K]) slot() int32 {
	if s.flows == nil {
		s.queues, s.wheel = index.NewLists(int(queues)), index.NewWheel()
	}
	if slot, ok := s.queues.First(int(free)); ok {
		s.queues.Remove(slot)
		return slot
	}
	var none K
	s.flows, s.keys = append(s.flows, Flow{}), append(s.keys, none)
	if first := &s.flows[0]; first != s.first.Load() {
		s.first.Store(first)
	}
	return int32(len(s.flows) - 1)
}

func (s *shard[K]) see(f *Flow, p *packet.Packet, outbound bool) {
	f.see(p, outbound)
	to := queueOf(f)
	if to == f.queue {
		return
	}
	slot, _ := s.index.Find(&s.key, s.h)
	s.enqueue(slot, to)
	if to == closed { // sooner than the wheel knows
		s.wheel.Add(slot, f.deadline())
	}
}

// enqueue puts the slot into another queue than it is in.
func (s *shard[K]) enqueue(slot int32, to queue) {
	f := &s.flows[slot]
	if d := evictable(to) - evictable(f.queue); d != 0 {
		s.room.evictable.Add(d)
	}
	f.queue = to
	if to == kept {
		s.queues.Remove(slot)
	} else {
		s.queues.Push(int(to), slot)
	}
}

func evictable(q queue) int64 {
	if q == free || q == kept {
		return 0
	}
	return 1
}

func (s *shard[K]) remove() {
	if slot, ok := s.index.Find(&s.key, s.h); ok {
		s.forget(slot)
	}
}

func (s *shard[K]) forget(slot int32) {
	k := &s.keys[slot]
	s.index.Remove(k, s.hash(k))
	s.wheel.Remove(slot)
	s.enqueue(slot, free)
	s.room.flows.Add(-1)
}

func (s *shard[K]) each(visit func(Tuple, *Flow) (keep bool)) {
	for i := range s.flows {
		if s.flows[i].queue != free && !visit(s.keys[i].tuple(), &s.flows[i]) {
			s.forget(int32(i))
		}
	}
}

func (s *shard[K]) expire(now int64) (n int) {
	if s.index.Len() == 0 {
		return 0
	}
	s.wheel.Advance(now, func(slot int32) (again int64) {
		if d := s.flows[slot].deadline(); d > now {
			return d
		}
		s.forget(slot)
		n++
		return 0
	})
	s.stats.Expired += uint64(n)
	return n
}

// evict forgets the flow that can best be spared, and tells whether there was one.
func (s *shard[K]) evict() bool {
	if s.index.Len() == 0 {
		return false
	}
	for q := handshake; q < queues; q++ {
		if slot, ok := s.queues.First(int(q)); ok {
			s.forget(slot)
			s.stats.Evicted++
			return true
		}
	}
	return false
}
