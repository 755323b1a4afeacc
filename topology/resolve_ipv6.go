package topology

import "net/netip"

// The blocks of IPv6 that decide what an address is for.
var (
	globalUnicast = netip.MustParsePrefix("2000::/3")  // RFC 4291 2.5.4; the documentation range of RFC 3849 is in it
	uniqueLocal   = netip.MustParsePrefix("fc00::/7")  // RFC 4193
	linkLocalIPv6 = netip.MustParsePrefix("fe80::/10") // RFC 4291 2.5.6
	multicastIPv6 = netip.MustParsePrefix("ff00::/8")  // RFC 4291 2.7
)

// ipv6CIDR resolves the VPC's IPv6 CIDR (aws-semantics 8.1). It is public address space, so no two VPCs share one.
func (b *vpcBuilder) ipv6CIDR() {
	path, text := b.at("ipv6_cidr"), b.spec.IPv6CIDR
	if text == "" {
		return
	}
	if !b.hasIPv6(path, text) {
		return
	}
	p, ok := b.ipv6Block(path, text, 56, "a VPC's IPv6 CIDR")
	if !ok || !b.globalIPv6(path, text, p.Addr()) {
		return
	}
	if before, taken := b.ipv6VPC[p]; taken {
		b.errorf(path, "%s is %s; IPv6 CIDRs are public, and each VPC has its own", p, b.place(before))
		return
	}
	b.ipv6VPC[p] = path
	b.vpc.IPv6CIDR = p
}

// subnetsIPv6 resolves the IPv6 CIDRs of the VPC's subnets.
func (b *vpcBuilder) subnetsIPv6() {
	taken := map[netip.Prefix]*Subnet{}
	for _, s := range b.vpc.Subnets {
		path, text := b.at("subnets", s.Name, "ipv6_cidr"), b.spec.Subnets[s.Name].IPv6CIDR
		if text == "" {
			continue
		}
		if b.spec.IPv6CIDR == "" {
			b.errorf(path, "%s has no ipv6_cidr, which this would be a part of", b.path)
			continue
		}
		p, ok := b.ipv6Block(path, text, 64, "a subnet's IPv6 CIDR")
		if !ok || !b.vpc.IPv6CIDR.IsValid() {
			continue // the VPC's own is the problem
		}
		if !inside(p, b.vpc.IPv6CIDR) {
			b.errorf(path, "%s is outside %s", p, b.vpc.IPv6CIDR)
		} else if other := taken[p]; other != nil {
			b.errorf(path, "%s is subnet %s's", p, other.Name)
		} else {
			s.IPv6CIDR, taken[p] = p, s
		}
	}
}

// hasIPv6 reports whether a VPC could have IPv6 at the preset's time (aws-semantics 10).
func (r *resolver) hasIPv6(path, text string) bool {
	if !r.limits.IPv6 {
		r.errorf(path, "%s is IPv6, and %s had none in a VPC: it came in December 2016", shown(text), r.net.Preset)
	}
	return r.limits.IPv6
}

// ipv6Block parses an IPv6 CIDR of the one length AWS has for it.
func (r *resolver) ipv6Block(path, text string, bits int, what string) (netip.Prefix, bool) {
	p, ok := parseBlock(text)
	switch {
	case !ok || p.Addr().Is4():
		r.errorf(path, "%s is not an IPv6 CIDR such as 2001:db8::/%d", shown(text), bits)
		return p, false
	case p.Bits() != bits:
		r.errorf(path, "%s is a /%d; %s is a /%d", p, p.Bits(), what, bits)
		return p, false
	}
	return p, true
}

// globalIPv6 reports whether a text stands for global unicast addresses, as all public ones are.
func (r *resolver) globalIPv6(path, text string, a netip.Addr) bool {
	kind := "not global unicast"
	switch {
	case globalUnicast.Contains(a):
		return true
	case uniqueLocal.Contains(a):
		kind = "unique local, which is private"
	case linkLocalIPv6.Contains(a):
		kind = "link-local"
	case multicastIPv6.Contains(a):
		kind = "multicast"
	}
	r.errorf(path, "%s is %s; public IPv6 lies in %s, examples in 2001:db8::/32", shown(text), kind, globalUnicast)
	return false
}

