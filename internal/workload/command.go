package workload

import (
	"errors"
	"fmt"
	"os/exec"
	"time"

	"vpcsim/internal/monotonic"
)

// commandOutput is how much of a command's output is kept.
const commandOutput = 1 << 20

// pipeDelay is how long a command that has ended is waited for to have its output closed by processes it left behind.
const pipeDelay = time.Second

// Command is a program that isn't ours, such as curl or iperf3, run as a workload. Its methods may be called from any
// goroutine; one of its own waits for the program and has ended when Wait returns.
type Command struct {
	Argv []string

	cmd    *exec.Cmd
	done   chan struct{}
	result Result // valid once done is closed
}

// Result is how a command ended. Times are CLOCK_MONOTONIC in nanoseconds.
type Result struct {
	Output   string // standard output and error as they came, the first MiB
	ExitCode int    // -1 if a signal ended it
	Started  int64
	Ended    int64
	Err      error // why nothing can be said about its exit; nil if it ran and ended, with whatever code
}

// StartCommand runs argv with no standard input. Like in Start, start must end in cmd.Start. The program is looked up in
// the caller's PATH.
func StartCommand(start func(*exec.Cmd) error, argv []string) (*Command, error) {
	if len(argv) == 0 {
		return nil, errors.New("command: empty")
	}
	c := &Command{Argv: argv, cmd: exec.Command(argv[0], argv[1:]...), done: make(chan struct{})}
	output := &boundedBuffer{limit: commandOutput}
	c.cmd.Stdout, c.cmd.Stderr = output, output
	c.cmd.WaitDelay = pipeDelay
	c.result.Started = monotonic.Now()
	if err := start(c.cmd); err != nil {
		return nil, fmt.Errorf("command %s: %w", argv[0], err)
	}
	go func() {
		defer close(c.done)
		err := c.cmd.Wait()
		c.result.Ended = monotonic.Now()
		c.result.Output = output.String()
		c.result.ExitCode = c.cmd.ProcessState.ExitCode()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
			c.result.Err = fmt.Errorf("command %s: %w", argv[0], err)
		}
	}()
	return c, nil
}

// Wait returns when the program has ended.
func (c *Command) Wait() Result {
	<-c.done
	return c.result
}

// Done is closed when the program has ended.
func (c *Command) Done() <-chan struct{} { return c.done }

// Kill ends the program at once and returns when it is gone. Processes that it started are not touched.
func (c *Command) Kill() {
	_ = c.cmd.Process.Kill() // fails only if the process has ended
	<-c.done
}
