package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"vpcsim/internal/scenario"
	"vpcsim/topology/host"
)

// defaultDemo is the reproduction that the program was written for.
const defaultDemo = "s3-endpoint"

func (a *app) demo() *cobra.Command {
	p := player{app: a}
	var list bool
	cmd := &cobra.Command{
		Use: "demo [NAME]", Short: "the embedded reproduction (default " + defaultDemo + ")", Args: cobra.MaximumNArgs(1), ValidArgs: scenario.Library(),
		Long: "Builds a VPC, opens real connections, installs the endpoint's route, and tells what dropped, what survived and what\n" +
			"reconnected. Exit code: 0 if all expectations held, 1 if one did not, 2 if --timeout ended it, 130 after Ctrl-C.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if list {
				return a.listDemos()
			}
			f, source, err := scenario.Embedded(argOr(args, defaultDemo))
			if err != nil {
				return err
			}
			if err := f.Check(source); err != nil {
				return err
			}
			return p.play(cmd.Context(), f, source, host.Options{})
		},
	}
	p.flags(cmd)
	cmd.Flags().BoolVar(&list, "list", false, "list the embedded scenarios")
	return cmd
}

func (a *app) listDemos() error {
	for _, name := range scenario.Library() {
		if _, err := fmt.Fprintln(a.stdout, name); err != nil {
			return err
		}
	}
	return nil
}
