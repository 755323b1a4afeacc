package forward

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"vpcsim/bench/load"
	"vpcsim/endpoint"
	"vpcsim/endpoint/s3"
)

// end is one of the two ends of a bed, or what is between them.
type end int

const (
	client end = iota
	server
	middle // of peers only
)

// bed is a contender between two ends. One goroutine uses it.
type bed struct {
	name, about string
	to          netip.Addr // the server, as the client knows it
	steps       []string   // what it is measured by; nil for all
	start       func(e end, cmd *exec.Cmd) error
	closers     []func() error // called last first

	inside func(f func() error) error // does something in the server's namespace; nil for a lab of ours
	load   *served                    // the services of package load
	iperf3 bool                       // its server runs
}

// onClose adds what is to be done when the bed is closed.
func (b *bed) onClose(f func() error) { b.closers = append(b.closers, f) }

// close ends all processes of the bed and takes it down.
func (b *bed) close() (err error) {
	for i := len(b.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, b.closers[i]())
	}
	b.closers = nil
	return err
}

// does says whether the bed is measured by a step.
func (b *bed) does(step string) bool {
	return b.steps == nil || slices.Contains(b.steps, step)
}

// served is the services of package load at a server.
type served struct {
	ask     io.Writer
	answers *bufio.Scanner
}

// received is how many datagrams the sink has got since it was started.
func (s *served) received() (int64, error) {
	if _, err := fmt.Fprintln(s.ask); err != nil {
		return 0, err
	}
	if !s.answers.Scan() {
		return 0, fmt.Errorf("the server of the load has ended: %w", errors.Join(s.answers.Err(), io.ErrUnexpectedEOF))
	}
	return strconv.ParseInt(s.answers.Text(), 10, 64)
}

// patience is what a program may need beyond the time it was given.
const patience = 20 * time.Second

// serve starts the servers of the bed and waits until they listen.
func (b *bed) serve(withIperf3 bool) error {
	cmd, err := load.Program(context.Background(), load.Spec{Kind: load.Serve})
	if err != nil {
		return err
	}
	ask, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	answers, err := b.background(server, cmd, "ready")
	if err != nil {
		return err
	}
	b.load = &served{ask: ask, answers: answers}
	if withIperf3 {
		_, err = b.background(server, exec.Command("iperf3", "-s", "--forceflush"), "Server listening")
		b.iperf3 = err == nil
	}
	return err
}

// serveS3 serves the lab's object at the server of a peer, from this process, as a lab does.
func (b *bed) serveS3() error {
	service, err := s3.New(s3.Config{Region: "us-east-1", Buckets: []s3.Bucket{{Name: "bench", Objects: []s3.Object{{Key: "large", Size: 1 << 30}}}}})
	if err != nil {
		return err
	}
	b.onClose(service.Close)
	var listener net.Listener
	err = b.inside(func() (err error) {
		config := net.ListenConfig{}
		config.SetMultipathTCP(false)
		listener, err = config.Listen(context.Background(), "tcp4", ":80")
		return err
	})
	if err != nil {
		return err
	}
	go func() { _ = service.Serve(listener, endpoint.Origin{}) }() // until the service is closed
	return nil
}

// background starts a process that runs until the bed is closed, and reads what it prints up to a line that has the given words.
func (b *bed) background(at end, cmd *exec.Cmd, until string) (*bufio.Scanner, error) {
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	errs := &bytes.Buffer{}
	cmd.Stderr = errs
	if err := b.start(at, cmd); err != nil {
		return nil, fmt.Errorf("%s: %w", cmd.Path, err)
	}
	b.onClose(func() error {
		_ = cmd.Process.Kill() // fails only if it has ended
		_ = cmd.Wait()         // which says that it was killed
		return nil
	})
	impatient := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer impatient.Stop()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.Contains(lines.Text(), until) {
			return lines, nil
		}
	}
	return nil, fmt.Errorf("%s ended before it was ready", cmd.Path)
}

// run runs a client of package load.
func (b *bed) run(ctx context.Context, s load.Spec) (load.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Lasting+patience)
	defer cancel()
	s.To = b.to
	return load.Run(ctx, func(cmd *exec.Cmd) error { return b.start(client, cmd) }, s)
}

// output runs a program at the client and returns what it prints.
func (b *bed) output(ctx context.Context, lasting time.Duration, name string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, lasting+patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := b.start(client, cmd)
	if err == nil {
		err = cmd.Wait()
	}
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return out.Bytes(), fmt.Errorf("%w: %s", err, strings.TrimSpace(errs.String()))
	}
	return out.Bytes(), nil
}
