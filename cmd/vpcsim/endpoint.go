package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"vpcsim/internal/control"
)

// changer is what the verbs that change a running VPC have in common.
type changer struct {
	*app
	lab, vpc string
	dryRun   bool
}

// flags adds the flags of a change in a VPC.
func (c *changer) flags(cmd *cobra.Command) {
	c.labFlags(cmd)
	cmd.Flags().StringVar(&c.vpc, "vpc", "", "the VPC, if there are several")
}

// labFlags adds the flags of a change.
func (c *changer) labFlags(cmd *cobra.Command) {
	labFlag(cmd, &c.lab)
	cmd.Flags().BoolVar(&c.dryRun, "dry-run", false, "only check that the change could be made, and what it would cut")
}

func (a *app) endpoint() *cobra.Command {
	cmd := &cobra.Command{
		Use: "endpoint create|modify|delete|list", Short: "change the gateway endpoints of a running lab", Args: a.noVerb, RunE: needsVerb, SuggestionsMinimumDistance: 2,
		Long: "Creates, modifies, deletes and lists gateway endpoints of a running lab. A change takes effect at once, and what it did\n" +
			"to open connections is printed.",
	}
	cmd.AddCommand(a.endpointCreate(), a.endpointModify(), a.endpointDelete(), a.lists("gateway endpoints", "endpoints"))
	return cmd
}

func needsVerb(cmd *cobra.Command, _ []string) error {
	return usage("say what to do: %s", cmd.UseLine())
}

func (a *app) endpointCreate() *cobra.Command {
	c, e, policy := changer{app: a}, control.CreateEndpoint{}, ""
	cmd := &cobra.Command{
		Use: "create NAME --route-tables TABLE,…", Short: "create a gateway endpoint", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			e.VPC, e.Name = c.vpc, args[0]
			if policy != "" {
				var err error
				if e.Policy, err = policyFile(a, policy); err != nil {
					return err
				}
			}
			return c.change(cmd.Context(), control.Change{CreateEndpoint: &e})
		},
	}
	c.flags(cmd)
	cmd.Flags().StringVar(&e.Service, "service", "s3", "s3, or com.amazonaws.REGION.s3")
	cmd.Flags().StringSliceVar(&e.RouteTables, "route-tables", nil, "route tables that receive the route")
	cmd.Flags().StringVar(&policy, "policy", "", "file of the endpoint policy in JSON, - for standard input (default: everything is allowed)")
	return cmd
}

// policyFile reads a policy document.
func policyFile(a *app, path string) (string, error) {
	var text []byte
	var err error
	if path == "-" {
		text, err = io.ReadAll(a.stdin)
	} else {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return "", fileError(err)
	}
	return string(text), nil
}

func (a *app) endpointModify() *cobra.Command {
	c, e, policy := changer{app: a}, control.ModifyEndpoint{}, ""
	cmd := &cobra.Command{
		Use: "modify NAME", Short: "add an endpoint to route tables, remove it from them, or replace its policy", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(e.Add) == 0 && len(e.Remove) == 0 && policy == "" && !e.Reset {
				return usage("nothing to change: give --add-route-tables, --remove-route-tables, --policy or --reset-policy")
			}
			if policy != "" {
				var err error
				if e.Policy, err = policyFile(a, policy); err != nil {
					return err
				}
			}
			e.VPC, e.Name = c.vpc, args[0]
			return c.change(cmd.Context(), control.Change{ModifyEndpoint: &e})
		},
	}
	c.flags(cmd)
	cmd.Flags().StringSliceVar(&e.Add, "add-route-tables", nil, "route tables that receive the route")
	cmd.Flags().StringSliceVar(&e.Remove, "remove-route-tables", nil, "route tables that lose it")
	cmd.Flags().StringVar(&policy, "policy", "", "file of the endpoint policy in JSON, - for standard input; it acts on the next request")
	cmd.Flags().BoolVar(&e.Reset, "reset-policy", false, "go back to the policy that allows everything")
	cmd.MarkFlagsMutuallyExclusive("policy", "reset-policy")
	return cmd
}

func (a *app) endpointDelete() *cobra.Command {
	c := changer{app: a}
	cmd := &cobra.Command{
		Use: "delete NAME", Short: "delete a gateway endpoint with its routes", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.change(cmd.Context(), control.Change{DeleteEndpoint: &control.DeleteEndpoint{VPC: c.vpc, Name: args[0]}})
		},
	}
	c.flags(cmd)
	return cmd
}

// lists is the verb list of a running lab's things of one kind: what they are, and what inspect calls them.
func (a *app) lists(what, view string) *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use: "list", Short: "list the " + what, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.client(name)
			if err != nil {
				return err
			}
			return a.show(cmd.Context(), client, view)
		},
	}
	labFlag(cmd, &name)
	return cmd
}

// change makes a change in the running lab and tells what it did.
func (c *changer) change(ctx context.Context, change control.Change) error {
	client, err := c.client(c.lab)
	if err != nil {
		return err
	}
	ctx, cancel := c.within(ctx, askLimit)
	defer cancel()
	done, err := client.Change(ctx, change, c.dryRun)
	if err != nil {
		return err
	}
	return c.print(done, func(w io.Writer) { changeTable(w, change.Action(), done) })
}

// maxCutShown is how many of the connections that a change cut are listed for a person.
const maxCutShown = 10

func changeTable(w io.Writer, action string, done *control.ChangeResult) {
	var cut []control.Event
	for _, e := range done.Flows {
		if e.Event == control.FlowDropped {
			cut = append(cut, e)
		}
	}
	if done.DryRun {
		fmt.Fprintf(w, "%s could be made; nothing was changed; it would cut %s\n", action, plural(len(cut), "connection"))
	} else {
		fmt.Fprintf(w, "%s %s at %s: %s cut\n", done.ChangeID, action, done.CommittedAt.Format(time.TimeOnly), plural(len(cut), "connection"))
	}
	for _, e := range cut[:min(len(cut), maxCutShown)] {
		row(w, "  "+e.Instance, e.Protocol, e.Local+" -> "+e.Remote, e.PathBefore+" -> "+e.PathAfter, e.SourceBefore+" -> "+orNone(e.SourceAfter))
	}
	if more := len(cut) - maxCutShown; more > 0 && done.DryRun {
		fmt.Fprintf(w, "  and %d more; see vpcsim plan\n", more)
	} else if more > 0 {
		fmt.Fprintf(w, "  and %d more; see vpcsim events\n", more)
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
