// Package s3 is the simulated Amazon S3 of all regions: a real HTTP server with one store behind any number of edges.
//
// An edge is a listener that the caller made inside a network namespace, together with the [endpoint.Origin] that reaching
// it proves. There is one edge on the internet and one behind every gateway endpoint, each with a kernel TCP stack of its
// own; that, and no special code, is why a connection whose packets begin to arrive at another edge is unknown there and
// gets reset. What every connection looked like from S3's side is recorded: see [Service.Connections].
//
// A request passes five stations, all in Service.ServeHTTP: which bucket, key and operation its names mean, and which region's S3 it
// reached; whether the bucket is of that region; who signed it (endpoint/sigv4); whether the policies allow it (endpoint/policy); and
// then the S3 protocol itself, which is gofakes3's (objects, ranges, listings, multipart uploads, tagging, conditions, versions), over the
// store of this package. What is about policies and places, the service answers itself.
package s3

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rclone/gofakes3"

	"vpcsim/endpoint"
	"vpcsim/endpoint/policy"
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
	Region   string   // such as us-east-1: the buckets' that name none, and what was reached where neither address nor name tells
	Regions  []Region // all that there are
	Buckets  []Bucket // there from the start; clients may make more
	MaxBytes int64    // what all stored and arriving data may take, in bytes; 0 means DefaultMaxBytes in memory, and no bound in Dir
	Dir      string   // directory that keeps the objects; empty for memory

	Account string // number of the account that owns all buckets
	Users   []User
	Roles   []Role // with neither users nor roles, signatures are not looked at, and buckets without a policy are open to everybody

	Now func() time.Time // by which signatures and credentials are judged; nil for time.Now
}

// Region is where S3 has addresses of its own.
type Region struct {
	Name  string // us-east-1
	CIDRs []netip.Prefix
}

// Bucket is a bucket with the objects it holds from the start.
type Bucket struct {
	Name    string
	Region  string // empty for Config.Region
	Policy  string // a bucket policy in JSON; empty for none
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

// Service is the S3 of all regions. Its methods may be called from any goroutine.
//
// The caller owns the goroutines in which Serve and ServeTLS run. Every accepted connection has a goroutine of its own, which has ended
// when that call returns.
type Service struct {
	region     string
	regions    []Region
	now        func() time.Time
	buckets    *buckets
	store      *store
	library    http.Handler
	identities atomic.Pointer[identities]
	issuer     *issuer
	authoriser *Authoriser
	authority  []byte
	tls        *tls.Config
	records    connectionLog

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

// New makes the service with its buckets and objects. It listens nowhere until Serve is called. A directory is held until Close.
func New(cfg Config) (*Service, error) {
	table := &buckets{byName: map[string]*bucket{}}
	s := &Service{
		region: cfg.Region, regions: cfg.Regions, now: cfg.Now, buckets: table, store: newStore(cfg.limit(), table), issuer: newIssuer(),
		records: connectionLog{limit: maxRecords}, edges: map[*edge]struct{}{},
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.identities.Store(newIdentities(cfg.Account, cfg.Users, cfg.Roles))
	var err error
	if s.authoriser, err = newAuthoriser(table, &s.identities); err == nil {
		err = s.certify()
	}
	if err == nil {
		err = s.fill(cfg)
	}
	if err != nil {
		return nil, errors.Join(err, s.store.disk.close())
	}
	s.library = limitPosts(gofakes3.New(s.store, gofakes3.WithTimeSkewLimit(0)).Server())
	return s, nil
}

// limit is the room for data; negative for no bound.
func (c Config) limit() int64 {
	switch {
	case c.MaxBytes != 0:
		return c.MaxBytes
	case c.Dir != "":
		return -1
	}
	return DefaultMaxBytes
}

// certify makes the lab's certificates, for the names that S3 has in all regions.
func (s *Service) certify() error {
	names := HostNames(globalRegion)
	for _, r := range s.regions {
		if r.Name != globalRegion {
			names = append(names, HostNames(r.Name)...)
		}
	}
	authority, certificate, err := newAuthority(names, s.now())
	s.authority = authority
	s.tls = &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"http/1.1"}} // S3 speaks no HTTP/2
	return err
}

// fill opens the directory, if there is one, and makes the buckets and objects.
func (s *Service) fill(cfg Config) error {
	if cfg.Dir != "" {
		d, err := openDisk(cfg.Dir)
		if err == nil {
			err = s.store.restore(d)
		}
		if err != nil {
			return fmt.Errorf("S3 directory: %w", err)
		}
	}
	for _, b := range cfg.Buckets {
		if b.Region == "" {
			b.Region = cfg.Region
		}
		if err := s.store.load(b); err != nil {
			return fmt.Errorf("S3 bucket %q: %w", b.Name, err)
		}
	}
	return nil
}

// Authority returns the certificate of the lab's certificate authority, which signed what ServeTLS shows, in PEM.
func (s *Service) Authority() []byte { return s.authority }

// SetBucketPolicy gives a bucket a policy, in JSON, or with the empty text none. It acts on the next request. The error is an error of
// S3's, or policy.Problems.
func (s *Service) SetBucketPolicy(bucket, text string) error { return s.store.setPolicy(bucket, text) }

// SetEndpointPolicies gives the endpoints their policies, by their ids; those that have none allow everything. It acts on the next request.
func (s *Service) SetEndpointPolicies(byID map[string]*policy.Document) {
	s.authoriser.endpoints.Store(&byID)
}

// SetIdentities replaces the users and roles. It acts on the next request; credentials of a role that is no longer there end.
func (s *Service) SetIdentities(account string, users []User, roles []Role) {
	s.identities.Store(newIdentities(account, users, roles))
}

// Serve accepts connections from l until the edge is closed, then returns nil. It owns l from here on. The edge ends by
// CloseEdge, by Close, or by closing l itself; in each case its connections are closed at once and Serve returns when the
// last of them is gone. The listener must be TCP.
func (s *Service) Serve(l net.Listener, origin endpoint.Origin) error {
	return s.serve(l, origin, func(e *edge, l net.Listener) error { return e.server.Serve(l) })
}

// ServeTLS does as Serve does, for HTTPS.
func (s *Service) ServeTLS(l net.Listener, origin endpoint.Origin) error {
	return s.serve(l, origin, func(e *edge, l net.Listener) error { return e.server.Serve(tls.NewListener(l, s.tls)) })
}

func (s *Service) serve(l net.Listener, origin endpoint.Origin, accept func(*edge, net.Listener) error) error {
	e := newEdge(s, origin)
	if !s.open(e) {
		return errors.Join(errors.New("S3 is closed"), l.Close())
	}
	defer s.forget(e)
	err := accept(e, &listener{Listener: l, origin: origin, records: &s.records})
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
			if secure, ok := c.(*tls.Conn); ok {
				c = secure.NetConn()
			}
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
	return s.store.disk.close()
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
