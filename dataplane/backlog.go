package dataplane

import (
	"encoding/binary"

	"vpcsim/dataplane/packet"
)

// Overtaking.
//
// A TCP stream that takes all it can get has some megabytes on the way, and a TAP, which never slows its sender down, has all of them
// waiting in front of the router. What else the sender's kernel sends would wait behind them, for a millisecond. So a thread reads ahead: big
// packets wait in its backlog, of which it carries one between two looks at its ports, and small ones pass them. A packet never passes
// one of its own flow.
//
// What is read long before it is written has left the processor's nearest caches, which costs a sixth of the throughput. So this is
// done only where it helps somebody: at a port where within the last tenth of a second there were both a stream and small packets of
// others (docs/performance.md).

const (
	backlogSize = 64      // packets: more than the windows of most streams
	bulk        = 8 << 10 // bytes: a bigger packet makes its flow a stream
	lately      = 1e8     // nanoseconds
)

// backlog is the packets that a thread has read and not yet carried, in order.
type backlog struct {
	free  []*packet.Packet // room to read into in place of what waits
	all   [backlogSize]waiting
	first int
	n     int
	flows [256]flowBehind // by flowNumber: several flows may share one, and then wait for each other
	one   [1]*packet.Packet
	late  bool // a stream waits, though nobody is there any more for whose sake
}

type waiting struct {
	packet *packet.Packet
	at     *attachment // where it entered
	flow   uint8
}

// flowBehind is what is known of a flow.
type flowBehind struct {
	waiting int   // packets in the backlog
	stream  int64 // when it last had a big one
}

func (b *backlog) room() int { return backlogSize - b.n }

// sort takes from a batch that was read at a port those packets that have to wait, and moves the others to its front, in order. It returns
// how many those are. now is only asked for where there is a stream.
func (b *backlog) sort(at *attachment, batch []*packet.Packet, now func() int64) (n int) {
	if at.stream == 0 && b.n == 0 && !anyBig(batch) {
		return len(batch)
	}
	t := now()
	if at.stream != 0 && t-at.stream > lately {
		at.stream = 0
	}
	for i, p := range batch {
		number := flowNumber(p.Bytes())
		flow, big := &b.flows[number], p.Len() > bulk
		switch {
		case big:
			at.stream, flow.stream = t, t
		case at.stream != 0 && t-flow.stream > lately:
			at.others = t
		}
		passed := t-at.others < lately
		b.late = b.late || big && flow.waiting > 0 && !passed
		if flow.waiting > 0 || big && passed {
			flow.waiting++
			batch[i] = b.put(waiting{p, at, number})
			continue
		}
		batch[n], batch[i] = p, batch[n]
		n++
	}
	return n
}

func anyBig(batch []*packet.Packet) bool {
	for _, p := range batch {
		if p.Len() > bulk {
			return true
		}
	}
	return false
}

// put makes a packet wait and returns another in its place.
func (b *backlog) put(w waiting) *packet.Packet {
	b.all[(b.first+b.n)%backlogSize] = w
	b.n++
	last := len(b.free) - 1
	if last < 0 {
		return packet.New(slotSize)
	}
	p := b.free[last] // the one that was in use last, the warmest
	b.free = b.free[:last]
	return p
}

// take returns what has waited longest. It goes back into free when it has been carried.
func (b *backlog) take() waiting {
	w := b.all[b.first]
	b.first = (b.first + 1) % backlogSize
	b.n--
	b.flows[w.flow].waiting--
	return w
}

// flowNumber tells flows apart. What may be fragments of one datagram has the same number: the ports count only for TCP that is not one.
func flowNumber(b []byte) uint8 {
	const tcp, mixer = 6, 0x9e3779b97f4a7c15
	h := uint64(0)
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		h = binary.BigEndian.Uint64(b[12:])*mixer + uint64(b[9])
		ports := int(b[0]&15) * 4
		if fragment := binary.BigEndian.Uint16(b[6:])&0x3fff != 0; b[9] == tcp && !fragment && len(b) >= ports+4 {
			h = h*mixer + uint64(binary.BigEndian.Uint32(b[ports:]))
		}
	case len(b) >= 44 && b[0]>>4 == 6:
		h = uint64(b[6])
		for at := 8; at < 40; at += 8 {
			h = h*mixer + binary.BigEndian.Uint64(b[at:])
		}
		if b[6] == tcp {
			h = h*mixer + uint64(binary.BigEndian.Uint32(b[40:]))
		}
	}
	return uint8(h * mixer >> 56)
}

// catchUp carries what has waited longest, if anything has, and all of it once it waits for nobody's sake.
func (w *Worker) catchUp() {
	if w.backlog.n > 0 {
		w.carryOldest()
	}
	for w.backlog.late && w.backlog.n > 0 {
		w.carryOldest()
	}
	w.backlog.late = false
}

// carryOldest carries what has waited longest. The port may have left since; then it is gone, like what was still in front of it.
func (w *Worker) carryOldest() {
	w.mu.Lock()
	defer w.mu.Unlock()
	next := w.backlog.take()
	if w.members[next.at.member] == next.at {
		w.enters(next.at)
		w.backlog.one[0] = next.packet
		w.process(w.backlog.one[:])
	}
	w.backlog.free = append(w.backlog.free, next.packet)
}
