package conntrack

import (
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/packet"
)

var (
	local  = netip.MustParseAddr("10.0.0.1")
	remote = netip.MustParseAddr("52.216.0.1")
)

func key(port uint16) Key { return NewKey(1, packet.TCP, local, remote, port, 80) }

func tcp(flags uint8, at int64) *packet.Packet {
	p := packet.New(128)
	packet.BuildTCP(p, netip.AddrPortFrom(local, 1), netip.AddrPortFrom(remote, 80), flags, 1, 1, nil)
	p.Time = at
	return p
}

func TestKeyKeepsApart(t *testing.T) {
	base := NewKey(7, packet.TCP, local, remote, 1000, 80)
	for name, other := range map[string]Key{
		"two VPCs with the same addresses": NewKey(8, packet.TCP, local, remote, 1000, 80),
		"two protocols":                    NewKey(7, packet.UDP, local, remote, 1000, 80),
		"the two ends of one connection":   NewKey(7, packet.TCP, remote, local, 80, 1000),
		"two local ports":                  NewKey(7, packet.TCP, local, remote, 1001, 80),
		"two remote ports":                 NewKey(7, packet.TCP, local, remote, 1000, 81),
	} {
		if base == other {
			t.Errorf("%s have one key", name)
		}
	}
	if base.Realm() != 7 || base.Protocol() != packet.TCP || base.LocalAddr().String() != "10.0.0.1:1000" || base.RemoteAddr().String() != "52.216.0.1:80" {
		t.Errorf("the key does not give back what it was made of: %+v", base)
	}
}

func TestTCPStates(t *testing.T) {
	type segment struct {
		flags    uint8
		outbound bool
	}
	const syn, ack, fin, rst = packet.SYN, packet.ACK, packet.FIN, packet.RST
	for name, row := range map[string]struct {
		segments []segment
		want     State
	}{
		"a SYN alone is no connection":                   {[]segment{{syn, true}}, SynSent},
		"a repeated SYN is no connection":                {[]segment{{syn, true}, {syn, true}}, SynSent},
		"an answered SYN is half a connection":           {[]segment{{syn, true}, {syn | ack, false}}, SynReceived},
		"the handshake makes a connection":               {[]segment{{syn, true}, {syn | ack, false}, {ack, true}}, Established},
		"so does one from the far side":                  {[]segment{{syn, false}, {syn | ack, true}, {ack, false}}, Established},
		"a connection may be met in its middle":          {[]segment{{ack, true}}, Established},
		"a FIN from one side leaves it open":             {[]segment{{ack, true}, {fin | ack, true}, {ack, false}}, Established},
		"a FIN from both sides closes it":                {[]segment{{ack, true}, {fin | ack, true}, {fin | ack, false}}, Closed},
		"two FINs from one side do not":                  {[]segment{{ack, true}, {fin | ack, true}, {fin | ack, true}}, Established},
		"a RST closes it":                                {[]segment{{ack, true}, {rst, false}}, Closed},
		"the last ACK does not open a closed connection": {[]segment{{ack, true}, {rst, false}, {ack, true}}, Closed},
		"a RST refuses a SYN":                            {[]segment{{syn, true}, {rst | ack, false}}, Closed},
	} {
		t.Run(name, func(t *testing.T) {
			table := New(64)
			s := table.Acquire(key(1))
			defer s.Release()
			f := s.Open(key(1), tcp(row.segments[0].flags, 1), row.segments[0].outbound)
			for _, seg := range row.segments[1:] {
				s.See(f, tcp(seg.flags, 2), seg.outbound)
			}
			if f.State != row.want {
				t.Errorf("state %s, want %s", f.State, row.want)
			}
		})
	}
}

func TestIdleFlowsAreForgotten(t *testing.T) {
	table := New(1000)
	open := func(port uint16, flags uint8) {
		s := table.Acquire(key(port))
		s.Open(key(port), tcp(flags, 0), true)
		s.Release()
	}
	open(1, packet.SYN)
	open(2, packet.ACK)
	open(3, packet.RST)
	for _, row := range []struct {
		after time.Duration
		left  int
	}{
		{30 * time.Second, 3}, {31 * time.Second, 2}, {60 * time.Second, 2}, {61 * time.Second, 1}, {432_000 * time.Second, 1}, {432_001 * time.Second, 0},
	} {
		table.Expire(int64(row.after))
		if n := table.Len(); n != row.left {
			t.Errorf("%v: %d flows left, want %d", row.after, n, row.left)
		}
	}
}

