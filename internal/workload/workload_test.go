package workload

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/endpoint"
	"vpcsim/endpoint/s3"
	"vpcsim/internal/monotonic"
)

// TestMain makes the test binary a stand-in for our executable: run with the verb, it is the workload.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "workload" {
		os.Exit(Main(os.Args[2:], os.Stdin, os.Stdout))
	}
	os.Exit(m.Run())
}

// patience is how long a test waits for what must come. It decides nothing in a passing test.
const patience = time.Minute

// watched is a workload and the events it has reported.
type watched struct {
	*Process
	events chan Event
}

// startWorkload spares a process with the race detector the second that it would wait at its exit.
func startWorkload(cmd *exec.Cmd) error {
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	return cmd.Start()
}

// start has a workload be as patient as the test, unless the spec says how long to wait.
func start(t *testing.T, spec Spec) *watched {
	t.Helper()
	spec.ConnectTimeout, spec.Stall = cmp.Or(spec.ConnectTimeout, patience), cmp.Or(spec.Stall, patience)
	exe, err := os.Executable()
	require.NoError(t, err)
	w := &watched{events: make(chan Event, 1000)}
	w.Process, err = Start(startWorkload, exe, spec, func(e Event) { w.events <- e })
	require.NoError(t, err)
	t.Cleanup(w.Kill)
	return w
}

// until returns the next event of a name, and those before it.
func (w *watched) until(t *testing.T, name string) (found Event, before []Event) {
	t.Helper()
	for {
		select {
		case e := <-w.events:
			if e.Event == name {
				return e, before
			}
			before = append(before, e)
		case <-time.After(patience):
			t.Fatalf("%s: no %q in %v; only %+v", w.Spec.Kind, name, patience, before)
		}
	}
}

func (w *watched) stop(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(t, w.Stop(ctx))
}

// listen returns a server of which the test accepts every connection by hand.
func listen(t *testing.T) *net.TCPListener {
	t.Helper()
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return l
}

// request accepts a connection and reads what is there of its first request.
func request(t *testing.T, l *net.TCPListener) *net.TCPConn {
	t.Helper()
	require.NoError(t, l.SetDeadline(time.Now().Add(patience)))
	c, err := l.AcceptTCP()
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	_, err = c.Read(make([]byte, 64<<10))
	require.NoError(t, err)
	return c
}

func reset(t *testing.T, c *net.TCPConn) {
	t.Helper()
	require.NoError(t, c.SetLinger(0))
	require.NoError(t, c.Close())
}

func send(t *testing.T, c *net.TCPConn, text string) {
	t.Helper()
	_, err := c.Write([]byte(text))
	require.NoError(t, err)
}

// serveS3 serves S3 on 127.0.0.1 and returns its address.
func serveS3(t *testing.T) (*s3.Service, string) {
	t.Helper()
	s, err := s3.New(s3.Config{Region: "us-east-1", Buckets: []s3.Bucket{
		{Name: "data", Objects: []s3.Object{{Key: "object", Size: 100_000}}},
	}})
	require.NoError(t, err)
	l := listen(t)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l, endpoint.Origin{}) }()
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		require.NoError(t, <-served)
	})
	return s, l.Addr().String()
}

func TestEveryHTTPKindUsesOneConnectionToS3AndClosesItInOrder(t *testing.T) {
	service, addr := serveS3(t)
	for _, tc := range []struct {
		spec   Spec
		enough int64 // bytes: several requests
	}{
		{Spec{Kind: Download, URL: "http://data.s3.us-east-1.amazonaws.com/object"}, 250_000},
		{Spec{Kind: Upload, URL: "http://s3.us-east-1.amazonaws.com/data/up"}, 600_000},
		{Spec{Kind: KeepAlive, URL: "http://s3.us-east-1.amazonaws.com/data/object", Every: 10 * time.Millisecond}, 1500},
	} {
		t.Run(tc.spec.Kind, func(t *testing.T) {
			tc.spec.Connect = addr
			w := start(t, tc.spec)
			connected, before := w.until(t, Connected)
			if len(before) != 1 || before[0].Event != Connecting || before[0].Remote != addr || connected.Remote != addr {
				t.Errorf("began with %+v, %+v", before, connected)
			}
			var progress []Event
			for len(progress) < 3 || progress[len(progress)-1].Bytes < tc.enough {
				e, others := w.until(t, Progress)
				require.Empty(t, others)
				progress = append(progress, e)
			}
			for i, e := range progress[1:] {
				if e.Time-progress[i].Time < int64(progressEvery) || e.Bytes <= progress[i].Bytes {
					t.Errorf("progress %+v soon after %+v", e, progress[i])
				}
			}
			w.stop(t)
			closed, _ := w.until(t, Closed)
			if closed.LastOK < connected.Time || closed.LastWrite == 0 || closed.Error != "" {
				t.Errorf("closed: %+v", closed)
			}
			checkS3Saw(t, service, connected)
		})
	}
}

