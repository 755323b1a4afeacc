package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
)

const terminalLab = `
name: terminal
region: us-east-1
vpcs:
  main:
    cidr: 10.0.0.0/16
    subnets: {a: {cidr: 10.0.1.0/24}}
    instances: {app: {subnet: a}}
`

// inTerminal runs a command line in a terminal, types keys once the terminal shows ready, and returns all that it showed.
func inTerminal(t *testing.T, size *pty.Winsize, keys string, args ...string) (shown string, code int) {
	t.Helper()
	cmd := exec.Command("vpcsim", args...) // testscript.Main has put it into the PATH
	master, err := pty.StartWithSize(cmd, size)
	require.NoError(t, err)
	defer master.Close()
	defer time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() }).Stop()
	var b strings.Builder
	buf := make([]byte, 1024)
	for {
		n, err := master.Read(buf)
		before := strings.Contains(b.String(), "ready")
		b.Write(buf[:n])
		if !before && strings.Contains(b.String(), "ready") {
			_, writeErr := io.WriteString(master, keys)
			require.NoError(t, writeErr)
		}
		if err != nil { // EIO: nobody has the terminal any more
			break
		}
	}
	_ = cmd.Wait() // the exit code says it all
	return b.String(), cmd.ProcessState.ExitCode()
}

func TestTerminal(t *testing.T) {
	if lacking() != "" {
		t.Skip("no labs on this machine: ", lacking())
	}
	dir, err := os.MkdirTemp("/tmp", "vpcsim")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	t.Setenv("XDG_RUNTIME_DIR", dir)
	file := filepath.Join(dir, "terminal.vpc.yml")
	require.NoError(t, os.WriteFile(file, []byte(terminalLab), 0o600))
	require.NoError(t, exec.Command("vpcsim", "up", "-d", file).Run())
	t.Cleanup(func() { require.NoError(t, exec.Command("vpcsim", "down").Run()) })
	size := &pty.Winsize{Rows: 31, Cols: 97}
	for name, row := range map[string]struct {
		script, keys string
		want         string
		code         int
	}{
		"it has our window's size":       {"stty size; echo ready", "", "31 97", 0},
		"it is a terminal of its own":    {"tty; echo ready; exit 5", "", "/dev/pts/", 5},
		"what is typed is read":          {"echo ready; read line; echo got $line", "hello\n", "got hello", 0},
		"Ctrl-C reaches the command":     {"trap 'echo interrupted; exit 4' INT; echo ready; while :; do sleep 0.1; done", "\x03", "interrupted", 4},
		"Ctrl-D ends its input":          {"echo ready; cat; echo end", "\x04", "end", 0},
		"Ctrl-Z stops nothing of ours":   {"echo ready; read line; echo got $line", "\x1ahello\n", "got", 0},
		"all that was written is shown":  {"echo ready; seq 20000", "", "20000", 0},
		"a background job is hung up on": {"sleep 1000 & echo ready; exit 3", "", "ready", 3},
	} {
		shown, code := inTerminal(t, size, row.keys, "exec", "app", "--", "sh", "-c", row.script)
		if !strings.Contains(shown, row.want) || code != row.code {
			t.Errorf("%s: got %q, %d; want %q, %d", name, shown, code, row.want, row.code)
		}
	}
}
