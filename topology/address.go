package topology

import (
	"net/netip"
	"strings"
)

// Address blocks with a meaning of their own.
var (
	rfc1918 = prefixes([]string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"})

	// AWS: inside it no route may lead anywhere (aws-semantics 1.3: subnet-route-tables).
	awsReserved = prefixes([]string{"169.254.168.0/22", "fd00:ec2::/32"})

	// Never a VPC's (aws-semantics 8.1 for link-local; the others no host can use: RFC 6890, RFC 1112).
	neverVPC = prefixes([]string{"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4"})

	// Not addresses of hosts on the internet (RFC 6890). The documentation ranges of RFC 5737 are missing on purpose:
	// they are the internet of most examples, and nobody's.
	notPublic = prefixes([]string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
		"192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4",
	})

	// Where public_ip: auto chooses from, in this order (RFC 5737).
	autoPublic = prefixes([]string{"198.51.100.0/24", "203.0.113.0/24", "192.0.2.0/24"})
)

// cidr parses an IPv4 CIDR into its canonical form, as AWS does (aws-semantics 1.5, 8.1).
func (r *resolver) cidr(path, text string) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(text)
	switch {
	case text == "":
		r.errorf(path, "missing")
	case err == nil && p.Addr().Is4():
		return p.Masked(), true
	case strings.Contains(text, ":"):
		r.errorf(path, "%s is IPv6; this has to be an IPv4 CIDR", shown(text))
	case !strings.Contains(text, "/") && isAddress(text):
		r.errorf(path, "%s has no prefix length; write %s/32 if you mean the one address", shown(text), shown(text))
	default:
		r.errorf(path, "%s is not an IPv4 CIDR such as 10.0.0.0/16", shown(text))
	}
	return netip.Prefix{}, false
}

// address parses an IPv4 address.
func (r *resolver) address(path, text string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(text)
	switch {
	case text == "":
		r.errorf(path, "missing")
	case err == nil && a.Is4():
		return a, true
	case strings.Contains(text, ":"):
		r.errorf(path, "%s is IPv6; this has to be an IPv4 address", shown(text))
	default:
		r.errorf(path, "%s is not an IPv4 address", shown(text))
	}
	return netip.Addr{}, false
}

func isAddress(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil
}

// inside reports whether all of p lies in q.
func inside(p, q netip.Prefix) bool { return q.Bits() <= p.Bits() && q.Contains(p.Addr()) }

// insideAny returns the first of the blocks that all of p lies in.
func insideAny(p netip.Prefix, blocks []netip.Prefix) (netip.Prefix, bool) {
	for _, b := range blocks {
		if inside(p, b) {
			return b, true
		}
	}
	return netip.Prefix{}, false
}

// overlapsAny returns the first of the blocks that shares an address with p.
func overlapsAny(p netip.Prefix, blocks []netip.Prefix) (netip.Prefix, bool) {
	for _, b := range blocks {
		if p.Overlaps(b) {
			return b, true
		}
	}
	return netip.Prefix{}, false
}

// publicPrefix reports whether every address of p may be a host's on the internet.
func publicPrefix(p netip.Prefix) bool {
	_, special := overlapsAny(p, notPublic)
	return !special
}

// lastAddress returns the highest address of an IPv4 prefix.
func lastAddress(p netip.Prefix) netip.Addr { return addAddress(p.Addr(), 1<<(32-p.Bits())-1) }

// addAddress returns the IPv4 address n further on.
func addAddress(a netip.Addr, n uint64) netip.Addr {
	b := a.As4()
	sum := uint64(b[0])<<24 + uint64(b[1])<<16 + uint64(b[2])<<8 + uint64(b[3]) + n
	return netip.AddrFrom4([4]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
}
