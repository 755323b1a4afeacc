package s3

// The connection log: what S3 saw of every TCP connection.
//
// A record is born when an edge's listener accepts a connection. Until that connection is closed, its one serving
// goroutine (and net/http's background reader) adds to the counters; all of them are atomic, so a reader sees a record
// that may be a moment old but never torn. After that the record is history. The log keeps the records in the order of
// their birth and is bounded: when it is full, the oldest closed tenth is forgotten. Open connections are never forgotten;
// the machine's limit on open files bounds those. A record holds no socket, so history costs a few hundred bytes each.

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"vpcsim/endpoint"
	"vpcsim/internal/monotonic"
)

// maxRecords is how many connections the log remembers.
const maxRecords = 100_000

// Connection is one TCP connection as S3 saw it, at the moment of asking. Times are CLOCK_MONOTONIC in nanoseconds.
type Connection struct {
	Peer   netip.AddrPort  // whom S3 records as the client: the source address and port that arrived
	Local  netip.AddrPort  // the address of S3 that the client dialled
	Origin endpoint.Origin // the way it came

	Opened   int64 // when S3 accepted it
	Closed   int64 // when S3 closed its own end; 0 while it is open, however dead its peer may be
	Requests int64 // requests whose head has arrived
	BytesIn  int64 // payload bytes read from TCP
	BytesOut int64 // payload bytes given to TCP, acknowledged or not

	// Error is the name of the first error that the kernel reported on it, such as ECONNRESET; empty if there was none,
	// and when either side closed in an orderly way.
	Error string
}

// Connections returns every TCP connection that the log remembers, open or closed, the newest last.
func (s *Service) Connections() []Connection {
	return s.records.find(func(*record) bool { return true })
}

// Lookup returns the connections between an S3 address and a client port, the newest last: with them one finds what S3
// saw of a connection whose client's end is known. The client's port survives an internet gateway and an endpoint, but not
// a NAT gateway, which chooses its own.
func (s *Service) Lookup(local netip.AddrPort, peerPort uint16) []Connection {
	local = unmap(local)
	return s.records.find(func(r *record) bool { return r.local == local && r.peer.Port() == peerPort })
}

// Open returns the connections that S3 has not closed, however dead their peers may be, the newest last.
func (s *Service) Open() []Connection {
	return s.records.find(func(r *record) bool { return r.closed.Load() == 0 })
}

// Traffic is what S3 counted at one of its edges, of connections that the log has forgotten, too.
type Traffic struct {
	Connections, Requests uint64
	BytesIn, BytesOut     uint64 // payload of TCP, as in Connection
}

func (t Traffic) with(c Connection) Traffic {
	return Traffic{
		Connections: t.Connections + 1, Requests: t.Requests + uint64(c.Requests),
		BytesIn: t.BytesIn + uint64(c.BytesIn), BytesOut: t.BytesOut + uint64(c.BytesOut),
	}
}

// Traffic returns what was counted at each edge that was ever connected to.
func (s *Service) Traffic() map[endpoint.Origin]Traffic {
	l := &s.records
	l.mu.Lock()
	defer l.mu.Unlock()
	all := maps.Clone(l.past)
	if all == nil {
		all = map[endpoint.Origin]Traffic{}
	}
	for _, r := range l.records {
		all[r.origin] = all[r.origin].with(r.snapshot())
	}
	return all
}

// record is a Connection in the making.
type record struct {
	origin      endpoint.Origin
	peer, local netip.AddrPort
	opened      int64

	closed, requests, bytesIn, bytesOut atomic.Int64
	errno                               atomic.Uint32
}

func (r *record) snapshot() Connection {
	c := Connection{
		Peer: r.peer, Local: r.local, Origin: r.origin, Opened: r.opened,
		Closed: r.closed.Load(), Requests: r.requests.Load(), BytesIn: r.bytesIn.Load(), BytesOut: r.bytesOut.Load(),
	}
	if errno := syscall.Errno(r.errno.Load()); errno != 0 {
		c.Error = unix.ErrnoName(errno)
	}
	return c
}

// fail notes the first error of the kernel. Deadlines, which net/http uses to interrupt its own reads, and the use of a
// connection closed by ourselves aren't the kernel's.
func (r *record) fail(err error) {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		r.errno.CompareAndSwap(0, uint32(errno))
	}
}

// connectionLog is the bounded list of records.
type connectionLog struct {
	limit int

	mu      sync.Mutex
	records []*record                   // the newest last; guarded by mu
	past    map[endpoint.Origin]Traffic // of those forgotten; guarded by mu
}

// add begins the record of a connection accepted now.
func (l *connectionLog) add(peer, local netip.AddrPort, origin endpoint.Origin) *record {
	r := &record{origin: origin, peer: unmap(peer), local: unmap(local)}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.records) >= l.limit {
		l.forget(len(l.records) - l.limit*9/10)
	}
	r.opened = monotonic.Now()
	l.records = append(l.records, r)
	return r
}

// forget drops the n oldest closed connections, or as many as there are. The caller holds mu.
func (l *connectionLog) forget(n int) {
	kept := l.records[:0]
	for _, r := range l.records {
		if n > 0 && r.closed.Load() != 0 {
			n--
			if l.past == nil {
				l.past = map[endpoint.Origin]Traffic{}
			}
			l.past[r.origin] = l.past[r.origin].with(r.snapshot())
			continue
		}
		kept = append(kept, r)
	}
	clear(l.records[len(kept):])
	l.records = kept
}

func (l *connectionLog) find(match func(*record) bool) []Connection {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []Connection
	for _, r := range l.records {
		if match(r) {
			found = append(found, r.snapshot())
		}
	}
	return found
}

// listener gives every connection of an edge its record.
type listener struct {
	net.Listener
	origin  endpoint.Origin
	records *connectionLog
}

// Accept switches TCP keep-alive off: probes on an idle connection are packets that neither program sent, and after a
// route change they would break it before its next use, or hide that the next use does (aws-semantics 3.5).
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		c.Close()
		return nil, fmt.Errorf("S3 needs a TCP listener, this one accepts %T", c)
	}
	_ = tcp.SetKeepAlive(false) // fails only on a connection that is gone already, as its first read will tell
	peer := tcp.RemoteAddr().(*net.TCPAddr).AddrPort()
	local := tcp.LocalAddr().(*net.TCPAddr).AddrPort()
	return &conn{Conn: tcp, tcp: tcp, record: l.records.add(peer, local, l.origin)}, nil
}

// conn is an accepted connection that keeps its record. It hides TCPConn's ReadFrom, which would pass the counters by.
type conn struct {
	net.Conn
	tcp    *net.TCPConn
	record *record
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.record.bytesIn.Add(int64(n))
	c.record.fail(err)
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.record.bytesOut.Add(int64(n))
	c.record.fail(err)
	return n, err
}

// CloseWrite lets net/http send its FIN first when it refuses a request whose body is still arriving.
func (c *conn) CloseWrite() error { return c.tcp.CloseWrite() }

func (c *conn) Close() error {
	c.record.closed.CompareAndSwap(0, monotonic.Now())
	return c.Conn.Close()
}

type connKey struct{}

func withConn(ctx context.Context, c *conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// connOf returns the connection that a request of an edge came on.
func connOf(ctx context.Context) *conn { return ctx.Value(connKey{}).(*conn) }

func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
