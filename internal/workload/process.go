package workload

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
)

// Process is a running workload, held by its parent. Its methods may be called from any goroutine.
//
// One goroutine of its own reads the process's events and, when they end, reaps it; that goroutine calls report, and has
// ended when Wait returns.
type Process struct {
	Spec Spec // with its defaults filled in

	cmd   *exec.Cmd
	stdin io.Closer
	done  chan struct{} // closed when the process is reaped and the last event reported
	err   error         // valid once done is closed
}

// Start runs exe, our own executable, as the workload that spec describes. It calls start to start the command, which is
// where the caller puts it into a namespace; start must end in cmd.Start.
//
// report is called with every event, in order and never twice at once. It must not wait for anything: while it does the
// workload can't report, and in the end can't go on.
func Start(start func(*exec.Cmd) error, exe string, spec Spec, report func(Event)) (*Process, error) {
	if err := spec.check(); err != nil {
		return nil, err
	}
	spec = spec.withDefaults()
	arg, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	p := &Process{Spec: spec, cmd: exec.Command(exe, "workload", string(arg)), done: make(chan struct{})}
	stderr := &boundedBuffer{limit: 4 << 10}
	p.cmd.Stderr = stderr
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		stdin.Close()
		return nil, err
	}
	p.stdin = stdin
	if err := start(p.cmd); err != nil {
		stdin.Close()
		stdout.Close()
		return nil, fmt.Errorf("workload %s: %w", spec.Kind, err)
	}
	go func() {
		defer close(p.done)
		p.err = p.follow(stdout, report, stderr)
	}()
	return p, nil
}

// follow reports events until the process closes its standard output, then reaps it.
func (p *Process) follow(stdout io.Reader, report func(Event), stderr *boundedBuffer) error {
	var last Event
	var decodeErr error
	for events := json.NewDecoder(stdout); ; {
		var e Event
		if decodeErr = events.Decode(&e); decodeErr != nil {
			break
		}
		last = e
		report(e)
	}
	if decodeErr != io.EOF {
		_ = p.cmd.Process.Kill() // it speaks no longer as a workload; what it says is in the error
	}
	err := p.cmd.Wait()
	switch {
	case err != nil:
		return fmt.Errorf("workload %s: %w: %s", p.Spec.Kind, err, strings.TrimSpace(last.Error+" "+stderr.String()))
	case decodeErr != io.EOF:
		return fmt.Errorf("workload %s: unreadable event: %w", p.Spec.Kind, decodeErr)
	}
	return nil
}

// Stop asks the workload to close its connection and end, and waits for that. If ctx ends first it is killed.
func (p *Process) Stop(ctx context.Context) error {
	p.stdin.Close()
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		p.Kill()
		return fmt.Errorf("workload %s: didn't stop: %w", p.Spec.Kind, ctx.Err())
	}
}

// Kill ends the process at once and returns when it is gone. The kernel closes its connection.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // fails only if the process has ended
	<-p.done
}

// Wait returns when the process has ended and its last event has been reported. The error is nil however its connection
// fared: it is of a process that crashed, was killed, or had a Spec it could not use.
func (p *Process) Wait() error {
	<-p.done
	return p.err
}

// Done is closed when the process has ended and its last event has been reported.
func (p *Process) Done() <-chan struct{} { return p.done }

// boundedBuffer keeps the first limit bytes written to it and counts the rest.
type boundedBuffer struct {
	limit int

	mu      sync.Mutex
	kept    bytes.Buffer // guarded by mu
	dropped int64        // guarded by mu
}

func (b *boundedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(p), b.limit-b.kept.Len())
	b.kept.Write(p[:n])
	b.dropped += int64(len(p) - n)
	return len(p), nil
}

func (b *boundedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.dropped > 0 {
		return fmt.Sprintf("%s\n[%d more bytes]\n", b.kept.String(), b.dropped)
	}
	return b.kept.String()
}
