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
	number uint64      // guarded by mu; 0 for an empty slot
	last   Observation // guarded by mu; without steps
}

func (r *ring) add(o *Observation) {
	n := r.next.Add(1)
	s := &r.slots[n%ringSize]
	s.mu.Lock()
	if s.number < n {
		s.number, s.last = n, *o
	}
	s.mu.Unlock()
}

// LastDrops returns the last n drops that the filter lets through, of the few hundred that are remembered, the oldest first. Of each
// there is the last step only, and nothing of its bytes: a filter with an Expression lets none through.
func (r *Router) LastDrops(filter Filter, n int) (last []Observation) {
	filter = filter.normal()
	type numbered struct {
		number uint64
		last   Observation
	}
	var all []numbered
	for i := range r.drops.slots {
		s := &r.drops.slots[i]
		s.mu.Lock()
		if s.number != 0 {
			all = append(all, numbered{s.number, s.last})
		}
		s.mu.Unlock()
	}
	slices.SortFunc(all, func(a, b numbered) int { return int(int64(b.number - a.number)) })
	for _, x := range all {
		if len(last) == n {
			break
		}
		if o := x.last; filter.Expression == nil && filter.enters(o.From, o.Protocol, o.Src, o.Dst) && filter.ended(&o) {
			last = append(last, o)
		}
	}
	slices.Reverse(last)
	return last
}

// unfit notes that a packet could not even set out.
func (w *Worker) unfit(p *packet.Packet, reason drop.Reason) drop.Reason {
	w.source, w.entered = netip.AddrPortFrom(p.Src, p.SrcPort), netip.AddrPortFrom(p.Dst, p.DstPort)
	return w.step(StageInterface, w.in.id, nil, p, reason)
}

// dropped tells that a packet was dropped by the decision in w.fatal. A fragment that has to wait was not.
func (w *Worker) dropped(p *packet.Packet) {
	o := w.observation(p)
	o.end = w.fatal
	w.fell(o)
}

// lost tells that the port of an interface did not take a packet. Who it came from is known, but not any more what its addresses
// were then.
func (w *Worker) lost(to *Interface, p *packet.Packet, reason drop.Reason) {
	o := w.observation(p)
	w.step(StageInterface, to.ID, nil, p, reason)
	o.end = w.fatal
	decoded := w.film.decoded
	if w.film.followers == 0 { // else the packet is the one under way
		o.Src, o.Dst, w.film.decoded = o.end.src, o.end.dst, false
	}
	w.fell(o)
	w.film.decoded = decoded
}

// fell remembers a drop, and tells of it.
func (w *Worker) fell(o Observation) {
	if o.end.drop != drop.Held {
		w.router.drops.add(&o)
	}
	if w.watch != nil {
		w.film.seen = o
		w.tell(&w.film.seen)
	}
}
