package host_test

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vpcsim/internal/nstest"
	"vpcsim/topology/host"
)

// asVariable makes the test binary a confining program: what its confined part does is the variable's value.
const asVariable = "VPCSIM_TEST_AS"

// program is main of that program. Descriptor 3, if the test gave it one, goes to the confined part.
func program(as string) int {
	if !host.Confined() {
		opts := host.Options{Env: []string{"FROM_P0=yes"}}
		if _, err := unix.FcntlInt(3, unix.F_GETFD, 0); err == nil && as != "echo" {
			opts.ExtraFiles = []*os.File{os.NewFile(3, "held")}
		}
		if as == "detached" {
			return detach(opts)
		}
		code, err := host.Confine(opts)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 3
		}
		return code
	}
	return confinedPrograms[as]()
}

func detach(opts host.Options) int {
	opts.Stdout = os.Stdout
	init, err := host.Detach(opts)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	fmt.Println(init.Pid)
	return 0
}

var confinedPrograms = map[string]func() int{
	"exit":    func() int { return 7 },
	"killed":  func() int { _ = unix.Kill(os.Getpid(), unix.SIGKILL); select {} },
	"echo":    func() int { _, _ = io.Copy(os.Stdout, os.Stdin); return 0 },
	"signals": printSignals,
	"orphan":  waitForOrphan,
	"tree":    func() int { growTree(); fmt.Println("ready"); select {} },
	"detached": func() int {
		growTree()
		fmt.Println("ready")
		return printSignals()
	},
	"inside": func() int {
		fmt.Println(os.Getpid() == 1, os.Getppid(), os.Getuid(), os.Getenv("FROM_P0"))
		return 0
	},
}

// printSignals prints each signal it gets, and ends upon SIGTERM.
func printSignals() int {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM)
	fmt.Println("ready")
	for s := range signals {
		fmt.Println(s)
		if s == unix.SIGTERM {
			break
		}
	}
	return 5
}

// waitForOrphan leaves a process without its parent and waits until init has reaped it.
func waitForOrphan() int {
	if _, err := host.PrivateMounts(); err != nil {
		return 1
	}
	out, err := exec.Command("sh", "-c", "exec >&-; true & echo $! >&2").CombinedOutput()
	if err != nil {
		return 2
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		return 3
	}
	for range 1000 {
		if unix.Kill(pid, 0) == unix.ESRCH {
			return 0
		}
		time.Sleep(5 * time.Millisecond)
	}
	return 4
}

// growTree makes what a lab has: namespaces held by descriptors, processes in them, an orphan.
func growTree() {
	for range 2 {
		ns, err := host.NewNamespace()
		if err != nil {
			panic(err)
		}
		cmd := exec.Command("sh", "-c", "sleep 1000 & exec sleep 1000")
		cmd.ExtraFiles = []*os.File{os.NewFile(3, "held")}
		cmd.Stdout = os.Stdout
		if err := ns.Start(cmd, nil); err != nil {
			panic(err)
		}
	}
}

// start starts the test binary as the program.
func start(t *testing.T, as string, set func(*exec.Cmd)) (cmd *exec.Cmd, out *bufio.Scanner) {
	t.Helper()
	cmd = exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), asVariable+"="+as, "GORACE=atexit_sleep_ms=0") // else each of three processes takes a second
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	if set != nil {
		set(cmd)
	}
	require.NoError(t, cmd.Start())
	return cmd, bufio.NewScanner(stdout)
}

func lines(out *bufio.Scanner) (l []string) {
	for out.Scan() {
		l = append(l, out.Text())
	}
	return l
}

func TestConfinedProgram(t *testing.T) {
	nstest.Require(t)
	for _, c := range []struct {
		name, as, stdin string
		wantCode        int
		wantOut         string
	}{
		{"hands on its exit code", "exit", "", 7, ""},
		{"that a signal ended gives 128 and the signal", "killed", "", 128 + 9, ""},
		{"has standard input and output", "echo", "to and fro\n", 0, "to and fro"},
		{"is root, below PID 1, with the environment asked for", "inside", "", 0, "false 1 0 yes"},
		{"has its orphans reaped", "orphan", "", 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd, out := start(t, c.as, func(cmd *exec.Cmd) { cmd.Stdin = strings.NewReader(c.stdin) })
			got := strings.Join(lines(out), "\n")
			_ = cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != c.wantCode || got != c.wantOut {
				t.Errorf("got code %d, output %q; want %d, %q", code, got, c.wantCode, c.wantOut)
			}
		})
	}
}

