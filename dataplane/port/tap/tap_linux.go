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
	Name    string  // the interface's name in its namespace: "eth0"; 1 to 15 bytes
	MTU     int     // in bytes, of the datagram; 68 to 65521
	Without Offload // what the kernel is not to leave to the port, though it could
	MAC     [6]byte // the guest's: the device gets it, and every frame must come from it
	Router  [6]byte // the sender of what comes from no known neighbour

	// Neighbour returns the MAC address under which the guest sees addr on its own subnet (the router's for the subnet's
	// first address, and for its link-local address in IPv6), and false for an address that nobody has: ARP and Neighbor
	// Solicitations for it stay unanswered. It is called for each datagram written and each such request, by several
	// goroutines at once.
	Neighbour func(addr netip.Addr) (mac [6]byte, ok bool)
}

// Port implements port.Port. Its descriptor is non-blocking: TryRead takes frames with bare system calls until there are none or the
// batch is full. Who waits for them is a Poller, or Wait in the runtime's own; Read is that and TryRead. Write goes to the descriptor
// from any goroutine; mu only keeps Close from giving the descriptor's number away meanwhile.
type Port struct {
	cfg      Config
	offload  Offload
	segments sync.Pool // of *packet.Packet, each with room for a datagram
	stats    counters

	mu     sync.RWMutex
	fd     int                   // guarded by mu
	file   *os.File              // guarded by mu; the descriptor as the runtime's poller knows it, nil until somebody waits there
	closed bool                  // guarded by mu
	raw    syscall.RawConn       // guarded by mu; of file
	ready  func(fd uintptr) bool // guarded by mu; p.isReady, made once: a method value allocates
	asked  bool                  // of the goroutine in Wait

	// Of the thread of a Poller.
	sleep uint // its last one before the port was read last
	run   int  // how many frames to read at once
	big   int  // how many small frames until those after the last big one count as such
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
	offload, err := prepare(fd, cfg)
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return &Port{cfg: cfg, fd: fd, offload: offload}, nil
}

func prepare(fd int, cfg Config) (Offload, error) {
	if err := setMAC(fd, cfg.Name, cfg.MAC); err != nil {
		return 0, err
	}
	if err := setMTU(cfg.Name, cfg.MTU); err != nil {
		return 0, err
	}
	if err := unix.IoctlSetInt(fd, unix.TUNSETPERSIST, 1); err != nil {
		return 0, fmt.Errorf("tap %s: making it outlive its port: %w", cfg.Name, err)
	}
	offload, err := negotiate(fd, AllOffloads&^cfg.Without)
	if err != nil {
		return 0, fmt.Errorf("tap %s: %w", cfg.Name, err)
	}
	return offload, nil
}

// Offload returns what the kernel leaves to the port: all but what Config left out and what this kernel does not have.
func (p *Port) Offload() Offload { return p.offload }

// Wait returns when there is something to Read, or may be, so that its caller needs memory for datagrams only then. Like Read it is
// for one goroutine, and returns net.ErrClosed after Close.
func (p *Port) Wait() error {
	raw, err := p.waitable()
	if err != nil {
		return err
	}
	p.asked = false
	err = raw.Read(p.ready)
	switch {
	case err == nil:
		return nil
	case p.isClosed(): // for which the runtime has an error of its own that is not exported
		return net.ErrClosed
	}
	return fmt.Errorf("tap %s: %w", p.cfg.Name, err)
}

// waitable has the runtime's poller know the descriptor. Frames of one that it does not know wake nobody but who waits for them.
func (p *Port) waitable() (raw syscall.RawConn, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, net.ErrClosed
	}
	if p.file == nil {
		p.file, p.ready = os.NewFile(uintptr(p.fd), p.cfg.Name), p.isReady
		p.raw, err = p.file.SyscallConn()
	}
	return p.raw, err
}

// isReady tells whether there is a frame now. The runtime calls it a second time only when its poller has seen one.
func (p *Port) isReady(fd uintptr) bool {
	if p.asked {
		return true
	}
	p.asked = true
	poll := unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	n, _, errno := unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&poll)), 1, uintptr(unsafe.Pointer(&unix.Timespec{})), 0, 0, 0)
	return n != 0 || errno != 0
}

// Read implements port.Port. A frame as long as the packet's whole buffer may have been cut by the kernel without notice,
// so it is dropped as malformed: that is why a packet needs room for one byte more than the MTU.
func (p *Port) Read(batch []*packet.Packet) (int, error) {
	for {
		if n, err := p.TryRead(batch); n > 0 || err != nil {
			return n, err
		}
		if err := p.Wait(); err != nil {
			return 0, err
		}
	}
}

// TryRead is Read but does not wait: it returns 0 if there is nothing.
func (p *Port) TryRead(batch []*packet.Packet) (int, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.closed {
		return 0, net.ErrClosed
	}
	n, more := 0, true
	for more && n < len(batch) {
		var got bool
		var err error
		got, more, err = p.readFrame(batch[n])
		if err != nil && n == 0 { // an error after some comes again
			return 0, err
		}
		if got {
			n++
		}
	}
	p.stats.received.Add(uint64(n))
	return n, nil
}

