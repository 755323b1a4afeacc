// Command compare measures route lookup beside its peers: libraries in Go and, built with -tags dpdk, DPDK's tables in C.
// vpcsim bench lookup --peers builds and runs it: it reads a bench.Plan from standard input, as JSON, tells its progress on
// standard error in lines of JSON, and writes a bench.Report to standard output.
//
// It is a module of its own, so that nobody who uses or builds vpcsim needs the peers. All contenders are in this one process: in
// processes of their own they could not take turns.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"vpcsim/bench"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		if errors.As(err, new(*inputError)) {
			os.Exit(2)
		}
		os.Exit(1)
	}
}

// inputError is a mistake in the plan, or in a file that it names: exit code 2, as vpcsim has it.
type inputError struct{ error }

func (e *inputError) Unwrap() error { return e.error }

func run(ctx context.Context) error {
	out, err := report()
	if err != nil {
		return err
	}
	plan, err := planFrom(os.Stdin)
	if err != nil {
		return &inputError{err}
	}
	progress := json.NewEncoder(os.Stderr)
	inC, noDPDK := dpdk()
	makers := append(append([]bench.Maker{bench.Ours()}, libraries()...), inC...)
	result, err := bench.Run(ctx, plan, makers, func(p bench.Progress) {
		_ = progress.Encode(p) // whoever does not listen misses nothing that counts
	})
	if err != nil {
		return &inputError{err}
	}
	if noDPDK != nil {
		result.Missing = append(result.Missing, bench.Missing{Name: "DPDK's tables", Why: noDPDK.Error(), Cure: "vpcsim bench lookup --peers -v tells what DPDK says"})
	}
	return json.NewEncoder(out).Encode(result)
}

func planFrom(in io.Reader) (plan bench.Plan, err error) {
	if err = json.NewDecoder(in).Decode(&plan); err != nil {
		err = fmt.Errorf("the plan, on standard input: %w", err)
	}
	return plan, err
}

// report is standard output as it was. From here on, what libraries print there goes to standard error: the report must stay whole.
func report() (*os.File, error) {
	fd, err := unix.Dup(int(os.Stdout.Fd()))
	if err == nil {
		err = unix.Dup2(int(os.Stderr.Fd()), int(os.Stdout.Fd()))
	}
	if err != nil {
		return nil, fmt.Errorf("keep standard output: %w", err)
	}
	return os.NewFile(uintptr(fd), "report"), nil
}
