package conntrack

import (
	"net/netip"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/packet"
)

var (
	local   = netip.MustParseAddr("10.0.0.1")
	remote  = netip.MustParseAddr("52.216.0.1")
	local6  = netip.MustParseAddr("2600:1f16::1")
	remote6 = netip.MustParseAddr("2001:db8::7")
)

// outward is a packet from an interface, of the given protocol and local port; flags are TCP's.
func outward(protocol, flags uint8, port uint16, at int64) *packet.Packet {
	return &packet.Packet{Src: local, Dst: remote, SrcPort: port, DstPort: 80, Protocol: protocol, TCPFlags: flags, Time: at}
}

// turned is the packet in the other direction.
func turned(p *packet.Packet) *packet.Packet {
	q := *p
	q.Src, q.Dst, q.SrcPort, q.DstPort = p.Dst, p.Src, p.DstPort, p.SrcPort
	return &q
}

// pass has p pass at zone 1 as the data plane does: it belongs to a flow or opens one. It tells whether there is room.
func pass(t *Table, p *packet.Packet, outbound bool) bool {
	h := t.Acquire(1, p, outbound)
	defer h.Release()
	if f := h.Flow(p.Time); f != nil {
		h.See(f, p, outbound)
		return true
	}
	return h.Open(p, outbound, Timeouts{}) != nil
}

// connect makes an established connection by the three segments of its handshake.
func connect(t *Table, p *packet.Packet) bool {
	syn, ack := *p, *p
	syn.TCPFlags, ack.TCPFlags = packet.SYN, packet.ACK
	answer := turned(p)
	answer.TCPFlags = packet.SYN | packet.ACK
	return pass(t, &syn, true) && pass(t, answer, false) && pass(t, &ack, true)
}

func TestFlowIsFoundWhicheverWayThePacketGoes(t *testing.T) {
	for name, p := range map[string]*packet.Packet{
		"IPv4": outward(packet.TCP, packet.SYN, 1000, 1),
		"IPv6": {Src: local6, Dst: remote6, SrcPort: 1000, DstPort: 80, Protocol: packet.UDP, Time: 1},
		"echo": {Src: local6, Dst: remote6, SrcPort: 7, DstPort: 7, Protocol: packet.ICMPv6, Time: 1},
		"ESP":  {Src: local, Dst: remote, Protocol: 50, Time: 1},
	} {
		t.Run(name, func(t *testing.T) {
			table := New(Config{Capacity: 10})
			h := table.Acquire(7, p, true)
			f := h.Open(p, true, Timeouts{})
			f.Target = 99
			want := Tuple{netip.AddrPortFrom(p.Src, p.SrcPort), netip.AddrPortFrom(p.Dst, p.DstPort), 7, p.Protocol}
			if got := h.Tuple(); got != want {
				t.Errorf("tuple %v, want %v", got, want)
			}
			h.Release()
			h = table.Acquire(7, turned(p), false)
			if f := h.Flow(1); f == nil || f.Target != 99 {
				t.Errorf("the answer does not find the flow")
			}
			h.Release()
			h = table.AcquireTuple(want)
			if f := h.Flow(1); f == nil || f.Target != 99 {
				t.Errorf("the tuple does not find the flow")
			}
			h.Release()
			table.Each(func(got Tuple, f *Flow) bool {
				if got != want || f.Target != 99 {
					t.Errorf("Each shows %v, want %v", got, want)
				}
				return false
			})
			if table.Len() != 0 {
				t.Error("the flow that should not be kept was kept")
			}
		})
	}
}

