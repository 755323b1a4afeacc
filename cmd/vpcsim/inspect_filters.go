package main

import (
	"cmp"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"vpcsim/internal/control"
)

func groupTable(w io.Writer, d *control.Description) {
	with := slices.ContainsFunc(d.SecurityGroups, func(g control.SecurityGroupView) bool {
		return slices.ContainsFunc(slices.Concat(g.Permissions, g.Egress), func(p control.PermissionView) bool { return p.CountView != nil })
	})
	row(w, append([]string{"SECURITY GROUP", "ID", "DIRECTION", "RULE", "PROTOCOL", "PORTS", "PEER"}, countedHead(with)...)...)
	for _, g := range d.SecurityGroups {
		name := inVPC(d, g.VpcID, g.GroupName)
		permission := func(direction string, p control.PermissionView) {
			cells := []string{name, g.GroupID, direction, p.RuleID, protocolText(p.IPProtocol), portsOf(p), peerOf(d, p)}
			row(w, append(cells, counted(with, p.CountView)...)...)
		}
		for _, p := range g.Permissions {
			permission("ingress", p)
		}
		for _, p := range g.Egress {
			permission("egress", p)
		}
		if len(g.Permissions)+len(g.Egress) == 0 {
			row(w, append([]string{name, g.GroupID, "", "", "", "", ""}, counted(with, nil)...)...)
		}
	}
}

// protocolText writes a protocol of a rule for people.
func protocolText(protocol string) string {
	names := map[string]string{"-1": "all", "1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}
	return cmp.Or(names[protocol], protocol)
}

func portsOf(p control.PermissionView) string {
	switch {
	case p.FromPort == nil:
		return "all"
	case p.IPProtocol == "tcp" || p.IPProtocol == "udp":
		return portsText(*p.FromPort, *p.ToPort)
	}
	return icmpText(*p.FromPort, *p.ToPort)
}

func portsText(from, to int) string {
	switch {
	case from == 0 && to == 65535:
		return "all"
	case from == to:
		return strconv.Itoa(from)
	}
	return fmt.Sprintf("%d-%d", from, to)
}

func icmpText(typ, code int) string {
	switch {
	case typ == -1:
		return "all"
	case code == -1:
		return fmt.Sprintf("type %d", typ)
	}
	return fmt.Sprintf("type %d/%d", typ, code)
}

// peerOf is the other side of a permission; groups by name.
func peerOf(d *control.Description, p control.PermissionView) string {
	var all []string
	for _, r := range p.IPRanges {
		all = append(all, r.CidrIP)
	}
	for _, r := range p.IPv6Ranges {
		all = append(all, r.CidrIPv6)
	}
	for _, l := range p.PrefixListIDs {
		all = append(all, l.PrefixListID)
	}
	for _, member := range p.Groups {
		for _, g := range d.SecurityGroups {
			if g.GroupID == member.GroupID {
				all = append(all, fmt.Sprintf("%s (%s)", g.GroupID, inVPC(d, g.VpcID, g.GroupName)))
			}
		}
	}
	return strings.Join(all, ",")
}

// aclTable shows the numbers that AWS's console shows as an asterisk as one, too.
func aclTable(w io.Writer, d *control.Description) {
	with := slices.ContainsFunc(d.NetworkAcls, func(a control.NetworkACLView) bool {
		return slices.ContainsFunc(a.Entries, func(e control.ACLEntryView) bool { return e.CountView != nil })
	})
	row(w, append([]string{"NETWORK ACL", "ID", "DIRECTION", "RULE", "PROTOCOL", "PORTS", "CIDR", "ACTION"}, countedHead(with)...)...)
	for _, a := range d.NetworkAcls {
		for _, e := range a.Entries {
			direction, number, ports := "ingress", strconv.Itoa(e.RuleNumber), "all"
			if e.Egress {
				direction = "egress"
			}
			if e.RuleNumber >= 32767 {
				number = "*"
			}
			if e.PortRange != nil {
				ports = portsText(e.PortRange.From, e.PortRange.To)
			} else if e.ICMPTypeCode != nil {
				ports = icmpText(e.ICMPTypeCode.Type, e.ICMPTypeCode.Code)
			}
			cells := []string{
				inVPC(d, a.VpcID, a.Name), a.NetworkACLID, direction, number, protocolText(e.Protocol), ports, e.CidrBlock + e.IPv6CidrBlock, e.RuleAction,
			}
			row(w, append(cells, counted(with, e.CountView)...)...)
		}
	}
}

// associationTable shows which subnet has which network ACL.
func associationTable(w io.Writer, d *control.Description) {
	row(w, "SUBNET", "NETWORK ACL")
	for _, a := range d.NetworkAcls {
		for _, s := range a.Associations {
			row(w, subnetName(d, s.SubnetID), inVPC(d, a.VpcID, a.Name))
		}
	}
}

func natTable(w io.Writer, d *control.Description) {
	row(w, "NAT GATEWAY", "ID", "SUBNET", "TYPE", "INTERFACE", "PRIVATE IP", "PUBLIC IP", "STATE")
	for _, g := range d.NatGateways {
		for _, a := range g.Addresses {
			row(w, inVPC(d, g.VpcID, g.Name), g.NatGatewayID, subnetName(d, g.SubnetID), g.ConnectivityType, a.NetworkInterfaceID, a.PrivateIP, a.PublicIP, g.State)
		}
	}
}

// metricTable shows below the NAT gateways what those of a running lab have counted, a metric per line.
func metricTable(w io.Writer, d *control.Description) {
	natTable(w, d)
	for n, g := range d.NatGateways {
		if g.Metrics == nil {
			return // of a file, all of them
		}
		if n == 0 {
			fmt.Fprintln(w)
			row(w, "NAT GATEWAY", "METRIC", "VALUE")
		}
		values := reflect.ValueOf(*g.Metrics)
		for i := range values.NumField() {
			row(w, inVPC(d, g.VpcID, g.Name), values.Type().Field(i).Name, strconv.FormatUint(values.Field(i).Uint(), 10))
		}
	}
}

func peeringTable(w io.Writer, d *control.Description) {
	row(w, "PEERING", "ID", "REQUESTER", "ACCEPTER", "STATUS")
	for _, p := range d.Peerings {
		row(w, p.Name, p.PeeringID, vpcName(d, p.Requester.VpcID), vpcName(d, p.Accepter.VpcID), p.Status.Code)
	}
}

func attachmentTable(w io.Writer, d *control.Description) {
	row(w, "TRANSIT GATEWAY", "ID", "ATTACHMENT", "ATTACHMENT ID", "VPC", "SUBNETS", "ROUTE TABLE")
	for _, g := range d.TransitGateways {
		for _, a := range g.Attachments {
			var subnets []string
			for _, id := range a.SubnetIDs {
				subnets = append(subnets, subnetName(d, id))
			}
			row(w, g.Name, g.TransitGatewayID, a.Name, a.AttachmentID, vpcName(d, a.VpcID), strings.Join(subnets, ","), a.TableID)
		}
	}
}

func transitTable(w io.Writer, d *control.Description) {
	row(w, "TRANSIT TABLE", "ID", "DESTINATION", "ATTACHMENT", "TYPE", "STATE")
	for _, g := range d.TransitGateways {
		for _, t := range g.RouteTables {
			for _, r := range t.Routes {
				row(w, t.Name, t.TableID, r.DestinationCidrBlock, r.AttachmentID, r.Type, r.State)
			}
		}
	}
}

func vpcName(d *control.Description, id string) string {
	for _, v := range d.Vpcs {
		if v.VpcID == id {
			return v.Name
		}
	}
	return id
}
