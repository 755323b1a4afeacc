package packet

import "net/netip"

// The builders write a whole new datagram into dst, which needs the room, and leave it decoded, every checksum valid.
// IPv4 gets DF and identification 0, as a datagram that is never fragmented may (RFC 6864 4.1).

const defaultTTL = 64 // RFC 1122 3.2.1.7, IANA "IP Parameters"

// BuildTCP makes a TCP segment without options. dst's Time and Probe stay. It panics if from and to are of two families.
func BuildTCP(dst *Packet, from, to netip.AddrPort, flags uint8, seq, ack uint32, payload []byte) {
	t := dst.begin(from.Addr(), to.Addr(), TCP, 0, 20+len(payload))
	clear(t[:20])
	be.PutUint16(t[0:], from.Port())
	be.PutUint16(t[2:], to.Port())
	be.PutUint32(t[4:], seq)
	be.PutUint32(t[8:], ack)
	t[12] = 20 / 4 << 4
	t[13] = flags
	if flags&RST == 0 {
		be.PutUint16(t[14:], 0xffff) // window
	}
	copy(t[20:], payload)
	dst.finish(t, tcpChecksum)
}

// BuildUDP makes a UDP datagram. dst's Time and Probe stay. It panics if from and to are of two families.
func BuildUDP(dst *Packet, from, to netip.AddrPort, payload []byte) {
	t := dst.begin(from.Addr(), to.Addr(), UDP, 0, 8+len(payload))
	clear(t[:8])
	be.PutUint16(t[0:], from.Port())
	be.PutUint16(t[2:], to.Port())
	be.PutUint16(t[4:], uint16(len(t)))
	copy(t[8:], payload)
	dst.finish(t, udpChecksum)
}

// BuildICMPEcho makes an echo request of the addresses' ICMP. dst's Time and Probe stay. It panics if from and to are of
// two families.
func BuildICMPEcho(dst *Packet, from, to netip.Addr, id, seq uint16, payload []byte) {
	dst.buildEcho(from, to, ICMPEchoRequest, ICMPv6EchoRequest, id, seq, payload)
}

// BuildICMPEchoReply is BuildICMPEcho for the reply.
func BuildICMPEchoReply(dst *Packet, from, to netip.Addr, id, seq uint16, payload []byte) {
	dst.buildEcho(from, to, ICMPEchoReply, ICMPv6EchoReply, id, seq, payload)
}

func (p *Packet) buildEcho(from, to netip.Addr, type4, type6 uint8, id, seq uint16, payload []byte) {
	protocol, typ := uint8(ICMP), type4
	if !from.Is4() {
		protocol, typ = ICMPv6, type6
	}
	t := p.begin(from, to, protocol, 0, 8+len(payload))
	clear(t[:8])
	t[0] = typ
	be.PutUint16(t[echoID:], id)
	be.PutUint16(t[6:], seq)
	copy(t[8:], payload)
	p.finish(t, icmpChecksum)
}

// BuildReset makes the RST that a host without the connection answers TCP segment seg with (RFC 9293 3.10.7.1): with ACK,
// <SEQ=SEG.ACK><CTL=RST>, else <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>. Its Time and Probe are seg's. It is false, and dst
// untouched, where nothing may be answered: seg is no TCP, itself an RST, a later fragment, a first fragment whose length
// would be needed, or not between two hosts. dst may be seg.
func BuildReset(dst, seg *Packet) bool {
	if seg.Protocol != TCP || seg.LaterFragment() || seg.TCPFlags&RST != 0 || !isHost(seg.Src) || !isHost(seg.Dst) {
		return false
	}
	flags, seq, ack := uint8(RST), uint32(0), uint32(0)
	switch {
	case seg.TCPFlags&ACK != 0:
		seq = seg.TCPAck()
	case seg.IsFragment():
		return false
	default:
		flags, ack = RST|ACK, seg.TCPSeq()+uint32(seg.TCPSegmentLen())
	}
	from, to := netip.AddrPortFrom(seg.Dst, seg.DstPort), netip.AddrPortFrom(seg.Src, seg.SrcPort)
	dst.Time, dst.Probe = seg.Time, seg.Probe
	BuildTCP(dst, from, to, flags, seq, ack, nil)
	return true
}

const (
	ipv4HeaderLen = 20
	ipv6HeaderLen = 40
	icmpHeaderLen = 8
	icmpErrorMax  = 576  // RFC 1812 4.3.2.3: quote as much as fits into this
	icmp6ErrorMax = 1280 // RFC 4443 2.4 (c), the smallest MTU of IPv6

	icmpv6Redirect = 137 // RFC 4861 4.5; for RFC 4443 2.4 (e.2) as bad as an error
)

// BuildTimeExceeded makes the error that a router with the address from sends about a datagram whose TTL or hop limit has
// run out: BuildICMPError for either family.
func BuildTimeExceeded(dst, offending *Packet, from netip.Addr) bool {
	typ := uint8(ICMPTimeExceeded)
	if !offending.Src.Is4() {
		typ = ICMPv6TimeExceeded
	}
	return BuildICMPError(dst, offending, from, typ, CodeTTLExceeded, 0)
}

