package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Vertical routines look 16 addresses up at once, one in each lane of 32 bits.

// The predicates of comparisons. In Go's order of operands it is the second that is less than the first, and so on.
const (
	lessThan = U8(1)
	atLeast  = U8(5)
	greater  = U8(6)
)

// pointers loads the parameters that all routines begin with.
func pointers() (addrs, answers, n reg.Register) {
	return Load(Param("addrs"), GP64()), Load(Param("answers"), GP64()), Load(Param("n"), GP64())
}

// broadcast puts a number into every lane.
func broadcast(x uint32) reg.VecVirtual {
	r := GP32()
	MOVL(U32(x), r)
	return spread(r)
}

func spread(r reg.Register) reg.VecVirtual {
	z := ZMM()
	VPBROADCASTD(r, z)
	return z
}

// eachSixteen generates the loop over 16 addresses at a time, and body once more for the rest, of which only what is there is read
// and written; the other lanes look 0.0.0.0 up. Labels of body begin with its name.
func eachSixteen(body func(name string, a reg.VecVirtual) reg.VecVirtual) {
	addrs, answers, n := pointers()
	SUBQ(U8(16), n)
	JL(LabelRef("rest"))
	Label("loop")
	a := ZMM()
	VMOVDQU32(Mem{Base: addrs}, a)
	VMOVDQU32(body("loop", a), Mem{Base: answers})
	ADDQ(U8(64), addrs)
	ADDQ(U8(64), answers)
	SUBQ(U8(16), n)
	JGE(LabelRef("loop"))
	Label("rest")
	ADDQ(U8(16), n)
	JZ(LabelRef("done"))
	there, bits := K(), GP32()
	MOVL(U32(0xffff), bits)
	BZHIL(n.(reg.GPVirtual).As32(), bits, bits)
	KMOVW(bits, there)
	a = ZMM()
	VMOVDQU32_Z(Mem{Base: addrs}, there, a)
	VMOVDQU32(body("rest", a), there, Mem{Base: answers})
	Label("done")
	VZEROUPPER()
	RET()
}
