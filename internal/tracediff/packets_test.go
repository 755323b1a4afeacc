package tracediff

import (
	"math/rand/v2"
	"net/netip"

	"vpcsim/dataplane"
	"vpcsim/dataplane/packet"
)

// remembered is a packet that was sent, or that was delivered, and where.
type remembered struct {
	at string
	p  *packet.Packet
}

// senders make packets: new ones, answers to what was delivered, and more of what was sent.
type senders struct {
	*rand.Rand
	delivered, sent []remembered // the last few
}

const memory = 24

func remember(all []remembered, r remembered) []remembered {
	if len(all) == memory {
		all = append(all[:0], all[1:]...)
	}
	return append(all, r)
}

// next makes a packet and says which interface sends it.
func (s *senders) next(snapshot *dataplane.Snapshot, ids []string) (from string, p *packet.Packet) {
	switch n := s.IntN(100); {
	case n < 35 && len(s.delivered) > 0:
		r := pick(s.Rand, s.delivered...)
		if snapshot.Interface(r.at) != nil {
			return r.at, s.answer(r.p)
		}
	case n < 50 && len(s.sent) > 0:
		r := pick(s.Rand, s.sent...)
		if snapshot.Interface(r.at) != nil {
			return r.at, s.build(r.p.Protocol, netip.AddrPortFrom(r.p.Src, r.p.SrcPort), netip.AddrPortFrom(r.p.Dst, r.p.DstPort), packet.ACK, false)
		}
	}
	from = pick(s.Rand, ids...)
	i := snapshot.Interface(from)
	dst := s.destination(snapshot)
	src := s.source(snapshot, i, dst)
	flags := pick[uint8](s.Rand, packet.SYN, packet.SYN, packet.SYN, packet.ACK, packet.SYN|packet.ACK, packet.RST, packet.FIN|packet.ACK)
	protocol := pick[uint8](s.Rand, packet.TCP, packet.TCP, packet.TCP, packet.UDP, packet.ICMP, 47)
	return from, s.build(protocol, netip.AddrPortFrom(src, 40000+uint16(s.IntN(12))), netip.AddrPortFrom(dst, pick[uint16](s.Rand, 22, 53, 80, 443, 8080)), flags, false)
}

// source is an address of an interface, or now and then somebody else's.
func (s *senders) source(snapshot *dataplane.Snapshot, i *dataplane.Interface, dst netip.Addr) netip.Addr {
	for _, a := range i.Addrs {
		if a.Is4() == dst.Is4() && s.IntN(100) < 92 {
			return a
		}
	}
	if len(i.Addrs) == 0 && dst.Is4() && s.IntN(100) < 90 { // S3's
		return pick(s.Rand, netip.MustParseAddr("52.216.1.80"), netip.MustParseAddr("3.5.0.1"))
	}
	for {
		if a := s.destination(snapshot); a.Is4() == dst.Is4() {
			return a
		}
	}
}

// strange are addresses that nobody has, or nobody should be sent to.
var strange = []string{
	"10.0.9.9", "10.1.2.3", "192.0.2.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "203.0.113.99", "198.51.100.99", "224.0.0.1", "255.255.255.255", "0.0.0.0",
	"127.0.0.1", "10.0.0.2", "169.254.169.253", "169.254.169.254", "169.254.168.1", "10.0.0.1", "2001:db8:1::99", "2001:db8:99::1", "fd00:ec2::254", "ff02::1", "fe80::1", "::1",
}

func (s *senders) destination(snapshot *dataplane.Snapshot) netip.Addr {
	switch n := s.IntN(100); {
	case n < 10:
		return netip.MustParseAddr(pick(s.Rand, strange...))
	case n < 25:
		return netip.MustParseAddr(pick(s.Rand, "52.216.1.80", "52.217.9.9", "3.5.0.1"))
	case n < 40:
		return netip.MustParseAddr(pick(s.Rand, "203.0.113.10", "203.0.113.20", "2001:db8:ffff::10"))
	}
	for {
		i := pick(s.Rand, snapshot.Interfaces...)
		switch public := s.IntN(3) == 0; {
		case public && len(i.Public) > 0 && i.Public[0].IsValid():
			return i.Public[0]
		case !public && len(i.Addrs) > 0:
			return pick(s.Rand, i.Addrs...)
		}
	}
}

