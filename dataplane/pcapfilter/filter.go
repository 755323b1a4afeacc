// Package pcapfilter understands filter expressions as tcpdump does (pcap-filter(7)), for datagrams without a link layer.
//
// An expression is compiled to a tree of tests and asked about decoded packets; no test allocates or keeps anything. What
// pcap-filter says of Ethernet, VLANs, PPP and the like is an error here, as is a host name: who is to be looked up in whose
// DNS would be anybody's guess. Nothing is passed over: an expression that is not understood to its end is an error.
//
// Where libpcap and this differ, it is on purpose: the protocol of an IPv6 packet is what follows all of its extension headers
// (libpcap looks behind none but a fragment header), and tcp[…], udp[…] and icmp6[…] work over IPv6.
package pcapfilter

import (
	"net/netip"

	"vpcsim/dataplane/packet"
)

// Filter is a compiled expression. It is immutable; any number of goroutines may use it.
type Filter struct {
	text string
	root test
}

// String is the expression as it was given.
func (f *Filter) String() string { return f.text }

// Match says whether the expression is true of a packet, which has been decoded without fault. A nil Filter matches everything.
//
// Reading a byte that the packet does not have, or dividing by zero, makes the whole expression false, as it does in the kernel.
// The length of a super-packet is that of its largest segment.
func (f *Filter) Match(p *packet.Packet) bool {
	if f == nil {
		return true
	}
	m := matching{p: p}
	return f.root.holds(&m) && !m.failed
}

// matching is the evaluation of an expression for one packet.
type matching struct {
	p      *packet.Packet
	failed bool // it read what is not there
}

// test is a node of the tree. There is one kind of node, so that asking costs no call through an interface.
type test struct {
	kind     kind
	left     *test // of and, or, not
	right    *test
	family   uint8 // 4, 6, or 0 for both
	protocol uint8 // of protocol; of port 0 for all that have ports
	ends     ends  // of address, port
	prefix   netip.Prefix
	low      uint16 // of port, the first; of length
	high     uint16 // of port, the last
	relation relation
	a, b     *value // of relation
}

type kind uint8

const (
	isAnd kind = iota
	isOr
	isNot
	isFamily
	isProtocol
	isAddress
	isPort
	isRelation
	isMulticast
)

// ends says which end of a packet has to match.
type ends uint8

const (
	either ends = iota
	source
	destination
	both
)

// match asks one or both ends.
func (e ends) match(src, dst bool) bool {
	switch e {
	case source:
		return src
	case destination:
		return dst
	case both:
		return src && dst
	}
	return src || dst
}

func (t *test) holds(m *matching) bool {
	p := m.p
	switch t.kind {
	case isAnd:
		return t.left.holds(m) && t.right.holds(m)
	case isOr:
		return t.left.holds(m) || !m.failed && t.right.holds(m)
	case isNot:
		return !t.left.holds(m)
	case isFamily:
		return t.of(p)
	case isProtocol:
		return t.of(p) && p.Protocol == t.protocol
	case isAddress:
		return t.ends.match(t.prefix.Contains(p.Src), t.prefix.Contains(p.Dst))
	case isPort:
		return t.port(p)
	case isMulticast:
		return t.of(p) && p.Dst.IsMulticast()
	}
	return t.compare(m)
}

// of says whether the packet is of the test's family.
func (t *test) of(p *packet.Packet) bool { return t.family == 0 || p.Src.Is4() == (t.family == 4) }

// sctp has ports where TCP and UDP have theirs (RFC 9260 3.1).
const sctp = 132

func (t *test) port(p *packet.Packet) bool {
	hasPorts := p.Protocol == packet.TCP || p.Protocol == packet.UDP || p.Protocol == sctp
	if !hasPorts || t.protocol != 0 && p.Protocol != t.protocol || p.LaterFragment() || !t.of(p) {
		return false
	}
	b := p.Transport()
	if len(b) < 4 {
		return false
	}
	src, dst := uint16(b[0])<<8|uint16(b[1]), uint16(b[2])<<8|uint16(b[3])
	return t.ends.match(t.low <= src && src <= t.high, t.low <= dst && dst <= t.high)
}
