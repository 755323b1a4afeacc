package topology

import "net/netip"

// placement is which private addresses of a VPC are taken in one IP version, and who still wants one.
type placement struct {
	owner  map[netip.Addr]string  // address -> path that has it
	wanted []wantedAddress        // instances by name, then NAT gateways, transit gateway attachments, other network interfaces
	next   map[*Subnet]netip.Addr // where the search for a free address goes on
}

type wantedAddress struct {
	subnet *Subnet
	to     *netip.Addr
	path   string
}

// assign gives something in a subnet an address that the file writes, or the promise of one if it says auto.
func (b *vpcBuilder) assign(s *Subnet, at, text string, to *netip.Addr) {
	if text == "auto" {
		b.placement.wanted = append(b.placement.wanted, wantedAddress{s, to, at})
		return
	}
	*to = b.placeWritten(s, at, text)
}

// placeWritten takes an address that the file writes. It returns the zero Addr if it is none.
func (b *vpcBuilder) placeWritten(s *Subnet, at, text string) netip.Addr {
	a, ok := b.address(at, text)
	if !ok {
		return a
	}
	if s != nil && s.CIDR.IsValid() {
		if !s.CIDR.Contains(a) {
			b.errorf(at, "%s is outside subnet %s (%s)", a, s.Name, s.CIDR)
		} else if why := reserved(a, s.CIDR); why != "" {
			b.errorf(at, "%s is %s of subnet %s, which AWS reserves", a, why, s.Name)
		}
	}
	if before, taken := b.placement.owner[a]; taken {
		b.errorf(at, "%s is taken by %s", a, b.place(before))
		return a
	}
	b.placement.owner[a] = at
	return a
}

// placeNext fulfils a promise with the lowest free address of the subnet.
func (b *vpcBuilder) placeNext(want wantedAddress) {
	s, p := want.subnet, &b.placement
	if s == nil || !s.CIDR.IsValid() {
		return // said already
	}
	a, ok := p.next[s]
	if !ok {
		a = addAddress(s.CIDR.Addr(), firstHost)
	}
	for last := lastAddress(s.CIDR); a != last; a = a.Next() {
		if _, taken := p.owner[a]; !taken {
			p.owner[a], p.next[s] = want.path, a.Next()
			*want.to = a
			return
		}
	}
	p.next[s] = a
	b.errorf(want.path, "subnet %s (%s) has no free address left", s.Name, s.CIDR)
}

// firstHost is the offset of the first address of a subnet that a host may have (aws-semantics 8.1: subnet-sizing).
const firstHost = 4

// reserved says what a reserved address of a subnet is for (aws-semantics 8.1: subnet-sizing).
func reserved(a netip.Addr, subnet netip.Prefix) string {
	names := [firstHost]string{"the network address", "the router's address", "the DNS address", "the address for future use"}
	for i, name := range names {
		if a == addAddress(subnet.Addr(), uint64(i)) {
			return name
		}
	}
	if a == lastAddress(subnet) {
		return "the broadcast address"
	}
	return ""
}
