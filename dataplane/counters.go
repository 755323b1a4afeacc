package dataplane

import (
	"sync/atomic"

	"vpcsim/dataplane/drop"
)

// Counters counts packets. PacketsIn = PacketsOut + the sum of Drops always holds: no packet is lost without a reason.
// Super-packets count as the segments they stand for. PacketsOut does not count what the router itself sends; Resets and
// ICMPErrors do. A fragment that waits for the first one of its datagram counts as dropped (drop.Held) until it goes on.
type Counters struct {
	PacketsIn, BytesIn   uint64
	PacketsOut, BytesOut uint64
	Resets, ICMPErrors   uint64
	Drops                [drop.Count]uint64 // by reason; index 0 is unused
}

func (c *Counters) add(d Counters) {
	c.PacketsIn += d.PacketsIn
	c.BytesIn += d.BytesIn
	c.PacketsOut += d.PacketsOut
	c.BytesOut += d.BytesOut
	c.Resets += d.Resets
	c.ICMPErrors += d.ICMPErrors
	for i := range c.Drops {
		c.Drops[i] += d.Drops[i]
	}
}

// counters are one worker's, which alone writes them; anybody may read.
type counters struct {
	packetsIn, bytesIn   atomic.Uint64
	packetsOut, bytesOut atomic.Uint64
	resets, icmpErrors   atomic.Uint64
	drops                [drop.Count]atomic.Uint64
}

func (c *counters) read() (d Counters) {
	d.PacketsIn, d.BytesIn = c.packetsIn.Load(), c.bytesIn.Load()
	d.PacketsOut, d.BytesOut = c.packetsOut.Load(), c.bytesOut.Load()
	d.Resets, d.ICMPErrors = c.resets.Load(), c.icmpErrors.Load()
	for i := range c.drops {
		d.Drops[i] = c.drops[i].Load()
	}
	return d
}
