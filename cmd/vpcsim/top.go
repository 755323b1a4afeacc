package main

import (
	"context"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"vpcsim/dataplane"
	"vpcsim/internal/control"
)

// topOnce is how long top --once looks: until a window of flows has ended that was watched from its beginning.
const topOnce = 2*dataplane.Window + 100*time.Millisecond

type topOptions struct {
	name     string
	once     bool
	interval time.Duration
}

func (a *app) top() *cobra.Command {
	var o topOptions
	cmd := &cobra.Command{
		Use: "top", Short: "a running lab's busiest flows, interfaces, drops and NAT ports, live", Args: cobra.NoArgs,
		Long: "Shows rates once a second until q. Tab enlarges one part after the other, s sorts by another column, r turns the\n" +
			"order round, and arrows scroll. With --once it looks for two seconds and prints one table, or with -o json one object.\n" +
			"Flows are metered only while somebody watches, at most 256 at an interface: the busiest.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.interval < 100*time.Millisecond {
				return usage("--interval %s: must be at least 100ms", o.interval)
			}
			p, err := a.lab(o.name)
			if err != nil {
				return err
			}
			o.name = p.name
			client := control.Client{Socket: p.socket()}
			if o.once || a.output != "table" {
				return a.topOnce(cmd.Context(), client)
			}
			if !isTerminal(a.stdout) || !isTerminal(a.stdin) {
				return usage("top needs a terminal; --once prints one table")
			}
			ctx, cancel := a.within(cmd.Context(), 0)
			defer cancel()
			return a.topLive(ctx, client, o)
		},
	}
	labFlag(cmd, &o.name)
	cmd.Flags().BoolVar(&o.once, "once", false, "print one table and end")
	cmd.Flags().DurationVar(&o.interval, "interval", time.Second, "how often to look")
	return cmd
}

// topOnce prints the rates of some two seconds.
func (a *app) topOnce(ctx context.Context, client control.Client) error {
	ctx, cancel := a.within(ctx, askLimit)
	defer cancel()
	before, err := client.Top(ctx)
	if err != nil {
		return err
	}
	select {
	case <-time.After(topOnce):
	case <-ctx.Done():
		return ctx.Err()
	}
	now, err := client.Top(ctx)
	if err != nil {
		return err
	}
	rates := ratesOf(before, now)
	return a.print(rates, func(w io.Writer) {
		for n, t := range rates.tables(topOrder{}) {
			if n > 0 {
				row(w)
			}
			row(w, t.head...)
			for _, r := range t.rows {
				row(w, r...)
			}
		}
	})
}

// look asks the lab again and again, and hands on what it says, or the error that ends it.
func look(ctx context.Context, client control.Client, every time.Duration, show func(*control.Top, error)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		t, err := client.Top(ctx)
		if ctx.Err() != nil {
			return
		}
		show(t, err)
		if err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// colourful says whether a terminal is to have colours.
func colourful() bool { return os.Getenv("NO_COLOR") == "" }
