// Package index holds the building blocks of tables of millions of flows: from a key to a slot ([Index]), lists of slots
// ([Lists]), slots by time ([Wheel]), and hashes nobody can predict ([Seed]).
//
// A slot is a number below 1<<31 by which the user's own slices are indexed. Nothing here holds a pointer per flow, so that the
// garbage collector has nothing to follow, and nothing allocates but to grow. No type locks: whoever holds the user's shard
// holds these too.
package index

// An Index finds the slot of a key. A bucket of three keys with their slots, tags and a count fills one cache line for keys of
// 16 bytes, so that a hit mostly costs one miss. What finds its bucket full goes to the next with room, and each bucket it
// passed counts it: where the count is 0 a search ends. Deletion so leaves nothing behind.
//
// The low bits of a hash choose the bucket and the upper seven are the tag; bits 51 to 56 are left for the user to choose
// among shards. An Index never shrinks. Make one with [New].
type Index[K comparable] struct {
	hash    func(*K) uint64
	buckets []bucket[K] // the length is a power of two, or 0
	n       int
}

const (
	width   = 3 // keys in a bucket
	least   = 4 // buckets at first
	tagUsed = 0x80
	counted = 255 // an overflow count that has come here stays, until the index grows
)

type bucket[K comparable] struct {
	key      [width]K
	slot     [width]int32
	tag      [width]uint8 // 0: free
	overflow uint8        // how many keys were put behind this bucket that wanted to be in it or before it
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
	mask, tag := uint64(len(x.buckets)-1), uint8(h>>57)|tagUsed
	for at := h & mask; ; {
		b := &x.buckets[at]
		switch {
		case b.tag[0] == tag && b.key[0] == *k:
			return b, 0
		case b.tag[1] == tag && b.key[1] == *k:
			return b, 1
		case b.tag[2] == tag && b.key[2] == *k:
			return b, 2
		case b.overflow == 0:
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
		for i := range b.tag {
			if b.tag[i] == 0 {
				b.key[i], b.slot[i], b.tag[i] = *k, slot, uint8(h>>57)|tagUsed
				return
			}
		}
		if b.overflow < counted {
			b.overflow++
		}
	}
}

func (x *Index[K]) grow() {
	old := x.buckets
	x.buckets = make([]bucket[K], max(least, 2*len(old)))
	for i := range old {
		b := &old[i]
		for j := range b.tag {
			if b.tag[j] != 0 {
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
	found.tag[i] = 0
	x.n--
	mask := uint64(len(x.buckets) - 1)
	for at := h & mask; &x.buckets[at] != found; at = (at + 1) & mask {
		if b := &x.buckets[at]; b.overflow < counted {
			b.overflow--
		}
	}
	return true
}
