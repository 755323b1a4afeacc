package conntrack

import (
	"encoding/binary"
	"math/bits"
)

// index finds the slot of a key: open addressing with linear probing over 32-bit slot numbers, so that a hit costs one line of
// the index and the flow's own. It holds no pointers and never shrinks. The zero value is an empty index.
type index struct {
	places []int32 // slot + 1; 0 is free; the length is a power of two
	used   int
}

// seed makes the hashes of one table unpredictable, so that nobody can choose keys that collide.
type seed [2]uint64

// hash mixes the key with the seed by one multiplication of 64 by 64 to 128 bits, as wyhash does.
func (k *Key) hash(s seed) uint64 {
	addrs := uint64(binary.LittleEndian.Uint32(k.Local[:]))<<32 | uint64(binary.LittleEndian.Uint32(k.Remote[:]))
	rest := uint64(k.LocalPort)<<48 | uint64(k.RemotePort)<<32 | uint64(k.realmProtocol)
	hi, lo := bits.Mul64(addrs^s[0], rest^s[1])
	return hi ^ lo
}

// find returns the slot of key k with hash h, or false.
func (x *index) find(slab []Flow, k *Key, h uint64) (slot int32, ok bool) {
	if len(x.places) == 0 {
		return 0, false
	}
	mask := uint64(len(x.places) - 1)
	for at := h & mask; x.places[at] != 0; at = (at + 1) & mask {
		if slot := x.places[at] - 1; slab[slot].Key == *k {
			return slot, true
		}
	}
	return 0, false
}

// put adds a slot with hash h whose key is not there yet.
func (x *index) put(slab []Flow, s seed, slot int32, h uint64) {
	if 2*(x.used+1) > len(x.places) {
		x.grow(slab, s)
	}
	x.place(slot, h)
	x.used++
}

func (x *index) place(slot int32, h uint64) {
	mask := uint64(len(x.places) - 1)
	at := h & mask
	for x.places[at] != 0 {
		at = (at + 1) & mask
	}
	x.places[at] = slot + 1
}

func (x *index) grow(slab []Flow, s seed) {
	old := x.places
	x.places = make([]int32, max(16, 2*len(old)))
	for _, p := range old {
		if p != 0 {
			x.place(p-1, slab[p-1].hash(s))
		}
	}
}

// remove takes the slot with hash h out, and moves back those that had to be placed behind it, so that no search ends early.
func (x *index) remove(slab []Flow, s seed, slot int32, h uint64) {
	mask := uint64(len(x.places) - 1)
	hole := h & mask
	for x.places[hole] != slot+1 {
		hole = (hole + 1) & mask
	}
	for at := (hole + 1) & mask; x.places[at] != 0; at = (at + 1) & mask {
		wanted := slab[x.places[at]-1].hash(s) & mask
		if (at-wanted)&mask >= (at-hole)&mask { // a search for it passes the hole
			x.places[hole] = x.places[at]
			hole = at
		}
	}
	x.places[hole] = 0
	x.used--
}
