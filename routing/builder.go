package routing

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// Entry is one route of a table.
type Entry[V comparable] struct {
	Prefix netip.Prefix
	Origin Origin
	Value  V
}

// Builder collects routes. The zero value is ready to use; it is for one goroutine.
type Builder[V comparable] struct {
	routes []Entry[V]
	lists  []listRoute[V]
	errs   []error
}

// Add adds a route. Bits of p beyond its length are ignored, as CreateRoute does (aws-semantics 1.5). Of several routes to
// one prefix the one with the lowest origin wins and, among equals, the one added first: AWS picks between two prefix
// lists at random and then sticks to it; we are deterministic (aws-semantics 1.4). An invalid prefix fails Build.
func (b *Builder[V]) Add(p netip.Prefix, o Origin, v V) {
	if !p.IsValid() {
		b.errs = append(b.errs, fmt.Errorf("routing: route %d to %v: %s is not a prefix", len(b.routes)+len(b.errs)+1, v, spelled(p)))
		return
	}
	b.routes = append(b.routes, Entry[V]{p.Masked(), o, v})
}

// spelled writes an invalid prefix with what there is of it.
func spelled(p netip.Prefix) string {
	if !p.Addr().IsValid() {
		return "the zero Prefix"
	}
	return fmt.Sprintf("%s with a length beyond %d", p.Addr(), p.Addr().BitLen())
}

// Build returns the table of all routes added so far, or all that is wrong with them.
func (b *Builder[V]) Build() (*Table[V], error) {
	if b.errs != nil {
		return nil, errors.Join(b.errs...)
	}
	t := &Table[V]{}
	var n4 int
	all, lists := b.expanded()
	t.routes, t.lost, n4 = ranked(all)
	t.lists = lists
	numbers := numbering[V]{values: make([]V, 1)}
	spans4 := spans(t.routes[:n4], first4, last4, numbers.of)
	spans6 := spans(t.routes[n4:], first6, last6, numbers.of)
	t.values = numbers.values
	starts, answers := flatten(spans4)
	t.root4, t.pages = newRoot4(starts, answers, len(t.values))
	t.nodes, t.leaves, t.size, t.mask, t.blocks = t.root4.nodes, t.root4.leaves, t.root4.size, t.root4.mask, t.root4.blocks
	t.batch4 = newBatch4(ways(len(starts), &t.root4)[0], starts, answers, &t.root4, &t.pages)
	t.tree6 = newTree6(flatten(spans6))
	return t, nil
}

func spans[V comparable, A address[A]](routes []Entry[V], first, last func(netip.Prefix) A, number func(V) Answer) []span[A] {
	all := make([]span[A], len(routes))
	for i, e := range routes {
		all[i] = span[A]{first(e.Prefix), last(e.Prefix), number(e.Value)}
	}
	return all
}

// numbering gives each distinct value its Answer.
type numbering[V comparable] struct {
	values []V // by Answer; the first is none
	known  map[V]Answer
	last   Answer
}

func (n *numbering[V]) of(v V) Answer {
	if n.last != 0 && n.values[n.last] == v { // neighbours often lead to the same place
		return n.last
	}
	x, ok := n.known[v]
	if !ok {
		if n.known == nil {
			n.known = map[V]Answer{}
		}
		x = Answer(len(n.values))
		n.values, n.known[v] = append(n.values, v), x
	}
	n.last = x
	return x
}

func first4(p netip.Prefix) address4 {
	b := p.Addr().As4()
	return address4(binary.BigEndian.Uint32(b[:]))
}

func last4(p netip.Prefix) address4 { return first4(p) | address4(uint64(1)<<(32-p.Bits())-1) }

func first6(p netip.Prefix) Address6 {
	b := p.Addr().As16()
	return Address6{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func last6(p netip.Prefix) Address6 {
	a := first6(p)
	if p.Bits() < 64 {
		a.Hi |= ^uint64(0) >> p.Bits()
		a.Lo = ^uint64(0)
	} else if p.Bits() < 128 {
		a.Lo |= ^uint64(0) >> (p.Bits() - 64)
	}
	return a
}
