// Package s3 is the simulated Amazon S3 of one region: a real HTTP server with one store behind any number of edges.
//
// An edge is a listener that the caller made inside a network namespace, together with the [endpoint.Origin] that reaching
// it proves. There is one edge on the internet and one behind every gateway endpoint, each with a kernel TCP stack of its
// own; that, and no special code, is why a connection whose packets begin to arrive at another edge is unknown there and
// gets reset. What every connection looked like from S3's side is recorded: see [Service.Connections].
//
// The S3 protocol is gofakes3's: objects, ranges, listings, multipart uploads, tagging, conditions, XML errors. Versioning
// is off. Requests are plain HTTP and anybody may do anything; an authoriser will find who asks in the request's context,
// by [endpoint.FromContext].
package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"

	"github.com/rclone/gofakes3"

	"vpcsim/endpoint"
)

const (
	// maxHeaderBytes bounds the head of a request. S3's own bound is 8 KB for the headers; the rest is room for the key.
	maxHeaderBytes = 16 << 10
	// maxPostBytes bounds the body of a POST: the part list of a multipart upload, a list of keys to delete, or a browser's
	// form, which would otherwise be spooled to disk.
	maxPostBytes = 10 << 20
)

// Config describes the service when it starts.
type Config struct {
	Region   string   // such as us-east-1; decides which host names carry a bucket
	Buckets  []Bucket // there from the start; clients may make more
	MaxBytes int64    // what all stored and arriving data may take, in bytes; 0 means DefaultMaxBytes
}

// Bucket is a bucket with the objects it holds from the start.
type Bucket struct {
	Name    string
	Objects []Object
}

// Object is an object that is there from the start. If Content is nil, it has Size bytes of a fixed pattern: line k of 16
// bytes is its own offset in the object, as 15 hexadecimal digits and a newline. The pattern is made while it is read and
// takes no room, but New hashes it once for its ETag, at some 600 MB/s.
type Object struct {
	Key     string
	Content []byte
	Size    int64 // bytes; counts only if Content is nil
}

// Service is the S3 of one region. Its methods may be called from any goroutine.
//
// The caller owns the goroutine in which Serve runs. Every accepted connection has a goroutine of its own, which has ended
// when that Serve returns.
type Service struct {
	handler http.Handler
	records connectionLog

	mu     sync.Mutex
	edges  map[*edge]struct{} // those inside Serve; guarded by mu
	closed bool               // guarded by mu
}

// edge is one listener being served.
type edge struct {
	origin      endpoint.Origin
	server      *http.Server
	connections sync.WaitGroup // the serving goroutines of net/http
	done        chan struct{}  // closed when all is over
}

// New makes the service with its buckets and objects. It listens nowhere until Serve is called.
func New(cfg Config) (*Service, error) {
	store := newStore(cfg.MaxBytes)
	for _, b := range cfg.Buckets {
		if err := store.load(b); err != nil {
			return nil, fmt.Errorf("S3 bucket %q: %w", b.Name, err)
		}
	}
	api := gofakes3.New(store, gofakes3.WithoutVersioning()).Server()
	return &Service{
		handler: virtualHosted(cfg.Region, limitPosts(api)),
		records: connectionLog{limit: maxRecords},
		edges:   map[*edge]struct{}{},
	}, nil
}

// Serve accepts connections from l until the edge is closed, then returns nil. It owns l from here on. The edge ends by
// CloseEdge, by Close, or by closing l itself; in each case its connections are closed at once and Serve returns when the
// last of them is gone. The listener must be TCP.
func (s *Service) Serve(l net.Listener, origin endpoint.Origin) error {
	e := newEdge(s.handler, origin)
	if !s.open(e) {
		return errors.Join(errors.New("S3 is closed"), l.Close())
	}
	defer s.forget(e)
	err := e.server.Serve(&listener{Listener: l, origin: origin, records: &s.records})
	e.server.Close() // again: a connection accepted during the first Close was missed by it
	e.connections.Wait()
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return fmt.Errorf("S3 edge %s at %s: %w", origin.Path(), l.Addr(), err)
}

// newEdge sets up net/http with no timeouts at all: a connection that S3 itself cut would look like one that died of a
// route change, and idle keep-alive connections are a subject of the simulation.
func newEdge(handler http.Handler, origin endpoint.Origin) *edge {
	e := &edge{origin: origin, done: make(chan struct{})}
	e.server = &http.Server{
		Handler:        handler,
		MaxHeaderBytes: maxHeaderBytes,
		ErrorLog:       log.New(io.Discard, "", 0),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return withConn(endpoint.NewContext(ctx, origin), c.(*conn))
		},
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				e.connections.Add(1)
			case http.StateClosed:
				e.connections.Done()
			}
		},
	}
	return e
}

// CloseEdge closes the listeners of an origin and all their connections at once, without letting requests finish, and
// returns when they are gone. Other edges notice nothing, and the origin may be served again. Closing an origin that isn't
// served does nothing.
func (s *Service) CloseEdge(origin endpoint.Origin) {
	s.closeEdges(func(e *edge) bool { return e.origin == origin })
}

// Close closes all edges as CloseEdge does. Serve fails from then on; the records stay readable.
func (s *Service) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.closeEdges(func(*edge) bool { return true })
	return nil
}

func (s *Service) closeEdges(match func(*edge) bool) {
	s.mu.Lock()
	var closing []*edge
	for e := range s.edges {
		if match(e) {
			closing = append(closing, e)
		}
	}
	s.mu.Unlock()
	for _, e := range closing {
		e.server.Close()
	}
	for _, e := range closing {
		<-e.done
	}
}

// open admits an edge unless the service is closed.
func (s *Service) open(e *edge) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.edges[e] = struct{}{}
	}
	return !s.closed
}

func (s *Service) forget(e *edge) {
	s.mu.Lock()
	delete(s.edges, e)
	s.mu.Unlock()
	close(e.done)
}

func limitPosts(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			r.Body = http.MaxBytesReader(w, r.Body, maxPostBytes)
		}
		next.ServeHTTP(w, r)
	})
}
