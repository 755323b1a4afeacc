package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vpcsim/internal/probe"
)

// serve starts a lab with a control socket.
func serve(t *testing.T) (*Server, Client) {
	t.Helper()
	lab := start(t, Options{})
	dir, err := os.MkdirTemp("", "vpcsim") // a socket's path must be short
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	s, err := Serve(lab, filepath.Join(dir, "socket"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, Client{Socket: filepath.Join(dir, "socket")}
}

// raw sends bytes as they are and returns the answer; half says that nothing more will come.
func raw(t *testing.T, c Client, request string, half bool) string {
	t.Helper()
	conn, err := net.Dial("unix", c.Socket)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	_, _ = io.WriteString(conn, request) // may be refused half-way
	if half {
		require.NoError(t, conn.(*net.UnixConn).CloseWrite())
	}
	answer, _ := bufio.NewReader(conn).ReadString('\n')
	return answer
}

func TestServerSurvives(t *testing.T) {
	_, c := serve(t)
	huge := strings.Repeat(" ", maxRequest+1<<16)
	for name, row := range map[string]struct {
		request string
		half    bool
		want    string
	}{
		"garbage":                          {"\x00\xff{{{\n", false, `"error":"request: invalid character`},
		"an empty line":                    {"\n", false, `"error":"request: unexpected end of JSON input"`},
		"nothing at all":                   {"", true, `"error":"request: EOF"`},
		"a line without an end":            {huge, false, `longer than 4194304 bytes`},
		"another version":                  {`{"version":2,"verb":"down"}` + "\n", false, "speaks version 1 of the control protocol"},
		"an unknown verb":                  {`{"version":1,"verb":"reboot"}` + "\n", false, `unknown verb \"reboot\"`},
		"a change of nothing":              {`{"version":1,"verb":"change"}` + "\n", false, "nothing to change"},
		"an empty change":                  {`{"version":1,"verb":"change","change":{}}` + "\n", false, "nothing to change"},
		"exec without a command":           {`{"version":1,"verb":"exec"}` + "\n", false, "needs a command and three files"},
		"exec without files":               {`{"version":1,"verb":"exec","exec":{"args":["true"]}}` + "\n", false, "needs a command and three files"},
		"a trace of nothing":               {`{"version":1,"verb":"trace"}` + "\n", false, "no probe"},
		"a half-closed client is answered": {`{"version":1,"verb":"drops"}`, true, `"PacketsIn"`},
		"a half-closed follower is let go": {`{"version":1,"verb":"events","follow":true}`, true, ""},
	} {
		if got := raw(t, c, row.request, row.half); !strings.Contains(got, row.want) {
			t.Errorf("%s: got %q, want %q", name, got, row.want)
		}
	}
	_, err := c.Describe(context.Background())
	require.NoError(t, err, "the server has not survived")
}

func TestServerTakesNoFilesItDoesNotNeed(t *testing.T) {
	_, c := serve(t)
	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer null.Close()
	fds := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		require.NoError(t, err)
		return len(entries)
	}
	before := fds()
	for range 50 {
		many := []*os.File{null, null, null, null, null, null}
		conn, err := c.dial(context.Background(), request{Verb: verbDrops}, many)
		require.NoError(t, err)
		_, err = receive[Counters](conn)
		require.ErrorContains(t, err, "too many files")
		conn.close()
	}
	require.Eventually(t, func() bool { return fds() <= before+2 }, patience, time.Millisecond, "descriptors leak")
}

func TestServerHearsOnlyItsOwner(t *testing.T) {
	near, _ := socketPair(t)
	own := uint32(os.Getuid())
	require.NoError(t, (&Server{uid: own}).admit(near))
	require.ErrorContains(t, (&Server{uid: own + 1}).admit(near), "belongs to another user")

	_, c := serve(t)
	fi, err := os.Stat(c.Socket)
	require.NoError(t, err)
	if fi.Mode().Perm() != 0o600 {
		t.Errorf("the socket has mode %v", fi.Mode())
	}
}

func TestServerChanges(t *testing.T) {
	_, c := serve(t)
	ctx := context.Background()
	create := Change{CreateEndpoint: &CreateEndpoint{Name: "s3", Service: "s3", RouteTables: []string{"a"}}}
	done, err := c.Change(ctx, create, true)
	require.NoError(t, err)
	if !done.DryRun || done.ChangeID != "" {
		t.Errorf("dry run: %+v", done)
	}
	d, err := c.Describe(ctx)
	require.NoError(t, err)
	require.Empty(t, d.VpcEndpoints, "a dry run changes nothing")

	done, err = c.Change(ctx, create, false)
	require.NoError(t, err)
	if done.ChangeID == "" || time.Since(done.CommittedAt) > time.Minute || done.Flows == nil {
		t.Errorf("change: %+v", done)
	}
	d, err = c.Describe(ctx)
	require.NoError(t, err)
	require.Len(t, d.VpcEndpoints, 1)

	for _, dryRun := range []bool{true, false} {
		_, err = c.Change(ctx, create, dryRun)
		var refused *Refused
		require.ErrorAs(t, err, &refused)
		if refused.Code != 2 || !strings.Contains(refused.Message, "s3") {
			t.Errorf("a second endpoint of the name: %+v", refused)
		}
	}
}

func TestServerTracesTheLabAsItIs(t *testing.T) {
	_, c := serve(t)
	ctx := context.Background()
	q := probe.Query{From: "app", To: "s3.us-east-1.amazonaws.com", Protocol: "tcp", Port: 443}
	a, err := c.Trace(ctx, q)
	require.NoError(t, err)
	if a.Where != "s3-internet" || a.SourceAtDestination != "198.51.100.10" {
		t.Errorf("before: %+v", a)
	}
	_, err = c.Change(ctx, Change{CreateEndpoint: &CreateEndpoint{Name: "s3", Service: "s3", RouteTables: []string{"a"}}}, false)
	require.NoError(t, err)
	a, err = c.Trace(ctx, q)
	require.NoError(t, err)
	if !strings.HasPrefix(a.Where, "vpce-") || a.SourceAtDestination != "10.0.1.10" {
		t.Errorf("after: %+v", a)
	}
}

// TestServerExplainsRoutes: those of the network as it is.
func TestServerExplainsRoutes(t *testing.T) {
	_, c := serve(t)
	ctx := context.Background()
	taken := func() map[string]string {
		choices, err := c.Routes(ctx, "52.216.1.1")
		require.NoError(t, err)
		all := map[string]string{}
		for _, table := range choices.RouteTables {
			all[table.Name] = "nothing"
			for _, r := range table.Candidates {
				if r.Taken {
					all[table.Name] = strings.SplitN(r.Target, "-", 2)[0]
				}
			}
		}
		return all
	}
	before := taken()
	_, err := c.Change(ctx, Change{CreateEndpoint: &CreateEndpoint{Name: "s3", Service: "s3", RouteTables: []string{"a"}}}, false)
	require.NoError(t, err)
	if after := taken(); before["a"] == "vpce" || after["a"] != "vpce" {
		t.Errorf("before %v, after %v; want the endpoint after", before, after)
	}
	_, err = c.Routes(ctx, "nowhere")
	require.ErrorContains(t, err, `"nowhere" is not an address`)
}

// TestServerAnswersBatches: over one connection, also one by one, and with what is wrong told at the end.
func TestServerAnswersBatches(t *testing.T) {
	_, c := serve(t)
	ctx := context.Background()
	var text, out strings.Builder
	const many = 500
	for n := range many {
		fmt.Fprintf(&text, `{"id":%d,"from":"app","to":"neighbour","protocol":"icmp"}`+"\n", n)
	}
	unanswered, err := c.TraceBatch(ctx, strings.NewReader(text.String()+"{}\n"), &out)
	require.NoError(t, err)
	require.Equal(t, 1, unanswered)
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	require.Len(t, lines, many+1)
	for n, line := range lines[:many] {
		require.True(t, strings.HasPrefix(line, fmt.Sprintf(`{"id":%d,"from":"app",`, n)), line)
	}
	require.Equal(t, `{"line":501,"error":"from is missing"}`, lines[many])

	questions, ask := io.Pipe()
	answered, answers := io.Pipe()
	go func() {
		_, err := c.TraceBatch(ctx, questions, answers)
		answers.CloseWithError(err)
	}()
	_, err = io.WriteString(ask, `{"from":"app","to":"neighbour","protocol":"icmp"}`+"\n")
	require.NoError(t, err)
	one := bufio.NewReader(answered)
	line, err := one.ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, `"verdict":"delivered"`)
	require.NoError(t, ask.Close())
	_, err = one.ReadString('\n')
	require.ErrorIs(t, err, io.EOF)

	_, err = c.TraceBatch(ctx, strings.NewReader(strings.Repeat(" ", 2<<20)), io.Discard)
	require.ErrorContains(t, err, "line 1: ")
	_, err = Client{Socket: c.Socket + "-gone"}.TraceBatch(ctx, strings.NewReader(""), io.Discard)
	require.ErrorContains(t, err, "the lab does not answer")
}

