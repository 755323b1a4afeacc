package routing

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// gold is the slow obvious model: look at every route, prefer the longer prefix, then the lower origin, then the earlier.
type gold []Entry[int]

func (g gold) lookup(a netip.Addr) (int, bool) {
	best := -1
	for i, e := range g {
		if !e.Prefix.Masked().Contains(a) {
			continue
		}
		if best < 0 || e.Prefix.Bits() > g[best].Prefix.Bits() ||
			e.Prefix.Bits() == g[best].Prefix.Bits() && e.Origin < g[best].Origin {
			best = i
		}
	}
	if best < 0 {
		return 0, false
	}
	return g[best].Value, true
}

func build(t testing.TB, g gold) *Table[int] {
	var b Builder[int]
	for _, e := range g {
		b.Add(e.Prefix, e.Origin, e.Value)
	}
	table, err := b.Build()
	require.NoError(t, err)
	return table
}

// numeric is gold for many comparisons: the same linear scan over numbers. That it is the same is tested, too.
type numeric []struct {
	first, last Address6
	bits        int
	origin      Origin
	value       int
}

// numeric returns the model of one family: IPv4 addresses are Address6{Lo: a}.
func (g gold) numeric(v6 bool) (n numeric) {
	for _, e := range g {
		if e.Prefix.Addr().Is6() != v6 {
			continue
		}
		p := e.Prefix.Masked()
		n = append(n, numeric{{number(p.Addr()), number(lastAddr(p)), p.Bits(), e.Origin, e.Value}}...)
	}
	return n
}

func (n numeric) lookup(a Address6) (value int, ok bool) {
	best, origin := -1, Origin(0)
	for i := range n {
		e := &n[i]
		if a.before(e.first) || e.last.before(a) {
			continue
		}
		if e.bits > best || e.bits == best && e.origin < origin {
			best, origin, value = e.bits, e.origin, e.value
		}
	}
	return value, best >= 0
}

func (a Address6) before(b Address6) bool { return a.Hi < b.Hi || a.Hi == b.Hi && a.Lo < b.Lo }

// number is an address as a number, IPv4's in the low half.
func number(a netip.Addr) (n Address6) {
	for _, b := range a.AsSlice() {
		n.Hi, n.Lo = n.Hi<<8|n.Lo>>56, n.Lo<<8|uint64(b)
	}
	return n
}

func addr4(a uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)})
}

func addr6(a Address6) netip.Addr {
	var b [16]byte
	for i := range 8 {
		b[i], b[8+i] = byte(a.Hi>>(56-8*i)), byte(a.Lo>>(56-8*i))
	}
	return netip.AddrFrom16(b)
}

// edges returns the addresses at which an answer can change: both ends of every prefix, and their neighbours.
func edges(g gold) (all []netip.Addr) {
	for _, e := range g {
		first := e.Prefix.Masked().Addr()
		last := lastAddr(e.Prefix)
		for _, a := range []netip.Addr{first, first.Prev(), last, last.Next()} {
			if a.IsValid() {
				all = append(all, a)
			}
		}
	}
	return all
}

func lastAddr(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

func randomRoutes(rng *rand.Rand, n int) (g gold) {
	for i := range n {
		g = append(g, Entry[int]{randomPrefix(rng), Origin(rng.IntN(6)), i + 1})
	}
	return g
}

// randomPrefix draws from few distinct bits, so that prefixes nest and collide often.
func randomPrefix(rng *rand.Rand) netip.Prefix {
	if rng.IntN(3) == 0 {
		var b [16]byte
		for i := range b {
			b[i] = byte(rng.IntN(2) * 0xff)
		}
		return netip.PrefixFrom(netip.AddrFrom16(b), rng.IntN(129))
	}
	var b [4]byte
	for i := range b {
		b[i] = []byte{0, 1, 0x80, 0xff}[rng.IntN(4)]
	}
	return netip.PrefixFrom(netip.AddrFrom4(b), rng.IntN(33))
}

// addresses returns the edges of a table's routes, the ends of the address space, random ones in its prefixes, and random ones.
func addresses(rng *rand.Rand, g gold, n int) (v4 []uint32, v6 []Address6) {
	v4, v6 = []uint32{0, 1<<32 - 1}, []Address6{{}, {1<<64 - 1, 1<<64 - 1}}
	for _, a := range edges(g) {
		if x := number(a); a.Is4() {
			v4 = append(v4, uint32(x.Lo))
		} else {
			v6 = append(v6, x)
		}
	}
	for range n {
		v4, v6 = append(v4, rng.Uint32()), append(v6, Address6{rng.Uint64(), rng.Uint64()})
		if len(g) == 0 {
			continue
		}
		p := g[rng.IntN(len(g))].Prefix
		x := number(p.Masked().Addr())
		if host := p.Addr().BitLen() - p.Bits(); p.Addr().Is4() {
			v4 = append(v4, uint32(x.Lo)|uint32(rng.Uint64()&(1<<host-1)))
		} else {
			x.Lo |= rng.Uint64() & (1<<min(host, 64) - 1)
			x.Hi |= rng.Uint64() & (1<<max(host-64, 0) - 1)
			v6 = append(v6, x)
		}
	}
	return v4, v6
}
