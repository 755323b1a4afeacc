package interop

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// shared is clients with the bucket open to everybody's writes, and its objects in dir.
func shared(dir string) string {
	return strings.NewReplacer("DIR", dir, `"s3:GetObject"`, `"s3:*"`).Replace(clients)
}

// TestAFullDisk: what does not fit is answered 500, and what was there is still there.
func TestAFullDisk(t *testing.T) {
	t.Parallel()
	tool(t, "curl")
	dir := t.TempDir()
	if err := unix.Mount("vpcsim-test", dir, "tmpfs", 0, "size=8m"); err != nil {
		t.Skip("no file system of a given size:", err)
	}
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	l := start(t, shared(filepath.Join(dir, "objects")))
	small, large := filepath.Join(t.TempDir(), "small"), filepath.Join(t.TempDir(), "large")
	require.NoError(t, os.WriteFile(small, bytes.Repeat([]byte("small"), 1000), 0o600))
	random(t, large, 16<<20)
	put := func(file, key string) string {
		return l.curl(t, "app", "https://open.s3.us-east-1.amazonaws.com/"+key, append(patience, "-w", "%{http_code}", "-T", file)...)
	}
	shows(t, put(small, "kept"), `^200$`)
	shows(t, put(large, "kept"), `(?s)<Code>InternalError</Code>.*500$`)
	shows(t, put(large, "new"), `(?s)<Code>InternalError</Code>.*500$`)
	shows(t, l.curl(t, "app", "https://open.s3.us-east-1.amazonaws.com/kept", append(patience, "-w", " %{size_download}")...), `^smallsmall.* 5000$`)
	shows(t, l.curl(t, "app", "https://open.s3.us-east-1.amazonaws.com/new", append(patience, "-w", "%{http_code}")...), `<Code>AccessDenied</Code>.*403$`)
	shows(t, put(small, "after"), `^200$`)
}

// TestAThousandConnections are open at once through one endpoint, and each gets what is its own.
func TestAThousandConnections(t *testing.T) {
	t.Parallel()
	l := start(t, shared(filepath.Join(t.TempDir(), "objects")))
	conns := make([]net.Conn, 1000)
	l.inside(t, "app", func() (err error) {
		dialer := net.Dialer{}
		dialer.SetMultipathTCP(false)
		for i := range conns {
			if conns[i], err = dialer.Dial("tcp4", s3Address+":80"); err != nil {
				return fmt.Errorf("connection %d: %w", i, err)
			}
			t.Cleanup(func() { conns[i].Close() })
		}
		return nil
	})
	exchange := func(conn net.Conn, method, key string, body []byte) (string, error) {
		req, err := http.NewRequest(method, "http://open.s3.us-east-1.amazonaws.com/"+key, bytes.NewReader(body))
		if err != nil {
			return "", err
		}
		if err := req.Write(conn); err != nil {
			return "", err
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), req)
		if err != nil {
			return "", err
		}
		answer, err := io.ReadAll(resp.Body)
		if resp.StatusCode != http.StatusOK {
			return "", fmt.Errorf("%s %s: %s %s", method, key, resp.Status, answer)
		}
		return string(answer), err
	}
	var all sync.WaitGroup
	for i, conn := range conns {
		all.Go(func() {
			key, want := fmt.Sprintf("key-%d", i), bytes.Repeat(fmt.Appendf(nil, "%06d\n", i), 1000)
			if _, err := exchange(conn, http.MethodPut, key, want); err != nil {
				t.Error(err)
				return
			}
			if got, err := exchange(conn, http.MethodGet, key, nil); err != nil || got != string(want) {
				t.Errorf("connection %d: %v, %d bytes, want its own %d", i, err, len(got), len(want))
			}
		})
	}
	all.Wait()
}
