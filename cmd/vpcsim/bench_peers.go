package main

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
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"vpcsim/bench"
	"vpcsim/dataplane/port"
)

// The peers are linked into a program of their own, bench/compare: whoever installs vpcsim gets none of them. It is built when it is asked
// for, from the source tree, and runs everything, our own lookups included, as those that take turns must be in one process.

// runPeers builds bench/compare and has it carry the plan out. Peers that cannot be built are missing in the report, with the cure; all others take part.
func (a *app) runPeers(ctx context.Context, plan bench.Plan, source string, tell func(bench.Progress)) (*bench.Report, error) {
	dir, err := os.MkdirTemp("", "vpcsim-compare-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	tell(bench.Progress{What: "build the peers"})
	program := filepath.Join(dir, "compare")
	missing, err := buildAll(ctx, source, program)
	var machine *port.Unsupported
	var report *bench.Report
	switch {
	case err == nil:
		report, err = a.compare(ctx, program, plan, tell)
	case errors.As(err, &machine):
		missing = []bench.Missing{{Name: "all peers", Why: machine.What, Cure: machine.Cure}}
		report, err = bench.Run(ctx, plan, []bench.Maker{bench.Ours()}, tell)
	}
	if err != nil {
		return nil, err
	}
	report.Missing = append(missing, report.Missing...)
	return report, nil
}

// buildAll builds the program with all peers that this machine can build.
func buildAll(ctx context.Context, source, program string) ([]bench.Missing, error) {
	tree, err := sourceTree(source)
	if err != nil {
		return nil, err
	}
	missing := missingPeers()
	if len(missing) == 0 {
		failed := buildPeers(ctx, tree, ".", program, true)
		var machine *port.Unsupported
		if !errors.As(failed, &machine) {
			return nil, failed
		}
		missing = []bench.Missing{{Name: peersInC, Why: machine.What, Cure: curePeersInC}}
	}
	return missing, buildPeers(ctx, tree, ".", program, false)
}

// sourceTree returns the folder with vpcsim's go.mod: the one given, or the one that the working directory lies in.
func sourceTree(given string) (string, error) {
	dir, err := filepath.Abs(given)
	if err != nil {
		return "", err
	}
	for {
		text, _ := os.ReadFile(filepath.Join(dir, "go.mod")) // one that cannot be read is none
		_, err := os.Stat(filepath.Join(dir, "bench", "compare", "go.mod"))
		if err == nil && strings.HasPrefix(string(text), "module vpcsim\n") {
			return dir, nil
		}
		if up := filepath.Dir(dir); given == "" && up != dir {
			dir = up
			continue
		}
		break
	}
	if given != "" {
		return "", usage("--source %s: not vpcsim's source tree: it has no bench/compare", given)
	}
	return "", &port.Unsupported{What: "the peers are built from vpcsim's source tree, which this folder does not lie in", Cure: "name it with --source"}
}

// The peers that need more than Go.
const (
	peersInC     = "rte_lpm, rte_lpm6, rte_fib, rte_fib6"
	curePeersInC = "apt-get install libdpdk-dev gcc pkg-config"
)

// missingPeers says what cannot take part on this machine.
func missingPeers() []bench.Missing {
	why := ""
	if _, err := exec.LookPath("gcc"); err != nil {
		why = "no C compiler (gcc)"
	} else if _, err := exec.LookPath("pkg-config"); err != nil {
		why = "no pkg-config to find DPDK with"
	} else if exec.Command("pkg-config", "--exists", "libdpdk").Run() != nil {
		why = "DPDK is not installed"
	}
	if why == "" {
		return nil
	}
	return []bench.Missing{{Name: peersInC, Why: why, Cure: curePeersInC}}
}

// buildPeers builds a package of bench/compare.
func buildPeers(ctx context.Context, tree, pkg, program string, dpdk bool) error {
	if _, err := exec.LookPath("go"); err != nil {
		return &port.Unsupported{What: "the peers must be built, and there is no Go", Cure: "install Go (https://go.dev/dl), and have it in PATH"}
	}
	args, cgo := []string{"build", "-buildvcs=false", "-o", program}, "CGO_ENABLED=0"
	if dpdk {
		args, cgo = append(args, "-tags", "dpdk"), "CGO_ENABLED=1"
	}
	build := exec.CommandContext(ctx, "go", append(args, "./"+pkg)...)
	build.Dir, build.Env = filepath.Join(tree, "bench", "compare"), append(os.Environ(), cgo)
	if out, err := build.CombinedOutput(); err != nil {
		return orStopped(ctx.Err(), &port.Unsupported{
			What: fmt.Sprintf("the peers cannot be built: %v\n%s", err, bytes.TrimSpace(out)), Cure: "go mod download in " + build.Dir + ", which needs Go's module proxy",
		})
	}
	return nil
}

// orStopped prefers why we were told to stop to what that led to.
func orStopped(stopped, otherwise error) error {
	if stopped != nil {
		return stopped
	}
	return otherwise
}

// compare runs the program and passes its progress on. What else its libraries say is shown with -v, or when it fails.
func (a *app) compare(ctx context.Context, program string, plan bench.Plan, tell func(bench.Progress)) (*bench.Report, error) {
	text, err := json.Marshal(plan)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	cmd.Stdin = bytes.NewReader(text)
	var out bytes.Buffer
	cmd.Stdout = &out
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	said := a.relay(stderr, tell)
	if err := cmd.Wait(); err != nil {
		code := exitFailed
		if cmd.ProcessState.ExitCode() == exitUsage {
			code = exitUsage
		}
		if len(said) > 0 {
			err = errors.New(strings.Join(said, "\n"))
		}
		return nil, orStopped(ctx.Err(), &exit{code, err})
	}
	report := new(bench.Report)
	if err := json.Unmarshal(out.Bytes(), report); err != nil {
		return nil, fmt.Errorf("the report of the peers: %w", err)
	}
	return report, nil
}

// relay reads what the program says until it ends, and returns the last of what was not progress.
func (a *app) relay(from io.Reader, tell func(bench.Progress)) (said []string) {
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		var p bench.Progress
		if json.Unmarshal(lines.Bytes(), &p) == nil && p.What != "" {
			tell(p)
			continue
		}
		a.detail("%s", lines.Text())
		said = append(said, lines.Text())[max(0, len(said)-10):]
	}
	return said
}
