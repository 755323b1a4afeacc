package filter

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/packet"
)

// datagram is a packet before it has bytes. Its transport header is one of 20 bytes, whatever the protocol.
type datagram struct {
	src, dst netip.Addr
	protocol uint8
	detail   uint16 // the destination port; ICMP's type and code
	fragment uint16 // more-fragments bit and offset, as in IPv4
}

const (
	whole         = 0
	firstFragment = 0x2000
	laterFragment = 0x2000 | 185
)

// packet returns the datagram decoded.
func (d datagram) packet(t testing.TB) *packet.Packet {
	transport := make([]byte, 24)
	switch d.protocol {
	case packet.TCP, packet.UDP:
		binary.BigEndian.PutUint16(transport[2:], d.detail)
		binary.BigEndian.PutUint16(transport[4:], 24) // UDP's length
		transport[12] = 5 << 4                        // TCP's
	default:
		binary.BigEndian.PutUint16(transport, d.detail)
	}
	header := d.header4
	if !d.src.Is4() {
		header = d.header6
	}
	p := packet.New(100)
	p.SetBytes(append(header(len(transport)), transport...))
	require.Equal(t, packet.OK, p.Decode(), "%+v", d)
	require.Equal(t, d.protocol, p.Protocol)
	return p
}

func (d datagram) header4(payload int) []byte {
	h := make([]byte, 20)
	h[0], h[8], h[9] = 0x45, 64, d.protocol
	binary.BigEndian.PutUint16(h[2:], uint16(20+payload))
	binary.BigEndian.PutUint16(h[6:], d.fragment)
	copy(h[12:], d.src.AsSlice())
	copy(h[16:], d.dst.AsSlice())
	var sum uint32
	for i := 0; i < len(h); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(h[i:]))
	}
	sum = sum&0xffff + sum>>16
	binary.BigEndian.PutUint16(h[10:], ^uint16(sum&0xffff+sum>>16))
	return h
}

func (d datagram) header6(payload int) []byte {
	h := make([]byte, 40)
	h[0], h[6], h[7] = 0x60, d.protocol, 64
	copy(h[8:], d.src.AsSlice())
	copy(h[24:], d.dst.AsSlice())
	if d.fragment != whole {
		h[6] = 44
		h = append(h, d.protocol, 0, 0, 0, 0, 0, 0, 1)
		binary.BigEndian.PutUint16(h[42:], d.fragment<<3|d.fragment>>13)
		payload += 8
	}
	binary.BigEndian.PutUint16(h[4:], uint16(payload))
	return h
}

// drawing makes rules and packets from bytes, random ones or the fuzzer's. Where they end, zeros follow. The worlds it
// draws from are small, so that rules and packets meet.
type drawing struct{ bytes []byte }

func (d *drawing) byte() byte {
	if len(d.bytes) == 0 {
		return 0
	}
	b := d.bytes[0]
	d.bytes = d.bytes[1:]
	return b
}

// below returns a number from 0 to n-1, of one byte.
func (d *drawing) below(n int) int { return int(d.byte()) % n }

var (
	networks4 = [...]netip.Addr{
		netip.MustParseAddr("10.0.0.0"), netip.MustParseAddr("10.0.1.0"), netip.MustParseAddr("0.0.0.0"), netip.MustParseAddr("255.255.255.0"),
	}
	networks6 = [...]netip.Addr{
		netip.MustParseAddr("2001:db8::"), netip.MustParseAddr("::ffff:10.0.0.0"), netip.MustParseAddr("::"),
		netip.MustParseAddr("2001:db8:0:0:1::"), netip.MustParseAddr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00"),
	}
)

func (d *drawing) address(is6 bool) netip.Addr {
	n := int(d.byte())
	a := networks4[n%len(networks4)]
	if is6 {
		a = networks6[n%len(networks6)]
	}
	b := a.AsSlice()
	b[len(b)-1] = d.byte()
	a, _ = netip.AddrFromSlice(b)
	return a
}

func (d *drawing) prefix() netip.Prefix {
	choice := d.byte()
	is6, width := choice&1 != 0, 32
	if is6 {
		width = 128
	}
	a := d.address(is6)
	switch choice >> 1 % 4 {
	case 0:
		return netip.PrefixFrom(a, 0).Masked()
	case 1:
		return netip.PrefixFrom(a, width)
	case 2:
		return netip.PrefixFrom(a, width-d.below(9)) // may have bits set beyond its length
	}
	return netip.PrefixFrom(a, max(1, d.below(width+1))).Masked()
}

var protocols = [...]uint8{packet.TCP, packet.UDP, packet.ICMP, packet.ICMPv6, packet.TCP, packet.UDP, 47, 50}

func (d *drawing) protocol() uint8 {
	n := d.below(len(protocols) + 1)
	if n == len(protocols) {
		return d.byte()
	}
	return protocols[n]
}

var ports = [...]uint16{0, 1, 22, 443, 1024, 32768, 65534, 65535}

func (d *drawing) port() uint16 {
	n := d.below(len(ports) + 1)
	if n == len(ports) {
		return uint16(d.byte())<<8 | uint16(d.byte())
	}
	return ports[n]
}

// icmp returns an ICMP type or code, or Any.
func (d *drawing) icmp() int { return [...]int{Any, 0, 3, 4, 8, 128, 255, int(d.byte())}[d.below(8)] }

func (d *drawing) rule() Rule {
	r := Rule{Protocol: int(d.protocol()), LastPort: 65535, ICMPType: d.icmp(), ICMPCode: d.icmp()}
	how := d.byte()
	if how&3 == 0 {
		r.Protocol = Any
	}
	if how&4 == 0 {
		r.FirstPort, r.LastPort = d.port(), d.port() // in one case of two the wrong way round: a rule about nothing
	}
	r.Deny = how&8 != 0
	for range d.below(5) {
		r.Peers = append(r.Peers, d.prefix())
	}
	return r
}

func (d *drawing) rules(most int) []Rule {
	rules := make([]Rule, d.below(most+1))
	for n := range rules {
		rules[n] = d.rule()
	}
	return rules
}

func (d *drawing) packet(t testing.TB) *packet.Packet {
	how := d.byte()
	is6 := how&1 != 0
	g := datagram{d.address(is6), d.address(is6), d.protocol(), d.port(), whole}
	switch g.protocol {
	case 0, 43, 44, 51, 60: // extension headers, where it is IPv6
		g.protocol = 59
	case packet.ICMP, packet.ICMPv6:
		g.detail = uint16(d.icmp()&255)<<8 | uint16(d.icmp()&255)
	}
	switch how >> 1 % 8 {
	case 0:
		g.fragment = firstFragment
	case 1, 2:
		g.fragment = laterFragment
	}
	return g.packet(t)
}
