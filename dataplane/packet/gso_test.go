package packet

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
)

// super is d as a kernel with offloads hands it up: its transport checksum is the sum of the pseudo header alone, and of more payload than
// size bytes it is a super-packet.
func super(t testing.TB, d datagram, size uint16) *Packet {
	t.Helper()
	p := d.packet(t)
	b := p.Bytes()
	be.PutUint16(b[p.checksum:], fold(pseudoSum(b, p.Protocol, len(b)-int(p.transport))))
	start, at := int(p.transport), int(p.checksum)
	p.SegmentSize = size
	if !p.SetPartialChecksum(start, at) {
		t.Fatal("no place for a partial checksum")
	}
	if f := p.Decode(); f != OK {
		t.Fatalf("Decode of a super-packet: %v", f)
	}
	return p
}

// goldSegments are the segments of d, each made by gopacket as if it were all there is.
func goldSegments(t testing.TB, d datagram, size int) (all [][]byte) {
	t.Helper()
	for n, at := 0, 0; at < max(1, len(d.payload)); n, at = n+1, at+size {
		s := d
		s.payload = d.payload[at:min(at+size, len(d.payload))]
		s.seq += uint32(at)
		if at+size < len(d.payload) {
			s.flags &^= FIN | PSH
		}
		if n > 0 {
			s.flags &^= CWR
		}
		b := s.bytes(t)
		if b[0]>>4 == 4 && n > 0 {
			be.PutUint16(b[4:], be.Uint16(b[4:])+uint16(n))
			fixHeader(b)
		}
		all = append(all, b)
	}
	return all
}

// segments cuts p up.
func segments(t testing.TB, p *Packet) (all []*Packet) {
	t.Helper()
	for n, more := 0, true; more; n++ {
		s := New(p.WireLen())
		more = p.SegmentInto(s, n)
		if s.ChecksumPartial() || s.SegmentSize != 0 || !s.ValidChecksum() || s.Time != p.Time || s.Probe != p.Probe {
			t.Fatalf("segment %d is no ordinary packet of the same time: %+v", n, s)
		}
		agree(t, s)
		all = append(all, s)
	}
	if len(all) != p.Segments() {
		t.Errorf("cut into %d segments, but Segments says %d", len(all), p.Segments())
	}
	return all
}

