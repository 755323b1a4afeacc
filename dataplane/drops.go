package dataplane

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

// ringSize is how many of the last drops a router remembers.
const ringSize = 512

// ring holds a router's last drops, always. Who drops a packet takes the next number and fills the slot that it stands for; a slot
// has a mutex of its own, so that workers wait for each other only if one is overtaken by all the slots of the ring.
type ring struct {
	next  atomic.Uint64
	slots [ringSize]slot
}

type slot struct {
	mu     sync.Mutex
	number uint64 // guarded by mu; 0 for an empty slot
	fallen fallen // guarded by mu
}

// fallen is a dropped packet: an Observation that is not in words yet.
type fallen struct {
	about Observation // all but End
	end   decision
}

func (f *fallen) observation() Observation {
	o := f.about
	o.End = f.end.step()
	return o
}

func (r *ring) add(f *fallen) {
	n := r.next.Add(1)
	s := &r.slots[n%ringSize]
	s.mu.Lock()
	if s.number < n {
		s.number, s.fallen = n, *f
	}
	s.mu.Unlock()
}

// LastDrops returns the last n drops that the filter lets through, of the few hundred that are remembered, the oldest first. Of each
// there is the last step only, and nothing of its bytes: a filter with an Expression lets none through.
func (r *Router) LastDrops(filter Filter, n int) (last []Observation) {
	filter = filter.normal()
	type numbered struct {
		number uint64
		fallen fallen
	}
	var all []numbered
	for i := range r.drops.slots {
		s := &r.drops.slots[i]
		s.mu.Lock()
		if s.number != 0 {
			all = append(all, numbered{s.number, s.fallen})
		}
		s.mu.Unlock()
	}
	slices.SortFunc(all, func(a, b numbered) int { return int(int64(b.number - a.number)) })
	for _, x := range all {
		if len(last) == n {
			break
		}
		o := x.fallen.observation()
		if filter.Expression == nil && filter.enters(o.From, o.Protocol, o.Src, o.Dst) && filter.ended(&o) {
			last = append(last, o)
		}
	}
	slices.Reverse(last)
	return last
}

// unfit notes that a packet could not even set out.
func (w *Worker) unfit(p *packet.Packet, reason drop.Reason) drop.Reason {
	w.source, w.entered = netip.AddrPortFrom(p.Src, p.SrcPort), netip.AddrPortFrom(p.Dst, p.DstPort)
	w.fatal = made(StageInterface, w.in.id, p, reason)
	return reason
}

// dropped tells that a packet was dropped by the decision in w.fatal. A fragment that has to wait was not.
func (w *Worker) dropped(p *packet.Packet) {
	f := fallen{about: w.observation(p), end: w.fatal}
	w.fell(&f)
}

// lost tells that the port of an interface did not take a packet. Who it came from is known, but not any more what its addresses
// were then.
func (w *Worker) lost(to *Interface, p *packet.Packet, reason drop.Reason) {
	f := fallen{about: w.observation(p), end: made(StageInterface, to.ID, p, reason)}
	if w.film.followers == 0 { // else the packet is the one under way
		f.about.Src, f.about.Dst, w.film.decoded = f.end.src, f.end.dst, false
	}
	w.fell(&f)
}

func (w *Worker) fell(f *fallen) {
	if f.end.drop != drop.Held {
		w.router.drops.add(f)
	}
	if w.watch != nil {
		o := f.observation()
		w.tell(&o)
	}
}