// BuildTooBig makes the error that a router with the address from sends about a datagram that exceeds the next hop's mtu in
// bytes and may not be fragmented: BuildICMPError for either family (RFC 1191 4, RFC 4443 3.2).
func BuildTooBig(dst, offending *Packet, from netip.Addr, mtu uint16) bool {
	if offending.Src.Is4() {
		return BuildICMPError(dst, offending, from, ICMPDestinationUnreachable, CodeFragmentationNeeded, mtu)
	}
	return BuildICMPError(dst, offending, from, ICMPv6PacketTooBig, 0, mtu)
}

// BuildICMPError makes the error that a router with the address from sends about an offending datagram: ICMP (RFC 792) about
// IPv4, in up to 576 bytes, ICMPv6 (RFC 4443) about IPv6, in up to 1,280; typ and code are of that family. mtu is that of the
// next hop in bytes, for CodeFragmentationNeeded and ICMPv6PacketTooBig, and 0 otherwise. Its Time and Probe are the offending
// packet's; its TOS is that too, with precedence 6 (RFC 1812 4.3.2.5), its traffic class 0. What it quotes is what a wire carries: of a
// super-packet the first segment, and no partial checksum.
//
// It is false, and dst untouched, where RFC 1122 3.2.2, RFC 1812 4.3.2.7 and RFC 4443 2.4 (e) forbid an error: about an ICMP
// error or what may be a fragment of one, a later fragment of IPv4, a destination that is broadcast or multicast (also if
// it is too big for IPv6: nothing in a VPC carries multicast), a source that is no single host (zero, loopback, broadcast,
// multicast, class E). Limiting the rate, and the broadcast addresses of subnets, are the caller's. dst must not be offending.
// It panics if from is of the other family.
func BuildICMPError(dst, offending *Packet, from netip.Addr, typ, code uint8, mtu uint16) bool {
	if !reportable(offending) {
		return false
	}
	protocol, tos, room := uint8(ICMPv6), uint8(0), icmp6ErrorMax-ipv6HeaderLen-icmpHeaderLen
	if offending.Src.Is4() {
		const precedence, mask = 6 << 5, 0x1c // the ECN bits are the transport's, not the error's
		protocol, tos, room = ICMP, precedence|offending.Bytes()[1]&mask, icmpErrorMax-ipv4HeaderLen-icmpHeaderLen
	}
	dst.Time, dst.Probe = offending.Time, offending.Probe
	t := dst.begin(from, offending.Src, protocol, tos, icmpHeaderLen+min(offending.WireLen(), room))
	t[0], t[1] = typ, code
	be.PutUint16(t[icmpChecksum:], 0)
	be.PutUint32(t[4:], uint32(mtu)) // 32 bits in ICMPv6, the lower 16 in ICMP
	offending.wireStart(t[icmpHeaderLen:])
	dst.finish(t, icmpChecksum)
	return true
}

// reportable tells whether an ICMP error may be sent about p (BuildICMPError).
func reportable(p *Packet) bool {
	if p.IsICMPError() || p.Protocol == ICMPv6 && (p.ICMPType == icmpv6Redirect || p.LaterFragment()) {
		return false
	}
	return (!p.Src.Is4() || !p.LaterFragment()) && isHost(p.Src) && !p.Src.IsLoopback() && isHost(p.Dst)
}

// isHost tells whether a may be one host's address: not 0/8, multicast, class E or the limited broadcast (RFC 1122 3.2.1.3).
func isHost(a netip.Addr) bool {
	if a.Is4() {
		first := a.As4()[0]
		return first != 0 && first < 224
	}
	return a.IsValid() && !a.IsUnspecified() && !a.IsMulticast()
}

// begin writes the IP header of a datagram with n bytes after it, which it returns for the caller to fill.
func (p *Packet) begin(from, to netip.Addr, protocol, tos uint8, n int) []byte {
	if from.Is4() != to.Is4() {
		panic("packet: source and destination are of different families")
	}
	if !from.Is4() {
		p.SetLen(ipv6HeaderLen + n)
		b := p.Bytes()
		src, dst := from.As16(), to.As16()
		be.PutUint32(b, 6<<28)
		be.PutUint16(b[4:], uint16(n))
		b[6], b[7] = protocol, defaultTTL
		copy(b[ipv6Src:], src[:])
		copy(b[ipv6Dst:], dst[:])
		return b[ipv6HeaderLen:]
	}
	p.SetLen(ipv4HeaderLen + n)
	b := p.Bytes()
	src, dst := from.As4(), to.As4()
	clear(b[:ipv4HeaderLen])
	b[0], b[1] = 4<<4|ipv4HeaderLen/4, tos
	be.PutUint16(b[2:], uint16(len(b)))
	b[6] = 0x40 // DF
	b[8], b[9] = defaultTTL, protocol
	copy(b[ipv4Src:], src[:])
	copy(b[ipv4Dst:], dst[:])
	be.PutUint16(b[ipv4Checksum:], ^fold(sum(b[:ipv4HeaderLen])))
	return b[ipv4HeaderLen:]
}

// finish writes the checksum of the transport header t, zero so far, and decodes.
func (p *Packet) finish(t []byte, at int) {
	b := p.Bytes()
	protocol := p.Bytes()[9]
	if b[0]>>4 == 6 {
		protocol = b[6]
	}
	s := sum(t)
	if protocol != ICMP {
		s += pseudoSum(b, protocol, len(t))
	}
	v := ^fold(s)
	if protocol == UDP && v == 0 {
		v = 0xffff
	}
	be.PutUint16(t[at:], v)
	if f := p.Decode(); f != OK {
		panic("packet: built a datagram of which " + f.String())
	}
}
