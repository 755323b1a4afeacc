package packet

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// fragmentable is d without DF.
func fragmentable(t testing.TB, d datagram) []byte {
	b := d.bytes(t)
	b[4], b[5], b[6] = 0x12, 0x34, 0
	return fixHeader(b)
}

// cut returns p's fragments, each checked for what every fragment must be.
func cut(t testing.TB, p *Packet, mtu int) (all [][]byte) {
	t.Helper()
	f := New(mtu)
	for at, more := 0, true; more; {
		at, more = p.FragmentInto(f, mtu, at)
		b := bytes.Clone(f.Bytes())
		if fault := decodeFault(b); len(b) > mtu || fault != OK && fault < BadFragment {
			t.Fatalf("fragment of %d bytes for an MTU of %d, %v: % x", len(b), mtu, fault, b)
		}
		if last := !more; !last && (len(b)-int(b[0]&0xf)*4)%8 != 0 {
			t.Fatalf("a fragment before the last ends within a unit of 8 bytes: % x", b)
		}
		all = append(all, b)
	}
	return all
}

func decodeFault(b []byte) Fault {
	p := New(len(b))
	p.SetBytes(b)
	return p.Decode()
}

// reassembled puts the fragments of one datagram together, in any order, without gaps and overlaps, under the first one's
// header (RFC 791 3.2, the obvious way). What it returns has the more-fragments bit and offset of the whole.
func reassembled(t testing.TB, all [][]byte) []byte {
	t.Helper()
	at := func(b []byte) int { return int(be.Uint16(b[6:])&fragmentOffset) * 8 }
	begin, end := 1<<20, -1 // a datagram may be a header alone
	var first, last []byte
	for _, b := range all {
		header := int(b[0]&0xf) * 4
		if at(b) < begin {
			begin, first = at(b), b
		}
		if at(b)+len(b)-header > end {
			end, last = at(b)+len(b)-header, b
		}
	}
	data, seen := make([]byte, end-begin), make([]bool, end-begin)
	for _, b := range all {
		header := int(b[0]&0xf) * 4
		for i, v := range b[header:] {
			require.False(t, seen[at(b)-begin+i], "fragments overlap")
			data[at(b)-begin+i], seen[at(b)-begin+i] = v, true
		}
		require.True(t, &b[0] == &last[0] || be.Uint16(b[6:])&moreFragments != 0, "no more fragments after one before the last")
	}
	require.NotContains(t, seen, false, "a gap")
	whole := append(bytes.Clone(first[:int(first[0]&0xf)*4]), data...)
	be.PutUint16(whole[2:], uint16(len(whole)))
	be.PutUint16(whole[6:], be.Uint16(first[6:])&^moreFragments|be.Uint16(last[6:])&moreFragments)
	return fixHeader(whole)
}

func TestFragmentsReassembleToTheDatagram(t *testing.T) {
	for kind, d := range every() {
		d.payload = bytes.Repeat([]byte("payload"), 700)
		b := d.bytes(t)
		if b[0]>>4 == 6 {
			continue
		}
		b = fragmentable(t, d)
		for _, mtu := range []int{MinMTU, 576, 1499, 1500, len(b) - 1, len(b), 9001} {
			all := cut(t, decoded(t, b), mtu)
			if got := reassembled(t, all); !bytes.Equal(got, b) {
				t.Errorf("%s, MTU %d:\ngot  % x\nwant % x", kind, mtu, got[:40], b[:40])
			}
			if len(b) <= mtu && (len(all) != 1 || !bytes.Equal(all[0], b)) {
				t.Errorf("%s fits into %d bytes but did not stay what it is", kind, mtu)
			}
			for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 { // fragmented again, in another order
				all[i], all[j] = all[j], all[i]
			}
			var again [][]byte
			for _, f := range all {
				p := New(len(f))
				p.SetBytes(f)
				p.Decode()
				again = append(again, cut(t, p, max(MinMTU, mtu/3))...)
			}
			if got := reassembled(t, again); !bytes.Equal(got, b) {
				t.Errorf("%s, fragments of fragments for %d:\ngot  % x\nwant % x", kind, mtu, got[:40], b[:40])
			}
		}
	}
}

