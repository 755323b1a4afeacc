package dataplane

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"

	"vpcsim/dataplane/packet"
)

// arrival is a packet at a port: of a flow, by its source port, small or big.
type arrival struct {
	flow uint16
	big  bool
	udp  bool
}

func (a arrival) into(p *packet.Packet, serial uint32) {
	payload := make([]byte, 4)
	if a.big {
		payload = make([]byte, bulk)
	}
	binary.BigEndian.PutUint32(payload, serial)
	from, to := netip.AddrPortFrom(netip.MustParseAddr("10.0.1.5"), a.flow), netip.MustParseAddrPort("10.0.1.6:80")
	if a.udp {
		packet.BuildUDP(p, from, to, payload)
	} else {
		packet.BuildTCP(p, from, to, 0, 0, 0, payload)
	}
}

func serialOf(p *packet.Packet) (a arrival, serial uint32) {
	p.Decode()
	payload := p.Bytes()[len(p.Bytes())-4:]
	if p.Len() > bulk {
		payload = p.Bytes()[p.Len()-bulk:]
	}
	return arrival{p.SrcPort, p.Len() > bulk, p.Protocol == packet.UDP}, binary.BigEndian.Uint32(payload)
}

// arrive has packets arrive in one batch and returns the numbers of those that need not wait.
func arrive(b *backlog, at *attachment, batch []*packet.Packet, now int64, all ...arrival) (pass []uint32) {
	for i, a := range all {
		a.into(batch[i], uint32(i))
	}
	for _, p := range batch[:b.sort(at, batch[:len(all)], func() int64 { return now })] {
		_, serial := serialOf(p)
		pass = append(pass, serial)
	}
	return pass
}

func newBatch() (all []*packet.Packet) {
	for range batchSize {
		all = append(all, packet.New(slotSize))
	}
	return all
}

func TestSmallPacketsPassAStream(t *testing.T) {
	stream, tail, ping, same := arrival{flow: 1, big: true}, arrival{flow: 1}, arrival{flow: 2}, arrival{flow: 3, udp: true}
	for _, c := range []struct {
		name         string
		after        int64 // how long ago a ping followed the stream
		all          []arrival
		pass, behind int
	}{
		{"nobody but a stream: it is not put off", 2 * lately, []arrival{stream, stream, tail}, 3, 0},
		{"nobody but others", 2 * lately, []arrival{ping, same, ping}, 3, 0},
		{"the stream waits for whom came lately", lately / 2, []arrival{stream, stream}, 0, 2},
		{"whoever comes passes it", lately / 2, []arrival{stream, ping, stream, same}, 2, 2},
		{"the stream's own small packets do not", lately / 2, []arrival{stream, tail, ping}, 1, 2},
		{"nor do datagrams of the same hosts, which may be fragments", lately / 2, []arrival{{flow: 9, big: true, udp: true}, same, ping}, 1, 2},
		{"the first that comes behind a stream has what follows wait", 2 * lately, []arrival{stream, ping, stream}, 2, 1},
	} {
		var b backlog
		at, batch := &attachment{}, newBatch()
		start := int64(lately * 10)
		for _, a := range []arrival{stream, ping} {
			arrive(&b, at, batch, start, a)
		}
		if b.n != 0 {
			t.Fatalf("%s: the first ones wait", c.name)
		}
		if pass := arrive(&b, at, batch, start+c.after, c.all...); len(pass) != c.pass || b.n != c.behind {
			t.Errorf("%s: %d pass, want %d; %d wait, want %d", c.name, len(pass), c.pass, b.n, c.behind)
		}
	}
}

