// Package tap is the port whose other end is a Linux network interface: a TAP device in an instance's namespace. Towards
// the instance it is the wire and whoever is at its far end: it answers ARP, and IPv6's Neighbor Discovery, the way the VPC's
// host does (aws-semantics 8.2), and lets nothing pass that is not sent from the instance's own MAC address, and no IPv6
// that is not meant to leave the link. Towards the data plane it is layer 3.
//
//	instance's kernel <-> eth0 (TAP) <-> frames <-> Port: Ethernet, ARP, ND <-> datagrams <-> data plane
//
// The device, once made, lives as long as its network namespace: closing a port leaves it there without a carrier, and
// opening a port of the same name takes it up again. A process that ends thus frees hundreds of them at once with their
// namespaces, instead of waiting for the kernel to unregister each (measured: 20 ms each).
package tap

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"vpcsim/dataplane/packet"
)

// Config describes a TAP and its two ends.
type Config struct {
	Name   string  // the interface's name in its namespace: "eth0"; 1 to 15 bytes
	MTU    int     // in bytes, of the datagram; 68 to 65521
	MAC    [6]byte // the guest's: the device gets it, and every frame must come from it
	Router [6]byte // the sender of what comes from no known neighbour

	// Neighbour returns the MAC address under which the guest sees addr on its own subnet (the router's for the subnet's
	// first address, and for its link-local address in IPv6), and false for an address that nobody has: ARP and Neighbor
	// Solicitations for it stay unanswered. It is called for each datagram written and each such request, by several
	// goroutines at once.
	Neighbour func(addr netip.Addr) (mac [6]byte, ok bool)
}

// Port implements port.Port. Its descriptor is non-blocking: Read waits in the runtime's poller, then takes frames with
// bare system calls until there are none or the batch is full. Write goes to the descriptor from any goroutine; mu only
// keeps Close from giving the descriptor's number away meanwhile.
type Port struct {
	cfg   Config
	file  *os.File
	raw   syscall.RawConn
	drain func(fd uintptr) bool // p.readFrames, made once: a method value allocates
	stats counters

	// Of the goroutine in Read, for readFrames.
	batch []*packet.Packet
	n     int
	err   error

	mu     sync.RWMutex
	fd     int  // guarded by mu
	closed bool // guarded by mu
}

// Open makes the TAP in the network namespace of the calling thread, or takes up the one a closed port left there. The
// caller arranges for the namespace and brings the interface up. If the machine does not permit it, the error is a
// *port.Unsupported.
func Open(cfg Config) (*Port, error) {
	if len(cfg.Name) == 0 || len(cfg.Name) >= unix.IFNAMSIZ {
		return nil, fmt.Errorf("tap: interface name %q: must have 1 to %d bytes", cfg.Name, unix.IFNAMSIZ-1)
	}
	fd, err := attach(cfg.Name)
	if err != nil {
		return nil, err
	}
	if err := prepare(fd, cfg); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	// Only an attached descriptor can be polled, hence not before.
	p := &Port{cfg: cfg, fd: fd, file: os.NewFile(uintptr(fd), cfg.Name)}
	p.drain = p.readFrames
	if p.raw, err = p.file.SyscallConn(); err != nil {
		_ = p.file.Close()
		return nil, fmt.Errorf("tap %s: %w", cfg.Name, err)
	}
	return p, nil
}

func prepare(fd int, cfg Config) error {
	if err := setMAC(fd, cfg.Name, cfg.MAC); err != nil {
		return err
	}
	if err := setMTU(cfg.Name, cfg.MTU); err != nil {
		return err
	}
	if err := unix.IoctlSetInt(fd, unix.TUNSETPERSIST, 1); err != nil {
		return fmt.Errorf("tap %s: making it outlive its port: %w", cfg.Name, err)
	}
	return nil
}

// Read implements port.Port. A frame as long as the packet's whole buffer may have been cut by the kernel without notice,
// so it is dropped as malformed: that is why a packet needs room for one byte more than the MTU.
func (p *Port) Read(batch []*packet.Packet) (int, error) {
	p.batch, p.n, p.err = batch, 0, nil
	err := p.raw.Read(p.drain)
	p.batch = nil
	switch {
	case err != nil && p.isClosed(): // the poller's own error for this is not exported
		return 0, net.ErrClosed
	case err != nil:
		return 0, fmt.Errorf("tap %s: %w", p.cfg.Name, err)
	case p.n > 0: // an error after these comes again
		p.stats.received.Add(uint64(p.n))
		return p.n, nil
	}
	return 0, p.err
}

