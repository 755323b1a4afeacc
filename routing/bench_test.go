package routing

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
)

// The keys of benchmarks: so many that neither caches nor branch predictors learn them, drawn from the table's own prefixes.
const benchKeys = 1 << 22

func inTable4(g gold) []uint32 {
	rng, keys := rand.New(rand.NewPCG(1, 41)), make([]uint32, benchKeys)
	var routes gold
	for _, e := range g {
		if e.Prefix.Addr().Is4() {
			routes = append(routes, e)
		}
	}
	for i := range keys {
		p := routes[rng.IntN(len(routes))].Prefix
		keys[i] = uint32(number(p.Masked().Addr()).Lo) | uint32(rng.Uint64()&(1<<(32-p.Bits())-1))
	}
	return keys
}

func inTable6(g gold) []Address6 {
	rng, keys := rand.New(rand.NewPCG(1, 42)), make([]Address6, benchKeys/4)
	for i := range keys {
		p := g[rng.IntN(len(g))].Prefix
		a, host := number(p.Masked().Addr()), 128-p.Bits()
		a.Lo |= rng.Uint64() & (1<<min(host, 64) - 1)
		a.Hi |= rng.Uint64() & (1<<max(host-64, 0) - 1)
		keys[i] = a
	}
	return keys
}

// s3Table is the table of a private subnet with an S3 endpoint in us-east-1: 30 routes.
func s3Table() (g gold) {
	for i, text := range []string{
		"169.254.168.0/22", "169.254.169.253/32", "10.0.0.2/32", "10.0.0.0/16", "0.0.0.0/0", "10.1.0.0/16", "10.2.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
		"1.178.4.0/24", "1.178.5.0/24", "1.178.6.0/24", "3.2.64.0/24", "3.2.65.0/24", "3.2.74.0/24", "3.5.0.0/19", "16.15.156.0/22", "16.15.160.0/22",
		"16.15.164.0/22", "16.15.168.0/22", "16.15.172.0/22", "16.15.176.0/20", "16.15.192.0/18", "16.182.0.0/16", "18.34.0.0/19", "18.34.232.0/21",
		"44.192.134.240/28", "44.192.140.64/28", "52.216.0.0/15", "54.231.0.0/16",
	} {
		g = append(g, Entry[int]{netip.MustParsePrefix(text), Static, i + 1})
	}
	return g
}

// BenchmarkLookup4 reports the time of one lookup. What is looked up is used, so that no compiler leaves it out.
func BenchmarkLookup4(b *testing.B) {
	for name, g := range map[string]gold{
		"s3-30": s3Table(), "vpc-10": vpc(10), "vpc-120": vpc(120), "vpc-1000": vpc(1000), "internet": internet4(900_000, 200), "internet-unique": internet4(900_000, 1<<30),
	} {
		table, keys := build(b, g), inTable4(g)
		v4, _ := table.Structure()
		var used Answer
		b.Run(name+"/single", func(b *testing.B) {
			b.ReportAllocs()
			for i := range b.N {
				used += table.Answer4(keys[i&(benchKeys-1)])
			}
		})
		b.Run(name+"/netip", func(b *testing.B) {
			addrs := make([]netip.Addr, benchKeys)
			for i, k := range keys {
				addrs[i] = addr4(k)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				v, _ := table.Lookup(addrs[i&(benchKeys-1)])
				used += Answer(v)
			}
		})
		for _, size := range []int{32, 256} {
			b.Run(fmt.Sprintf("%s/batch-%d/%s", name, size, v4), func(b *testing.B) {
				b.ReportAllocs()
				answers := make([]Answer, size)
				for i := 0; i < b.N; i += size {
					at := i & (benchKeys - 1)
					table.LookupBatch4(keys[at:at+size], answers)
					used += answers[0]
				}
			})
		}
		b.Logf("%d routes, %.2f bytes each, used %d", len(g), float64(table.Memory())/float64(len(g)), used)
	}
}

func BenchmarkLookup6(b *testing.B) {
	g := internet6(160_000, 200)
	table, keys := build(b, g), inTable6(g)
	var used Answer
	b.Run("single", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			k := keys[i&(len(keys)-1)]
			used += table.Answer6(k.Hi, k.Lo)
		}
	})
	b.Run("batch-256", func(b *testing.B) {
		answers := make([]Answer, 256)
		for i := 0; i < b.N; i += 256 {
			at := i & (len(keys) - 1)
			table.LookupBatch6(keys[at:at+256], answers)
			used += answers[0]
		}
	})
	b.Logf("%d routes, %.2f bytes each, used %d", len(g), float64(table.Memory())/float64(len(g)), used)
}

func BenchmarkBuild(b *testing.B) {
	for name, g := range map[string]gold{"vpc-10": vpc(10), "vpc-1000": vpc(1000), "internet": internet4(900_000, 200)} {
		sorted := build(b, g).Entries()
		for order, entries := range map[string][]Entry[int]{"as announced": g, "in order": sorted} {
			b.Run(name+"/"+order, func(b *testing.B) {
				var builder Builder[int]
				for _, e := range entries {
					builder.Add(e.Prefix, e.Origin, e.Value)
				}
				b.ResetTimer()
				for b.Loop() {
					if _, err := builder.Build(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkLiveUpdate changes a full table one route at a time: another next hop, gone, back.
func BenchmarkLiveUpdate(b *testing.B) {
	g := internet4(900_000, 200)
	live, err := NewLive(g)
	if err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	b.ReportAllocs()
	for b.Loop() {
		e := g[rng.IntN(len(g))]
		e.Value = 1 + rng.IntN(200)
		if rng.IntN(3) == 0 {
			err = live.Update(nil, []netip.Prefix{e.Prefix})
		} else {
			err = live.Update([]Entry[int]{e}, nil)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
