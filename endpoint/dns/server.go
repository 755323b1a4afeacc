// Package dns is the resolver of a VPC: names of Amazon S3, of instances and of internet hosts, over UDP and TCP, as one answers
// that is asked at the VPC's base address plus two (aws-semantics 8.1, 10).
//
// What a name resolves to depends on who asks: an instance's public name leads to its private address inside its VPC and to its
// public one elsewhere. So there is a [View] for each VPC, and a [Server] for each resolver, which takes its view anew for
// every question. [View.Answer] is all of the protocol, from message to message; the server only carries them.
//
// The resolver is a recursive one as far as its askers can tell. Nothing is asked further on: what no view knows does not exist.
package dns

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of a server. The first is AWS's: packets a second of one network interface, beyond which nothing is answered
// (aws-semantics 6.5: vpc-dns, "DNS quotas"). The others are ours: TCP connections at once at one listener, and how long one may
// stay without a word (RFC 7766 6.2.3).
const (
	packetsPerSecond = 1024
	maxConnections   = 256
	idleLimit        = 10 * time.Second
)

// Config is what a server works with. Its functions are called by many goroutines at once.
type Config struct {
	View      func() *View              // what to answer from; asked for every message; nil for no answer
	Interface func(a netip.Addr) string // id of the interface that has an address: whose packets are counted together
	Now       func() time.Time
}

// Server is one resolver, at any number of addresses.
type Server struct {
	config Config
	turn   atomic.Uint32 // of the addresses of names that have several

	mu     sync.Mutex
	second int64          // guarded by mu
	counts map[string]int // guarded by mu; packets of that second by interface
}

// NewServer returns a server, which listens nowhere yet.
func NewServer(c Config) *Server { return &Server{config: c, counts: map[string]int{}} }

// answer returns the answer to a message of a client; nil for none.
func (s *Server) answer(from netip.AddrPort, message []byte, udp bool) []byte {
	view := s.config.View()
	if view == nil || !s.allowed(from.Addr().Unmap().WithZone("")) {
		return nil
	}
	return view.Answer(message, udp, s.turn.Add(1)-1)
}

// allowed counts a packet and says whether it is within the quota of its interface.
func (s *Server) allowed(a netip.Addr) bool {
	eni, second := s.config.Interface(a), s.config.Now().Unix()
	s.mu.Lock()
	defer s.mu.Unlock()
	if second != s.second {
		s.second = second
		clear(s.counts)
	}
	s.counts[eni]++
	return s.counts[eni] <= packetsPerSecond
}

// ServeUDP answers what arrives at c until c is closed, and then returns nil.
func (s *Server) ServeUDP(c *net.UDPConn) error {
	buf := make([]byte, maxMessage)
	for {
		n, from, err := c.ReadFromUDPAddrPort(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			return fmt.Errorf("resolver at %s: %w", c.LocalAddr(), err)
		}
		if out := s.answer(from, buf[:n], true); out != nil {
			_, _ = c.WriteToUDPAddrPort(out, from) // who is gone needs no answer
		}
	}
}

// ServeTCP accepts connections until l is closed, ends those that are open, and returns nil.
func (s *Server) ServeTCP(l net.Listener) error {
	var open connections
	defer open.close()
	for {
		c, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			return fmt.Errorf("resolver at %s: %w", l.Addr(), err)
		}
		if open.add(c) {
			open.serving.Go(func() {
				defer open.remove(c)
				s.converse(c)
			})
		} else {
			_ = c.Close()
		}
	}
}

// converse answers one message after the other, each with its length before it (RFC 1035 4.2.2).
func (s *Server) converse(c net.Conn) {
	from, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return
	}
	buf := make([]byte, 2+maxMessage)
	for c.SetDeadline(time.Now().Add(idleLimit)) == nil {
		if _, err := io.ReadFull(c, buf[:2]); err != nil {
			return
		}
		message := buf[2 : 2+int(binary.BigEndian.Uint16(buf))]
		if _, err := io.ReadFull(c, message); err != nil {
			return
		}
		out := s.answer(from, message, false)
		if out == nil {
			return
		}
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...)); err != nil {
			return
		}
	}
}

// connections are those of a listener that are open.
type connections struct {
	serving sync.WaitGroup

	mu   sync.Mutex
	open map[net.Conn]struct{} // guarded by mu
}

// add takes a connection in, unless there are too many.
func (o *connections) add(c net.Conn) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open == nil {
		o.open = map[net.Conn]struct{}{}
	}
	if len(o.open) >= maxConnections {
		return false
	}
	o.open[c] = struct{}{}
	return true
}

func (o *connections) remove(c net.Conn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.open, c)
	_ = c.Close()
}

// close ends all connections and waits for their goroutines.
func (o *connections) close() {
	o.mu.Lock()
	for c := range o.open {
		_ = c.Close()
	}
	o.mu.Unlock()
	o.serving.Wait()
}
