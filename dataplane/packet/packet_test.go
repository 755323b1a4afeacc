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
		"BuildICMPError": func() { BuildICMPError(out, p, v4, ICMPTimeExceeded, 0, 0) },
		"embedded":       func() { quoted.SetEmbeddedSrc(v4); quoted.SetEmbeddedSrcPort(9); quoted.EmbeddedPorts() },
		"ValidChecksum":  func() { p.ValidChecksum() },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}
