package packet

import (
	"math/rand/v2"
	"testing"
)

// The words where one's-complement arithmetic has its corners (RFC 1624 3).
var corners = []uint16{0x0000, 0x0001, 0x7fff, 0x8000, 0xfffe, 0xffff}

func TestRFC1624_UpdateEqualsRecomputationAtAllCorners(t *testing.T) {
	// Two words of a header, and a third that is never zero, as the version is in an IP header.
	for _, rest := range []uint16{1, 0x4500, 0x7fff, 0x8000, 0xfffe, 0xffff} {
		for _, other := range corners {
			for _, from := range corners {
				for _, to := range corners {
					b := words(rest, other, from)
					old := ^fold(sum(b))
					got := put16(b[4:], to).apply(old)
					if want := ^naiveSum(words(rest, other, to)); got != want {
						t.Fatalf("rest %04x %04x, %04x -> %04x: got %04x, want %04x", rest, other, from, to, got, want)
					}
				}
			}
		}
	}
}

func TestRFC1624_UpdateOf32BitsEqualsTwoOf16(t *testing.T) {
	for _, checksum := range corners {
		for _, a := range corners {
			for _, b := range corners {
				for _, c := range corners {
					for _, d := range corners {
						w := words(a, b)
						both := put32(w, uint32(c)<<16|uint32(d)).apply(checksum)
						w = words(a, b)
						one := put16(w, c)
						if each := (one + put16(w[2:], d)).apply(checksum); both != each {
							t.Fatalf("%04x: %04x%04x -> %04x%04x: got %04x, want %04x", checksum, a, b, c, d, both, each)
						}
					}
				}
			}
		}
	}
}

func TestSumEqualsTheNaiveSumAtEveryLength(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 1501)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	for n := range b {
		if got, want := fold(sum(b[:n])), naiveSum(b[:n]); got != want {
			t.Fatalf("%d bytes: got %04x, want %04x", n, got, want)
		}
	}
	for i := range b {
		b[i] = 0xff
	}
	if got := fold(sum(b[:1500])); got != 0xffff {
		t.Errorf("all ones: got %04x, want ffff", got)
	}
}

func TestUDPZeroStaysZeroAndZeroIsSentAsOnes(t *testing.T) {
	b := words(0)
	if c := putChecksum(b, UDP, 0x1234); c != 0 || be.Uint16(b) != 0 {
		t.Errorf("no checksum became %04x", be.Uint16(b))
	}
	// The sum ffff has the checksum 0: old word 1, new word 2, old checksum 1.
	for protocol, want := range map[uint8]uint16{UDP: 0xffff, TCP: 0, ICMP: 0} {
		b, w := words(1), words(1)
		putChecksum(b, protocol, put16(w, 2))
		if got := be.Uint16(b); got != want {
			t.Errorf("protocol %d: got %04x, want %04x", protocol, got, want)
		}
	}
}

func TestValidChecksumTellsARightFromAWrongOne(t *testing.T) {
	for name, d := range every() {
		p := d.packet(t)
		if !p.ValidChecksum() {
			t.Errorf("%s: gopacket's checksum is refused", name)
		}
		b := p.Bytes()
		b[len(b)-1] ^= 0x10
		if got, want := p.ValidChecksum(), p.checksum == 0; got != want {
			t.Errorf("%s with a bit flipped: got %v, want %v", name, got, want)
		}
	}
	p := udp4().packet(t)
	be.PutUint16(p.Bytes()[p.checksum:], 0)
	if !p.ValidChecksum() {
		t.Error("UDP without a checksum is refused")
	}
}

func words(ws ...uint16) []byte {
	var b []byte
	for _, w := range ws {
		b = be.AppendUint16(b, w)
	}
	return b
}
