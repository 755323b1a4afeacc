package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// gather generates the vertical walk of a bitmap root: sixteen addresses are in one register, and what they need is gathered.
//
// A gathering is some eighty operations, and the processor looks ahead of the oldest one that waits for memory by a few hundred. So
// the leaves of sixteen addresses are gathered only after the nodes of the next sixteen: of what is looked at together, neither then
// waits for the other.
func gather(name string, sparse bool, size uint8, evens Mem) {
	TEXT(name, NOSPLIT, "func(addrs, answers *uint32, n int, pages *uint32, nodes, root *uint64, leaves *uint16, mask, blocks, tail uint32)")
	Doc(name + " looks n addresses up, at least one, in a bitmap root.")
	Pragma("noescape")
	w := walk{leaves: Load(Param("leaves"), GP64()), size: size, full: GP32(), evens: ZMM(), odds: ZMM(), step: broadcast(31), node: broadcast(7)}
	MOVL(U32(0xffff), w.full)
	VMOVDQU32(evens, w.evens)
	VPORD(broadcast(1), w.evens, w.odds)
	w.mask, w.blocks = spread(Load(Param("mask"), GP32())), spread(Load(Param("blocks"), GP32()))
	w.nodes, w.root = Load(Param("nodes"), GP64()), Load(Param("root"), GP64())
	if sparse {
		w.pages = Load(Param("pages"), GP64())
	} else {
		w.tail = spread(Load(Param("tail"), GP32()))
	}
	addrs, answers, n := pointers()
	a, place := ZMM(), ZMM()
	VMOVDQU32_Z(Mem{Base: addrs}, w.first(n), a)
	w.find(a, place)
	Label("loop")
	CMPQ(n, U8(16))
	JLE(LabelRef("last"))
	SUBQ(U8(16), n)
	ADDQ(U8(64), addrs)
	next, nextPlace := ZMM(), ZMM()
	VMOVDQU32_Z(Mem{Base: addrs}, w.first(n), next)
	w.find(next, nextPlace)
	VMOVDQU32(w.answer("loop_flat", a, place), Mem{Base: answers})
	ADDQ(U8(64), answers)
	VMOVDQA32(next, a)
	VMOVDQA32(nextPlace, place)
	JMP(LabelRef("loop"))
	Label("last")
	VMOVDQU32(w.answer("last_flat", a, place), w.first(n), Mem{Base: answers})
	VZEROUPPER()
	RET()
}

// walk is what the walk of a bitmap root keeps in registers.
type walk struct {
	pages        reg.Register   // of a sparse root
	tail         reg.VecVirtual // of a dense one
	nodes, root  reg.Register
	leaves       reg.Register
	size         uint8          // of a leaf
	full         reg.GPVirtual  // a mask of all lanes
	evens, odds  reg.VecVirtual // the lanes of lower and higher halves in two registers of nodes
	step, node   reg.VecVirtual // masks of a step's number in its node, and a node's in its block
	mask, blocks reg.VecVirtual
}

// all is a new mask of all lanes; gathering uses masks up.
func (w *walk) all() reg.Register {
	k := K()
	KMOVW(w.full, k)
	return k
}

// first is a mask of the first n lanes, or of all.
func (w *walk) first(n reg.Register) reg.Register {
	lanes, k := GP64(), K()
	MOVQ(U64(16), lanes)
	CMPQ(n, lanes)
	CMOVQLT(n, lanes)
	BZHIL(lanes.As32(), w.full, lanes.As32())
	KMOVW(lanes.As32(), k)
	return k
}

// find finds the places of the leaves of the addresses' /24s.
func (w *walk) find(a, place reg.VecVirtual) {
	at, step := ZMM(), ZMM()
	VPSRLD(U8(13), a, at)
	if w.pages != nil {
		page, offset := ZMM(), ZMM()
		VPSRLD(U8(21), a, page)
		VPGATHERDD(Mem{Base: w.pages, Index: page, Scale: 4}, w.all(), offset)
		VPADDD(offset, at, at)
	} else {
		VPMINUD(w.tail, at, at)
	}
	VPSRLD(U8(8), a, step)
	w.place(w.root, at, step, w.all(), w.all(), place)
}

// place gathers the nodes at these indexes, and finds where their leaves of the steps are. The masks are those of the lanes that take
// part, of the lower eight and of the upper eight.
func (w *walk) place(nodes reg.Register, at, step reg.VecVirtual, lower, upper reg.Register, place reg.VecVirtual) {
	n0, n1, atUpper := ZMM(), ZMM(), YMM()
	VPXORQ(n0, n0, n0)
	VPXORQ(n1, n1, n1)
	VEXTRACTI64X4(U8(1), at, atUpper)
	VPGATHERDQ(Mem{Base: nodes, Index: at.AsY(), Scale: 8}, lower, n0)
	VPGATHERDQ(Mem{Base: nodes, Index: atUpper, Scale: 8}, upper, n1)
	runs, shift := ZMM(), ZMM()
	VMOVDQA32(w.evens, runs)
	VPERMI2D(n1, n0, runs)
	VMOVDQA32(w.odds, place)
	VPERMI2D(n1, n0, place)
	VPANDD(w.step, step, shift)
	VPSRLVD(shift, runs, runs)
	VPOPCNTD(runs, runs)
	VPSUBD(runs, place, place)
}

// read gathers the leaves at these places, in the lanes of the mask.
func (w *walk) read(place reg.VecVirtual, lanes reg.Register) reg.VecVirtual {
	leaf := ZMM()
	VPXORD(leaf, leaf, leaf)
	VPGATHERDD(Mem{Base: w.leaves, Index: place, Scale: w.size}, lanes, leaf)
	VPANDD(w.mask, leaf, leaf)
	return leaf
}

// answer reads the leaves, and of those that are blocks what is in there.
func (w *walk) answer(flat string, a, place reg.VecVirtual) reg.VecVirtual {
	leaf, blocks := w.read(place, w.all()), K()
	VPCMPUD(atLeast, w.blocks, leaf, blocks)
	KORTESTW(blocks, blocks)
	JZ(LabelRef(flat))
	at, block, inside := ZMM(), ZMM(), ZMM()
	VPSLLD(U8(3), leaf, block)
	VPSRLD(U8(5), a, at)
	VPANDD(w.node, at, at)
	VPORD(block, at, at)
	lower, upper, all := K(), K(), K()
	KMOVW(blocks, lower)
	KSHIFTRW(U8(8), blocks, upper)
	KMOVW(blocks, all)
	w.place(w.nodes, at, a, lower, upper, inside)
	VMOVDQA32(w.read(inside, all), blocks, leaf)
	Label(flat)
	return leaf
}

// evenLanes defines the numbers of every second lane of two registers.
func evenLanes() Mem {
	evens := GLOBL("evens", RODATA|NOPTR)
	for i := range 16 {
		DATA(4*i, U32(2*i))
	}
	return evens
}
