package routing

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
)

// Live maps addresses to the value of their longest matching prefix, like a Table, and changes in place: for tables of hundreds of
// thousands of routes, of which some change all the time. It has one route for each prefix. Any number of goroutines look up, without
// locks; updates take turns. Make one with NewLive.
//
// State. The IPv4 side is a dense bitmap root (root4) whose nodes are replaced one by one, each by one store of eight bytes. What a
// node's leaves are is written before it and not changed after, but for the case that just one of them changes, which is one store,
// too. So whoever reads a node sees it as it was before an update or as it is after. Leaves and blocks that no node leads to any more
// are left behind, until there is no room for new ones: then what is in use is copied into new memory, and that published. The grace
// period before the old memory is used again is the garbage collector's: it waits for the last reader without anybody counting them.
//
// The IPv6 side is replaced as a whole by each update that changes something there.
//
// An answer is published after its value, and never stands for another one: a value that was in the table once stays known.
type Live[V comparable] struct {
	root   atomic.Pointer[liveRoot]
	tree   atomic.Pointer[tree6]
	values atomic.Pointer[[]V] // by Answer
	way    way                 // of IPv4 batches

	mu      sync.Mutex // held by Update
	numbers numbering[V]
	rib4    rib4
	rib6    map[netip.Prefix]Answer
}

// NewLive makes a table. Of several routes to one prefix the first of those with the lowest origin is taken.
func NewLive[V comparable](entries []Entry[V]) (*Live[V], error) {
	l := &Live[V]{way: liveWay(), numbers: numbering[V]{values: make([]V, 1)}, rib6: map[netip.Prefix]Answer{}}
	masked, err := checked(entries, nil)
	if err != nil {
		return nil, err
	}
	won, _, n4 := ranked(masked)
	routes := make([]route4, n4)
	for i, e := range won[:n4] {
		routes[i] = route4Of(e.Prefix, l.numbers.of(e.Value))
	}
	for _, e := range won[n4:] {
		l.rib6[e.Prefix] = l.numbers.of(e.Value)
	}
	l.publishValues()
	l.root.Store(l.rib4.plant(routes))
	l.plant6()
	return l, nil
}

// Update removes the routes to some prefixes and then adds routes, each in place of the one to its prefix if there is one. For each
// address the change happens at once, whatever it is made of: a lookup during it yields what held before or what holds after. Different
// addresses change at different times, all of them before Update returns. Removing what is not there does nothing. An invalid prefix
// is an error, and then nothing changes.
func (l *Live[V]) Update(add []Entry[V], remove []netip.Prefix) error {
	add, err := checked(add, remove)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	known, changed6 := len(l.numbers.values), false
	for _, p := range remove {
		if p = p.Masked(); p.Addr().Is4() {
			l.rib4.drop(route4Of(p, 0))
		} else if _, there := l.rib6[p]; there {
			delete(l.rib6, p)
			changed6 = true
		}
	}
	for _, e := range add {
		x := l.numbers.of(e.Value)
		if e.Prefix.Addr().Is4() {
			l.rib4.put(route4Of(e.Prefix, x))
		} else if was, there := l.rib6[e.Prefix]; !there || was != x {
			l.rib6[e.Prefix] = x
			changed6 = true
		}
	}
	if len(l.numbers.values) > known {
		l.publishValues()
	}
	if moved := l.rib4.publish(l.root.Load()); moved != nil {
		l.root.Store(moved)
	}
	if changed6 {
		l.plant6()
	}
	return nil
}

// publishValues lets readers know values that have been added. Who still has the old slice doesn't look beyond its end, where the
// new ones may be.
func (l *Live[V]) publishValues() {
	values := l.numbers.values
	l.values.Store(&values)
}

// checked returns the routes with their prefixes masked, or all that is wrong with prefixes.
func checked[V comparable](add []Entry[V], remove []netip.Prefix) ([]Entry[V], error) {
	var errs []error
	for i, p := range remove {
		if !p.IsValid() {
			errs = append(errs, fmt.Errorf("routing: prefix %d to remove: %s is not a prefix", i+1, spelled(p)))
		}
	}
	masked := slices.Clone(add)
	for i, e := range add {
		if !e.Prefix.IsValid() {
			errs = append(errs, fmt.Errorf("routing: route %d to %v: %s is not a prefix", i+1, e.Value, spelled(e.Prefix)))
		}
		masked[i].Prefix = e.Prefix.Masked()
	}
	return masked, errors.Join(errs...)
}

