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
// In big tables the nodes of all /19s lie in order, and pages is the same number everywhere, but for the tail: from the last
// interval on, which in the Internet's table is 224.0.0.0/3, all /11s share one page. In small tables all /11s without prefixes of
// their own share pages.
type root4 struct {
	nodes     []uint64
	leaves    unsafe.Pointer // to leaves of size bytes, and two more bytes
	leafBytes int
	size      int
	mask      Answer
	blocks    Answer // leaves from here on are blocks; a power of two, so that an OR of leaves tells whether there is a block among them
	dense     bool   // whether all nodes lie in the order of their addresses, up to the tail
	first     uint32 // the node of 0.0.0.0/19 if dense, else 0
	tail      uint32 // of a dense root: from this /19 on all are like it
}

// sparseLimit is the number of intervals up to which pages of nodes are shared.
const sparseLimit = 4096

const (
	pageNodes  = 1 << 8  // nodes for a /11
	pageCount  = 1 << 11 // /11s
	blockNodes = 8
)

// newRoot4 makes a bitmap root from the intervals, and fills in the pages; answers are less than limit.
func newRoot4(v intervals[uint32], limit int, pages *[pageCount]uint32) root4 {
	b := rootBuilder{intervals: v, plain: map[Answer]uint64{}, leaves: make([]Answer, 0, len(v.starts)+len(v.starts)/8), pages: pages}
	if len(v.starts) > sparseLimit {
		return b.inOrder(limit)
	}
	return b.inPages()
}

// rootBuilder makes nodes from intervals, from the first address to the last.
type rootBuilder struct {
	intervals[uint32]
	at     int               // the current interval
	leaves []Answer          // block leaves are blockFlag and their number, until it is known how they are written
	plain  map[Answer]uint64 // nodes of a single leaf, which is an answer
	last   struct {          // the one that was asked for last
		x    Answer
		node uint64
		made bool
	}
	blocks []uint64
	even   map[Answer]Answer // if not nil: blocks of a single answer, which lead there from the root
	from   int               // the number of the first block
	pages  *[pageCount]uint32
}

const blockFlag = 1 << 31

// skip makes a's interval the current one; a is not before it.
func (b *rootBuilder) skip(a uint32) {
	for b.at+1 < len(b.starts) && b.starts[b.at+1] <= a {
		b.at++
	}
}

// whole says whether the current interval lasts until last.
func (b *rootBuilder) whole(last uint32) bool {
	return b.at+1 == len(b.starts) || b.starts[b.at+1] > last
}

// until is the number of the first step of 1<<shift addresses that the current interval does not fill, counted from address 0.
func (b *rootBuilder) until(shift int) uint32 {
	if b.at+1 == len(b.starts) {
		return 1 << (32 - shift)
	}
	return b.starts[b.at+1] >> shift
}

