package conntrack

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"vpcsim/dataplane/packet"
)

// goldFlow is a flow as the list of its packets; all else is worked out from it, anew each time.
type goldFlow struct {
	protocol uint8
	passed   []goldPacket
}

type goldPacket struct {
	at       int64
	flags    uint8
	outbound bool
}

func (f *goldFlow) last() int64 { return f.passed[len(f.passed)-1].at }

// answered tells whether there was a packet in each direction.
func (f *goldFlow) answered() bool {
	for _, p := range f.passed {
		if p.outbound != f.passed[0].outbound {
			return true
		}
	}
	return false
}

func (f *goldFlow) closed() bool {
	var finOut, finIn bool
	for _, p := range f.passed {
		if p.flags&packet.RST != 0 {
			return true
		}
		if p.flags&packet.FIN != 0 {
			finOut, finIn = finOut || p.outbound, finIn || !p.outbound
		}
	}
	return finOut && finIn
}

func (f *goldFlow) state() State {
	const synAck = packet.SYN | packet.ACK
	first := f.passed[0].flags
	switch {
	case f.protocol != packet.TCP:
		return Established
	case f.closed():
		return Closed
	case first&packet.SYN == 0:
		return Established
	}
	synAcks, answered := first&packet.ACK != 0, false
	for _, p := range f.passed {
		answered = answered || p.outbound != f.passed[0].outbound
		switch {
		case p.flags&packet.FIN != 0 || !answered:
		case p.flags&synAck == synAck:
			synAcks = true
		case p.flags&synAck == packet.ACK && synAcks:
			return Established
		}
	}
	if synAcks {
		return SynReceived
	}
	return SynSent
}

func (f *goldFlow) deadline() int64 {
	idle := int64(600)
	switch f.protocol {
	case packet.TCP:
		idle = [...]int64{SynSent: 60, SynReceived: 60, Established: 432_000, Closed: 30}[f.state()]
	case packet.UDP:
		idle = 30
		if len(f.passed) > 2 && f.answered() {
			idle = 180
		}
	case packet.ICMP:
		idle = 30
	}
	return f.last() + idle*sec + 1
}

func (f *goldFlow) evictable() bool {
	return f.protocol == packet.TCP && f.state() != Established || f.protocol == packet.ICMP || f.protocol == packet.ICMPv6 || !f.answered()
}

// duel drives a table and a map with the same operations.
type duel struct {
	t        *testing.T
	table    *Table
	gold     map[Tuple]*goldFlow
	capacity int
	now      int64
}

// play does what the bytes of ops say: four are the operation, the tuple, the TCP flags and the time that passes.
func play(t *testing.T, capacity uint8, ops []byte) {
	d := &duel{t, New(Config{Capacity: int(capacity)}), map[Tuple]*goldFlow{}, int(capacity), 1000 * sec}
	for ; len(ops) >= 4 && !t.Failed(); ops = ops[4:] {
		op, k, flags := ops[0], tupleOf(ops[1]), ops[2]&(packet.FIN|packet.SYN|packet.RST|packet.ACK)
		if ops[3]&0x80 != 0 {
			d.now += int64(ops[3]&0xf) * sec / 4 << (ops[3] >> 3 & 0xe)
		}
		switch op & 7 {
		default:
			d.pass(k, flags, op&8 != 0)
		case 6:
			d.remove(k)
		case 7:
			d.table.Expire(d.now)
			d.reconcile(nil)
		}
	}
	d.reconcile(nil)
	s, n := d.table.Stats(), d.table.Len()
	if n != len(d.gold) || n > d.capacity || s.Opened < s.Expired+s.Evicted+uint64(n) {
		t.Errorf("%d flows, want %d; %+v", n, len(d.gold), s)
	}
}

// tupleOf returns one of 128 tuples: two ports at each of two zones, two families, four protocols.
func tupleOf(b byte) Tuple {
	l, r := local, remote
	if b&1 != 0 {
		l, r = local6, remote6
	}
	return Tuple{
		netip.AddrPortFrom(l, uint16(b>>5)), netip.AddrPortFrom(r, 80),
		uint32(b >> 1 & 1), []uint8{packet.TCP, packet.UDP, packet.ICMP, 47}[b>>2&3],
	}
}

func packetOf(k Tuple, flags uint8, outbound bool, at int64) *packet.Packet {
	p := &packet.Packet{
		Src: k.Local.Addr(), SrcPort: k.Local.Port(), Dst: k.Remote.Addr(), DstPort: k.Remote.Port(),
		Protocol: k.Protocol, TCPFlags: flags, Time: at,
	}
	if outbound {
		return p
	}
	return turned(p)
}

