package aggregation

import (
	"encoding/binary"
	"net/netip"

	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

// key4 names a flow of IPv4 in 16 bytes: the two addresses, then the rest as pack has it.
type key4 [2]uint64

// key6 names a flow of IPv6 in 40 bytes: the two addresses, then the rest.
type key6 [5]uint64

// key is what a family of addresses is looked up by.
type key interface {
	comparable
	flow() Flow
}

// Interfaces is how many interfaces can be told apart: numbers from here on are not logged, and counted as skipped.
const Interfaces = 1 << interfaceBits

// The places in the last word of a key, from the lowest bit up: action, direction, path, protocol, interface, and the ports in the upper half.
const (
	interfaceBits  = 18
	egressBit      = 1
	pathShift      = 2
	protocolShift  = 6
	interfaceShift = 14
)

// pack is the last word of a key. ICMP has no ports in flow logs, whatever identifies its echoes (aws-semantics 9.2:
// flow-logs-records-examples).
func pack(at uint32, p *packet.Packet, egress bool, a drop.Action, path conntrack.Path) (rest uint64, ok bool) {
	rest = uint64(at)<<interfaceShift | uint64(p.Protocol)<<protocolShift | uint64(path)<<pathShift | uint64(a)
	if egress {
		rest |= 1 << egressBit
	}
	if p.Protocol == packet.TCP || p.Protocol == packet.UDP {
		rest |= uint64(p.SrcPort)<<48 | uint64(p.DstPort)<<32
	}
	return rest, at < Interfaces
}

func unpack(src, dst netip.Addr, rest uint64) Flow {
	return Flow{
		Src: src, Dst: dst, SrcPort: uint16(rest >> 48), DstPort: uint16(rest >> 32),
		Interface: uint32(rest) >> interfaceShift, Protocol: uint8(rest >> protocolShift),
		Path: conntrack.Path(rest >> pathShift & 0xf), Egress: rest>>egressBit&1 == 1, Action: drop.Action(rest & 1),
	}
}

var be = binary.BigEndian

func (k key4) flow() Flow {
	var src, dst [4]byte
	be.PutUint32(src[:], uint32(k[0]>>32))
	be.PutUint32(dst[:], uint32(k[0]))
	return unpack(netip.AddrFrom4(src), netip.AddrFrom4(dst), k[1])
}

func (k *key6) setAddresses(p *packet.Packet) {
	src, dst := p.Src.As16(), p.Dst.As16()
	k[0], k[1] = be.Uint64(src[:]), be.Uint64(src[8:])
	k[2], k[3] = be.Uint64(dst[:]), be.Uint64(dst[8:])
}

func (k key6) flow() Flow {
	var src, dst [16]byte
	be.PutUint64(src[:], k[0])
	be.PutUint64(src[8:], k[1])
	be.PutUint64(dst[:], k[2])
	be.PutUint64(dst[8:], k[3])
	return unpack(netip.AddrFrom16(src), netip.AddrFrom16(dst), k[4])
}
