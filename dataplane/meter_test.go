package dataplane

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/packet"
)

// TestFlowsAreMeteredWhileSomebodyWatches: what a connection carries in a window is known in the next one, at both of its interfaces and in both
// directions; before, and once nobody watches, workers have no table.
func TestFlowsAreMeteredWhileSomebodyWatches(t *testing.T) {
	w := newWire(t, options{})
	pass := func() {
		w.inject("eni-app", segment(at(app, 1000), at(far, 80), packet.SYN))
		w.receive("eni-far")
		w.inject("eni-far", segment(at(far, 80), at(app, 1000), packet.SYN|packet.ACK))
		w.receive("eni-app")
		w.inject("eni-app", segment(at(app, 1000), at(far, 80), packet.ACK))
		w.receive("eni-far")
	}
	tables := func() (n int) {
		for worker := range w.router.workers {
			worker.mu.Lock()
			if worker.meter != nil {
				n++
			}
			worker.mu.Unlock()
		}
		return n
	}
	pass()
	require.Zero(t, tables())
	w.router.WatchFlows(5 * time.Second)
	pass()
	require.Empty(t, w.router.FlowRates(10), "the window has not ended")
	w.clock.Add(int64(Window))
	size := uint64(segment(at(app, 1), at(far, 1), 0).Len())
	rates := w.router.FlowRates(10)
	require.Len(t, rates, 2)
	for _, f := range rates {
		sent, received := uint64(2), uint64(1)
		if f.Interface.ID == "eni-far" {
			sent, received = 1, 2
		}
		if f.Sent != (Count{sent, sent * size}) || f.Received != (Count{received, received * size}) || f.Protocol != packet.TCP {
			t.Errorf("%s: %+v", f.Interface.ID, f)
		}
	}
	require.Len(t, w.router.FlowRates(1), 1)
	w.clock.Add(int64(Window))
	require.Empty(t, w.router.FlowRates(10), "nothing passed in the last window")
	w.clock.Add(int64(5 * time.Second))
	pass()
	require.Zero(t, tables())
}

// TestWhatCarriesMuchIsFound among ten thousand flows, of which eight carry half of the packets.
func TestWhatCarriesMuchIsFound(t *testing.T) {
	m, p, r := new(meter), segment(at(app, 1), at(far, 1), 0), rand.New(rand.NewPCG(1, 2))
	flow := func(n int) conntrack.Tuple {
		return conntrack.Tuple{Local: at(app, uint16(n)), Remote: at(netip.AddrFrom4([4]byte{52, 216, byte(n >> 8), byte(n)}), 443), Zone: 3, Protocol: packet.TCP}
	}
	for n := range 200_000 {
		p.Time = int64(n) << windowBits / 100_000
		which := 8 + r.IntN(10_000)
		if n%2 == 0 {
			which = n / 2 % 8
		}
		m.add(flow(which), p, outbound)
	}
	sums := map[conntrack.Tuple]traffic{}
	m.addTo(sums, 2)
	for n := range 8 {
		if got := sums[flow(n)].sent.Packets; got < 6000 || got > 6300 {
			t.Errorf("flow %d: %d packets, of 6250", n, got)
		}
	}
}

func TestMeteringDoesNotAllocate(t *testing.T) {
	l, w, originals := counting(t, internet, batchSize)
	l.router.WatchFlows(time.Hour)
	send := func() {
		for i, p := range w.batch {
			p.CopyFrom(originals[i])
		}
		w.process(w.batch)
	}
	send()
	require.NotNil(t, w.meter)
	if n := testing.AllocsPerRun(100, send); n != 0 {
		t.Errorf("%v allocations per batch", n)
	}
}

// BenchmarkMetering forwards by turns with and without somebody who watches.
func BenchmarkMetering(b *testing.B) {
	l, w, originals := counting(b, internet, 1024)
	round := func() (spent time.Duration) {
		for done := 0; done < len(originals); done += batchSize {
			for i, p := range w.batch {
				p.CopyFrom(originals[done+i])
			}
			start := time.Now()
			w.process(w.batch)
			spent += time.Since(start)
		}
		return spent
	}
	round()
	with, without := time.Hour, time.Hour
	b.ReportAllocs()
	for b.Loop() {
		l.router.metered.Store(1 << 62)
		with = min(with, round())
		l.router.metered.Store(0)
		without = min(without, round())
	}
	b.ReportMetric(float64(without.Nanoseconds())/float64(len(originals)), "ns/packet-unwatched")
	b.ReportMetric(float64(with.Nanoseconds())/float64(len(originals)), "ns/packet")
}
