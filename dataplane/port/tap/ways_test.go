package tap

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"vpcsim/dataplane/packet"
)

// Way is a way to read frames from a TAP, of nothing but its system calls. It is for the thread that opened it.
type Way interface {
	Look(n int)                          // without waiting; as many are expected
	Wait()                               // until there is a frame, or a signal came
	Read(n int, take func(frame []byte)) // at most n of what was found, or all that has been read already; frames with their virtio headers
	Calls() int                          // how many system calls all that took
	Close() error
}

// Ways are those that BenchmarkReading compares. Each has as many buffers, for frames of any size.
var Ways = []struct {
	Name string
	Open func(p *Port, buffers int) (Way, error)
}{
	{"read", openSingly},
	{"batch", func(p *Port, n int) (Way, error) { return openBatched(p, n, plain) }},
	{"batch, registered file", func(p *Port, n int) (Way, error) { return openBatched(p, n, fixedFile) }},
	{"batch, registered file and buffers", func(p *Port, n int) (Way, error) { return openBatched(p, n, fixedBuffers) }},
	{"multishot", openMultishot},
}

// FrameOf is a packet as Way reads it from the guest, and as a packet socket with virtio headers sends it.
func FrameOf(p *packet.Packet, guest, router [6]byte) []byte {
	b := slices.Clone(p.Frame(vnetLen + headerLen))
	putVnetHeader(b, p)
	putHeader(b[vnetLen:], router, guest, typeIPv4)
	return b
}

// buffers are n that a frame of any size fits in. They begin at different places of a page, as packets do.
func buffers(n int) (memory []byte, all [][]byte, err error) {
	const size = vnetLen + headerLen + packet.MaxSize
	const stride = (size+63)&^127 + 64 // an odd number of cache lines
	memory, err = unix.Mmap(-1, 0, n*stride, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_POPULATE)
	if err != nil {
		return nil, nil, fmt.Errorf("memory for frames: %w", err)
	}
	for i := range n {
		all = append(all, memory[i*stride:][:size])
	}
	return memory, all, nil
}

// waker waits with epoll.
type waker struct {
	fd, epoll, calls int
	events           [1]unix.EpollEvent
}

func newWaker(p *Port) (w waker, err error) {
	w.fd = p.fd
	if w.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return w, fmt.Errorf("an epoll descriptor: %w", err)
	}
	return w, unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, w.fd, &unix.EpollEvent{Events: unix.EPOLLIN})
}

func (w *waker) Look(int) {
	w.calls++
	_, _, _ = unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(w.epoll), uintptr(unsafe.Pointer(&w.events)), 1, 0, 0, 0)
}

func (w *waker) Wait() {
	w.calls++
	_, _ = unix.EpollWait(w.epoll, w.events[:], -1)
}

func (w *waker) Calls() int { return w.calls }

func (w *waker) Close() error { return unix.Close(w.epoll) }

// singly reads each frame with a system call, into one after the other of the buffers.
type singly struct {
	waker
	memory  []byte
	buffers [][]byte
}

func openSingly(p *Port, n int) (Way, error) {
	waker, err := newWaker(p)
	if err != nil {
		return nil, err
	}
	memory, all, err := buffers(n)
	if err != nil {
		return nil, errors.Join(err, waker.Close())
	}
	return &singly{waker: waker, memory: memory, buffers: all}, nil
}

func (w *singly) Read(n int, take func(frame []byte)) {
	for i := range n {
		w.calls++
		b := w.buffers[i%len(w.buffers)]
		size, errno := rawIO(unix.SYS_READ, uintptr(w.fd), b)
		if errno != 0 {
			return
		}
		take(b[:size])
	}
}

func (w *singly) Close() error { return errors.Join(w.waker.Close(), unix.Munmap(w.memory)) }

// batched reads with the poller's ring.
type batched struct {
	waker
	ring    *ring
	op      uint8
	flags   uint8
	number  int // of the file
	memory  []byte
	buffers [][]byte
}

// What the ring is told of beforehand.
const (
	plain = iota
	fixedFile
	fixedBuffers // and the file

	opReadFixed     = 4
	flagFixedFile   = 1 // IOSQE_FIXED_FILE
	registerBuffers = 0
	registerFiles   = 2
)

func openBatched(p *Port, n, fixed int) (way Way, err error) {
	w := &batched{op: opRead, number: p.fd}
	if w.waker, err = newWaker(p); err != nil {
		return nil, err
	}
	if w.ring, err = newRing(); err != nil {
		return nil, errors.Join(err, w.waker.Close())
	}
	if w.memory, w.buffers, err = buffers(n); err != nil {
		return nil, errors.Join(err, w.waker.Close(), w.ring.close())
	}
	err = w.ring.enable()
	if fixed >= fixedFile {
		fd := int32(p.fd)
		w.flags, w.number = flagFixedFile, 0
		err = errors.Join(err, w.ring.register(registerFiles, unsafe.Pointer(&fd)))
	}
	if fixed == fixedBuffers {
		w.op = opReadFixed
		whole := unix.Iovec{Base: &w.memory[0], Len: uint64(len(w.memory))}
		err = errors.Join(err, w.ring.register(registerBuffers, unsafe.Pointer(&whole)))
	}
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// register tells the kernel of one thing.
func (r *ring) register(what uintptr, arg unsafe.Pointer) error {
	if _, _, errno := unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(r.fd), what, uintptr(arg), 1, 0, 0); errno != 0 {
		return fmt.Errorf("registering %d: %w", what, errno)
	}
	return nil
}