// readFrame reads a frame into pkt if there is one, which more tells, and whether it was a datagram to hand up.
func (p *Port) readFrame(pkt *packet.Packet) (got, more bool, err error) {
	buf := pkt.Buffer(vnetLen + headerLen)
	n, errno := rawIO(unix.SYS_READ, uintptr(p.fd), buf)
	return p.received(pkt, n, errno)
}

// received takes what a system call said of reading into pkt. The results are those of readFrame.
func (p *Port) received(pkt *packet.Packet, n int, errno unix.Errno) (got, more bool, err error) {
	switch {
	case errno == unix.EAGAIN:
		return false, false, nil
	case errno == unix.EINTR:
		return false, true, nil
	case errno != 0:
		return false, false, fmt.Errorf("tap %s: reading: %w", p.cfg.Name, errno)
	}
	buf := pkt.Buffer(vnetLen + headerLen)
	if n == len(buf) || n < vnetLen {
		p.stats.malformed.Add(1)
		return false, true, nil
	}
	if !p.accept(uintptr(p.fd), buf[:n]) {
		return false, true, nil
	}
	if pkt.SetLen(n - vnetLen - headerLen); !describe(buf, pkt) {
		p.stats.malformed.Add(1)
		return false, true, nil
	}
	return true, true, nil
}

// accept reports whether a frame, behind its virtio header, is a datagram to hand up. All else it deals with, and counts.
func (p *Port) accept(fd uintptr, b []byte) bool {
	switch frame := b[vnetLen:]; inspect(frame, p.cfg.MAC) {
	case datagram:
		return true
	case arp:
		if p.answerARP(fd, b) {
			p.stats.arpAnswered.Add(1)
		} else {
			p.stats.arpIgnored.Add(1)
		}
	case discovery:
		if p.answerDiscovery(fd, b) {
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
func (p *Port) answerARP(fd uintptr, b []byte) bool {
	target, ok := arpTarget(b[vnetLen:], p.cfg.MAC)
	if !ok {
		return false
	}
	mac, ok := p.cfg.Neighbour(target)
	return ok && mac != p.cfg.MAC && answer(fd, b, arpReply(b[vnetLen:], mac))
}

// answerDiscovery is answerARP for a Neighbor Solicitation.
func (p *Port) answerDiscovery(fd uintptr, b []byte) bool {
	target, ok := discoveryTarget(b[vnetLen:], p.cfg.MAC)
	if !ok {
		return false
	}
	mac, ok := p.cfg.Neighbour(target)
	return ok && mac != p.cfg.MAC && answer(fd, b, advertisement(b[vnetLen:], mac, mac == p.cfg.Router))
}

// answer sends frame, which was made in place behind the virtio header at the start of b, and reports whether the device took it.
func answer(fd uintptr, b, frame []byte) bool {
	clear(b[:vnetLen])
	return write(fd, b[:vnetLen+len(frame)])
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
	for i, pkt := range batch {
		if p.writeFrame(pkt) {
			batch[sent], batch[i] = pkt, batch[sent]
			sent++
		}
	}
	p.wrote(sent, len(batch))
	return sent, nil
}

// wrote counts how many packets of a batch the device took.
func (p *Port) wrote(sent, of int) {
	p.stats.sent.Add(uint64(sent))
	if of > sent {
		p.stats.writeDropped.Add(uint64(of - sent))
	}
}

// writeFrame reports whether the device took the packet. It does not if it is down (EIO) or out of memory.
func (p *Port) writeFrame(pkt *packet.Packet) bool {
	mac, etherType, ok := p.sender(pkt)
	switch {
	case !ok:
		return false
	case p.offload.takes(pkt):
		return write(uintptr(p.fd), p.frame(pkt, mac, etherType))
	}
	return p.writeWire(pkt, mac, etherType)
}

// sender returns whom the guest takes for a packet's sender; ok is false if it is not IP.
func (p *Port) sender(pkt *packet.Packet) (mac [6]byte, etherType uint16, ok bool) {
	src, etherType, ok := source(pkt.Bytes())
	if !ok {
		return mac, 0, false
	}
	mac, neighbour := p.cfg.Neighbour(src)
	if !neighbour {
		mac = p.cfg.Router
	}
	return mac, etherType, true
}

// frame puts headers before a packet that the device takes as it is.
func (p *Port) frame(pkt *packet.Packet, mac [6]byte, etherType uint16) []byte {
	b := pkt.Frame(vnetLen + headerLen)
	putVnetHeader(b, pkt)
	putHeader(b[vnetLen:], p.cfg.MAC, mac, etherType)
	return b
}

// Close implements port.Port. The device stays in its namespace, without a carrier.
func (p *Port) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	if p.file != nil {
		return p.file.Close()
	}
	return unix.Close(p.fd)
}

func (p *Port) isClosed() bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.closed
}

// write reports whether the device took the frame, behind its virtio header.
func write(fd uintptr, b []byte) bool {
	_, errno := rawIO(unix.SYS_WRITE, fd, b)
	return errno == 0
}

// rawIO reads or writes a non-blocking descriptor without telling the scheduler, which such a short call is not worth.
// b must not be empty.
func rawIO(call, fd uintptr, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(call, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	return int(n), errno
}
