package tap

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"vpcsim/dataplane/packet"
	"vpcsim/dataplane/port"
)

// Polling configures a Poller.
type Polling struct {
	Spin   Spin
	Now    func() int64 // monotonic nanoseconds
	NoRing bool         // one system call for each packet, though the machine has io_uring
}

// Poller implements port.Poller for TAPs. It waits with epoll, which wakes the thread once for all ports, and is asked without waiting
// first: as long as there is work, no thread sleeps and the scheduler of the language hears of nothing. The first frame that a port has
// after a sleep is read with a plain system call, for often there is no other; then more and more at once, with io_uring by one call
// for all, as long as there are as many. Big frames are read and written one by one: a call costs them little, and the memory of one
// packet stays in the caches. Of many small ones, datagrams that are alike are written as one (row.go).
// The thread that uses it goes before others, where that is permitted (precedence_linux.go).
type Poller struct {
	now    func() int64
	spin   spinner
	ring   *ring // nil without io_uring
	epoll  int
	wake   int // an event descriptor, among those that epoll waits for
	closed atomic.Bool

	// Of the thread.
	events [64]unix.EpollEvent
	out    outbox
	begun  bool
	sleeps uint // how often there was nothing to do, and one: 0 is what a port says that was never read
}

// A port's first frame is read alone: often there is no other. Then as many at once as it takes to empty a busy one with few calls.
const (
	firstRun = 4
	bigFrame = 8 << 10 // from here on a frame is read and written alone, into memory that the last one has warmed
	afterBig = 8       // and so many smaller ones after it: a stream's last segments among its super-packets
)

// wakeNumber is no port's.
const wakeNumber = -1

// NewPoller returns a poller. It uses io_uring where it can be had, which Batched tells, and TryRing tells why not.
func NewPoller(c Polling) (*Poller, error) {
	p := &Poller{now: c.Now, spin: newSpinner(c.Spin), sleeps: 1}
	var err error
	if p.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("tap: making an epoll descriptor: %w", err)
	}
	if p.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		_ = unix.Close(p.epoll)
		return nil, fmt.Errorf("tap: making an event descriptor: %w", err)
	}
	if err := p.watch(p.wake, wakeNumber); err != nil {
		return nil, errors.Join(err, p.free())
	}
	if !c.NoRing {
		p.ring, _ = newRing()
	}
	return p, nil
}

// Batched tells whether the poller has io_uring.
func (p *Poller) Batched() bool { return p.ring != nil }

func (p *Poller) watch(fd int, number int32) error {
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: number}
	if err := unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		return fmt.Errorf("tap: waiting for a descriptor: %w", err)
	}
	return nil
}

// Add implements port.Poller.
func (p *Poller) Add(to port.Port, number int32) bool {
	t, ok := to.(*Port)
	if !ok {
		return false
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	return !t.closed && p.watch(t.fd, number) == nil
}

// Remove implements port.Poller.
func (p *Poller) Remove(from port.Port) {
	t := from.(*Port)
	t.mu.RLock()
	defer t.mu.RUnlock()
	if !t.closed {
		_ = unix.EpollCtl(p.epoll, unix.EPOLL_CTL_DEL, t.fd, nil) // it may have been removed before
	}
}

// Wait implements port.Poller.
func (p *Poller) Wait(ready []int32, block bool) (int, error) {
	p.begin()
	if !block {
		return p.look(ready), nil
	}
	for {
		n := p.look(ready)
		if n == 0 {
			p.sleeps++
			n = p.await(ready)
		}
		if p.closed.Load() {
			return 0, errors.Join(net.ErrClosed, p.free())
		}
		if n > 0 {
			return n, nil
		}
	}
}

// begin makes the calling thread the poller's.
func (p *Poller) begin() {
	if p.begun {
		return
	}
	p.begun = true
	_ = precede() // which not everybody may: TryPrecedence tells
	if p.ring != nil && p.ring.enable() != nil {
		_ = p.ring.close()
		p.ring = nil
	}
}

// look returns what is ready now.
func (p *Poller) look(ready []int32) int {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.epoll), uintptr(unsafe.Pointer(&p.events)),
		uintptr(min(len(ready), len(p.events))), 0, 0, 0)
	if errno != 0 {
		return 0
	}
	return p.numbers(ready, int(n))
}