func noise(n int) []byte {
	b, r := make([]byte, n), rand.New(rand.NewPCG(1, uint64(n)))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// offloaded are the datagrams that a kernel may leave unfinished.
func offloaded() map[string]datagram {
	all := every()
	for name, d := range all {
		if d.protocol != TCP && d.protocol != UDP {
			delete(all, name)
		}
	}
	urgent := tcp4()
	urgent.flags, urgent.seq = FIN|PSH|ACK|CWR|ECE, 0xffff_ff00 // which wraps
	all["TCP with all that is one segment's"] = urgent
	return all
}

func TestSegmentsAreThoseThatASenderWithoutOffloadWouldMake(t *testing.T) {
	for kind, d := range offloaded() {
		for _, c := range []struct{ payload, size int }{{0, 100}, {1, 100}, {100, 100}, {101, 100}, {300, 100}, {1000, 7}, {30000, 1448}, {61440, 8961}} {
			d.payload = noise(c.payload)
			p := super(t, d, uint16(c.size))
			p.Time, p.Probe = 7, true
			want := goldSegments(t, d, c.size)
			got, wire := segments(t, p), 0
			if len(got) != len(want) {
				t.Errorf("%s, %d bytes by %d: %d segments, want %d", kind, c.payload, c.size, len(got), len(want))
				continue
			}
			for n, s := range got {
				wire += s.Len()
				if !bytes.Equal(s.Bytes(), want[n]) {
					t.Errorf("%s, %d bytes by %d, segment %d:\ngot  % x\nwant % x", kind, c.payload, c.size, n, s.Bytes(), want[n])
				}
			}
			if p.WireBytes() != wire || p.WireLen() != got[0].Len() {
				t.Errorf("%s, %d bytes by %d: %d bytes on the wire, at most %d at once; want %d, %d", kind, c.payload, c.size, p.WireBytes(), p.WireLen(), wire, got[0].Len())
			}
		}
	}
}

// TestRewritingASuperPacketIsRewritingItsSegments, and so a NAT need not cut it.
func TestRewritingASuperPacketIsRewritingItsSegments(t *testing.T) {
	for kind, d := range offloaded() {
		for _, payload := range []int{0, 99, 1000} {
			d.payload = noise(payload)
			for _, r := range rewrites(d) {
				want := segments(t, super(t, d, 100))
				p := super(t, d, 100)
				r.set(p)
				for n, s := range segments(t, p) {
					r.set(want[n])
					if !bytes.Equal(s.Bytes(), want[n].Bytes()) {
						t.Errorf("%s of %s, %d bytes, segment %d:\ngot  % x\nwant % x", r.name, kind, payload, n, s.Bytes(), want[n].Bytes())
					}
				}
			}
		}
	}
}

func TestAPartialChecksumIsCompletedToWhatItWouldHaveBeen(t *testing.T) {
	for kind, d := range offloaded() {
		for _, r := range rewrites(d) {
			p, want := super(t, d, 0), d
			r.set(p)
			r.want(&want)
			if !p.ChecksumPartial() || !p.ValidChecksum() {
				t.Errorf("%s of %s: the checksum is not partial any more", r.name, kind)
			}
			p.CompleteChecksum()
			if b := want.bytes(t); !bytes.Equal(p.Bytes(), b) || p.ChecksumPartial() {
				t.Errorf("%s of %s:\ngot  % x\nwant % x", r.name, kind, p.Bytes(), b)
			}
		}
	}
	syn, want := decoded(t, synWith(t, tcp4(), 2, 4, 0x23, 0x28)), decoded(t, synWith(t, tcp4(), 2, 4, 0x23, 0x28))
	b := syn.Bytes()
	be.PutUint16(b[syn.checksum:], fold(pseudoSum(b, TCP, len(b)-int(syn.transport))))
	syn.SetPartialChecksum(int(syn.transport), int(syn.checksum))
	if syn.Decode() != OK || !syn.ClampMSS(1000) || !want.ClampMSS(1000) {
		t.Fatal("the MSS was not clamped")
	}
	if syn.CompleteChecksum(); !bytes.Equal(syn.Bytes(), want.Bytes()) {
		t.Errorf("a clamped SYN:\ngot  % x\nwant % x", syn.Bytes(), want.Bytes())
	}
}

// TestWhatIsNoPlainPartialChecksumIsCompletedAtOnce: that of an inner header, of a fragment, of another protocol. The receiver sums up from
// where the kernel said to the end.
func TestWhatIsNoPlainPartialChecksumIsCompletedAtOnce(t *testing.T) {
	tunnel, sctp := udp4(), udp4()
	tunnel.payload, sctp.protocol = noise(41), 132
	first := fragments(tunnel.bytes(t), 24)[0]
	for _, c := range []struct {
		name      string
		b         []byte
		start, at int
	}{
		{"of a header inside a tunnel", tunnel.bytes(t), 40, 46},
		{"of a fragment", first, 20, 26},
		{"of a later fragment", fragments(tunnel.bytes(t), 24)[1], 20, 26},
		{"of another protocol", sctp.bytes(t), 20, 22},
		{"of an echo", echo4().bytes(t), 20, 22},
	} {
		p := New(len(c.b))
		p.SetBytes(c.b)
		be.PutUint16(p.Bytes()[c.at:], 0)
		if !p.SetPartialChecksum(c.start, c.at) || p.Decode() != OK || p.ChecksumPartial() {
			t.Errorf("%s: it is still partial", c.name)
		}
		if got := naiveSum(p.Bytes()[c.start:]); got != 0xffff {
			t.Errorf("%s: a receiver's sum is %04x", c.name, got)
		}
	}
}

// TestAPartialChecksumInAHeaderThatWasJudgedIsRefused: completing it would change what filters and tables have yet to see.
func TestAPartialChecksumInAHeaderThatWasJudgedIsRefused(t *testing.T) {
	for _, c := range []struct {
		name      string
		d         datagram
		start, at int
	}{
		{"in the addresses", udp4(), 16, 16},
		{"over UDP's destination port and length", udp4(), 20, 23},
		{"half in UDP's checksum", udp4(), 20, 27},
		{"over TCP's urgent pointer", tcp4(), 20, 38},
		{"over TCP's flags", tcp6(), 40, 53},
		{"over an echo's type and code", echo4(), 20, 20},
		{"over an echo's identifier", echo6(), 40, 44},
	} {
		c.d.payload = noise(60)
		p := New(MaxSize)
		p.SetBytes(c.d.bytes(t))
		if !p.SetPartialChecksum(c.start, c.at) {
			t.Errorf("%s: no place for a checksum", c.name)
		}
		if f := p.Decode(); f != BadTransport {
			t.Errorf("%s: got %v", c.name, f)
		}
	}
}

func TestDecodeRefusesSuperPacketsThatCannotBe(t *testing.T) {
	long := udp4()
	long.payload = noise(200)
	short := long.bytes(t)
	be.PutUint16(short[24:], 100) // the UDP length
	for _, c := range []struct {
		name      string
		b         []byte
		start, at int
	}{
		{"of echo requests", echo4().bytes(t), 0, 0},
		{"of fragments", fragments(long.bytes(t), 64)[0], 0, 0},
		{"of UDP that ends before the datagram", short, 0, 0},
		{"with a checksum elsewhere", long.bytes(t), 28, 34},
	} {
		p := New(len(c.b))
		p.SetBytes(c.b)
		p.SegmentSize = 10
		if c.start != 0 && !p.SetPartialChecksum(c.start, c.at) {
			t.Errorf("%s: no place for a checksum", c.name)
		}
		if f := p.Decode(); f != BadTransport {
			t.Errorf("%s: got %v", c.name, f)
		}
	}
	p := udp4().packet(t)
	for _, place := range [][2]int{{0, 6}, {20, 19}, {20, p.Len() - 1}, {-1, 6}} {
		if p.SetPartialChecksum(place[0], place[1]) {
			t.Errorf("a checksum at %v of %d bytes", place, p.Len())
		}
	}
}

// TestWhatIsSaidOfASuperPacketIsSaidOfItsFirstSegment: ICMP errors quote what was on the wire.
func TestWhatIsSaidOfASuperPacketIsSaidOfItsFirstSegment(t *testing.T) {
	for kind, d := range offloaded() {
		for _, payload := range []int{50, 3000} {
			d.payload = noise(payload)
			p, first, got, want := super(t, d, 1000), New(2000), New(2000), New(2000)
			p.SegmentInto(first, 0)
			from := netip.MustParseAddr(d.dst)
			if !BuildTooBig(got, p, from, 900) || !BuildTooBig(want, first, from, 900) || !bytes.Equal(got.Bytes(), want.Bytes()) {
				t.Errorf("%s, %d bytes:\ngot  % x\nwant % x", kind, payload, got.Bytes(), want.Bytes())
			}
		}
	}
}

func TestFragmentsOfAPartialChecksumHaveACompleteOne(t *testing.T) {
	d := udp4()
	d.payload = noise(500)
	got, want := cut(t, super(t, d, 0), 100), cut(t, d.packet(t), 100)
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			t.Errorf("fragment %d:\ngot  % x\nwant % x", i, got[i], want[i])
		}
	}
}

