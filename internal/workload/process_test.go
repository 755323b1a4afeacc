package workload

import (
	"context"
	"errors"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// fullListener returns an address of 127.0.0.1 that lets SYNs go unanswered: nobody accepts, and its queue is full.
func fullListener(t *testing.T) string {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	require.NoError(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	require.NoError(t, unix.Listen(fd, 0))
	name, err := unix.Getsockname(fd)
	require.NoError(t, err)
	addr := (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: name.(*unix.SockaddrInet4).Port}).String()
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return addr
}

func TestAKilledWorkloadIsAnError(t *testing.T) {
	w := start(t, Spec{Kind: Serve, Address: "127.0.0.1:0"})
	w.until(t, Listening)
	w.Kill()
	w.Kill() // again does nothing
	if err := w.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("Wait = %v, want that it was killed", err)
	}
}

func TestAWorkloadThatDoesNotStopIsKilled(t *testing.T) {
	l := listen(t)
	w := start(t, Spec{Kind: Stream, Address: l.Addr().String(), Stall: patience}) // may take as long to finish its exchange
	request(t, l)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := w.Stop(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Stop = %v, want the context's error", err)
	}
	select {
	case <-w.Done():
	default:
		t.Error("it is still there")
	}
}

func TestSomethingElseThanAWorkload(t *testing.T) {
	spec := Spec{Kind: Serve, Address: ":0"}
	for _, tc := range []struct{ name, program, want string }{
		{"a program that says something else", "echo", "unreadable event"},
		{"a program that fails", "false", "exit status 1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			exe, err := exec.LookPath(tc.program)
			require.NoError(t, err)
			p, err := Start((*exec.Cmd).Start, exe, spec, func(e Event) { t.Errorf("reported %+v", e) })
			require.NoError(t, err)
			// killed for what it says, or ended first: the error names the cause or the kill
			if err := p.Wait(); err == nil || !strings.Contains(err.Error(), tc.want) && !strings.Contains(err.Error(), "killed") {
				t.Errorf("Wait = %v, want %q", err, tc.want)
			}
		})
	}
	_, err := Start(func(*exec.Cmd) error { return errors.New("no namespace") }, "/none", spec, nil)
	if err == nil || !strings.Contains(err.Error(), "no namespace") {
		t.Errorf("Start = %v, want the caller's error", err)
	}
}

func TestCommands(t *testing.T) {
	for _, tc := range []struct {
		name   string
		script string
		output string
		code   int
	}{
		{"output of both kinds is kept", "echo out; echo err >&2", "out\nerr\n", 0},
		{"the exit code is kept", "exit 56", "", 56},
		{"a signal has no exit code", "kill -9 $$", "", -1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := StartCommand((*exec.Cmd).Start, []string{"sh", "-c", tc.script})
			require.NoError(t, err)
			got := c.Wait()
			if got.Output != tc.output || got.ExitCode != tc.code || got.Err != nil || got.Ended <= got.Started {
				t.Errorf("got %+v, want %q and exit code %d", got, tc.output, tc.code)
			}
		})
	}
}

func TestACommandIsKilled(t *testing.T) {
	c, err := StartCommand((*exec.Cmd).Start, []string{"sleep", "1000"})
	require.NoError(t, err)
	c.Kill()
	if got := c.Wait(); got.ExitCode != -1 || time.Duration(got.Ended-got.Started) > patience {
		t.Errorf("got %+v", got)
	}
}

func TestCommandsThatCannotStart(t *testing.T) {
	for _, argv := range [][]string{nil, {"no-such-program"}} {
		if _, err := StartCommand((*exec.Cmd).Start, argv); err == nil {
			t.Errorf("StartCommand(%q) succeeded", argv)
		}
	}
}

func TestBoundedBufferKeepsTheBeginning(t *testing.T) {
	b := &boundedBuffer{limit: 5}
	for _, s := range []string{"abc", "def", "ghi"} {
		_, _ = b.Write([]byte(s))
	}
	if got, want := b.String(), "abcde\n[4 more bytes]\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
