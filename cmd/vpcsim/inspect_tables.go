package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"vpcsim/internal/control"
)

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
	row(w, "VPC", "ID", "CIDR", "IPV6 CIDR", "INTERNET GATEWAY", "EGRESS-ONLY")
	for _, v := range d.Vpcs {
		cidrs := strings.Join(append([]string{v.CidrBlock}, v.SecondaryCidrs...), ",")
		row(w, v.Name, v.VpcID, cidrs, v.IPv6CidrBlock, v.InternetGatewayID, v.EgressOnlyGatewayID)
	}
}

func subnetTable(w io.Writer, d *control.Description) {
	row(w, "SUBNET", "ID", "CIDR", "IPV6 CIDR", "ZONE", "ROUTE TABLE", "NETWORK ACL")
	for _, s := range d.Subnets {
		row(w, inVPC(d, s.VpcID, s.Name), s.SubnetID, s.CidrBlock, s.IPv6CidrBlock, s.AvailabilityZone, tableName(d, s.RouteTableID), aclName(d, s.NetworkACLID))
	}
}

func instanceTable(w io.Writer, d *control.Description) {
	row(w, "INSTANCE", "INTERFACE", "SUBNET", "PRIVATE IP", "PUBLIC IP", "IPV6", "SECURITY GROUPS")
	for _, i := range d.Instances {
		for _, e := range i.NetworkInterfaces {
			interfaceRow(w, d, i.Name, e)
		}
	}
	for _, e := range d.Interfaces {
		interfaceRow(w, d, e.Name+" ("+e.InterfaceType+")", e)
	}
	for _, h := range d.InternetHosts {
		row(w, h.Name, h.HostID, "internet", "", h.IPAddress, h.IPv6Address, "")
	}
}

func interfaceRow(w io.Writer, d *control.Description, name string, e control.InterfaceView) {
	var groups []string
	for _, g := range e.Groups {
		groups = append(groups, g.GroupName)
	}
	private := strings.Join(append([]string{e.PrivateIPAddress}, e.SecondaryAddresses...), ",")
	public := strings.Trim(strings.Join(append([]string{e.PublicIP}, e.SecondaryPublicIPs...), ","), ",")
	row(w, name, e.NetworkInterfaceID, subnetName(d, e.SubnetID), private, public, strings.Join(e.IPv6Addresses, ","), strings.Join(groups, ","))
}

func endpointTable(w io.Writer, d *control.Description) {
	row(w, "ENDPOINT", "ID", "SERVICE", "PREFIX LIST", "ROUTE TABLES", "POLICY")
	for _, e := range d.VpcEndpoints {
		var tables []string
		for _, id := range e.RouteTableIDs {
			tables = append(tables, tableName(d, id))
		}
		row(w, inVPC(d, e.VpcID, e.Name), e.VpcEndpointID, e.ServiceName, e.PrefixListID, strings.Join(tables, ","), map[bool]string{true: "full access", false: "custom"}[e.FullAccess()])
	}
}

// routeTable lists the routes of one table, or of all.
func routeTable(w io.Writer, d *control.Description, only string) {
	with := slices.ContainsFunc(d.RouteTables, func(t control.RouteTableView) bool {
		return slices.ContainsFunc(t.Routes, func(r control.RouteView) bool { return r.CountView != nil })
	})
	row(w, append([]string{"ROUTE TABLE", "ID", "DESTINATION", "TARGET", "STATE"}, countedHead(with)...)...)
	for _, t := range d.RouteTables {
		if only != "" && only != t.Name && only != t.RouteTableID {
			continue
		}
		for _, r := range t.Routes {
			cells := []string{inVPC(d, t.VpcID, t.Name), t.RouteTableID, r.Destination(), r.Target(), r.State}
			row(w, append(cells, counted(with, r.CountView)...)...)
		}
	}
}

func allRoutes(w io.Writer, d *control.Description) { routeTable(w, d, "") }

func flowTable(w io.Writer, f *control.Flows) {
	row(w, "INSTANCE", "PROTOCOL", "LOCAL", "", "REMOTE", "PATH", "FAR SIDE SEES", "STATE")
	for _, v := range f.Flows {
		arrow, state := "<-", v.State
		if v.Direction == "egress" {
			arrow = "->"
		}
		switch {
		case v.Cut:
			state = "CUT"
		case v.Untracked:
			state += " untracked"
		}
		row(w, v.Instance, v.Protocol, v.Local, arrow, v.Remote, v.Path, v.SourceAtDestination, state)
	}
	if more := f.Total - len(f.Flows); more > 0 {
		fmt.Fprintf(w, "and %d more\n", more)
	}
}

func dropTable(w io.Writer, c *control.Counters) {
	fmt.Fprintf(w, "%d packets in, %d out, %d resets and %d ICMP errors sent by the router\n", c.PacketsIn, c.PacketsOut, c.Resets, c.ICMPErrors)
	if len(c.Drops) == 0 {
		fmt.Fprintln(w, "nothing was dropped")
		return
	}
	row(w, "PACKETS", "REASON", "")
	for _, d := range c.Drops {
		row(w, strconv.FormatUint(d.Packets, 10), d.Reason, d.Description)
	}
}

// inVPC is the name of a thing that is unique in its VPC only, with the VPC's where there are several.
func inVPC(d *control.Description, vpc, name string) string {
	if len(d.Vpcs) == 1 {
		return name
	}
	return vpcName(d, vpc) + "/" + name
}

func tableName(d *control.Description, id string) string {
	for _, t := range d.RouteTables {
		if t.RouteTableID == id {
			return inVPC(d, t.VpcID, t.Name)
		}
	}
	return id
}

func subnetName(d *control.Description, id string) string {
	for _, s := range d.Subnets {
		if s.SubnetID == id {
			return inVPC(d, s.VpcID, s.Name)
		}
	}
	return id
}

func aclName(d *control.Description, id string) string {
	for _, a := range d.NetworkAcls {
		if a.NetworkACLID == id {
			return inVPC(d, a.VpcID, a.Name)
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
