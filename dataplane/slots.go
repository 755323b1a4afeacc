package dataplane

import (
	"sync"

	"vpcsim/dataplane/packet"
)

// slots is the memory in which a worker holds packets: room for a super-packet in each of a batch. A worker has it only from when
// there is something to read until it is delivered. So a thousand idle ports share what few busy ones need, and the slots in use are
// the ones that were used last, warm in the processor's caches.
type slots struct {
	batch []*packet.Packet
	spare [1]*packet.Packet // an answer, a fragment
	held  *packet.Packet    // a fragment that had to wait
	wire  *packet.Packet    // a segment of a super-packet
}

// slotSize is the room for one packet: a super-packet, and the byte by which ports know that it was not cut off.
const slotSize = packet.MaxSize + 1

func newSlots() *slots {
	return &slots{
		batch: packet.Row(batchSize, slotSize),
		spare: [1]*packet.Packet{packet.New(slotSize)}, held: packet.New(slotSize), wire: packet.New(slotSize),
	}
}

// depot holds the slots that no worker has. Workers come here once a batch, not once a packet.
type depot struct {
	most int // that it keeps: what all processors together can be using
	mu   sync.Mutex
	free []*slots // guarded by mu; the last one was used last
}

func (d *depot) take() *slots {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := len(d.free)
	if n == 0 {
		return newSlots()
	}
	s := d.free[n-1]
	d.free = d.free[:n-1]
	return s
}

// give takes back slots, and forgets them if there are enough.
func (d *depot) give(s *slots) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.free) < d.most {
		d.free = append(d.free, s)
	}
}
