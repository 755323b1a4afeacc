package dataplane

import (
	"runtime"

	"vpcsim/dataplane/packet"
)

// Input.
//
// A few threads carry all packets. Each has ports of its own, waits for all of them at once ([port.Poller]), and carries what it reads
// to the end before it reads on: the packets of a flow, which all enter at one port, stay in order without anybody's care. A port that
// no poller takes has a worker and a goroutine of its own, which waits in Read.
//
// A worker's mutex is held from reading a batch to its delivery. Whoever takes it, Commit, Detach or a reader of counts, knows that the
// worker is between two batches.

const (
	// A port's turn ends after so many packets, or so many bytes, whatever it still has: the others wait meanwhile. A super-packet
	// takes about 30 us.
	turnPackets = 2 * batchSize
	turnBytes   = 512 << 10

	readyPorts = 64 // that are learnt of at once
)

// serve carries what the worker's ports have until its poller is closed. The thread is the worker's own: with a poller of
// system calls that is what the kernel schedules by.
func (w *Worker) serve() {
	runtime.LockOSThread()
	w.slots = newSlots()
	var ready [readyPorts]int32
	for {
		n, err := w.poller.Wait(ready[:], w.backlog.n == 0)
		if err != nil {
			return
		}
		for _, member := range ready[:n] {
			w.turn(int(member))
		}
		w.catchUp()
	}
}

// turn carries what a port has.
func (w *Worker) turn(member int) {
	for packets, bytes, more := 0, 0, true; more && packets < turnPackets && bytes < turnBytes; {
		var read, carried int
		read, carried, more = w.carry(member)
		for _, p := range w.batch[:carried] {
			bytes += p.Len()
		}
		packets += read
	}
}

// carry reads a batch of a port and carries what need not wait. It returns how many packets it read, how many of them it carried, which
// are the first of w.batch, and whether there may be more.
func (w *Worker) carry(member int) (read, carried int, more bool) {
	if w.backlog.room() == 0 {
		w.carryOldest()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.members[member]
	if a == nil { // it has left since it was seen to be ready
		return 0, 0, false
	}
	read, more, err := w.poller.Read(a.port, w.batch[:min(batchSize, w.backlog.room())])
	if carried = w.backlog.sort(a, w.batch[:read], w.router.now); carried > 0 {
		w.enters(a)
		w.process(w.batch[:carried])
	}
	if err != nil { // it reads no more; that it is attached does not change
		w.poller.Remove(a.port)
		return read, carried, false
	}
	return read, carried, more
}

// leastBusy returns the thread that has the fewest ports; nil if there are no threads.
func (r *Router) leastBusy() (least *Worker) {
	fewest := 0
	for _, w := range r.threads {
		n := 0
		for range w.ports { // which only Attach and Detach change
			n++
		}
		if least == nil || n < fewest {
			least, fewest = w, n
		}
	}
	return least
}

// join makes a port one of the worker's, and is false if it cannot be.
func (w *Worker) join(a *attachment) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	a.worker, a.member = w, len(w.members)
	for i, other := range w.members {
		if other == nil {
			a.member = i
			break
		}
	}
	if a.member == len(w.members) {
		w.members = append(w.members, nil)
	}
	w.members[a.member] = a
	if !w.poller.Add(a.port, int32(a.member)) {
		w.members[a.member] = nil
		return false
	}
	return true
}

// leaveOut makes a port none of the worker's.
func (w *Worker) leaveOut(a *attachment) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.poller.Remove(a.port)
	w.members[a.member] = nil
}

// ports calls yield for each of the worker's ports; mu is held.
func (w *Worker) ports(yield func(*attachment) bool) {
	for _, a := range w.members {
		if a != nil && !yield(a) {
			return
		}
	}
}

// run reads until the port is closed. For a port that can wait by itself it has slots only while there is something to read.
func (w *Worker) run() {
	port := w.in.port
	read, wait := port.Read, func() error { return nil }
	if p, ok := port.(waiter); ok {
		read, wait = p.TryRead, p.Wait
	}
	for wait() == nil {
		w.slots = w.router.depot.take()
		n, err := read(w.batch)
		if n > 0 {
			w.mu.Lock()
			w.process(w.batch[:n])
			w.mu.Unlock()
		}
		w.router.depot.give(w.slots)
		if err != nil {
			return
		}
	}
}

// waiter is a port that can wait for packets without having room for them yet.
type waiter interface {
	// Wait returns when there is something to read, or may be; after Close it returns net.ErrClosed.
	Wait() error
	// TryRead is the port's Read but does not wait: it returns 0 if there is nothing.
	TryRead(batch []*packet.Packet) (int, error)
}
