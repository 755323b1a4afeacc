package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vpcsim/internal/control"
)

// askLimit is how long a lab may take to answer.
const askLimit = 30 * time.Second

var inspectable = []string{"vpcs", "routes", "endpoints", "flows", "drops"}

func (a *app) inspect() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use: "inspect [" + strings.Join(inspectable, "|") + "]", Short: "the state of a running lab", Args: cobra.MaximumNArgs(1), ValidArgs: inspectable,
		RunE: func(cmd *cobra.Command, args []string) error {
			what := argOr(args, "")
			if err := inspectError(what); err != nil {
				return err
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
	return cmd
}

func inspectError(what string) error {
	switch what {
	case "", "vpcs", "routes", "endpoints", "flows", "drops":
		return nil
	case "sg", "acl", "nat":
		names := map[string]string{"sg": "security groups", "acl": "network ACLs", "nat": "NAT gateways"}
		return usage("inspect %s: %s are not simulated by this version", what, names[what])
	}
	return usage("inspect %s: must be one of %s", what, strings.Join(inspectable, ", "))
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
	}
	d, err := client.Describe(ctx)
	if err != nil {
		return err
	}
	return a.showNetwork(d, what)
}

// showNetwork shows the part of a network that is asked for, or all of it.
func (a *app) showNetwork(d *control.Description, what string) error {
	switch what {
	case "vpcs":
		value := map[string]any{"Vpcs": d.Vpcs, "Subnets": d.Subnets, "Instances": d.Instances}
		return a.print(value, func(w io.Writer) { tables(w, d, vpcTable, subnetTable, instanceTable) })
	case "routes":
		return a.print(map[string]any{"RouteTables": d.RouteTables}, func(w io.Writer) { routeTable(w, d, "") })
	case "endpoints":
		return a.print(map[string]any{"VpcEndpoints": d.VpcEndpoints}, func(w io.Writer) { endpointTable(w, d) })
	}
	routes := func(w io.Writer, d *control.Description) { routeTable(w, d, "") }
	return a.print(d, func(w io.Writer) { tables(w, d, vpcTable, subnetTable, instanceTable, endpointTable, routes) })
}

// tables writes several tables with empty lines in between.
func tables(w io.Writer, d *control.Description, all ...func(io.Writer, *control.Description)) {
	for i, table := range all {
		if i > 0 {
			fmt.Fprintln(w)
		}
		table(w, d)
	}
}

func vpcTable(w io.Writer, d *control.Description) {
	row(w, "VPC", "ID", "CIDR", "INTERNET GATEWAY")
	for _, v := range d.Vpcs {
		row(w, v.Name, v.VpcID, strings.Join(append([]string{v.CidrBlock}, v.SecondaryCidrs...), ","), v.InternetGatewayID)
	}
}

func subnetTable(w io.Writer, d *control.Description) {
	row(w, "SUBNET", "ID", "CIDR", "ZONE", "ROUTE TABLE")
	for _, s := range d.Subnets {
		row(w, s.Name, s.SubnetID, s.CidrBlock, s.AvailabilityZone, tableName(d, s.RouteTableID))
	}
}

func instanceTable(w io.Writer, d *control.Description) {
	row(w, "INSTANCE", "INTERFACE", "SUBNET", "PRIVATE IP", "PUBLIC IP")
	for _, i := range d.Instances {
		for _, e := range i.NetworkInterfaces {
			row(w, i.Name, e.NetworkInterfaceID, subnetName(d, e.SubnetID), strings.Join(append([]string{e.PrivateIPAddress}, e.SecondaryAddresses...), ","), e.PublicIP)
		}
	}
	for _, h := range d.InternetHosts {
		row(w, h.Name, h.HostID, "internet", "", h.IPAddress)
	}
}

func endpointTable(w io.Writer, d *control.Description) {
	row(w, "ENDPOINT", "ID", "SERVICE", "PREFIX LIST", "ROUTE TABLES")
	for _, e := range d.VpcEndpoints {
		var tables []string
		for _, id := range e.RouteTableIDs {
			tables = append(tables, tableName(d, id))
		}
		row(w, e.Name, e.VpcEndpointID, e.ServiceName, e.PrefixListID, strings.Join(tables, ","))
	}
}

// routeTable lists the routes of one table, or of all.
func routeTable(w io.Writer, d *control.Description, only string) {
	row(w, "ROUTE TABLE", "ID", "DESTINATION", "TARGET", "STATE")
	for _, t := range d.RouteTables {
		if only != "" && only != t.Name && only != t.RouteTableID {
			continue
		}
		for _, r := range t.Routes {
			row(w, t.Name, t.RouteTableID, r.DestinationCidrBlock+r.DestinationPrefixListID, r.GatewayID, r.State)
		}
	}
}

func flowTable(w io.Writer, f *control.Flows) {
	row(w, "INSTANCE", "PROTOCOL", "LOCAL", "", "REMOTE", "PATH", "FAR SIDE SEES", "STATE")
	for _, v := range f.Flows {
		arrow, state := "<-", v.State
		if v.Direction == "egress" {
			arrow = "->"
		}
		if v.Cut {
			state = "CUT"
		}
		row(w, v.Instance, v.Protocol, v.Local, arrow, v.Remote, v.Path, v.SourceAtDestination, state)
	}
	if more := f.Total - len(f.Flows); more > 0 {
		fmt.Fprintf(w, "and %d more\n", more)
	}
}

func dropTable(w io.Writer, c *control.Counters) {
	fmt.Fprintf(w, "%d packets in, %d out, %d resets sent by the router\n", c.PacketsIn, c.PacketsOut, c.Resets)
	if len(c.Drops) == 0 {
		fmt.Fprintln(w, "nothing was dropped")
		return
	}
	row(w, "PACKETS", "REASON", "")
	for _, d := range c.Drops {
		row(w, strconv.FormatUint(d.Packets, 10), d.Reason, d.Description)
	}
}

func tableName(d *control.Description, id string) string {
	for _, t := range d.RouteTables {
		if t.RouteTableID == id {
			return t.Name
		}
	}
	return id
}

func subnetName(d *control.Description, id string) string {
	for _, s := range d.Subnets {
		if s.SubnetID == id {
			return s.Name
		}
	}
	return id
}

func anyInstance(d *control.Description) string {
	if len(d.Instances) == 0 {
		return "INSTANCE"
	}
	return d.Instances[0].Name
}
