package dataplane

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/packet"
)

// How much flows carry.
//
// # State
//
// A flow has no counters: it fills its place in the table, and counting there would have two workers write to the same memory. So flows
// are metered only while somebody watches, each worker by itself, in a small table of its own that it makes with the first packet
// and lets go of when nobody watches any more. Time is cut into windows of about a second. Of each flow the table has the
// current window and the one before it; that one, being complete, is what is shown.
//
// When the table has no place left for a flow, the least of those in its row loses its place once others have wanted it more often than
// it had packets. So what carries much is found soon and stays, and of what carries little some is not shown.

const (
	windowBits = 30 // of nanoseconds: a window is 1.07 s
	meterRows  = 64
	meterWidth = 4 // flows in a row
)

// Window is how long a flow's packets are counted for one rate: rates are of the last window that has ended.
const Window = time.Duration(1 << windowBits)

// traffic is what an interface sent and received of a flow in one window.
type traffic struct{ sent, received Count }

func (t *traffic) packets() uint64 { return t.sent.Packets + t.received.Packets }

// metered is one flow.
type metered struct {
	flow      conntrack.Tuple
	window    int64 // the number of the current one
	now, last traffic
	wanted    uint64 // how often another flow wanted the place in this window
}

// meter is one worker's table.
type meter struct {
	rows [meterRows][meterWidth]metered
}

// setMeter begins or ends metering.
func (w *Worker) setMeter(on bool) {
	w.meter = nil
	if on {
		w.meter = new(meter)
	}
}

// add counts a packet of a flow.
func (m *meter) add(flow conntrack.Tuple, p *packet.Packet, d direction) {
	window := p.Time >> windowBits
	e := m.place(flow, window)
	if e == nil {
		return
	}
	e.turn(window)
	c := &e.now.received
	if d == outbound {
		c = &e.now.sent
	}
	c.Packets += uint64(p.Segments())
	c.Bytes += uint64(p.WireBytes())
}

// turn begins a window.
func (e *metered) turn(window int64) {
	if e.window == window {
		return
	}
	e.last = traffic{}
	if e.window == window-1 {
		e.last = e.now
	}
	e.window, e.now, e.wanted = window, traffic{}, 0
}

// place finds the place of a flow, or makes it one; nil if the row is full of better ones.
func (m *meter) place(flow conntrack.Tuple, window int64) *metered {
	row := &m.rows[rowOf(flow)]
	least := &row[0]
	for i := range row {
		e := &row[i]
		if e.flow == flow {
			return e
		}
		e.turn(max(e.window, window-1)) // what is older than that has nothing to say
		if e.worth() < least.worth() {
			least = e
		}
	}
	if least.wanted < least.worth() {
		least.wanted++
		return nil
	}
	*least = metered{flow: flow, window: window}
	return least
}

func (e *metered) worth() uint64 { return e.now.packets() + e.last.packets() }

// rowOf chooses the row of a flow.
func rowOf(f conntrack.Tuple) uint64 {
	local, remote := f.Local.Addr().As16(), f.Remote.Addr().As16()
	h := binary.BigEndian.Uint64(local[8:])*0x9e3779b97f4a7c15 ^ binary.BigEndian.Uint64(remote[8:])
	h = (h ^ uint64(f.Local.Port())<<40 ^ uint64(f.Remote.Port())<<24 ^ uint64(f.Zone)<<8 ^ uint64(f.Protocol)) * 0xd6e8feb86659fd93
	return h >> 32 % meterRows
}

// FlowRate is what one interface sent and received of a flow in the last window.
type FlowRate struct {
	Interface      *Interface
	Protocol       uint8
	Local, Remote  netip.AddrPort
	Sent, Received Count
}

// Bytes is both directions together.
func (f *FlowRate) Bytes() uint64 { return f.Sent.Bytes + f.Received.Bytes }

// WatchFlows has the workers meter flows for so long. Who watches on calls it again.
func (r *Router) WatchFlows(d time.Duration) {
	until := r.now() + int64(d)
	for {
		old := r.metered.Load()
		if old >= until || r.metered.CompareAndSwap(old, until) {
			return
		}
	}
}

// FlowRates returns the flows that carried the most bytes in the last window, at most so many, the first one first; nothing
// unless they were watched for that long. An interface knows 256 flows at a time.
func (r *Router) FlowRates(most int) []FlowRate {
	sums := map[conntrack.Tuple]traffic{}
	window := r.now() >> windowBits
	r.mu.Lock()
	for w := range r.workers {
		w.mu.Lock()
		if m := w.meter; m != nil {
			m.addTo(sums, window)
		}
		w.mu.Unlock()
	}
	r.mu.Unlock()
	var all []FlowRate
	s := r.Snapshot()
	for flow, t := range sums {
		if i := s.zones[flow.Zone]; i != nil && t.packets() > 0 {
			all = append(all, FlowRate{i, flow.Protocol, flow.Local, flow.Remote, t.sent, t.received})
		}
	}
	slices.SortFunc(all, func(a, b FlowRate) int {
		return cmp.Or(cmp.Compare(b.Bytes(), a.Bytes()), a.Local.Compare(b.Local), a.Remote.Compare(b.Remote), cmp.Compare(a.Interface.ID, b.Interface.ID))
	})
	return all[:min(most, len(all))]
}

// addTo adds what flows carried in the window before the given one.
func (m *meter) addTo(sums map[conntrack.Tuple]traffic, window int64) {
	for i := range m.rows {
		for j := range m.rows[i] {
			e := &m.rows[i][j]
			t := traffic{}
			switch e.window {
			case window:
				t = e.last
			case window - 1:
				t = e.now
			default:
				continue
			}
			sum := sums[e.flow]
			sum.sent.Packets += t.sent.Packets
			sum.sent.Bytes += t.sent.Bytes
			sum.received.Packets += t.received.Packets
			sum.received.Bytes += t.received.Bytes
			sums[e.flow] = sum
		}
	}
}
