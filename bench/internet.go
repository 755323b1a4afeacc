package bench

import (
	"math/rand/v2"
	"net/netip"
	"slices"
)

// The generator draws prefixes from the short ones to the long ones, so that when one is drawn all that could contain it are there.
// A prefix follows the one drawn before it, or lies inside a shorter one, or lies where nothing is yet: each as often as in the table
// that the likeness was counted in. Inside a prefix that has some already it is likelier that there are more.

// prefix64 is a prefix of at most 64 bits: its first bits, the others being zero. An IPv4 address is the first 32 of them.
type prefix64 struct {
	top  uint64
	bits int
}

func (p prefix64) parent(bits int) prefix64 { return prefix64{p.top &^ (1<<(64-bits) - 1), bits} }

// generator is a table under construction.
type generator struct {
	rng     *rand.Rand
	like    likeness
	there   map[prefix64]bool
	shorter []prefix64 // all of shorter lengths than the one that is drawn now
	parents []prefix64 // of nested ones, as often as they were chosen
	places  []prefix64 // of those that lie where nothing was
	lengths []int      // those that are done
	taken   []uint64   // of IPv4: a bit for each /24, whether a prefix contains it
	heavy   []int      // sums of the weights of the blocks
}

// internet draws a table. Its next hops are as many as said, each as likely for each prefix; 0 gives each prefix its own.
func internet(rng *rand.Rand, like likeness, nextHops uint32) []Route {
	g := &generator{rng: rng, like: like, there: map[prefix64]bool{}}
	if !like.six {
		g.taken = make([]uint64, 1<<24/64)
	}
	sum := 0
	for _, b := range like.blocks {
		sum += b.weight
		g.heavy = append(g.heavy, sum)
	}
	var prefixes []netip.Prefix
	for _, l := range like.lengths {
		if l.bits > 64 {
			prefixes = append(prefixes, g.hosts(l)...)
			continue
		}
		prefixes = append(prefixes, g.length(l)...)
	}
	routes := make([]Route, len(prefixes))
	for i, p := range prefixes {
		routes[i] = Route{p, uint32(i + 1)}
		if nextHops > 0 {
			routes[i].NextHop = 1 + rng.Uint32N(nextHops)
		}
	}
	return routes
}

// length draws the prefixes of one length.
func (g *generator) length(l lengthLikeness) (all []netip.Prefix) {
	var own []prefix64
	for len(own) < l.count {
		p := g.fresh(l.bits)
		switch {
		case len(own) > 0 && g.rng.Float64() < l.adjacent:
			p = own[len(own)-1]
			p.top += 1 << (64 - l.bits)
			if !g.inBlocks(p) {
				continue
			}
		case len(g.shorter) > 0 && g.rng.Float64() < l.nested:
			p = g.nested(l.bits)
		}
		if g.there[p] {
			continue
		}
		g.add(p)
		own = append(own, p)
		all = append(all, g.prefix(p))
	}
	g.shorter, g.lengths = append(g.shorter, own...), append(g.lengths, l.bits)
	return all
}

// fresh draws a prefix where nothing is yet, if it finds such a place soon: mostly not far from where another one was found, since
// registries hand addresses out in rows.
func (g *generator) fresh(bits int) (p prefix64) {
	for range 16 {
		b := g.block(bits)
		near := prefix64{b.top << (64 - b.bits), b.bits}
		if len(g.places) > 0 && g.rng.IntN(10) > 0 {
			near = g.places[g.rng.IntN(len(g.places))].parent(min(g.like.near, bits-4))
		}
		p = prefix64{near.top | g.rng.Uint64()>>near.bits, 64}.parent(bits)
		if !g.covered(p) {
			g.places = append(g.places, p)
			break
		}
	}
	return p
}

// block draws a block by its weight. The shortest prefixes lie in those that hold little else.
func (g *generator) block(bits int) blockLikeness {
	if bits <= 10 {
		return g.like.blocks[g.rng.IntN(len(g.like.blocks))]
	}
	at, _ := slices.BinarySearch(g.heavy, 1+g.rng.IntN(g.heavy[len(g.heavy)-1]))
	return g.like.blocks[at]
}

// nested draws a prefix inside a shorter one: mostly inside one that has such already.
func (g *generator) nested(bits int) prefix64 {
	from := g.shorter
	if len(g.parents) > 0 && g.rng.IntN(10) < 8 {
		from = g.parents
	}
	p := from[g.rng.IntN(len(from))]
	if p.bits < bits {
		g.parents = append(g.parents, p)
	}
	return prefix64{p.top | g.rng.Uint64()>>p.bits, 64}.parent(bits)
}

func (g *generator) add(p prefix64) {
	g.there[p] = true
	if g.taken == nil {
		return
	}
	first := p.top >> 40
	for at := first; at < first+max(1, uint64(1)<<24>>p.bits); at++ {
		g.taken[at/64] |= 1 << (at % 64)
	}
}

// covered says whether a shorter prefix contains p.
func (g *generator) covered(p prefix64) bool {
	if g.taken != nil {
		at := p.top >> 40
		return g.taken[at/64]>>(at%64)&1 == 1
	}
	return slices.ContainsFunc(g.lengths, func(bits int) bool { return g.there[p.parent(bits)] })
}

// inBlocks keeps what follows a prefix from running into the next block, which may be multicast.
func (g *generator) inBlocks(p prefix64) bool {
	return slices.ContainsFunc(g.like.blocks, func(b blockLikeness) bool {
		return p.top>>(64-b.bits) == b.top
	})
}

// hosts draws prefixes longer than 64 bits, which there are few of, inside others.
func (g *generator) hosts(l lengthLikeness) (all []netip.Prefix) {
	seen := map[netip.Prefix]bool{}
	for len(all) < l.count {
		in := g.shorter[g.rng.IntN(len(g.shorter))]
		p := netip.PrefixFrom(addr6(Address6{Hi: in.top | g.rng.Uint64()>>in.bits, Lo: g.rng.Uint64()}), l.bits).Masked()
		if !seen[p] {
			seen[p] = true
			all = append(all, p)
		}
	}
	return all
}

func (g *generator) prefix(p prefix64) netip.Prefix {
	if g.like.six {
		return netip.PrefixFrom(addr6(Address6{Hi: p.top}), p.bits)
	}
	return netip.PrefixFrom(addr4(uint32(p.top>>32)), p.bits)
}