// TestNoPacketPassesItsOwnFlow: whatever comes when, and whatever has waited, each flow leaves in the order in which it came, and nothing is lost.
func TestNoPacketPassesItsOwnFlow(t *testing.T) {
	var b backlog
	r := rand.New(rand.NewPCG(1, 2))
	ports, batch := []*attachment{{}, {member: 1}}, newBatch()
	type flow struct {
		at   *attachment
		flow uint16
		udp  bool
	}
	last, came, left, passed, now := map[flow]uint32{}, 0, 0, 0, int64(lately)
	leaves := func(at *attachment, p *packet.Packet) {
		a, serial := serialOf(p)
		f := flow{at, a.flow, a.udp}
		if serial <= last[f] {
			t.Fatalf("%v: %d left after %d", f, serial, last[f])
		}
		last[f] = serial
		left++
	}
	for range 20_000 {
		now += r.Int64N(lately / 8)
		at := ports[r.IntN(2)]
		n := min(1+r.IntN(batchSize), b.room())
		for i := range n {
			came++
			arrival{flow: uint16(r.IntN(5)), big: r.IntN(3) == 0, udp: r.IntN(4) == 0}.into(batch[i], uint32(came))
		}
		waited := b.n
		pass := b.sort(at, batch[:n], func() int64 { return now })
		for _, p := range batch[:pass] {
			leaves(at, p)
		}
		if waited > 0 {
			passed += pass
		}
		for range r.IntN(batchSize) {
			if b.n > 0 {
				w := b.take()
				leaves(w.at, w.packet)
				b.free = append(b.free, w.packet)
			}
		}
		if b.n == backlogSize {
			w := b.take()
			leaves(w.at, w.packet)
			b.free = append(b.free, w.packet)
		}
	}
	if left+b.n != came || passed == 0 {
		t.Errorf("%d came, %d left, %d wait; %d passed others", came, left, b.n, passed)
	}
	waiting := 0
	for _, f := range b.flows {
		waiting += f.waiting
	}
	if waiting != b.n {
		t.Errorf("%d wait by flow, %d in all", waiting, b.n)
	}
}

func TestAStreamCatchesUpWhenNobodyPassesItAnyMore(t *testing.T) {
	w, at, batch := newWorker(NewRouter(Config{Now: func() int64 { return 1 }}), nil), &attachment{}, newBatch()
	t.Cleanup(func() { _ = w.router.Close() })
	w.slots, w.members = newSlots(), []*attachment{at}
	stream, ping, start := arrival{flow: 1, big: true}, arrival{flow: 2}, int64(10*lately)
	arrive(&w.backlog, at, batch, start, stream, ping, stream, stream, stream)
	w.catchUp()
	if w.backlog.n != 2 {
		t.Fatalf("%d wait for others' sake, want 2", w.backlog.n)
	}
	arrive(&w.backlog, at, batch, start+2*lately, stream)
	w.catchUp()
	if w.backlog.n != 0 {
		t.Errorf("%d wait for nobody's sake", w.backlog.n)
	}
	if pass := arrive(&w.backlog, at, batch, start+2*lately, stream); len(pass) != 1 {
		t.Error("a stream waits for nobody's sake")
	}
}

func TestWaitingDoesNotAllocate(t *testing.T) {
	b, at, batch := new(backlog), &attachment{}, newBatch()
	for i, p := range batch {
		arrival{flow: uint16(i % 3), big: i%3 == 0}.into(p, uint32(i))
	}
	now := func() int64 { return lately }
	turn := func() {
		b.sort(at, batch, now)
		for b.n > 0 {
			b.free = append(b.free, b.take().packet)
		}
	}
	turn()
	turn()
	if n := testing.AllocsPerRun(100, turn); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func TestWhatWaitsIsForgottenWithItsPort(t *testing.T) {
	w, gone := newWorker(NewRouter(Config{Now: func() int64 { return 1 }}), nil), &attachment{}
	t.Cleanup(func() { _ = w.router.Close() })
	w.members = []*attachment{{}} // another has its number
	w.backlog.flows[0].waiting++
	w.backlog.put(waiting{packet: packet.New(slotSize), at: gone})
	w.catchUp()
	if w.backlog.n != 0 || len(w.backlog.free) != 1 || gone.counters.PacketsIn+w.members[0].counters.PacketsIn != 0 {
		t.Errorf("%d wait, %d free; %d and %d packets counted", w.backlog.n, len(w.backlog.free), gone.counters.PacketsIn, w.members[0].counters.PacketsIn)
	}
}
