package routing

import (
	"cmp"
	"net/netip"
	"slices"
)

// Routes are in order by address, IPv4 first, then the containing prefix first, then by precedence (aws-semantics 1.4): of those to the
// same prefix the first one wins.

func comparePrefixes(p, q netip.Prefix) int {
	if c := p.Addr().Compare(q.Addr()); c != 0 {
		return c
	}
	return p.Bits() - q.Bits()
}

func compareRoutes[V comparable](a, b Entry[V]) int {
	if c := comparePrefixes(a.Prefix, b.Prefix); c != 0 {
		return c
	}
	return cmp.Compare(a.Origin, b.Origin)
}

// ranked returns the routes in order, those that win and those that lose against another to the same prefix. n4 of the winners are IPv4.
func ranked[V comparable](all []Entry[V]) (won, lost []Entry[V], n4 int) {
	all, n := sorted(all)
	same := func(i int) bool { return i > 0 && all[i].Prefix == all[i-1].Prefix }
	won = all[:n:n] // often all of them, and then not copied
	for i := n; i < len(all); i++ {
		if same(i) {
			lost = append(lost, all[i])
		} else {
			won = append(won, all[i])
		}
	}
	n4, _ = slices.BinarySearchFunc(won, 6, func(e Entry[V], _ int) int {
		if e.Prefix.Addr().Is4() {
			return -1
		}
		return 1
	})
	return won, lost, n4
}

// sorted returns the routes in order, equal ones in the order in which they are: the same slice if that is how they come. No two of the
// first n lead to the same prefix.
func sorted[V comparable](all []Entry[V]) (in []Entry[V], n int) {
	for i := 1; i < len(all); i++ {
		c := comparePrefixes(all[i-1].Prefix, all[i].Prefix)
		if c > 0 || c == 0 && all[i-1].Origin > all[i].Origin {
			return arranged(all), 0
		}
		if c < 0 && n == i-1 {
			n = i
		}
	}
	return all, min(n+1, len(all))
}

// arranged puts routes in order that are not.
func arranged[V comparable](all []Entry[V]) []Entry[V] {
	if len(all) < radixFrom {
		all = slices.Clone(all)
		slices.SortStableFunc(all, compareRoutes[V])
		return all
	}
	places := make([]place, 0, len(all))
	var v6 []Entry[V]
	for i, e := range all {
		if e.Prefix.Addr().Is4() {
			places = append(places, place{uint64(first4(e.Prefix))<<16 | uint64(e.Prefix.Bits())<<8 | uint64(e.Origin), uint32(i)})
		} else {
			v6 = append(v6, e)
		}
	}
	out := make([]Entry[V], len(places), len(all))
	for i, p := range radixSorted(places) {
		out[i] = all[p.at]
	}
	slices.SortStableFunc(v6, compareRoutes[V])
	return append(out, v6...)
}

// place is a route's place in the order as one number, and which route it is.
type place struct {
	key uint64
	at  uint32
}

// radixFrom is the number of routes from which on sorting by digits is faster than by comparisons.
const radixFrom = 1 << 11

// radixSorted sorts by the bytes of the keys, the lowest first, each pass keeping the order of the one before.
func radixSorted(places []place) []place {
	spare := make([]place, len(places))
	for shift := 0; shift < 48; shift += 8 {
		var counts [256]int
		for _, p := range places {
			counts[byte(p.key>>shift)]++
		}
		if len(places) > 0 && counts[byte(places[0].key>>shift)] == len(places) {
			continue // all the same
		}
		next := 0
		for digit, n := range counts {
			counts[digit] = next
			next += n
		}
		for _, p := range places {
			digit := byte(p.key >> shift)
			spare[counts[digit]] = p
			counts[digit]++
		}
		places, spare = spare, places
	}
	return places
}

// routesTo returns those of the routes, which are in order, that lead to the prefix of a of this length.
func routesTo[V comparable](routes []Entry[V], a netip.Addr, bits int) []Entry[V] {
	p, err := a.WithZone("").Prefix(bits)
	if err != nil {
		return nil
	}
	first, _ := slices.BinarySearchFunc(routes, p, func(e Entry[V], p netip.Prefix) int { return comparePrefixes(e.Prefix, p) })
	n := first
	for n < len(routes) && routes[n].Prefix == p {
		n++
	}
	return routes[first:n]
}
