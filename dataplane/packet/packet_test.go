package packet

import (
	"bytes"
	"net/netip"
	"testing"
)

func TestReaderAndWriterShareTheHeadroom(t *testing.T) {
	const ethernet = 14
	d := tcp4().bytes(t)
	p := New(1500)
	n := copy(p.Buffer(ethernet), append(make([]byte, ethernet), d...))
	p.SetLen(n - ethernet)
	if f := p.Decode(); f != OK {
		t.Fatal(f)
	}
	if !bytes.Equal(p.Bytes(), d) || p.Len() != len(d) {
		t.Errorf("got % x, want % x", p.Bytes(), d)
	}
	frame := p.Frame(ethernet)
	copy(frame, "link header 14")
	if !bytes.Equal(frame, append([]byte("link header 14"), d...)) {
		t.Errorf("the frame is % x", frame)
	}
	if got := len(p.Buffer(Headroom)); got != Headroom+1500 {
		t.Errorf("the whole buffer is %d bytes", got)
	}
}

func TestCopyFromSharesNothing(t *testing.T) {
	q := tcp4().packet(t)
	q.Time, q.Probe = 42, true
	p := New(100)
	p.CopyFrom(q)
	if !bytes.Equal(p.Bytes(), q.Bytes()) || p.Src != q.Src || p.DstPort != q.DstPort || p.Time != 42 || !p.Probe {
		t.Fatalf("the copy differs: %+v", p)
	}
	p.SetSrc(netip.MustParseAddr("1.2.3.4"))
	if bytes.Equal(p.Bytes(), q.Bytes()) || q.Src == p.Src {
		t.Error("changing the copy changed the original")
	}
}

func TestTooLongADatagramPanics(t *testing.T) {
	for name, f := range map[string]func(){
		"SetLen":   func() { New(10).SetLen(11) },
		"SetBytes": func() { New(10).SetBytes(make([]byte, 11)) },
		"CopyFrom": func() { New(10).CopyFrom(tcp4().packet(t)) },
	} {
		if !panics(f) {
			t.Errorf("%s did not panic", name)
		}
	}
}

func TestPayloadIsWhatFollowsTheTransportHeader(t *testing.T) {
	for name, d := range every() {
		if got := d.packet(t).Payload(); !bytes.Equal(got, d.payload) {
			t.Errorf("%s: got %q, want %q", name, got, d.payload)
		}
	}
	b := udp4().bytes(t)
	b = append(b, "junk"...) // inside the IP datagram, after the UDP one
	be.PutUint16(b[2:], uint16(len(b)))
	if got := string(decoded(t, fixHeader(b)).Payload()); got != "question" {
		t.Errorf("UDP shorter than IP: got %q", got)
	}
	f := decoded(t, fragments(udp4().bytes(t), 8)[1])
	if got := string(f.Payload()); got != "question" {
		t.Errorf("later fragment: got %q", got)
	}
}

func TestTCPSegmentLenCountsSYNAndFIN(t *testing.T) {
	for flags, want := range map[uint8]int{ACK: 3, SYN: 4, FIN | ACK: 4, SYN | FIN: 5} {
		d := tcp4()
		d.flags, d.payload = flags, []byte("abc")
		if got := d.packet(t).TCPSegmentLen(); got != want {
			t.Errorf("flags %02x: got %d, want %d", flags, got, want)
		}
	}
}

