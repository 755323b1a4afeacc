package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"vpcsim/dataplane/port"
	"vpcsim/internal/probe"
)

// The control socket is how the command line reaches a standing lab: a Unix stream socket in a directory that only its owner
// may enter. The kernel tells who connects (SO_PEERCRED), and nobody but the lab's own user is heard.
//
//	client -> {"version":1,"verb":"change","change":{"DeleteVpcEndpoints":{"Name":"s3"}}}
//	client <- {"version":1,"result":{"ChangeId":"change-1",…}}
//	   or  <- {"version":1,"error":"no endpoint s3 …","code":2}
//
// One line of JSON asks, one answers, and the connection is closed. The verbs are the constants below. Some of them answer
// with more lines: events with one per event, flowlog with its records, exec (server_exec.go) with one when the command runs and one when it has
// ended, batch with those of [probe.Batch] before its own, observe and capture with packets (server_watch.go). The code is the
// exit code that the command line ends with.
//
// State: the server owns its listener and one goroutine per connection, each of which lives as long as its connection.
// A client that sends garbage gets an error; one that sends too much, or nothing, is disconnected.

// protocolVersion is raised when old clients or servers would misunderstand.
const protocolVersion = 1

const (
	maxRequest  = 4 << 20          // bytes of a line; the environment of exec is the largest part (Linux permits 2 MiB)
	readLimit   = 10 * time.Second // for a request to come
	writeLimit  = 10 * time.Second // for an answer to be taken
	maxSessions = 4096             // connections at a time, a survey's command in every instance among them; others wait
)

// The verbs of the control socket.
const (
	verbDescribe = "describe" // the network: Description
	verbTopology = "topology" // the network: Topology
	verbFlows    = "flows"    // the flow table: Flows
	verbDrops    = "drops"    // the counters: Counters
	verbUsage    = "usage"    // all counters: Usage
	verbTop      = "top"      // the same, and the busiest flows: Top
	verbChange   = "change"   // make a change, or only check it: ChangeResult
	verbTrace    = "trace"    // answer a probe: probe.Answer
	verbAccess   = "access"   // judge a request to S3: AccessAnswer
	verbRoutes   = "routes"   // which routes lead to an address: probe.Choices
	verbEntries  = "entries"  // what a version of a prefix list holds: PrefixListEntries
	verbBatch    = "batch"    // answer many: see Server.batch
	verbPlan     = "plan"     // foretell a change: whatif.Plan
	verbEvents   = "events"   // Event, many
	verbExec     = "exec"     // run a command: Started, then Exited
	verbObserve  = "observe"  // ObservationView, many
	verbCapture  = "capture"  // pcapng: see Server.capture
	verbFlowLog  = "flowlog"  // keep a flow log: FlowLogPart, many
	verbDown     = "down"     // end the lab
)

// request is one line from a client.
type request struct {
	Version int          `json:"version"`
	Verb    string       `json:"verb"`
	Change  *Change      `json:"change,omitempty"`
	DryRun  bool         `json:"dry_run,omitempty"`
	Probe   *probe.Query `json:"probe,omitempty"`
	Access  *AccessQuery `json:"access,omitempty"`
	Address string       `json:"address,omitempty"` // of routes
	List    *ListQuery   `json:"list,omitempty"`    // of entries
	Plan    *Intent      `json:"plan,omitempty"`
	Limit   int          `json:"limit,omitempty"` // of what plan lists
	Since   int          `json:"since,omitempty"`
	Follow  bool         `json:"follow,omitempty"`
	Exec    *Exec        `json:"exec,omitempty"`

	Observe *PacketFilter `json:"observe,omitempty"`
	Last    int           `json:"last,omitempty"` // drops that observe begins with
	Capture *CaptureQuery `json:"capture,omitempty"`
	FlowLog *FlowLogQuery `json:"flowlog,omitempty"`
}

// response is one line to a client.
type response struct {
	Version int             `json:"version"`
	Error   string          `json:"error,omitempty"`
	Code    int             `json:"code,omitempty"` // exit code, with Error
	Result  json.RawMessage `json:"result,omitempty"`
}

