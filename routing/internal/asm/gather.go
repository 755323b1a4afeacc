package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// gather generates the vertical walk of a bitmap root.
func gather(name string, sparse bool, size uint8, evens Mem) {
	TEXT(name, NOSPLIT, "func(addrs, answers *uint32, n int, pages *uint32, nodes, root *uint64, leaves *uint16, mask, blocks, tail uint32)")
	Doc(name + " looks n addresses up in a bitmap root.")
	Pragma("noescape")
	w := walk{leaves: Load(Param("leaves"), GP64()), size: size, full: GP32(), evens: ZMM(), odds: ZMM(), step: broadcast(31), node: broadcast(7)}
	MOVL(U32(0xffff), w.full)
	VMOVDQU32(evens, w.evens)
	VPORD(broadcast(1), w.evens, w.odds)
	w.mask, w.blocks = spread(Load(Param("mask"), GP32())), spread(Load(Param("blocks"), GP32()))
	nodes, root := Load(Param("nodes"), GP64()), Load(Param("root"), GP64())
	var pages reg.Register
	var tail reg.VecVirtual
	if sparse {
		pages = Load(Param("pages"), GP64())
	} else {
		tail = spread(Load(Param("tail"), GP32()))
	}
	eachSixteen(func(name string, a reg.VecVirtual) reg.VecVirtual {
		at, step := ZMM(), ZMM()
		VPSRLD(U8(13), a, at)
		if sparse {
			page, offset := ZMM(), ZMM()
			VPSRLD(U8(21), a, page)
			VPGATHERDD(Mem{Base: pages, Index: page, Scale: 4}, w.all(), offset)
			VPADDD(offset, at, at)
		} else {
			VPMINUD(tail, at, at)
		}
		VPSRLD(U8(8), a, step)
		leaf := w.leaf(root, at, step, w.all(), w.all(), w.all())
		w.enterBlocks(name+"_flat", nodes, a, leaf)
		return leaf
	})
}

// walk is what the walk of a bitmap root keeps in registers.
type walk struct {
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

// leaf gathers the nodes at these indexes and from them the leaves of the steps. The masks are those of the lanes that take part: of the
// lower eight, the upper eight, and all.
func (w *walk) leaf(nodes reg.Register, at, step reg.VecVirtual, lower, upper, all reg.Register) reg.VecVirtual {
	n0, n1, atUpper := ZMM(), ZMM(), YMM()
	VPXORQ(n0, n0, n0)
	VPXORQ(n1, n1, n1)
	VEXTRACTI64X4(U8(1), at, atUpper)
	VPGATHERDQ(Mem{Base: nodes, Index: at.AsY(), Scale: 8}, lower, n0)
	VPGATHERDQ(Mem{Base: nodes, Index: atUpper, Scale: 8}, upper, n1)
	runs, last, shift, leaf := ZMM(), ZMM(), ZMM(), ZMM()
	VMOVDQA32(w.evens, runs)
	VPERMI2D(n1, n0, runs)
	VMOVDQA32(w.odds, last)
	VPERMI2D(n1, n0, last)
	VPANDD(w.step, step, shift)
	VPSRLVD(shift, runs, runs)
	VPOPCNTD(runs, runs)
	VPSUBD(runs, last, last)
	VPXORD(leaf, leaf, leaf)
	VPGATHERDD(Mem{Base: w.leaves, Index: last, Scale: w.size}, all, leaf)
	VPANDD(w.mask, leaf, leaf)
	return leaf
}

// enterBlocks replaces the leaves that are blocks by what is in them.
func (w *walk) enterBlocks(flat string, nodes reg.Register, a, leaf reg.VecVirtual) {
	blocks := K()
	VPCMPUD(atLeast, w.blocks, leaf, blocks)
	KORTESTW(blocks, blocks)
	JZ(LabelRef(flat))
	at, block := ZMM(), ZMM()
	VPSLLD(U8(3), leaf, block)
	VPSRLD(U8(5), a, at)
	VPANDD(w.node, at, at)
	VPORD(block, at, at)
	lower, upper, all := K(), K(), K()
	KMOVW(blocks, lower)
	KSHIFTRW(U8(8), blocks, upper)
	KMOVW(blocks, all)
	VMOVDQA32(w.leaf(nodes, at, a, lower, upper, all), blocks, leaf)
	Label(flat)
}

// evenLanes defines the numbers of every second lane of two registers.
func evenLanes() Mem {
	evens := GLOBL("evens", RODATA|NOPTR)
	for i := range 16 {
		DATA(4*i, U32(2*i))
	}
	return evens
}
