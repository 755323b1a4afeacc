package routing

import "net/netip"

// Candidate is a route whose prefix contains an address, and what became of it there.
type Candidate[V comparable] struct {
	Entry[V]
	Loss Loss // Won for the one that is taken
}

// Loss is why a route is not taken for an address whose prefix contains it (aws-semantics 1.4).
type Loss uint8

// Won is no loss. The others are in the order in which AWS's rules are applied.
const (
	Won          Loss = iota
	LessSpecific      // a longer prefix contains the address, too
	LowerOrigin       // the same prefix has a route of an origin that AWS prefers
	AddedLater        // the same prefix has an equal route that was there first; AWS would pick one at random, and stay with it
)

// String returns the reason as it appears in explanations.
func (l Loss) String() string {
	return [...]string{
		"longest prefix", "less specific", "same prefix, origin of lower priority", "equal route, added later (AWS picks at random)",
	}[l&3]
}

// Explain returns all routes whose prefix contains a, the one that is taken first and the others in the order in which they would be
// taken if those before them were not there. It takes time and memory, and is for people.
func (t *Table[V]) Explain(a netip.Addr) (all []Candidate[V]) {
	for bits := a.BitLen(); bits >= 0; bits-- {
		won := routesTo(t.routes, a, bits)
		if len(won) == 0 {
			continue // no route to this prefix lost either
		}
		first := Candidate[V]{Entry: won[0]}
		if len(all) > 0 {
			first.Loss = LessSpecific
		}
		all = append(all, first)
		for _, e := range routesTo(t.lost, a, bits) {
			c := Candidate[V]{e, AddedLater}
			switch {
			case first.Loss == LessSpecific:
				c.Loss = LessSpecific
			case e.Origin != won[0].Origin:
				c.Loss = LowerOrigin
			}
			all = append(all, c)
		}
	}
	return all
}