// plant6 replaces the IPv6 side by what the routes make.
func (l *Live[V]) plant6() {
	all := make([]Entry[Answer], 0, len(l.rib6))
	for p, x := range l.rib6 {
		all = append(all, Entry[Answer]{Prefix: p, Value: x})
	}
	slices.SortFunc(all, compareRoutes[Answer])
	t := newTree6(all, func(x Answer) Answer { return x })
	l.tree.Store(&t)
}

// liveRoot is a dense bitmap root with room for change. The root's nodes are the first 2^19, the blocks' follow.
type liveRoot struct {
	nodes  []uint64
	leaves []uint32 // the first is not in use, so that a node is never 0 by chance
}

// Value returns the value that an answer stands for, and false if that is none.
func (l *Live[V]) Value(a Answer) (v V, ok bool) { return (*l.values.Load())[a], a != 0 }

// Answer4 looks an IPv4 address up, its first byte the highest: 10.0.0.1 is 0x0a000001.
func (l *Live[V]) Answer4(a uint32) Answer { return l.root.Load().answer(a) }

func (r *liveRoot) answer(a uint32) Answer {
	i := a >> 13
	for k := a >> 8; ; k = a {
		n := atomic.LoadUint64(&r.nodes[i])
		i = atomic.LoadUint32(&r.leaves[uint32(n>>32)-uint32(bits.OnesCount32(uint32(n)>>(k&31)))])
		if i < blockFlag {
			return Answer(i)
		}
		i = i<<3 | a>>5&7
	}
}

// Lookup4 looks an IPv4 address up, its first byte the highest: 10.0.0.1 is 0x0a000001.
func (l *Live[V]) Lookup4(a uint32) (v V, ok bool) { return l.Value(l.Answer4(a)) }

// Answer6 looks an IPv6 address up, given as its two halves.
func (l *Live[V]) Answer6(hi, lo uint64) Answer { return l.tree.Load().answer(hi, lo) }

// Lookup6 looks an IPv6 address up, given as its two halves.
func (l *Live[V]) Lookup6(hi, lo uint64) (v V, ok bool) { return l.Value(l.Answer6(hi, lo)) }

// Lookup returns the value of the longest prefix that contains a, and false if there is none. It does not allocate.
func (l *Live[V]) Lookup(a netip.Addr) (v V, ok bool) {
	switch {
	case a.Is4():
		b := a.As4()
		return l.Lookup4(binary.BigEndian.Uint32(b[:]))
	case a.Is6():
		b := a.As16()
		return l.Lookup6(binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:]))
	}
	return v, false
}

// LookupBatch4 looks every address up; answers[i] is for addrs[i]. It panics if answers is the shorter slice.
func (l *Live[V]) LookupBatch4(addrs []uint32, answers []Answer) {
	answers = answers[:len(addrs):len(answers)] // also where there is room behind the slice, which is not the answers'
	r := l.root.Load()
	b := batch4{way: l.way, nodes: &r.nodes[0], root: &r.nodes[0], leaves: leavesOf(r.leaves), mask: 1<<32 - 1, blocks: blockFlag, tail: rootNodes - 1}
	done, blocks := b.lookup(addrs, answers)
	for i, a := range addrs[done:] {
		answers[done+i] = r.answer(a)
	}
	if blocks {
		for i, x := range answers[:done] {
			if x >= blockFlag {
				answers[i] = r.answer(addrs[i])
			}
		}
	}
}

// LookupBatch6 looks every address up; answers[i] is for addrs[i]. It panics if answers is the shorter slice.
func (l *Live[V]) LookupBatch6(addrs []Address6, answers []Answer) {
	l.tree.Load().lookup(addrs, answers[:len(addrs):len(answers)])
}

// Memory returns the bytes of the lookup structures, those left behind and the room for new ones included.
func (l *Live[V]) Memory() int {
	r := l.root.Load()
	return bytesOf(r.nodes) + bytesOf(r.leaves) + l.tree.Load().bytes()
}
