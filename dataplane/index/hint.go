package index

import (
	"math/bits"
	"unsafe"
)

// Hints.
//
// With a million flows each lookup waits for memory twice, for its bucket and for what the slot holds, and forwarding a packet does
// nothing in the meantime. Who has a batch of packets can ask for the memory of all of them first, so that they wait for it
// together: [Index.Prefetch] for the buckets, then [Index.Guess] for the slots, whose memory [Prefetch] asks for.
//
// Both are for any goroutine and take no lock. What they read may be changing under them, so a guess may be wrong; it must only
// decide what is fetched. On processors that this file does not know nothing is fetched and nothing guessed ([Hints]).

// Prefetch asks for the bucket that a search for hash h begins with.
func (x *Index[K]) Prefetch(h uint64) {
	if b := x.shared.Load(); b != nil {
		prefetch(uintptr(unsafe.Pointer(&(*b)[h&uint64(len(*b)-1)])))
	}
}

// Guess returns the slot of the first key in that bucket whose tag is that of h; false if there is none.
func (x *Index[K]) Guess(h uint64) (slot int32, ok bool) {
	shared := x.shared.Load()
	if shared == nil {
		return 0, false
	}
	b := &(*shared)[h&uint64(len(*shared)-1)]
	like := meta(Peek((*uint32)(&b.meta))).like(h)
	if like == 0 {
		return 0, false
	}
	return int32(Peek((*uint32)(unsafe.Pointer(&b.slot[bits.TrailingZeros32(uint32(like))/8])))), true
}

// Prefetch asks for the cache line of item slot of a slice that begins at first and has items of the size. There need not be
// such an item.
func Prefetch(first unsafe.Pointer, slot int32, size uintptr) {
	prefetch(uintptr(first) + uintptr(slot)*size)
}
