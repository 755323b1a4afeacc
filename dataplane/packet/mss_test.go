package packet

import (
	"bytes"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// synWith is d as a SYN with TCP options, made anew with every checksum right. The options are padded to whole words.
func synWith(t testing.TB, d datagram, options ...byte) []byte {
	d.flags = SYN
	for len(options)%4 != 0 {
		options = append(options, 0)
	}
	p := New(100 + len(d.payload))
	d.payload = append(options[:len(options):len(options)], d.payload...)
	b := d.bytes(t)
	at := 20
	if b[0]>>4 == 6 {
		at = 40
	}
	b[at+12] = byte(20+len(options)) / 4 << 4
	p.SetBytes(b)
	p.protocolChecksumAnew(at)
	return bytes.Clone(p.Bytes())
}

// protocolChecksumAnew computes the TCP checksum, of the header at offset at, from nothing.
func (p *Packet) protocolChecksumAnew(at int) {
	b := p.Bytes()
	be.PutUint16(b[at+tcpChecksum:], 0)
	pseudo := words(TCP, uint16(len(b)-at))
	if at == 20 {
		pseudo = append(pseudo, b[12:20]...)
	} else {
		pseudo = append(pseudo, b[8:40]...)
	}
	be.PutUint16(b[at+tcpChecksum:], ^naiveSum(pseudo, b[at:]))
}

func TestClampMSS(t *testing.T) {
	mss := func(v uint16) []byte { return []byte{2, 4, byte(v >> 8), byte(v)} }
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for _, c := range []struct {
		name    string
		options []byte
		want    []byte // nil if the packet stays
	}{
		{"a larger one is lowered", mss(8961), mss(1460)},
		{"an equal one stays", mss(1460), nil},
		{"a smaller one is not raised", mss(536), nil},
		{"none is added", []byte{1, 1, 4, 2}, nil},
		{"without options nothing happens", nil, nil},
		{"at an odd offset", join([]byte{1}, mss(8961), []byte{1, 1, 0}), join([]byte{1}, mss(1460), []byte{1, 1, 0})},
		{"at an odd offset, with the largest value", join([]byte{3, 3, 7}, mss(65535)), join([]byte{3, 3, 7}, mss(1460))},
		{"behind other options", join([]byte{4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8}, mss(9000)),
			join([]byte{4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8}, mss(1460))},
		{"before the end of the options, whatever follows", join(mss(9000), []byte{0, 2, 1, 1}), join(mss(1460), []byte{0, 2, 1, 1})},
		{"after the end of the options is padding", join([]byte{0, 1, 1, 1}, mss(9000)), nil},
		{"the last of two counts", join(mss(500), mss(9000)), join(mss(500), mss(1460))},
		{"a length of 3 is malformed", []byte{2, 3, 0xff, 0}, nil},
		{"a length of 6 is malformed", []byte{2, 6, 0xff, 0xff, 0, 0}, nil},
		{"cut off by the header's end", []byte{1, 1, 2, 4}, nil},
		{"a kind without a length, at the header's end", join(mss(9000), []byte{1, 1, 1, 8}), nil},
		{"followed by an option of length 0", join(mss(9000), []byte{8, 0, 1, 1}), nil},
		{"followed by an option beyond the header", join(mss(9000), []byte{8, 10, 1, 1}), nil},
	} {
		for _, d := range []datagram{tcp4(), tcp6()} {
			b := synWith(t, d, c.options...)
			want := b
			if c.want != nil {
				want = synWith(t, d, c.want...)
			}
			p := decoded(t, b)
			if got := p.ClampMSS(1460); got != (c.want != nil) || !bytes.Equal(p.Bytes(), want) || !p.ValidChecksum() {
				t.Errorf("%s: got %v\n% x, want\n% x", c.name, got, p.Bytes(), want)
			}
		}
	}
}

func TestClampMSSIsForSYNsAlone(t *testing.T) {
	b := synWith(t, tcp4(), 2, 4, 0x23, 0x28)
	long := tcp4()
	long.payload = make([]byte, 100)
	parts := fragments(synWith(t, long, 2, 4, 0x23, 0x28), 64)
	flagged := func(flags uint8) []byte { c := bytes.Clone(b); c[33] = flags; return c }
	for _, c := range []struct {
		name string
		b    []byte
		want bool
	}{
		{"a SYN", b, true},
		{"a SYN-ACK", flagged(SYN | ACK), true},
		{"an ACK", flagged(ACK), false},
		{"a RST", flagged(RST), false},
		{"the first fragment of a SYN", parts[0], true},
		{"a later fragment", parts[1], false},
		{"UDP", udp4().bytes(t), false},
		{"an echo", echo4().bytes(t), false},
	} {
		if got := decoded(t, c.b).ClampMSS(1460); got != c.want {
			t.Errorf("%s: got %v", c.name, got)
		}
	}
}

// FuzzClampMSS compares with gopacket's reading of the options, and a receiver's sum before and after.
func FuzzClampMSS(f *testing.F) {
	f.Add([]byte{2, 4, 0x23, 0x28}, uint16(1460), uint16(0))
	f.Add([]byte{1, 2, 4, 0xff, 0xff, 1, 0, 0}, uint16(0), uint16(1))
	f.Add([]byte{1, 2, 4, 0, 1, 3, 3, 7}, uint16(0), uint16(0xffff))
	f.Add([]byte{2, 4, 0xff, 0xff, 2, 4, 0, 1}, uint16(8460), uint16(0))
	f.Add([]byte{2, 4, 0x23, 0x28, 8, 0, 1, 1}, uint16(1460), uint16(0))
	f.Fuzz(func(t *testing.T, options []byte, limit, corrupt uint16) {
		if len(options) > 40 {
			return
		}
		b := synWith(t, tcp4(), options...)
		be.PutUint16(b[36:], be.Uint16(b[36:])^corrupt)
		p, before := decoded(t, b), decoded(t, b)
		got := p.ClampMSS(limit)
		at := mssByGopacket(b[20:])
		want := at != 0 && be.Uint16(b[20+at:]) > limit
		if got != want {
			t.Fatalf("got %v, want %v", got, want)
		}
		if want {
			be.PutUint16(b[20+at:], limit)
			copy(b[36:38], p.Bytes()[36:38]) // judged by the sum
		}
		if !bytes.Equal(p.Bytes(), b) || received(p) != received(before) {
			t.Fatalf("a receiver's sum was %04x and is now %04x;\ngot  % x\nwant % x", received(before), received(p), p.Bytes(), b)
		}
	})
}

// mssByGopacket is mssAt as gopacket reads the TCP segment.
func mssByGopacket(segment []byte) (at int) {
	var tcp layers.TCP
	if tcp.DecodeFromBytes(segment, gopacket.NilDecodeFeedback) != nil {
		return 0
	}
	i := 20
	for _, o := range tcp.Options {
		switch o.OptionType {
		case layers.TCPOptionKindEndList:
			return at
		case layers.TCPOptionKindNop:
			i++
			continue
		case layers.TCPOptionKindMSS:
			if o.OptionLength != 4 {
				return 0
			}
			at = i + 2
		}
		i += int(o.OptionLength)
	}
	return at
}
