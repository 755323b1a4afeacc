package load

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// A Starter starts a command at one end of what is measured.
type Starter func(*exec.Cmd) error

// Program is the command that does what a spec says: this executable, which must know the verb load.
func Program(ctx context.Context, s Spec) (*exec.Cmd, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	spec, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	return exec.CommandContext(ctx, exe, "load", string(spec)), nil
}

// Run runs a client in a process of its own and returns its result.
func Run(ctx context.Context, start Starter, s Spec) (result Result, err error) {
	cmd, err := Program(ctx, s)
	if err != nil {
		return result, err
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err = start(cmd); err == nil {
		err = cmd.Wait()
	}
	switch {
	case ctx.Err() != nil:
		return result, fmt.Errorf("%s: %w", s.Kind, ctx.Err())
	case err != nil:
		return result, fmt.Errorf("%s: %w: %s", s.Kind, err, strings.TrimSpace(errs.String()))
	}
	err = json.Unmarshal(out.Bytes(), &result)
	return result, err
}

// Checking is a Check in a process of its own.
type Checking struct {
	cmd   *exec.Cmd
	ask   io.WriteCloser
	lines *bufio.Scanner
}

// patience is what a process may need to start, and to end.
const patience = 20 * time.Second

// StartCheck starts a Check and waits until it listens.
func StartCheck(start Starter) (*Checking, error) {
	cmd, err := Program(context.Background(), Spec{Kind: Check})
	if err != nil {
		return nil, err
	}
	c := &Checking{cmd: cmd}
	if c.ask, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	answers, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr
	if err := start(cmd); err != nil {
		return nil, err
	}
	impatient := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer impatient.Stop()
	if c.lines = bufio.NewScanner(answers); !c.lines.Scan() || c.lines.Text() != ready {
		return nil, errors.Join(fmt.Errorf("%s did not start", Check), c.lines.Err(), c.Close())
	}
	return c, nil
}

// Result is how it stands now.
func (c *Checking) Result() (result Result, err error) {
	if _, err := fmt.Fprintln(c.ask); err != nil {
		return result, err
	}
	if !c.lines.Scan() {
		return result, errors.Join(fmt.Errorf("%s has ended", Check), c.lines.Err())
	}
	err = json.Unmarshal(c.lines.Bytes(), &result)
	return result, err
}

// Close ends the process.
func (c *Checking) Close() error {
	_ = c.ask.Close() // by which it ends
	impatient := time.AfterFunc(patience, func() { _ = c.cmd.Process.Kill() })
	defer impatient.Stop()
	return c.cmd.Wait()
}
