package tap

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// io_uring (io_uring_enter(2)), as far as a batch of reads or writes with one system call needs it. All that is submitted is complete
// when the call returns: the descriptors are non-blocking and every read and write says so (RWF_NOWAIT), so nothing is ever put off.
// So the packets' memory may be Go's own: it is in use during the call only.
//
// The offsets and numbers are those of linux/io_uring.h. The two queues are memory that the kernel shares. Only the thread that enabled the ring uses it.
type ring struct {
	fd                    int
	memory, entriesMemory []byte
	entries               []entry
	tail                  *uint32 // of the submission queue
	mask                  uint32
	next                  uint32 // tail after what was pushed
	pushed                uint32 // since the last submit

	head, end *uint32 // of the completion queue
	doneMask  uint32
	done      []completion
	results   [ringSize]int32 // of what was submitted last, by the numbers it was pushed with
}

// entry is struct io_uring_sqe.
type entry struct {
	op, flags uint8
	ioprio    uint16
	fd        int32
	offset    uint64
	addr      uint64
	len       uint32
	rwFlags   uint32
	user      uint64
	_         [3]uint64
}

// completion is struct io_uring_cqe.
type completion struct {
	user   uint64
	result int32
	flags  uint32
}

// ringParams is struct io_uring_params.
type ringParams struct {
	entries, completions, flags, cpu, idle, features, wq uint32
	_                                                    [3]uint32
	sq                                                   struct {
		head, tail, mask, entries, flags, dropped, array, _ uint32
		_                                                   uint64
	}
	cq struct {
		head, tail, mask, entries, overflow, completions, flags, _ uint32
		_                                                          uint64
	}
}

const (
	ringSize = 64 // a batch

	setupDisabled     = 1 << 6 // IORING_SETUP_R_DISABLED: until the thread that uses it comes
	setupSingleIssuer = 1 << 12
	registerEnable    = 12         // IORING_REGISTER_ENABLE_RINGS
	offsetEntries     = 0x10000000 // IORING_OFF_SQES
	enterGetEvents    = 1
	featureOneMapping = 1

	opWriteVectors, opRead, opWrite = 2, 22, 23
	noWait                          = 8 // RWF_NOWAIT
)

// newRing makes a ring that some thread has yet to enable.
func newRing() (*ring, error) { return openRing(setupDisabled | setupSingleIssuer) }

func openRing(flags uint32) (*ring, error) {
	p := ringParams{flags: flags}
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, ringSize, uintptr(unsafe.Pointer(&p)), 0)
	if errno != 0 {
		return nil, errno
	}
	r := &ring{fd: int(fd)}
	if p.features&featureOneMapping == 0 {
		return nil, errors.Join(unix.ENOSYS, r.close())
	}
	size := max(int(p.sq.array+p.entries*4), int(p.cq.completions)+int(p.completions)*int(unsafe.Sizeof(completion{})))
	var err error
	if r.memory, err = unix.Mmap(r.fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE); err != nil {
		return nil, errors.Join(err, r.close())
	}
	r.entriesMemory, err = unix.Mmap(r.fd, offsetEntries, int(p.entries)*int(unsafe.Sizeof(entry{})), unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, errors.Join(err, r.close())
	}
	r.entries = unsafe.Slice((*entry)(unsafe.Pointer(&r.entriesMemory[0])), p.entries)
	r.tail, r.mask = r.at(p.sq.tail), *r.at(p.sq.mask)
	for i, slots := 0, unsafe.Slice(r.at(p.sq.array), p.entries); i < len(slots); i++ {
		slots[i] = uint32(i)
	}
	r.head, r.end, r.doneMask = r.at(p.cq.head), r.at(p.cq.tail), *r.at(p.cq.mask)
	r.done = unsafe.Slice((*completion)(unsafe.Pointer(r.at(p.cq.completions))), p.completions)
	r.next = *r.tail
	return r, nil
}

// TryRing tells why a Poller has no io_uring here; nil if it has.
func TryRing() error {
	r, err := newRing()
	switch {
	case err == nil:
		return r.close()
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return errors.New("io_uring is forbidden (sysctl kernel.io_uring_disabled, or the container's seccomp profile)")
	case errors.Is(err, unix.ENOSYS):
		return errors.New("this kernel has no io_uring, or the container's seccomp profile hides it")
	case errors.Is(err, unix.EINVAL):
		return errors.New("io_uring is older than Linux 6.0")
	}
	return fmt.Errorf("io_uring cannot be had: %w", err)
}

func (r *ring) at(offset uint32) *uint32 { return (*uint32)(unsafe.Pointer(&r.memory[offset])) }

// enable makes the calling thread the one that uses the ring.
func (r *ring) enable() error {
	if _, _, errno := unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(r.fd), registerEnable, 0, 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// push adds a read or write of b, which must not be empty and must live until submit returns. user names it in its completion.
func (r *ring) push(op uint8, fd int, b []byte, user int) {
	r.add(op, fd, unsafe.Pointer(&b[0]), len(b), user)
}

// pushVectors is push of a write of what is in several places.
func (r *ring) pushVectors(fd int, vectors []unix.Iovec, user int) {
	r.add(opWriteVectors, fd, unsafe.Pointer(&vectors[0]), len(vectors), user)
}

// add adds a read or write of what is at a place: n bytes, or vectors.
func (r *ring) add(op uint8, fd int, at unsafe.Pointer, n, user int) {
	r.results[user] = -int32(unix.EIO) // until the kernel says something else
	r.entries[r.next&r.mask] = entry{
		op: op, fd: int32(fd), addr: uint64(uintptr(at)), len: uint32(n), rwFlags: noWait, user: uint64(user), offset: ^uint64(0),
	}
	r.next++
	r.pushed++
}

// submit does what was pushed, in order, and puts its results, lengths or negative error numbers, into results.
func (r *ring) submit() {
	atomic.StoreUint32(r.tail, r.next)
	waiting, pending := r.pushed, r.pushed
	r.pushed = 0
	for waiting > 0 {
		n, _, errno := unix.RawSyscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(pending), uintptr(waiting), enterGetEvents, 0, 0)
		switch errno {
		case 0:
			pending -= min(pending, uint32(n))
		case unix.EINTR, unix.EAGAIN, unix.EBUSY:
		default: // the kernel takes no more of it
			return
		}
		head, end := *r.head, atomic.LoadUint32(r.end)
		for ; head != end; head++ {
			c := &r.done[head&r.doneMask]
			r.results[c.user] = c.result
			waiting--
		}
		atomic.StoreUint32(r.head, head)
	}
}

func (r *ring) close() (err error) {
	for _, m := range [...][]byte{r.memory, r.entriesMemory} {
		if m != nil {
			err = errors.Join(err, unix.Munmap(m))
		}
	}
	return errors.Join(err, unix.Close(r.fd))
}

// result is what came of what was pushed with the number user.
func (r *ring) result(user int) (n int, errno unix.Errno) {
	if n := r.results[user]; n < 0 {
		return 0, unix.Errno(-n)
	}
	return int(r.results[user]), 0
}
