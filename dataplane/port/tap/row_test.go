package tap

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"vpcsim/dataplane/packet"
)

var rowEnds = map[bool][2]netip.AddrPort{
	false: {netip.MustParseAddrPort("10.0.1.5:1"), netip.MustParseAddrPort("10.0.1.6:2")},
	true:  {netip.MustParseAddrPort("[2001:db8::5]:1"), netip.MustParseAddrPort("[2001:db8::6]:2")},
}

// numbered are datagrams of the sizes, as a kernel with checksum offload sends them that may be fragmented: their identification counts up.
func numbered(v6 bool, sizes ...int) (all []*packet.Packet) {
	for i, size := range sizes {
		p := packet.New(packet.MaxSize)
		packet.BuildUDP(p, rowEnds[v6][0], rowEnds[v6][1], bytes.Repeat([]byte{byte(i)}, size))
		if !v6 {
			edit(p, func(b []byte) { b[6] = 0; binary.BigEndian.PutUint16(b[4:], uint16(0xfffe+i)) })
		}
		all = append(all, p)
	}
	partial(all...)
	return all
}

// edit changes the IPv4 header of a packet, and its checksum.
func edit(p *packet.Packet, change func(b []byte)) {
	b := p.Bytes()
	change(b)
	b[10], b[11] = 0, 0
	s := uint32(0)
	for i := 0; i < 20; i += 2 {
		s += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	s = s>>16 + s&0xffff
	binary.BigEndian.PutUint16(b[10:], ^uint16(s>>16+s))
}

// partial leaves the rest of the checksums of UDP datagrams, whose own are right, to whoever gets them.
func partial(all ...*packet.Packet) {
	for _, p := range all {
		b := p.Bytes()
		head, addrs := 20, b[12:20]
		if b[0]>>4 == 6 {
			head, addrs = 40, b[8:40]
		}
		s := uint32(packet.UDP + len(b) - head)
		for i := 0; i < len(addrs); i += 2 {
			s += uint32(binary.BigEndian.Uint16(addrs[i:]))
		}
		s = s>>16 + s&0xffff
		binary.BigEndian.PutUint16(b[head+6:], uint16(s>>16+s))
		if !p.SetPartialChecksum(head, head+6) || p.Decode() != packet.OK {
			panic("not a datagram")
		}
	}
}

func TestARowIsOfWhatTheKernelMakesTheSameDatagramsOf(t *testing.T) {
	same := slices.Repeat([]int{10}, 12)
	v4 := func(at int, change func(b []byte)) []*packet.Packet {
		all := numbered(false, same...)
		edit(all[at], change)
		partial(all[at])
		return all
	}
	without := func(p *packet.Packet) *packet.Packet { p.CompleteChecksum(); return p }
	for _, c := range []struct {
		name  string
		batch []*packet.Packet
		want  int
	}{
		{"all alike", numbered(false, same...), 12},
		{"all alike, of IPv6", numbered(true, same...), 12},
		{"one alone", numbered(false, 10), 1},
		{"the last one may be shorter, and is then the last", numbered(false, 10, 10, 9, 10), 3},
		{"none may be longer", numbered(false, 10, 10, 11), 2},
		{"none may be empty", numbered(false, 10, 10, 0, 10), 2},
		{"empty ones are none", numbered(false, 0, 0, 0), 1},
		{"no more than a datagram may have", numbered(false, 30000, 30000, 30000), 2},
		{"exactly as much as a datagram may have", numbered(false, 32753, 32753, 1), 3},
		{"a byte more than a datagram may have", numbered(false, 32754, 32754), 1},
		{"another identification", v4(3, func(b []byte) { b[5]++ }), 3},
		{"another type of service", v4(3, func(b []byte) { b[1] = 1 }), 3},
		{"another time to live", v4(3, func(b []byte) { b[8]-- }), 3},
		{"one that must not be fragmented among those that may be", v4(3, func(b []byte) { b[6] ^= 0x40 }), 3},
		{"another source", v4(3, func(b []byte) { b[15]++ }), 3},
		{"another destination", v4(3, func(b []byte) { b[19]++ }), 3},
		{"another source port", v4(3, func(b []byte) { b[21]++ }), 3},
		{"another destination port", v4(3, func(b []byte) { b[23]++ }), 3},
		{"a fragment", v4(0, func(b []byte) { b[6] |= 0x20 }), 1},
		{"another family", append(numbered(false, 10, 10), numbered(true, 10, 10)...), 2},
		{"a checksum that is complete", []*packet.Packet{numbered(false, 10)[0], without(numbered(false, 10, 10)[1])}, 1},
		{"all checksums are complete", []*packet.Packet{without(numbered(false, 10)[0]), without(numbered(false, 10, 10)[1])}, 1},
		{"a super-packet", super(numbered(false, 100, 100)), 1},
		{"TCP", []*packet.Packet{tcp(packet.ACK, 10, false), tcp(packet.ACK, 10, false)}, 1},
	} {
		if got := rowOf(c.batch); got != c.want {
			t.Errorf("%s: a row of %d, want %d", c.name, got, c.want)
		}
	}
	free := numbered(false, same...)
	for i, p := range free {
		edit(p, func(b []byte) { b[6] |= 0x40; binary.BigEndian.PutUint16(b[4:], uint16(i*i)) })
	}
	if got := rowOf(free); got != len(free) {
		t.Errorf("what must not be fragmented may have any identification: a row of %d", got)
	}
}

// super makes the first packet a super-packet.
func super(all []*packet.Packet) []*packet.Packet {
	all[0].SegmentSize = 10
	return all
}

// FuzzRow: a row's super-packet, cut by this project's own rules of segmentation, gives the datagrams that it was made of.
func FuzzRow(f *testing.F) {
	f.Add(false, uint8(9), uint16(18), uint16(18))
	f.Add(true, uint8(32), uint16(1400), uint16(3))
	f.Add(false, uint8(64), uint16(1), uint16(1))
	f.Fuzz(func(t *testing.T, v6 bool, n uint8, size, last uint16) {
		sizes := append(slices.Repeat([]int{1 + int(size%9000)}, int(n%64)), 1+int(last%9000))
		row := numbered(v6, sizes...)
		row = row[:rowOf(row)]
		if len(row) < 2 {
			return
		}
		var memory outbox
		frame := slices.Clone(putRowHeader(memory.headers[0][:], row))
		for _, p := range row {
			frame = append(frame, p.Payload()...)
		}
		whole, segment := packet.New(packet.MaxSize), packet.New(packet.MaxSize)
		whole.SetBytes(frame[vnetLen+headerLen:])
		sum := binary.BigEndian.Uint16(whole.Bytes()[rowHead(row[0])-2:])
		if !describe(frame, whole) || whole.Decode() != packet.OK {
			t.Fatal("no super-packet")
		}
		if again := binary.BigEndian.Uint16(whole.Bytes()[rowHead(row[0])-2:]); again%0xffff != sum%0xffff { // which Decode computes anew
			t.Errorf("the checksum's start is %04x, want %04x", sum, again)
		}
		if whole.Segments() != len(row) {
			t.Fatalf("%d segments, want %d", whole.Segments(), len(row))
		}
		for i, p := range row {
			whole.SegmentInto(segment, i)
			if p.CompleteChecksum(); !bytes.Equal(segment.Bytes(), p.Bytes()) {
				t.Fatalf("the datagram %d of %d became %x, want %x", i, len(row), segment.Bytes(), p.Bytes())
			}
		}
	})
}