func TestIdleTimesOfOtherProtocols(t *testing.T) {
	for name, row := range map[string]struct {
		protocol uint8
		idle     time.Duration
	}{
		"UDP":           {packet.UDP, 180 * time.Second},
		"ICMP":          {packet.ICMP, 30 * time.Second},
		"anything else": {47, 600 * time.Second},
	} {
		table := New(64)
		k := NewKey(1, row.protocol, local, remote, 0, 0)
		s := table.Acquire(k)
		s.Open(k, &packet.Packet{Protocol: row.protocol}, true)
		s.Release()
		if table.Expire(int64(row.idle)); table.Len() != 1 {
			t.Errorf("%s: forgotten after %v already", name, row.idle)
		}
		if table.Expire(int64(row.idle) + 1); table.Len() != 0 {
			t.Errorf("%s: not forgotten after more than %v", name, row.idle)
		}
	}
}

func TestFullTable(t *testing.T) {
	table := New(shards) // one flow per shard
	k := key(1)
	s := table.Acquire(k)
	require.NotNil(t, s.Open(k, tcp(packet.SYN, 0), true))
	var second Key
	for port := uint16(2); second == (Key{}) || second.hash(table.seed)>>(64-shardBits) != k.hash(table.seed)>>(64-shardBits); port++ {
		second = key(port)
	}
	s.hash = second.hash(table.seed)
	if s.Open(second, tcp(packet.SYN, 1), true) != nil {
		t.Error("more flows than the capacity")
	}
	s.hash = k.hash(table.seed)
	if s.Open(k, tcp(packet.SYN, 1), true) == nil {
		t.Error("a flow cannot take its own place again")
	}
	s.hash = second.hash(table.seed)
	if s.Open(second, tcp(packet.SYN, int64(2*time.Minute)), true) == nil {
		t.Error("an idle flow is not forgotten for a new one")
	}
	s.Release()
	s = table.Acquire(k)
	if s.Find(k) != nil {
		t.Error("the forgotten flow is still found")
	}
	s.Release()
}

// TestAgainstMap drives the table and a plain map with the same random operations.
func TestAgainstMap(t *testing.T) {
	table, gold := New(1<<16), map[Key]int64{}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range int64(50_000) {
		k := key(uint16(rng.IntN(3000)))
		s := table.Acquire(k)
		f := s.Find(k)
		if opened, ok := gold[k]; ok != (f != nil) || ok && f.Opened != opened {
			t.Fatalf("step %d: found %v, want %v", i, f, ok)
		}
		switch {
		case f == nil:
			require.NotNil(t, s.Open(k, tcp(packet.ACK, i), true))
			gold[k] = i
		case rng.IntN(2) == 0:
			s.Delete(f)
			delete(gold, k)
		}
		s.Release()
	}
	if table.Len() != len(gold) {
		t.Errorf("%d flows, want %d", table.Len(), len(gold))
	}
	table.Each(func(_ *Shard, f *Flow) {
		if gold[f.Key] != f.Opened {
			t.Errorf("%v: opened %d, want %d", f.Key, f.Opened, gold[f.Key])
		}
		delete(gold, f.Key)
	})
	if len(gold) != 0 {
		t.Errorf("Each missed %d flows", len(gold))
	}
}

func TestManyGoroutines(t *testing.T) {
	table := New(1 << 12)
	var all sync.WaitGroup
	for g := range uint16(8) {
		all.Go(func() {
			for i := range uint16(2000) {
				k := key(i%256 + g)
				s := table.Acquire(k)
				if f := s.Find(k); f != nil {
					s.See(f, tcp(packet.ACK, int64(i)), true)
				} else {
					s.Open(k, tcp(packet.SYN, int64(i)), true)
				}
				s.Release()
			}
		})
	}
	all.Wait()
}

func TestLookupDoesNotAllocate(t *testing.T) {
	table := New(64)
	s := table.Acquire(key(1))
	s.Open(key(1), tcp(packet.SYN, 0), true)
	s.Release()
	p := tcp(packet.ACK, 1)
	if n := testing.AllocsPerRun(1000, func() {
		s := table.Acquire(key(1))
		s.See(s.Find(key(1)), p, true)
		s.Release()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkFind looks flows up at random in a table of the given size.
func BenchmarkFind(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		b.Run(map[int]string{1000: "1k", 100_000: "100k"}[n], func(b *testing.B) {
			table, keys := New(1<<20), make([]Key, n)
			p := tcp(packet.ACK, 1)
			for i := range keys {
				keys[i] = NewKey(1, packet.TCP, local, remote, uint16(i), uint16(i>>16))
				s := table.Acquire(keys[i])
				s.Open(keys[i], p, true)
				s.Release()
			}
			rand.Shuffle(n, func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				k := keys[i%n]
				s := table.Acquire(k)
				if s.Find(k) == nil {
					b.Fatal("lost")
				}
				s.Release()
			}
		})
	}
}
