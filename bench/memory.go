package bench

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// The memory probe reads 8 bytes at independent random places of a buffer. It is what a lookup costs that needs one read of a table of
// that size and nothing else: whoever is near it cannot be made much faster, and whoever is faster has a smaller table.

// probeKeys is how many places are read in a row; that they come again does not matter, since nothing but their addresses is learnt.
const probeKeys = 1 << 20

// probeSizes are those that are measured, in MiB. A quick run leaves out the large ones, which take a moment to make.
func (p *Plan) probeSizes() []int {
	if p.Count < DefaultKeys {
		return []int{2, 8, 32}
	}
	return []int{2, 8, 32, 64, 256}
}

// probes returns the memory probe for each size, a power of two in MiB, as contenders with the size for their way.
func probes(sizes []int) (all []Contender) {
	words := make([]uint64, slices.Max(sizes)<<20/8)
	for i := range words {
		words[i] = uint64(i) & 0xff
	}
	places := make([]uint32, probeKeys)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range places {
		places[i] = rng.Uint32()
	}
	for _, size := range sizes {
		part := words[:size<<20/8]
		all = append(all, Contender{
			Way: fmt.Sprintf("%d MiB", size),
			Sum: func(from, to int) uint64 { return sumAt(part, places[from:to]) },
			Fill: func(from, to int, out []uint32) {
				for i, p := range places[from:to] {
					out[i] = uint32(part[p&uint32(len(part)-1)])
				}
			},
		})
	}
	return all
}

// sumAt adds up the words at the places; the number of words is a power of two.
func sumAt(words []uint64, places []uint32) (sum uint64) {
	mask := uint32(len(words) - 1)
	for _, p := range places {
		sum += words[p&mask]
	}
	return sum
}