// readFrames fills the batch with what is there now. It returns false, to be called again when there is more, if that
// was nothing.
func (p *Port) readFrames(fd uintptr) bool {
	for p.n < len(p.batch) {
		buf := p.batch[p.n].Buffer(headerLen)
		n, errno := rawIO(unix.SYS_READ, fd, buf)
		switch {
		case errno == unix.EAGAIN:
			return p.n > 0
		case errno == unix.EINTR:
		case errno != 0:
			p.err = fmt.Errorf("tap %s: reading: %w", p.cfg.Name, errno)
			return true
		case n == len(buf):
			p.stats.malformed.Add(1)
		case p.accept(fd, buf[:n]):
			p.batch[p.n].SetLen(n - headerLen)
			p.n++
		}
	}
	return true
}

// accept reports whether frame is a datagram to hand up. All else it deals with, and counts.
func (p *Port) accept(fd uintptr, frame []byte) bool {
	switch inspect(frame, p.cfg.MAC) {
	case datagram:
		return true
	case arp:
		if p.answerARP(fd, frame) {
			p.stats.arpAnswered.Add(1)
		} else {
			p.stats.arpIgnored.Add(1)
		}
	case discovery:
		if p.answerDiscovery(fd, frame) {
			p.stats.ndAnswered.Add(1)
		} else {
			p.stats.ndIgnored.Add(1)
		}
	case linkLocal:
		p.stats.linkLocal.Add(1)
	case spoofed:
		p.stats.spoofed.Add(1)
	case malformed:
		p.stats.malformed.Add(1)
	case otherType:
		p.stats.otherType.Add(1)
	}
	return false
}

// answerARP answers an ARP request for a neighbour other than the guest itself, and reports whether it did.
func (p *Port) answerARP(fd uintptr, frame []byte) bool {
	target, ok := arpTarget(frame, p.cfg.MAC)
	if !ok {
		return false
	}
	mac, ok := p.cfg.Neighbour(target)
	return ok && mac != p.cfg.MAC && send(fd, arpReply(frame, mac))
}

// answerDiscovery is answerARP for a Neighbor Solicitation.
func (p *Port) answerDiscovery(fd uintptr, frame []byte) bool {
	target, ok := discoveryTarget(frame, p.cfg.MAC)
	if !ok {
		return false
	}
	mac, ok := p.cfg.Neighbour(target)
	return ok && mac != p.cfg.MAC && send(fd, advertisement(frame, mac, mac == p.cfg.Router))
}

// Write implements port.Port. The guest sees each datagram come from the MAC address of its source if that is a neighbour,
// from the router's otherwise. The interface's MTU is not looked at: the kernel takes larger frames too.
func (p *Port) Write(batch []*packet.Packet) (int, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.closed {
		return 0, net.ErrClosed
	}
	sent := 0
	for _, pkt := range batch {
		if p.writeFrame(pkt) {
			sent++
		}
	}
	p.stats.sent.Add(uint64(sent))
	if dropped := len(batch) - sent; dropped > 0 {
		p.stats.writeDropped.Add(uint64(dropped))
	}
	return sent, nil
}

// writeFrame reports whether the device took the packet. It does not if it is down (EIO) or out of memory.
func (p *Port) writeFrame(pkt *packet.Packet) bool {
	src, etherType, ok := source(pkt.Bytes())
	if !ok {
		return false
	}
	mac, ok := p.cfg.Neighbour(src)
	if !ok {
		mac = p.cfg.Router
	}
	frame := pkt.Frame(headerLen)
	putHeader(frame, p.cfg.MAC, mac, etherType)
	return send(uintptr(p.fd), frame)
}

// Close implements port.Port. The device stays in its namespace, without a carrier.
func (p *Port) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	return p.file.Close()
}

func (p *Port) isClosed() bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.closed
}

// send reports whether the device took the frame.
func send(fd uintptr, frame []byte) bool {
	_, errno := rawIO(unix.SYS_WRITE, fd, frame)
	return errno == 0
}

// rawIO reads or writes a non-blocking descriptor without telling the scheduler, which such a short call is not worth.
// b must not be empty.
func rawIO(call, fd uintptr, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(call, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	return int(n), errno
}
