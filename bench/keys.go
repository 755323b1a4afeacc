package bench

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
)

// DefaultKeys is how many addresses are looked up, in the same order by all contenders. Four million are more than a branch
// predictor learns, and 16 MB of IPv4 addresses leave no cache to the table that it would not have in a router.
const DefaultKeys = 4 << 20

// Keys are the addresses that are looked up, all of one family.
type Keys struct {
	Name string
	Note string // what must be known of them to judge a result
	few  bool   // they repeat so few addresses that a warning is due
	V4   []uint32
	V6   []Address6

	addrs     []netip.Addr // made when somebody asks
	makeAddrs sync.Once
}

// Len is how many there are.
func (k *Keys) Len() int { return max(len(k.V4), len(k.V6)) }

// Addrs returns the keys as package netip has them, for contenders that take nothing else.
func (k *Keys) Addrs() []netip.Addr {
	k.makeAddrs.Do(func() {
		k.addrs = make([]netip.Addr, k.Len())
		for i, a := range k.V4 {
			k.addrs[i] = addr4(a)
		}
		for i, a := range k.V6 {
			k.addrs[i] = addr6(a)
		}
	})
	return k.addrs
}

// add appends an address of the keys' family.
func (k *Keys) add(a netip.Addr) {
	if a.Is4() {
		k.V4 = append(k.V4, number4(a))
	} else {
		k.V6 = append(k.V6, number6(a))
	}
}

// tracePrefix is how a trace is asked for among key sets: trace:FILE.
const tracePrefix = "trace:"

// KeySets returns the names that a plan may have. [NewKeys] draws all of them but a trace, which comes from a file.
func KeySets() []string {
	return []string{"in-table", "uniform", "zipf", "fixed", tracePrefix + "FILE"}
}

// checkKeySet says what is wrong with the name of a key set, a trace's file among it.
func checkKeySet(name string) error {
	if file, ok := strings.CutPrefix(name, tracePrefix); ok {
		_, err := os.Stat(file)
		return err
	}
	if !slices.Contains(KeySets(), name) {
		return fmt.Errorf("no key set %q; there are %s", name, strings.Join(KeySets(), ", "))
	}
	return nil
}

// NewKeys draws n keys for a table of one family. It knows no traces: [Run] reads those before anything is measured.
func NewKeys(name string, t Table, n int, seed uint64) (*Keys, error) {
	if len(t.Routes) == 0 {
		return nil, fmt.Errorf("table %s: it has no routes to look up", t.Name)
	}
	k := &Keys{Name: name}
	draw, err := k.drawer(name, t, rand.New(rand.NewPCG(seed, 1)))
	if err != nil {
		return nil, err
	}
	for range n {
		k.add(draw())
	}
	return k, nil
}

// zipfExponent is the skew of popularity among prefixes: what measurements of traffic by prefix find is close to 1, which the
// generator must be above.
const zipfExponent = 1.1

// drawer returns what draws the next key of a set.
func (k *Keys) drawer(name string, t Table, rng *rand.Rand) (func() netip.Addr, error) {
	pick := func(i int) netip.Addr { return randomIn(rng, t.Routes[i].Prefix) }
	switch name {
	case "in-table":
		k.Note = "a random address of a random prefix of the table"
		return func() netip.Addr { return pick(rng.IntN(len(t.Routes))) }, nil
	case "uniform":
		k.Note = "any address is as likely"
		everywhere := netip.MustParsePrefix("0.0.0.0/0")
		if t.is6() {
			k.Note = "any address of 2000::/3 is as likely"
			everywhere = netip.MustParsePrefix("2000::/3")
		}
		return func() netip.Addr { return randomIn(rng, everywhere) }, nil
	case "zipf":
		k.Note = fmt.Sprintf("a random address of a prefix drawn by a Zipf distribution with exponent %g", zipfExponent)
		rank := rng.Perm(len(t.Routes))
		zipf := rand.NewZipf(rng, zipfExponent, 1, uint64(len(rank)-1))
		return func() netip.Addr { return pick(rank[zipf.Uint64()]) }, nil
	case "fixed":
		k.Note = "a trap: one address over and over, for which a processor need not read the table"
		only := pick(rng.IntN(len(t.Routes)))
		return func() netip.Addr { return only }, nil
	}
	return nil, checkKeySet(name)
}