// answer makes what whoever was delivered p would send back: a packet of the same connection, or an error about it.
func (s *senders) answer(p *packet.Packet) *packet.Packet {
	if s.IntN(100) < 6 {
		dst := packet.New(1500)
		typ, code := uint8(packet.ICMPDestinationUnreachable), uint8(3)
		if !p.Src.Is4() {
			typ, code = 1, 4 // RFC 4443 3.1: port unreachable
		}
		if packet.BuildICMPError(dst, p, p.Dst, typ, code, 0) {
			return dst
		}
	}
	flags := pick[uint8](s.Rand, packet.SYN|packet.ACK, packet.SYN|packet.ACK, packet.ACK, packet.FIN|packet.ACK, packet.RST)
	return s.build(p.Protocol, netip.AddrPortFrom(p.Dst, p.DstPort), netip.AddrPortFrom(p.Src, p.SrcPort), flags, true)
}

// plainAnswer is what a kernel with a listening socket sends back; nil for what none answers.
func plainAnswer(p *packet.Packet) *packet.Packet {
	a, src, dst := packet.New(128), netip.AddrPortFrom(p.Dst, p.DstPort), netip.AddrPortFrom(p.Src, p.SrcPort)
	switch {
	case p.Protocol == packet.TCP && p.TCPFlags&packet.RST == 0:
		packet.BuildTCP(a, src, dst, packet.SYN|packet.ACK, 1000, 2000, nil)
	case p.Protocol == packet.UDP:
		packet.BuildUDP(a, src, dst, nil)
	case p.ICMPType == packet.ICMPEchoRequest && p.Protocol == packet.ICMP, p.ICMPType == packet.ICMPv6EchoRequest && p.Protocol == packet.ICMPv6:
		packet.BuildICMPEchoReply(a, p.Dst, p.Src, p.SrcPort, 1, nil)
	default:
		return nil
	}
	return a
}

// build makes a packet of a random size and time to live.
func (s *senders) build(protocol uint8, src, dst netip.AddrPort, flags uint8, reply bool) *packet.Packet {
	size := 0
	switch n := s.IntN(100); {
	case n < 8:
		size = 1400 + s.IntN(200)
	case n < 12:
		size = 8400 + s.IntN(300)
	case n < 30:
		size = s.IntN(300)
	}
	p, payload := packet.New(size+80), make([]byte, size)
	v4 := src.Addr().Is4()
	switch {
	case protocol == packet.TCP:
		packet.BuildTCP(p, src, dst, flags, 1000, 2000, payload)
	case (protocol == packet.ICMP || protocol == packet.ICMPv6) && reply:
		packet.BuildICMPEchoReply(p, src.Addr(), dst.Addr(), src.Port(), 1, payload)
	case protocol == packet.ICMP || protocol == packet.ICMPv6:
		packet.BuildICMPEcho(p, src.Addr(), dst.Addr(), src.Port(), 1, payload)
	default:
		packet.BuildUDP(p, src, dst, payload)
		if protocol != packet.UDP {
			s.rewrite(p, func(b []byte) {
				if v4 {
					b[9] = protocol
				} else {
					b[6] = protocol
				}
			})
		}
	}
	if v4 && s.IntN(2) == 0 {
		s.rewrite(p, func(b []byte) { b[6] &^= 0x40 }) // may be fragmented
	}
	for ttl := uint8(s.IntN(40)) + 1; ttl < 5 && p.TTL() > ttl; {
		p.DecrementTTL()
	}
	return p
}

// rewrite changes the IP header of a packet as no method of it does.
func (s *senders) rewrite(p *packet.Packet, change func([]byte)) {
	b := p.Bytes()
	change(b)
	if p.Src.Is4() {
		b[10], b[11] = 0, 0
		var sum uint32
		for i := 0; i < 20; i += 2 {
			sum += uint32(b[i])<<8 | uint32(b[i+1])
		}
		sum = sum>>16 + sum&0xffff
		sum += sum >> 16
		b[10], b[11] = ^byte(sum>>8), ^byte(sum)
	}
	if fault := p.Decode(); fault != packet.OK {
		panic(fault.String())
	}
}
