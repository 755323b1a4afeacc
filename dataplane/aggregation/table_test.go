package aggregation

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/index"
	"vpcsim/dataplane/packet"
)

// gold is an interval as a map that says everything in full.
type gold map[goldKey]*goldSums

type goldKey struct {
	at       uint32
	src, dst netip.AddrPort
	protocol uint8
	egress   bool
	action   drop.Action
	path     conntrack.Path
}

type goldSums struct {
	packets, bytes uint64
	first, last    int64
	flags          uint8
}

func (g gold) add(k goldKey, second int64, n, bytes uint64, flags uint8) {
	s := g[k]
	if s == nil {
		s = &goldSums{first: second, last: second}
		g[k] = s
	}
	s.packets, s.bytes, s.flags = s.packets+n, s.bytes+bytes, s.flags|flags
	s.first, s.last = min(s.first, second), max(s.last, second)
}

// random is a packet of few enough flows that many have several, and what the gold model should say of it.
func random(t *testing.T, r *rand.Rand, p *packet.Packet) (k goldKey, n, bytes uint64, counted uint8) {
	address := func(six bool) netip.Addr {
		if six {
			return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: byte(1 + r.IntN(3))})
		}
		return netip.AddrFrom4([4]byte{10, 0, 0, byte(1 + r.IntN(3))})
	}
	six := r.IntN(3) == 0
	src, dst := netip.AddrPortFrom(address(six), uint16(1+r.IntN(4))), netip.AddrPortFrom(address(six), uint16(1+r.IntN(4)))
	k = goldKey{
		at: uint32(1 + r.IntN(4)), src: src, dst: dst, egress: r.IntN(2) == 0, action: drop.Action(r.IntN(2)), path: conntrack.Path(r.IntN(10)),
	}
	n = 1
	payload := make([]byte, 1+r.IntN(1000))
	switch r.IntN(3) {
	case 0:
		f := uint8(r.IntN(64))
		packet.BuildTCP(p, src, dst, f, 1, 1, payload)
		k.protocol = packet.TCP
		if r.IntN(2) == 0 {
			size := 1 + r.IntN(200)
			p.SegmentSize = uint16(size)
			n = uint64((len(payload) + size - 1) / size)
		}
		counted = f & 7 // FIN, SYN and RST (aws-semantics 9.1)
		if f&2 != 0 {
			counted |= f & 16
		}
		bytes = uint64(len(payload)) + n*uint64(p.Len()-len(payload))
	case 1:
		packet.BuildUDP(p, src, dst, payload)
		k.protocol, bytes = packet.UDP, uint64(p.Len())
	default:
		packet.BuildICMPEcho(p, src.Addr(), dst.Addr(), uint16(r.IntN(9)), 1, payload)
		k.protocol, bytes = packet.ICMP, uint64(p.Len())
		if six {
			k.protocol = packet.ICMPv6
		}
		k.src, k.dst = netip.AddrPortFrom(src.Addr(), 0), netip.AddrPortFrom(dst.Addr(), 0)
	}
	return k, n, bytes, counted
}

// TestTablesAgainstMap: whatever packets come to whichever worker, the tables together say what a map says.
func TestTablesAgainstMap(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			traffic := Traffic(seed % 3)
			want, tables := gold{}, workers(1+int(seed%4), 1<<20, traffic)
			p := packet.New(2000)
			for i := range 20_000 {
				k, n, bytes, flags := random(t, r, p)
				at := int64(i) * 600 * int64(time.Second) / 20_000 // time does not go back
				second := at / int64(time.Second)
				p.Time = origin + at
				tables[r.IntN(len(tables))].Add(k.at, p, k.egress, k.action, k.path)
				if traffic == All || (traffic == Rejected) == (k.action == drop.Reject) {
					want.add(k, second, n, bytes, flags)
				}
			}
			got := gold{}
			require.Empty(t, Merge(tables, func(f *Flow) {
				k := goldKey{f.Interface, netip.AddrPortFrom(f.Src, f.SrcPort), netip.AddrPortFrom(f.Dst, f.DstPort), f.Protocol, f.Egress, f.Action, f.Path}
				if got[k] != nil {
					t.Fatalf("flow %v comes twice", k)
				}
				got[k] = &goldSums{f.Packets, f.Bytes, f.First, f.Last, f.TCPFlags}
			}))
			for k, s := range want {
				if got[k] == nil || *got[k] != *s {
					t.Fatalf("%v: %+v, want %+v", k, got[k], s)
				}
			}
			require.Len(t, got, len(want))
		})
	}
}

