package nat

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

// BenchmarkTrackedAndTranslated is all the state that a packet through a NAT gateway meets: the connection at the instance's interface
// and the session at the gateway, in the order of its direction, of random connections. Making the packets is not timed.
func BenchmarkTrackedAndTranslated(b *testing.B) {
	for _, n := range []int{1000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			g, out, in, remotes := filled(b, n)
			table := conntrack.New(conntrack.Config{Capacity: n})
			track := func(p *packet.Packet, outbound bool) {
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
			const batch = 64
			var packets [batch]*packet.Packet
			var directions [batch]bool
			for i := range packets {
				packets[i] = packet.New(64)
			}
			for i := range n {
				packet.BuildTCP(packets[0], out[i], remotes[i], packet.ACK, 1, 2, nil)
				packets[0].Time = int64(time.Hour)
				track(packets[0], true)
			}
			var spent time.Duration
			b.ResetTimer()
			for done := 0; done < b.N; done += batch {
				for i, p := range packets {
					directions[i] = build(p, rand.IntN(n))
				}
				start := time.Now()
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
		})
	}
}
