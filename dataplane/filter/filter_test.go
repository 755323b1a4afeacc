package filter

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/packet"
)

// random returns bytes to draw from, other ones for each seed and the same for the same.
func random(seed uint64) *drawing {
	b := make([]byte, 1200)
	source := rand.NewPCG(seed, 2)
	for i := range b {
		b[i] = byte(source.Uint64())
	}
	return &drawing{b}
}

// checkNetworkACL draws a network ACL and packets, and compares with the gold model.
func checkNetworkACL(t *testing.T, d *drawing, packets int) {
	ingress, egress := d.rules(12), d.rules(12)
	acl := NewNetworkACL("acl-1", ingress, egress)
	for range packets {
		p := d.packet(t)
		allowed, entry := acl.Ingress(p)
		if wantAllowed, want := goldEntry(ingress, p, p.Src); allowed != wantAllowed || entry != want {
			t.Fatalf("ingress: %v by %d, want %v by %d\n%+v\n%+v", allowed, entry, wantAllowed, want, p, ingress)
		}
		allowed, entry = acl.Egress(p)
		if wantAllowed, want := goldEntry(egress, p, p.Dst); allowed != wantAllowed || entry != want {
			t.Fatalf("egress: %v by %d, want %v by %d\n%+v\n%+v", allowed, entry, wantAllowed, want, p, egress)
		}
	}
}

// checkSecurityGroups is checkNetworkACL for security groups.
func checkSecurityGroups(t *testing.T, d *drawing, packets int) {
	ingress, egress := d.rules(12), d.rules(12)
	groups := NewSecurityGroups(ingress, egress)
	if d.below(2) == 0 { // the same rules in several groups
		i, j := d.below(len(ingress)+1), d.below(len(egress)+1)
		groups = Union([]*SecurityGroups{NewSecurityGroups(ingress[:i], egress[:j]), NewSecurityGroups(nil, nil), NewSecurityGroups(ingress[i:], egress[j:])})
	}
	for range packets {
		p := d.packet(t)
		v, rule := groups.Ingress(p)
		if wantV, want := goldVerdict(ingress, egress, p, p.Src); v != wantV || rule != want {
			t.Fatalf("ingress: %v by %d, want %v by %d\n%+v\n%+v\n%+v", v, rule, wantV, want, p, ingress, egress)
		}
		v, rule = groups.Egress(p)
		if wantV, want := goldVerdict(egress, ingress, p, p.Dst); v != wantV || rule != want {
			t.Fatalf("egress: %v by %d, want %v by %d\n%+v\n%+v\n%+v", v, rule, wantV, want, p, ingress, egress)
		}
	}
}

func TestNetworkACLAgreesWithTheGoldModel(t *testing.T) {
	for seed := range uint64(5000) {
		checkNetworkACL(t, random(seed), 12)
	}
}

func TestSecurityGroupsAgreeWithTheGoldModel(t *testing.T) {
	for seed := range uint64(5000) {
		checkSecurityGroups(t, random(seed), 12)
	}
}

// seeds are no bytes, random ones, and zeros and ones alone, of which the first and the last of every choice is drawn.
func seeds(f *testing.F) {
	f.Add([]byte{})
	for seed := range uint64(8) {
		f.Add(random(seed).bytes[:300])
	}
	ones := make([]byte, 200)
	f.Add(make([]byte, 200))
	for i := range ones {
		ones[i] = 255
	}
	f.Add(ones)
}

func FuzzNetworkACL(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) { checkNetworkACL(t, &drawing{b}, 2) })
}

func FuzzSecurityGroups(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) { checkSecurityGroups(t, &drawing{b}, 2) })
}

// TestRulesHaveNoOrder: the verdict is that of the rules as a set (aws-semantics 6.1), tracking included.
func TestRulesHaveNoOrder(t *testing.T) {
	for seed := range uint64(5000) {
		d, shuffle := random(seed), rand.New(rand.NewPCG(seed, 3))
		ingress, egress := d.rules(12), d.rules(12)
		groups := NewSecurityGroups(ingress, egress)
		shuffle.Shuffle(len(ingress), func(i, j int) { ingress[i], ingress[j] = ingress[j], ingress[i] })
		shuffle.Shuffle(len(egress), func(i, j int) { egress[i], egress[j] = egress[j], egress[i] })
		shuffled := NewSecurityGroups(ingress, egress)
		for range 8 {
			p := d.packet(t)
			in, _ := groups.Ingress(p)
			out, _ := groups.Egress(p)
			if got, _ := shuffled.Ingress(p); got != in {
				t.Fatalf("seed %d: ingress %v, shuffled %v", seed, in, got)
			}
			if got, _ := shuffled.Egress(p); got != out {
				t.Fatalf("seed %d: egress %v, shuffled %v", seed, out, got)
			}
		}
	}
}

