package conntrack

import (
	"math"
	"math/bits"
	"sync"
	"sync/atomic"
	"unsafe"

	"vpcsim/dataplane/index"
	"vpcsim/dataplane/packet"
)

// seqTable is what the half of a Table for IPv4 would be if packets of flows that are there took no lock. It is for BenchmarkWorkers.
//
// Each shard has a counter that is odd while a writer is at work. Who looks a flow up copies it, and believes the copy if the counter was
// even and still is the same; after a few attempts it takes the lock. What a hit then has to write is LastSeen alone in nearly all cases,
// beside the counter, by compare-and-swap from the value that was copied: so it never goes back, and a slot that has become another flow's
// is let alone. (One flow can be taken for another if it was opened at the very time at which that was last seen; it then seems to have
// been seen a batch later than it was.) If the packet changes the status word (TCP's state, marks, the queue), as the first few of a
// connection and its last do, the lock is taken and the counter goes on, as for flows that come and go. With coarse set, LastSeen is
// written only when it is older than that, so flows may go too early by as much.
//
// The language knows no sequence locks: to read what is being written is a data race even if the result is thrown away. So whatever a
// reader may see, of the index and of the flows, is in atomic words, in Table's layout. On amd64 reading these costs no more than others;
// writing them costs an exchange each. Table could not change to this as it is: it hands out a *Flow, which the data plane reads and writes.
//
// Left out is what only writers do: growing, for which LastSeen needs more care, expiry by the wheel, and eviction.
type seqTable struct {
	shards [shards]seqShard
	seed   index.Seed
	room   room
	coarse int64 // ns
}

type seqShard struct {
	seq     atomic.Uint64
	buckets []seqBucket
	flows   []seqFlow
	room    *room
	_       [64]byte // readers should not share a cache line with what writers take turns at

	mu     sync.Mutex
	queues index.Lists // guarded by mu
	wheel  index.Wheel // guarded by mu
	_      [64]byte
}

// seqBucket is index.Index's, in atomic words.
type seqBucket struct {
	key  [3][2]atomic.Uint64
	slot [3]atomic.Int32
	meta atomic.Uint32 // three tags, and above them how many keys went past
}

// seqFlow is a Flow in atomic words, and words is a copy of it.
type (
	seqFlow [unsafe.Sizeof(Flow{}) / 8]atomic.Uint64
	words   [unsafe.Sizeof(Flow{}) / 8]uint64
)

const (
	lastSeenWord = unsafe.Offsetof(Flow{}.LastSeen) / 8
	statusWord   = unsafe.Offsetof(Flow{}.Path) / 8 // from Path to queue
	gone         = 1 << 63                          // LastSeen of a free slot, as early as can be: no compare-and-swap finds what it looks for
	attempts     = 8
)

func (f *Flow) words() *words { return (*words)(unsafe.Pointer(f)) }

func (f *seqFlow) load(to *Flow) {
	w := to.words()
	for i := range f {
		w[i] = f[i].Load()
	}
}

func (f *seqFlow) store(from *Flow) {
	w := from.words()
	for i := range f {
		f[i].Store(w[i])
	}
}

// newSeqTable has room for n flows, spread by seed.
func newSeqTable(n int, seed index.Seed) *seqTable {
	t := &seqTable{seed: seed}
	t.room.capacity = int64(n)
	mean := float64(n) / shards
	slots := min(n, int(mean+8*math.Sqrt(mean)+8))
	buckets := 1 << bits.Len(uint(slots*4/9))
	for i := range t.shards {
		s := &t.shards[i]
		s.room, s.buckets, s.flows = &t.room, make([]seqBucket, buckets), make([]seqFlow, slots)
		s.queues, s.wheel = index.NewLists(int(queues)), index.NewWheel()
		for slot := range slots {
			s.flows[slot][lastSeenWord].Store(gone)
			s.queues.Push(int(free), int32(slot))
		}
	}
	return t
}

