package routing

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
)

// Table maps addresses to the value of their longest matching prefix. It is immutable; the zero value is empty.
//
// Model: the prefixes cut the address space into intervals, each with one answer. The table holds the sorted interval
// starts and, beside each, the index of its answer; a lookup is a binary search. VPC tables have tens of entries, rarely
// a thousand, so the starts of a table fit a few cache lines.
type Table[V any] struct {
	starts4 []uint32
	values4 []int32 // index into routes; none where nothing matches
	starts6 []address6
	values6 []int32
	routes  []Entry[V]
}

// Entry is one winning route of a table.
type Entry[V any] struct {
	Prefix netip.Prefix
	Origin Origin
	Value  V
}

const none = int32(-1)

// Lookup returns the value of the longest prefix that contains a, and false if there is none. IPv4-mapped IPv6 addresses
// are IPv6 addresses here, as on the wire. It does not allocate.
func (t *Table[V]) Lookup(a netip.Addr) (v V, ok bool) {
	i := none
	if a.Is4() {
		b := a.As4()
		i = find(t.starts4, t.values4, binary.BigEndian.Uint32(b[:]))
	} else if a.Is6() {
		i = find6(t.starts6, t.values6, to6(a))
	}
	if i < 0 {
		return v, false
	}
	return t.routes[i].Value, true
}

// LookupBatch looks every address up; values[i] and found[i] answer addrs[i]. The three slices have equal lengths.
func (t *Table[V]) LookupBatch(addrs []netip.Addr, values []V, found []bool) {
	for i, a := range addrs {
		values[i], found[i] = t.Lookup(a)
	}
}

// Entries returns the routes that can win, in the order of their prefixes. The caller must not change it.
func (t *Table[V]) Entries() []Entry[V] { return t.routes }

// find returns the answer of the last interval that starts at or before a. The first interval starts at 0 whenever there
// is any, so the search always ends inside.
func find(starts []uint32, values []int32, a uint32) int32 {
	if len(starts) == 0 {
		return none
	}
	lo, n := 0, len(starts)
	for n > 1 { // invariant: starts[lo] <= a, and the answer is in [lo, lo+n)
		half := n / 2
		if starts[lo+half] <= a {
			lo += half
		}
		n -= half
	}
	return values[lo]
}

func find6(starts []address6, values []int32, a address6) int32 {
	if len(starts) == 0 {
		return none
	}
	lo, n := 0, len(starts)
	for n > 1 {
		half := n / 2
		if !a.less(starts[lo+half]) {
			lo += half
		}
		n -= half
	}
	return values[lo]
}

type address6 struct{ hi, lo uint64 }

