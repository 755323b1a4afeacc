package routing

// The prefixes of a table cut the address space into intervals, each with one answer. All structures are made from these
// intervals, because that way nesting is dealt with once, here.

// address is an address as a number.
type address[A any] interface {
	comparable
	next() A // after the last one comes the zero address
	before(A) bool
}

type address4 uint32

func (a address4) next() address4         { return a + 1 }
func (a address4) before(b address4) bool { return a < b }

// Address6 is an IPv6 address as its two halves, the first byte the highest of Hi.
type Address6 struct{ Hi, Lo uint64 }

func (a Address6) next() Address6 {
	a.Lo++
	if a.Lo == 0 {
		a.Hi++
	}
	return a
}

func (a Address6) before(b Address6) bool { return a.Hi < b.Hi || a.Hi == b.Hi && a.Lo < b.Lo }

// span is a prefix by its first and last address, with what it leads to.
type span[A address[A]] struct {
	first, last A
	answer      Answer
}

// flatten cuts the address space into intervals, given by their starts: the first at the zero address, no two neighbours with
// the same answer. The spans are in order and none is there twice, so they nest: one begins at its first address, and at the
// address after its last one the answer is again that of the span around it.
func flatten[A address[A]](spans []span[A]) (starts []A, answers []Answer) {
	var zero A
	starts, answers = make([]A, 1, 2*len(spans)+1), make([]Answer, 1, 2*len(spans)+1)
	begin := func(at A, with Answer) {
		n := len(starts) - 1
		if starts[n] == at { // the span that ends here and the one that begins here meet
			answers[n] = with
			if n > 0 && answers[n-1] == with {
				starts, answers = starts[:n], answers[:n]
			}
		} else if answers[n] != with {
			starts, answers = append(starts, at), append(answers, with)
		}
	}
	open := make([]span[A], 1, 33) // the spans around the current place, outermost first; the first stands for no route
	shut := func() {
		inner := open[len(open)-1]
		open = open[:len(open)-1]
		if at := inner.last.next(); at != zero {
			begin(at, open[len(open)-1].answer)
		}
	}
	for _, s := range spans {
		for len(open) > 1 && open[len(open)-1].last.before(s.first) {
			shut()
		}
		begin(s.first, s.answer)
		open = append(open, s)
	}
	for len(open) > 1 {
		shut()
	}
	return starts, answers
}
