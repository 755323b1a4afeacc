package dataplane

import (
	"net/netip"
	"sync"

	"vpcsim/dataplane/capture"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

// batchSize is how many packets a worker takes from its port at once: enough to share the cost of loading the snapshot and
// the clock, few enough that a commit never waits long for a batch to end.
const batchSize = 32

// slotSize is the room for one datagram: the largest MTU in a VPC is 9001 (aws-semantics 8.5).
const slotSize = 9216

// Worker carries packets from one port to wherever they go: the goroutine that read a packet also writes it. Only that
// goroutine uses the worker, except for counters and mu.
type Worker struct {
	router   *Router
	in       *attachment
	counters counters

	mu       sync.Mutex // held during a batch; Commit takes it to wait for the batch to end
	snapshot *Snapshot
	from     *Interface // the worker's interface in snapshot; nil if it is not there

	batch    []*packet.Packet
	to       *Interface        // where pending goes
	pending  []*packet.Packet  // consecutive packets for one interface
	reset    answer            // set by Forward when the dropped packet is to be answered with RST
	spare    [1]*packet.Packet // the RST
	original []byte            // the packet as it came in, while there is a recorder

	trace *Trace // nil except for probes
}

// answer says where a RST is due, and from which address if not from the one that the dropped packet was sent to: the far
// side of a flow knows the interface by another address than its own.
type answer struct {
	to       *Interface // nil if none is due
	source   netip.Addr
	receiver *Interface // whom the packet was for, if a RST in the packet's place is due there too; else nil
}

func newWorker(r *Router, in *attachment) *Worker {
	w := &Worker{router: r, in: in, spare: [1]*packet.Packet{packet.New(128)}, pending: make([]*packet.Packet, 0, batchSize)}
	for range batchSize {
		w.batch = append(w.batch, packet.New(slotSize))
	}
	return w
}

// run reads until the port is closed.
func (w *Worker) run() {
	for {
		n, err := w.in.port.Read(w.batch)
		if err != nil {
			return
		}
		w.mu.Lock()
		w.process(w.batch[:n])
		w.mu.Unlock()
	}
}

// process forwards a batch.
func (w *Worker) process(batch []*packet.Packet) {
	if s := w.router.snapshot.Load(); s != w.snapshot {
		w.snapshot, w.from = s, s.Interface(w.in.id)
	}
	now := w.router.now()
	for _, p := range batch {
		p.Time = now
		w.counters.packetsIn.Add(1)
		w.counters.bytesIn.Add(uint64(p.Len()))
		w.one(p)
	}
	w.flush()
}

// one forwards one packet of a batch.
func (w *Worker) one(p *packet.Packet) {
	recording := w.router.recorder != nil && w.in.capture >= 0
	if recording {
		w.original = append(w.original[:0], p.Bytes()...)
	}
	to, reason := (*Interface)(nil), drop.NoPort
	if p.Decode() != packet.OK {
		reason = drop.Malformed
	} else if w.from != nil {
		to, reason = w.Forward(w.from, p)
	}
	if recording {
		w.router.recorder.Packet(w.in.capture, p.Time, capture.Outbound, w.original, reason.String())
	}
	if reason != drop.None {
		w.refuse(p, reason)
		return
	}
	if to != w.to {
		w.flush()
		w.to = to
	}
	w.pending = append(w.pending, p)
}

// refuse counts a dropped packet and answers it if that was asked for.
func (w *Worker) refuse(p *packet.Packet, reason drop.Reason) {
	w.counters.drops[reason].Add(1)
	due, rst := w.reset, w.spare[0]
	w.reset = answer{}
	if due.to == nil || !packet.BuildReset(rst, p) {
		return
	}
	if due.source.IsValid() {
		rst.SetSrc(due.source)
	}
	w.flush()
	w.counters.resets.Add(1)
	w.write(due.to, w.spare[:])
	if due.receiver == nil {
		return
	}
	packet.BuildTCP(rst, netip.AddrPortFrom(p.Src, p.SrcPort), netip.AddrPortFrom(p.Dst, p.DstPort), packet.RST, p.TCPSeq(), 0, nil)
	w.counters.resets.Add(1)
	w.write(due.receiver, w.spare[:])
}

// flush delivers what is pending.
func (w *Worker) flush() {
	if len(w.pending) == 0 {
		return
	}
	n := w.write(w.to, w.pending)
	for _, p := range w.pending[:n] {
		w.counters.bytesOut.Add(uint64(p.Len()))
	}
	w.counters.packetsOut.Add(uint64(n))
	lost := drop.PortFull
	if w.to.attached == nil {
		lost = drop.NoPort
	}
	w.counters.drops[lost].Add(uint64(len(w.pending) - n))
	w.pending = w.pending[:0]
}

// write hands packets to the port of an interface and returns how many it took: the first n.
func (w *Worker) write(to *Interface, packets []*packet.Packet) (n int) {
	a := to.attached
	if a == nil {
		return 0
	}
	n, _ = a.port.Write(packets) // a port that is full or closed loses packets, as a wire does; the caller counts them
	if w.router.recorder != nil && a.capture >= 0 {
		for _, p := range packets[:n] {
			w.router.recorder.Packet(a.capture, p.Time, capture.Inbound, p.Bytes(), "")
		}
	}
	return n
}