func TestSignalsReachTheConfinedProgramOnce(t *testing.T) {
	nstest.Require(t)
	for _, c := range []struct {
		name string
		send func(p0 int, s unix.Signal) error
	}{
		{"sent to P0 alone, as kill does", unix.Kill},
		{"sent to the process group, as a terminal does", func(p0 int, s unix.Signal) error { return unix.Kill(-p0, s) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd, out := start(t, "signals", func(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} })
			next := func(want string) {
				t.Helper()
				if !out.Scan() || out.Text() != want {
					t.Fatalf("got %q, want %q", out.Text(), want)
				}
			}
			next("ready")
			for range 3 {
				for _, s := range []unix.Signal{unix.SIGINT, unix.SIGHUP, unix.SIGQUIT} {
					require.NoError(t, c.send(cmd.Process.Pid, s))
					next(s.String())
				}
			}
			require.NoError(t, c.send(cmd.Process.Pid, unix.SIGTERM))
			next("terminated")
			_ = cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != 5 {
				t.Errorf("exit code %d, want the program's 5", code)
			}
		})
	}
}

// namespaces are the network namespaces of all processes there are, as far as they can be seen.
func namespaces() map[string]bool {
	found := map[string]bool{}
	links, _ := filepath.Glob("/proc/[0-9]*/ns/net")
	for _, link := range links {
		if id, err := os.Readlink(link); err == nil {
			found[id] = true
		}
	}
	return found
}

// held returns an option that gives the program, as descriptor 3, a pipe that all its processes hold, and a function that
// waits until none is left to hold it.
func held(t *testing.T) (give func(*exec.Cmd), wait func()) {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	return func(cmd *exec.Cmd) { cmd.ExtraFiles = []*os.File{w} }, func() {
		_ = w.Close()
		_, err := io.ReadAll(r)
		require.NoError(t, err)
		_ = r.Close()
	}
}

// checkNothingLeft wants the network namespaces to be those of before. The last process's own entry goes a moment after
// its descriptors.
func checkNothingLeft(t *testing.T, before map[string]bool) {
	t.Helper()
	require.Eventually(t, func() bool { return maps.Equal(before, namespaces()) }, time.Minute, time.Millisecond,
		"before %v, now %v", before, namespaces())
}

func TestKillingP0LeavesNothing(t *testing.T) {
	nstest.Require(t)
	before := namespaces()
	for range 20 {
		give, wait := held(t)
		cmd, out := start(t, "tree", give)
		require.True(t, out.Scan(), "the program did not start")
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait()
		wait()
	}
	checkNothingLeft(t, before)
}

func TestKillingP0WhileItStartsLeavesNothing(t *testing.T) {
	nstest.Require(t)
	before := namespaces()
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		give, wait := held(t)
		cmd, _ := start(t, "tree", give)
		// Not to wait for something, but to hit every moment of the start.
		time.Sleep(time.Duration(rnd.IntN(30_000)) * time.Microsecond)
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait()
		wait()
	}
	checkNothingLeft(t, before)
}

func TestDetachedProgramOutlivesP0AndDiesWithInit(t *testing.T) {
	nstest.Require(t)
	before := namespaces()
	give, wait := held(t)
	cmd, out := start(t, "detached", give)
	got := []string{}
	for len(got) < 3 && out.Scan() { // the pid, and "ready" twice, in any order
		got = append(got, out.Text())
	}
	slices.Sort(got)
	require.Len(t, got, 3)
	init, err := strconv.Atoi(got[0])
	require.NoError(t, err)
	require.NoError(t, unix.Kill(init, unix.SIGINT))
	if !out.Scan() || out.Text() != "interrupt" {
		t.Errorf("a signal to init: the program got %q, want interrupt", out.Text())
	}
	require.NoError(t, unix.Kill(init, unix.SIGKILL))
	_ = cmd.Wait()
	wait()
	checkNothingLeft(t, before)
}

func TestVariableAloneConfinesNobody(t *testing.T) {
	t.Setenv("VPCSIM_STAGE", "init 0")
	if host.IsInit() {
		t.Error("a process that is not PID 1 takes itself for init")
	}
}
