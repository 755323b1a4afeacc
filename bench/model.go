package bench

import "slices"

// model is the slow obvious way to look an address up, which shares no code with any contender: the table cut into
// intervals of equal answers, and a binary search for the one that the address is in. An IPv4 address is the lowest bits of an IPv6 one here.
type model struct {
	starts  []Address6
	answers []uint32
}

// newModel takes the routes of one family in their order.
func newModel(routes []Route) *model {
	m := &model{starts: []Address6{{}}, answers: []uint32{0}}
	type open struct {
		last    Address6
		nextHop uint32
	}
	around := []open{{Address6{Hi: ^uint64(0), Lo: ^uint64(0)}, 0}} // the prefixes around the current place, outermost first
	begin := func(at Address6, answer uint32) {
		if m.starts[len(m.starts)-1] == at {
			m.answers[len(m.answers)-1] = answer
			return
		}
		m.starts, m.answers = append(m.starts, at), append(m.answers, answer)
	}
	leave := func(before func(last Address6) bool) {
		for len(around) > 1 && before(around[len(around)-1].last) {
			at := around[len(around)-1].last
			around = around[:len(around)-1]
			if at.Lo++; at.Lo == 0 {
				at.Hi++
			}
			if at != (Address6{}) { // nothing follows the last address there is
				begin(at, around[len(around)-1].nextHop)
			}
		}
	}
	for _, r := range routes {
		first, last := bounds(r)
		leave(func(end Address6) bool { return compare6(end, first) < 0 })
		begin(first, r.NextHop)
		around = append(around, open{last, r.NextHop})
	}
	leave(func(Address6) bool { return true })
	return m
}

// bounds returns the first and the last address of a route's prefix.
func bounds(r Route) (first, last Address6) {
	p := r.Prefix
	if p.Addr().Is4() {
		first.Lo = uint64(number4(p.Addr()))
		return first, Address6{Lo: first.Lo | (1<<(32-p.Bits()) - 1)}
	}
	first = number6(p.Addr())
	last = first
	if p.Bits() < 64 {
		last.Hi |= 1<<(64-p.Bits()) - 1
		last.Lo = ^uint64(0)
	} else {
		last.Lo |= 1<<(128-p.Bits()) - 1 // of 1<<64, which is 0, all bits
	}
	return first, last
}

func compare6(a, b Address6) int {
	switch {
	case a.Hi < b.Hi || a.Hi == b.Hi && a.Lo < b.Lo:
		return -1
	case a == b:
		return 0
	}
	return 1
}

// lookup returns the next hop of an address, 0 if there is none.
func (m *model) lookup(a Address6) uint32 {
	at, exact := slices.BinarySearchFunc(m.starts, a, compare6)
	if !exact {
		at--
	}
	return m.answers[at]
}

// answersTo returns the next hop of every key.
func (m *model) answersTo(k *Keys) []uint32 {
	all := make([]uint32, 0, k.Len())
	for _, a := range k.V4 {
		all = append(all, m.lookup(Address6{Lo: uint64(a)}))
	}
	for _, a := range k.V6 {
		all = append(all, m.lookup(a))
	}
	return all
}

// intervals is how many intervals of different answers the table cuts the address space into.
func (m *model) intervals() int {
	n := 1
	for i := 1; i < len(m.answers); i++ {
		if m.answers[i] != m.answers[i-1] {
			n++
		}
	}
	return n
}
