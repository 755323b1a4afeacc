package conntrack

import (
	"encoding/binary"
	"net/netip"
)

// Tuple names a flow from the point of view of one network interface, whichever direction a packet has. Zone is the interface's
// number, below 1<<24: no two interfaces share state (aws-semantics 6.3), so two VPCs with the same CIDR never meet, and two
// instances that talk to each other make two flows. For ICMP echo both ports are the identifier; for protocols without ports they are
// zero.
type Tuple struct {
	Local, Remote netip.AddrPort // the interface's own end and the far one, of one family
	Zone          uint32
	Protocol      uint8
}

// key4 is a Tuple of IPv4 in 16 bytes: the two addresses, then the rest as packRest has it.
type key4 [2]uint64

// key6 is a Tuple of IPv6 in 40 bytes: the two addresses, then the rest.
type key6 [5]uint64

// key is what a family of addresses is looked up by.
type key interface {
	comparable
	tuple() Tuple
}

var be = binary.BigEndian

func packRest(localPort, remotePort uint16, zone uint32, protocol uint8) uint64 {
	return uint64(localPort)<<48 | uint64(remotePort)<<32 | uint64(zone)<<8 | uint64(protocol)
}

func pack4(local, remote netip.Addr, rest uint64) key4 {
	l, r := local.As4(), remote.As4()
	return key4{uint64(be.Uint32(l[:]))<<32 | uint64(be.Uint32(r[:])), rest}
}

func pack6(local, remote netip.Addr, rest uint64) key6 {
	l, r := local.As16(), remote.As16()
	return key6{be.Uint64(l[:]), be.Uint64(l[8:]), be.Uint64(r[:]), be.Uint64(r[8:]), rest}
}

func unpack(local, remote netip.Addr, rest uint64) Tuple {
	return Tuple{
		Local:    netip.AddrPortFrom(local, uint16(rest>>48)),
		Remote:   netip.AddrPortFrom(remote, uint16(rest>>32)),
		Zone:     uint32(rest) >> 8,
		Protocol: uint8(rest),
	}
}

func (k key4) tuple() Tuple {
	var l, r [4]byte
	be.PutUint32(l[:], uint32(k[0]>>32))
	be.PutUint32(r[:], uint32(k[0]))
	return unpack(netip.AddrFrom4(l), netip.AddrFrom4(r), k[1])
}

func (k key6) tuple() Tuple {
	var l, r [16]byte
	be.PutUint64(l[:], k[0])
	be.PutUint64(l[8:], k[1])
	be.PutUint64(r[:], k[2])
	be.PutUint64(r[8:], k[3])
	return unpack(netip.AddrFrom16(l), netip.AddrFrom16(r), k[4])
}
