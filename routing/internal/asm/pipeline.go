package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// pipeline generates the walk of a dense bitmap root one address after the other, in three stages that are 24 and 8 addresses apart: a
// node is asked for, then read and its leaf asked for, then the leaf is read.
func pipeline(name string, size uint8) {
	TEXT(name, NOSPLIT, "func(addrs, answers *uint32, n int, root *uint64, leaves *uint16, tail uint32) uint32")
	Doc(name + " looks n addresses up, a multiple of 8 and not 0, in a dense bitmap root. It doesn't follow blocks; it returns the OR of all leaves.")
	Pragma("noescape")
	addrs, answers, last := pointers()
	p := stages{addrs: addrs, root: Load(Param("root"), GP64()), leaves: Load(Param("leaves"), GP64()), tail: Load(Param("tail"), GP32()), size: size}
	for i := range p.places {
		p.places[i] = AllocLocal(8)
	}
	SUBQ(U8(8), last)
	found, at := GP32(), GP64()
	XORL(found, found)
	XORL(at.As32(), at.As32())
	for i := range p.places {
		p.find(i, at)
	}
	Label("loop")
	ahead, next := behind(at, 32, last), behind(at, 8, last)
	for i := range p.places {
		a := GP64()
		MOVL(Mem{Base: addrs, Index: ahead, Scale: 4, Disp: 4 * i}, a.As32())
		SHRL(U8(13), a.As32())
		p.clip(a)
		PREFETCHT0(Mem{Base: p.root, Index: a, Scale: 8})
	}
	for i := range p.places {
		leaf := p.leaf(i)
		MOVL(leaf, Mem{Base: answers, Index: at, Scale: 4, Disp: 4 * i})
		ORL(leaf, found)
		p.find(i, next)
	}
	ADDQ(U8(8), at)
	CMPQ(at, last)
	JLE(LabelRef("loop"))
	Store(found, ReturnIndex(0))
	RET()
}

// behind returns at + n, or last if that is beyond it: the last block is asked for again then.
func behind(at reg.GPVirtual, n int, last reg.Register) reg.GPVirtual {
	to := GP64()
	LEAQ(Mem{Base: at, Disp: n}, to)
	CMPQ(to, last)
	CMOVQGT(last, to)
	return to
}

type stages struct {
	addrs, root, leaves, tail reg.Register
	size                      uint8
	places                    [8]Mem // of leaves that have been asked for
}

// clip replaces the number of a node beyond the tail by the tail's.
func (p *stages) clip(node reg.GPVirtual) {
	CMPL(node.As32(), p.tail)
	CMOVLHI(p.tail, node.As32())
}

// find reads the node of the i-th address from here on, and asks for its leaf.
func (p *stages) find(i int, from reg.Register) {
	a, n, runs := GP32(), GP64(), GP32()
	MOVL(Mem{Base: p.addrs, Index: from, Scale: 4, Disp: 4 * i}, a)
	MOVL(a, n.As32())
	SHRL(U8(13), n.As32())
	p.clip(n)
	MOVQ(Mem{Base: p.root, Index: n, Scale: 8}, n)
	SHRL(U8(8), a)
	SHRXL(a, n.As32(), runs)
	POPCNTL(runs, runs)
	SHRQ(U8(32), n)
	SUBL(runs, n.As32())
	MOVL(n.As32(), p.places[i])
	PREFETCHT0(Mem{Base: p.leaves, Index: n, Scale: p.size})
}

// leaf reads the i-th leaf.
func (p *stages) leaf(i int) reg.GPVirtual {
	at, leaf := GP64(), GP32()
	MOVL(p.places[i], at.As32())
	if p.size == 2 {
		MOVWLZX(Mem{Base: p.leaves, Index: at, Scale: p.size}, leaf)
	} else {
		MOVL(Mem{Base: p.leaves, Index: at, Scale: p.size}, leaf)
	}
	return leaf
}
