package routing

// The prefixes of a table cut the address space into intervals, each with one answer. All structures are made from these
// intervals, because that way nesting is dealt with once, here.

// address is an address as a number: IPv4's, or one half of an IPv6 address.
type address interface{ ~uint32 | ~uint64 }

// Address6 is an IPv6 address as its two halves, the first byte the highest of Hi.
type Address6 struct{ Hi, Lo uint64 }

// span is a prefix by its first and last address, with what it leads to.
type span[A address] struct {
	first, last A
	answer      Answer
}

// intervals are given by their starts: the first at address 0, no two neighbours with the same answer.
type intervals[A address] struct {
	starts  []A
	answers []Answer
}

// newIntervals makes the one interval that all addresses lie in, and room for what so many spans cut it into.
func newIntervals[A address](answer Answer, spans int) intervals[A] {
	v := intervals[A]{make([]A, 1, 2*spans+1), make([]Answer, 1, 2*spans+1)}
	v.answers[0] = answer
	return v
}

// begin says what the answer is from an address on, which is not before the one it was said about last: what was said about the
// same address counts no more.
func (v *intervals[A]) begin(at A, with Answer) {
	n := len(v.starts) - 1
	switch {
	case v.starts[n] == at:
		v.answers[n] = with
		if n > 0 && v.answers[n-1] == with {
			v.starts, v.answers = v.starts[:n], v.answers[:n]
		}
	case v.answers[n] != with:
		v.starts, v.answers = append(v.starts, at), append(v.answers, with)
	}
}

// flatten cuts the address space. The spans are in order and none is there twice, so they nest: one begins at its first
// address, and at the address after its last one the answer is again that of the span around it, or around if that is none.
func flatten[A address](spans []span[A], around Answer) intervals[A] {
	v := newIntervals[A](around, len(spans))
	var open [66]span[A] // the spans around the current place, outermost first; open[0] stands for what is around all
	open[0].answer = around
	depth := 0
	for i := 0; i <= len(spans); i++ {
		for depth > 0 && (i == len(spans) || open[depth].last < spans[i].first) {
			depth--
			if at := open[depth+1].last + 1; at != 0 { // after the last address comes none
				v.begin(at, open[depth].answer)
			}
		}
		if i < len(spans) {
			v.begin(spans[i].first, spans[i].answer)
			depth++
			open[depth] = spans[i]
		}
	}
	return v
}
