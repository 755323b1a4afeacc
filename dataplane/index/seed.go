package index

import (
	"math/bits"
	"math/rand/v2"
)

// Seed makes the hashes of one table unpredictable, so that nobody can choose keys that collide.
type Seed [2]uint64

// NewSeed returns a seed from the runtime's cryptographic generator.
func NewSeed() Seed { return Seed{rand.Uint64(), rand.Uint64()} }

// Constants of wyhash: odd, and half of their bits set.
const (
	wy0 = 0xa0761d6478bd642f
	wy1 = 0xe7037ed1a0b428db
)

// fold multiplies 64 by 64 to 128 bits and adds the halves without carry, as wyhash mixes.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// Hash16 is the hash of a key of 16 bytes.
func (s Seed) Hash16(k *[2]uint64) uint64 {
	return fold(fold(k[0]^s[0], k[1]^s[1])^wy0, s[0]^wy1)
}

// Hash40 is the hash of a key of 40 bytes.
func (s Seed) Hash40(k *[5]uint64) uint64 {
	h := fold(k[0]^s[0], k[1]^s[1])
	h = fold(k[2]^s[1]^wy0, k[3]^h)
	return fold(k[4]^s[0]^wy1, h^s[1])
}