// checkS3Saw checks that the client's was one connection of several requests, without errors.
func checkS3Saw(t *testing.T, service *s3.Service, connected Event) {
	t.Helper()
	var found []s3.Connection
	for _, c := range service.Connections() {
		if c.Peer.String() == connected.Local {
			found = append(found, c)
		}
	}
	if len(found) != 1 || found[0].Requests < 2 || found[0].Error != "" {
		t.Errorf("S3 saw %+v; want one connection with several requests", found)
	}
	if opened := found[0].Opened; opened-connected.Time > int64(patience) || connected.Time-opened > int64(patience) {
		t.Errorf("S3 opened it at %d, the client at %d: not one clock", opened, connected.Time)
	}
}

func TestStreamAndServeEcho(t *testing.T) {
	server := start(t, Spec{Kind: Serve, Address: "127.0.0.1:0"})
	listening, _ := server.until(t, Listening)
	client := start(t, Spec{Kind: Stream, Address: listening.Local, Source: "127.0.0.1"})
	connected, _ := client.until(t, Connected)
	client.until(t, Progress)
	client.until(t, Progress)
	accepted, _ := server.until(t, Accepted)
	if accepted.Peer != connected.Local || accepted.Local != connected.Remote {
		t.Errorf("accepted %+v, connected %+v", accepted, connected)
	}
	client.stop(t)
	closed, _ := client.until(t, Closed)
	ended, _ := server.until(t, Closed)
	if ended.Peer != connected.Local || ended.Bytes != closed.Bytes || ended.Errno != "" {
		t.Errorf("server's end %+v, client's end %+v", ended, closed)
	}
	server.stop(t)
	if e, _ := server.until(t, Closed); e.Peer != "" {
		t.Errorf("the server's own end names a peer: %+v", e)
	}
}

func TestAServerThatStopsClosesItsClients(t *testing.T) {
	server := start(t, Spec{Kind: Serve, Address: "127.0.0.1:0"})
	listening, _ := server.until(t, Listening)
	client := start(t, Spec{Kind: Stream, Address: listening.Local})
	client.until(t, Progress)
	server.stop(t)
	// the socket may be closed with a message in it, which makes a reset of the end
	if e, _ := client.until(t, Error); e.Errno != "ECONNRESET" && e.Error != "closed by the far end" {
		t.Errorf("the client's end: %+v", e)
	}
	require.NoError(t, client.Wait())
}

func TestAResetIsReportedByItsName(t *testing.T) {
	const url = "http://s3.us-east-1.amazonaws.com/data/object"
	const partial = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nabc"
	const whole = "HTTP/1.1 206 Partial Content\r\nContent-Length: 3\r\n\r\nabc"
	for _, tc := range []struct {
		name   string
		spec   Spec
		answer string
	}{
		{"while downloading", Spec{Kind: Download, URL: url}, partial},
		{"while uploading", Spec{Kind: Upload, URL: url}, ""},
		{"while idle, at the next use", Spec{Kind: KeepAlive, URL: url, Every: 200 * time.Millisecond}, whole},
		{"while streaming", Spec{Kind: Stream, Address: "127.0.0.1:1"}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := listen(t)
			tc.spec.Connect = l.Addr().String()
			w := start(t, tc.spec)
			c := request(t, l)
			if tc.answer != "" {
				send(t, c, tc.answer)
				w.until(t, Progress)
			}
			resetAt := monotonic.Now()
			reset(t, c)
			e, _ := w.until(t, Error)
			if e.Errno != "ECONNRESET" || !strings.Contains(e.Error, "reset") || e.Time < resetAt {
				t.Errorf("got %+v, want ECONNRESET after %d", e, resetAt)
			}
			if e.LastWrite == 0 || (e.LastOK != 0) != (tc.answer != "") {
				t.Errorf("last write %d, last read %d", e.LastWrite, e.LastOK)
			}
			if tc.spec.Kind == KeepAlive && (e.FirstWriteAfterOK != e.LastWrite || e.LastWrite-e.LastOK < int64(tc.spec.Every)) {
				t.Errorf("noticed before it was used again: %+v", e)
			}
			if err := w.Wait(); err != nil {
				t.Errorf("Wait = %v, want nil: a broken connection is a result", err)
			}
		})
	}
}

