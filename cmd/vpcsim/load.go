package main

import (
	"github.com/spf13/cobra"

	"vpcsim/bench/load"
)

// load is the program that vpcsim bench forward runs at both ends of what it measures. It is not for users.
func (a *app) load() *cobra.Command {
	return &cobra.Command{
		Use: "load SPEC", Hidden: true, DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			if code := load.Main(args, a.stdin, a.stdout, a.stderr); code != 0 {
				return &exit{code: code}
			}
			return nil
		},
	}
}
