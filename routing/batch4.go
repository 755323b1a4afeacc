package routing

import "unsafe"

// batch4 answers batches of IPv4 lookups, in the way that suits the table and the processor. Everything it points to is also its
// table's.
type batch4 struct {
	way         way
	keys, leads []uint32 // of the interval search: starts less one, and answers
	pages       *uint32  // of the bitmap root
	nodes, root *uint64  // root: the node of 0.0.0.0/19, where all nodes lie in order
	leaves      *uint16
	mask        uint32
	blocks      uint32
	tail        uint32 // from this node of the root on all are like it
}

// way is how a batch is looked up.
type way uint8

const (
	oneByOne    way = iota // Answer4 for each: what all others are compared with, and what they leave to do
	search32Way            // intervals in registers
	search64Way
	search128Way
	sparseWay // bitmap root in pages, 16 addresses at a time
	dense16Way
	dense32Way
	pipeline16Way // bitmap root, one address at a time in stages; blocks are left to do
	pipeline32Way
)

func (w way) String() string {
	return [...]string{
		"bitmap root", "interval search 32", "interval search 64", "interval search 128", "paged bitmap root, vertical",
		"bitmap root, vertical, 16-bit", "bitmap root, vertical, 32-bit", "bitmap root, pipeline, 16-bit", "bitmap root, pipeline, 32-bit",
	}[w]
}

// newBatch4 prepares for batches in a table of these intervals, whose bitmap root is r with these pages.
func newBatch4(w way, v intervals[uint32], r *root4, pages *[pageCount]uint32) batch4 {
	b := batch4{
		way:   w,
		pages: &pages[0], nodes: &r.nodes[0], root: &r.nodes[r.first], leaves: (*uint16)(r.leaves), mask: uint32(r.mask), blocks: uint32(r.blocks), tail: r.tail,
	}
	if b.limit() > 0 {
		b.fill(v)
	}
	return b
}

// limit is the number of intervals that a search in registers takes; 0 for other ways.
func (b *batch4) limit() int {
	if b.way < search32Way || b.way > search128Way {
		return 0
	}
	return 32 << (b.way - search32Way)
}

// fill writes the tables of a search in registers. No address is greater than the keys of intervals that are not there.
func (b *batch4) fill(v intervals[uint32]) {
	b.keys, b.leads = make([]uint32, b.limit()), make([]uint32, b.limit())
	for i := range b.keys {
		b.keys[i] = 1<<32 - 1
		if i < len(v.starts) {
			b.keys[i], b.leads[i] = v.starts[i]-1, uint32(v.answers[i]) // the first key is of no use: its interval is where a search begins
		}
	}
}

func (b *batch4) bytes() int { return len(b.keys)*4 + len(b.leads)*4 }

// bytesOf is the size of a slice's elements together.
func bytesOf[T any](s []T) int { return len(s) * int(unsafe.Sizeof(*new(T))) }
