package routing

import (
	"math/rand/v2"
	"net/netip"
)

// lengths4 and lengths6 say how many of ten thousand prefixes of the Internet's table have which length, roughly as RIPE RIS sees it.
// Those longer than /24 are not announced far, but some are everywhere.
var (
	lengths4 = map[int]int{
		8: 1, 11: 1, 12: 3, 13: 6, 14: 12, 15: 20, 16: 135, 17: 80, 18: 135, 19: 240, 20: 430, 21: 500, 22: 1150, 23: 1030, 24: 6235,
		25: 4, 26: 4, 27: 3, 28: 3, 29: 3, 30: 3, 32: 2,
	}
	lengths6 = map[int]int{
		19: 1, 20: 5, 24: 20, 28: 60, 29: 430, 30: 60, 31: 40, 32: 1180, 33: 250, 34: 180, 35: 120, 36: 650, 38: 90, 40: 1080, 42: 150,
		44: 1350, 45: 90, 46: 300, 47: 200, 48: 3710, 56: 15, 64: 15, 127: 2, 128: 2,
	}
)

// internet4 makes a table like the Internet's: prefixes mostly beside or inside others.
func internet4(n, hops int) gold {
	rng := rand.New(rand.NewPCG(4, uint64(n)))
	near := netip.MustParsePrefix("1.0.0.0/24")
	return internet(rng, n, hops, lengths4, func(bits int) netip.Prefix {
		a := uint32(number(near.Addr()).Lo)
		if rng.IntN(4) > 0 {
			a += 1 << (32 - near.Bits())
		} else {
			a = rng.Uint32()
		}
		if first := a >> 24; first == 0 || first >= 224 {
			a = 1<<24 + a>>8
		}
		near = netip.PrefixFrom(addr4(a), bits).Masked()
		return near
	})
}

// internet6 likewise, below 2000::/3.
func internet6(n, hops int) gold {
	rng := rand.New(rand.NewPCG(6, uint64(n)))
	near := netip.MustParsePrefix("2001:200::/32")
	return internet(rng, n, hops, lengths6, func(bits int) netip.Prefix {
		a := number(near.Addr())
		switch rng.IntN(8) {
		case 0: // another provider
			a.Hi = 0x2000<<48 | uint64(rng.IntN(0x1000))<<45 | uint64(rng.IntN(1<<13))<<32
		case 1, 2: // inside the one before
			a.Hi |= rng.Uint64() >> min(near.Bits(), 63)
		default:
			a.Hi += 1 << max(64-near.Bits(), 0)
		}
		near = netip.PrefixFrom(addr6(a), bits).Masked()
		return near
	})
}

func internet(rng *rand.Rand, n, hops int, lengths map[int]int, next func(bits int) netip.Prefix) (g gold) {
	var all []int
	for bits := range 129 { // not the map's own order
		for range lengths[bits] {
			all = append(all, bits)
		}
	}
	seen := map[netip.Prefix]bool{}
	for len(g) < n {
		p := next(all[rng.IntN(len(all))])
		if !seen[p] {
			seen[p] = true
			g = append(g, Entry[int]{p, Propagated, 1 + rng.IntN(hops)})
		}
	}
	return g
}

// vpc makes a table like those of VPCs: a default route, CIDRs of the VPC, its peers and a prefix list, subnets and single addresses.
func vpc(n int) gold {
	rng := rand.New(rand.NewPCG(5, uint64(n)))
	g := gold{{netip.MustParsePrefix("0.0.0.0/0"), Static, 1}, {netip.MustParsePrefix("10.0.0.0/16"), Local, 2}}
	for len(g) < n {
		var p netip.Prefix
		switch rng.IntN(4) {
		case 0:
			p = netip.PrefixFrom(addr4(10<<24|uint32(rng.IntN(256))<<16), 16)
		case 1:
			p = netip.PrefixFrom(addr4(10<<24|rng.Uint32()>>8), 20+rng.IntN(9))
		case 2:
			p = netip.PrefixFrom(addr4(uint32([]int{3, 16, 18, 52, 54}[rng.IntN(5)])<<24|rng.Uint32()>>8), 15+rng.IntN(10))
		default:
			p = netip.PrefixFrom(addr4(172<<24|16<<16|rng.Uint32()>>12), 22+rng.IntN(7))
		}
		g = append(g, Entry[int]{p.Masked(), Origin(1 + rng.IntN(3)), len(g) + 1})
	}
	return g
}
