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
// starts and, beside each, its answer; a lookup is a binary search. VPC tables have tens of entries, rarely a thousand, so
// the starts of a table fit a few cache lines.
type Table[V any] struct {
	starts4  []uint32
	answers4 []answer[V]
	starts6  []address6
	answers6 []answer[V]
	routes   []Entry[V]
}

// answer is what holds for one interval; not ok where no prefix matches.
type answer[V any] struct {
	value V
	ok    bool
}

// Entry is one winning route of a table.
type Entry[V any] struct {
	Prefix netip.Prefix
	Origin Origin
	Value  V
}

// Lookup returns the value of the longest prefix that contains a, and false if there is none. IPv4-mapped IPv6 addresses
// are IPv6 addresses here, as on the wire. It does not allocate.
func (t *Table[V]) Lookup(a netip.Addr) (v V, ok bool) {
	if a.Is4() {
		b := a.As4()
		if i, ok := find(t.starts4, binary.BigEndian.Uint32(b[:])); ok {
			return t.answers4[i].value, t.answers4[i].ok
		}
	} else if a.Is6() {
		if i, ok := find6(t.starts6, to6(a)); ok {
			return t.answers6[i].value, t.answers6[i].ok
		}
	}
	return v, false
}

// LookupBatch looks every address up; values[i] and found[i] answer addrs[i]. The three slices have equal lengths.
func (t *Table[V]) LookupBatch(addrs []netip.Addr, values []V, found []bool) {
	for i, a := range addrs {
		values[i], found[i] = t.Lookup(a)
	}
}

// Entries returns the routes that can win, in the order of their prefixes. The caller must not change it.
func (t *Table[V]) Entries() []Entry[V] { return t.routes }

// find returns the last interval that starts at or before a, and false if there are no intervals. The first one starts at 0
// whenever there is any, so the search always ends inside. It has no branch on the data: which half it takes is as good
// as random, and a wrong guess of the processor costs more than the whole step.
func find(starts []uint32, a uint32) (at int, ok bool) {
	n := len(starts)
	for n > 1 { // invariant: starts[at] <= a, and the result is in [at, at+n)
		half := n >> 1
		below := int64(uint64(starts[at+half])-uint64(a)-1) >> 63 // -1 if that start is <= a, else 0
		at += half & int(below)
		n -= half
	}
	return at, n == 1
}

func find6(starts []address6, a address6) (at int, ok bool) {
	n := len(starts)
	for n > 1 {
		half := n / 2
		if !a.less(starts[at+half]) {
			at += half
		}
		n -= half
	}
	return at, n == 1
}

type address6 struct{ hi, lo uint64 }

func to6(a netip.Addr) address6 {
	b := a.As16()
	return address6{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// next returns the address after a; after the last one comes the zero address.
func (a address6) next() address6 {
	a.lo++
	if a.lo == 0 {
		a.hi++
	}
	return a
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
	t.starts4, t.answers4 = flatten(routes[:split], first4, last4, func(a uint32) uint32 { return a + 1 })
	t.starts6, t.answers6 = flatten(routes[split:], first6, last6, address6.next)
	return t, nil
}

// flatten cuts the address space into intervals. The routes are in order, so prefixes nest: one begins at its first address, and
// at the address after its last one the answer is again that of the prefix around it. next of the last address there is
// is the zero address, where nothing can begin again.
func flatten[A comparable, V any](routes []Entry[V], first, last func(netip.Prefix) A, next func(A) A) (starts []A, answers []answer[V]) {
	var zero A
	if len(routes) == 0 {
		return nil, nil
	}
	begin := func(at A, with answer[V]) {
		if n := len(starts); n > 0 && starts[n-1] == at {
			answers[n-1] = with // the prefix that ends here and the one that begins here meet
			return
		}
		starts, answers = append(starts, at), append(answers, with)
	}
	begin(zero, answer[V]{})
	var open []Entry[V] // the prefixes around the current place, outermost first
	shut := func() {
		inner := open[len(open)-1]
		open = open[:len(open)-1]
		at := next(last(inner.Prefix))
		switch {
		case at == zero:
		case len(open) == 0:
			begin(at, answer[V]{})
		default:
			begin(at, answer[V]{open[len(open)-1].Value, true})
		}
	}
	for _, r := range routes {
		for len(open) > 0 && !open[len(open)-1].Prefix.Contains(r.Prefix.Addr()) {
			shut()
		}
		begin(first(r.Prefix), answer[V]{r.Value, true})
		open = append(open, r)
	}
	for len(open) > 0 {
		shut()
	}
	return starts, answers
}

func first4(p netip.Prefix) uint32 {
	b := p.Addr().As4()
	return binary.BigEndian.Uint32(b[:])
}

func last4(p netip.Prefix) uint32 { return first4(p) | uint32(uint64(1)<<(32-p.Bits())-1) }

func first6(p netip.Prefix) address6 { return to6(p.Addr()) }

func last6(p netip.Prefix) address6 {
	a := first6(p)
	if p.Bits() < 64 {
		a.hi |= ^uint64(0) >> p.Bits()
		a.lo = ^uint64(0)
	} else if p.Bits() < 128 {
		a.lo |= ^uint64(0) >> (p.Bits() - 64)
	}
	return a
}
