package interop

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"testing"
)

// stunServer is a STUN server with two addresses and two ports, as NAT discovery needs it (RFC 5780 7.2; RFC 3489 8.1 for old
// clients). The addresses are those of two internet hosts: it is one program with sockets in two namespaces.
type stunServer struct {
	addrs   [2]string // the hosts'
	sockets [2][2]*net.UDPConn
}

var stunPorts = [2]int{3478, 3479}

// STUN's messages and attributes (RFC 5389 6, 15; RFC 5780 7; RFC 3489 11.2).
const (
	bindingRequest  = 0x0001
	bindingResponse = 0x0101
	magicCookie     = 0x2112a442

	attrMappedAddress    = 0x0001
	attrChangeRequest    = 0x0003
	attrSourceAddress    = 0x0004
	attrChangedAddress   = 0x0005
	attrXORMappedAddress = 0x0020
	attrResponsePort     = 0x0027
	attrResponseOrigin   = 0x802b
	attrOtherAddress     = 0x802c

	changeIP, changePort = 4, 2
)

// stun serves STUN on the two internet hosts of office.
func (l lab) stun(t testing.TB) {
	t.Helper()
	s := &stunServer{addrs: [2]string{"203.0.113.10", "203.0.113.20"}}
	for i, host := range []string{"peer", "rival"} {
		for j, port := range stunPorts {
			l.inside(t, host, func() (err error) {
				s.sockets[i][j], err = net.ListenUDP("udp4", &net.UDPAddr{Port: port})
				return err
			})
			t.Cleanup(func() { s.sockets[i][j].Close() })
		}
	}
	for i := range s.addrs {
		for j := range stunPorts {
			go s.serve(i, j)
		}
	}
}

// serve answers requests that come to one of the sockets, until it is closed.
func (s *stunServer) serve(i, j int) {
	b := make([]byte, 1500)
	for {
		n, from, err := s.sockets[i][j].ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		if n < 20 || binary.BigEndian.Uint16(b) != bindingRequest {
			continue
		}
		to, back := [2]int{i, j}, from
		at := to
		if change := attribute(b[20:n], attrChangeRequest); len(change) == 4 {
			at = [2]int{i ^ int(change[3]&changeIP)/changeIP, j ^ int(change[3]&changePort)/changePort}
		}
		if port := attribute(b[20:n], attrResponsePort); len(port) >= 2 {
			back = netip.AddrPortFrom(from.Addr(), binary.BigEndian.Uint16(port))
		}
		_, _ = s.sockets[at[0]][at[1]].WriteToUDPAddrPort(s.answer(b[:20], from, to, at), back)
	}
}

// attribute is the value of the first attribute of a type among the attributes b, nil if there is none.
func attribute(b []byte, typ uint16) []byte {
	for len(b) >= 4 {
		size := int(binary.BigEndian.Uint16(b[2:]))
		if len(b) < 4+size {
			return nil
		}
		if binary.BigEndian.Uint16(b) == typ {
			return b[4 : 4+size]
		}
		b = b[min(len(b), 4+(size+3)&^3):]
	}
	return nil
}

// answer builds the response to a request with the given header, that came to one socket and is answered from another.
func (s *stunServer) answer(header []byte, from netip.AddrPort, to, at [2]int) []byte {
	from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	other := s.addr(to[0]^1, to[1]^1)
	b := binary.BigEndian.AppendUint16(nil, bindingResponse)
	b = append(b, 0, 0)
	b = append(b, header[4:20]...)
	b = appendAddress(b, attrMappedAddress, from)
	if binary.BigEndian.Uint32(header[4:]) == magicCookie {
		raw := from.Addr().As4()
		xored := binary.BigEndian.AppendUint32(nil, binary.BigEndian.Uint32(raw[:])^magicCookie)
		addr, _ := netip.AddrFromSlice(xored)
		b = appendAddress(b, attrXORMappedAddress, netip.AddrPortFrom(addr, from.Port()^magicCookie>>16))
		b = appendAddress(b, attrResponseOrigin, s.addr(at[0], at[1]))
		b = appendAddress(b, attrOtherAddress, other)
	} else {
		b = appendAddress(b, attrSourceAddress, s.addr(at[0], at[1]))
		b = appendAddress(b, attrChangedAddress, other)
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)-20))
	return b
}

func (s *stunServer) addr(i, j int) netip.AddrPort {
	return netip.MustParseAddrPort(fmt.Sprintf("%s:%d", s.addrs[i], stunPorts[j]))
}

// appendAddress appends an address attribute (RFC 5389 15.1).
func appendAddress(b []byte, attr uint16, a netip.AddrPort) []byte {
	b = binary.BigEndian.AppendUint16(b, attr)
	b = append(b, 0, 8, 0, 1)
	b = binary.BigEndian.AppendUint16(b, a.Port())
	ip := a.Addr().As4()
	return append(b, ip[:]...)
}
