package routing

import (
	"encoding/binary"
	"iter"
	"math/bits"
	"net/netip"
	"unsafe"
)

// Answer is the outcome of a lookup: 0 if no prefix matches, else the number of a value of the table that was asked.
type Answer uint32

// Table maps addresses to the value of their longest matching prefix. It is immutable; the zero value is empty, but only
// Lookup, LookupBatch4, LookupBatch6, Match, Explain and the listings take it: the others are for tables that Build returned.
//
// Single IPv4 lookups walk a bitmap root (root4), whatever the table's size; batches of them go by what suits the size (batch4).
// IPv6 lookups search a tree of intervals (tree6).
type Table[V comparable] struct {
	// Of the bitmap root, what one lookup needs: flat, because each step into an inner struct counts against the
	// compiler's budget for inlining, which Lookup4 uses up.
	nodes  []uint64
	leaves unsafe.Pointer
	size   int    // bytes of a leaf
	mask   Answer // of the four bytes read for a leaf, those that are its own
	blocks Answer // leaves from here on are blocks
	values []V    // by Answer; 0 is the zero value

	root4
	batch4
	tree6
	routes []Entry[V] // in order, one for each prefix
	lost   []Entry[V] // those that another route to the same prefix beats, in the same order
	pages  [1 << 11]uint32
}

// Value returns the value that an answer of this table stands for, and false if that is none.
func (t *Table[V]) Value(a Answer) (v V, ok bool) { return t.values[a], a != 0 }

// Answer4 looks an IPv4 address up, its first byte the highest: 10.0.0.1 is 0x0a000001. The compiler inlines it.
//
// The leaf is read as four bytes even where it has two. It lies in the array that leaves points to, and at least two bytes
// follow the last: a node's high half is the number of its last leaf, its low half has a bit for each leaf but the first, and
// newRoot4 made both from the same run of leaves.
func (t *Table[V]) Answer4(a uint32) (i Answer) {
	i = Answer(t.pages[a>>21] + a>>13)
	for k := a >> 8; ; k = a {
		n := t.nodes[i]
		i = *(*Answer)(unsafe.Add(t.leaves, (int(n>>32)-bits.OnesCount32(uint32(n)>>(k&31)))*t.size)) & t.mask
		if i < t.blocks {
			return
		}
		i = i<<3 | Answer(a>>5&7)
	}
}

// Lookup4 looks an IPv4 address up, its first byte the highest: 10.0.0.1 is 0x0a000001. The compiler inlines it; it is Answer4
// and Value written out, because together they would exceed its budget.
func (t *Table[V]) Lookup4(a uint32) (v V, ok bool) {
	i, k := Answer(t.pages[a>>21]+a>>13), a>>8
	for {
		n := t.nodes[i]
		i = *(*Answer)(unsafe.Add(t.leaves, (int(n>>32)-bits.OnesCount32(uint32(n)>>(k&31)))*t.size)) & t.mask
		if i < t.blocks {
			return t.values[i], i != 0
		}
		i, k = i<<3|Answer(a>>5&7), a
	}
}

// Answer6 looks an IPv6 address up, given as its two halves.
func (t *Table[V]) Answer6(hi, lo uint64) Answer { return t.tree6.answer(hi, lo) }

// Lookup6 looks an IPv6 address up, given as its two halves.
func (t *Table[V]) Lookup6(hi, lo uint64) (v V, ok bool) { return t.Value(t.tree6.answer(hi, lo)) }

// Lookup returns the value of the longest prefix that contains a, and false if there is none. IPv4-mapped IPv6 addresses
// are IPv6 addresses here, as on the wire. It does not allocate.
func (t *Table[V]) Lookup(a netip.Addr) (v V, ok bool) {
	switch {
	case t.values == nil:
	case a.Is4():
		b := a.As4()
		return t.Lookup4(binary.BigEndian.Uint32(b[:]))
	case a.Is6():
		b := a.As16()
		return t.Lookup6(binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:]))
	}
	return v, false
}

// LookupBatch4 looks every address up; answers[i] is for addrs[i]. It panics if answers is the shorter slice, and leaves alone
// what it has more. Batches of 64 to 256 are fastest.
func (t *Table[V]) LookupBatch4(addrs []uint32, answers []Answer) {
	answers = answers[:len(addrs):len(answers)] // also where there is room behind the slice, which is not the answers'
	if t.values == nil {
		clear(answers)
		return
	}
	done, blocks := t.batch4.lookup(addrs, answers)
	for i, a := range addrs[done:] {
		answers[done+i] = t.Answer4(a)
	}
	if blocks {
		for i, x := range answers[:done] {
			if x >= t.blocks {
				answers[i] = t.Answer4(addrs[i])
			}
		}
	}
}

// LookupBatch6 looks every address up; answers[i] is for addrs[i]. It panics if answers is the shorter slice, and leaves alone
// what it has more.
func (t *Table[V]) LookupBatch6(addrs []Address6, answers []Answer) {
	t.tree6.lookup(addrs, answers[:len(addrs):len(answers)])
}

// Match returns the route whose value Lookup returns, and false if there is none. It is for explanations, and slower.
func (t *Table[V]) Match(a netip.Addr) (Entry[V], bool) {
	for bits := a.BitLen(); bits >= 0; bits-- {
		if e := routesTo(t.routes, a, bits); len(e) > 0 {
			return e[0], true
		}
	}
	return Entry[V]{}, false
}

// Entries returns the routes that can win, in the order of their prefixes. The caller must not change it.
func (t *Table[V]) Entries() []Entry[V] { return t.routes }

// All visits the prefixes and their values, in order: IPv4 first, a prefix before those inside it.
func (t *Table[V]) All() iter.Seq2[netip.Prefix, V] {
	return func(yield func(netip.Prefix, V) bool) {
		for _, e := range t.routes {
			if !yield(e.Prefix, e.Value) {
				return
			}
		}
	}
}

// Memory returns the bytes that lookups may touch: the structures of both families, without the values and without the routes kept
// for Match and Explain.
func (t *Table[V]) Memory() int {
	return int(unsafe.Sizeof(t.pages)) + bytesOf(t.nodes) + t.leafBytes + t.batch4.bytes() + t.tree6.bytes()
}

// Structure names what batches of lookups go by in each family, for benchmarks.
func (t *Table[V]) Structure() (v4, v6 string) { return t.batch4.way.String(), t.tree6.name() }
