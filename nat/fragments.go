package nat

import (
	"encoding/binary"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

// Fragments of UDP datagrams (aws-semantics 5.2; RFC 4787 REQ-14). Only the first has ports. When it has crossed, the address
// that it got is noted for its datagram, and later fragments get the same. One that comes before the first is copied and
// held; when the first has crossed, [Gateway.Release] hands it back.
//
// All of it is bounded, and nothing else in the gateway waits for its lock: a flood of fragments makes datagrams in fragments
// get lost and nothing else. A datagram is noted, and a fragment held, for 30 s, as long as a host waits (RFC 1122 3.3.2).
const (
	fragmentTime = 30 * time.Second
	sets         = 256 // of noted datagrams, power of two
	ways         = 4
	maxHeld      = 256 // fragments
	blockSize    = 512 // bytes
	blocks       = 512 // so at most 256 KiB are held
)

// datagram is what the fragments of a UDP datagram have in common.
type datagram struct{ src, dst, id uint32 }

func datagramOf(p *packet.Packet) datagram {
	return datagram{number(p.Src), number(p.Dst), uint32(binary.BigEndian.Uint16(p.Bytes()[4:]))}
}

// noted is a datagram whose first fragment has crossed.
type noted struct {
	datagram
	address uint32 // in place of its source or, inbound, destination
	until   int64
}

// held is a fragment that waits for the first of its datagram.
type held struct {
	datagram
	until   int64
	size    int   // bytes; 0 is an unused place
	block   int16 // the first of a chain
	offset  uint16
	inbound bool
	ready   bool // the first has crossed
}

type fragments struct {
	ready   atomic.Int32 // held fragments that Release may hand back; changed with mu held
	mu      sync.Mutex
	noted   [sets][ways]noted // guarded by mu
	held    [maxHeld]held     // guarded by mu
	waiting int               // guarded by mu; how many are held
	memory  [blocks][blockSize]byte
	next    [blocks]int16 // guarded by mu, as is memory; the chain of each block, negative at its end
	free    int16         // guarded by mu; the chain of unused blocks
	unused  int           // guarded by mu; how many those are
}

func (t *fragments) begin() {
	for b := range t.next {
		t.next[b] = int16(b) - 1
	}
	t.free, t.unused = blocks-1, blocks
}

// crossFragment is Cross for a fragment.
func (g *Gateway) crossFragment(c *config, p *packet.Packet) drop.Reason {
	inbound := c.isInbound(p)
	if !p.LaterFragment() {
		return g.crossFirst(c, p, inbound)
	}
	k, reason := c.judge(p, inbound)
	if reason == drop.None && inbound && p.TTL() <= 1 {
		reason = drop.TTLExpired
	}
	if reason == drop.None {
		if reason = g.fragments.cross(p, inbound); reason == drop.Held {
			return reason
		}
	}
	if !p.Probe {
		s := g.shard(&k)
		s.mu.Lock()
		s.metrics.count(inbound, 1, p.Len(), reason)
		s.mu.Unlock()
	}
	return reason
}

// crossFirst is Cross for the first fragment of a datagram.
func (g *Gateway) crossFirst(c *config, p *packet.Packet, inbound bool) drop.Reason {
	var d datagram
	if p.Src.Is4() {
		d = datagramOf(p)
	}
	reason := g.crossWhole(c, p, inbound)
	if reason == drop.None && !p.Probe {
		a := p.Src
		if inbound {
			a = p.Dst
		}
		g.fragments.note(d, number(a), p.Time)
	}
	return reason
}

// cross translates a later fragment, or holds it.
func (t *fragments) cross(p *packet.Packet, inbound bool) drop.Reason {
	d := datagramOf(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.find(d, p.Time)
	switch {
	case n == nil && p.Probe:
		return drop.Held
	case n == nil:
		return t.hold(d, p, inbound)
	}
	p.DecrementTTL()
	if inbound {
		p.SetDst(address(n.address))
	} else {
		p.SetSrc(address(n.address))
	}
	return drop.None
}

func (t *fragments) set(d datagram) *[ways]noted {
	hi, lo := bits.Mul64(uint64(d.src)<<32|uint64(d.dst), 0x9e3779b97f4a7c15^uint64(d.id)<<20)
	return &t.noted[(hi^lo)>>32%sets]
}

// find returns what is noted of a datagram, or nil.
func (t *fragments) find(d datagram, now int64) *noted {
	set := t.set(d)
	for i := range set {
		if n := &set[i]; n.datagram == d && now < n.until {
			return n
		}
	}
	return nil
}

// note remembers the address that the first fragment of a datagram got, in place of what was noted longest ago.
func (t *fragments) note(d datagram, address uint32, now int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	set := t.set(d)
	place := &set[0]
	for i := range set {
		n := &set[i]
		if n.datagram == d {
			place = n
			break
		}
		if n.until < place.until {
			place = n
		}
	}
	*place = noted{d, address, now + int64(fragmentTime)}
	for i := 0; t.waiting > 0 && i < len(t.held); i++ {
		if h := &t.held[i]; h.size > 0 && !h.ready && h.datagram == d {
			h.ready = true
			t.ready.Add(1)
		}
	}
}

// hold copies p, if there is room.
func (t *fragments) hold(d datagram, p *packet.Packet, inbound bool) drop.Reason {
	b := p.Bytes()
	if t.unused*blockSize < len(b) {
		return drop.NATFragment
	}
	for i := range t.held {
		if t.held[i].size > 0 {
			continue
		}
		t.held[i] = held{
			datagram: d, until: p.Time + int64(fragmentTime), size: len(b), block: t.free,
			offset: binary.BigEndian.Uint16(b[6:]) & 0x1fff, inbound: inbound,
		}
		t.waiting++
		t.store(b)
		return drop.Held
	}
	return drop.NATFragment
}

// store copies b into the first unused blocks, which must be enough.
func (t *fragments) store(b []byte) {
	last := t.free
	for len(b) > 0 {
		last = t.free
		b = b[copy(t.memory[last][:], b):]
		t.free = t.next[last]
		t.unused--
	}
	t.next[last] = -1
}

// drop frees a place and its blocks.
func (t *fragments) drop(h *held) {
	if h.ready {
		t.ready.Add(-1)
	}
	last := h.block
	t.unused++
	for t.next[last] >= 0 {
		last = t.next[last]
		t.unused++
	}
	t.next[last], t.free = t.free, h.block
	t.waiting--
	*h = held{}
}

// Release makes dst a fragment that was held and whose first fragment has crossed since, as it came: the caller calls Cross
// for it again. It returns false if there is none. Of one datagram they come in order. Call it after a fragment has crossed,
// until it is false; it costs an atomic load while there is none. dst's Probe stays, and its Time unless the fragment came
// later. It panics if dst has no room.
func (g *Gateway) Release(dst *packet.Packet) bool {
	t := &g.fragments
	if t.ready.Load() == 0 {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var first *held
	for i := range t.held {
		if h := &t.held[i]; h.ready && (first == nil || h.offset < first.offset) {
			first = h
		}
	}
	if first == nil {
		return false
	}
	dst.SetLen(first.size)
	b := dst.Bytes()
	for block := first.block; block >= 0; block = t.next[block] {
		b = b[copy(b, t.memory[block][:]):]
	}
	dst.Time = max(dst.Time, first.until-int64(fragmentTime))
	t.drop(first)
	return dst.Decode() == packet.OK
}

// expire drops the fragments that have been held for too long, and returns the counts of that.
func (t *fragments) expire(now int64) (lost Metrics) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := 0; t.waiting > 0 && i < len(t.held); i++ {
		if h := &t.held[i]; h.size > 0 && h.until <= now {
			lost.count(h.inbound, 1, h.size, drop.NATFragment)
			t.drop(h)
		}
	}
	return lost
}

// configure forgets what is noted: its addresses may have gone.
func (t *fragments) configure() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.noted[:])
}
