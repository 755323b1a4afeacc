package tap

import (
	"encoding/binary"
	"net/netip"
)

// Neighbor Discovery for IPv6 (RFC 4861 4.3, 4.4), byte offsets from the start of a Neighbor Solicitation, or of the
// Advertisement that answers it. The link-layer address option is the solicitor's in the one, the target's in the other:
//
//	0   14        18     20   21  22   38   54   55   56       58    62      78       86
//	|eth|ver,flow |length|next|hop|src |dst |type|code|checksum|flags|target | option |
//	    |--- IPv6 ---------------------------|-- ICMPv6 ------------------------------| discoveryFrameLen
const (
	icmpv6At          = 54
	optionsAt         = 78
	discoveryFrameLen = 86

	protocolICMPv6        = 58
	routerSolicitation    = 133
	neighborSolicitation  = 135
	neighborAdvertisement = 136
	redirect              = 137

	sourceLinkLayerAddress = 1
	targetLinkLayerAddress = 2

	discoveryHopLimit = 255 // so it has crossed no router

	advertiseRouter    = 0x80 // the target is a router
	advertiseSolicited = 0x40
	advertiseOverride  = 0x20
)

// inspect6 is inspect for an IPv6 frame from the guest. What has no IPv6 header in full goes up, for the data plane to judge.
func inspect6(frame []byte) verdict {
	if len(frame) < icmpv6At {
		return datagram
	}
	if frame[20] == protocolICMPv6 && len(frame) > icmpv6At && frame[icmpv6At] >= routerSolicitation && frame[icmpv6At] <= redirect {
		return discovery
	}
	toLink := frame[38] == 0xff && frame[39]&0xf <= 2       // multicast of that scope or less (RFC 4291 2.7)
	fromLink := frame[22] == 0xfe && frame[23]&0xc0 == 0x80 // fe80::/10
	if toLink || fromLink {
		return linkLocal
	}
	return datagram
}

// discoveryTarget returns the address that frame, a Neighbor Discovery frame from guest, asks for. ok is false for all that
// must not be answered: other messages, a solicitation that is not valid (RFC 4861 7.1.1) or names another MAC address than
// the guest's, and duplicate address probes (source ::, RFC 4862 5.4.2): an answer to those would take the guest's own
// address away from it.
func discoveryTarget(frame []byte, guest [6]byte) (target netip.Addr, ok bool) {
	if len(frame) < optionsAt {
		return netip.Addr{}, false
	}
	end := icmpv6At + int(binary.BigEndian.Uint16(frame[18:20]))
	if end < optionsAt || end > len(frame) || cap(frame) < discoveryFrameLen {
		return netip.Addr{}, false
	}
	frame = frame[:end]
	target = netip.AddrFrom16([16]byte(frame[62:78]))
	source := netip.AddrFrom16([16]byte(frame[22:38]))
	if frame[icmpv6At] != neighborSolicitation || frame[55] != 0 || frame[14]>>4 != 6 || frame[21] != discoveryHopLimit ||
		source.IsUnspecified() || source.IsMulticast() || target.IsMulticast() || icmpv6Sum(frame) != 0xffff {
		return netip.Addr{}, false
	}
	for options := frame[optionsAt:]; len(options) > 0; {
		n := 0
		if len(options) >= 8 {
			n = int(options[1]) * 8
		}
		if n == 0 || n > len(options) || options[0] == sourceLinkLayerAddress && [6]byte(options[2:8]) != guest {
			return netip.Addr{}, false
		}
		options = options[n:]
	}
	return target, true
}

// advertisement turns frame, a solicitation that discoveryTarget accepted, into the answer that its target is at mac, in
// place, and returns it.
func advertisement(frame []byte, mac [6]byte, isRouter bool) []byte {
	frame = frame[:discoveryFrameLen]
	copy(frame[0:6], frame[6:12])
	copy(frame[6:12], mac[:])
	binary.BigEndian.PutUint32(frame[14:18], 6<<28)
	binary.BigEndian.PutUint16(frame[18:20], discoveryFrameLen-icmpv6At)
	copy(frame[38:54], frame[22:38])
	copy(frame[22:38], frame[62:78])
	clear(frame[icmpv6At:62])
	frame[icmpv6At] = neighborAdvertisement
	frame[58] = advertiseSolicited | advertiseOverride
	if isRouter {
		frame[58] |= advertiseRouter
	}
	frame[78], frame[79] = targetLinkLayerAddress, 1 // in units of 8 bytes
	copy(frame[80:86], mac[:])
	binary.BigEndian.PutUint16(frame[56:58], ^icmpv6Sum(frame))
	return frame
}

// icmpv6Sum is the one's-complement sum over the pseudo header (RFC 8200 8.1) and the ICMPv6 message up to frame's end: ffff
// if its checksum is right.
func icmpv6Sum(frame []byte) uint16 {
	s := uint32(protocolICMPv6 + len(frame) - icmpv6At)
	for b := frame[22:]; len(b) > 0; b = b[2:] {
		if len(b) == 1 {
			s += uint32(b[0]) << 8
			break
		}
		s += uint32(binary.BigEndian.Uint16(b))
	}
	s = s>>16 + s&0xffff
	return uint16(s>>16 + s)
}
