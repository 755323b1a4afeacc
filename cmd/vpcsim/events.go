package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) events() *cobra.Command {
	var name string
	var follow bool
	var since int
	cmd := &cobra.Command{
		Use: "events", Short: "changes of a running lab, and the flows they cut, as JSON lines", Args: cobra.NoArgs,
		Long: "Prints one JSON object per line for every change, followed by one for every flow that it cut or that took another path, and for\n" +
			"what happens by itself: connections that S3 still holds though they were cut, NAT gateways without a free port, the lab's\n" +
			"start and end. Every event has a Sequence; --since goes on after one. A lab remembers its last 200,000 events: where some\n" +
			"are missing, an event EventsLost says how many.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if since < 0 {
				return usage("--since %d: must not be negative", since)
			}
			client, err := a.client(name)
			if err != nil {
				return err
			}
			ctx, cancel := a.within(cmd.Context(), 0)
			defer cancel()
			return client.Events(ctx, since, follow, func(e json.RawMessage) error {
				_, err := fmt.Fprintf(a.stdout, "%s\n", e)
				return err
			})
		},
	}
	labFlag(cmd, &name)
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on until the lab ends, or Ctrl-C")
	cmd.Flags().IntVar(&since, "since", 0, "only events after this Sequence")
	return cmd
}