func (d *duel) pass(k Tuple, flags uint8, outbound bool) {
	p := packetOf(k, flags, outbound, d.now)
	h := d.table.Acquire(k.Zone, p, outbound)
	f, g := h.Flow(d.now), d.gold[k]
	if g != nil && d.now >= g.deadline() {
		delete(d.gold, k)
		g = nil
	}
	if (f != nil) != (g != nil) {
		d.t.Fatalf("%v: %v, want %+v", k, f, g)
	}
	seen := goldPacket{d.now, flags, outbound}
	switch {
	case g == nil || g.state() == Closed && flags&packet.SYN != 0:
		delete(d.gold, k)
		f = h.Open(p, outbound, Timeouts{})
		h.Release()
		if d.opened(k, f); f != nil {
			d.gold[k] = &goldFlow{k.Protocol, []goldPacket{seen}}
		}
		return
	default:
		h.See(f, p, outbound)
		g.passed = append(g.passed, seen)
	}
	if f.State != g.state() || f.LastSeen != g.last() || f.Opened != g.passed[0].at || f.Outbound != g.passed[0].outbound || f.deadline() != g.deadline() {
		d.t.Errorf("%v: %+v, want %+v", k, f, g)
	}
	h.Release()
}

// opened checks whether the flow of k, which is not among the gold ones yet, was rightly opened or refused, and who had to go for it.
func (d *duel) opened(k Tuple, f *Flow) {
	full := len(d.gold) >= d.capacity
	if !full && f == nil {
		d.t.Errorf("%v: refused with %d flows of %d", k, len(d.gold), d.capacity)
	}
	if !full {
		return
	}
	evicted := d.reconcile(&k)
	if f != nil && evicted == 0 && len(d.gold) >= d.capacity || evicted > 1 || f == nil && evicted > 0 {
		d.t.Errorf("%v: opened %v with %d of %d flows left and %d evicted", k, f != nil, len(d.gold), d.capacity, evicted)
	}
	for other, g := range d.gold {
		if g.deadline() <= d.now/sec*sec && (f == nil || evicted > 0) {
			d.t.Errorf("%v was idle for too long and is kept", other)
		}
		if f == nil && g.evictable() {
			d.t.Errorf("%v: refused, although %v might go", k, other)
		}
	}
}

func (d *duel) remove(k Tuple) {
	h := d.table.AcquireTuple(k)
	h.Delete()
	h.Release()
	delete(d.gold, k)
}

// reconcile compares the two and forgets the gold flows that the table was right to forget. It returns how many of these were evicted.
// The flow of fresh is not yet gold.
func (d *duel) reconcile(fresh *Tuple) (evicted int) {
	there := map[Tuple]bool{}
	d.table.Each(func(k Tuple, _ *Flow) bool {
		if there[k] = true; d.gold[k] == nil && (fresh == nil || k != *fresh) {
			d.t.Errorf("%v should not be there", k)
		}
		return true
	})
	for k, g := range d.gold {
		if there[k] {
			continue
		}
		delete(d.gold, k)
		if d.now < g.deadline() {
			evicted++
			if fresh == nil || !g.evictable() {
				d.t.Errorf("%v was forgotten: %+v", k, g)
			}
		}
	}
	return evicted
}

func TestTableAgainstMap(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, capacity := range []uint8{1, 3, 20, 100, 255} {
		for range 100 {
			ops := make([]byte, 1200)
			for i := range ops {
				ops[i] = byte(rng.Uint32())
			}
			play(t, capacity, ops)
		}
	}
}

func FuzzTable(f *testing.F) {
	f.Add(uint8(2), []byte{8, 0, syn, 0, 0, 0, syn | ack, 0, 8, 0, ack, 0, 8, 32, syn, 0, 8, 64, syn, 0, 8, 96, syn, 0x81})
	f.Add(uint8(1), []byte{8, 1, ack, 0, 8, 3, syn, 0, 8, 1, fin, 0, 0, 1, fin, 0, 8, 3, syn, 0})
	f.Add(uint8(3), []byte{8, 4, 0, 0, 0, 4, 0, 0x8f, 8, 4, 0, 0x9f, 7, 0, 0, 0xaf, 8, 9, 0, 0, 8, 13, 0, 0, 6, 4, 0, 0, 7, 0, 0, 0xff})
	f.Fuzz(func(t *testing.T, capacity uint8, ops []byte) { play(t, capacity, ops[:min(len(ops), 240)]) })
}
