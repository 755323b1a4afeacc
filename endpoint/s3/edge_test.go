package s3

import (
	"bufio"
	"context"
	"encoding/xml"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/endpoint"
)

const region = "us-east-1"

// testEdge is an edge served on 127.0.0.1 with a client that keeps its connection.
type testEdge struct {
	addr   netip.AddrPort
	served chan error // what Serve returned
	client *http.Client
}

func newService(t *testing.T, cfg Config) *Service {
	t.Helper()
	cfg.Region = region
	s, err := New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

func serve(t *testing.T, s *Service, origin endpoint.Origin) *testEdge {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	e := &testEdge{addr: l.Addr().(*net.TCPAddr).AddrPort(), served: make(chan error, 1)}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", e.addr.String())
	}}
	e.client = &http.Client{Transport: transport}
	t.Cleanup(transport.CloseIdleConnections)
	go func() { e.served <- s.Serve(l, origin) }()
	return e
}

// do sends one request and returns the answer with its whole body.
func (e *testEdge) do(t *testing.T, method, url string, body string, header ...string) (*http.Response, string) {
	t.Helper()
	resp, err := e.client.Do(newRequest(t, method, url, body, header))
	require.NoError(t, err)
	return resp, whole(t, resp)
}

// refused is do for a large body that S3 does not read to its end. It then ends the connection, and an http.Transport that is still
// writing may take that for the answer.
func (e *testEdge) refused(t *testing.T, method, url, body string, header ...string) (*http.Response, string) {
	t.Helper()
	c, err := net.Dial("tcp", e.addr.String())
	require.NoError(t, err)
	defer c.Close()
	req := newRequest(t, method, url, body, header)
	go func() { _ = req.Write(c) }()
	resp, err := http.ReadResponse(bufio.NewReader(c), req)
	require.NoError(t, err)
	return resp, whole(t, resp)
}

func newRequest(t *testing.T, method, url, body string, header []string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return req
}

func whole(t *testing.T, resp *http.Response) string {
	t.Helper()
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(answer)
}

func errorCode(t *testing.T, body string) string {
	t.Helper()
	var e struct {
		XMLName   xml.Name `xml:"Error"`
		Code      string
		RequestID string `xml:"RequestId"`
	}
	require.NoError(t, xml.Unmarshal([]byte(body), &e), body)
	require.NotEmpty(t, e.RequestID)
	return e.Code
}
