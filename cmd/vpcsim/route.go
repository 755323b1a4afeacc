package main

import (
	"io"

	"github.com/spf13/cobra"

	"vpcsim/internal/control"
)

func (a *app) route() *cobra.Command {
	cmd := &cobra.Command{
		Use: "route add|replace|delete|list", Short: "change the routes of a running lab", Args: a.noVerb, RunE: needsVerb, SuggestionsMinimumDistance: 2,
		Long: "Adds, replaces, deletes and lists routes of a running lab. DESTINATION is an IPv4 CIDR, or the id or name of a prefix\n" +
			"list. A change takes effect at once, and what it did to open connections is printed.",
		Example: "  vpcsim route add private 0.0.0.0/0 igw\n  vpcsim route delete private 0.0.0.0/0",
	}
	add := a.routeChange("add TABLE DESTINATION TARGET", "add a route to a route table", func(r *control.RouteChange) control.Change {
		return control.Change{CreateRoute: r}
	})
	replace := a.routeChange("replace TABLE DESTINATION TARGET", "give an existing route another target", func(r *control.RouteChange) control.Change {
		return control.Change{ReplaceRoute: r}
	})
	remove := a.routeChange("delete TABLE DESTINATION", "remove a route from a route table", func(r *control.RouteChange) control.Change {
		return control.Change{DeleteRoute: r}
	})
	remove.Args = cobra.ExactArgs(2)
	cmd.AddCommand(add, replace, remove, a.routeList())
	return cmd
}

// routeChange is a verb that changes one route.
func (a *app) routeChange(use, short string, of func(*control.RouteChange) control.Change) *cobra.Command {
	c := changer{app: a}
	cmd := &cobra.Command{
		Use: use, Short: short, Args: cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			r := control.RouteChange{VPC: c.vpc, RouteTable: args[0], Destination: args[1]}
			if len(args) > 2 {
				r.Target = args[2]
			}
			return c.change(cmd.Context(), of(&r))
		},
	}
	c.flags(cmd)
	return cmd
}

func (a *app) routeList() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use: "list [TABLE]", Short: "list the routes of one route table, or of all", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client(name)
			if err != nil {
				return err
			}
			ctx, cancel := a.within(cmd.Context(), askLimit)
			defer cancel()
			d, err := client.Describe(ctx)
			if err != nil {
				return err
			}
			only := argOr(args, "")
			var tables []control.RouteTableView
			for _, t := range d.RouteTables {
				if only == "" || only == t.Name || only == t.RouteTableID {
					tables = append(tables, t)
				}
			}
			if tables == nil {
				return usage("no route table is called %q; see vpcsim route list", only)
			}
			return a.print(map[string]any{"RouteTables": tables}, func(w io.Writer) { routeTable(w, d, only) })
		},
	}
	labFlag(cmd, &name)
	return cmd
}