func TestAStallIsReportedOnceAndWatchedFurther(t *testing.T) {
	l := listen(t)
	spec := Spec{Kind: Download, URL: "http://s3.us-east-1.amazonaws.com/data/object", Connect: l.Addr().String(), Stall: 20 * time.Millisecond}
	w := start(t, spec)
	c := request(t, l)
	stalled, _ := w.until(t, Stalled)
	if stalled.Errno != "" || stalled.LastOK != 0 || stalled.Time-stalled.LastWrite < int64(spec.Stall) {
		t.Errorf("stalled: %+v", stalled)
	}

	spec.Stall *= 20 // a clock: when this one complains, many more of the other's timers have fired
	slow := start(t, spec)
	request(t, l)
	slow.until(t, Stalled)

	send(t, c, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nabc")
	resumed, before := w.until(t, Resumed)
	if len(before) != 0 || resumed.Bytes == 0 {
		t.Errorf("resumed: %+v after %+v, want nothing between", resumed, before)
	}
	w.until(t, Stalled)
	reset(t, c)
	if e, _ := w.until(t, Error); e.Errno != "ECONNRESET" {
		t.Errorf("after the stall: %+v", e)
	}
}

func TestAStalledClientStopsAtOnce(t *testing.T) {
	l := listen(t)
	w := start(t, Spec{Kind: Stream, Address: l.Addr().String(), Stall: 20 * time.Millisecond})
	request(t, l)
	w.until(t, Stalled)
	w.stop(t)
	if e, before := w.until(t, Closed); len(before) != 0 {
		t.Errorf("%+v after %+v", e, before)
	}
}

func TestAStopLetsTheExchangeFinish(t *testing.T) {
	l := listen(t)
	spec := Spec{Kind: Download, URL: "http://s3.us-east-1.amazonaws.com/data/object", Connect: l.Addr().String(), Stall: patience}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	r, w := io.Pipe()
	go func() {
		runClient(ctx, spec.withDefaults(), &reporter{enc: json.NewEncoder(w)})
		w.Close()
	}()
	events := json.NewDecoder(r)
	var e Event
	next := func() string {
		e = Event{}
		require.NoError(t, events.Decode(&e))
		return e.Event
	}
	require.Equal(t, Connecting, next())
	require.Equal(t, Connected, next())
	c := request(t, l)
	send(t, c, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
	require.Equal(t, Progress, next())
	stop()
	send(t, c, "def")
	for next() == Progress {
	}
	if want := int64(len("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabcdef")); e.Event != Closed || e.Bytes != want {
		t.Errorf("got %+v, want closed after %d bytes", e, want)
	}
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the server's read = %v, want the orderly end", err)
	}
}

func TestOtherEndsOfAConnection(t *testing.T) {
	_, s3addr := serveS3(t)
	closing := listen(t)
	plain := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush() // chunked: no length
	})}
	chunked := listen(t)
	go plain.Serve(chunked)
	t.Cleanup(func() { plain.Close() })
	gone := listen(t)
	gone.Close()
	full := fullListener(t)
	for _, tc := range []struct {
		name, url, connect string
		timeout            time.Duration // if it waits in vain
		errno, text        string
	}{
		{"the far end closes", "http://s3/x/y", closing.Addr().String(), 0, "", "closed by the far end"},
		{"S3 refuses", "http://s3.us-east-1.amazonaws.com/data/none", s3addr, 0, "", "HTTP 404 Not Found NoSuchKey"},
		{"an answer without a length", "http://s3/x/y", chunked.Addr().String(), 0, "", "no Content-Length"},
		{"nobody listens", "http://s3/x/y", gone.Addr().String(), 0, "ECONNREFUSED", "refused"},
		{"nobody answers", "http://s3/x/y", full, 200 * time.Millisecond, "ETIMEDOUT", "connect timeout"},
		{"the name has no address", "http://nowhere.invalid/x/y", "", 200 * time.Millisecond, "", "nowhere.invalid"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := start(t, Spec{Kind: Download, URL: tc.url, Connect: tc.connect, ConnectTimeout: tc.timeout})
			if tc.connect == closing.Addr().String() {
				require.NoError(t, request(t, closing).Close())
			}
			e, _ := w.until(t, Error)
			if e.Errno != tc.errno || !strings.Contains(e.Error, tc.text) {
				t.Errorf("got %+v, want %q %q", e, tc.errno, tc.text)
			}
			if err := w.Wait(); err != nil {
				t.Errorf("Wait = %v, want nil", err)
			}
		})
	}
}
