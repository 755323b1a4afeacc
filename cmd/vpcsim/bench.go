package main

import "github.com/spf13/cobra"

func (a *app) bench() *cobra.Command {
	cmd := &cobra.Command{
		Use: "bench", Short: "benchmarks, side by side with peers", Args: a.noVerb,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.benchLookup(), a.benchForward(), a.benchScale(), a.benchSoak())
	return cmd
}
