package nat

import (
	"net/netip"

	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

// Static is the translation of an internet gateway: between a private address and the one public address mapped to it, ports
// untouched, also inside the packets that ICMP errors quote. It has no state: what crosses depends on the mapping alone, so
// that it survives everything but a change of the mapping (aws-semantics 4, VPC_Internet_Gateway). IPv6 passes untranslated.
//
// A packet between two public addresses of one VPC (a hairpin) crosses twice, Egress and then Ingress; so does an error about
// one. Each crossing translates one end of the packet and the same end of what is quoted, and so both come out right.
//
// A Static is immutable and for any number of goroutines. Its two directions are [Static.Egress] and [Static.Ingress].
type Static struct {
	public  map[[4]byte]netip.Addr // by private address
	private map[[4]byte]netip.Addr // by public address
}

// NewStatic returns the translation from private addresses to public ones, all IPv4. Every public address is mapped once.
func NewStatic(public map[netip.Addr]netip.Addr) *Static {
	s := &Static{public: make(map[[4]byte]netip.Addr, len(public)), private: make(map[[4]byte]netip.Addr, len(public))}
	for private, public := range public {
		s.public[private.As4()] = public
		s.private[public.As4()] = private
	}
	return s
}

// Egress is the way out of the VPC.
func (s *Static) Egress() Egress { return Egress{s} }

// Ingress is the way into the VPC.
func (s *Static) Ingress() Ingress { return Ingress{s} }

// isRFC1918 says whether an IPv4 address is private: 10/8, 172.16/12 or 192.168/16.
func isRFC1918(a [4]byte) bool {
	return a[0] == 10 || a[0] == 172 && a[1]&0xf0 == 16 || a[0] == 192 && a[1] == 168
}

// isRFC6598 says whether an IPv4 address is shared address space: 100.64/10.
func isRFC6598(a [4]byte) bool { return a[0] == 100 && a[1]&0xc0 == 64 }

// Egress translates the source of IPv4 packets that leave the VPC.
type Egress struct{ s *Static }

// Cross replaces the private source address by its public one. It refuses a source that has none, destinations that no
// packet on the internet may have (aws-semantics 4, explanation-codes), and ICMP that cannot be translated. So whatever
// leaves has a public source. A refused packet is as it came.
func (e Egress) Cross(p *packet.Packet) drop.Reason {
	if !p.Src.Is4() {
		return drop.None
	}
	public, ok := e.s.public[p.Src.As4()]
	switch dst := p.Dst.As4(); {
	case !ok:
		return drop.IGWNoPublicIP
	case isRFC1918(dst):
		return drop.IGWEgressToRFC1918
	case isRFC6598(dst):
		return drop.IGWEgressToRFC6598
	}
	if p.Protocol == packet.ICMP && !p.LaterFragment() {
		if reason := checkICMP(p); reason != drop.None {
			return reason
		}
		if quoted, ok := p.EmbeddedDst(); ok { // an error about a packet that came from outside
			if public, ok := e.s.public[quoted.As4()]; ok {
				p.SetEmbeddedDst(public)
			}
		}
	}
	p.SetSrc(public)
	return drop.None
}

// Ingress translates the destination of IPv4 packets that enter the VPC.
type Ingress struct{ s *Static }

// Cross replaces the public destination address by its private one and takes one off the time to live, as measured for a
// packet that comes in from outside (aws-semantics 8.4). It refuses a destination that is mapped to nothing, sources that
// no packet from the internet may have, and ICMP that cannot be translated. A refused packet is as it came.
func (i Ingress) Cross(p *packet.Packet) drop.Reason {
	if !p.Src.Is4() {
		return hop(p)
	}
	private, ok := i.s.private[p.Dst.As4()]
	switch src := p.Src.As4(); {
	case !ok:
		return drop.IGWNoAssociation
	case isRFC1918(src):
		return drop.IGWIngressFromRFC1918
	case isRFC6598(src):
		return drop.IGWIngressFromRFC6598
	}
	icmp := p.Protocol == packet.ICMP && !p.LaterFragment()
	if icmp {
		if reason := checkICMP(p); reason != drop.None {
			return reason
		}
	}
	if reason := hop(p); reason != drop.None {
		return reason
	}
	p.SetDst(private)
	if icmp {
		if quoted, ok := p.EmbeddedSrc(); ok { // an error about a packet that went out
			if private, ok := i.s.private[quoted.As4()]; ok {
				p.SetEmbeddedSrc(private)
			}
		}
	}
	return drop.None
}

// hop takes one off the time to live of a packet that goes on, as a router does (RFC 1812 5.3.1).
func hop(p *packet.Packet) drop.Reason {
	if p.TTL() <= 1 {
		return drop.TTLExpired
	}
	p.DecrementTTL()
	return drop.None
}
