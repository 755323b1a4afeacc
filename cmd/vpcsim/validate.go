package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"vpcsim/internal/control"
	"vpcsim/topology"
)

func (a *app) validate() *cobra.Command {
	var topo string
	cmd := &cobra.Command{
		Use: "validate [FILE|-]", Short: "read and resolve a topology or scenario without touching the machine",
		Long: "Reads a topology or a scenario, and prints every error with its line on standard error.\n" +
			"Without FILE, the only *.vpc.yml of the folder. With -o json, prints the network with the ids that AWS-style names get.",
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := find(argOr(args, topo))
			if err != nil {
				return err
			}
			in, err := a.read(file)
			if err != nil {
				return err
			}
			a.warnOpen(in.network)
			return a.print(control.Describe(in.network), func(w io.Writer) { fmt.Fprintln(w, in.summary()) })
		},
	}
	cmd.Flags().StringVarP(&topo, "topo", "t", "", "topology file, - for standard input")
	return cmd
}

// warnOpen tells of the buckets that anybody may do anything with, which no bucket at AWS is (docs/s3.md, "Open labs").
func (a *app) warnOpen(n *topology.Network) {
	if len(n.IAM.Users)+len(n.IAM.Roles) > 0 {
		return
	}
	var open []string
	for _, b := range n.S3.Buckets {
		if b.Policy == nil {
			open = append(open, b.Name)
		}
	}
	if open != nil {
		a.say("open to everybody, as the file has no iam: %s %s; write users or roles in iam, or a policy for each bucket",
			map[bool]string{true: "bucket", false: "buckets"}[len(open) == 1], strings.Join(open, ", "))
	}
}

// summary is one line about a valid file.
func (in *input) summary() string {
	if in.scenario == nil {
		return fmt.Sprintf("%s: valid topology: %s", in.name, counts(in.network))
	}
	return fmt.Sprintf("%s: valid scenario: %s, %s; %s", in.name, plural(len(in.scenario.Workloads), "workload"),
		plural(len(in.scenario.Timeline), "step"), counts(in.network))
}

// counts says what a network consists of.
func counts(n *topology.Network) string {
	var subnets, tables, endpoints, instances int
	for _, v := range n.VPCs {
		subnets += len(v.Subnets)
		tables += len(v.RouteTables)
		endpoints += len(v.Endpoints)
		instances += len(v.Instances)
	}
	return fmt.Sprintf("%s, %s, %s, %s, %s, %s, %s", n.Region, plural(len(n.VPCs), "VPC"), plural(subnets, "subnet"),
		plural(tables, "route table"), plural(endpoints, "endpoint"), plural(instances, "instance"), plural(len(n.InternetHosts), "internet host"))
}

func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func completeFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"yml", "yaml"}, cobra.ShellCompDirectiveFilterFileExt
}
