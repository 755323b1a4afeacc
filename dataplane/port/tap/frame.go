package tap

import (
	"encoding/binary"
	"net/netip"
)

// Ethernet II (IEEE 802.3 3.2) and ARP for IPv4 over Ethernet (RFC 826), byte offsets from the start of the frame:
//
//	0    6    12    14       16       18    19    20  22      28      32      38      42
//	|dst |src |type | htype  | ptype  | hlen| plen| op| sha   | spa   | tha   | tpa   |
//	|--- headerLen --------->|<-- ARP ----------------------------------------------->| arpFrameLen
const (
	headerLen   = 14
	arpFrameLen = 42

	typeIPv4 = 0x0800
	typeARP  = 0x0806
	typeIPv6 = 0x86dd

	arpRequestPrefix = "\x00\x01\x08\x00\x06\x04\x00\x01" // Ethernet, IPv4, their lengths, request
	arpReplyOp       = 2
)

// verdict says what becomes of a frame the guest sent.
type verdict uint8

const (
	datagram  verdict = iota // IPv4 or IPv6 to hand up
	arp                      // for the port to answer or ignore
	discovery                // IPv6's ARP, likewise
	linkLocal                // IPv6 that means no more than the link, or comes from an address which does
	spoofed                  // not sent from the guest's own MAC address
	malformed                // shorter than its headers
	otherType                // neither IP nor ARP
)

// inspect decides what becomes of frame, whose sender must be guest. Of IPv4 only the link header is judged; of IPv6, what is
// a matter of the link is told from what is not. The MAC address it is sent to is not judged, since this end of the wire is
// whoever the guest takes it for (aws-semantics 8.2).
func inspect(frame []byte, guest [6]byte) verdict {
	switch {
	case len(frame) <= headerLen:
		return malformed
	case [6]byte(frame[6:12]) != guest:
		return spoofed
	}
	switch binary.BigEndian.Uint16(frame[12:14]) {
	case typeIPv4:
		return datagram
	case typeIPv6:
		return inspect6(frame)
	case typeARP:
		return arp
	}
	return otherType
}

// arpTarget returns the address that frame, an ARP frame from guest, asks for. ok is false for all that must not be
// answered: replies, other protocols, a sender other than guest, gratuitous announcements (sender = target) and duplicate
// address probes (sender 0.0.0.0, RFC 5227 2.1.1): an answer to those would take the guest's own address away from it.
func arpTarget(frame []byte, guest [6]byte) (target netip.Addr, ok bool) {
	if len(frame) < arpFrameLen || string(frame[14:22]) != arpRequestPrefix || [6]byte(frame[22:28]) != guest {
		return netip.Addr{}, false
	}
	sender := netip.AddrFrom4([4]byte(frame[28:32]))
	target = netip.AddrFrom4([4]byte(frame[38:42]))
	if sender.IsUnspecified() || sender == target {
		return netip.Addr{}, false
	}
	return target, true
}

// arpReply turns frame, a request that arpTarget accepted, into the answer that its target is at mac, in place, and
// returns it without the padding the request may have had.
func arpReply(frame []byte, mac [6]byte) []byte {
	frame = frame[:arpFrameLen]
	var sender [10]byte // hardware and protocol address
	copy(sender[:], frame[22:32])
	copy(frame[28:32], frame[38:42])
	copy(frame[32:42], sender[:])
	copy(frame[22:28], mac[:])
	binary.BigEndian.PutUint16(frame[20:22], arpReplyOp)
	copy(frame[0:6], sender[:6])
	copy(frame[6:12], mac[:])
	return frame
}

// source returns the source address and the EtherType of an IP datagram; ok is false if it is neither IPv4 nor IPv6 or
// too short to tell.
func source(datagram []byte) (src netip.Addr, etherType uint16, ok bool) {
	switch {
	case len(datagram) >= 20 && datagram[0]>>4 == 4:
		return netip.AddrFrom4([4]byte(datagram[12:16])), typeIPv4, true
	case len(datagram) >= 40 && datagram[0]>>4 == 6:
		return netip.AddrFrom16([16]byte(datagram[8:24])), typeIPv6, true
	}
	return netip.Addr{}, 0, false
}

// putHeader fills the first headerLen bytes of frame.
func putHeader(frame []byte, dst, src [6]byte, etherType uint16) {
	copy(frame[0:6], dst[:])
	copy(frame[6:12], src[:])
	binary.BigEndian.PutUint16(frame[12:14], etherType)
}
