package load

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	batchSize = 64
	payload   = 18 // with the headers of UDP, IPv4 and Ethernet: a frame of 60 bytes, the least there is without its checksum
	receiving = 64 // bytes of a datagram that the sink takes
)

// message is struct mmsghdr of the kernel.
type message struct {
	unix.Msghdr
	length uint32
}

// batch is messages with a buffer each.
type batch struct {
	messages [batchSize]message
	vectors  [batchSize]unix.Iovec
	bytes    [batchSize][receiving]byte
}

func newBatch(size int) *batch {
	b := new(batch)
	for i := range b.messages {
		b.vectors[i].Base = &b.bytes[i][0]
		b.vectors[i].SetLen(size)
		b.messages[i].Iov = &b.vectors[i]
		b.messages[i].SetIovlen(1)
	}
	return b
}

// call is sendmmsg or recvmmsg of the first n messages.
func (b *batch) call(trap uintptr, fd, n, flags int) (done int, err error) {
	for {
		r, _, e := unix.Syscall6(trap, uintptr(fd), uintptr(unsafe.Pointer(&b.messages[0])), uintptr(n), uintptr(flags), 0, 0)
		switch e {
		case 0:
			return int(r), nil
		case unix.EINTR:
		default:
			return 0, e
		}
	}
}

// sink counts what arrives.
func sink(fd int, arrived *atomic.Int64) error {
	b := newBatch(receiving)
	for {
		n, err := b.call(unix.SYS_RECVMMSG, fd, batchSize, unix.MSG_WAITFORONE)
		if err != nil {
			return err
		}
		arrived.Add(int64(n))
	}
}

// dial makes a socket that is connected to a port of the server.
func dial(s Spec, kind, port int) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	if err := again(func() error { return unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: s.To.As4()}) }); err != nil {
		unix.Close(fd)
		return 0, fmt.Errorf("connect to %s port %d: %w", s.To, port, err)
	}
	return fd, nil
}

// pace is how often a sender with a rate wakes up: often enough that what it then sends at once fits into a queue, and not so often
// that waking up is all it does.
const pace = 100 * time.Microsecond

// flood sends datagrams for a time, at a rate or as fast as it can.
func flood(s Spec) (Result, error) {
	runtime.LockOSThread()
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) // it paces worse without
	fd, err := dial(s, unix.SOCK_DGRAM, PortSink)
	if err != nil {
		return Result{}, err
	}
	defer unix.Close(fd)
	b := newBatch(payload)
	began, sent := time.Now(), int64(0)
	for {
		passed := time.Since(began)
		if passed >= s.Lasting && sent > 0 {
			return Result{Count: sent, Took: passed}, nil
		}
		n := int64(batchSize)
		if s.Rate > 0 {
			if n = min(n, int64(s.Rate*passed.Seconds())-sent); n <= 0 {
				nap(pace)
				continue
			}
		}
		done, err := b.call(unix.SYS_SENDMMSG, fd, int(n), 0)
		if err != nil && !errors.Is(err, unix.ENOBUFS) && !errors.Is(err, unix.ECONNREFUSED) { // a full queue is what a flood is for
			return Result{}, err
		}
		sent += int64(done)
	}
}

// nap sleeps on this thread, and not on Go's timers.
func nap(d time.Duration) {
	ts := unix.NsecToTimespec(d.Nanoseconds())
	_ = unix.Nanosleep(&ts, nil) // to wake up early is no harm
}

// pingPong asks the echo a thousand times a second at most.
func pingPong(s Spec) (Result, error) {
	const gap, patience, warmUp = time.Millisecond, 500 * time.Millisecond, 10
	pin(last)
	fd, err := dial(s, unix.SOCK_DGRAM, PortEcho)
	if err != nil {
		return Result{}, err
	}
	defer unix.Close(fd)
	wait := unix.NsecToTimeval(patience.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		return Result{}, err
	}
	var times []time.Duration
	result, buf := Result{}, make([]byte, payload)
	for range warmUp { // until the way is known at every hop
		if _, err := ping(fd, buf, 0); err == nil {
			break
		}
	}
	began := time.Now()
	for ; time.Since(began) < s.Lasting; nap(gap) {
		took, err := ping(fd, buf, byte(1+result.Count+result.Lost))
		switch {
		case errors.Is(err, unix.EAGAIN):
			result.Lost++
		case err != nil:
			return Result{}, err
		default:
			result.Count++
			times = append(times, took)
		}
	}
	result.Took = time.Since(began)
	return result.timed(times)
}

// ping sends a datagram with a number and waits for the same one. An older one, which had been given up, is passed over.
func ping(fd int, buf []byte, number byte) (time.Duration, error) {
	buf[0] = number
	began := time.Now()
	if _, err := write(fd, buf); err != nil {
		return 0, err
	}
	for {
		if _, err := read(fd, buf); err != nil {
			return 0, err
		}
		if buf[0] == number {
			return time.Since(began), nil
		}
	}
}

// timed adds the quantiles of some times.
func (r Result) timed(times []time.Duration) (Result, error) {
	if len(times) == 0 {
		return r, fmt.Errorf("no answer to any of %d", r.Lost)
	}
	slices.Sort(times)
	r.Median, r.P99 = times[len(times)/2], times[len(times)*99/100]
	return r, nil
}