// run appends the nodes of /19s, given by their numbers.
func (b *rootBuilder) run(nodes []uint64, from, to uint32) []uint64 {
	for from < to {
		first := uint32(from) << 13
		b.skip(first)
		end := min(b.until(13), to)
		if end <= from {
			nodes = append(nodes, b.node(first, 8))
			from++
			continue
		}
		for n := b.uniform(b.leaf(b.answers[b.at], 8)); from < end; from++ {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// node makes the node of 32 steps of 1<<shift addresses that begin at first. It goes from interval to interval, not from step to step:
// most nodes have few.
func (b *rootBuilder) node(first uint32, shift int) uint64 {
	b.skip(first)
	last := first + 32<<shift - 1
	if b.whole(last) {
		return b.uniform(b.leaf(b.answers[b.at], shift))
	}
	var runs uint32
	var leaves [32]Answer
	leaves[0] = b.leaf(b.answers[b.at], shift)
	n := 0
	begin := func(step uint32, leaf Answer) {
		if runs&(1<<step) == 0 && step > 0 {
			runs |= 1 << step
			n++
		}
		leaves[n] = leaf
	}
	for !b.whole(last) {
		start := b.starts[b.at+1]
		step := start - first
		end := start | (1<<shift - 1)
		if start&(1<<shift-1) == 0 {
			if b.at++; b.whole(end) {
				begin(step>>shift, b.leaf(b.answers[b.at], shift))
				continue
			}
		}
		begin(step>>shift, b.block(end-(1<<shift-1)))
		if b.skip(end); end != last {
			begin(step>>shift+1, b.leaf(b.answers[b.at], shift))
		}
	}
	b.leaves = append(b.leaves, leaves[:n+1]...)
	return uint64(len(b.leaves)-1)<<32 | uint64(runs>>1)
}

// leaf returns the leaf of a step of 1<<shift addresses that has one answer: the answer, or where all of the root's leaves are blocks
// a block of nothing else.
func (b *rootBuilder) leaf(x Answer, shift int) Answer {
	if b.even == nil || shift == 0 {
		return x
	}
	leaf, ok := b.even[x]
	if !ok {
		leaf = b.blockLeaf()
		n := b.uniform(x)
		b.blocks = append(b.blocks, n, n, n, n, n, n, n, n)
		b.even[x] = leaf
	}
	return leaf
}

// blockLeaf is the leaf of the block that is made next.
func (b *rootBuilder) blockLeaf() Answer { return blockFlag | Answer(b.from+len(b.blocks)/blockNodes) }

// block makes the block of a /24 that begins at first, and returns its leaf.
func (b *rootBuilder) block(first uint32) Answer {
	var block [blockNodes]uint64
	for i := range block {
		block[i] = b.node(first|uint32(i)<<5, 0)
	}
	leaf := b.blockLeaf()
	b.blocks = append(b.blocks, block[:]...)
	return leaf
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

// blockCount is the number of blocks that node will make: one for each /24 inside which an interval begins.
func (b *rootBuilder) blockCount() (n int) {
	last := uint32(0) // a /24, counted from 1
	for _, start := range b.starts {
		if start&255 != 0 && start>>8+1 != last {
			last = start>>8 + 1
			n++
		}
	}
	return n
}

// inPages makes pages, those without a boundary once for each answer, and puts the blocks behind them.
//
// If there are blocks, all leaves of the root are some. In a small table it can't be foreseen whether the next address is in one. A
// processor that guesses wrong loses more time than the second step takes, whose memory is near.
func (b *rootBuilder) inPages() root4 {
	var made []uint32 // the /11s that pages are made for
	shared := map[Answer]uint32{}
	for p := uint32(0); p < pageCount; {
		b.skip(p << 21)
		x, end := b.answers[b.at], b.until(21) // up to where pages are equal
		at, there := shared[x]
		if end <= p || !there {
			at = uint32(len(made) * pageNodes)
			made = append(made, p)
		}
		if end > p {
			shared[x] = at
		} else {
			end = p + 1
		}
		for ; p < end; p++ {
			b.pages[p] = at - p*pageNodes // Answer4 adds a>>13, which begins with p
		}
	}
	if b.blockCount() > 0 {
		b.even, b.from = map[Answer]Answer{}, len(made)*pageNodes/blockNodes
	}
	nodes := make([]uint64, 0, len(made)*pageNodes)
	b.at = 0
	for _, p := range made {
		nodes = b.run(nodes, p*pageNodes, (p+1)*pageNodes)
	}
	r := root4{nodes: append(nodes, b.blocks...)}
	r.wide(b.leaves)
	return r
}

// inOrder puts the nodes in the order of their addresses. Leaves are 16-bit if that is enough and smaller: there the blocks' numbers
// follow the answers' in one count, and eight nodes are wasted for each answer, which are never touched.
func (b *rootBuilder) inOrder(limit int) root4 {
	pages := min(b.starts[len(b.starts)-1]>>21+2, pageCount)   // a page with the last interval's start, and one behind it for the tail
	blocks, flag := b.blockCount(), 1<<bits.Len(uint(limit-1)) // answers are less
	waste := flag * blockNodes
	narrow := flag+blocks <= 1<<16 && waste*8 < len(b.starts)*2
	if !narrow {
		waste = 0
	}
	first := waste + blocks*blockNodes
	all := hugeSlice[uint64](first + int(pages)*pageNodes)
	b.blocks = all[waste:waste:first]
	b.run(all[:first], 0, pages*pageNodes)
	settle(all)
	r := root4{dense: true, nodes: all, first: uint32(first), tail: pages*pageNodes - 1}
	if narrow {
		r.narrow(b.leaves, Answer(flag))
	} else {
		r.wide(b.leaves)
	}
	for p := range uint32(pageCount) {
		b.pages[p] = r.first - (max(p, pages-1)-(pages-1))*pageNodes
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