// Server answers on a lab's control socket.
type Server struct {
	lab      *Lab
	listener *net.UnixListener
	uid      uint32
	down     chan struct{} // closed when a client asks to end the lab
	downOnce sync.Once
	open     context.Context // done when the server is closed
	shut     context.CancelFunc
	sessions sync.WaitGroup
}

// Serve makes the socket at path and answers there until Close. Removing the socket's file afterwards is the caller's. A path that
// begins with @ is no file but an abstract name (unix(7)).
func Serve(lab *Lab, path string) (*Server, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	l.SetUnlinkOnClose(false) // by then the path may be another lab's
	if !strings.HasPrefix(path, "@") {
		err = os.Chmod(path, 0o600)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	s := &Server{lab: lab, listener: l, uid: uint32(os.Getuid()), down: make(chan struct{})}
	s.open, s.shut = context.WithCancel(context.Background())
	lab.tell(Event{Event: LabStarted})
	s.sessions.Go(s.accept)
	return s, nil
}

// Down is closed when a client asks for the end of the lab, which is then the caller's to bring about.
func (s *Server) Down() <-chan struct{} { return s.down }

// Close takes no more requests, and waits for those that are being answered. Streams of events end with one that says so; commands
// that run on behalf of clients do not hold it up.
func (s *Server) Close() error {
	err := s.listener.Close()
	s.lab.tell(Event{Event: LabStopped})
	s.shut()
	s.sessions.Wait()
	return err
}

func (s *Server) accept() {
	slots := make(chan struct{}, maxSessions)
	for {
		conn, err := s.listener.AcceptUnix()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // too many open files, most likely: the others' closing mends it
			time.Sleep(10 * time.Millisecond)
			continue
		}
		slots <- struct{}{}
		s.sessions.Go(func() {
			defer func() { <-slots }()
			s.serve(newSession(conn))
		})
	}
}

// serve answers one connection.
func (s *Server) serve(c *session) {
	defer c.close()
	defer context.AfterFunc(s.open, func() { _ = c.conn.CloseRead() })()
	if err := s.admit(c.conn); err != nil {
		c.fail(err)
		return
	}
	var q request
	line, err := c.line()
	if err == nil {
		err = json.Unmarshal(line, &q)
	}
	if err == nil && q.Version != protocolVersion {
		err = fmt.Errorf("the lab speaks version %d of the control protocol, the request version %d: use the vpcsim that started the lab", protocolVersion, q.Version)
	}
	if err != nil {
		c.fail(fmt.Errorf("request: %w", err))
		return
	}
	if err := s.answer(c, q); err != nil {
		c.fail(err)
	}
}