// TestPeers compares sets of up to some thousands of prefixes with the prefixes themselves, at the addresses where the
// answer can change.
func TestPeers(t *testing.T) {
	source := rand.New(rand.NewPCG(4, 4))
	for _, size := range []int{1, 2, 3, 10, 100, 5000} {
		for _, f := range []family{ipv4, ipv6} {
			prefixes := scattered(source, f, size)
			set, some := newPeers(prefixes, f)
			require.True(t, some)
			for i := range min(size, 200) {
				for _, a := range around(prefixes[i]) {
					if got, want := contains(&set, addressOf(a)), containedIn(prefixes, a); got != want {
						t.Fatalf("%d prefixes: %s is in the set: %v, want %v", size, a, got, want)
					}
				}
			}
		}
	}
}

// scattered returns prefixes of all lengths, most of them long and near each other.
func scattered(source *rand.Rand, f family, n int) (prefixes []netip.Prefix) {
	for range n {
		b := netip.MustParseAddr("10.20.0.0").AsSlice()
		if f == ipv6 {
			b = netip.MustParseAddr("2001:db8::").AsSlice()
		}
		b[len(b)-1], b[len(b)-2] = byte(source.Uint32()), byte(source.Uint32())
		if f == ipv6 && source.IntN(2) == 0 {
			b[7] = byte(source.Uint32())
		}
		a, _ := netip.AddrFromSlice(b)
		length := a.BitLen() - min(source.IntN(10), source.IntN(10))
		if source.IntN(50) == 0 {
			length = 12 + source.IntN(a.BitLen()-11)
		}
		prefixes = append(prefixes, netip.PrefixFrom(a, length).Masked())
	}
	return prefixes
}

// around returns the ends of a prefix and their neighbours.
func around(p netip.Prefix) (all []netip.Addr) {
	b := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	last, _ := netip.AddrFromSlice(b)
	for _, a := range []netip.Addr{p.Masked().Addr(), p.Masked().Addr().Prev(), last, last.Next()} {
		if a.IsValid() {
			all = append(all, a)
		}
	}
	return all
}

func contains(s *peers, a address) bool { return s.mayContain(a) && (s.ranges == nil || s.search(a)) }

func containedIn(prefixes []netip.Prefix, a netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func TestPeersAreOnePrefixWhereTheyCan(t *testing.T) {
	for name, row := range map[string]struct {
		prefixes []string
		ranges   int // 0 where one comparison tells
	}{
		"one prefix":                             {[]string{"10.0.0.0/16"}, 0},
		"one prefix with bits beyond its length": {[]string{"10.0.0.1/16"}, 0},
		"a prefix and one inside of it":          {[]string{"10.0.4.0/24", "10.0.0.0/16"}, 0},
		"two halves":                             {[]string{"0.0.0.0/1", "128.0.0.0/1"}, 0},
		"two neighbours that make no prefix":     {[]string{"10.0.1.0/24", "10.0.2.0/24"}, 1},
		"two far apart":                          {[]string{"10.0.0.0/8", "192.168.0.0/16"}, 2},
		"the other family is left out":           {[]string{"10.0.0.0/8", "::/0"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var prefixes []netip.Prefix
			for _, p := range row.prefixes {
				prefixes = append(prefixes, netip.MustParsePrefix(p))
			}
			set, some := newPeers(prefixes, ipv4)
			if !some || len(set.ranges) != row.ranges {
				t.Errorf("%d ranges, want %d", len(set.ranges), row.ranges)
			}
		})
	}
}

func TestFiltersDoNotAllocate(t *testing.T) {
	d := random(1)
	ingress, egress := d.rules(12), d.rules(12)
	groups, acl := NewSecurityGroups(ingress, egress), NewNetworkACL("acl-1", ingress, egress)
	packets := []*packet.Packet{d.packet(t), d.packet(t), d.packet(t), d.packet(t)}
	got := testing.AllocsPerRun(100, func() {
		for _, p := range packets {
			groups.Ingress(p)
			groups.Egress(p)
			acl.Ingress(p)
			acl.Egress(p)
		}
	})
	if got != 0 {
		t.Errorf("%v allocations", got)
	}
}
