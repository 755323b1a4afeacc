package routing

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
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
	t.routes, t.lost, n4 = ranked(slices.Clip(b.routes)) // what is added later must not come into the table's routes
	numbers := numbering[V]{values: make([]V, 1)}
	flat4 := flatten(spans4(t.routes[:n4], numbers.of), 0)
	t.tree6 = newTree6(t.routes[n4:], numbers.of)
	t.values = numbers.values
	t.root4 = newRoot4(flat4, len(t.values), &t.pages)
	t.nodes, t.leaves, t.size, t.mask, t.blocks = t.root4.nodes, t.root4.leaves, t.root4.size, t.root4.mask, t.root4.blocks
	t.batch4 = newBatch4(ways(len(flat4.starts), &t.root4)[0], flat4, &t.root4, &t.pages)
	return t, nil
}

func spans4[V comparable](routes []Entry[V], number func(V) Answer) []span[uint32] {
	all := make([]span[uint32], len(routes))
	for i := range routes {
		e := &routes[i]
		all[i] = span[uint32]{first4(e.Prefix), last4(e.Prefix), number(e.Value)}
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

func first4(p netip.Prefix) uint32 {
	b := p.Addr().As4()
	return binary.BigEndian.Uint32(b[:])
}

func last4(p netip.Prefix) uint32 { return first4(p) | uint32(uint64(1)<<(32-p.Bits())-1) }

func first6(p netip.Prefix) Address6 {
	b := p.Addr().As16()
	return Address6{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}
