package archtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// block is a fenced block of a document.
type block struct {
	line   int
	kind   string // sh, text, …
	text   string
	output []string // of an sh block: the lines of the text block right below it
}

// blocks returns the fenced blocks of a document.
func blocks(text string) (all []block) {
	var open *block
	below := false // nothing but blank lines since the last block
	for n, line := range strings.Split(text, "\n") {
		kind, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && open == nil:
			open = &block{line: n + 1, kind: kind}
		case fence:
			if last := len(all) - 1; open.kind == "text" && below && all[last].kind == "sh" {
				all[last].output = strings.Split(strings.TrimSpace(open.text), "\n")
			}
			all, open, below = append(all, *open), nil, true
		case open != nil:
			open.text += line + "\n"
		case strings.TrimSpace(line) != "":
			below = false
		}
	}
	return all
}

// readmeLimit is how long all commands of README.md may take together: they compile everything, and go test ends a package after ten minutes.
const readmeLimit = 9 * time.Minute

// TestREADME runs the sh blocks of README.md as they are written, in one shell, from the module's root, as whoever runs the
// test; and looks in their output for the text blocks below them, numbers aside.
//
// Two things are arranged so that it ends soon: GOFLAGS makes "go test ./..." choose no tests, since they are running
// already, and a benchmark one round. And it happens in a home of its own. Commands that wait for a person stand in text
// blocks.
func TestREADME(t *testing.T) {
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("README.md's commands need %s: %v", tool, err)
		}
	}
	home := t.TempDir()
	runtime := filepath.Join(home, "run")
	require.NoError(t, os.Mkdir(runtime, 0o700))
	env := environment(t, home, runtime)
	var script strings.Builder
	script.WriteString("set -e\n")
	var all []block
	for _, b := range blocks(documents(t)["README.md"]) {
		if b.kind == "sh" {
			all = append(all, b)
			fmt.Fprintf(&script, "%secho '%s'\n", b.text, mark(b))
		}
	}
	require.NotEmpty(t, all)
	if out, err := shell(t, env, "go run ./cmd/vpcsim doctor"); err != nil {
		t.Skipf("this machine cannot run a lab:\n%s", out)
	}
	out, err := shell(t, env, script.String())
	require.NoError(t, err, "%s", out)
	for _, b := range all {
		got, rest, ok := strings.Cut(out, mark(b))
		require.True(t, ok)
		out = rest
		compare(t, b, got)
	}
	left, err := os.ReadDir(runtime)
	require.NoError(t, err)
	require.Empty(t, left, "labs that README.md does not end")
}

// mark is what the shell says when it has done a block.
func mark(b block) string { return fmt.Sprintf("-- README.md:%d done", b.line) }

// environment is this process's, with another home but Go's own places.
func environment(t *testing.T, home, runtime string) []string {
	t.Helper()
	values, err := exec.Command("go", "env", "GOCACHE", "GOMODCACHE", "GOENV", "GOROOT", "GOFLAGS").Output()
	require.NoError(t, err)
	v := strings.Split(string(values), "\n")
	return append(os.Environ(),
		"GOCACHE="+v[0], "GOMODCACHE="+v[1], "GOENV="+v[2], "PATH="+filepath.Join(v[3], "bin")+":"+os.Getenv("PATH"),
		"GOFLAGS="+v[4]+" -run=^$ -benchtime=1x -buildvcs=false", // the checkout may be another user's, whom git does not trust
		"HOME="+home, "GOPATH="+filepath.Join(home, "go"), "XDG_RUNTIME_DIR="+runtime, "NO_COLOR=1",
	)
}

// shell runs a script from the module's root and returns what it printed. Whatever it started is ended with it.
func shell(t *testing.T, env []string, script string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), readmeLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash")
	cmd.Stdin, cmd.Env, cmd.Dir = strings.NewReader(script), env, root
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// numbers match what differs from run to run, and the white space of columns that follows it.
var numbers = regexp.MustCompile(`[0-9]+|\s+`)

func plain(line string) string {
	return strings.TrimSpace(numbers.ReplaceAllStringFunc(line, func(s string) string {
		if strings.TrimSpace(s) == "" {
			return " "
		}
		return "N"
	}))
}

// compare looks for the lines that README.md shows, in their order. A line of dots stands for any number of lines.
func compare(t *testing.T, b block, got string) {
	t.Helper()
	lines := strings.Split(got, "\n")
	for _, want := range b.output {
		if want == "" || want == "…" {
			continue
		}
		for len(lines) > 0 && plain(lines[0]) != plain(want) {
			lines = lines[1:]
		}
		if len(lines) == 0 {
			t.Errorf("README.md:%d shows a line that did not come:\n%s\ngot:\n%s", b.line, want, got)
			return
		}
	}
}