func TestTuplesAreKeptApart(t *testing.T) {
	tuple := func(zone uint32, protocol uint8, l, r netip.Addr, lp, rp uint16) Tuple {
		return Tuple{netip.AddrPortFrom(l, lp), netip.AddrPortFrom(r, rp), zone, protocol}
	}
	mapped := func(a netip.Addr) netip.Addr { return netip.AddrFrom16(a.As16()) }
	table := New(Config{Capacity: 10})
	h := table.AcquireTuple(tuple(7, packet.TCP, local, remote, 1000, 80))
	h.Open(outward(packet.TCP, packet.SYN, 1000, 1), true, Timeouts{})
	h.Release()
	for name, other := range map[string]Tuple{
		"two interfaces with the same addresses": tuple(8, packet.TCP, local, remote, 1000, 80),
		"two protocols":                          tuple(7, packet.UDP, local, remote, 1000, 80),
		"the two ends of one connection":         tuple(7, packet.TCP, remote, local, 80, 1000),
		"two local ports":                        tuple(7, packet.TCP, local, remote, 1001, 80),
		"two remote ports":                       tuple(7, packet.TCP, local, remote, 1000, 81),
		"IPv4 and IPv6":                          tuple(7, packet.TCP, mapped(local), mapped(remote), 1000, 80),
	} {
		h := table.AcquireTuple(other)
		if h.Flow(1) != nil {
			t.Errorf("%s have one flow", name)
		}
		if h.Tuple() != other {
			t.Errorf("%s: the key does not give back what it was made of: %v, want %v", name, h.Tuple(), other)
		}
		h.Release()
	}
}

func TestSourceAddr(t *testing.T) {
	f := Flow{}
	for _, a := range []netip.Addr{{}, local, remote6, {}} {
		if f.SetSource(a); f.SourceAddr() != a {
			t.Errorf("%v, want %v", f.SourceAddr(), a)
		}
	}
}

func TestFlowFillsOneCacheLine(t *testing.T) {
	if n := unsafe.Sizeof(Flow{}); n != 64 {
		t.Errorf("%d bytes", n)
	}
}

func TestFreshFlowTakesThePlaceOfTheOldOne(t *testing.T) {
	table := New(Config{Capacity: 1})
	p := outward(packet.TCP, packet.RST, 1, 5)
	h := table.Acquire(1, p, true)
	defer h.Release()
	h.Open(p, true, Timeouts{}).Target = 99
	f := h.Open(outward(packet.TCP, packet.SYN, 1, 6), false, Timeouts{})
	require.NotNil(t, f)
	if f.Target != 0 || f.State != SynSent || f.Opened != 6 || f.Outbound || table.Len() != 1 {
		t.Errorf("%+v, %d flows", f, table.Len())
	}
	h.Delete()
	h.Delete()
	if h.Flow(6) != nil || table.Len() != 0 {
		t.Error("a deleted flow is there")
	}
}

func TestEachSeesEveryFlowOnce(t *testing.T) {
	table := New(Config{Capacity: 1000})
	for port := range uint16(500) {
		pass(table, outward(packet.UDP, 0, port, 1), true)
	}
	seen := map[uint16]bool{}
	table.Each(func(k Tuple, f *Flow) bool {
		if seen[k.Local.Port()] {
			t.Errorf("port %d twice", k.Local.Port())
		}
		seen[k.Local.Port()] = true
		return k.Local.Port()%2 == 0
	})
	if len(seen) != 500 || table.Len() != 250 {
		t.Errorf("%d seen, %d left", len(seen), table.Len())
	}
}

func TestManyGoroutines(t *testing.T) {
	table := New(Config{Capacity: 300})
	var all sync.WaitGroup
	for g := range uint16(8) {
		all.Go(func() {
			for i := range uint16(3000) {
				p := outward(packet.TCP, packet.SYN, i%512+g, int64(i)*int64(time.Second)/50)
				pass(table, p, true)
				switch i % 100 {
				case 0:
					table.Expire(p.Time)
				case 50:
					table.Each(func(k Tuple, _ *Flow) bool { return k.Local.Port()%7 != 0 })
				case 70:
					connect(table, p)
				}
			}
		})
	}
	all.Wait()
	n := 0
	table.Each(func(Tuple, *Flow) bool { n++; return true })
	if n != table.Len() || n > 300 {
		t.Errorf("%d flows, and Len says %d", n, table.Len())
	}
}