// FuzzSegmentInto: whatever comes up as a super-packet, its segments are whole datagrams with right checksums, and their payloads are its
// payload.
func FuzzSegmentInto(f *testing.F) {
	for _, d := range offloaded() {
		d.payload = noise(333)
		b := d.bytes(f)
		for _, c := range []struct{ size, start, at uint16 }{{100, 20, 36}, {100, 20, 26}, {1, 0, 0}, {0, 20, 36}, {0, 40, 46}, {333, 40, 56}} {
			f.Add(b, c.size, c.start, c.at)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, size, start, at uint16) {
		if len(b) > MaxSize {
			return
		}
		p := New(len(b))
		p.SetBytes(b)
		p.SegmentSize = size
		p.SetPartialChecksum(int(start), int(at))
		if p.Decode() != OK {
			return
		}
		if p.SegmentSize != 0 && !p.ChecksumPartial() || p.Segments() > 1 != (p.SegmentSize != 0) {
			t.Fatalf("%d segments of %d bytes, checksum partial: %v", p.Segments(), p.SegmentSize, p.ChecksumPartial())
		}
		if p.SegmentSize == 0 {
			s := New(p.Len())
			if p.SegmentInto(s, 0) || s.ChecksumPartial() || s.Len() != p.Len() {
				t.Fatalf("an ordinary packet is not its own only segment")
			}
			return
		}
		var payload []byte
		wire := 0
		for _, s := range segments(t, p) {
			payload, wire = append(payload, s.Payload()...), wire+s.Len()
		}
		if !bytes.Equal(payload, p.Payload()) || wire != p.WireBytes() {
			t.Fatalf("%d bytes of payload in %d on the wire, want %d in %d", len(payload), wire, p.PayloadLen(), p.WireBytes())
		}
	})
}

func BenchmarkSegmentInto(b *testing.B) {
	for _, size := range []uint16{1448, 8949} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			d := tcp4()
			d.payload = noise(64000)
			p, s := super(b, d, size), New(9001)
			b.SetBytes(int64(p.WireBytes()))
			b.ReportAllocs()
			for b.Loop() {
				for range p.Cut(s) {
				}
			}
		})
	}
}