func (w *batched) Read(n int, take func(frame []byte)) {
	n = min(n, len(w.buffers))
	for i, b := range w.buffers[:n] {
		at := w.ring.next
		w.ring.push(w.op, w.number, b, i)
		w.ring.entries[at&w.ring.mask].flags = w.flags
	}
	w.calls++
	w.ring.submit()
	for i, b := range w.buffers[:n] {
		if size, errno := w.ring.result(i); errno == 0 {
			take(b[:size])
		}
	}
}

func (w *batched) Close() error {
	return errors.Join(w.waker.Close(), w.ring.close(), unix.Munmap(w.memory))
}

// multishot has one read posted that the kernel goes on with, into one after the other of the buffers that it was given. It does so while
// the thread is in io_uring_enter, which waits as well.
type multishot struct {
	ring         *ring
	fd, calls    int
	memory, pool []byte
	buffers      [][]byte
	given        []bufferEntry // in pool
	tail         uint16
	armed        bool
}

// bufferEntry is struct io_uring_buf. The tail of their ring is in the first one's last field.
type bufferEntry struct {
	addr         uint64
	len          uint32
	number, tail uint16
}

// bufferRing is struct io_uring_buf_reg.
type bufferRing struct {
	addr         uint64
	entries      uint32
	group, flags uint16
	_            [3]uint64
}

const (
	setupDeferTaskrun  = 1 << 13
	registerBufferRing = 22
	opReadMultishot    = 49
	flagBufferSelect   = 1 << 5
	completionBuffer   = 1 // the entry names one, in its upper half
	completionMore     = 2 // the read is still posted
	enterExtended      = 1 << 3
)

func openMultishot(p *Port, n int) (way Way, err error) {
	w := &multishot{fd: p.fd}
	if w.ring, err = openRing(setupSingleIssuer | setupDeferTaskrun); err != nil {
		return nil, err
	}
	if w.memory, w.buffers, err = buffers(n); err != nil {
		return nil, errors.Join(err, w.ring.close())
	}
	size := max(unix.Getpagesize(), n*int(unsafe.Sizeof(bufferEntry{})))
	if w.pool, err = unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_POPULATE); err != nil {
		return nil, errors.Join(fmt.Errorf("a ring of buffers: %w", err), w.ring.close(), unix.Munmap(w.memory))
	}
	w.given = unsafe.Slice((*bufferEntry)(unsafe.Pointer(&w.pool[0])), n)
	err = w.ring.register(registerBufferRing, unsafe.Pointer(&bufferRing{addr: uint64(uintptr(unsafe.Pointer(&w.pool[0]))), entries: uint32(n)}))
	if err == nil {
		for i := range w.buffers {
			w.give(i)
		}
		if w.Look(0); atomic.LoadUint32(w.ring.end) != *w.ring.head && w.ring.done[0].result == -int32(unix.EINVAL) {
			err = errors.New("this kernel has no multishot reads")
		}
	}
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// give gives a buffer to the kernel. Since it takes buffers in this thread's calls only, an ordinary store tells it.
func (w *multishot) give(i int) {
	e := &w.given[int(w.tail)%len(w.given)]
	e.addr, e.len, e.number = uint64(uintptr(unsafe.Pointer(&w.buffers[i][0]))), uint32(len(w.buffers[i])), uint16(i)
	w.tail++
	w.given[0].tail = w.tail
}

// Look has the kernel read until there are n, or no more.
func (w *multishot) Look(n int) {
	var atOnce unix.Timespec
	arg := struct{ mask, size, time uint64 }{time: uint64(uintptr(unsafe.Pointer(&atOnce)))} // struct io_uring_getevents_arg
	pushed := w.arm()
	_, _, _ = unix.RawSyscall6(unix.SYS_IO_URING_ENTER, uintptr(w.ring.fd), pushed, uintptr(min(n, len(w.buffers))),
		enterGetEvents|enterExtended, uintptr(unsafe.Pointer(&arg)), unsafe.Sizeof(arg))
}

func (w *multishot) Wait() {
	_, _, _ = unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(w.ring.fd), w.arm(), 1, enterGetEvents, 0, 0)
}

// arm posts the read unless it is posted, and returns how many entries the next call has to submit.
func (w *multishot) arm() (pushed uintptr) {
	w.calls++
	if w.armed {
		return 0
	}
	w.armed = true
	w.ring.entries[w.ring.next&w.ring.mask] = entry{op: opReadMultishot, flags: flagBufferSelect, fd: int32(w.fd), offset: ^uint64(0)}
	w.ring.next++
	atomic.StoreUint32(w.ring.tail, w.ring.next)
	return 1
}

func (w *multishot) Read(_ int, take func(frame []byte)) {
	r := w.ring
	head, end := *r.head, atomic.LoadUint32(r.end)
	for ; head != end; head++ {
		c := r.done[head&r.doneMask]
		if c.flags&completionMore == 0 { // mostly for want of buffers
			w.armed = false
		}
		if c.flags&completionBuffer != 0 {
			i := int(c.flags >> 16)
			take(w.buffers[i][:c.result])
			w.give(i)
		}
	}
	atomic.StoreUint32(r.head, head)
}

func (w *multishot) Calls() int { return w.calls }

func (w *multishot) Close() error {
	return errors.Join(w.ring.close(), unix.Munmap(w.memory), unix.Munmap(w.pool))
}