func TestOnlyOptionsWithTheCopyBitAreInLaterFragments(t *testing.T) {
	d := udp4()
	d.payload = make([]byte, 100)
	plain := fragmentable(t, d)
	for _, c := range []struct {
		name           string
		options, later []byte
	}{
		{"record route is in the first alone", []byte{7, 7, 4, 0, 0, 0, 0, 0}, []byte{1, 1, 1, 1, 1, 1, 1, 0}},
		{"a loose source route is in all", []byte{131, 7, 4, 10, 0, 0, 1, 0}, []byte{131, 7, 4, 10, 0, 0, 1, 0}},
		{"of both, one", []byte{68, 4, 5, 0, 148, 4, 0, 0}, []byte{1, 1, 1, 1, 148, 4, 0, 0}},
		{"after the end is padding", []byte{0, 7, 3, 4}, []byte{0, 7, 3, 4}},
		{"a length of 1 and what follows it stay", []byte{7, 1, 7, 3, 4, 0, 0, 0}, []byte{7, 1, 7, 3, 4, 0, 0, 0}},
		{"an option beyond the header stays", []byte{1, 7, 9, 4}, []byte{1, 7, 9, 4}},
		{"an option without a length stays", []byte{1, 1, 1, 7}, []byte{1, 1, 1, 7}},
	} {
		b := append(append(bytes.Clone(plain[:20]), c.options...), plain[20:]...)
		b[0] = 0x45 + byte(len(c.options)/4)
		be.PutUint16(b[2:], uint16(len(b)))
		for i, f := range cut(t, decoded(t, fixHeader(b)), 76) {
			want := c.later
			if i == 0 {
				want = c.options
			}
			if !bytes.Equal(f[20:20+len(c.options)], want) {
				t.Errorf("%s: fragment %d has % x, want % x", c.name, i, f[20:20+len(c.options)], want)
			}
		}
	}
}

func TestAFragmentIsDecodedAndKeepsTimeAndProbe(t *testing.T) {
	d := udp4()
	d.payload = make([]byte, 3000)
	p, f := decoded(t, fragmentable(t, d)), New(1500)
	p.Time, p.Probe = 7, true
	next, more := p.FragmentInto(f, 1500, 0)
	if next != 1480 || !more || f.SrcPort != d.sport || !f.IsFragment() || f.LaterFragment() || f.Time != 7 || !f.Probe {
		t.Errorf("first: got %d, %v, %+v", next, more, f)
	}
	next, more = p.FragmentInto(f, 1500, 2960)
	if next != 3008 || more || f.SrcPort != 0 || !f.LaterFragment() || f.Src != p.Src {
		t.Errorf("last: got %d, %v, %+v", next, more, f)
	}
	if !panics(func() { p.FragmentInto(f, MinMTU-1, 0) }) {
		t.Error("an MTU below 68 did not panic")
	}
}

// FuzzFragment: what is cut up and put together again is the datagram, whatever it is.
func FuzzFragment(f *testing.F) {
	d := udp4()
	d.payload = bytes.Repeat([]byte("payload"), 300)
	b := fragmentable(f, d)
	f.Add(b, uint16(576), uint16(0))
	f.Add(b, uint16(68), uint16(moreFragments|3))
	f.Add(every()["TCP with IP options"].bytes(f), uint16(70), uint16(0))
	f.Add(b[:20], uint16(573), uint16(0))
	f.Fuzz(func(t *testing.T, b []byte, mtu, place uint16) {
		if len(b) < 20 || b[0]>>4 != 4 || int(b[0]&0xf)*4 > len(b) || len(b) > MaxSize || b[0]&0xf < 5 || mtu < MinMTU {
			return
		}
		be.PutUint16(b[2:], uint16(len(b)))
		be.PutUint16(b[6:], place&(moreFragments|fragmentOffset))
		p := New(len(b))
		p.SetBytes(fixHeader(b))
		if p.Decode() != OK {
			return
		}
		if got := reassembled(t, cut(t, p, int(mtu))); !bytes.Equal(got, b) {
			t.Fatalf("got  % x\nwant % x", got, b)
		}
	})
}
