package s3

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/endpoint"
)

// TestAThousandConnectionsAtOnce: each puts, gets and deletes an object of its own, and nothing is left in the budget.
func TestAThousandConnectionsAtOnce(t *testing.T) {
	s := newService(t, Config{Buckets: []Bucket{{Name: "data"}}})
	e := serve(t, s, endpoint.Origin{VPC: "vpc-1", Endpoint: "vpce-1"})
	var clients sync.WaitGroup
	var open sync.WaitGroup
	open.Add(1000)
	failed := make(chan error, 1000)
	for i := range 1000 {
		clients.Go(func() {
			c, err := net.Dial("tcp", e.addr.String())
			open.Done()
			if err == nil {
				defer c.Close()
				open.Wait() // all are there before any asks
				err = putGetDelete(c, fmt.Sprintf("/data/%d", i), strings.Repeat("x", i*10))
			}
			if err != nil {
				failed <- err
			}
		})
	}
	clients.Wait()
	close(failed)
	for err := range failed {
		t.Error(err)
	}
	require.Len(t, s.Connections(), 1000)
	if s.store.used != 0 {
		t.Errorf("%d bytes are left", s.store.used)
	}
}

// putGetDelete does the three on one connection.
func putGetDelete(c net.Conn, path, content string) error {
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return c, nil }, MaxConnsPerHost: 1}
	for _, step := range []struct{ method, body, want string }{{"PUT", content, ""}, {"GET", "", content}, {"DELETE", "", ""}} {
		r, err := http.NewRequest(step.method, "http://s3.us-east-1.amazonaws.com"+path, strings.NewReader(step.body))
		if err != nil {
			return err
		}
		resp, err := transport.RoundTrip(r)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode >= 300 || string(body) != step.want {
			return fmt.Errorf("%s %s: %s, %d bytes, %v", step.method, path, resp.Status, len(body), err)
		}
	}
	return nil
}
