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
		Long: "Prints one JSON object per line for every change, followed by one for every flow that it cut or that took another path.",
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
	cmd.Flags().IntVar(&since, "since", 0, "leave out this many events from the beginning")
	return cmd
}