func TestServerStreamsEvents(t *testing.T) {
	s, c := serve(t)
	ctx := context.Background()
	change := func(delete bool) {
		ch := Change{CreateEndpoint: &CreateEndpoint{Name: "s3", Service: "s3", RouteTables: []string{"a"}}}
		if delete {
			ch = Change{DeleteEndpoint: &DeleteEndpoint{Name: "s3"}}
		}
		_, err := c.Change(ctx, ch, false)
		require.NoError(t, err)
	}
	change(false)
	events := make(chan Event, 10)
	ended := make(chan error, 1)
	go func() {
		ended <- c.Events(ctx, 0, true, func(text json.RawMessage) error {
			var e Event
			err := json.Unmarshal(text, &e)
			events <- e
			return err
		})
	}()
	next := func() string {
		select {
		case e := <-events:
			return e.Event
		case <-time.After(patience):
			return "nothing"
		}
	}
	if got := next(); got != LabStarted {
		t.Errorf("the beginning: %s", got)
	}
	if got := next(); got != "CreateVpcEndpoint" {
		t.Errorf("what was: %s", got)
	}
	change(true)
	if got := next(); got != "DeleteVpcEndpoints" {
		t.Errorf("what came: %s", got)
	}
	s.shut()
	require.NoError(t, <-ended, "the end of the lab is the end of the stream")
}

