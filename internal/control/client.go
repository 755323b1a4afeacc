package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"vpcsim/internal/probe"
	"vpcsim/internal/whatif"
)

// Client talks to a standing lab over its control socket, one connection per request. It has no state; any goroutine may use it.
type Client struct {
	Socket string // path
}

// Refused is the lab's answer to a request that it cannot do.
type Refused struct {
	Message string
	Code    int // exit code
}

// Error returns the lab's message.
func (r *Refused) Error() string { return r.Message }

// Describe returns the network as it is.
func (c Client) Describe(ctx context.Context) (*Description, error) {
	return call[Description](ctx, c, request{Verb: verbDescribe})
}

// Topology is a lab's topology as it is now, in the form of a file.
type Topology struct {
	YAML string `json:"Yaml"`
}

// Topology returns the topology as it is now.
func (c Client) Topology(ctx context.Context) (*Topology, error) {
	return call[Topology](ctx, c, request{Verb: verbTopology})
}

// Flows returns the flow table.
func (c Client) Flows(ctx context.Context) (*Flows, error) {
	return call[Flows](ctx, c, request{Verb: verbFlows})
}

// Counters returns the packets so far.
func (c Client) Counters(ctx context.Context) (*Counters, error) {
	return call[Counters](ctx, c, request{Verb: verbDrops})
}

// Usage returns all that was counted.
func (c Client) Usage(ctx context.Context) (*Usage, error) {
	return call[Usage](ctx, c, request{Verb: verbUsage})
}

// Top returns all that was counted, and what is busiest now. Flows are metered for some seconds from then on: who asks again
// meanwhile finds their rates.
func (c Client) Top(ctx context.Context) (*Top, error) {
	return call[Top](ctx, c, request{Verb: verbTop})
}

// Change makes a change, or with dryRun only checks that it could be made.
func (c Client) Change(ctx context.Context, change Change, dryRun bool) (*ChangeResult, error) {
	return call[ChangeResult](ctx, c, request{Verb: verbChange, Change: &change, DryRun: dryRun})
}

// Trace asks what would become of a packet.
func (c Client) Trace(ctx context.Context, q probe.Query) (*probe.Answer, error) {
	return call[probe.Answer](ctx, c, request{Verb: verbTrace, Probe: &q})
}

// Access asks what S3 would make of a request.
func (c Client) Access(ctx context.Context, q AccessQuery) (*AccessAnswer, error) {
	return call[AccessAnswer](ctx, c, request{Verb: verbAccess, Access: &q})
}

// Routes asks which route each table takes to an address, and why not the others.
func (c Client) Routes(ctx context.Context, address string) (*probe.Choices, error) {
	return call[probe.Choices](ctx, c, request{Verb: verbRoutes, Address: address})
}

// Entries asks for the entries of a version of a prefix list.
func (c Client) Entries(ctx context.Context, q ListQuery) (*PrefixListEntries, error) {
	return call[PrefixListEntries](ctx, c, request{Verb: verbEntries, List: &q})
}

// Plan asks what a change would do. limit is how many connections of each fate are listed; 0 is all.
func (c Client) Plan(ctx context.Context, q Intent, limit int) (*whatif.Plan, error) {
	return call[whatif.Plan](ctx, c, request{Verb: verbPlan, Plan: &q, Limit: limit})
}

// Down asks the lab to end. It has not ended yet when Down returns.
func (c Client) Down(ctx context.Context) error {
	_, err := call[struct{}](ctx, c, request{Verb: verbDown})
	return err
}

// Events calls visit with every event after number since; with follow also with those to come, until the lab or the
// context ends. Neither is an error. Where events are lost there is one that says how many.
func (c Client) Events(ctx context.Context, since int, follow bool, visit func(json.RawMessage) error) error {
	return c.stream(ctx, request{Verb: verbEvents, Since: since, Follow: follow}, visit)
}

