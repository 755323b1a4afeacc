package main

import (
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vpcsim/internal/control"
)

// askLimit is how long a lab may take to answer.
const askLimit = 30 * time.Second

// inspectable is what can be inspected; live what only a running lab has.
var (
	inspectable = append([]string{"vpcs", "routes", "sg", "acl", "nat", "endpoints", "peerings", "tgws", "prefix-lists"}, live...)
	live        = []string{"flows", "drops", "interfaces", "counters"}
)

func (a *app) inspect() *cobra.Command {
	var topo, name, address string
	cmd := &cobra.Command{
		Use: "inspect [" + strings.Join(inspectable, "|") + "]", Short: "the state of a running lab, or what a file says",
		Long: "Shows the state of a running lab, or with -t what a file would make: all but what only packets make.\n" +
			"Of a running lab, routes, rules and ACL entries come with how many packets they decided about, NAT gateways with their\n" +
			"CloudWatch metrics. docs/counters.md says what each count means. With routes --explain ADDRESS it tells which route each\n" +
			"table takes to an address, and why not the others.",
		Args: cobra.MaximumNArgs(1), ValidArgs: inspectable,
		RunE: func(cmd *cobra.Command, args []string) error {
			what := argOr(args, "")
			if what != "" && !slices.Contains(inspectable, what) {
				return usage("inspect %s: must be one of %s", what, strings.Join(inspectable, ", "))
			}
			switch {
			case cmd.Flags().Changed("explain") && what != "routes":
				return usage("--explain is about routes: vpcsim inspect routes --explain %s", address)
			case what == "routes" && cmd.Flags().Changed("explain"):
				return a.explainRoutes(cmd.Context(), topo, name, address)
			case topo != "":
				return a.inspectFile(topo, what)
			}
			client, err := a.client(name)
			if err != nil {
				return err
			}
			ctx, cancel := a.within(cmd.Context(), askLimit)
			defer cancel()
			return a.show(ctx, client, what)
		},
	}
	labFlag(cmd, &name)
	cmd.Flags().StringVarP(&topo, "topo", "t", "", "topology or scenario file instead of a running lab, - for standard input")
	cmd.Flags().StringVar(&address, "explain", "", "of routes: which one each table takes to this address, and why not the others")
	cmd.MarkFlagsMutuallyExclusive("topo", "name")
	return cmd
}

// inspectFile shows what a file says.
func (a *app) inspectFile(topo, what string) error {
	if slices.Contains(live, what) {
		return usage("inspect %s: a file has none; leave out -t to ask a running lab", what)
	}
	in, err := a.read(topo)
	if err != nil {
		return err
	}
	return a.showNetwork(control.Describe(in.network), what)
}

func (a *app) show(ctx context.Context, client control.Client, what string) error {
	switch what {
	case "flows":
		flows, err := client.Flows(ctx)
		if err != nil {
			return err
		}
		return a.print(flows, func(w io.Writer) { flowTable(w, flows) })
	case "drops":
		counters, err := client.Counters(ctx)
		if err != nil {
			return err
		}
		return a.print(counters, func(w io.Writer) { dropTable(w, counters) })
	case "counters", "interfaces":
		u, err := client.Usage(ctx)
		if err != nil {
			return err
		}
		if what == "interfaces" {
			return a.print(map[string]any{"NetworkInterfaces": u.Interfaces}, func(w io.Writer) { interfaceUsageTable(w, u) })
		}
		return a.print(u, func(w io.Writer) { usageTable(w, u) })
	}
	d, err := client.Describe(ctx)
	if err != nil {
		return err
	}
	return a.showNetwork(d, what)
}

// view is how a part of a network is shown: what -o json has of it, and the tables for people.
type view struct {
	keys   func(d *control.Description) map[string]any
	tables []func(io.Writer, *control.Description)
}

var views = map[string]view{
	"vpcs": {
		func(d *control.Description) map[string]any {
			return map[string]any{"Vpcs": d.Vpcs, "Subnets": d.Subnets, "Instances": d.Instances, "NetworkInterfaces": d.Interfaces}
		},
		[]func(io.Writer, *control.Description){vpcTable, subnetTable, instanceTable},
	},
	"routes": {
		func(d *control.Description) map[string]any { return map[string]any{"RouteTables": d.RouteTables} },
		[]func(io.Writer, *control.Description){allRoutes},
	},
	"sg": {
		func(d *control.Description) map[string]any { return map[string]any{"SecurityGroups": d.SecurityGroups} },
		[]func(io.Writer, *control.Description){groupTable},
	},
	"acl": {
		func(d *control.Description) map[string]any { return map[string]any{"NetworkAcls": d.NetworkAcls} },
		[]func(io.Writer, *control.Description){aclTable, associationTable},
	},
	"nat": {
		func(d *control.Description) map[string]any { return map[string]any{"NatGateways": d.NatGateways} },
		[]func(io.Writer, *control.Description){metricTable},
	},
	"endpoints": {
		func(d *control.Description) map[string]any { return map[string]any{"VpcEndpoints": d.VpcEndpoints} },
		[]func(io.Writer, *control.Description){endpointTable},
	},
	"peerings": {
		func(d *control.Description) map[string]any {
			return map[string]any{"VpcPeeringConnections": d.Peerings}
		},
		[]func(io.Writer, *control.Description){peeringTable},
	},
	"tgws": {
		func(d *control.Description) map[string]any {
			return map[string]any{"TransitGateways": d.TransitGateways}
		},
		[]func(io.Writer, *control.Description){attachmentTable, transitTable},
	},
	"prefix-lists": {
		func(d *control.Description) map[string]any { return map[string]any{"PrefixLists": d.PrefixLists} },
		[]func(io.Writer, *control.Description){prefixListTable, prefixListEntryTable},
	},
}

// showNetwork shows the part of a network that is asked for, or all of it but the filters, which are long.
func (a *app) showNetwork(d *control.Description, what string) error {
	if v, ok := views[what]; ok {
		return a.print(v.keys(d), func(w io.Writer) { tables(w, d, v.tables...) })
	}
	all := []func(io.Writer, *control.Description){vpcTable, subnetTable, instanceTable, endpointTable}
	if len(d.NatGateways) > 0 {
		all = append(all, natTable)
	}
	if len(d.Peerings) > 0 {
		all = append(all, peeringTable)
	}
	if len(d.TransitGateways) > 0 {
		all = append(all, attachmentTable)
	}
	return a.print(d, func(w io.Writer) { tables(w, d, append(all, allRoutes)...) })
}