// await returns what is ready after a while: it looks again and again for as long as it may, and then sleeps.
func (p *Poller) await(ready []int32) int {
	begun := p.now()
	if limit := p.spin.limit(begun); limit > 0 {
		for p.now()-begun <= limit {
			// Whom our packets have woken may be waiting for this processor, and be about to answer.
			_, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
			if n := p.look(ready); n > 0 {
				p.spin.paid()
				return n
			}
		}
		p.spin.failed()
	}
	n, err := unix.EpollWait(p.epoll, p.events[:min(len(ready), len(p.events))], -1)
	if err != nil {
		return 0
	}
	return p.numbers(ready, n)
}

// numbers takes the numbers of ports from events.
func (p *Poller) numbers(ready []int32, events int) (n int) {
	for _, e := range p.events[:events] {
		if e.Fd != wakeNumber {
			ready[n] = e.Fd
			n++
		}
	}
	return n
}

// Read implements port.Poller.
func (p *Poller) Read(from port.Port, batch []*packet.Packet) (n int, more bool, err error) {
	p.begin()
	t := from.(*Port)
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.closed {
		return 0, false, net.ErrClosed
	}
	if t.sleep != p.sleeps {
		t.sleep, t.run = p.sleeps, 1
	}
	batch = batch[:min(t.run, len(batch), ringSize)]
	if alone := len(batch) == 1; alone || p.ring == nil {
		n, more, err = t.readSingly(batch)
		more = more && (!alone || t.big > 0) // of small ones Wait tells at the price of the call that would find none
	} else {
		n, more, err = p.readRun(t, batch)
	}
	t.plan(n, len(batch))
	if n >= firstRun || t.big == afterBig { // many, or the last one is big
		p.spin.busy()
	}
	t.stats.received.Add(uint64(n))
	return n, more, err
}

// plan decides how many frames to read next, of the port's last n that were read of so many.
func (p *Port) plan(n, of int) {
	switch {
	case p.big > 0: // it was big, or one of the last ones
		p.run = 1
	case n == of:
		p.run = min(max(firstRun, 2*of), ringSize)
	default: // a read that finds none costs half of one that does
		p.run = max(firstRun, n+1)
	}
}

// readSingly reads until a frame is big, one system call each.
func (p *Port) readSingly(batch []*packet.Packet) (n int, more bool, err error) {
	for more = true; more && n < len(batch); {
		var got bool
		if got, more, err = p.readFrame(batch[n]); err != nil && n > 0 {
			return n, true, nil // it comes again
		}
		if !got {
			continue
		}
		n++
		if p.measured(batch[n-1]); p.big == afterBig {
			return n, more, nil
		}
	}
	return n, more, err
}

// measured notes whether frames are big.
func (p *Port) measured(pkt *packet.Packet) {
	if pkt.Len() > bigFrame {
		p.big = afterBig
	} else if p.big > 0 {
		p.big--
	}
}

// readRun reads with one system call.
func (p *Poller) readRun(t *Port, batch []*packet.Packet) (n int, more bool, err error) {
	for i, pkt := range batch {
		p.ring.push(opRead, t.fd, pkt.Buffer(vnetLen+headerLen), i)
	}
	p.ring.submit()
	for i := range batch {
		size, errno := p.ring.result(i)
		got, another, fault := t.received(batch[i], size, errno)
		if fault != nil {
			err = fault
		}
		if more = another; !got {
			continue
		}
		t.measured(batch[i])
		batch[n], batch[i] = batch[i], batch[n]
		n++
	}
	if n > 0 && err != nil {
		return n, true, nil // it comes again
	}
	return n, more, err
}

// Write implements port.Poller.
func (p *Poller) Write(to port.Port, batch []*packet.Packet) (int, error) {
	p.begin()
	t, ok := to.(*Port)
	if !ok || len(batch) == 1 || len(batch) > ringSize || batch[0].Len() > bigFrame {
		return to.Write(batch)
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.closed {
		return 0, net.ErrClosed
	}
	o := &p.out
	o.to, o.ring, o.batch, o.sent, o.settled = t, p.ring, batch, 0, 0
	o.add()
	o.send()
	t.wrote(o.sent, len(batch))
	return o.sent, nil
}

// Close implements port.Poller.
func (p *Poller) Close() error {
	p.closed.Store(true)
	one := [8]byte{7: 1} // in either byte order it is not 0
	_, err := unix.Write(p.wake, one[:])
	return err
}

// free frees what the poller has of the kernel.
func (p *Poller) free() error {
	err := errors.Join(unix.Close(p.epoll), unix.Close(p.wake))
	if p.ring != nil {
		err = errors.Join(err, p.ring.close())
	}
	return err
}
