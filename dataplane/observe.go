package dataplane

import (
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"

	"vpcsim/dataplane/capture"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

// Who watches packets is one immutable list, replaced whole by [Router.Observe], [Router.Capture] and their Close. A worker loads
// it once per batch; while nobody watches it is nil, and that is all a packet costs.
//
// A watcher that wants no more than how packets were dropped is asked only when one is: the others pay nothing for it. For any
// other the worker decides at a packet's entry whether it is one of those wanted (Filter.enters, sampling), and then follows it:
// its steps are recorded as those of a trace are, by the same code, and it is delivered alone, so that what is told of it at its
// end is what became of it. Telling never waits: a watcher who is too slow loses records, and can know how many.

// Observation is what became of one packet; of a super-packet, of all its segments.
type Observation struct {
	Time               int64  // monotonic nanoseconds when it was read
	From, To           string // ids of the interfaces that sent it and that got it; To is empty if it was dropped
	Protocol, TCPFlags uint8
	ICMPType, ICMPCode uint8
	Length, Segments   int            // bytes of all datagrams that a wire would carry for it, headers included, and how many those are
	Src, Dst           netip.AddrPort // when it entered; invalid of a malformed one. Of one that was lost on the way out: when it left

	end   decision
	steps []decision
}

// Drop is why it was dropped; None if it was not.
func (o *Observation) Drop() drop.Reason { return o.end.drop }

// End is the last decision: what dropped it, or the interface that got it. It is put into words here, by who reads it.
func (o *Observation) End() Step { return o.end.step() }

// Steps are all decisions, if they were wanted; else none.
func (o *Observation) Steps() []Step { return inWords(o.steps) }

// Observer gets observations.
type Observer struct {
	C <-chan *Observation // never closed

	queue  chan *Observation
	missed atomic.Uint64
	router *Router
	self   *watcher
}

// Observing says what an observer wants to be told of.
type Observing struct {
	Filter Filter
	Sample int  // one in so many of the packets that the filter lets in, by each port's own count; 0 is 1
	Steps  bool // with all their steps, also of those that were dropped
	Queue  int  // how many observations may wait for the reader; 0 is 1024
}

// watcher is one who watches.
type watcher struct {
	Filter
	sample   uint32
	steps    bool // it wants the steps, or its filter or a point does
	cold     bool // it wants only how packets were dropped
	observer *Observer
	capture  *Capture // in place of observer
}

// watching is everybody who watches.
type watching struct {
	all      []*watcher
	hot      bool // somebody follows packets
	original bool // a cold one wants packets as they entered
	captures bool
}

// maxWatchers is how many there can be: followers are the bits of a number.
const maxWatchers = 64

// Observe tells what becomes of packets from now on, until Close of what it returns. It fails if too many watch.
func (r *Router) Observe(o Observing) (*Observer, error) {
	if o.Queue <= 0 {
		o.Queue = 1024
	}
	f := o.Filter.normal()
	seen := &Observer{queue: make(chan *Observation, o.Queue), router: r}
	seen.C = seen.queue
	steps := o.Steps || f.NAT.IsValid()
	seen.self = &watcher{Filter: f, sample: uint32(max(o.Sample, 1)), steps: steps, cold: f.Verdict == Dropped && !steps, observer: seen}
	return seen, r.join(seen.self)
}

// Missed is how many observations the queue had no room for so far.
func (o *Observer) Missed() uint64 { return o.missed.Load() }

// Close ends the observation. What is in the queue can still be read.
func (o *Observer) Close() { o.router.leave(o.self) }

// offer puts a copy of an observation into the queue, if there is room.
func (o *Observer) offer(seen *Observation) {
	if len(o.queue) == cap(o.queue) { // in vain
		o.missed.Add(1)
		return
	}
	told := *seen
	if told.steps = nil; o.self.steps {
		told.steps = slices.Clone(seen.steps)
	}
	select {
	case o.queue <- &told:
	default:
		o.missed.Add(1)
	}
}

// Watched says whether somebody watches packets. Batches that began before may not know of it yet.
func (r *Router) Watched() bool { return r.watch.Load() != nil }

func (r *Router) join(w *watcher) error {
	r.watchMu.Lock()
	defer r.watchMu.Unlock()
	now := r.watch.Load()
	if now == nil {
		now = &watching{}
	}
	if len(now.all) == maxWatchers {
		return fmt.Errorf("%d observers and captures run already, which is the most: end one", maxWatchers)
	}
	r.watch.Store(watchingOf(append(slices.Clone(now.all), w)))
	return nil
}

func (r *Router) leave(w *watcher) {
	r.watchMu.Lock()
	defer r.watchMu.Unlock()
	if now := r.watch.Load(); now != nil {
		r.watch.Store(watchingOf(slices.DeleteFunc(slices.Clone(now.all), func(x *watcher) bool { return x == w })))
	}
}

// watchingOf returns nil for nobody.
func watchingOf(all []*watcher) *watching {
	if len(all) == 0 {
		return nil
	}
	v := &watching{all: all}
	for _, w := range all {
		v.hot = v.hot || !w.cold
		v.original = v.original || w.cold && w.Expression != nil
		v.captures = v.captures || w.capture != nil
	}
	return v
}

// film is what a worker notes of the packet that somebody watches.
type film struct {
	followers uint64         // the watchers that follow it, as bits
	steps     []decision     // reused
	counts    []uint32       // per watcher: how many packets it wanted, for sampling
	original  *packet.Packet // the packet as it entered, if a cold watcher wants that; reused
	decoded   bool           // the packet under way is well formed
	shots     []shot         // reused
	bytes     []byte         // of the shots; reused
	own       bool           // what is written is the router's own
	seen      Observation    // of the packet under way, while it is told; reused
}

// watched notes that others watch now.
func (w *Worker) watched(v *watching) {
	w.watch, w.film = v, film{}
	if v != nil {
		w.film.counts = make([]uint32, len(v.all))
	}
	if v != nil && v.original {
		w.film.original = packet.New(packet.MaxSize)
	}
}

// enter is begin for a packet that comes from the port.
func (w *Worker) enter(p *packet.Packet, fault packet.Fault) {
	w.begin(p, fault)
	if w.film.followers != 0 {
		w.shoot(Place{Point: Point{Port: true, Where: w.in.id}}, capture.Outbound, p)
	}
}

// begin decides who follows a packet.
func (w *Worker) begin(p *packet.Packet, fault packet.Fault) {
	v, m := w.watch, &w.film
	m.decoded = fault == packet.OK
	if v.original && m.decoded {
		m.original.CopyFrom(p)
	}
	if !v.hot {
		return
	}
	src, dst := netip.AddrPortFrom(p.Src, p.SrcPort), netip.AddrPortFrom(p.Dst, p.DstPort)
	followers, steps := uint64(0), false
	for n, by := range v.all {
		switch {
		case by.cold || !by.enters(w.in.id, p.Protocol, src, dst):
		case by.capture == nil && by.Expression != nil && (!m.decoded || !by.Expression.Match(p)):
		case !w.chosen(n):
		default:
			followers |= 1 << n
			steps = steps || by.steps
		}
	}
	if followers == 0 {
		return
	}
	w.flush() // what is pending is of packets that others follow, or nobody
	if m.followers = followers; steps {
		w.steps = &m.steps
	}
}

// chosen counts a packet that watcher n wants, and says whether it is the one in so many.
func (w *Worker) chosen(n int) bool {
	m := &w.film
	count := m.counts[n]
	if m.counts[n]++; m.counts[n] == w.watch.all[n].sample {
		m.counts[n] = 0
	}
	return count == 0
}

// observation is what there is to tell of the packet under way, as it is now. What ended it is to be added.
func (w *Worker) observation(p *packet.Packet) Observation {
	return Observation{
		Time: p.Time, From: w.in.id, Protocol: p.Protocol, TCPFlags: p.TCPFlags, ICMPType: p.ICMPType, ICMPCode: p.ICMPCode,
		Length: p.WireBytes(), Segments: p.Segments(), Src: w.source, Dst: w.entered,
	}
}

// delivered tells that a packet has reached interface to.
func (w *Worker) delivered(to *Interface, p *packet.Packet) {
	o := &w.film.seen
	*o = w.observation(p)
	o.To, o.end = to.ID, made(StageInterface, to.ID, p, drop.None)
	w.tell(o)
}

// tell tells those who follow the packet, and of a dropped one those who only want to know that, what became of it. Nobody follows
// it any further.
func (w *Worker) tell(o *Observation) {
	m := &w.film
	o.steps = m.steps
	for n, by := range w.watch.all {
		switch {
		case m.followers>>n&1 == 0 && !(by.cold && w.wants(n, o)), !by.ended(o):
		case by.capture != nil:
			w.develop(n, o)
		case o.end.drop != drop.Held: // which is not the end of it
			by.observer.offer(o)
		}
	}
	m.followers, m.steps, m.shots, m.bytes, w.steps = 0, m.steps[:0], m.shots[:0], m.bytes[:0], nil
}

// wants is what begin asks, for a watcher who wants to know only of what was dropped.
func (w *Worker) wants(n int, o *Observation) bool {
	by := w.watch.all[n]
	return o.end.drop != drop.None && by.enters(o.From, o.Protocol, o.Src, o.Dst) &&
		(by.Expression == nil || w.film.decoded && by.Expression.Match(w.film.original)) && w.chosen(n)
}
