// Package packettest watches a router under test from outside, and makes packets for it. For tests only.
//
// [Checker] sits between a router and its ports, changes nothing, and judges every datagram that enters and leaves by what
// must hold of any router of VPCs, whatever the test is about. [Vectors] and [Stream] are what to send: odd packets by name, and
// ordinary ones at random.
package packettest

import (
	"fmt"
	"hash/maphash"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"vpcsim/dataplane/packet"
	"vpcsim/dataplane/port"
)

// Role is what is at the far end of a port.
type Role uint8

// The roles.
const (
	Instance Role = iota // a network interface with private addresses
	Internet             // an internet host, or a service as the internet sees it
	Endpoint             // a service behind an endpoint
)

// Checker judges what passes the ports that it watches, for any number of goroutines:
//
//   - INV-1: what leaves to the internet has a public source: one of the VPC's, unless it comes from the internet itself.
//   - INV-2: what reaches an instance is for one of its addresses.
//   - INV-3: every IPv4 header checksum is right. A transport checksum is right, wrong by the same amount, or absent, as it was
//     when the packet came in.
//   - INV-6: what came in went out or has a reason ([Checker.Balanced]).
//   - INV-8: the time to live does not go up; DF, DSCP and ECN stay.
//
// And nothing comes out that did not go in, but RSTs and ICMP errors, which are the router's own and must be right themselves.
//
// # State
//
// Of every datagram that enters the checker keeps a few words, under a hash of what no router changes: identification, sequence numbers,
// payload. What leaves must be like one of those that went in under its hash. Payloads should differ from each other, therefore: what is
// alike cannot be told apart. Nothing is forgotten until the test ends.
type Checker struct {
	t      testing.TB
	public []netip.Prefix
	seed   maphash.Seed

	mu      sync.Mutex
	whole   *packet.Packet       // guarded by mu; the packet that is looked at
	scratch *packet.Packet       // guarded by mu; what a wire would carry for it
	seen    map[uint64][]traits  // guarded by mu; by fingerprint
	large   map[[2]uint32]traits // guarded by mu; what may be fragmented, by protocol and identification
	in, out uint64               // guarded by mu; datagrams read, and written that had been read
	own     uint64               // guarded by mu; written that are the router's
	pieces  uint64               // guarded by mu; written as a fragment of what was read whole
}

// NewChecker returns a checker for VPCs whose public IPv4 addresses are in the given prefixes.
func NewChecker(t testing.TB, public ...netip.Prefix) *Checker {
	return &Checker{
		t: t, public: public, seed: maphash.MakeSeed(), whole: packet.New(packet.MaxSize), scratch: packet.New(packet.MaxSize),
		seen: map[uint64][]traits{}, large: map[[2]uint32]traits{},
	}
}

// Watch returns p as the router is to have it. An instance's own addresses are given unless its source/destination check is off.
func (c *Checker) Watch(p port.Port, role Role, own ...netip.Addr) port.Port {
	return &watched{Port: p, c: c, role: role, own: own}
}

// watched is a port with the checker in between.
type watched struct {
	port.Port
	c    *Checker
	role Role
	own  []netip.Addr
}

// Read notes what enters.
func (w *watched) Read(batch []*packet.Packet) (int, error) {
	n, err := w.Port.Read(batch)
	w.c.mu.Lock()
	defer w.c.mu.Unlock()
	for _, p := range batch[:n] {
		f := w.c.onWire(p, func(q *packet.Packet) { w.c.enter(q, w.role) })
		if f != packet.OK {
			w.c.in += uint64(w.c.whole.Segments()) // must not leave, and has no traits
		}
	}
	return n, err
}

// Write judges what leaves, whether or not the port takes it.
func (w *watched) Write(batch []*packet.Packet) (int, error) {
	w.c.mu.Lock()
	for _, p := range batch {
		f := w.c.onWire(p, func(q *packet.Packet) { w.c.leave(q, w) })
		if f != packet.OK {
			w.c.t.Errorf("INV-3: a packet left of which %s: % x", f, p.Bytes())
		}
	}
	w.c.mu.Unlock()
	return w.Port.Write(batch)
}

// onWire calls judge for p, or for each of its segments, as a wire would carry it: decoded from its bytes alone. mu is held.
func (c *Checker) onWire(p *packet.Packet, judge func(*packet.Packet)) packet.Fault {
	c.whole.CopyFrom(p)
	if f := c.whole.Decode(); f != packet.OK {
		return f
	}
	for segment := range c.whole.Cut(c.scratch) {
		judge(segment)
	}
	return packet.OK
}