// stream calls visit with every line of an answer, until the lab or the context ends.
func (c Client) stream(ctx context.Context, q request, visit func(json.RawMessage) error) error {
	conn, err := c.dial(ctx, q, nil)
	if err != nil {
		return err
	}
	defer conn.close()
	for {
		line, err := receive[json.RawMessage](conn)
		switch {
		case errors.Is(err, io.EOF), ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		if err := visit(*line); err != nil {
			return err
		}
	}
}

// Exec runs a command with the given standard input, output and error, and returns its exit code. Signals sent to signals
// are passed on to it. An error of type *Refused says that it could not be run.
func (c Client) Exec(ctx context.Context, e Exec, files [maxFiles]*os.File, signals <-chan os.Signal) (exitCode int, err error) {
	conn, err := c.dial(ctx, request{Verb: verbExec, Exec: &e}, files[:])
	if err != nil {
		return 0, err
	}
	defer conn.close()
	if _, err := receive[started](conn); err != nil {
		return 0, err
	}
	ended := make(chan struct{})
	defer close(ended)
	go conn.forward(signals, ended)
	done, err := receive[exited](conn)
	if err != nil {
		return 0, fmt.Errorf("%s: the lab ended: %w", e.String(), err)
	}
	return done.ExitCode, nil
}

// conversation is one connection as the client sees it.
type conversation struct {
	conn    *net.UnixConn
	input   *bufio.Reader // of conn
	decoder *json.Decoder // of input
	stop    func() bool
}

// dial sends a request, with files along. The end of ctx ends the conversation.
func (c Client) dial(ctx context.Context, q request, files []*os.File) (*conversation, error) {
	var d net.Dialer
	raw, err := d.DialContext(ctx, "unix", c.Socket)
	if err != nil {
		return nil, fmt.Errorf("the lab does not answer: %w", err)
	}
	conn := raw.(*net.UnixConn)
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	q.Version = protocolVersion
	if err := send(conn, q, files); err != nil {
		stop()
		return nil, errors.Join(err, conn.Close())
	}
	input := bufio.NewReader(conn)
	return &conversation{conn: conn, input: input, decoder: json.NewDecoder(input), stop: stop}, nil
}

func (c *conversation) close() {
	c.stop()
	_ = c.conn.Close()
}

// send writes one line; the descriptors go with its first bytes (unix(7), SCM_RIGHTS).
func send(conn *net.UnixConn, line any, files []*os.File) error {
	b, err := json.Marshal(line)
	if err != nil {
		return err
	}
	var fds []int
	for _, f := range files {
		fds = append(fds, int(f.Fd()))
	}
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	b = append(b, '\n')
	n, _, err := conn.WriteMsgUnix(b, rights, nil)
	if err == nil && n < len(b) {
		_, err = conn.Write(b[n:])
	}
	return err
}

// forward passes signals on until ended.
func (c *conversation) forward(signals <-chan os.Signal, ended <-chan struct{}) {
	for {
		select {
		case s := <-signals:
			if sig, ok := s.(syscall.Signal); ok {
				_ = send(c.conn, signalled{Signal: int(sig)}, nil) // fails only if the lab is gone, which receive tells
			}
		case <-ended:
			return
		}
	}
}

// call sends a request and returns its one answer.
func call[T any](ctx context.Context, c Client, q request) (*T, error) {
	conn, err := c.dial(ctx, q, nil)
	if err != nil {
		return nil, err
	}
	defer conn.close()
	result, err := receive[T](conn)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return result, err
}

// receive reads one answer. An error of type *Refused is the lab's.
func receive[T any](c *conversation) (*T, error) {
	var r response
	if err := c.decoder.Decode(&r); err != nil {
		return nil, err
	}
	switch {
	case r.Version != protocolVersion:
		return nil, &Refused{Message: "the lab was started by another version of vpcsim: use that one", Code: 2}
	case r.Error != "":
		return nil, &Refused{Message: r.Error, Code: r.Code}
	}
	result := new(T)
	if err := json.Unmarshal(r.Result, result); err != nil {
		return nil, fmt.Errorf("the lab's answer: %w", err)
	}
	return result, nil
}
