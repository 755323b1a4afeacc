// Package capture records datagrams in a pcapng file, for Wireshark and tcpdump: one interface per network interface,
// route table or gateway somebody asked to see, and with each packet a comment that says what became of it.
//
// A Recorder stands between the packet path and the file.
//
//	worker --Packet--> queue (blocks as they will be in the file) --drain--> file
//
// Packet formats the block straight into the queue, under a mutex that is never held while the file is written: drain
// swaps the queue against an empty one and writes what it took. The queue is bounded. When the file is slower than the
// packets, packets are missing from the file, are counted, and Close says so; the path is never held up. One goroutine
// drains as soon as there is something, so the file can be watched while it grows, and under load one write takes many
// packets.
package capture

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// maxQueue is the bound of the queue in bytes: the file may stall for 6 ms at 10 Gbit/s, 0.6 s at 100 Mbit/s.
const maxQueue = 8 << 20

// Recorder records packets of many goroutines. A nil *Recorder records nothing and costs nothing; all its methods work.
// Packets of different goroutines may come to lie in the file out of the order of their time.
type Recorder struct {
	offset int64         // Unix time minus monotonic time, in nanoseconds
	snap   int           // bytes that are kept of a datagram
	wake   chan struct{} // the queue has become non-empty
	done   chan struct{} // the draining goroutine has ended

	mu      sync.Mutex
	queue   []byte   // guarded by mu: blocks to be written
	packets uint64   // guarded by mu: how many packets they are
	dropped uint64   // guarded by mu
	missing []uint64 // guarded by mu: by interface, those of dropped that the queue had no room for
	closed  bool     // guarded by mu

	file   sync.Mutex     // before mu
	w      io.WriteCloser // guarded by file
	spare  []byte         // guarded by file: the other queue, empty
	err    error          // guarded by file: the first failed write; nothing is written after it
	failed func(error)    // guarded by file
}

// NewRecorder records to w from now on, which is mono on the monotonic clock of the packets (nanoseconds); the difference
// to the wall clock is taken here, once. Of each datagram it keeps the first snap bytes; 0 keeps all. Close closes w.
func NewRecorder(w io.WriteCloser, mono int64, snap int) *Recorder {
	r := &Recorder{
		offset: time.Now().UnixNano() - mono, snap: snap,
		wake:  make(chan struct{}, 1),
		done:  make(chan struct{}),
		queue: appendSectionHeader(make([]byte, 0, maxQueue)),
		spare: make([]byte, 0, maxQueue),
		w:     w,
	}
	r.wake <- struct{}{}
	go func() {
		defer close(r.done)
		for range r.wake {
			r.drain()
		}
	}()
	return r
}

// OnFail has failed called once, when the first write fails: a full disk, a reader that went away. It is called by the goroutine that
// writes.
func (r *Recorder) OnFail(failed func(error)) {
	if r == nil {
		return
	}
	r.file.Lock()
	defer r.file.Unlock()
	if r.failed = failed; r.err != nil {
		failed(r.err)
	}
}

// AddInterface adds what the file will show as an interface and returns its number for Packet. It may be called at any
// time before Close.
func (r *Recorder) AddInterface(name, description string) int {
	if r == nil {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.signal()
	r.queue = appendInterface(r.queue, name, description, r.snap) // even beyond the bound: packets refer to it
	r.missing = append(r.missing, 0)
	return len(r.missing) - 1
}

// Packet records a datagram that passed an interface at mono, in monotonic nanoseconds; datagram is copied. The comment
// may be empty. The packet is dropped and counted if the queue is full, a write has failed or the recorder is closed. It
// panics if there is no such interface.
func (r *Recorder) Packet(iface int, mono int64, dir Direction, datagram []byte, comment string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if iface < 0 || iface >= len(r.missing) {
		panic(fmt.Sprintf("capture: no interface %d: %d were added", iface, len(r.missing)))
	}
	kept := datagram
	if r.snap > 0 && len(kept) > r.snap {
		kept = kept[:r.snap]
	}
	if r.closed || len(r.queue)+maxPacketBlock(kept, comment) > maxQueue {
		r.dropped++
		r.missing[iface]++
		return
	}
	r.signal()
	r.queue = appendPacket(r.queue, iface, mono+r.offset, dir, kept, len(datagram), comment)
	r.packets++
}

// signal wakes the draining goroutine if it has nothing to do yet. The caller holds mu and is about to fill the queue.
func (r *Recorder) signal() {
	if len(r.queue) != 0 || r.closed {
		return
	}
	select {
	case r.wake <- struct{}{}:
	default: // woken already, and not there yet
	}
}

// drain writes all that is in the queue.
func (r *Recorder) drain() {
	r.file.Lock()
	defer r.file.Unlock()
	r.mu.Lock()
	full, packets := r.queue, r.packets
	r.queue, r.packets = r.spare[:0], 0
	r.mu.Unlock()
	if r.err == nil && len(full) != 0 {
		if _, r.err = r.w.Write(full); r.err != nil && r.failed != nil {
			r.failed(r.err)
		}
	}
	if r.err != nil {
		r.mu.Lock()
		r.dropped += packets
		r.mu.Unlock()
	}
	r.spare = full
}

// Dropped is how many packets are missing from the file so far.
func (r *Recorder) Dropped() uint64 {
	if r == nil {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dropped
}

// Overrun is how many of those the queue had no room for: the file is, or was, too slow for them. What a failed write lost is not among them.
func (r *Recorder) Overrun() (sum uint64) {
	if r == nil {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.missing {
		sum += n
	}
	return sum
}

// Flush writes what has been recorded until now. It returns the first error of any write.
func (r *Recorder) Flush() error {
	if r == nil {
		return nil
	}
	r.drain()
	r.file.Lock()
	defer r.file.Unlock()
	return r.err
}

// tally says at the end of the file how many packets are missing, by interface. mu is held, and the recorder closed.
func (r *Recorder) tally() {
	for id, n := range r.missing {
		if n > 0 {
			r.queue = appendStatistics(r.queue, id, time.Now().UnixNano(), n)
		}
	}
}

// Close writes what has been recorded and closes the file, which says how many packets it lacks of each interface, if any. It returns what went wrong with either, and says how many
// packets are missing, if any. A second Close does nothing.
func (r *Recorder) Close() error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil
	}
	r.closed = true
	r.tally()
	r.mu.Unlock()
	close(r.wake)
	<-r.done
	err := r.Flush()
	var missing error
	if n := r.Dropped(); n != 0 {
		cause := "it was written more slowly than they came"
		if err != nil {
			cause = "writing failed"
		}
		missing = fmt.Errorf("capture: %d packets are missing from the file: %s", n, cause)
	}
	return errors.Join(err, r.w.Close(), missing)
}
