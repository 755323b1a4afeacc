package bench

import (
	"math"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGeneratedTablesHaveTheSizesThatTheirNamesSay(t *testing.T) {
	for name, most := range map[string]int{"vpc-10": 32, "vpc-30": 64, "vpc-120": 272, "vpc-1000": 2001} {
		table := generated(t, name)
		if got := newModel(table.Routes).intervals(); got > most {
			t.Errorf("%s: %d intervals, more than %d", name, got, most)
		}
	}
	for name, want := range map[string]int{"vpc-10": 10, "vpc-30": 30, "vpc-120": 120, "vpc-1000": 1000, "aws-ranges": 8000, "bgp6": 160147} {
		table := generated(t, name)
		require.Len(t, table.Routes, want, name)
		require.Equal(t, table.Routes, generated(t, name).Routes, "%s: the same seed gives the same table", name)
		seen := map[netip.Prefix]bool{}
		for _, r := range table.Routes {
			if r.Prefix != r.Prefix.Masked() || r.NextHop == 0 || seen[r.Prefix] {
				t.Fatalf("%s: %v", name, r)
			}
			seen[r.Prefix] = true
		}
	}
}

// TestTheInternetTablesAreAlike: how many prefixes of a length there are is as was counted, and how many of them are nested, nearly.
func TestTheInternetTablesAreAlike(t *testing.T) {
	names := map[string]likeness{"bgp6": internet6}
	if !testing.Short() {
		names["bgp4"] = internet4
	}
	for name, like := range names {
		table := generated(t, name)
		count, nested := map[int]int{}, map[int]int{}
		var around []netip.Prefix
		for _, r := range table.Routes {
			for len(around) > 0 && !around[len(around)-1].Contains(r.Prefix.Addr()) {
				around = around[:len(around)-1]
			}
			count[r.Prefix.Bits()]++
			if len(around) > 0 {
				nested[r.Prefix.Bits()]++
			}
			around = append(around, r.Prefix)
		}
		for _, l := range like.lengths {
			if count[l.bits] != l.count {
				t.Errorf("%s: %d prefixes of length %d, want %d", name, count[l.bits], l.bits, l.count)
			}
			if got := float64(nested[l.bits]) / float64(l.count); l.count > 5000 && math.Abs(got-l.nested) > 0.1 {
				t.Errorf("%s: %.2f of length %d are nested, want %.2f", name, got, l.bits, l.nested)
			}
		}
		if got := table.NextHops(); got != 200 {
			t.Errorf("%s: %d next hops", name, got)
		}
	}
}

// TestTheModelAgainstEveryRoute compares the model by which contenders are judged with what needs no idea at all.
func TestTheModelAgainstEveryRoute(t *testing.T) {
	four := []Route{}
	for _, r := range []struct {
		prefix  string
		nextHop uint32
	}{
		{"0.0.0.0/0", 1}, {"0.0.0.0/8", 2}, {"0.0.0.0/32", 3}, {"10.0.0.0/8", 4}, {"10.0.0.0/16", 5}, {"10.0.255.0/24", 6}, {"10.1.0.0/16", 4},
		{"255.0.0.0/8", 7}, {"255.255.255.255/32", 8},
	} {
		four = append(four, Route{netip.MustParsePrefix(r.prefix), r.nextHop})
	}
	six := []Route{}
	for _, r := range []struct {
		prefix  string
		nextHop uint32
	}{{"::/0", 1}, {"::/128", 2}, {"2001:db8::/32", 3}, {"2001:db8::/64", 4}, {"2001:db8::1/128", 5}, {"ff00::/8", 6}, {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", 7}} {
		six = append(six, Route{netip.MustParsePrefix(r.prefix), r.nextHop})
	}
	random := generated(t, "vpc-120").Routes
	for name, routes := range map[string][]Route{"edges": four, "edges of IPv6": six, "without a default route": four[1:], "drawn": random, "none": nil} {
		m := newModel(routes)
		ask := func(a netip.Addr) {
			want, longest := uint32(0), -1
			for _, r := range routes {
				if r.Prefix.Contains(a) && r.Prefix.Bits() > longest {
					want, longest = r.NextHop, r.Prefix.Bits()
				}
			}
			at := Address6{}
			if a.Is4() {
				at.Lo = uint64(number4(a))
			} else {
				at = number6(a)
			}
			if got := m.lookup(at); got != want {
				t.Errorf("%s: %s: got %d, want %d", name, a, got, want)
			}
		}
		for _, r := range routes {
			first, last := bounds(r)
			for _, n := range []Address6{first, last} {
				a := addr6(n)
				if r.Prefix.Addr().Is4() {
					a = addr4(uint32(n.Lo))
				}
				for _, near := range []netip.Addr{a, a.Prev(), a.Next()} {
					if near.IsValid() {
						ask(near)
					}
				}
			}
		}
	}
}
