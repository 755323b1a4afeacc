// Package metadata is the instance metadata service: what an instance learns of itself, over HTTP at a link-local address, and
// where the programs in it find the temporary credentials of its role (Amazon EC2 User Guide, "Instance metadata").
//
// Who asks is known by the packet's source address alone: there is one service edge for each VPC, so that equal addresses of
// two VPCs never meet. A session begins with a PUT for a token (IMDSv2); requests without one (IMDSv1) are answered unless the
// instance requires tokens. The answer that carries a token goes one hop, so that it reaches the instance and nobody it
// forwards packets for.
//
// Not there: user data, signatures of the identity document, and whatever is not about networks and roles.
package metadata

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// The headers of the protocol.
const (
	tokenHeader    = "X-aws-ec2-metadata-token"
	tokenTTLHeader = "X-aws-ec2-metadata-token-ttl-seconds"
)

const (
	tokenPath = "/latest/api/token"
	version   = "latest"
)

const (
	maxHeaderBytes = 16 << 10
	idleLimit      = 2 * time.Minute
)

// Issue makes new credentials of a role for an instance. It reports false if there is no such role.
type Issue func(role, instance string, now time.Time) (Credentials, bool)

// Config is what a server works with. Its functions are called by many goroutines at once.
type Config struct {
	Instance func(a netip.Addr) *Instance // whose private address it is; nil for nobody's
	Issue    Issue
	Now      func() time.Time
}

// Server is the service of one VPC.
type Server struct {
	config   Config
	tokens   *issuer
	sessions sessions
}

// NewServer returns a server, which listens nowhere yet.
func NewServer(c Config) *Server {
	return &Server{config: c, tokens: newIssuer(), sessions: sessions{now: map[sessionKey]session{}}}
}

type connKey struct{}

// Serve answers requests until l is closed, then ends the connections that are open and returns nil.
func (s *Server) Serve(l net.Listener) error {
	server := &http.Server{
		Handler: s, MaxHeaderBytes: maxHeaderBytes, ReadTimeout: idleLimit, IdleTimeout: idleLimit,
		ErrorLog:    log.New(io.Discard, "", 0),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
	}
	err := server.Serve(l)
	_ = server.Close()
	if errors.Is(err, net.ErrClosed) || errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("instance metadata at %s: %w", l.Addr(), err)
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i := s.asker(r)
	w.Header().Set("Server", "EC2ws")
	w.Header().Set("Content-Type", "text/plain")
	isToken := r.Method == http.MethodPut && r.URL.Path == tokenPath
	if c, ok := r.Context().Value(connKey{}).(net.Conn); ok {
		setHops(c, isToken)
	}
	switch {
	case i == nil:
		fail(w, http.StatusNotFound)
	case isToken:
		s.token(w, r, i)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		fail(w, http.StatusMethodNotAllowed)
	case !s.authorised(r, i):
		fail(w, http.StatusUnauthorized)
	default:
		s.get(w, r.URL.Path, i)
	}
}

// asker is the instance that a request came from.
func (s *Server) asker(r *http.Request) *Instance {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return nil
	}
	return s.config.Instance(from.Addr().Unmap().WithZone(""))
}

// token answers with a new token. What a proxy has passed on gets none.
func (s *Server) token(w http.ResponseWriter, r *http.Request, i *Instance) {
	if len(r.Header.Values("X-Forwarded-For")) > 0 {
		fail(w, http.StatusForbidden)
		return
	}
	header := r.Header.Get(tokenTTLHeader)
	valid, ok := ttl(header)
	if !ok {
		fail(w, http.StatusBadRequest)
		return
	}
	w.Header().Set(tokenTTLHeader, strconv.Itoa(int(valid/time.Second)))
	_, _ = io.WriteString(w, s.tokens.issue(i.ID, s.config.Now().Add(valid)))
}

// authorised says whether a request has a valid token, or needs none.
func (s *Server) authorised(r *http.Request, i *Instance) bool {
	tokens := r.Header.Values(tokenHeader)
	if len(tokens) == 0 {
		return !i.RequiresTokens
	}
	return s.tokens.valid(i.ID, tokens[0], s.config.Now())
}

// get answers with what stands at a path.
func (s *Server) get(w http.ResponseWriter, path string, i *Instance) {
	rest := strings.TrimPrefix(path, "/")
	if rest == "" {
		_, _ = io.WriteString(w, version)
		return
	}
	first, rest, _ := strings.Cut(rest, "/")
	value, ok := s.treeOf(i, s.config.Now()).get(rest)
	if first != version || !ok {
		fail(w, http.StatusNotFound)
		return
	}
	if strings.HasPrefix(value, "{") {
		w.Header().Set("Content-Type", "application/json")
	}
	_, _ = io.WriteString(w, value)
}

func fail(w http.ResponseWriter, code int) {
	http.Error(w, fmt.Sprintf("%d - %s", code, http.StatusText(code)), code)
}