// ipv6Address parses an IPv6 address.
func (r *resolver) ipv6Address(path, text string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(text)
	if err != nil || a.Is4() || a.Is4In6() || a.Zone() != "" {
		r.errorf(path, "%s is not an IPv6 address", shown(text))
		return netip.Addr{}, false
	}
	return a, true
}

// placeIPv6 gives an interface its written IPv6 addresses and notes those that are to be chosen.
func (b *vpcBuilder) placeIPv6(eni *NetworkInterface, path string, texts []string) {
	if len(texts) == 0 || eni.Subnet == nil {
		return
	}
	if b.spec.Subnets[eni.Subnet.Name].IPv6CIDR == "" {
		b.errorf(path, "subnet %s has no ipv6_cidr", eni.Subnet.Name)
		return
	}
	eni.IPv6Addresses = make([]netip.Addr, len(texts))
	for i, text := range texts {
		to, at := &eni.IPv6Addresses[i], item(path, i)
		if text == "auto" {
			b.ipv6.wanted = append(b.ipv6.wanted, wantedAddress{eni.Subnet, to, at})
		} else if a, ok := b.ipv6Address(at, text); ok {
			*to = a
			b.placeWrittenIPv6(a, eni.Subnet, at)
		}
	}
}

func (b *vpcBuilder) placeWrittenIPv6(a netip.Addr, s *Subnet, at string) {
	switch {
	case !s.IPv6CIDR.IsValid(): // said already
	case !s.IPv6CIDR.Contains(a):
		b.errorf(at, "%s is outside subnet %s (%s)", a, s.Name, s.IPv6CIDR)
	case reservedIPv6(a):
		b.errorf(at, "%s is reserved by AWS, as are the first four addresses and the last one of every subnet", a)
	}
	if before, taken := b.ipv6.owner[a]; taken {
		b.errorf(at, "%s is taken by %s", a, b.place(before))
		return
	}
	b.ipv6.owner[a] = at
}

// reservedIPv6 reports whether an address is one of the first four or the last of its /64 (subnet-sizing; aws-semantics 8.1).
func reservedIPv6(a netip.Addr) bool {
	b := a.As16()
	host := uint64(0)
	for _, octet := range b[8:] {
		host = host<<8 | uint64(octet)
	}
	return host < firstHost || host+1 == 0
}

// placeNextIPv6 chooses the lowest free address of the subnet. A /64 does not run out of them.
func (b *vpcBuilder) placeNextIPv6(want wantedAddress) {
	p := &b.ipv6
	if !want.subnet.IPv6CIDR.IsValid() {
		return // said already
	}
	a, ok := p.next[want.subnet]
	if !ok {
		first := want.subnet.IPv6CIDR.Addr().As16()
		first[15] = firstHost
		a = netip.AddrFrom16(first)
	}
	for _, taken := p.owner[a]; taken; _, taken = p.owner[a] {
		a = a.Next()
	}
	*want.to = a
	p.owner[a], p.next[want.subnet] = want.path, a.Next()
}

// hostIPv6 resolves the IPv6 address of a host on the internet.
func (r *resolver) hostIPv6(path, text string) netip.Addr {
	if text == "" {
		return netip.Addr{}
	}
	a, ok := r.ipv6Address(path, text)
	if !ok || !r.globalIPv6(path, text, a) {
		return netip.Addr{}
	}
	if vpc, inVPC := r.ipv6VPC[netip.PrefixFrom(a, 56).Masked()]; inVPC {
		r.errorf(path, "%s lies in %s, which is not the internet", a, r.place(vpc))
		return netip.Addr{}
	}
	if before, taken := r.public[a]; taken {
		r.errorf(path, "%s is taken by %s", a, r.place(before))
		return netip.Addr{}
	}
	r.public[a] = path
	return a
}
