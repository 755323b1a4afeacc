package s3

import (
	"bufio"
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

// putGetDelete does the three on one connection. Request and response are written and read by hand: an http.Transport gives a
// connection up whose answer came before it saw the end of its own writing, as happens on a busy machine.
func putGetDelete(c net.Conn, path, content string) error {
	answers := bufio.NewReader(c)
	for _, step := range []struct{ method, body, want string }{{"PUT", content, ""}, {"GET", "", content}, {"DELETE", "", ""}} {
		r, err := http.NewRequest(step.method, "http://s3.us-east-1.amazonaws.com"+path, strings.NewReader(step.body))
		if err != nil {
			return err
		}
		if err := r.Write(c); err != nil {
			return err
		}
		resp, err := http.ReadResponse(answers, r)
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