func TestNothingOnThePathAllocates(t *testing.T) {
	p, q, out := tcp4().packet(t), udp6().packet(t), New(MaxSize)
	v4, v6 := netip.MustParseAddr("3.4.5.6"), netip.MustParseAddr("2001:db8::9")
	syn := decoded(t, synWith(t, tcp4(), 2, 4, 0x23, 0x28))
	long := tcp4()
	long.payload = make([]byte, 5000)
	large := super(t, long, 1000)
	var quoted Packet
	quoted.buf = make([]byte, Headroom+600)
	BuildICMPError(&quoted, p, v4, ICMPTimeExceeded, CodeTTLExceeded, 0)
	for name, f := range map[string]func(){
		"Decode IPv4":    func() { p.Decode() },
		"Decode IPv6":    func() { q.Decode() },
		"SetSrc":         func() { p.SetSrc(v4); q.SetSrc(v6) },
		"SetDst":         func() { p.SetDst(v4); q.SetDst(v6) },
		"ports":          func() { p.SetSrcPort(p.SrcPort + 1); q.SetDstPort(q.DstPort + 1) },
		"DecrementTTL":   func() { p.DecrementTTL() },
		"CopyFrom":       func() { out.CopyFrom(p) },
		"BuildReset":     func() { BuildReset(out, p) },
		"BuildICMPError": func() { BuildICMPError(out, p, v4, ICMPTimeExceeded, 0, 0); BuildTooBig(out, q, v6, 1500) },
		"ClampMSS":       func() { syn.ClampMSS(1460); syn.ClampMSS(536) },
		"FragmentInto":   func() { p.FragmentInto(out, MinMTU, 0) },
		"WireLen":        func() { p.WireLen(); p.WireBytes(); p.Segments() },
		"SegmentInto": func() {
			large.Decode()
			large.SetSrc(v4)
			large.SetSrcPort(large.SrcPort + 1)
			large.SegmentInto(out, 2)
			for range large.Cut(out) {
			}
		},
		"embedded": func() {
			quoted.SetEmbeddedSrc(v4)
			quoted.SetEmbeddedSrcPort(9)
			quoted.EmbeddedPorts()
			quoted.QuoteFault()
		},
		"ValidChecksum": func() { p.ValidChecksum() },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func TestASuperPacketIsMeasuredByItsSegments(t *testing.T) {
	for _, c := range []struct {
		name              string
		d                 datagram
		payload           int
		size              uint16
		segments, wireLen int
	}{
		{"an ordinary datagram", tcp4(), 4000, 0, 1, 4040},
		{"an ordinary datagram without payload", tcp4(), 0, 0, 1, 40},
		{"TCP of three segments and a bit", tcp4(), 4381, 1460, 4, 1500},
		{"TCP of three segments", tcp4(), 4380, 1460, 3, 1500},
		{"TCP of one segment", tcp4(), 1460, 1460, 1, 1500},
		{"TCP of less than a segment", tcp4(), 100, 1460, 1, 140},
		{"TCP without payload", tcp4(), 0, 1460, 1, 40},
		{"TCP over IPv6", tcp6(), 30000, 1440, 21, 1500},
		{"UDP", udp4(), 3000, 1000, 3, 1028},
		{"the largest of one-byte segments", udp4(), MaxSize - 28, 1, MaxSize - 28, 29},
	} {
		c.d.payload = make([]byte, c.payload)
		p := c.d.packet(t)
		p.SegmentSize = c.size
		if p.Segments() != c.segments || p.WireLen() != c.wireLen {
			t.Errorf("%s: got %d segments, %d bytes on the wire; want %d, %d", c.name, p.Segments(), p.WireLen(), c.segments, c.wireLen)
		}
	}
}

func TestTheSegmentSizeIsOfOneDatagram(t *testing.T) {
	p, q := tcp4().packet(t), New(100)
	p.SegmentSize = 7
	q.CopyFrom(p)
	if p.Decode() != OK || p.SegmentSize != 7 || q.SegmentSize != 7 {
		t.Errorf("got %d after Decode, %d in the copy; want 7", p.SegmentSize, q.SegmentSize)
	}
	p.SetLen(p.Len())
	BuildReset(q, q)
	if p.SegmentSize != 0 || q.SegmentSize != 0 {
		t.Errorf("got %d after SetLen, %d in a RST; want an ordinary datagram", p.SegmentSize, q.SegmentSize)
	}
}

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}

func TestPacketsInARowHaveRoomOfTheirOwn(t *testing.T) {
	const n, size = 5, 1000
	row := Row(n, size)
	if len(row) != n {
		t.Fatalf("%d packets, want %d", len(row), n)
	}
	for i, p := range row {
		if got := len(p.Buffer(Headroom)); got != Headroom+size {
			t.Errorf("packet %d has room for %d bytes, want %d", i, got, Headroom+size)
		}
		clear(p.Buffer(Headroom))
	}
	for i, p := range row {
		b := p.Buffer(Headroom)
		for j := range b {
			if b[j] != 0 {
				t.Fatalf("the byte %d of packet %d is another's, too", j, i)
			}
			b[j] = byte(i + 1)
		}
		if cap(b) != len(b) {
			t.Errorf("behind packet %d there are %d bytes that are not its own", i, cap(b)-len(b))
		}
	}
}
