package pcapfilter

import (
	"fmt"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"
)

// network is the id of net: a prefix, an address, the first bytes of one (10.1 is 10.1.0.0/16), or an address and a mask.
func (p *parser) network(q qualifiers, token string) (t test, err error) {
	text, length, hasLength := strings.Cut(token, "/")
	a, size, err := networkAddress(text)
	if err != nil {
		return t, err
	}
	switch {
	case hasLength:
		if size, err = strconv.Atoi(length); err != nil || size < 0 || size > a.BitLen() {
			return t, fmt.Errorf("the length must be from 0 to %d", a.BitLen())
		}
	case p.peek() == "mask":
		p.next()
		if size, err = maskLength(p.next()); err != nil || a.Is6() {
			return t, fmt.Errorf("the mask must be one of IPv4, such as 255.255.0.0")
		}
	}
	n := netip.PrefixFrom(a, size)
	if n.Masked() != n {
		return t, fmt.Errorf("has bits set beyond its length of %d", size)
	}
	return q.address(n)
}

// networkAddress reads the address of a network, and how long it is if nothing else says so.
func networkAddress(s string) (a netip.Addr, size int, err error) {
	if a, err = netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return a, a.BitLen(), nil
	}
	parts := strings.Split(s, ".")
	if len(parts) > 4 {
		return a, 0, fmt.Errorf("must be a network")
	}
	var b [4]byte
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 8)
		if err != nil {
			return a, 0, fmt.Errorf("must be a network, such as 10.0.0.0/16")
		}
		b[i] = byte(n)
	}
	return netip.AddrFrom4(b), 8 * len(parts), nil
}

// maskLength is how many bits a mask has, which must be the first ones.
func maskLength(s string) (int, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is4() {
		return 0, fmt.Errorf("not a mask")
	}
	b := a.As4()
	n := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	size := bits.LeadingZeros32(^n)
	if n<<size != 0 {
		return 0, fmt.Errorf("not a mask")
	}
	return size, nil
}