// glimpse is a flow as it was looked up for one packet.
type glimpse struct {
	table *seqTable
	shard *seqShard
	key   key4
	h     uint64
	slot  int32
	flow  Flow
}

// name has g be for p's flow, as Acquire does; nothing is locked.
func (t *seqTable) name(g *glimpse, zone uint32, p *packet.Packet, outbound bool) {
	if outbound {
		g.key = pack4(p.Src, p.Dst, packRest(p.SrcPort, p.DstPort, zone, p.Protocol))
	} else {
		g.key = pack4(p.Dst, p.Src, packRest(p.DstPort, p.SrcPort, zone, p.Protocol))
	}
	g.h = t.seed.Hash16((*[2]uint64)(&g.key))
	g.table, g.shard = t, &t.shards[shardOf(g.h)]
}

// look finds p's flow, as Acquire and Held.Flow do, and tells whether there is one.
func (t *seqTable) look(g *glimpse, zone uint32, p *packet.Packet, outbound bool) bool {
	t.name(g, zone, p, outbound)
	s := g.shard
	for range attempts {
		seq := s.seq.Load()
		if seq&1 != 0 {
			continue
		}
		slot, ok := s.find(&g.key, g.h)
		if ok {
			s.flows[slot].load(&g.flow)
		}
		if s.seq.Load() != seq {
			continue
		}
		if g.slot = slot; ok && p.Time >= g.flow.deadline() {
			break // it has to go
		}
		return ok
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return g.current(p.Time)
}

// pass is what the function pass is for a Table.
func (t *seqTable) pass(g *glimpse, p *packet.Packet, outbound bool) bool {
	if t.look(g, 1, p, outbound) {
		g.see(p, outbound)
		return true
	}
	return g.open(p, outbound, Timeouts{})
}

// current looks the flow up with the lock held, and forgets it if it has been idle for too long.
func (g *glimpse) current(now int64) (ok bool) {
	s := g.shard
	if g.slot, ok = s.find(&g.key, g.h); !ok {
		return false
	}
	f := &s.flows[g.slot]
	for {
		f.load(&g.flow)
		if now < g.flow.deadline() {
			return true
		}
		if f.seenAt(g.flow.LastSeen, math.MinInt64) {
			g.forget()
			return false
		}
	}
}

// seenAt sets LastSeen, if it is was.
func (f *seqFlow) seenAt(was, now int64) bool {
	return f[lastSeenWord].CompareAndSwap(uint64(was), uint64(now))
}

// see is Held.See for the flow that was found.
func (g *glimpse) see(p *packet.Packet, outbound bool) {
	seen, status := g.flow.LastSeen, g.flow.words()[statusWord]
	g.flow.see(p, outbound)
	if g.flow.words()[statusWord] == status && queueOf(&g.flow) == g.flow.queue {
		if g.flow.LastSeen-seen <= g.table.coarse || g.shard.flows[g.slot].seenAt(seen, g.flow.LastSeen) {
			return
		}
	}
	g.shard.mu.Lock()
	defer g.shard.mu.Unlock()
	if g.current(math.MinInt64) { // else its end came after the packet
		g.seeLocked(p, outbound)
	}
}

func (g *glimpse) seeLocked(p *packet.Packet, outbound bool) {
	s, f := g.shard, &g.shard.flows[g.slot]
	for {
		seen := g.flow.LastSeen
		g.flow.see(p, outbound)
		if f.seenAt(seen, g.flow.LastSeen) {
			break
		}
		f.load(&g.flow)
	}
	from, to := g.flow.queue, queueOf(&g.flow)
	g.flow.queue = to
	if status := g.flow.words()[statusWord]; status != f[statusWord].Load() {
		s.seq.Add(1)
		f[statusWord].Store(status)
		s.seq.Add(1)
	}
	if from != to {
		s.enqueue(g.slot, from, to)
		if to == closed {
			s.wheel.Add(g.slot, g.flow.deadline())
		}
	}
}

// open is Held.Open after a look in vain. If another has opened the flow meanwhile, it is that one.
func (g *glimpse) open(p *packet.Packet, outbound bool, o Timeouts) bool {
	s := g.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	if g.current(p.Time) {
		return true
	}
	slot, ok := s.queues.First(int(free))
	if !ok || !s.room.take() {
		return false
	}
	f := &g.flow
	*f = Flow{Opened: p.Time, LastSeen: p.Time, Outbound: outbound, protocol: p.Protocol}
	f.setIdle(o)
	f.begin(p)
	f.queue = queueOf(f)
	g.slot = slot
	s.seq.Add(1)
	s.flows[slot].store(f)
	s.put(&g.key, g.h, slot)
	s.seq.Add(1)
	s.enqueue(slot, free, f.queue)
	s.wheel.Add(slot, f.deadline())
	return true
}

// remove is Held.Delete.
func (g *glimpse) remove() {
	g.shard.mu.Lock()
	defer g.shard.mu.Unlock()
	if g.current(math.MinInt64) {
		g.shard.flows[g.slot][lastSeenWord].Store(gone)
		g.forget()
	}
}

// forget takes the flow out, whose LastSeen has become gone.
func (g *glimpse) forget() {
	s := g.shard
	s.seq.Add(1)
	s.take(&g.key, g.h)
	s.seq.Add(1)
	s.wheel.Remove(g.slot)
	s.enqueue(g.slot, g.flow.queue, free)
	s.room.flows.Add(-1)
}

func (s *seqShard) enqueue(slot int32, from, to queue) {
	if d := evictable(to) - evictable(from); d != 0 {
		s.room.evictable.Add(d)
	}
	if to == kept {
		s.queues.Remove(slot)
	} else {
		s.queues.Push(int(to), slot)
	}
}

// find is Index.Find. What it returns while a writer is at work may be wrong, but it is a slot.
func (s *seqShard) find(k *key4, h uint64) (slot int32, ok bool) {
	if b, i := s.at(k, h); b != nil {
		return b.slot[i].Load(), true
	}
	return 0, false
}

func (s *seqShard) at(k *key4, h uint64) (*seqBucket, int) {
	mask := uint64(len(s.buckets) - 1)
	for at := h & mask; ; {
		b := &s.buckets[at]
		m := b.meta.Load()
		for like := likeTag(m, h); like != 0; like &= like - 1 {
			if i := bits.TrailingZeros32(like) / 8; b.key[i][0].Load() == k[0] && b.key[i][1].Load() == k[1] {
				return b, i
			}
		}
		if m>>24 == 0 {
			return nil, 0
		}
		if at = (at + 1) & mask; at == h&mask {
			return nil, 0
		}
	}
}

func tagOf(h uint64) uint32 { return uint32(h>>57) | 0x80 }

func likeTag(m uint32, h uint64) uint32 {
	const ones = 0x010101
	differ := m ^ tagOf(h)*ones
	return (differ - ones) &^ differ & (ones * 0x80)
}

func (s *seqShard) put(k *key4, h uint64, slot int32) {
	mask := uint64(len(s.buckets) - 1)
	for at := h & mask; ; at = (at + 1) & mask {
		b := &s.buckets[at]
		m := b.meta.Load()
		if i := bits.TrailingZeros32(^m&0x808080|1<<31) / 8; i < len(b.key) {
			b.key[i][0].Store(k[0])
			b.key[i][1].Store(k[1])
			b.slot[i].Store(slot)
			b.meta.Store(m | tagOf(h)<<(8*i))
			return
		}
		if m>>24 != 255 {
			b.meta.Store(m + 1<<24)
		}
	}
}

func (s *seqShard) take(k *key4, h uint64) {
	found, i := s.at(k, h)
	found.meta.Store(found.meta.Load() &^ (0xff << (8 * i)))
	mask := uint64(len(s.buckets) - 1)
	for at := h & mask; &s.buckets[at] != found; at = (at + 1) & mask {
		if m := s.buckets[at].meta.Load(); m>>24 != 255 {
			s.buckets[at].meta.Store(m - 1<<24)
		}
	}
}
