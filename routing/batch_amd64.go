package routing

import "golang.org/x/sys/cpu"

//go:generate env -C internal/asm go run . -out ../../asm_amd64.s -stubs ../../asm_amd64.go -pkg routing

// vectors says whether the processor and the kernel have what the vertical routines use: 512-bit registers, and counting bits in them.
func vectors() bool {
	x := &cpu.X86
	return x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL && x.HasAVX512VPOPCNTDQ && x.HasBMI2 && x.HasPOPCNT
}

// ways returns the ways in which batches can be looked up here in a table of so many intervals, the best first.
func ways(intervals int, r *root4) (all []way) {
	if vectors() {
		for w := search32Way; w <= search128Way; w++ {
			if intervals <= 32<<(w-search32Way) {
				all = append(all, w)
			}
		}
		switch {
		case !r.dense:
			all = append(all, sparseWay)
		case r.size == 2:
			all = append(all, dense16Way)
		default:
			all = append(all, dense32Way)
		}
	}
	if r.dense && cpu.X86.HasBMI2 && cpu.X86.HasPOPCNT {
		if r.size == 2 {
			all = append(all, pipeline16Way)
		} else {
			all = append(all, pipeline32Way)
		}
	}
	return append(all, oneByOne)
}

// liveWay is how a batch is looked up in a Live table. A node is read at once by each of the ways: it is eight bytes on an address
// that is a multiple of eight.
func liveWay() way {
	if vectors() {
		return dense32Way
	}
	return oneByOne
}

// lookup looks up as many of the addresses as it can, from the first on, and returns how many that are. If blocks is true, some
// answers among them are block leaves.
//
// The assembly reads n addresses and writes n answers, and of the tables what Answer4 reads for one of these addresses; for lanes
// beyond the last address, what it reads for 0.0.0.0. The interval search reads limit keys and answers, which fill has made.
func (b *batch4) lookup(addrs []uint32, answers []Answer) (n int, blocks bool) {
	n = len(addrs)
	if b.way == pipeline16Way || b.way == pipeline32Way {
		n &^= 7
	}
	if n == 0 {
		return 0, false
	}
	from, to := &addrs[0], (*uint32)(&answers[0])
	switch b.way {
	case search32Way:
		search32(from, to, n, &b.keys[0], &b.leads[0])
	case search64Way:
		search64(from, to, n, &b.keys[0], &b.leads[0])
	case search128Way:
		search128(from, to, n, &b.keys[0], &b.leads[0])
	case sparseWay:
		gatherSparse(from, to, n, b.pages, b.nodes, b.root, b.leaves, b.mask, b.blocks, b.tail)
	case dense16Way:
		gatherDense16(from, to, n, b.pages, b.nodes, b.root, b.leaves, b.mask, b.blocks, b.tail)
	case dense32Way:
		gatherDense32(from, to, n, b.pages, b.nodes, b.root, b.leaves, b.mask, b.blocks, b.tail)
	case pipeline16Way:
		return n, pipeline16(from, to, n, b.root, b.leaves, b.tail) >= b.blocks
	case pipeline32Way:
		return n, pipeline32(from, to, n, b.root, b.leaves, b.tail) >= b.blocks
	default:
		return 0, false
	}
	return n, false
}

// interval returns the number of the interval that a high half lies in.
func (t *tree6) interval(hi uint64) int {
	if t.vertical {
		return interval6(hi, &t.keys[0], &t.level[0], t.depth) // reads one node of each level, as intervalOf does
	}
	return t.intervalOf(hi)
}

// descend looks up as many of the addresses as it can by their high halves, from the first on, and returns how many that are. If
// longer is true, some answers among them name the intervals of a low half.
//
// The assembly reads n addresses and writes n answers; it reads one node of each level and one answer for each address, as interval does.
func (t *tree6) descend(addrs []Address6, answers []Answer) (n int, longer bool) {
	n = len(addrs) &^ 15
	if n == 0 || !t.vertical {
		return 0, false
	}
	found := searchTree6(&addrs[0].Hi, (*uint32)(&answers[0]), n, &t.keys[0], &t.level[0], t.depth, (*uint32)(&t.answers[0]))
	return n, found >= blockFlag
}
