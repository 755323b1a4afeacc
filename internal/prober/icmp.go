package prober

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// pingers are the sockets that pings are sent from, by their address and identifier.
type pingers struct {
	mu      sync.Mutex
	sockets map[netip.AddrPort]*pinger // guarded by mu
}

// from returns the pinger with an address and identifier.
func (all *pingers) from(source netip.AddrPort) (p *pinger, err error) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if p = all.sockets[source]; p != nil {
		return p, nil
	}
	if p, err = newPinger(source); err == nil {
		all.sockets[source] = p
	}
	return p, err
}

func (all *pingers) close() {
	all.mu.Lock()
	defer all.mu.Unlock()
	for _, p := range all.sockets {
		_ = p.conn.Close()
		<-p.done
	}
}

// pinger sends echo requests with one identifier, told apart by their sequence numbers, and hands on what the replies say. A
// goroutine of its own reads the socket until it is closed.
type pinger struct {
	conn *net.UDPConn // a ping socket (icmp(7)): the kernel fills in identifier and checksum, and tells nothing but echo replies
	done chan struct{}

	mu      sync.Mutex
	waiting map[uint16]waiter // guarded by mu; by sequence number
}

// waiter is who waits for a reply.
type waiter struct {
	from netip.Addr
	ttl  chan int // has room for one
}

func newPinger(source netip.AddrPort) (*pinger, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_ICMP)
	if err != nil {
		return nil, fmt.Errorf("ping socket: %w", err)
	}
	f := os.NewFile(uintptr(fd), "ping")
	defer f.Close() // the connection has a descriptor of its own
	if !source.Addr().Is4() {
		return nil, fmt.Errorf("ping from %s: no IPv4 address", source.Addr())
	}
	err = errors.Join(unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVTTL, 1), unix.Bind(fd, &unix.SockaddrInet4{Addr: source.Addr().As4(), Port: int(source.Port())}))
	if err != nil {
		return nil, fmt.Errorf("ping socket with address and identifier %s: %w", source, err)
	}
	conn, err := net.FilePacketConn(f)
	if err != nil {
		return nil, fmt.Errorf("ping socket: %w", err)
	}
	p := &pinger{conn: conn.(*net.UDPConn), done: make(chan struct{}), waiting: map[uint16]waiter{}}
	go p.read()
	return p, nil
}

// again is how soon a ping is repeated that has had no answer.
const again = time.Second

// ping sends echo requests until one is answered, or the wait is over.
func (p *pinger) ping(to netip.Addr, sequence uint16, wait time.Duration) Sighting {
	w := waiter{from: to, ttl: make(chan int, 1)}
	p.mu.Lock()
	p.waiting[sequence] = w
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.waiting, sequence)
		p.mu.Unlock()
	}()
	request := []byte{8, 0, 0, 0, 0, 0, byte(sequence >> 8), byte(sequence)} // RFC 792; the kernel fills in the rest
	over := time.NewTimer(wait)
	defer over.Stop()
	for {
		_, err := p.conn.WriteToUDPAddrPort(request, netip.AddrPortFrom(to, 0))
		switch {
		case err != nil && unreachable(err):
			return Sighting{Said: err.Error()}
		case err != nil && !errors.Is(err, unix.ENOBUFS): // as good as lost
			return Sighting{Error: err.Error()}
		}
		select {
		case ttl := <-w.ttl:
			return Sighting{Reached: true, TTL: ttl}
		case <-time.After(again):
		case <-over.C:
			return Sighting{}
		}
	}
}

// read hands on replies.
func (p *pinger) read() {
	defer close(p.done)
	reply, control := make([]byte, 64), make([]byte, 64)
	for {
		n, controls, _, from, err := p.conn.ReadMsgUDPAddrPort(reply, control)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil || n < 8 || reply[0] != 0:
			continue // an error that the network told of some request; or no echo reply
		}
		p.mu.Lock()
		w, ok := p.waiting[binary.BigEndian.Uint16(reply[6:])]
		p.mu.Unlock()
		if ok && w.from == from.Addr().Unmap() {
			select {
			case w.ttl <- ttlOf(control[:controls]):
			default: // a second reply
			}
		}
	}
}

// ttlOf finds the time to live among the control messages of a datagram (ip(7), IP_RECVTTL); 0 if it is not there.
func ttlOf(control []byte) int {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return 0
	}
	for _, m := range messages {
		if m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_TTL && len(m.Data) >= 4 {
			return int(binary.NativeEndian.Uint32(m.Data))
		}
	}
	return 0
}
