package conntrack

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"vpcsim/dataplane/index"
	"vpcsim/dataplane/packet"
)

// BenchmarkWorkers compares ways in which two workers may share flows: a table with locked shards, which is what there is; one with a sequence lock
// per shard (see seqTable), in which each hit writes its time, or only one that is more than a millisecond later than what is there; a table
// for each, as if every packet came to the worker that has its flow; and a table for each, to which packets that came to the other one are
// handed over in batches. Packets are hits; or each is the first of a connection, whose flow is removed before, so that it is looked up in
// vain and all of it is writing. Each round gives every way a turn, and the metrics are millions of packets a second of all workers together.
func BenchmarkWorkers(b *testing.B) {
	for _, n := range []int{1000, 1_000_000} {
		w := newWorkers(n)
		b.Run(fmt.Sprintf("%d/hits", n), func(b *testing.B) { w.compare(b, work{hit, seqHit}) })
		b.Run(fmt.Sprintf("%d/first", n), func(b *testing.B) { w.compare(b, work{first, seqFirst}) })
	}
}

func (w *workers) compare(b *testing.B, do work) {
	seq := func(coarse time.Duration) func() {
		return func() {
			w.seq.coarse = int64(coarse)
			both(func(i int) { w.inBatches(w.all[i], func(batch []*packet.Packet) { do.seq(w.seq, batch) }) })
		}
	}
	table := func(t *Table, packets []*packet.Packet) {
		w.inBatches(packets, func(batch []*packet.Packet) { do.table(t, batch) })
	}
	ways := []struct {
		name string
		turn func()
	}{
		{"alone", func() { table(w.shared, w.all[0]); table(w.shared, w.all[1]) }},
		{"locked-shards", func() { both(func(i int) { table(w.shared, w.all[i]) }) }},
		{"seqlock", seq(0)},
		{"seqlock-ms", seq(time.Millisecond)},
		{"handed-over", func() { w.handOver(do.table) }},
		{"a-table-each", func() { both(func(i int) { table(w.own[i], w.of[i]) }) }},
	}
	spent := make([]time.Duration, len(ways))
	for b.Loop() {
		for i := range ways {
			began := time.Now()
			ways[i].turn()
			spent[i] += time.Since(began)
		}
	}
	for i, d := range spent {
		b.ReportMetric(float64(b.N*2*turn)/d.Seconds()/1e6, "M/s-"+ways[i].name)
	}
	b.ReportMetric(0, "ns/op")
}

const (
	turn    = 1 << 19 // packets of each worker
	batchOf = 64      // packets that are read at once, and as many that are handed over
)

// work is what is done with packets, with either kind of table.
type work struct {
	table func(*Table, []*packet.Packet)
	seq   func(*seqTable, []*packet.Packet)
}

// workers is two of them, with the packets that come to each (all), and those of the flows of each (of). No two have a packet in common.
type workers struct {
	shared  *Table
	seq     *seqTable
	own     [2]*Table
	all, of [2][]*packet.Packet
	began   time.Time
}

func newWorkers(flows int) *workers {
	w := &workers{shared: New(Config{Capacity: flows}), seq: newSeqTable(flows, index.NewSeed()), began: time.Now()}
	for i := range w.own {
		w.own[i] = New(Config{Capacity: flows})
	}
	packets := packets(flows, false)
	for i := range packets {
		for range 2 { // from the third packet on nothing new is seen in a flow
			pass(w.shared, &packets[i], true)
			w.seq.pass(&glimpse{}, &packets[i], true)
			pass(w.own[i%2], &packets[i], true)
		}
	}
	copies := [2][]packet.Packet{packets, slices.Clone(packets)}
	for i := range 2 * turn {
		p := &copies[i/turn][i%flows]
		at := i % flows % 2 // as random as the packets are
		w.of[at] = append(w.of[at], p)
		w.all[i/turn] = append(w.all[i/turn], p)
	}
	return w
}

// inBatches gives packets to do, in batches that have been read at one time each.
func (w *workers) inBatches(packets []*packet.Packet, do func([]*packet.Packet)) {
	for batch := range slices.Chunk(packets, batchOf) {
		w.read(batch)
		do(batch)
	}
}

func (w *workers) read(batch []*packet.Packet) {
	now := int64(time.Since(w.began)) + 1
	for _, p := range batch {
		p.Time = now
	}
}

// hit passes packets of flows that are there.
func hit(t *Table, packets []*packet.Packet) {
	for _, p := range packets {
		h := t.Acquire(1, p, true)
		f := h.Flow(p.Time)
		if f == nil {
			panic("lost")
		}
		h.See(f, p, true)
		h.Release()
	}
}

func seqHit(t *seqTable, packets []*packet.Packet) {
	var g glimpse
	for _, p := range packets {
		if !t.look(&g, 1, p, true) {
			panic("lost")
		}
		g.see(p, true)
	}
}

// first removes the flows of packets, and passes them.
func first(t *Table, packets []*packet.Packet) {
	for _, p := range packets {
		h := t.Acquire(1, p, true)
		h.Delete()
		h.Release()
		pass(t, p, true)
	}
}

func seqFirst(t *seqTable, packets []*packet.Packet) {
	var g glimpse
	for _, p := range packets {
		t.name(&g, 1, p, true)
		g.remove()
		t.pass(&g, p, true)
	}
}

// handOver has both workers read what comes to them, and hand over what is the other's.
func (w *workers) handOver(do func(*Table, []*packet.Packet)) {
	var to [2]chan []*packet.Packet
	for i := range to {
		to[i] = make(chan []*packet.Packet, 2*turn/batchOf)
	}
	both(func(i int) {
		mine, others := make([]*packet.Packet, 0, batchOf), make([]*packet.Packet, 0, batchOf)
		flush := func(batch *[]*packet.Packet, give func([]*packet.Packet)) {
			if len(*batch) == batchOf {
				give(*batch)
				*batch = (*batch)[:0]
			}
		}
		for at, p := range w.all[i] {
			if at%batchOf == 0 {
				w.read(w.all[i][at:][:batchOf])
			}
			if at%2 == i { // newWorkers deals them out in turns
				mine = append(mine, p)
			} else {
				others = append(others, p)
			}
			flush(&mine, func(batch []*packet.Packet) { do(w.own[i], batch) })
			flush(&others, func(batch []*packet.Packet) {
				to[1-i] <- append([]*packet.Packet(nil), batch...)
				select {
				case given := <-to[i]:
					do(w.own[i], given)
				default:
				}
			})
		}
		close(to[1-i])
		for given := range to[i] {
			do(w.own[i], given)
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
