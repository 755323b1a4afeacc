package filter

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"
)

// family is an IP version. Each has checks of its own, so that no address is ever compared with one of the other.
type family int

const (
	ipv4 family = 4
	ipv6 family = 6
)

func (f family) has(a netip.Addr) bool { return a.Is4() == (f == ipv4) }

// everywhere says whether p is all of the family, as AWS sees it: two halves are not (aws-semantics 6.3).
func (f family) everywhere(p netip.Prefix) bool { return p.Bits() == 0 && f.has(p.Addr()) }

// address is an IP address as a number of 128 bits, high and low half; IPv4's are those of ::ffff:0:0/96 (RFC 4291 2.5.5.2).
type address struct{ hi, lo uint64 }

func addressOf(a netip.Addr) address {
	b := a.As16()
	return address{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func (a address) less(b address) bool { return a.hi < b.hi || a.hi == b.hi && a.lo < b.lo }

// next is the number after a; 0 after the highest.
func (a address) next() address {
	lo, carry := bits.Add64(a.lo, 1, 0)
	return address{a.hi + carry, lo}
}

// mask has its first n bits set.
func mask(n int) address {
	return address{^(^uint64(0) >> n), ^(^uint64(0) >> max(0, n-64))}
}

// ends are the first and the last address of a range.
type ends struct{ first, last address }

func endsOf(p netip.Prefix) ends {
	n := p.Bits()
	if p.Addr().Is4() {
		n += 96
	}
	a, m := addressOf(p.Addr()), mask(n)
	return ends{address{a.hi & m.hi, a.lo & m.lo}, address{a.hi | ^m.hi, a.lo | ^m.lo}}
}

// peers is a set of addresses of one family. Most sets are one prefix, and one comparison tells; most packets fall outside
// of the others' hull, too.
type peers struct {
	hull, mask address // the longest prefix around all of them
	ranges     []ends  // ascending and apart, if they leave gaps in the hull; else none
}

// newPeers returns the set of those addresses in the prefixes that are of the family, and whether there are some.
func newPeers(prefixes []netip.Prefix, f family) (s peers, some bool) {
	n := 0
	for _, p := range prefixes {
		if p.IsValid() && f.has(p.Addr()) {
			n++
		}
	}
	if n == 0 {
		return peers{}, false
	}
	ranges := make([]ends, 0, n)
	for _, p := range prefixes {
		if p.IsValid() && f.has(p.Addr()) {
			ranges = append(ranges, endsOf(p))
		}
	}
	ranges = merge(ranges)
	first, last := ranges[0].first, ranges[len(ranges)-1].last
	s.mask = mask(commonBits(first, last))
	s.hull = address{first.hi & s.mask.hi, first.lo & s.mask.lo}
	whole := ends{s.hull, address{s.hull.hi | ^s.mask.hi, s.hull.lo | ^s.mask.lo}}
	if ranges[0] != whole {
		s.ranges = slices.Clip(ranges)
	}
	return s, true
}

// merge sorts the ranges and joins those that overlap or touch.
func merge(ranges []ends) []ends {
	slices.SortFunc(ranges, func(a, b ends) int {
		switch {
		case a.first.less(b.first):
			return -1
		case b.first.less(a.first):
			return 1
		}
		return 0
	})
	merged := ranges[:1]
	for _, r := range ranges[1:] {
		top := &merged[len(merged)-1].last
		if top.less(r.first) && top.next() != r.first {
			merged = append(merged, r)
		} else if top.less(r.last) {
			*top = r.last
		}
	}
	return merged
}

// commonBits is how many of their first bits a and b share.
func commonBits(a, b address) int {
	if a.hi != b.hi {
		return bits.LeadingZeros64(a.hi ^ b.hi)
	}
	return 64 + bits.LeadingZeros64(a.lo^b.lo)
}

// mayContain says whether a is in the hull. Without ranges that is the answer, with them search has it. The low half goes first,
// since only there IPv4 addresses differ.
func (s *peers) mayContain(a address) bool {
	return (a.lo^s.hull.lo)&s.mask.lo == 0 && (a.hi^s.hull.hi)&s.mask.hi == 0
}

// search looks for the last range that does not begin after a.
func (s *peers) search(a address) bool {
	low, high := 0, len(s.ranges)
	for low < high {
		middle := int(uint(low+high) >> 1)
		if a.less(s.ranges[middle].first) {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low > 0 && !s.ranges[low-1].last.less(a)
}
