package routing

import (
	"math/bits"
	"unsafe"
)

// root4 is a bitmap root: the structure that single IPv4 lookups, and batches in big tables, go by.
//
//	address   |------ /11 ------|-- 8 --|- 5 -|--- 8 ---|
//	              pages[i] + a>>13        bit     block
//
// A node stands for a /19 and has a bit for each of its /24s: whether a new run of equal /24s begins there. The leaves of its
// runs lie in a row, so the leaf of a /24 is found by counting bits. A leaf is an answer, or a block: eight nodes, one cache
// line, in which a bit stands for one address.
//
//	node   | number of its last leaf : 32 | run begins at 31 … run begins at 1 | 0 |   (bit k-1 for the k-th)
//	leaf   | answer, or from blocks on the number of eight nodes |    2 or 4 bytes
//
// Counting from the last leaf backwards saves an instruction: the runs that begin after k are the bits from k on.
//
// In big tables the nodes of all 2^19 /19s lie in order, and pages is the same number everywhere. In small ones the /11s
// without prefixes of their own share pages of nodes.
type root4 struct {
	nodes     []uint64
	leaves    unsafe.Pointer // to leaves of size bytes, and two more bytes
	leafBytes int
	size      int
	mask      Answer
	blocks    Answer // leaves from here on are blocks; a power of two, so that an OR of leaves tells whether there is a block among them
	dense     bool   // whether all nodes lie in the order of their addresses
	first     uint32 // the node of 0.0.0.0/19 if dense, else 0
}

// sparseLimit is the number of intervals up to which pages of nodes are shared.
const sparseLimit = 4096

const (
	pageNodes  = 1 << 8  // nodes for a /11
	pageCount  = 1 << 11 // /11s
	blockNodes = 8
)

// newRoot4 makes a bitmap root from the intervals; answers are less than limit.
func newRoot4(starts []address4, answers []Answer, limit int) (root4, [pageCount]uint32) {
	b := rootBuilder{starts: starts, answers: answers, plain: map[Answer]uint64{}, leaves: make([]Answer, 0, len(starts)+len(starts)/8)}
	if len(starts) > sparseLimit {
		return b.inOrder(limit), b.pages
	}
	return b.inPages(), b.pages
}

// rootBuilder makes nodes from intervals, from the first address to the last.
type rootBuilder struct {
	starts  []address4
	answers []Answer
	at      int               // the current interval
	leaves  []Answer          // block leaves are blockFlag and their number, until it is known how they are written
	plain   map[Answer]uint64 // nodes of a single leaf, which is an answer
	last    struct {          // the one that was asked for last
		x    Answer
		node uint64
		made bool
	}
	blocks []uint64
	pages  [pageCount]uint32
}

const blockFlag = 1 << 31

// skip makes a's interval the current one; a is not before it.
func (b *rootBuilder) skip(a address4) {
	for b.at+1 < len(b.starts) && b.starts[b.at+1] <= a {
		b.at++
	}
}

// whole says whether the current interval lasts until last.
func (b *rootBuilder) whole(last address4) bool {
	return b.at+1 == len(b.starts) || b.starts[b.at+1] > last
}

// until is the number of the first step of 1<<shift addresses that the current interval does not fill, counted from address 0.
func (b *rootBuilder) until(shift int) uint32 {
	if b.at+1 == len(b.starts) {
		return 1 << (32 - shift)
	}
	return uint32(b.starts[b.at+1] >> shift)
}

