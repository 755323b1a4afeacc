package main

import (
	"github.com/spf13/cobra"

	"vpcsim/internal/workload"
)

// workload is the program that scenarios run in instances. It is not for users.
func (a *app) workload() *cobra.Command {
	return &cobra.Command{
		Use: "workload SPEC", Hidden: true, DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			if code := workload.Main(args, a.stdin, a.stdout); code != 0 {
				return &exit{code: code}
			}
			return nil
		},
	}
}
