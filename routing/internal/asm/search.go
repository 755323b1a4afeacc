package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// search generates the vertical search in at most limit intervals, 32, 64 or 128, which stay in registers. Each lane builds the number
// of its interval bit by bit, from the highest: a bit stays set if the key of that interval is passed.
func search(limit int) {
	name := fmt.Sprintf("search%d", limit)
	TEXT(name, NOSPLIT, "func(addrs, answers *uint32, n int, keys, leads *uint32)")
	Doc(fmt.Sprintf("%s looks n addresses up in %d intervals: keys are their starts less one, leads their answers.", name, limit))
	Pragma("noescape")
	keysAt := Load(Param("keys"), GP64())
	keys, leads := table(keysAt, limit), table(Load(Param("leads"), GP64()), limit)
	middle := ZMM()
	VPBROADCASTD(Mem{Base: keysAt, Disp: limit / 2 * 4}, middle)
	var bits []reg.VecVirtual
	for bit := limit / 2; bit > 0; bit /= 2 {
		bits = append(bits, broadcast(uint32(bit)))
	}
	eachSixteen(func(_ string, a reg.VecVirtual) reg.VecVirtual {
		at, half := ZMM(), K()
		VPCMPUD(lessThan, a, middle, half) // the first key is the same for all
		VMOVDQA32_Z(bits[0], half, at)
		halves := []reg.Register{half}
		for i, bit := range bits[1:] {
			try, passed, keys := ZMM(), K(), keys
			VPORD(bit, at, try)
			deciding := limit>>(i+2) >= 32 // the bit chooses among pairs of registers; all lanes try those where it is set
			if deciding {
				keys = odd(keys)
			}
			VPCMPUD(lessThan, a, pick(keys, try, halves), passed)
			VMOVDQA32(try, passed, at)
			if deciding {
				halves = append(halves, passed)
			}
		}
		return pick(leads, at, halves)
	})
}

// table loads limit numbers into registers of 16.
func table(at reg.Register, limit int) (all []reg.VecVirtual) {
	for i := range limit / 16 {
		z := ZMM()
		VMOVDQU32(Mem{Base: at, Disp: 64 * i}, z)
		all = append(all, z)
	}
	return all
}

// odd returns every second pair of registers.
func odd(table []reg.VecVirtual) (all []reg.VecVirtual) {
	for i := 2; i < len(table); i += 4 {
		all = append(all, table[i], table[i+1])
	}
	return all
}

// pick looks each lane's index up in a table of two registers, by its lower five bits, or of more: the lanes in halves[0] are those
// whose number is in the upper half of the table, and so on.
func pick(table []reg.VecVirtual, index reg.VecVirtual, halves []reg.Register) reg.VecVirtual {
	if len(table) == 2 {
		out := ZMM()
		VMOVDQA32(index, out)
		VPERMI2D(table[1], table[0], out)
		return out
	}
	n := len(table) / 2
	low, high := pick(table[:n], index, halves[1:]), pick(table[n:], index, halves[1:])
	VMOVDQA32(high, halves[0], low)
	return low
}