// run runs a shell command and returns what it wrote and its exit code.
func (c Client) run(t *testing.T, instance, script string, signals <-chan os.Signal) (string, int, error) {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	in, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer in.Close()
	e := Exec{Instance: instance, Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: []string{"WORD=hello", "PATH=" + os.Getenv("PATH")}, Dir: "/"}
	code, err := c.Exec(context.Background(), e, [3]*os.File{in, w, w}, signals)
	require.NoError(t, w.Close())
	out, readErr := io.ReadAll(r)
	require.NoError(t, readErr)
	return string(out), code, err
}

func TestServerRunsCommands(t *testing.T) {
	_, c := serve(t)
	for name, row := range map[string]struct {
		instance, script string
		out              string
		code             int
	}{
		"its output and exit code come back":                 {"app", "echo $WORD; pwd; exit 7", "hello\n/\n", 7},
		"it has the instance's addresses":                    {"other", "grep -q 10.0.2.10 /proc/net/fib_trie && echo yes", "yes\n", 0},
		"a signal shows in the exit code":                    {"app", "kill -TERM $$", "", 143},
		"it leads a session of its own":                      {"app", `read -r _ _ _ _ group session _ </proc/$$/stat; test $group = $session && test $session = $$ && echo yes`, "yes\n", 0},
		"an internet host is as good as any":                 {"peer", "echo on the internet", "on the internet\n", 0},
		"what it leaves in the background is not waited for": {"app", "sleep 1000 </dev/null >/dev/null 2>&1 & echo left", "left\n", 0},
	} {
		out, code, err := c.run(t, row.instance, row.script, nil)
		if err != nil || row.code != code || !strings.HasSuffix(out, row.out) {
			t.Errorf("%s: got %q, %d, %v; want %q, %d", name, out, code, err, row.out, row.code)
		}
	}
}

