// Package workload is the traffic of a scenario: real programs with real sockets, each a process of its own inside an
// instance, and the parent's hold on them.
//
// The programs are our own executable run again as `vpcsim workload SPEC`, which calls [Main]; [Start] does that from the
// parent. They say what happens to their connection as [Event]s, one JSON object per line of standard output, stamped with
// CLOCK_MONOTONIC, so that the events of different processes can be put in one order. They stop, closing in an orderly way,
// when standard input ends, says "stop", or SIGTERM comes; so none outlives its parent.
//
// A client has exactly one TCP connection for its whole life and uses it raw: no pool, no retry and no second address hide
// what becomes of it. Its socket buffers are small, so that what the program sees is what the wire does, and TCP keep-alive
// is off, so that no packet is sent but by its own reads and writes. An idle client doesn't read, as the connection pools of
// the SDKs don't: it learns of a broken connection when it next uses it.
//
// Other programs (curl, iperf3) are run by [StartCommand].
package workload

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"vpcsim/internal/monotonic"
)

// The kinds of workload.
const (
	Download  = "download"  // GETs the object at URL over and over, reading slowly: always receiving
	Upload    = "upload"    // PUTs 256 KiB to URL over and over, writing slowly: always sending
	KeepAlive = "keepalive" // GETs 16 bytes of URL, is idle for Every, and again
	Stream    = "stream"    // sends messages to Address and reads each one's echo
	Serve     = "serve"     // listens on Address and echoes, for any number of clients
)

// The defaults of a Spec.
const (
	DefaultEvery          = 2 * time.Millisecond // KeepAlive: one second
	DefaultBytes          = 4 << 10              // Download: 16 KiB
	DefaultConnectTimeout = 5 * time.Second      // in which a kernel sends a SYN three times
	DefaultStall          = 2 * time.Second
)

// Spec says what a workload does. Its zero fields have defaults; durations are nanoseconds in JSON.
type Spec struct {
	Kind           string        `json:"kind"`
	URL            string        `json:"url,omitempty"`     // http://HOST[:PORT]/…; the first address of HOST is used
	Connect        string        `json:"connect,omitempty"` // ADDRESS:PORT to dial in place of what URL or Address names
	Address        string        `json:"address,omitempty"` // Stream: HOST:PORT to dial; Serve: [ADDRESS]:PORT to listen on
	Source         string        `json:"source,omitempty"`  // local IP address to dial from
	Every          time.Duration `json:"every,omitempty"`   // pause between reads or writes; KeepAlive: between requests
	Bytes          int           `json:"bytes,omitempty"`   // the most that one read or write moves
	ConnectTimeout time.Duration `json:"connect_timeout,omitempty"`
	Stall          time.Duration `json:"stall,omitempty"` // without progress for so long, the client reports Stalled
}

// The events. A client's life is Connecting, Connected, any number of Progress, Stalled and Resumed, and one of Error and
// Closed. A server's is Listening, an Accepted and a Closed for each client (which carry Peer), and Closed.
const (
	Connecting = "connecting"
	Connected  = "connected"
	Progress   = "progress" // at the first bytes, then at most every 50 ms
	Stalled    = "stalled"  // no progress for Spec.Stall, and no word from the kernel; the client goes on waiting
	Resumed    = "resumed"  // progress after Stalled
	Error      = "error"    // the connection is over, or never began
	Closed     = "closed"   // the workload was told to stop; with Peer: that client's connection has ended
	Listening  = "listening"
	Accepted   = "accepted"
)

// Event is something that happened to a workload's connection. Times are CLOCK_MONOTONIC in nanoseconds; fields that don't
// apply are zero.
type Event struct {
	Event  string `json:"event"`
	Time   int64  `json:"time"`
	Local  string `json:"local,omitempty"`  // ADDRESS:PORT
	Remote string `json:"remote,omitempty"` // ADDRESS:PORT
	Peer   string `json:"peer,omitempty"`   // Serve: ADDRESS:PORT of the client

	// Bytes is the total received so far; Upload: sent. Protocol headers count.
	Bytes int64 `json:"bytes,omitempty"`
	// LastOK is when the last successful read ended: the last sign of life from the far end that the program saw.
	LastOK int64 `json:"last_ok,omitempty"`
	// FirstWriteAfterOK is when the first write since LastOK began; 0 if there was none.
	FirstWriteAfterOK int64 `json:"first_write_after_ok,omitempty"`
	// LastWrite is when the last write began.
	LastWrite int64 `json:"last_write,omitempty"`

	// Errno names the kernel's error, such as ECONNRESET. It is ETIMEDOUT also when ConnectTimeout ended, which Error then
	// tells by "connect timeout". It is empty when the far end closed or answered with an error of its protocol.
	Errno string `json:"errno,omitempty"`
	Error string `json:"error,omitempty"` // for people
}

