package nat

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

// BenchmarkTrackedAndTranslated is all the state that a packet through a NAT gateway meets: the connection at the instance's interface
// and the session at the gateway, in the order of its direction, of random connections. Making the packets is not timed. What the
// machine takes for one lock and for one read from so much memory is reported beside it: there are two locks in each packet's way,
// and four such reads.
func BenchmarkTrackedAndTranslated(b *testing.B) {
	for _, n := range []int{1000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			g, out, in, remotes := filled(b, n)
			table := conntrack.New(conntrack.Config{Capacity: n})
			track := func(p *packet.Packet, outbound bool) {
				p.Time = int64(time.Hour)
				held := table.Acquire(1, p, outbound)
				f := held.Flow(p.Time)
				if f == nil {
					f = held.Open(p, outbound, conntrack.Timeouts{})
				}
				held.See(f, p, outbound)
				held.Release()
			}
			build := func(p *packet.Packet, i int) (outbound bool) {
				from, to := out[i], remotes[i]
				if outbound = i&1 == 0; !outbound {
					from, to = remotes[i], in[i]
				}
				packet.BuildTCP(p, from, to, packet.ACK, 1, 2, nil)
				p.Time = int64(time.Hour)
				return outbound
			}
			const batch = 32 // as a worker's
			var packets [batch]*packet.Packet
			var directions [batch]bool
			for i := range packets {
				packets[i] = packet.New(64)
			}
			for i := range n { // the gateway has seen the handshake already
				p := packets[0]
				for _, flags := range []uint8{packet.SYN, packet.SYN | packet.ACK, packet.ACK} {
					if outbound := flags != packet.SYN|packet.ACK; outbound {
						packet.BuildTCP(p, out[i], remotes[i], flags, 1, 2, nil)
						track(p, true)
					} else {
						packet.BuildTCP(p, remotes[i], out[i], flags, 1, 2, nil)
						track(p, false)
					}
				}
			}
			var spent time.Duration
			b.ResetTimer()
			for done := 0; done < b.N; done += batch {
				for i, p := range packets {
					directions[i] = build(p, rand.IntN(n))
				}
				start := time.Now()
				lookAhead(table, g, packets[:], directions[:])
				for i, p := range packets {
					if directions[i] {
						track(p, true)
					}
					if g.Cross(p) != drop.None {
						b.Fatal("refused")
					}
					if !directions[i] {
						track(p, false)
					}
				}
				spent += time.Since(start)
			}
			b.ReportMetric(float64(spent.Nanoseconds())/float64((b.N+batch-1)/batch*batch), "ns/packet")
			b.ReportMetric(lockTime(), "ns/lock")
			b.ReportMetric(missTime(n), "ns/read")
		})
	}
}

// lookAhead asks for the memory of a batch as a worker of the dataplane does (dataplane/ahead.go), if there is enough of it.
func lookAhead(table *conntrack.Table, g *Gateway, packets []*packet.Packet, outbound []bool) {
	if !table.IsBig() {
		return
	}
	var flows [64]conntrack.Ahead
	var sessions [64]uint64
	for i, p := range packets {
		if outbound[i] {
			flows[i] = table.Ahead(1, p, true)
		}
		sessions[i] = g.Ahead(p, p.Dst)
	}
	for i := range packets {
		flows[i].Fetch()
		g.Fetch(sessions[i])
	}
	for i, p := range packets {
		if to, ok := g.Inside(sessions[i]); ok {
			flows[i] = table.AheadTuple(conntrack.Tuple{Local: to, Remote: source(p), Zone: 1, Protocol: p.Protocol})
		}
	}
	for i := range packets {
		if !outbound[i] {
			flows[i].Fetch()
		}
	}
}

// lockTime is how many nanoseconds a mutex takes that nobody else has.
func lockTime() float64 {
	const rounds = 100_000
	var mu sync.Mutex
	n, start := 0, time.Now()
	for range rounds {
		mu.Lock()
		n++
		mu.Unlock()
	}
	return float64(time.Since(start).Nanoseconds()) / rounds
}

// missTime is how many nanoseconds a read takes whose address depends on the one before, at random in as many pairs of cache lines as
// there are sessions.
func missTime(sessions int) float64 {
	const rounds = 100_000
	lines := make([][16]uint64, sessions)
	for i := range lines {
		lines[i][0] = rand.Uint64N(uint64(sessions))
	}
	at, start := uint64(0), time.Now()
	for i := range uint64(rounds) {
		at = (lines[at][0] + i) % uint64(sessions)
	}
	spent := time.Since(start)
	runtime.KeepAlive(at)
	return float64(spent.Nanoseconds()) / rounds
}
