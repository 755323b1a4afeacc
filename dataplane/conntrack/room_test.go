package conntrack

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/packet"
)

// establish makes n connections, from port 0 of 10.0.0.1 on, and fails if one finds no room.
func establish(t testing.TB, table *Table, n int) {
	for i := range n {
		require.True(t, connect(table, connection(i)), "connection %d", i)
	}
}

// connection is a segment of connection i, one of 2^32.
func connection(i int) *packet.Packet {
	p := outward(packet.TCP, packet.ACK, uint16(i), 1)
	p.DstPort = uint16(i >> 16)
	return p
}

// lost counts those of the first n connections that are not established any more.
func lost(table *Table, n int) (lost int) {
	for i := range n {
		p := connection(i)
		h := table.Acquire(1, p, true)
		if f := h.Flow(p.Time); f == nil || f.State != Established {
			lost++
		}
		h.Release()
	}
	return lost
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestSYNFlood sends two million SYNs from random addresses, of both families and in both directions, at a table full of connections or
// nearly so.
func TestSYNFlood(t *testing.T) {
	const established = 10_000
	flood := 2_000_000
	if testing.Short() { // the race detector has seen enough of one goroutine by then
		flood /= 20
	}
	for _, capacity := range []int{established, established + 1, established + 2000} {
		t.Run(fmt.Sprint(capacity), func(t *testing.T) {
			table := New(Config{Capacity: capacity})
			establish(t, table, established)
			rng, p := rand.New(rand.NewPCG(1, 2)), outward(packet.TCP, packet.SYN, 1, 2)
			before, opened := uint64(0), 0
			for i := range flood {
				p.Src, p.SrcPort = netip.AddrFrom4([4]byte{byte(rng.Uint32()), byte(i >> 16), byte(i >> 8), byte(i)}), uint16(rng.Uint32())
				p.Dst = local
				if i%4 == 3 {
					p.Src, p.Dst = netip.AddrFrom16([16]byte{0x20, 1, byte(i >> 16), byte(i >> 8), byte(i), byte(rng.Uint32())}), local6
				}
				if pass(table, p, i%2 == 0) {
					opened++
				}
				if i == flood/10 {
					before = heap()
				}
				if table.Len() > capacity {
					t.Fatalf("%d flows", table.Len())
				}
			}
			after := heap()
			if n := lost(table, established); n != 0 {
				t.Errorf("%d connections lost", n)
			}
			if after > before+1<<20 {
				t.Errorf("the heap grew from %d to %d bytes", before, after)
			}
			s := table.Stats()
			t.Logf("heap %d KiB after a tenth of the flood, %d at its end; %d opened; %+v", before>>10, after>>10, opened, s)
			if want := capacity > established; (opened == flood) != want || (opened == 0) == want {
				t.Errorf("%d of %d SYNs found room", opened, flood)
			}
		})
	}
}

// TestConnectionsFitToTheLastOne sees to it that shards that got more than others refuse none.
func TestConnectionsFitToTheLastOne(t *testing.T) {
	table := New(Config{Capacity: 1000})
	establish(t, table, 1000)
	p := connection(1000)
	if pass(table, p, true) {
		t.Error("one more than the capacity")
	}
	if s := table.Stats(); lost(table, 1000) != 0 || s.Refused != 1 || s.Evicted != 0 {
		t.Errorf("%+v", s)
	}
	p.Time += 432_001 * sec
	if !pass(table, p, true) {
		t.Error("connections that were idle for too long are not forgotten for a new one")
	}
}

// TestWhoHasToGo fills one shard, so that the order is that of all the table.
func TestWhoHasToGo(t *testing.T) {
	table := New(Config{Capacity: 9})
	tcp, udp, icmp := sameShard(table)
	open := func(port uint16, protocol uint8, flags ...uint8) {
		for i, f := range flags {
			p := outward(protocol, f, port, 1)
			if i%2 == 1 {
				p = turned(p)
			}
			require.True(t, pass(table, p, i%2 == 0))
		}
	}
	open(tcp[0], packet.TCP, ack, rst)
	open(udp[0], packet.UDP, 0)
	open(tcp[1], packet.TCP, ack)
	open(tcp[2], packet.TCP, syn)
	open(udp[1], packet.UDP, 0, 0)
	open(tcp[3], packet.TCP, syn, syn|ack)
	open(icmp, packet.ICMP, 0, 0)
	open(udp[2], packet.UDP, 0)
	open(tcp[4], packet.TCP, syn, syn|ack, ack)
	left := []uint16{tcp[2], tcp[3], udp[0], tcp[1], icmp, udp[2], tcp[0]}
	for i := range left {
		open(tcp[5+i], packet.TCP, syn, syn|ack, ack)
		for j, port := range left {
			if there := holds(table, port); there != (j > i) {
				t.Errorf("after %d new connections: the one that goes as number %d is there: %v", i+1, j+1, there)
			}
		}
	}
	if pass(table, outward(packet.TCP, syn, tcp[12], 1), true) || table.Stats().Evicted != 7 {
		t.Errorf("an established flow had to go: %+v", table.Stats())
	}
}

// sameShard returns ports whose flows fall into one shard: 13 of TCP and, others, 3 of UDP and one of ICMP.
func sameShard(table *Table) (tcp, udp []uint16, icmp uint16) {
	shard := func(protocol uint8, port uint16) *shard[key4] {
		h := table.Acquire(1, outward(protocol, 0, port, 1), true)
		defer h.Release()
		return h.v4
	}
	first := shard(packet.TCP, 0)
	for port := uint16(1); len(tcp) < 13 || len(udp) < 3 || icmp == 0; port++ {
		switch {
		case len(tcp) < 13 && shard(packet.TCP, port) == first:
			tcp = append(tcp, port)
		case len(udp) < 3 && shard(packet.UDP, port) == first:
			udp = append(udp, port)
		case icmp == 0 && shard(packet.ICMP, port) == first:
			icmp = port
		}
	}
	return tcp, udp, icmp
}

func holds(table *Table, port uint16) (there bool) {
	table.Each(func(k Tuple, _ *Flow) bool {
		there = there || k.Local.Port() == port
		return true
	})
	return there
}
