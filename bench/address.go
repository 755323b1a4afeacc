package bench

import (
	"encoding/binary"
	"net/netip"

	"vpcsim/routing"
)

// Address6 is an IPv6 address as two numbers, as package routing takes it.
type Address6 = routing.Address6

func number4(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

func addr4(n uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	return netip.AddrFrom4(b)
}

func number6(a netip.Addr) Address6 {
	b := a.As16()
	return Address6{Hi: binary.BigEndian.Uint64(b[:8]), Lo: binary.BigEndian.Uint64(b[8:])}
}

func addr6(n Address6) netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], n.Hi)
	binary.BigEndian.PutUint64(b[8:], n.Lo)
	return netip.AddrFrom16(b)
}
