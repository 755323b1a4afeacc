package dataplane

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"vpcsim/dataplane/aggregation"
	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
	"vpcsim/dataplane/port"
)

// batchSize is how many packets a worker takes from its port at once: enough to share the cost of loading the snapshot and
// the clock, few enough that a commit never waits long for a batch to end.
const batchSize = 64

// Worker carries packets from its ports to wherever they go: the goroutine that read a packet also writes it (input.go). Only that
// goroutine uses the worker; who holds mu may read the counts.
type Worker struct {
	router *Router
	poller port.Poller // of the worker's thread; nil if it has but one port, and waits for that

	mu       sync.Mutex    // held during a batch; Commit takes it to wait for the batch to end, and who reads counts takes it
	members  []*attachment // guarded by mu; the ports, nil where there is none any more
	tallies  tallies       // of what the packets met; pages are made as needed
	meter    *meter        // of flows; nil while nobody watches
	snapshot *Snapshot

	in       *attachment      // the port of the batch
	from     *Interface       // its interface in snapshot; nil if it is not there
	counters *Counters        // its own: of what entered there
	*slots                    // during a batch
	to       *Interface       // where pending goes
	pending  []*packet.Packet // consecutive packets for one interface
	faults   [batchSize]packet.Fault
	ahead    [batchSize]ahead
	backlog  backlog // of a worker with a poller

	// Of the packet that is being forwarded.
	now     int64           // its time
	source  netip.AddrPort  // its source when it came in
	entered netip.AddrPort  // its destination then
	mtu     uint16          // to be kept to at delivery, by fragmenting; 0 for none
	answer  answer          // what is due if it is dropped
	opened  conntrack.Tuple // the flow it opened
	unnoted bool            // the source that the far side of opened sees is yet to be noted
	first   *Interface      // the gateway at which it is the first fragment of a datagram, so that others may wait there; or nil

	fatal decision // what dropped the last packet that was dropped

	steps *[]decision // where its steps are recorded; nil if nobody wants them
	trace *Trace      // nil except for probes
	watch *watching   // who watches packets; nil for nobody
	film  film        // of a packet that somebody watches

	tables atomic.Pointer[[]*aggregation.Table] // of the flow logs that there are, in the router's order; nil for none
	logs   []*aggregation.Table                 // tables, during a batch
}

// newWorker returns a worker that has one port, or none yet.
func newWorker(r *Router, in *attachment) *Worker {
	w := &Worker{router: r, pending: make([]*packet.Packet, 0, batchSize)}
	if in != nil {
		w.members = []*attachment{in}
		w.enters(in)
	}
	return w
}

// enters makes a the port of the batch.
func (w *Worker) enters(a *attachment) {
	w.in, w.counters = a, &a.counters
}

// process forwards a batch of the port that it entered at.
func (w *Worker) process(batch []*packet.Packet) {
	if s := w.router.snapshot.Load(); s != w.snapshot {
		w.adopt(s)
	}
	if v := w.router.watch.Load(); v != w.watch {
		w.watched(v)
	}
	w.logs = nil
	if t := w.tables.Load(); t != nil {
		w.logs = *t
	}
	w.from = w.in.under(w.snapshot)
	now, packets, bytes := w.router.now(), 0, 0
	if watched := now < w.router.metered.Load(); watched != (w.meter != nil) {
		w.setMeter(watched)
	}
	for i, p := range batch {
		p.Time = now
		bytes += p.Len() // as it came: Decode cuts padding off
		w.faults[i] = p.Decode()
		bytes += p.WireBytes() - p.Len()
		packets += p.Segments() // which only a decoded packet can tell
	}
	w.counters.PacketsIn += uint64(packets)
	w.counters.BytesIn += uint64(bytes)
	w.lookAhead(batch)
	for i, p := range batch {
		w.one(p, w.faults[i])
	}
	w.flush()
}

// adopt makes s the snapshot that the worker goes by.
func (w *Worker) adopt(s *Snapshot) {
	w.snapshot = s
	w.tallies.fit(s.numbered)
}