// run appends the nodes of /19s, given by their numbers.
func (b *rootBuilder) run(nodes []uint64, from, to uint32) []uint64 {
	for from < to {
		first := address4(from) << 13
		b.skip(first)
		end := min(b.until(13), to)
		if end <= from {
			nodes = append(nodes, b.node(first, 8))
			from++
			continue
		}
		for n := b.uniform(b.answers[b.at]); from < end; from++ {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// node makes the node of 32 steps of 1<<shift addresses that begin at first.
func (b *rootBuilder) node(first address4, shift int) uint64 {
	b.skip(first)
	if b.whole(first + 32<<shift - 1) {
		return b.uniform(b.answers[b.at])
	}
	var runs uint32
	var leaves [32]Answer
	n := 0
	for k := range 32 {
		leaf := b.leaf(first|address4(k)<<shift, shift)
		if k == 0 || leaf != leaves[n-1] {
			runs |= 1 << k
			leaves[n] = leaf
			n++
		}
	}
	b.leaves = append(b.leaves, leaves[:n]...)
	return uint64(len(b.leaves)-1)<<32 | uint64(runs>>1)
}

// leaf is what a step leads to: an answer, or a block if it has several.
func (b *rootBuilder) leaf(first address4, shift int) Answer {
	b.skip(first)
	if b.whole(first + 1<<shift - 1) {
		return b.answers[b.at]
	}
	var block [blockNodes]uint64
	for i := range block {
		block[i] = b.node(first|address4(i)<<5, 0)
	}
	b.blocks = append(b.blocks, block[:]...)
	return blockFlag | Answer(len(b.blocks)/blockNodes-1)
}

// uniform is the node of one leaf, the same for all such nodes.
func (b *rootBuilder) uniform(x Answer) uint64 {
	if b.last.made && b.last.x == x { // neighbours often are
		return b.last.node
	}
	n, ok := b.plain[x]
	if !ok {
		n = uint64(len(b.leaves)) << 32
		b.leaves, b.plain[x] = append(b.leaves, x), n
	}
	b.last.x, b.last.node, b.last.made = x, n, true
	return n
}

// inPages puts the blocks first and then pages, those without a boundary once for each answer.
func (b *rootBuilder) inPages() root4 {
	var nodes []uint64 // pages in order of making
	shared := map[Answer]uint32{}
	for p := uint32(0); p < pageCount; {
		b.skip(address4(p) << 21)
		x, end := b.answers[b.at], b.until(21) // up to where pages are equal
		whole := end > p
		at, made := shared[x]
		if !whole || !made {
			at = uint32(len(nodes))
			nodes = b.run(nodes, p*pageNodes, (p+1)*pageNodes)
		}
		if whole {
			shared[x] = at
		} else {
			end = p + 1
		}
		for ; p < end; p++ {
			b.pages[p] = at - p*pageNodes // Answer4 adds a>>13, which begins with p
		}
	}
	for p := range b.pages {
		b.pages[p] += uint32(len(b.blocks))
	}
	r := root4{nodes: append(b.blocks, nodes...)}
	r.wide(b.leaves)
	return r
}

// inOrder puts the nodes in the order of their addresses. Leaves are 16-bit if that is enough and smaller: there the blocks' numbers
// follow the answers' in one count, and eight nodes are wasted for each answer, which are never touched.
func (b *rootBuilder) inOrder(limit int) root4 {
	r := root4{dense: true}
	nodes := b.run(make([]uint64, 0, 1<<19), 0, 1<<19)
	flag := 1 << bits.Len(uint(limit-1)) // answers are less
	waste := flag * blockNodes
	if flag+len(b.blocks)/blockNodes <= 1<<16 && waste*8 < len(b.leaves)*2 {
		r.narrow(b.leaves, Answer(flag))
	} else {
		r.wide(b.leaves)
		waste = 0
	}
	r.first = uint32(waste + len(b.blocks))
	r.nodes = hugeSlice[uint64](int(r.first) + len(nodes))
	copy(r.nodes[waste:], b.blocks)
	copy(r.nodes[r.first:], nodes)
	settle(r.nodes)
	for p := range b.pages {
		b.pages[p] = r.first
	}
	return r
}

// wide writes leaves of four bytes. The number of a block's first node is the leaf shifted left by three, which drops blockFlag.
func (r *root4) wide(leaves []Answer) {
	all := hugeSlice[Answer](len(leaves) + 1)
	copy(all, leaves)
	settle(all)
	r.leaves, r.size, r.leafBytes, r.mask, r.blocks = unsafe.Pointer(&all[0]), 4, 4*len(all), 1<<32-1, blockFlag
}

// narrow writes leaves of two bytes. A block's number and flag make the leaf, shifted left by three the number of its first node.
func (r *root4) narrow(leaves []Answer, flag Answer) {
	all := hugeSlice[uint16](len(leaves) + 1)
	for i, x := range leaves {
		if x >= blockFlag {
			x += flag - blockFlag
		}
		all[i] = uint16(x)
	}
	settle(all)
	r.leaves, r.size, r.leafBytes, r.mask, r.blocks = unsafe.Pointer(&all[0]), 2, 2*len(all), 1<<16-1, flag
}