func (c *Checker) enter(q *packet.Packet, role Role) {
	c.in++
	t := traitsOf(q, role)
	h := c.fingerprint(q)
	if !slices.Contains(c.seen[h], t) {
		c.seen[h] = append(c.seen[h], t)
	}
	if q.Version() == 4 && !q.DontFragment() {
		c.large[pieceOf(q)] = t
	}
}

func (c *Checker) leave(q *packet.Packet, to *watched) {
	if to.role == Instance && len(to.own) > 0 && !slices.Contains(to.own, q.Dst) {
		c.t.Errorf("INV-2: reached an instance that has %v: %s", to.own, describe(q))
	}
	if to.role == Endpoint && c.isPublic(q.Src) {
		c.t.Errorf("a gateway endpoint got a packet from a public address: %s", describe(q))
	}
	origin, whole := c.origin(q)
	switch {
	case origin != nil && whole:
		c.out++
	case origin != nil:
		c.pieces++
	default:
		c.own++
	}
	if to.role == Internet && !c.mayReachInternet(q, origin) {
		c.t.Errorf("INV-1: reached the internet: %s", describe(q))
	}
}

func (c *Checker) isPublic(a netip.Addr) bool {
	return slices.ContainsFunc(c.public, func(p netip.Prefix) bool { return p.Contains(a) })
}

// mayReachInternet is INV-1. IPv6 is not translated: there a global unicast address is a public one.
func (c *Checker) mayReachInternet(q *packet.Packet, origin *traits) bool {
	switch {
	case origin != nil && origin.role == Internet && origin.src == q.Src:
		return true
	case q.Src.Is6():
		return q.Src.IsGlobalUnicast() && !q.Src.IsPrivate()
	}
	return c.isPublic(q.Src)
}

// origin returns what a packet that leaves was when it came in, whole or in one piece; nil if it is the router's own. It complains
// where it is neither.
func (c *Checker) origin(q *packet.Packet) (origin *traits, whole bool) {
	all := c.seen[c.fingerprint(q)]
	now := traitsOf(q, Internet)
	for i := range all {
		if now.wrong(&all[i]) == "" {
			return &all[i], true
		}
	}
	if len(all) > 0 {
		c.t.Errorf("%s: %s, which was %+v", now.wrong(&all[0]), describe(q), all[0])
		return &all[0], true
	}
	if t, ok := c.large[pieceOf(q)]; ok && q.IsFragment() {
		now.checksum = t.checksum
		if wrong := now.wrong(&t); wrong != "" {
			c.t.Errorf("%s: a fragment %s of what was %+v", wrong, describe(q), t)
		}
		return &t, false
	}
	if reset := q.Protocol == packet.TCP && q.TCPFlags&packet.RST != 0; !reset && !q.IsICMPError() {
		c.t.Errorf("left, but never came in: %s", describe(q))
	}
	if now.checksum != 0 {
		c.t.Errorf("INV-3: the router's own, with a wrong checksum: %s", describe(q))
	}
	return nil, false
}

// Balanced is INV-6, once the router has ended and all of its ports were watched: counted in, out and dropped, and what the router
// itself sent, are the counts of the router.
func (c *Checker) Balanced(in, out, own uint64, dropped []uint64) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	sum := out
	for _, n := range dropped {
		sum += n
	}
	if in != sum {
		c.t.Errorf("INV-6: %d packets in, %d out or dropped", in, sum)
	}
	if in != c.in {
		c.t.Errorf("INV-6: the router counted %d packets in, its ports %d", in, c.in)
	}
	if lost := c.out - min(out, c.out); c.pieces == 0 && (out > c.out || lost > sum-out) {
		c.t.Errorf("INV-6: the router counted %d packets out, its ports %d", out, c.out)
	}
	if own > c.own {
		c.t.Errorf("INV-6: the router counted %d packets of its own, its ports %d", own, c.own)
	}
}

// describe is a packet in one line, and its bytes.
func describe(p *packet.Packet) string {
	return fmt.Sprintf("%s:%d > %s:%d, protocol %d: % x", p.Src, p.SrcPort, p.Dst, p.DstPort, p.Protocol, p.Bytes()[:min(80, p.Len())])
}