func TestServerRefusesCommands(t *testing.T) {
	_, c := serve(t)
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	require.NoError(t, err)
	defer null.Close()
	for name, row := range map[string]struct {
		instance, path string
		code           int
	}{
		"no such instance":         {"nobody", "/bin/true", 2},
		"no such program":          {"app", "/nowhere/true", 127},
		"a file, but no program":   {"app", "/etc/passwd", 126},
		"a folder, but no program": {"app", "/etc", 126},
	} {
		e := Exec{Instance: row.instance, Path: row.path, Args: []string{"x"}}
		_, err := c.Exec(context.Background(), e, [3]*os.File{null, null, null}, nil)
		var refused *Refused
		require.ErrorAs(t, err, &refused, name)
		if refused.Code != row.code {
			t.Errorf("%s: code %d, want %d", name, refused.Code, row.code)
		}
	}
}

func TestServerPassesSignalsOn(t *testing.T) {
	_, c := serve(t)
	ready := filepath.Join(t.TempDir(), "ready")
	require.NoError(t, unix.Mkfifo(ready, 0o600))
	signals := make(chan os.Signal, 1)
	go func() {
		_, _ = os.ReadFile(ready) // opens when the command does
		signals <- syscall.SIGUSR1
	}()
	script := `trap 'echo caught; exit 3' USR1; sleep 1000 </dev/null >/dev/null 2>&1 & echo >` + ready + `; wait`
	out, code, err := c.run(t, "app", script, signals)
	if err != nil || code != 3 || out != "caught\n" {
		t.Errorf("got %q, %d, %v", out, code, err)
	}
}

func TestServerHangsUpOnTheCommandOfAClientThatIsGone(t *testing.T) {
	_, c := serve(t)
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer null.Close()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		e := Exec{Instance: "app", Path: "/bin/sh", Args: []string{"sh", "-c", "echo ready; exec sleep 1000"}, Env: os.Environ(), Dir: "/"} // a shell may block signals while it forks
		_, _ = c.Exec(ctx, e, [3]*os.File{null, w, w}, nil)
	}()
	line, err := bufio.NewReader(r).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ready\n", line)
	cancel()
	<-ended
	require.NoError(t, w.Close())
	require.NoError(t, r.SetReadDeadline(time.Now().Add(patience)))
	if _, err := r.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the command still lives: %v", err)
	}
}

func TestServerEndsTheLabWhenAsked(t *testing.T) {
	s, c := serve(t)
	for range 2 { // the second time does no harm
		require.NoError(t, c.Down(context.Background()))
	}
	select {
	case <-s.Down():
	case <-time.After(patience):
		t.Error("nobody was told")
	}
}

func TestServerClosesWithIdleClients(t *testing.T) {
	lab := start(t, Options{})
	socket := filepath.Join(t.TempDir(), "s")
	s, err := Serve(lab, socket)
	require.NoError(t, err)
	conn, err := net.Dial("unix", socket)
	require.NoError(t, err)
	defer conn.Close()
	began := time.Now()
	require.NoError(t, s.Close())
	if took := time.Since(began); took > readLimit/2 {
		t.Errorf("took %s", took)
	}
}

// socketPair returns the two ends of a connection.
func socketPair(t *testing.T) (near, far *net.UnixConn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	var ends [2]*net.UnixConn
	for i, fd := range fds {
		file := os.NewFile(uintptr(fd), "")
		conn, err := net.FileConn(file)
		require.NoError(t, err)
		require.NoError(t, file.Close())
		ends[i] = conn.(*net.UnixConn)
		t.Cleanup(func() { conn.Close() })
	}
	return ends[0], ends[1]
}

// FuzzSession: no bytes from a client make reading a request panic or keep more than it may.
func FuzzSession(f *testing.F) {
	f.Add([]byte(`{"version":1,"verb":"down"}` + "\n"))
	f.Add([]byte("\n\n\n"))
	f.Add(bytes.Repeat([]byte("x"), 100_000))
	f.Fuzz(func(t *testing.T, request []byte) {
		near, far := socketPair(t)
		go func() {
			defer far.Close()
			half := len(request) / 2
			_, _ = far.Write(request[:half])
			_, _ = far.Write(request[half:])
		}()
		c := newSession(near)
		defer c.close()
		line, err := c.line()
		if err == nil && !bytes.HasPrefix(request, line) {
			t.Errorf("got %q of %q", line, request)
		}
	})
}
