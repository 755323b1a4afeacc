package conntrack

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"vpcsim/dataplane/packet"
)

func TestPacketsDoNotAllocate(t *testing.T) {
	for name, p := range map[string]*packet.Packet{
		"IPv4": outward(packet.TCP, packet.SYN, 1000, 1),
		"IPv6": {Src: local6, Dst: remote6, SrcPort: 1000, DstPort: 80, Protocol: packet.TCP, TCPFlags: packet.SYN, Time: 1},
	} {
		t.Run(name, func(t *testing.T) {
			table := New(Config{Capacity: 500})
			port := uint16(0)
			next := func() { port++; p.SrcPort = port }
			for range 5000 { // so that every shard has had its share of them
				next()
				pass(table, p, true)
			}
			for what, act := range map[string]func(){
				"a hit":                      func() { pass(table, p, true) },
				"a new flow in a full table": func() { next(); pass(table, p, true) },
				"a flow deleted and made again": func() {
					h := table.Acquire(1, p, true)
					h.Delete()
					h.Open(p, true, Timeouts{})
					h.Release()
				},
				"expiry": func() { p.Time += sec; table.Expire(p.Time) },
			} {
				if n := testing.AllocsPerRun(1000, act); n != 0 {
					t.Errorf("%s: %v allocations", what, n)
				}
			}
		})
	}
}

// packets returns n packets of as many flows in random order.
func packets(n int, v6 bool) []packet.Packet {
	all := make([]packet.Packet, n)
	for i, at := range rand.Perm(n) {
		all[at] = *connection(i)
		if v6 {
			all[at].Src, all[at].Dst = local6, remote6
		}
	}
	return all
}

// BenchmarkHit passes packets of flows in random order.
func BenchmarkHit(b *testing.B) {
	for _, n := range []int{1000, 100_000, 1_000_000} {
		for _, v6 := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d/v6=%v", n, v6), func(b *testing.B) {
				table, all := New(Config{Capacity: n}), packets(n, v6)
				for i := range all {
					pass(table, &all[i], true)
				}
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					p := &all[i]
					h := table.Acquire(1, p, true)
					f := h.Flow(2)
					if f == nil {
						b.Fatal("lost")
					}
					h.See(f, p, true)
					h.Release()
					if i++; i == n {
						i = 0
					}
				}
			})
		}
	}
}

// BenchmarkOpen makes flows of random ports in a full table, each in the place of the oldest.
func BenchmarkOpen(b *testing.B) {
	for _, n := range []int{1000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			table, p := New(Config{Capacity: n}), outward(packet.TCP, packet.SYN, 0, 1)
			open := func() {
				r := rand.Uint32()
				p.SrcPort, p.DstPort = uint16(r), uint16(r>>16)
				pass(table, p, true)
			}
			for table.Len() < n {
				open()
			}
			b.ReportAllocs()
			for b.Loop() {
				open()
			}
		})
	}
}

// BenchmarkRefuse is a flood at a table full of connections.
func BenchmarkRefuse(b *testing.B) {
	table, p := New(Config{Capacity: 10_000}), outward(packet.TCP, packet.SYN, 0, 1)
	establish(b, table, 10_000)
	p.Src = local.Next()
	for b.Loop() {
		r := rand.Uint32()
		p.SrcPort, p.DstPort = uint16(r), uint16(r>>16)
		if pass(table, p, true) {
			b.Fatal("opened")
		}
	}
}

// BenchmarkExpire looks after a million idle connections once a second.
func BenchmarkExpire(b *testing.B) {
	table, all := New(Config{Capacity: 1_000_000}), packets(1_000_000, false)
	for i := range all {
		pass(table, &all[i], true)
	}
	now := int64(1)
	b.ReportAllocs()
	for b.Loop() {
		now += sec / 1000
		table.Expire(now)
	}
}

// BenchmarkGC collects garbage with a million flows, and without, and reports what a flow takes.
func BenchmarkGC(b *testing.B) {
	for _, n := range []int{0, 1_000_000} {
		for _, v6 := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d/v6=%v", n, v6), func(b *testing.B) {
				before := heap()
				table := New(Config{Capacity: n + 1})
				for i := range n {
					p := connection(i)
					if v6 {
						p.Src, p.Dst = local6, remote6
					}
					pass(table, p, true)
				}
				perFlow := float64(heap()-before) / float64(max(n, 1))
				best := time.Hour
				for b.Loop() {
					start := time.Now()
					runtime.GC()
					best = min(best, time.Since(start))
				}
				b.ReportMetric(float64(best.Microseconds()), "best-µs")
				if n > 0 {
					b.ReportMetric(perFlow, "B/flow")
				}
				runtime.KeepAlive(table)
			})
		}
	}
}
