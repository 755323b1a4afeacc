package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// descent is a number of searches that go down a tree of intervals together, so that they wait for memory together.
type descent struct {
	a     [16]reg.VecVirtual // each search's high half, eight times
	at    [16]Mem            // the first key of its node, from the level's first on
	keys  reg.Register
	nodes reg.GPVirtual // the current level
}

// searchTree6 generates the search of a tree of intervals, level by level for all. The eight keys of a node are compared at once, and
// the passed ones counted.
func searchTree6() {
	TEXT("searchTree6", NOSPLIT, "func(addrs *uint64, answers *uint32, n int, keys *uint64, level *uint32, depth int, leads *uint32) uint32")
	Doc("searchTree6 looks n addresses up by their high halves, a multiple of 16 and not 0. It returns the OR of all answers.")
	Pragma("noescape")
	addrs, answers, n := pointers()
	d := descent{keys: Load(Param("keys"), GP64()), nodes: GP64()}
	leads, found := Load(Param("leads"), GP64()), GP32()
	XORL(found, found)
	for i := range d.at {
		d.at[i] = AllocLocal(8)
	}
	Label("block")
	d.begin(addrs)
	level, left := Load(Param("level"), GP64()), Load(Param("depth"), GP64())
	DECQ(left)
	JZ(LabelRef("last"))
	Label("level")
	d.enter(level)
	for i := range d.a {
		d.step(i)
	}
	ADDQ(U8(4), level)
	DECQ(left)
	JNZ(LabelRef("level"))
	Label("last")
	d.enter(level)
	for i := range d.a {
		d.finish(i, leads)
	}
	for i := range d.a {
		ORL(d.answer(i, leads, answers), found)
	}
	ADDQ(U32(16*len(d.a)), addrs)
	ADDQ(U32(4*len(d.a)), answers)
	SUBQ(U8(len(d.a)), n)
	JNZ(LabelRef("block"))
	VZEROUPPER()
	Store(found, ReturnIndex(0))
	RET()
}

// begin takes the next addresses to the root.
func (d *descent) begin(addrs reg.Register) {
	zero := GP32()
	XORL(zero, zero)
	for i := range d.a {
		d.a[i] = ZMM()
		VPBROADCASTQ(Mem{Base: addrs, Disp: 16 * i}, d.a[i])
		MOVL(zero, d.at[i])
	}
}

// enter makes a level the current one.
func (d *descent) enter(level reg.Register) {
	MOVL(Mem{Base: level}, d.nodes.As32())
	LEAQ(Mem{Base: d.keys, Index: d.nodes, Scale: 8}, d.nodes)
}

// passed compares the i-th search's address with the keys of its node.
func (d *descent) passed(i int) (node, passed reg.GPVirtual) {
	node, passed = GP64(), GP64()
	k := K()
	MOVL(d.at[i], node.As32())
	VPCMPUQ(greater, Mem{Base: d.nodes, Index: node, Scale: 8}, d.a[i], k)
	KMOVB(k, passed.As32())
	POPCNTL(passed.As32(), passed.As32())
	return node, passed
}

// step takes the i-th search to a child.
func (d *descent) step(i int) {
	node, passed := d.passed(i)
	LEAQ(Mem{Base: node, Index: node, Scale: 8}, node)
	LEAQ(Mem{Base: node, Index: passed, Scale: 8}, node)
	MOVL(node.As32(), d.at[i])
}

// finish turns the i-th search's place into the number of its interval, and asks for its answer.
func (d *descent) finish(i int, leads reg.Register) {
	node, passed := d.passed(i)
	ADDL(passed.As32(), node.As32())
	MOVL(node.As32(), d.at[i])
	PREFETCHT0(Mem{Base: leads, Index: node, Scale: 4})
}

// answer reads and writes the i-th answer.
func (d *descent) answer(i int, leads, answers reg.Register) reg.GPVirtual {
	at, lead := GP64(), GP32()
	MOVL(d.at[i], at.As32())
	MOVL(Mem{Base: leads, Index: at, Scale: 4}, lead)
	MOVL(lead, Mem{Base: answers, Disp: 4 * i})
	return lead
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