func to6(a netip.Addr) address6 {
	b := a.As16()
	return address6{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func (a address6) less(b address6) bool { return a.hi < b.hi || a.hi == b.hi && a.lo < b.lo }

// Builder collects routes. The zero value is ready to use; it is for one goroutine.
type Builder[V any] struct {
	routes []Entry[V]
	err    error
}

// Add adds a route. Bits of p beyond its length are ignored, as CreateRoute does (aws-semantics 1.5). Of several routes to
// one prefix the one with the lowest origin wins and, among equals, the one added first: AWS picks between two prefix
// lists at random and then sticks to it; we are deterministic (aws-semantics 1.4). An invalid prefix fails Build.
func (b *Builder[V]) Add(p netip.Prefix, o Origin, v V) {
	if !p.IsValid() {
		b.err = fmt.Errorf("routing: invalid prefix in route to %v", v)
		return
	}
	b.routes = append(b.routes, Entry[V]{p.Masked(), o, v})
}

// Build returns the table of all routes added so far.
func (b *Builder[V]) Build() (*Table[V], error) {
	if b.err != nil {
		return nil, b.err
	}
	routes := slices.Clone(b.routes)
	slices.SortStableFunc(routes, func(x, y Entry[V]) int {
		if c := x.Prefix.Addr().Compare(y.Prefix.Addr()); c != 0 { // IPv4 sorts before IPv6
			return c
		}
		if c := x.Prefix.Bits() - y.Prefix.Bits(); c != 0 { // the containing prefix first
			return c
		}
		return int(x.Origin) - int(y.Origin)
	})
	routes = slices.CompactFunc(routes, func(x, y Entry[V]) bool { return x.Prefix == y.Prefix })

	t := &Table[V]{routes: routes}
	split := slices.IndexFunc(routes, func(e Entry[V]) bool { return e.Prefix.Addr().Is6() })
	if split < 0 {
		split = len(routes)
	}
	t.flatten4(0, split)
	t.flatten6(split, len(routes))
	return t, nil
}

// sweep walks nested prefixes in order and reports where the answer changes: a prefix begins at its first address, and
// at the address after its last one the answer is again that of the prefix around it.
func sweep[A any](n int, first, last func(int) A, next func(A) (A, bool), less func(a, b A) bool, change func(at A, route int32)) {
	var open []int32 // the prefixes around the current place, outermost first
	closeBefore := func(limit *A) {
		for len(open) > 0 {
			top := open[len(open)-1]
			end := last(int(top))
			if limit != nil && !less(end, *limit) {
				return
			}
			open = open[:len(open)-1]
			if at, ok := next(end); ok {
				around := none
				if len(open) > 0 {
					around = open[len(open)-1]
				}
				change(at, around)
			}
		}
	}
	for i := range n {
		start := first(i)
		closeBefore(&start)
		change(start, int32(i))
		open = append(open, int32(i))
	}
	closeBefore(nil)
}

func (t *Table[V]) flatten4(from, to int) {
	if from == to {
		return
	}
	t.starts4, t.values4 = []uint32{0}, []int32{none}
	sweep(to-from,
		func(i int) uint32 { return first4(t.routes[from+i].Prefix) },
		func(i int) uint32 {
			p := t.routes[from+i].Prefix
			return first4(p) | uint32(uint64(1)<<(32-p.Bits())-1)
		},
		func(a uint32) (uint32, bool) { return a + 1, a != ^uint32(0) },
		func(a, b uint32) bool { return a < b },
		func(at uint32, route int32) {
			if route != none {
				route += int32(from)
			}
			t.starts4, t.values4 = put(t.starts4, t.values4, at, route)
		})
}

func (t *Table[V]) flatten6(from, to int) {
	if from == to {
		return
	}
	t.starts6, t.values6 = []address6{{}}, []int32{none}
	sweep(to-from,
		func(i int) address6 { return to6(t.routes[from+i].Prefix.Addr()) },
		func(i int) address6 { return last6(t.routes[from+i].Prefix) },
		func(a address6) (address6, bool) {
			n := address6{a.hi, a.lo + 1}
			if n.lo == 0 {
				n.hi++
			}
			return n, n != address6{}
		},
		address6.less,
		func(at address6, route int32) {
			if route != none {
				route += int32(from)
			}
			t.starts6, t.values6 = put(t.starts6, t.values6, at, route)
		})
}

// put notes that from at on the answer is value; a later note about the same place replaces an earlier one.
func put[A comparable](starts []A, values []int32, at A, value int32) ([]A, []int32) {
	last := len(starts) - 1
	if starts[last] == at {
		values[last] = value
		return starts, values
	}
	return append(starts, at), append(values, value)
}

func first4(p netip.Prefix) uint32 {
	b := p.Addr().As4()
	return binary.BigEndian.Uint32(b[:])
}

func last6(p netip.Prefix) address6 {
	a := to6(p.Addr())
	if p.Bits() < 64 {
		a.hi |= ^uint64(0) >> p.Bits()
		a.lo = ^uint64(0)
	} else if p.Bits() < 128 {
		a.lo |= ^uint64(0) >> (p.Bits() - 64)
	}
	return a
}
