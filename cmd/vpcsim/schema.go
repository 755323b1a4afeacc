package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"vpcsim/internal/scenario"
	"vpcsim/topology"
)

func (a *app) schema() *cobra.Command {
	return &cobra.Command{
		Use: "schema [topology|scenario]", Short: "print the JSON schema of topology files, or of scenario files",
		ValidArgs: []string{"topology", "scenario"}, Args: cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		RunE: func(_ *cobra.Command, args []string) error {
			write := topology.Schema
			if argOr(args, "topology") == "scenario" {
				write = func() ([]byte, error) { return topology.SchemaOf(scenario.File{}, "vpcsim scenario") }
			}
			text, err := write()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.stdout, "%s\n", text)
			return err
		},
	}
}
