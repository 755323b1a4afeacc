package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// descent is a number of searches that go down a tree of intervals together, so that they wait for memory together.
type descent struct {
	addrs, keys reg.Register
	a           [16]reg.VecVirtual // each search's high half, eight times
	nodes       reg.GPVirtual      // the current level
	at          Mem                // the first key of each search's node, from the level's first on
	found       Mem                // the number of each search's interval
}

// searchTree6 generates the search of a tree of intervals, level by level for 16 addresses. The eight keys of a node are compared at
// once, and the passed ones counted.
//
// The last level and the answers are too big for the near caches. So there are three stages, in each turn of the loop for another
// sixteen: all levels but the last, which end with asking for a node there; the last level, which ends with asking for an answer; the
// answers. What a stage leaves to the next one is in one of two places, by turns.
func searchTree6() {
	TEXT("searchTree6", NOSPLIT, "func(addrs *uint64, answers *uint32, n int, keys *uint64, level *uint32, depth int, leads *uint32) uint32")
	Doc("searchTree6 looks n addresses up by their high halves, a multiple of 16 and not 0. It returns the OR of all answers.")
	Pragma("noescape")
	addrs, answers, n := pointers()
	d := descent{addrs: addrs, keys: Load(Param("keys"), GP64()), nodes: GP64(), at: AllocLocal(2 * 64), found: AllocLocal(2 * 64)}
	leads, all, turn, side := Load(Param("leads"), GP64()), GP32(), GP64(), GP64()
	XORL(all, all)
	XORL(turn.As32(), turn.As32())
	XORL(side.As32(), side.As32())
	Label("turn")
	CMPQ(turn, n)
	JGE(LabelRef("last"))
	d.upper(side)
	Label("last")
	XORQ(U8(64), side) // the side of the turn before
	TESTQ(turn, turn)
	JZ(LabelRef("next"))
	LEAQ(Mem{Base: n, Disp: 16}, d.nodes)
	CMPQ(turn, d.nodes)
	JGE(LabelRef("answers"))
	d.last(side, leads)
	Label("answers")
	CMPQ(turn, U8(16))
	JLE(LabelRef("next"))
	XORQ(U8(64), side)
	for i := range d.a {
		at, lead := GP64(), GP32()
		MOVL(d.found.Offset(4*i).Idx(side, 1), at.As32())
		MOVL(Mem{Base: leads, Index: at, Scale: 4}, lead)
		MOVL(lead, Mem{Base: answers, Disp: 4 * i})
		ORL(lead, all)
	}
	XORQ(U8(64), side)
	ADDQ(U32(4*len(d.a)), answers)
	Label("next")
	ADDQ(U32(16*len(d.a)), addrs)
	ADDQ(U8(16), turn)
	LEAQ(Mem{Base: n, Disp: 16}, d.nodes)
	CMPQ(turn, d.nodes)
	JLE(LabelRef("turn"))
	VZEROUPPER()
	Store(all, ReturnIndex(0))
	RET()
}

// upper takes the next addresses to their nodes of the last level.
func (d *descent) upper(side reg.Register) {
	level, left, zero := Load(Param("level"), GP64()), Load(Param("depth"), GP64()), GP32()
	XORL(zero, zero)
	for i := range d.a {
		d.a[i] = ZMM()
		VPBROADCASTQ(Mem{Base: d.addrs, Disp: 16 * i}, d.a[i])
		MOVL(zero, d.at.Offset(4*i).Idx(side, 1))
	}
	DECQ(left)
	JZ(LabelRef("last"))
	Label("level")
	d.enter(level)
	for i, a := range d.a {
		node, passed := d.passed(d.at.Offset(4*i).Idx(side, 1), a)
		LEAQ(Mem{Base: node, Index: node, Scale: 8}, node)
		LEAQ(Mem{Base: node, Index: passed, Scale: 8}, node)
		MOVL(node.As32(), d.at.Offset(4*i).Idx(side, 1))
	}
	ADDQ(U8(4), level)
	DECQ(left)
	JNZ(LabelRef("level"))
	d.enter(level)
	for i := range d.a {
		node := GP64()
		MOVL(d.at.Offset(4*i).Idx(side, 1), node.As32())
		PREFETCHT0(Mem{Base: d.nodes, Index: node, Scale: 8})
	}
}

// last turns the places of the sixteen addresses before the next ones into the numbers of their intervals, and asks for the answers.
func (d *descent) last(side, leads reg.Register) {
	level, depth := Load(Param("level"), GP64()), Load(Param("depth"), GP64())
	LEAQ(Mem{Base: level, Index: depth, Scale: 4, Disp: -4}, level)
	d.enter(level)
	for i := range d.a {
		a := ZMM()
		VPBROADCASTQ(Mem{Base: d.addrs, Disp: 16*i - 16*len(d.a)}, a)
		node, passed := d.passed(d.at.Offset(4*i).Idx(side, 1), a)
		ADDL(passed.As32(), node.As32())
		MOVL(node.As32(), d.found.Offset(4*i).Idx(side, 1))
		PREFETCHT0(Mem{Base: leads, Index: node, Scale: 4})
	}
}

// enter makes a level the current one.
func (d *descent) enter(level reg.Register) {
	MOVL(Mem{Base: level}, d.nodes.As32())
	LEAQ(Mem{Base: d.keys, Index: d.nodes, Scale: 8}, d.nodes)
}

// passed compares a search's address with the keys of its node.
func (d *descent) passed(at Mem, a reg.VecVirtual) (node, passed reg.GPVirtual) {
	node, passed = GP64(), GP64()
	k := K()
	MOVL(at, node.As32())
	VPCMPUQ(greater, Mem{Base: d.nodes, Index: node, Scale: 8}, a, k)
	KMOVB(k, passed.As32())
	POPCNTL(passed.As32(), passed.As32())
	return node, passed
}

// interval6 generates the search of a tree of intervals for one address.
func interval6() {
	TEXT("interval6", NOSPLIT, "func(hi uint64, keys *uint64, level *uint32, depth int) int")
	Doc("interval6 returns the number of the interval that a high half lies in.")
	Pragma("noescape")
	a, at := ZMM(), GP64()
	VPBROADCASTQ(NewParamAddr("hi", 0), a)
	keys, level, left := Load(Param("keys"), GP64()), Load(Param("level"), GP64()), Load(Param("depth"), GP64())
	XORL(at.As32(), at.As32())
	node := func() (passed reg.GPVirtual) {
		nodes, k := GP64(), K()
		passed = GP64()
		MOVL(Mem{Base: level}, nodes.As32())
		ADDQ(at, nodes)
		VPCMPUQ(greater, Mem{Base: keys, Index: nodes, Scale: 8}, a, k)
		KMOVB(k, passed.As32())
		POPCNTL(passed.As32(), passed.As32())
		return passed
	}
	DECQ(left)
	JZ(LabelRef("last"))
	Label("level")
	passed := node()
	LEAQ(Mem{Base: at, Index: at, Scale: 8}, at)
	LEAQ(Mem{Base: at, Index: passed, Scale: 8}, at)
	ADDQ(U8(4), level)
	DECQ(left)
	JNZ(LabelRef("level"))
	Label("last")
	ADDQ(node(), at)
	VZEROUPPER()
	Store(at, ReturnIndex(0))
	RET()
}