// one forwards one packet of a batch, in which decoding found fault.
func (w *Worker) one(p *packet.Packet, fault packet.Fault) {
	if w.watch != nil {
		w.enter(p, fault)
	}
	to, reason := (*Interface)(nil), drop.None
	switch {
	case fault != packet.OK:
		reason = w.unfit(p, drop.Malformed)
	case w.from == nil:
		reason = w.unfit(p, drop.NoPort)
	default:
		to, reason = w.Forward(w.from, p)
	}
	w.settle(to, p, reason)
	if w.first != nil {
		w.release(p.Time)
	}
}

// settle delivers a packet, or counts it as dropped and sends the answer that is due. Of a watched packet nothing is pending
// afterwards: what became of it is told at once.
func (w *Worker) settle(to *Interface, p *packet.Packet, reason drop.Reason) {
	if reason != drop.None {
		w.counters.drop(p, reason)
		w.dropped(p)
		if w.answer.kind != answerNone {
			w.answerTo(p)
		}
		return
	}
	if w.mtu != 0 && p.WireLen() > int(w.mtu) {
		w.fragment(to, p)
		return
	}
	if to != w.to {
		w.flush()
		w.to = to
	}
	w.pending = append(w.pending, p)
	if w.film.followers != 0 {
		w.flush()
	}
}

// fragment delivers a packet that is too large for its path in pieces (RFC 791 3.2). It counts as one.
func (w *Worker) fragment(to *Interface, p *packet.Packet) {
	w.flush()
	sent := true
	for segment := range p.Cut(w.wire) {
		for offset, more := 0, true; more; {
			offset, more = segment.FragmentInto(w.spare[0], int(w.mtu), offset)
			sent = w.write(to, w.spare[:]) == 1 && sent
		}
	}
	whole := [...]*packet.Packet{p}
	if sent {
		w.countOut(to, whole[:])
	} else {
		w.countLost(to, whole[:])
	}
}

// releaser is a gateway at which later fragments wait for the first one of their datagram.
type releaser interface {
	// Release takes a waiting fragment, as it came, into p, and says whether there was one.
	Release(p *packet.Packet) bool
}

// release carries on the fragments whose first one has just passed. They were counted as held.
func (w *Worker) release(now int64) {
	at := w.first
	w.first = nil
	gateway, ok := at.Gateway.(releaser)
	if !ok {
		return
	}
	w.flush()
	for gateway.Release(w.held) {
		p := w.held
		p.Time, w.mtu = now, 0
		if w.watch != nil {
			w.begin(p, packet.OK)
		}
		w.counters.resume(p)
		to, reason := w.resume(at, p)
		w.settle(to, p, reason)
		w.flush()
	}
}

// flush delivers what is pending.
func (w *Worker) flush() {
	if len(w.pending) == 0 {
		return
	}
	n := w.write(w.to, w.pending)
	w.countOut(w.to, w.pending[:n])
	w.countLost(w.to, w.pending[n:])
	w.pending = w.pending[:0]
}

// countOut notes packets that the port of an interface took.
func (w *Worker) countOut(to *Interface, sent []*packet.Packet) {
	packets, bytes := 0, 0
	for _, p := range sent {
		packets += p.Segments()
		bytes += p.WireBytes()
	}
	w.counters.PacketsOut += uint64(packets)
	w.counters.BytesOut += uint64(bytes)
	w.tallies.add(to.delivered, packets, bytes)
	if w.film.followers != 0 && len(sent) == 1 {
		w.delivered(to, sent[0])
	}
}

// countLost notes packets that the port of an interface did not take.
func (w *Worker) countLost(to *Interface, lost []*packet.Packet) {
	reason := drop.PortFull
	if to.attached == nil {
		reason = drop.NoPort
	}
	for _, p := range lost {
		w.counters.drop(p, reason)
		w.lost(to, p, reason)
	}
}

// write hands packets to the port of an interface and returns how many it took: they are the first n then.
func (w *Worker) write(to *Interface, packets []*packet.Packet) (n int) {
	a := to.attached
	if a == nil {
		return 0
	}
	// A port that is full or closed loses packets, as a wire does; the caller counts them.
	if w.poller != nil {
		n, _ = w.poller.Write(a.port, packets)
	} else {
		n, _ = a.port.Write(packets)
	}
	if w.watch != nil {
		w.arrived(to, packets[:n])
	}
	return n
}
