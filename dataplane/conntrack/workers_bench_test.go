package conntrack

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"vpcsim/dataplane/packet"
)

// BenchmarkWorkers compares ways in which two workers may share flows: a table with locked shards, which is what there is; a table for each, as if
// every packet came to the worker that has its flow; and a table for each, to which packets that came to the other one are handed over in batches.
// Each round gives every way a turn, and the metrics are millions of packets a second of all workers together.
func BenchmarkWorkers(b *testing.B) {
	for _, n := range []int{1000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := newWorkers(n)
			spent := map[string]time.Duration{}
			for b.Loop() {
				for _, way := range []struct {
					name string
					turn func()
				}{
					{"alone", func() { w.hit(w.shared, w.all[0]); w.hit(w.shared, w.all[1]) }},
					{"locked-shards", func() { both(func(i int) { w.hit(w.shared, w.all[i]) }) }},
					{"a-table-each", func() { both(func(i int) { w.hit(w.own[i], w.of[i]) }) }},
					{"handed-over", w.handOver},
				} {
					began := time.Now()
					way.turn()
					spent[way.name] += time.Since(began)
				}
			}
			for name, d := range spent {
				b.ReportMetric(float64(b.N*2*turn)/d.Seconds()/1e6, "M/s-"+name)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

const (
	turn     = 1 << 19 // packets of each worker
	handedOf = 64      // packets in a batch that is handed over
)

// workers is two of them, with the packets that come to each (all), and those of the flows of each (of).
type workers struct {
	shared  *Table
	own     [2]*Table
	all, of [2][]*packet.Packet
}

func newWorkers(flows int) *workers {
	w := &workers{shared: New(Config{Capacity: flows})}
	for i := range w.own {
		w.own[i] = New(Config{Capacity: flows})
	}
	packets := packets(flows, false)
	for i := range 2 * turn {
		p := &packets[i%flows]
		at := i % flows % 2 // as random as the packets are
		w.of[at] = append(w.of[at], p)
		w.all[i/turn] = append(w.all[i/turn], p)
	}
	for i := range packets {
		pass(w.shared, &packets[i], true)
		pass(w.own[i%2], &packets[i], true)
	}
	return w
}

// hit passes packets of flows that are there.
func (w *workers) hit(t *Table, packets []*packet.Packet) {
	for _, p := range packets {
		h := t.Acquire(1, p, true)
		f := h.Flow(2)
		if f == nil {
			panic("lost")
		}
		h.See(f, p, true)
		h.Release()
	}
}

// handOver has both workers read what comes to them, and hand over what is the other's.
func (w *workers) handOver() {
	var to [2]chan []*packet.Packet
	for i := range to {
		to[i] = make(chan []*packet.Packet, 2*turn/handedOf)
	}
	both(func(i int) {
		mine, others := make([]*packet.Packet, 0, handedOf), make([]*packet.Packet, 0, handedOf)
		flush := func(batch *[]*packet.Packet, give func([]*packet.Packet)) {
			if len(*batch) == handedOf {
				give(*batch)
				*batch = (*batch)[:0]
			}
		}
		for at, p := range w.all[i] {
			if at%2 == i { // newWorkers deals them out in turns
				mine = append(mine, p)
			} else {
				others = append(others, p)
			}
			flush(&mine, func(batch []*packet.Packet) { w.hit(w.own[i], batch) })
			flush(&others, func(batch []*packet.Packet) {
				to[1-i] <- append([]*packet.Packet(nil), batch...)
				select {
				case given := <-to[i]:
					w.hit(w.own[i], given)
				default:
				}
			})
		}
		close(to[1-i])
		for given := range to[i] {
			w.hit(w.own[i], given)
		}
	})
}

// both runs f for both workers at once.
func both(f func(i int)) {
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}
