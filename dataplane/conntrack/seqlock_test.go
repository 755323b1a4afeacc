package conntrack

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/packet"
)

// TestSeqTableFindsWhatTableFinds has several goroutines do the same to both tables, each with flows of its own, but all of them in one shard,
// where they take slots and buckets from each other; and all of them hit one flow that stays. The lower bits of each time are the port, so that
// who looks at a flow of another one, which may come and go meanwhile, can tell whether it is all of that flow.
func TestSeqTableFindsWhatTableFinds(t *testing.T) {
	const workers, each = 4, 4
	table := New(Config{Capacity: 5000})
	seq := newSeqTable(shards, table.seed) // of 17 slots a shard
	ports := make([]uint16, 0, 1+workers*each)
	for port := uint16(1); len(ports) < cap(ports); port++ {
		h := table.Acquire(1, outward(packet.TCP, 0, port, 0), true)
		if h.v4 == &table.v4[0] {
			ports = append(ports, port)
		}
		h.Release()
	}
	common := outward(packet.TCP, packet.ACK, ports[0], timeFor(ports[0], sec))
	require.True(t, pass(table, common, true))
	require.True(t, seq.pass(&glimpse{}, common, true))

	var wg sync.WaitGroup
	for i := range workers {
		first, rng := 1+i*each, rand.New(rand.NewPCG(1, uint64(i)))
		wg.Go(func() { actOnBoth(t, table, seq, ports, first, each, rng) })
	}
	wg.Wait()

	compare(t, table, seq, common, true)
	for _, port := range ports {
		compare(t, table, seq, outward(packet.TCP, 0, port, 1<<60), true)
	}
	require.Equal(t, int64(table.Len()), seq.room.flows.Load())
	require.Equal(t, table.room.evictable.Load(), seq.room.evictable.Load())
}

// timeFor is about now, and tells the port.
func timeFor(port uint16, now int64) int64 { return now&^0xffff | int64(port) }

// actOnBoth opens, hits and removes flows of its ports in both tables, lets some of them expire, hits the common one, and looks at all.
func actOnBoth(t *testing.T, table *Table, seq *seqTable, ports []uint16, first, n int, rng *rand.Rand) {
	flags := []uint8{packet.SYN, packet.SYN | packet.ACK, packet.ACK, packet.ACK, packet.ACK | packet.FIN, packet.RST}
	now := sec
	var g glimpse
	for range 4_000 {
		if t.Failed() {
			return
		}
		now += rng.Int64N(4 * sec)
		port, out := ports[first+rng.IntN(n)], rng.IntN(2) == 0
		p := outward(packet.TCP, flags[rng.IntN(len(flags))], port, timeFor(port, now))
		if !out {
			p = turned(p)
		}
		if rng.IntN(8) == 0 {
			h := table.Acquire(1, p, out)
			h.Delete()
			h.Release()
			seq.name(&g, 1, p, out)
			g.remove()
		} else if pass(table, p, out) != seq.pass(&g, p, out) {
			t.Error("only one of them has room")
		}
		compare(t, table, seq, p, out)
		for _, port := range ports {
			if f := &g.flow; seq.look(&g, 1, outward(packet.TCP, 0, port, 0), true) && (uint16(f.Opened) != port || uint16(f.LastSeen) != port) {
				t.Errorf("found %+v for port %d", *f, port)
			}
			p = outward(packet.TCP, packet.ACK, ports[0], timeFor(ports[0], now))
			if !pass(table, p, true) || !seq.pass(&g, p, true) || !seq.look(&g, 1, p, true) || g.flow.LastSeen < p.Time {
				t.Error("the common flow is lost, or its time has gone back")
			}
			now += 1 << 16
		}
	}
}

func compare(t *testing.T, table *Table, seq *seqTable, p *packet.Packet, outbound bool) {
	t.Helper()
	var g glimpse
	found := seq.look(&g, 1, p, outbound)
	h := table.Acquire(1, p, outbound)
	defer h.Release()
	switch f := h.Flow(p.Time); {
	case found != (f != nil):
		t.Errorf("found: %v, in the table: %v", found, f != nil)
	case found && g.flow != *f:
		t.Errorf("found %+v, in the table it is %+v", g.flow, *f)
	}
}

// TestTimesGoToTheFlowThatWasLookedUp has something happen between the two steps of a packet that is read at 5.
func TestTimesGoToTheFlowThatWasLookedUp(t *testing.T) {
	at := func(port uint16, now int64) *packet.Packet { return outward(packet.TCP, packet.ACK, port, now) }
	for name, row := range map[string]struct {
		passes int64 // when another packet of the flow is read
		reuse  bool  // the flow goes, and another gets its slot
		want   int64
	}{
		"nothing happens":                         {0, false, 5},
		"another packet, read later, is faster":   {6, false, 6},
		"another packet, read earlier, is faster": {4, false, 5},
		"another flow has its slot":               {4, true, 4},
		"another flow, read later, has its slot":  {6, true, 6},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSeqTable(1, New(Config{}).seed) // of one slot a shard
			var g, other glimpse
			for now := range int64(3) { // from the third packet on only times change
				require.True(t, s.pass(&g, at(1, now+1), true))
			}
			require.True(t, s.look(&g, 1, at(1, 5), true))
			port := uint16(1)
			if row.reuse {
				s.name(&other, 1, at(1, row.passes), true)
				other.remove()
				for other.shard = nil; other.shard != g.shard; {
					port++
					s.name(&other, 1, at(port, row.passes), true)
				}
			}
			if row.passes != 0 {
				require.True(t, s.pass(&other, at(port, row.passes), true))
			}
			g.see(at(1, 5), true)
			require.True(t, s.look(&other, 1, at(port, 5), true))
			require.Equal(t, row.want, other.flow.LastSeen)
		})
	}
}
