package routing

import "math/bits"

// tree6 answers IPv6 lookups by intervals, in two steps: first of the addresses' high halves, where all prefixes up to /64 are
// decided; where longer ones exist, an answer names the intervals of the low halves inside that one /64.
//
// The high halves' intervals are in a tree of nodes with eight keys, one cache line, and nine children. Nothing is pointed to: a
// level's nodes lie in a row and the children of node i are nodes 9i to 9i+8 of the next. The last level's keys in a row are all
// interval starts in order, so the place found there is the interval's number.
//
// Keys are interval starts less one, and an address is compared for being greater: so what pads the last nodes, the greatest
// number, is never passed, not even by the last address there is.
type tree6 struct {
	keys    []uint64
	level   [maxDepth]uint32 // where a level's keys begin, the root's first
	depth   int
	answers []Answer // by interval; from blockFlag on the number of a low half's intervals
	lows    []low
	starts  []uint64 // of the low halves
	leads   []Answer // where those lead

	vertical bool // whether batches go down the tree side by side
}

// low is where the intervals of one /64 are.
type low struct{ first, n int }

const (
	nodeKeys = 8
	maxDepth = 12 // for more intervals than there is memory
)

// newTree6 makes the tree of routes, which are in order and of which no two lead to the same prefix.
func newTree6[V comparable](routes []Entry[V], number func(V) Answer) tree6 {
	t := tree6{vertical: vectors()}
	wide, long := make([]span[uint64], 0, len(routes)), []longer(nil)
	for _, e := range routes {
		at, bits, x := first6(e.Prefix), e.Prefix.Bits(), number(e.Value)
		switch {
		case bits <= 64:
			wide = append(wide, span[uint64]{at.Hi, at.Hi | (uint64(1)<<(64-bits) - 1), x})
			continue
		case len(long) == 0 || long[len(long)-1].hi != at.Hi:
			long = append(long, longer{hi: at.Hi})
		}
		l := &long[len(long)-1]
		l.spans = append(l.spans, span[uint64]{at.Lo, at.Lo | (uint64(1)<<(128-bits) - 1), x})
	}
	high := flatten(wide, 0)
	if len(long) > 0 {
		high = t.hang(high, long)
	}
	t.answers = high.answers
	t.plant(high.starts)
	return t
}

// longer is what lies inside one /64.
type longer struct {
	hi    uint64
	spans []span[uint64]
}

// hang makes the intervals of the low halves, and lets those of the high halves lead to them.
func (t *tree6) hang(high intervals[uint64], long []longer) intervals[uint64] {
	all, at := newIntervals[uint64](0, len(high.starts)+len(long)), 0
	for _, l := range long {
		for ; at < len(high.starts) && high.starts[at] <= l.hi; at++ {
			all.begin(high.starts[at], high.answers[at])
		}
		around := high.answers[at-1]
		inside := flatten(l.spans, around)
		all.begin(l.hi, blockFlag|Answer(len(t.lows)))
		if l.hi != 1<<64-1 {
			all.begin(l.hi+1, around)
		}
		t.lows = append(t.lows, low{len(t.starts), len(inside.starts)})
		t.starts, t.leads = append(t.starts, inside.starts...), append(t.leads, inside.answers...)
	}
	for ; at < len(high.starts); at++ {
		all.begin(high.starts[at], high.answers[at])
	}
	return all
}

// plant fills the levels from the starts, the first of which is 0 and no key.
func (t *tree6) plant(highs []uint64) {
	keys := highs[1:]
	nodes := []int{(len(keys) + nodeKeys) / nodeKeys} // by level, the last first
	for nodes[len(nodes)-1] > 1 {
		nodes = append(nodes, (nodes[len(nodes)-1]+nodeKeys)/(nodeKeys+1))
	}
	total := 0
	for _, n := range nodes {
		total += n * nodeKeys
	}
	t.keys, t.depth = hugeSlice[uint64](total), len(nodes)
	for i := range t.keys {
		t.keys[i] = 1<<64 - 1
	}
	end, span := total, 1 // span: how many keys of the last level lie below a key's left side
	for l, n := range nodes {
		end -= n * nodeKeys
		t.level[t.depth-1-l] = uint32(end)
		for i := range n * nodeKeys {
			node, k := i/nodeKeys, i%nodeKeys
			at := i
			if l > 0 {
				at = (node*(nodeKeys+1) + k + 1) * span
			}
			if at < len(keys) {
				t.keys[end+i] = keys[at] - 1
			}
		}
		if l == 0 {
			span = nodeKeys
		} else {
			span *= nodeKeys + 1
		}
	}
	settle(t.keys)
}

// intervalOf returns the number of the interval that a high half lies in. No step has a branch on the data: a wrong guess of the
// processor costs more than the whole step.
func (t *tree6) intervalOf(hi uint64) int {
	at := 0 // the node's first key, from the level's first
	for l := 0; ; l++ {
		keys := (*[nodeKeys]uint64)(t.keys[int(t.level[l])+at:])
		passed := 0
		for _, k := range keys {
			_, less := bits.Sub64(k, hi, 0)
			passed += int(less)
		}
		if l == t.depth-1 {
			return at + passed
		}
		at = at*(nodeKeys+1) + passed*nodeKeys
	}
}

func (t *tree6) answer(hi, lo uint64) Answer {
	x := t.answers[t.interval(hi)]
	if x >= blockFlag {
		return t.below(x, lo)
	}
	return x
}

// below searches the intervals of one /64.
func (t *tree6) below(x Answer, lo uint64) Answer {
	l := t.lows[x-blockFlag]
	starts := t.starts[l.first : l.first+l.n]
	at, n := 0, l.n
	for n > 1 { // invariant: starts[at] <= lo, and the result is in [at, at+n)
		half := n / 2
		_, less := bits.Sub64(lo, starts[at+half], 0)
		at += half & (int(less) - 1)
		n -= half
	}
	return t.leads[l.first+at]
}

// lookup looks every address up.
func (t *tree6) lookup(addrs []Address6, answers []Answer) {
	if t.depth == 0 {
		clear(answers)
		return
	}
	done, longer := t.descend(addrs, answers)
	for i, a := range addrs[done:] {
		answers[done+i] = t.answer(a.Hi, a.Lo)
	}
	if longer {
		for i, x := range answers[:done] {
			if x >= blockFlag {
				answers[i] = t.below(x, addrs[i].Lo)
			}
		}
	}
}

func (t *tree6) bytes() int {
	return bytesOf(t.keys) + bytesOf(t.answers) + bytesOf(t.lows) + bytesOf(t.starts) + bytesOf(t.leads)
}

func (t *tree6) name() string {
	if t.vertical {
		return "interval tree, vertical"
	}
	return "interval tree"
}
