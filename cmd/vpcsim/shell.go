package main

import (
	"os"

	"github.com/spf13/cobra"
)

func (a *app) shell() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use: "shell INSTANCE", Short: "a shell in an instance or internet host", Args: cobra.ExactArgs(1), ValidArgsFunction: a.completeInstance(&name),
		Long: "Runs $SHELL, or /bin/sh, in an instance; $VPCSIM_INSTANCE there is its name.",
		RunE: func(cmd *cobra.Command, args []string) error {
			shell := os.Getenv("SHELL")
			if shell == "" {
				shell = "/bin/sh"
			}
			return a.runIn(cmd.Context(), name, args[0], []string{shell})
		},
	}
	labFlag(cmd, &name)
	return cmd
}
