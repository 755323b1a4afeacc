package main

import (
	"io"

	"github.com/spf13/cobra"

	"vpcsim/topology/awsimport"
)

const collectHelp = "Prints a shell script that gathers, with the AWS CLI, what vpcsim import aws reads. The script only reads: it describes, gets, lists\n" +
	"and searches. Look at it, then run it with the rights of a read-only role:\n\n" +
	"  vpcsim collect --regions us-east-1,eu-west-1 --profile prod > collect.sh\n  sh collect.sh dump\n  vpcsim import aws dump -o my.vpc.yml"

func (a *app) collect() *cobra.Command {
	var c awsimport.Collect
	cmd := &cobra.Command{
		Use: "collect", Short: "print a script that gathers a dump for import aws", Long: collectHelp, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			script, err := c.Script()
			if err != nil {
				return err
			}
			_, err = io.WriteString(a.stdout, script)
			return err
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&c.Regions, "regions", nil, "regions (default: all that are enabled in the account)")
	f.StringSliceVar(&c.Profiles, "profile", nil, "profiles of the AWS CLI, one for each account (default: that of the environment)")
	f.StringSliceVar(&c.Buckets, "buckets", nil, "buckets whose policies are wanted")
	return cmd
}
