package routing

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExplainListsEveryCandidateAndWhyItLost(t *testing.T) {
	p := netip.MustParsePrefix
	var b Builder[string]
	b.Add(p("0.0.0.0/0"), Static, "igw")
	b.Add(p("52.216.0.0/15"), PrefixList, "vpce-1")
	b.Add(p("52.216.0.0/15"), PropagatedVPNBGP, "vgw by a VPN's BGP")
	b.Add(p("52.216.0.0/15"), Propagated, "vgw by Direct Connect")
	b.Add(p("52.216.0.0/15"), PrefixList, "vpce-2")
	b.Add(p("52.216.0.0/15"), PropagatedVPN, "vgw by a VPN's static route")
	b.Add(p("52.217.0.0/16"), Static, "blackhole")
	b.Add(p("52.216.9.0/24"), Local, "elsewhere")
	b.Add(p("::/0"), Static, "eigw")
	table, err := b.Build()
	require.NoError(t, err)
	for name, row := range map[string]struct {
		addr string
		want []string
	}{
		"equal prefixes by AWS's order of origins": {"52.216.1.1", []string{
			"vpce-1: longest prefix", "vpce-2: equal route, added later (AWS picks at random)",
			"vgw by Direct Connect: same prefix, origin of lower priority",
			"vgw by a VPN's static route: same prefix, origin of lower priority",
			"vgw by a VPN's BGP: same prefix, origin of lower priority", "igw: less specific",
		}},
		"a blackhole wins and does not fall through": {"52.217.1.1", []string{
			"blackhole: longest prefix", "vpce-1: less specific", "vpce-2: less specific", "vgw by Direct Connect: less specific",
			"vgw by a VPN's static route: less specific", "vgw by a VPN's BGP: less specific", "igw: less specific",
		}},
		"one candidate":                         {"8.8.8.8", []string{"igw: longest prefix"}},
		"IPv6 apart":                            {"2001:db8::1", []string{"eigw: longest prefix"}},
		"an IPv4-mapped address is an IPv6 one": {"::ffff:52.216.1.1", []string{"eigw: longest prefix"}},
		"a zone does not count":                 {"fe80::1%eth0", []string{"eigw: longest prefix"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, c := range table.Explain(netip.MustParseAddr(row.addr)) {
				got = append(got, c.Value+": "+c.Loss.String())
			}
			if !slices.Equal(got, row.want) {
				t.Errorf("got %q\nwant %q", got, row.want)
			}
		})
	}
	if got := table.Explain(netip.Addr{}); got != nil {
		t.Errorf("no address: got %v", got)
	}
}

// TestExplainAndMatchAgreeWithLookup: what they say wins is what wins, and every route that contains the address is listed.
func TestExplainAndMatchAgreeWithLookup(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 31))
		g := randomRoutes(rng, rng.IntN(80))
		table := build(t, g)
		for _, a := range edges(g) {
			want, ok := g.lookup(a)
			match, found := table.Match(a)
			if found != ok || match.Value != want || ok && !match.Prefix.Contains(a) {
				t.Fatalf("%s: Match says %v %v, want %d %v", a, match, found, want, ok)
			}
			candidates := table.Explain(a)
			n := 0
			for _, e := range g {
				if e.Prefix.Masked().Contains(a) {
					n++
				}
			}
			if len(candidates) != n {
				t.Fatalf("%s: %d candidates, want %d", a, len(candidates), n)
			}
			for i, c := range candidates {
				if (c.Loss == Won) != (i == 0) || i == 0 && c.Value != want {
					t.Fatalf("%s: candidate %d of %v; want %d first", a, i, candidates, want)
				}
			}
		}
	}
}

func TestAllVisitsInOrder(t *testing.T) {
	table := build(t, gold{
		{netip.MustParsePrefix("2001:db8::/32"), Static, 4}, {netip.MustParsePrefix("10.0.0.0/24"), Static, 3},
		{netip.MustParsePrefix("10.0.0.0/8"), Propagated, 9}, {netip.MustParsePrefix("10.0.0.0/8"), Static, 2}, {netip.MustParsePrefix("0.0.0.0/0"), Static, 1},
	})
	var got []int
	for p, v := range table.All() {
		got = append(got, v)
		if e, _ := table.Match(p.Addr()); e.Value != v && v > 2 {
			t.Errorf("%s: %d", p, v)
		}
	}
	if want := []int{1, 2, 3, 4}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for range table.All() {
		break // must not go on
	}
}