// Main runs the workload that args[0], a Spec in JSON, describes, until it ends or is told to stop. It writes events to
// stdout and returns the exit code: 0 whatever became of the connection, 2 for a Spec it can't use, which is told by an
// Error event. One goroutine is left reading stdin: the process is expected to end.
func Main(args []string, stdin io.Reader, stdout io.Writer) int {
	out := &reporter{enc: json.NewEncoder(stdout)}
	spec, err := parseSpec(args)
	if err != nil {
		out.report(Event{Event: Error, Error: err.Error()})
		return 2
	}
	runtime.GOMAXPROCS(1) // there is one connection to look after; more threads would only wake one another
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	go awaitStop(stdin, cancel)
	if spec.Kind == Serve {
		serve(ctx, spec, out)
	} else {
		runClient(ctx, spec, out)
	}
	return 0
}

// awaitStop calls stop when r says so, or ends.
func awaitStop(r io.Reader, stop func()) {
	lines := bufio.NewScanner(r)
	for lines.Scan() && lines.Text() != "stop" {
	}
	stop()
}

func parseSpec(args []string) (Spec, error) {
	var s Spec
	if len(args) != 1 {
		return s, fmt.Errorf("workload takes one argument, a description in JSON, not %d", len(args))
	}
	if err := json.Unmarshal([]byte(args[0]), &s); err != nil {
		return s, fmt.Errorf("workload description: %w", err)
	}
	return s.withDefaults(), s.check()
}

// check reports what is missing or wrong.
func (s Spec) check() error {
	switch s.Kind {
	case Download, Upload, KeepAlive:
		u, err := url.Parse(s.URL)
		if err != nil || u.Scheme != "http" || u.Hostname() == "" {
			return fmt.Errorf("workload %s: url %q: want http://HOST/BUCKET/KEY", s.Kind, s.URL)
		}
	case Stream, Serve:
		if _, _, err := net.SplitHostPort(s.Address); err != nil {
			return fmt.Errorf("workload %s: address %q: want HOST:PORT", s.Kind, s.Address)
		}
	default:
		return fmt.Errorf("workload kind %q: want %s, %s, %s, %s or %s", s.Kind, Download, Upload, KeepAlive, Stream, Serve)
	}
	if s.Connect != "" {
		if _, _, err := net.SplitHostPort(s.Connect); err != nil {
			return fmt.Errorf("workload %s: connect %q: want ADDRESS:PORT", s.Kind, s.Connect)
		}
	}
	if s.Source != "" {
		if _, err := netip.ParseAddr(s.Source); err != nil {
			return fmt.Errorf("workload %s: source %q: want an IP address", s.Kind, s.Source)
		}
	}
	if s.Every < 0 || s.Bytes < 0 || s.Bytes > maxBytes || s.ConnectTimeout < 0 || s.Stall < 0 {
		return fmt.Errorf("workload %s: durations must not be negative, and bytes be at most %d", s.Kind, maxBytes)
	}
	return nil
}

// maxBytes bounds Spec.Bytes: one write must fit into the socket's buffer.
const maxBytes = 64 << 10

func (s Spec) withDefaults() Spec {
	every, bytes := DefaultEvery, DefaultBytes
	switch s.Kind {
	case Download:
		bytes = 16 << 10
	case KeepAlive:
		every = time.Second
	}
	s.Every = cmp.Or(s.Every, every)
	s.Bytes = cmp.Or(s.Bytes, bytes)
	s.ConnectTimeout = cmp.Or(s.ConnectTimeout, DefaultConnectTimeout)
	s.Stall = cmp.Or(s.Stall, DefaultStall)
	return s
}

// reporter writes events as lines of JSON. Any goroutine may report.
type reporter struct {
	mu  sync.Mutex
	enc *json.Encoder // guarded by mu
}

// report stamps the event, writes it and returns the stamp. A reader that is gone is no error of the workload's: its standard input ends too.
func (r *reporter) report(e Event) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	e.Time = monotonic.Now()
	_ = r.enc.Encode(e)
	return e.Time
}

// errnoName names the kernel's error inside err; empty if there is none.
func errnoName(err error) string {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return ""
	}
	return cmp.Or(unix.ErrnoName(errno), fmt.Sprintf("errno %d", int(errno)))
}
