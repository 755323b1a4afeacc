package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vpcsim/internal/nstest"
	"vpcsim/topology/host"
)

func TestMain(m *testing.M) {
	if host.IsInit() {
		host.Init()
	}
	testscript.Main(m, map[string]func(){"vpcsim": main, "without-io-uring": withoutRing})
}

// withoutRing is a program that runs another one, which is refused io_uring: without-io-uring EPERM vpcsim doctor.
func withoutRing() {
	runtime.LockOSThread()
	err := errors.New("usage: without-io-uring EPERM|ENOSYS command…")
	if len(os.Args) > 2 {
		refusal := map[string]unix.Errno{"EPERM": unix.EPERM, "ENOSYS": unix.ENOSYS}[os.Args[1]]
		err = nstest.Refuse(unix.SYS_IO_URING_SETUP, refusal)
	}
	var program string
	if err == nil {
		program, err = exec.LookPath(os.Args[2])
	}
	if err == nil {
		err = unix.Exec(program, os.Args[2:], os.Environ())
	}
	fmt.Fprintln(os.Stderr, "without-io-uring:", err)
	os.Exit(2)
}

// lacking says what this machine lacks for a lab; nothing if it has all.
var lacking = sync.OnceValue(func() string {
	var all []string
	for _, c := range host.Checks() {
		if !c.OK {
			all = append(all, fmt.Sprintf("%s: %s (cure: %s)", c.Name, c.Detail, c.Cure))
		}
	}
	return strings.Join(all, "; ")
})

// TestScripts runs testdata/script/*.txtar. Those named lab-… start labs.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "", // writes what is into what should be, for review
		Setup: func(env *testscript.Env) error {
			if strings.HasPrefix(filepath.Base(env.WorkDir), "script-lab-") && lacking() != "" {
				env.T().Skip("no labs on this machine: ", lacking())
			}
			// A socket's path is short, and the test's folder may not be.
			dir, err := os.MkdirTemp("/tmp", "vpcsim")
			env.Defer(func() {
				down := exec.Command("vpcsim", "down", "--all") // the labs of a script that failed
				down.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+dir)
				_ = down.Run()
				_ = os.RemoveAll(dir)
			})
			env.Setenv("XDG_RUNTIME_DIR", dir)
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code":  checkCode,
			"lines": checkLines,
			"await": await,
			"gone":  checkGone,
		},
	})
}

// checkCode runs a command and checks its exit code: code 3 vpcsim doctor.
func checkCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N command…")
	}
	want, got := args[0], "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != want {
		ts.Fatalf("exit code %s, want %s", got, want)
	}
}

// checkLines checks how many lines a file, or the last command's output, has at most.
func checkLines(ts *testscript.TestScript, neg bool, args []string) {
	most, err := strconv.Atoi(args[0])
	ts.Check(err)
	if n := strings.Count(ts.ReadFile(args[1]), "\n"); (n > most) != neg {
		ts.Fatalf("%s has %d lines", args[1], n)
	}
}

// await runs a command again and again until it succeeds.
func await(ts *testscript.TestScript, neg bool, args []string) {
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if err := ts.Exec(args[0], args[1:]...); (err == nil) != neg {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("%v: in vain", args)
		}
	}
}

// checkGone checks that labs have left no file.
func checkGone(ts *testscript.TestScript, _ bool, _ []string) {
	entries, err := filepath.Glob(filepath.Join(ts.Getenv("XDG_RUNTIME_DIR"), "*"))
	ts.Check(err)
	if len(entries) > 0 {
		ts.Fatalf("left behind: %v", entries)
	}
}

func TestRootHelpFitsOneScreen(t *testing.T) {
	t.Parallel()
	lines := strings.Split(strings.TrimSuffix(rootHelp, "\n"), "\n")
	if len(lines) > 30 {
		t.Errorf("%d lines", len(lines))
	}
	for _, l := range lines {
		if len(l) > 100 {
			t.Errorf("too wide: %s", l)
		}
	}
}

// TestEveryVerbIsInTheHelp keeps the handwritten help complete.
func TestEveryVerbIsInTheHelp(t *testing.T) {
	t.Parallel()
	for _, c := range new(app).root().Commands() {
		if !c.Hidden && !strings.Contains(rootHelp, c.Name()) {
			t.Errorf("%s is not in the help", c.Name())
		}
	}
}

func TestPlaces(t *testing.T) {
	base := filepath.Join(t.TempDir(), "run")
	t.Setenv("XDG_RUNTIME_DIR", base)
	for _, name := range []string{"", "..", "../x", "a/b", "a b", "-a", ".hidden", strings.Repeat("a", 64)} {
		if p, err := placeOf(name); codeOf(err) != exitUsage {
			t.Errorf("%q is taken for a name: %v", name, p)
		}
	}
	p, err := placeOf("lab-1")
	require.NoError(t, err)
	lock, err := p.take(false)
	require.NoError(t, err)
	require.NoError(t, record{Pid: 7, Started: time.Now(), File: "x.vpc.yml"}.write(lock))
	if _, err := p.take(false); codeOf(err) != exitUsage || !strings.Contains(err.Error(), "process 7") {
		t.Errorf("an occupied place: %v", err)
	}
	require.NoError(t, os.WriteFile(p.socket(), nil, 0o600))
	require.NoError(t, lock.Close()) // as if killed
	lock, err = p.take(false)
	require.NoError(t, err, "what a killed lab leaves is taken over")
	require.NoFileExists(t, p.socket())

	taken := make(chan error, 1)
	go func() {
		lock, err := p.take(true)
		if err == nil {
			err = lock.Close()
		}
		taken <- err
	}()
	require.NoError(t, p.clear(lock)) // whether the directory is gone for long depends on the other
	require.NoError(t, lock.Close())
	require.NoError(t, <-taken, "a place that is removed under the one who waits is made anew")
}

func TestPlacesOfOthersAreRefused(t *testing.T) {
	base := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", base)
	for name, make := range map[string]func(path string) error{
		"others may enter": func(path string) error { return os.Mkdir(path, 0o755) },
		"a link":           func(path string) error { return os.Symlink("/tmp", path) },
		"a file":           func(path string) error { return os.WriteFile(path, nil, 0o600) },
	} {
		path := filepath.Join(base, "vpcsim")
		require.NoError(t, make(path))
		if _, err := placeOf("lab"); codeOf(err) != exitUsage {
			t.Errorf("%s: %v", name, err)
		}
		require.NoError(t, os.Remove(path))
	}
}
