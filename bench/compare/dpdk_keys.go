//go:build dpdk && cgo

package main

// #include "dpdk.h"
import "C"

import (
	"encoding/binary"
	"net/netip"

	"vpcsim/bench"
)

func number4(p netip.Prefix) C.uint32_t {
	b := p.Addr().As4()
	return C.uint32_t(binary.BigEndian.Uint32(b[:]))
}

// The functions in C take a whole array of keys, so that what a call from Go to C costs, some 40 ns, is spread over it.
type (
	lookup4 func(keys *C.uint32_t, n C.size_t, batch C.uint32_t, out *C.uint32_t) C.uint64_t
	lookup6 func(keys *C.uint8_t, n C.size_t, batch C.uint32_t, out *C.uint32_t) C.uint64_t
)

func lookups4(k *bench.Keys, batches []int, lookup lookup4) []bench.Contender {
	return contenders(batches, func(from, to, batch int, out *uint32) uint64 {
		return uint64(lookup((*C.uint32_t)(&k.V4[from]), C.size_t(to-from), C.uint32_t(batch), (*C.uint32_t)(out)))
	})
}

func lookups6(k *bench.Keys, batches []int, lookup lookup6) []bench.Contender {
	keys := make([]byte, 0, 16*k.Len()) // in the order of the network
	for _, a := range k.V6 {
		keys = binary.BigEndian.AppendUint64(keys, a.Hi)
		keys = binary.BigEndian.AppendUint64(keys, a.Lo)
	}
	return contenders(batches, func(from, to, batch int, out *uint32) uint64 {
		return uint64(lookup((*C.uint8_t)(&keys[16*from]), C.size_t(to-from), C.uint32_t(batch), (*C.uint32_t)(out)))
	})
}

// contenders returns one for each batch; of 1 it is the single lookup, inlined if DPDK has it so.
func contenders(batches []int, lookup func(from, to, batch int, out *uint32) uint64) (all []bench.Contender) {
	for _, n := range batches {
		c := bench.Contender{
			Way: bench.Batch, Batch: n,
			Sum: func(from, to int) uint64 {
				if from == to {
					return 0
				}
				return lookup(from, to, n, nil)
			},
			Fill: func(from, to int, out []uint32) {
				if from < to {
					lookup(from, to, n, &out[0])
				}
			},
		}
		if n == 1 {
			c.Way, c.Batch = bench.Single, 0
		}
		all = append(all, c)
	}
	return all
}
