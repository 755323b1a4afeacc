package nat

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

// filled returns a gateway with n established TCP sessions to as many remotes as there are sockets, and the packets of both directions.
func filled(b testing.TB, n int) (g *Gateway, out, in []netip.AddrPort, remotes []netip.AddrPort) {
	g = NewGateway(standard())
	p := packet.New(128)
	out, in, remotes = make([]netip.AddrPort, n), make([]netip.AddrPort, n), make([]netip.AddrPort, n)
	for i := range n {
		out[i] = at(netip.AddrFrom4([4]byte{10, 0, byte(i % 200), byte(i / 200 % 250)}), uint16(1024+i/50000))
		remotes[i] = at(netip.AddrFrom4([4]byte{203, byte(i >> 14), byte(i >> 6), byte(i)}), 443)
		packet.BuildTCP(p, out[i], remotes[i], packet.SYN, 1, 0, nil)
		p.Time = int64(time.Hour)
		if r := g.Cross(p); r != drop.None {
			b.Fatalf("session %d: %s", i, r)
		}
		in[i] = source(p)
		packet.BuildTCP(p, remotes[i], in[i], packet.SYN|packet.ACK, 1, 2, nil)
		p.Time = int64(time.Hour)
		if r := g.Cross(p); r != drop.None {
			b.Fatalf("answer %d: %s", i, r)
		}
	}
	return g, out, in, remotes
}

// BenchmarkEstablished is a packet of a session that there is, of random sessions and directions.
func BenchmarkEstablished(b *testing.B) {
	for _, n := range []int{1000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			g, out, in, remotes := filled(b, n)
			const batch = 64
			packets := make([]*packet.Packet, batch)
			for i := range packets {
				packets[i] = packet.New(64)
			}
			var crossing time.Duration // without what makes the packets
			b.ResetTimer()
			for done := 0; done < b.N; done += batch {
				for _, p := range packets {
					i := rand.IntN(n)
					from, to := out[i], remotes[i]
					if i&1 != 0 {
						from, to = remotes[i], in[i]
					}
					packet.BuildTCP(p, from, to, packet.ACK, 1, 2, nil)
					p.Time = int64(time.Hour)
				}
				start := time.Now()
				for _, p := range packets {
					if g.Cross(p) != drop.None {
						b.Fatal("refused")
					}
				}
				crossing += time.Since(start)
			}
			b.ReportMetric(float64(crossing.Nanoseconds())/float64((b.N+batch-1)/batch*batch), "ns/packet")
		})
	}
}

// BenchmarkNewSession opens sessions to random remotes beside those that there are.
func BenchmarkNewSession(b *testing.B) {
	for _, n := range []int{1000, 900_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			g, _, _, _ := filled(b, n)
			opening(b, g, n, func() netip.AddrPort {
				r := rand.Uint32()
				return at(netip.AddrFrom4([4]byte{198, byte(r >> 16), byte(r >> 8), byte(r)}), 443)
			})
		})
	}
}

// BenchmarkNewSessionNearlyFull opens sessions to one remote between 99 % and 100 % of its ports.
func BenchmarkNewSessionNearlyFull(b *testing.B) {
	opening(b, NewGateway(standard()), maxPerDestination*99/100, func() netip.AddrPort { return at(webA, 443) })
}

// opening measures new sessions. When 1 % more have been opened than n, it starts over with a gateway of n sessions.
func opening(b *testing.B, g *Gateway, n int, remote func() netip.AddrPort) {
	p := packet.New(128)
	next := 0
	open := func() drop.Reason {
		next++
		host := netip.AddrFrom4([4]byte{10, 0, byte(next >> 14 & 0x7f), byte(next)}) // never the gateway's own
		packet.BuildUDP(p, at(host, uint16(20000+next>>8&0x3f<<8+rand.IntN(256))), remote(), nil)
		p.Time = int64(time.Hour)
		return g.Cross(p)
	}
	fill := func() {
		for g.live.Load() < int64(n) {
			open()
		}
	}
	fill()
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if g.live.Load() > int64(n+max(500, n/100)) {
			b.StopTimer()
			for i := range g.shards {
				s := &g.shards[i]
				for j := range s.sessions {
					if f := &s.sessions[j]; f.state == Active && g.live.Load() > int64(n) {
						s.leave(int32(j))
						s.forget(int32(j))
					}
				}
			}
			b.StartTimer()
		}
		if why := open(); why != drop.None {
			b.Fatalf("refused: %s, with %d sessions", why, g.live.Load())
		}
	}
}

// BenchmarkMillion is a cycle of the garbage collector with a million sessions, and reports their memory, and how long a cycle
// takes without them.
func BenchmarkMillion(b *testing.B) {
	var before, after runtime.MemStats
	runtime.GC()
	start := time.Now()
	runtime.GC()
	empty := time.Since(start)
	runtime.ReadMemStats(&before)
	g, _, _, _ := filled(b, 1_000_000) // the sockets have pointers, and are not kept
	runtime.GC()
	runtime.ReadMemStats(&after)
	for b.Loop() {
		runtime.GC()
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB")
	b.ReportMetric(float64(empty.Nanoseconds()), "ns/empty")
	runtime.KeepAlive(g)
}
