package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vpcsim/bench"
)

// results are the files that a benchmark's results go to besides standard output.
type results struct {
	csv, plot string
}

func (r *results) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&r.csv, "csv", "", "write the results to this file, too, as CSV")
	cmd.Flags().StringVar(&r.plot, "plot", "", "draw the results into this file, too, as SVG")
}

// outcome is what a benchmark found.
type outcome interface {
	Missed() bool // something that must hold
}

// written is an outcome that goes to files, too.
type written interface {
	outcome
	CSV(io.Writer) error
	Plot(io.Writer) error
}

// measured runs a benchmark, writes its outcome wherever it is wanted, and says what went wrong with it: what kind of thing, and each.
func measured[R written](ctx context.Context, a *app, to results, run func(context.Context, func(bench.Progress)) (R, error),
	table func(io.Writer, R), faults func(R) (string, []string)) error {
	outputs, err := openOutputs(to.csv, to.plot)
	if err != nil {
		return err
	}
	defer outputs.close()
	report, err := watched(ctx, a, run)
	if err != nil {
		return err
	}
	if err := errors.Join(outputs.write(to.csv, report.CSV), outputs.write(to.plot, report.Plot)); err != nil {
		return err
	}
	kind, all := faults(report)
	return conclude(a, report, table, kind, all...)
}

// watched runs a benchmark within the user's time limit, and tells how far it is.
func watched[R outcome](ctx context.Context, a *app, run func(context.Context, func(bench.Progress)) (R, error)) (R, error) {
	ctx, cancel := a.within(ctx, 0)
	defer cancel()
	bar := &progressBar{app: a}
	defer bar.end()
	return run(ctx, bar.tell)
}

// conclude prints the outcome of a benchmark and what went wrong with it, what kind of thing and each, and is an error if anything did or was missed.
func conclude[R outcome](a *app, report R, table func(io.Writer, R), kind string, faults ...string) error {
	if err := a.print(report, func(w io.Writer) { table(w, report) }); err != nil {
		return err
	}
	for _, fault := range faults {
		fmt.Fprintf(a.stderr, "vpcsim: %s: %s\n", kind, fault)
	}
	if len(faults) > 0 || report.Missed() {
		return &exit{code: exitFailed}
	}
	return nil
}

// progressBar tells how far a run is: in place on a terminal, elsewhere by a line each second at most.
type progressBar struct {
	app   *app
	said  time.Time
	drawn bool
}

func (b *progressBar) tell(p bench.Progress) {
	if b.app.quiet || time.Since(b.said) < time.Second && !isTerminal(b.app.stderr) {
		return
	}
	b.said = time.Now()
	if !isTerminal(b.app.stderr) {
		b.app.say("%3.0f %% %s", 100*p.Part, p.What)
		return
	}
	const wide = 24
	full := int(wide * p.Part)
	b.drawn = true
	fmt.Fprintf(b.app.stderr, "\r\x1b[K[%s%s] %3.0f %%  %.60s", strings.Repeat("#", full), strings.Repeat("-", wide-full), 100*p.Part, p.What)
}

// end takes the bar away.
func (b *progressBar) end() {
	if b.drawn {
		fmt.Fprint(b.app.stderr, "\r\x1b[K")
	}
}
