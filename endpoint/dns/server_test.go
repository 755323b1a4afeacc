package dns_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/endpoint/dns"
)

// server is a resolver on the loopback interface, at one port over UDP and TCP.
type server struct {
	at  string
	now atomic.Int64 // seconds
}

func serve(t *testing.T) *server {
	t.Helper()
	s := &server{}
	r := dns.NewServer(dns.Config{
		View: view, Now: func() time.Time { return time.Unix(s.now.Load(), 0) },
		Interface: func(a netip.Addr) string { return "eni of " + a.String() },
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.at = l.Addr().String()
	at, err := net.ResolveUDPAddr("udp", s.at)
	require.NoError(t, err)
	u, err := net.ListenUDP("udp", at)
	require.NoError(t, err)
	done := make(chan error, 2)
	go func() { done <- r.ServeUDP(u) }()
	go func() { done <- r.ServeTCP(l) }()
	t.Cleanup(func() {
		require.NoError(t, errors.Join(u.Close(), l.Close()))
		require.NoError(t, errors.Join(<-done, <-done))
	})
	return s
}

func (s *server) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, s.at)
	}}
}

// TestGoResolver asks as Go programs do: over UDP, and when the answer was cut, over TCP.
func TestGoResolver(t *testing.T) {
	s := serve(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	got, err := s.resolver().LookupNetIP(ctx, "ip4", "photos.s3.us-east-1.amazonaws.com.")
	require.NoError(t, err)
	for _, a := range got {
		if !slices.Contains(virginia, a.Unmap()) {
			t.Errorf("%s is not S3's", a)
		}
	}
	require.Len(t, got, len(virginia))
	names, err := s.resolver().LookupAddr(ctx, "10.0.1.10")
	require.NoError(t, err)
	require.Equal(t, []string{"ip-10-0-1-10.ec2.internal."}, names)
	var gone *net.DNSError
	_, err = s.resolver().LookupHost(ctx, "example.org.")
	require.ErrorAs(t, err, &gone)
	require.True(t, gone.IsNotFound, "%v", err)
	many, err := s.resolver().LookupNetIP(ctx, "ip4", "many.example.com.")
	require.NoError(t, err)
	require.Len(t, many, 64, "by TCP")
}

func (s *server) dial(t *testing.T, network string) net.Conn {
	t.Helper()
	c, err := net.Dial(network, s.at)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(time.Minute)))
	return c
}

// exchange asks over TCP.
func exchange(t *testing.T, c net.Conn, question []byte) []byte {
	t.Helper()
	_, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(question))), question...))
	require.NoError(t, err)
	head := make([]byte, 2)
	_, err = io.ReadFull(c, head)
	require.NoError(t, err)
	answer := make([]byte, binary.BigEndian.Uint16(head))
	_, err = io.ReadFull(c, answer)
	require.NoError(t, err)
	return answer
}

func TestManyQuestionsOverOneConnection(t *testing.T) {
	c := serve(t).dial(t, "tcp")
	for range 3 {
		if got := text(t, exchange(t, c, ask(t, "example.com.", a))); got != "Success, A 203.0.113.10/60" {
			t.Errorf("got %s", got)
		}
	}
}

func TestWhatIsNoMessageEndsTheConnection(t *testing.T) {
	c := serve(t).dial(t, "tcp")
	_, err := c.Write([]byte{0, 3, 'a', 'b', 'c'})
	require.NoError(t, err)
	if n, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("got %d bytes, %v; want the end", n, err)
	}
}

// TestQuota: beyond 1,024 packets in a second of an interface nothing is answered, whatever they come by (aws-semantics 6.5).
func TestQuota(t *testing.T) {
	s := serve(t)
	c, question := s.dial(t, "tcp"), ask(t, "example.com.", a)
	for range 1024 {
		exchange(t, c, question)
	}
	_, err := c.Write(append([]byte{0, byte(len(question))}, question...))
	require.NoError(t, err)
	if n, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Fatalf("the packet beyond the quota: got %d bytes, %v; want the end", n, err)
	}
	s.now.Add(1)
	next := s.dial(t, "udp")
	_, err = next.Write(question)
	require.NoError(t, err)
	buf := make([]byte, 1232)
	n, err := next.Read(buf)
	require.NoError(t, err)
	if got := text(t, buf[:n]); got != "Success, A 203.0.113.10/60" {
		t.Errorf("in the next second: got %s", got)
	}
}
