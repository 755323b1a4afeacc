// Package index holds the building blocks of tables of millions of flows: from a key to a slot ([Index]), lists of slots
// ([Lists]), slots by time ([Wheel]), and hashes nobody can predict ([Seed]).
//
// A slot is a number below 1<<31 by which the user's own slices are indexed. Nothing here holds a pointer per flow, so that the
// garbage collector has nothing to follow, and nothing allocates but to grow. No type locks: whoever holds the user's shard
// holds these too.
package index

import (
	"math/bits"
	"sync/atomic"
)

// An Index finds the slot of a key. A bucket of three keys with their slots, tags and a count fills one cache line for keys of
// 16 bytes, so that a hit mostly costs one miss. What finds its bucket full goes to the next with room, and each bucket it
// passed counts it: where the count is 0 a search ends. Deletion so leaves nothing behind.
//
// The low bits of a hash choose the bucket and the upper seven are the tag; bits 51 to 56 are left for the user to choose
// among shards. An Index never shrinks. Make one with [New].
type Index[K comparable] struct {
	hash    func(*K) uint64
	buckets []bucket[K]                 // the length is a power of two, or 0
	shared  atomic.Pointer[[]bucket[K]] // the same, for hints; nil while there are none
	n       int
}

const (
	width   = 3 // keys in a bucket
	least   = 4 // buckets at first
	tagUsed = 0x80
	counted = 255 // an overflow count that has come here stays, until the index grows
)

type bucket[K comparable] struct {
	key  [width]K
	slot [width]int32
	meta meta
}

// meta is a byte for the tag of each key of a bucket, 0 where the key is free, and above them the overflow: how many keys were put
// behind this bucket that wanted to be in it or before it. In one word all tags are compared at once, and no branch depends on
// which key it is.
type meta uint32

// tagOf is the tag of a key with hash h.
func tagOf(h uint64) uint32 { return uint32(h>>57) | tagUsed }

// like returns a number with a bit in each byte whose tag is that of hash h. A byte above such a one may have its bit for
// nothing: the key tells.
func (m meta) like(h uint64) meta {
	const ones = 0x010101
	differ := uint32(m) ^ tagOf(h)*ones
	return meta((differ - ones) &^ differ & (ones * tagUsed))
}

// free returns which key is free; width if none is.
func (m meta) free() int { return bits.TrailingZeros32(^uint32(m)&(0x010101*tagUsed)|1<<31) / 8 }

func (m meta) used(i int) bool { return m>>(8*i)&tagUsed != 0 }

func (m meta) overflow() int { return int(m >> 24) }

// overflowBy changes the overflow by one, up or down, unless it has stopped counting.
func (m *meta) overflowBy(n int32) {
	if m.overflow() != counted {
		*m += meta(n << 24)
	}
}

// New returns an empty index. hash must give the number that the user hands to the methods with the same key; it is called when
// the index grows.
func New[K comparable](hash func(*K) uint64) Index[K] { return Index[K]{hash: hash} }

// Len is the number of keys.
func (x *Index[K]) Len() int { return x.n }

// Find returns the slot of k, whose hash is h.
func (x *Index[K]) Find(k *K, h uint64) (slot int32, ok bool) {
	if b, i := x.find(k, h); b != nil {
		return b.slot[i], true
	}
	return 0, false
}

func (x *Index[K]) find(k *K, h uint64) (*bucket[K], int) {
	if len(x.buckets) == 0 {
		return nil, 0
	}
	mask := uint64(len(x.buckets) - 1)
	for at := h & mask; ; {
		b := &x.buckets[at]
		for m := b.meta.like(h); m != 0; m &= m - 1 {
			if i := bits.TrailingZeros32(uint32(m)) / 8; b.key[i] == *k {
				return b, i
			}
		}
		if b.meta.overflow() == 0 {
			return nil, 0
		}
		if at = (at + 1) & mask; at == h&mask {
			return nil, 0 // in a small index all buckets may have overflowed at some time
		}
	}
}

// Put adds k, whose hash is h and which must not be there yet. It takes amortised constant time: doubling 16,000 keys takes
// less than a millisecond.
func (x *Index[K]) Put(k *K, h uint64, slot int32) {
	if 4*(x.n+1) > 3*width*len(x.buckets) {
		x.grow()
	}
	x.place(k, h, slot)
	x.n++
}

func (x *Index[K]) place(k *K, h uint64, slot int32) {
	mask := uint64(len(x.buckets) - 1)
	for at := h & mask; ; at = (at + 1) & mask {
		b := &x.buckets[at]
		if i := b.meta.free(); i < width {
			b.key[i], b.slot[i] = *k, slot
			b.meta |= meta(tagOf(h)) << (8 * i)
			return
		}
		b.meta.overflowBy(1)
	}
}

func (x *Index[K]) grow() {
	old := x.buckets
	x.buckets = make([]bucket[K], max(least, 2*len(old)))
	shared := x.buckets
	x.shared.Store(&shared)
	for i := range old {
		b := &old[i]
		for j := range width {
			if b.meta.used(j) {
				x.place(&b.key[j], x.hash(&b.key[j]), b.slot[j])
			}
		}
	}
}

// Remove takes k, whose hash is h, out and tells whether it was there.
func (x *Index[K]) Remove(k *K, h uint64) bool {
	found, i := x.find(k, h)
	if found == nil {
		return false
	}
	found.meta &^= 0xff << (8 * i)
	x.n--
	mask := uint64(len(x.buckets) - 1)
	for at := h & mask; &x.buckets[at] != found; at = (at + 1) & mask {
		x.buckets[at].meta.overflowBy(-1)
	}
	return true
}

// Each calls visit with every key and its slot, in no order. visit must not change the index.
func (x *Index[K]) Each(visit func(k *K, slot int32)) {
	for i := range x.buckets {
		b := &x.buckets[i]
		for j := range width {
			if b.meta.used(j) {
				visit(&b.key[j], b.slot[j])
			}
		}
	}
}