const origin = int64(5e9)

func workers(n, flows int, traffic Traffic) (tables []*Table) {
	seed, room := index.NewSeed(), NewRoom(flows)
	for range n {
		tables = append(tables, NewTable(seed, room, origin, traffic))
	}
	return tables
}

func syn(p *packet.Packet, n int) {
	src := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 40000)
	packet.BuildTCP(p, src, netip.MustParseAddrPort("10.9.0.1:443"), packet.SYN, 1, 0, nil)
	p.Time = origin
}

// TestNothingIsLostSilently: what finds no room is counted by its interface, packet by packet, and known flows go on.
func TestNothingIsLostSilently(t *testing.T) {
	t.Parallel()
	tables, p := workers(3, 1000, All), packet.New(100)
	for round := range 2 {
		for n := range 3000 {
			syn(p, n)
			tables[n%3].Add(uint32(1+n%2), p, true, drop.Accept, conntrack.PathLocal)
		}
		if round == 0 {
			require.Zero(t, tables[0].room.take(), "all room is taken")
		}
	}
	var flows int
	var logged uint64
	skipped := Merge(tables, func(f *Flow) {
		flows++
		logged += f.Packets
		require.EqualValues(t, 2, f.Packets)
	})
	require.LessOrEqual(t, flows, 1000)
	require.Greater(t, flows, 1000-3*piece)
	require.Len(t, skipped, 2)
	require.EqualValues(t, 6000, logged+skipped[1]+skipped[2])
}

// TestAnInterfaceBeyondTheLast is not mixed up with another.
func TestAnInterfaceBeyondTheLast(t *testing.T) {
	t.Parallel()
	tables, p := workers(1, 1000, All), packet.New(100)
	syn(p, 1)
	tables[0].Add(Interfaces-1, p, true, drop.Accept, conntrack.PathLocal)
	tables[0].Add(Interfaces, p, true, drop.Accept, conntrack.PathLocal)
	var at []uint32
	skipped := Merge(tables, func(f *Flow) { at = append(at, f.Interface) })
	require.Equal(t, []uint32{Interfaces - 1}, at)
	require.Equal(t, map[uint32]uint64{Interfaces: 1}, skipped)
}

// TestEveryPathFitsIntoAKey: the last word of a key has four bits for the path.
func TestEveryPathFitsIntoAKey(t *testing.T) {
	t.Parallel()
	require.LessOrEqual(t, len(conntrack.Paths()), 1<<(protocolShift-pathShift))
}

func TestAddDoesNotAllocate(t *testing.T) {
	tables, p := workers(1, 1<<20, All), packet.New(2000)
	six := packet.New(2000)
	packet.BuildUDP(six, netip.MustParseAddrPort("[2001:db8::1]:1"), netip.MustParseAddrPort("[2001:db8::2]:2"), nil)
	for n := range 1000 {
		syn(p, n)
		tables[0].Add(1, p, true, drop.Accept, conntrack.PathLocal)
	}
	tables[0].Add(1, six, true, drop.Accept, conntrack.PathLocal)
	n := 0
	if allocs := testing.AllocsPerRun(1000, func() {
		n = (n + 1) % 1000
		syn(p, n)
		tables[0].Add(1, p, true, drop.Accept, conntrack.PathLocal)
		tables[0].Add(1, six, true, drop.Accept, conntrack.PathLocal)
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// BenchmarkAdd counts packets of so many flows, at random.
func BenchmarkAdd(b *testing.B) {
	for _, flows := range []int{1000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("flows=%d", flows), func(b *testing.B) {
			table, all := workers(1, flows, All)[0], make([]*packet.Packet, 4096)
			for i := range all {
				all[i] = packet.New(60)
			}
			p := packet.New(60)
			for n := range flows {
				syn(p, n)
				table.Add(1, p, true, drop.Accept, conntrack.PathLocal)
			}
			for i := range all {
				syn(all[i], rand.IntN(flows))
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				table.Add(1, all[i%len(all)], true, drop.Accept, conntrack.PathLocal)
			}
		})
	}
}
