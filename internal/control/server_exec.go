package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// Exec is a command to run in an instance or internet host. Its standard input, output and error come as three descriptors
// with the request; a client's terminal is the slave of a pty that the client made, so that window size and raw mode stay
// between the client and the kernel.
//
//	client -> {"version":1,"verb":"exec","exec":{…}} + 3 descriptors
//	client <- {"version":1,"result":{"Pid":17}}
//	client -> {"signal":2}                             any number of times
//	client <- {"version":1,"result":{"ExitCode":0}}
//
// The command leads a session of its own. When the client goes away the command is sent SIGHUP, as by a terminal that is closed.
type Exec struct {
	Instance string   `json:"instance"` // name or id
	Path     string   `json:"path"`     // of the program, absolute
	Args     []string `json:"args"`     // argv, the program's name included
	Env      []string `json:"env"`
	Dir      string   `json:"dir"`
	TTY      bool     `json:"tty"` // the first descriptor becomes the controlling terminal
}

// started and exited are the two answers to exec.
type started struct {
	Pid int `json:"Pid"` // as the lab's processes see it
}

type exited struct {
	ExitCode int `json:"ExitCode"` // 128 + n if signal n ended the command
}

// signalled is what a client may send while the command runs.
type signalled struct {
	Signal int `json:"signal"`
}

// Exit codes of a command that could not be run, as in a shell (POSIX.1-2017, XCU 2.8.2).
const (
	notExecutable = 126
	notFound      = 127
)

func (s *Server) exec(c *session, e *Exec) error {
	if e == nil || len(e.Args) == 0 || len(c.files) != maxFiles {
		return errors.New("exec: needs a command and three files")
	}
	cmd := &exec.Cmd{Path: e.Path, Args: e.Args, Env: e.Env, Dir: e.Dir, Stdin: c.files[0], Stdout: c.files[1], Stderr: c.files[2]}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: e.TTY}
	err := s.lab.Run(e.Instance, cmd)
	c.closeFiles()
	if err != nil {
		return c.write(response{Version: protocolVersion, Error: err.Error(), Code: startCode(err)})
	}
	if err := c.send(started{Pid: cmd.Process.Pid}); err != nil {
		_ = unix.Kill(-cmd.Process.Pid, unix.SIGHUP)
	}
	if code, ok := s.attend(c, cmd); ok {
		return c.send(exited{ExitCode: code})
	}
	return nil
}

// startCode is the exit code for a command that could not be started.
func startCode(err error) int {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return notFound
	case errors.Is(err, fs.ErrPermission), errors.Is(err, unix.ENOEXEC), errors.Is(err, unix.EISDIR):
		return notExecutable
	}
	return codeOf(err)
}

// attend passes signals on until the command has ended, and returns its exit code; false if the server was closed first. All
// signals are sent before the command is reaped, by the goroutine that reaps it, so none can hit another process.
func (s *Server) attend(c *session, cmd *exec.Cmd) (code int, ok bool) {
	signals, ended := c.signals(), ending(cmd.Process.Pid)
	for {
		select {
		case sig, ok := <-signals:
			if !ok {
				sig, signals = unix.SIGHUP, nil
			}
			_ = unix.Kill(-cmd.Process.Pid, sig)
		case <-ended:
			_ = cmd.Wait() // the exit code says it all
			return exitCode(cmd.ProcessState.Sys().(syscall.WaitStatus)), true
		case <-s.open.Done():
			return 0, false
		}
	}
}

// signals returns a channel of the signals that the client wants sent, closed when the client is gone.
func (c *session) signals() <-chan syscall.Signal {
	signals := make(chan syscall.Signal)
	decoder := json.NewDecoder(c.lines)
	go func() {
		defer close(signals)
		for {
			var m signalled
			if err := decoder.Decode(&m); err != nil {
				return
			}
			if m.Signal > 0 && m.Signal < 65 {
				select {
				case signals <- syscall.Signal(m.Signal):
				case <-c.over:
				}
			}
		}
	}()
	return signals
}

// ending returns a channel that is closed when a child has ended and waits to be reaped.
func ending(pid int) <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
		}
	}()
	return ended
}

func exitCode(ws syscall.WaitStatus) int {
	if ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return ws.ExitStatus()
}

// String names the command for messages.
func (e *Exec) String() string { return fmt.Sprintf("%s in %s", e.Args[0], e.Instance) }