// admit hears nobody but the lab's own user. Inside a user namespace the kernel shows everybody else as the overflow user.
func (s *Server) admit(conn *net.UnixConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var peer *unix.Ucred
	var credErr error
	if err := raw.Control(func(fd uintptr) {
		peer, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return err
	}
	if credErr != nil {
		return fmt.Errorf("cannot tell who is connecting: %w", credErr)
	}
	if peer.Uid != s.uid {
		return errors.New("this lab belongs to another user")
	}
	return nil
}

// answer does what is asked. An error is told to the client.
func (s *Server) answer(c *session, q request) error {
	switch q.Verb {
	case verbDescribe:
		return c.send(s.lab.describe())
	case verbTopology:
		return s.topology(c)
	case verbFlows:
		return c.send(s.lab.flows())
	case verbDrops:
		return c.send(s.lab.counters())
	case verbUsage:
		return c.send(s.lab.Usage())
	case verbTop:
		return c.send(s.lab.top())
	case verbChange:
		return s.change(c, q)
	case verbTrace, verbPlan, verbAccess, verbRoutes, verbEntries:
		return s.question(c, q)
	case verbBatch:
		return s.batch(c)
	case verbEvents:
		return s.events(c, q.Since, q.Follow)
	case verbFlowLog:
		return s.flowLog(c, q.FlowLog)
	case verbExec:
		return s.exec(c, q.Exec)
	case verbObserve, verbCapture:
		return s.watch(c, q)
	case verbDown:
		s.downOnce.Do(func() { close(s.down) })
		return c.send(struct{}{})
	}
	return fmt.Errorf("unknown verb %q", q.Verb)
}

// topology answers with the topology as it is now.
func (s *Server) topology(c *session) error {
	text, err := s.lab.Spec().YAML()
	if err != nil {
		return err
	}
	return c.send(Topology{string(text)})
}

// change does what is asked for, or says what it would do.
func (s *Server) change(c *session, q request) error {
	if q.Change == nil {
		return errors.New("change: nothing to change")
	}
	done, err := s.lab.change(*q.Change, q.DryRun)
	if err != nil {
		return err
	}
	return c.send(done)
}

// ListQuery asks for the entries of a version of a prefix list.
type ListQuery struct {
	PrefixList    string `json:"PrefixList"`              // name or id
	TargetVersion int    `json:"TargetVersion,omitempty"` // 0 is the current one
}

// entries answers with the entries of a prefix list.
func (s *Server) entries(c *session, q *ListQuery) error {
	if q == nil {
		return errors.New("entries: of which prefix list?")
	}
	cidrs, err := s.lab.Spec().PrefixListEntries(q.PrefixList, q.TargetVersion)
	if err != nil {
		return err
	}
	all := PrefixListEntries{[]PrefixListEntryView{}}
	for _, cidr := range cidrs {
		all.Entries = append(all.Entries, PrefixListEntryView{cidr})
	}
	return c.send(all)
}

// question answers what changes nothing: a probe, a request to S3, the entries of a prefix list, or a plan.
func (s *Server) question(c *session, q request) error {
	switch {
	case q.Verb == verbTrace && q.Probe == nil:
		return errors.New("trace: no probe")
	case q.Verb == verbTrace:
		a, err := s.lab.tracer().Trace(*q.Probe)
		if err != nil {
			return err
		}
		return c.send(a)
	case q.Verb == verbAccess && q.Access == nil:
		return errors.New("access: nothing is asked")
	case q.Verb == verbAccess:
		a, err := s.lab.traceAccess(*q.Access)
		if err != nil {
			return err
		}
		return c.send(a)
	case q.Verb == verbRoutes:
		a, err := probe.Routes(s.lab.tracer().Network, q.Address)
		if err != nil {
			return err
		}
		return c.send(a)
	case q.Verb == verbEntries:
		return s.entries(c, q.List)
	case q.Plan == nil:
		return errors.New("plan: nothing to plan")
	}
	p, err := s.lab.Plan(*q.Plan, q.Limit)
	if err != nil {
		return err
	}
	return c.send(p)
}

// ChangeResult tells a client what a change did, or with DryRun that it could be made.
type ChangeResult struct {
	ChangeID    string    `json:"ChangeId"`
	CommittedAt time.Time `json:"CommittedAt"`
	DryRun      bool      `json:"DryRun"`
	Flows       []Event   `json:"Flows"` // what the change did, or would do, to open flows, first drop first
}

func (l *Lab) change(c Change, dryRun bool) (*ChangeResult, error) {
	if dryRun {
		flows, err := l.foretell(c)
		return &ChangeResult{DryRun: true, Flows: flows}, err
	}
	done, err := l.Change(c)
	if err != nil {
		return nil, err
	}
	return &ChangeResult{ChangeID: done.ID, CommittedAt: l.wall(done.At), Flows: append([]Event{}, done.Flows...)}, nil
}

// codeOf is the exit code for an error: what the machine cannot do is not the user's mistake.
func codeOf(err error) int {
	if errors.As(err, new(*port.Unsupported)) {
		return 3
	}
	return 2
}

// ignoreClosed leaves out the error of writing to a client that went away.
func ignoreClosed(err error) error {
	if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}
