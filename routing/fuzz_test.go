package routing

import (
	"encoding/binary"
	"net/netip"
	"testing"
)

// FuzzLookup: any IPv4 table, at the edges of its prefixes and anywhere, by every way.
func FuzzLookup(f *testing.F) {
	f.Add([]byte{10, 0, 0, 0, 16, 0, 10, 0, 1, 0, 24, 1}, uint32(0x0a000105))
	f.Add([]byte{0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 32, 2}, ^uint32(0))
	f.Fuzz(func(t *testing.T, routes []byte, addr uint32) {
		var g gold
		for i := 0; i+6 <= len(routes) && i < 600; i += 6 {
			a := netip.AddrFrom4([4]byte(routes[i : i+4]))
			g = append(g, Entry[int]{netip.PrefixFrom(a, int(routes[i+4])%33), Origin(routes[i+5] % 6), i + 1})
		}
		v4 := []uint32{0, addr, 1<<32 - 1}
		for _, a := range edges(g) {
			v4 = append(v4, uint32(number(a).Lo))
		}
		c := agreement{t: t, ways: map[way]bool{}}
		c.check(g, build(t, g), v4, nil)
	})
}

// FuzzLookup6: the same of IPv6. Prefixes share their first bytes, so that they nest.
func FuzzLookup6(f *testing.F) {
	f.Add([]byte{1, 2, 64, 0, 1, 3, 128, 1}, uint64(1), uint64(2))
	f.Add([]byte{0, 0, 0, 0, 255, 255, 128, 2}, ^uint64(0), ^uint64(0))
	f.Fuzz(func(t *testing.T, routes []byte, hi, lo uint64) {
		var g gold
		for i := 0; i+4 <= len(routes) && i < 400; i += 4 {
			a := Address6{0x2001_0db8<<32 | uint64(routes[i])*0x0101_0101, uint64(routes[i+1]) * 0x0101_0101_0101_0101}
			if routes[i] == 255 {
				a.Hi = 1<<64 - 1
			}
			g = append(g, Entry[int]{netip.PrefixFrom(addr6(a), int(routes[i+2])%129), Origin(routes[i+3] % 6), i + 1})
		}
		v6 := []Address6{{}, {hi, lo}, {1<<64 - 1, 1<<64 - 1}}
		for _, a := range edges(g) {
			v6 = append(v6, number(a))
		}
		for len(v6)%16 != 3 { // some go side by side, some are left over
			v6 = append(v6, Address6{hi, lo + uint64(len(v6))})
		}
		c := agreement{t: t, ways: map[way]bool{}}
		c.check(g, build(t, g), nil, v6)
	})
}

// FuzzLive: any sequence of changes, then what the model of what is left says.
func FuzzLive(f *testing.F) {
	f.Add([]byte{10, 0, 0, 16, 1, 10, 0, 0, 24, 2, 10, 0, 0, 16, 0}, uint32(0x0a000001))
	live, err := NewLive[int](nil) // making one takes longer than an execution
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, changes []byte, addr uint32) {
		model := map[netip.Prefix]int{}
		v4 := []uint32{0, addr, 1<<32 - 1}
		for i := 0; i+5 <= len(changes) && i < 100; i += 5 {
			a := binary.BigEndian.Uint32(changes[i:])&^255 | uint32(changes[i+2]) // the last byte again
			p := netip.PrefixFrom(addr4(a), 8+int(changes[i+3])%25).Masked()
			v4 = append(v4, a, uint32(number(lastAddr(p)).Lo), uint32(number(lastAddr(p)).Lo)+1)
			var err error
			if v := int(changes[i+4]) % 4; v == 0 {
				delete(model, p)
				err = live.Update(nil, []netip.Prefix{p})
			} else {
				model[p] = v
				err = live.Update([]Entry[int]{{Prefix: p, Value: v}}, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		var g gold
		var all []netip.Prefix
		for p, v := range model {
			g, all = append(g, Entry[int]{Prefix: p, Value: v}), append(all, p)
		}
		defer func() {
			if err := live.Update(nil, all); err != nil {
				t.Fatal(err)
			}
		}()
		want, answers := g.numeric(false), make([]Answer, len(v4))
		live.LookupBatch4(v4, answers)
		for i, a := range v4 {
			w, _ := want.lookup(Address6{Lo: uint64(a)})
			batch, _ := live.Value(answers[i])
			if single, _ := live.Lookup4(a); single != w || batch != w {
				t.Fatalf("%s: single %d, batch %d, want %d", addr4(a), single, batch, w)
			}
		}
	})
}
