package dataplane

import (
	"iter"

	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

// Counters counts packets and their bytes. PacketsIn = PacketsOut + the sum of Drops holds at every moment they can be read:
// no packet is lost without a reason. Of bytes the same holds but for what pads a datagram on its link, which only BytesIn has.
// Super-packets count as the segments they stand for. PacketsOut does not count what the router itself sends; Resets and
// ICMPErrors do. A fragment that waits for the first one of its datagram counts as dropped (drop.Held) until it goes on,
// when it is resumed.
type Counters struct {
	PacketsIn, BytesIn   uint64
	PacketsOut, BytesOut uint64
	Resets, ICMPErrors   uint64
	Drops                [drop.Count]uint64 // packets by reason; index 0 is unused
	DropBytes            [drop.Count]uint64
	// Resumed is how many fragments have gone on. Drops[drop.Held] is those that ever waited less these. Of one interface it
	// can be below zero, modulo 1<<64: a fragment may go on with a first one that came in elsewhere.
	Resumed, ResumedBytes uint64
}

func (c *Counters) add(d *Counters) {
	c.PacketsIn += d.PacketsIn
	c.BytesIn += d.BytesIn
	c.PacketsOut += d.PacketsOut
	c.BytesOut += d.BytesOut
	c.Resets += d.Resets
	c.ICMPErrors += d.ICMPErrors
	c.Resumed += d.Resumed
	c.ResumedBytes += d.ResumedBytes
	for i := range c.Drops {
		c.Drops[i] += d.Drops[i]
		c.DropBytes[i] += d.DropBytes[i]
	}
}

// Dropped is the sum of the drops.
func (c *Counters) Dropped() (sum uint64) {
	for _, n := range c.Drops {
		sum += n
	}
	return sum
}

// ByReason are the reasons for which packets were dropped, in drop's order, and how many.
func (c *Counters) ByReason() iter.Seq2[drop.Reason, uint64] {
	return func(yield func(drop.Reason, uint64) bool) {
		for reason, n := range c.Drops {
			if n > 0 && !yield(drop.Reason(reason), n) {
				return
			}
		}
	}
}

// drop counts a packet as dropped.
func (c *Counters) drop(p *packet.Packet, reason drop.Reason) {
	c.Drops[reason] += uint64(p.Segments())
	c.DropBytes[reason] += uint64(p.WireBytes())
}

// resume takes back that a fragment was dropped.
func (c *Counters) resume(p *packet.Packet) {
	c.Resumed++
	c.ResumedBytes += uint64(p.Len())
	c.Drops[drop.Held]--
	c.DropBytes[drop.Held] -= uint64(p.Len())
}

// InterfaceCounters counts what one interface sends and gets. Counters is of what entered the router here: PacketsOut is how many of
// those were delivered, wherever to, and the drops are of those, wherever they were dropped. So each interface balances by itself.
type InterfaceCounters struct {
	ID string
	Counters
	Delivered Count // here, whoever sent them; without what the router itself sent. The sum over all interfaces is that of PacketsOut
}

// Usage is all that the router has counted. Every worker's part is of a moment between two of its batches.
type Usage struct {
	Total      Counters            // of all ports, detached ones included
	Interfaces []InterfaceCounters // those that have a port, in no order
	Counts     map[Counted]Count   // of all that the current snapshot has
	Uncounted  int                 // things of the snapshot that are not counted, because there are more than maxCounted
}

// Counters returns the sums over all ports, detached ones included.
func (r *Router) Counters() Counters {
	r.mu.Lock()
	defer r.mu.Unlock()
	sum := r.total
	for w := range r.workers {
		w.mu.Lock()
		for a := range w.ports {
			sum.add(&a.counters)
		}
		w.mu.Unlock()
	}
	return sum
}

// FlowCount is how many flows are in the table.
func (r *Router) FlowCount() int { return r.flows.Len() }

// Usage returns all that was counted. It holds up every worker for about as long as a batch takes.
func (r *Router) Usage() *Usage {
	r.mu.Lock()
	defer r.mu.Unlock()
	u := &Usage{Total: r.total, Counts: make(map[Counted]Count, len(r.register.numbers)), Uncounted: r.register.uncounted}
	sums := make([]Count, len(r.register.retired))
	copy(sums, r.register.retired)
	for w := range r.workers {
		w.mu.Lock()
		for a := range w.ports {
			u.Total.add(&a.counters)
			u.Interfaces = append(u.Interfaces, InterfaceCounters{ID: a.id, Counters: a.counters})
		}
		w.tallies.addTo(sums)
		w.mu.Unlock()
	}
	for thing, at := range r.register.numbers {
		u.Counts[thing] = sums[at.number]
	}
	for n := range u.Interfaces {
		i := &u.Interfaces[n]
		i.Delivered = u.Counts[Counted{Kind: CountedDelivery, ID: i.ID}]
	}
	return u
}
