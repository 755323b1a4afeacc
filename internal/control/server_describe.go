package control

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"vpcsim/topology"
)

// Describe puts a network into AWS's words. Lists are never null.
func Describe(n *topology.Network) *Description {
	d := &Description{
		Name: n.Name, Region: n.Region, Preset: string(cmp.Or(n.Preset, topology.Current)),
		Vpcs: []VpcView{}, Subnets: []SubnetView{}, RouteTables: []RouteTableView{}, VpcEndpoints: []EndpointView{},
		NatGateways: []NATGatewayView{}, Peerings: []PeeringView{}, TransitGateways: []TransitGatewayView{},
		SecurityGroups: []SecurityGroupView{}, NetworkAcls: []NetworkACLView{},
		Instances: []InstanceView{}, Interfaces: []InterfaceView{}, PrefixLists: []PrefixListView{}, InternetHosts: []InternetHostView{},
	}
	for _, v := range n.VPCs {
		d.vpc(v)
		d.filters(v)
	}
	d.between(n)
	for _, l := range n.PrefixLists {
		d.PrefixLists = append(d.PrefixLists, describeList(l))
	}
	for _, h := range n.InternetHosts {
		d.InternetHosts = append(d.InternetHosts, InternetHostView{
			HostID: h.ID, Name: h.Name, IPAddress: h.Address.String(), IPv6Address: addrText(h.IPv6Address),
		})
	}
	return d
}

func (d *Description) vpc(v *topology.VPC) {
	view := VpcView{
		VpcID: v.ID, Name: v.Name, CidrBlock: v.CIDRs[0].String(), SecondaryCidrs: words(v.CIDRs[1:]), IPv6CidrBlock: prefixText(v.IPv6CIDR),
	}
	if v.InternetGateway != nil {
		view.InternetGatewayID = v.InternetGateway.ID
	}
	if v.EgressOnly != nil {
		view.EgressOnlyGatewayID = v.EgressOnly.ID
	}
	d.Vpcs = append(d.Vpcs, view)
	for _, s := range v.Subnets {
		d.Subnets = append(d.Subnets, SubnetView{
			SubnetID: s.ID, Name: s.Name, VpcID: v.ID, CidrBlock: s.CIDR.String(), IPv6CidrBlock: prefixText(s.IPv6CIDR),
			AvailabilityZone: s.AZ, RouteTableID: s.RouteTable.ID, NetworkACLID: s.ACL.ID,
		})
	}
	for _, t := range v.RouteTables {
		d.RouteTables = append(d.RouteTables, describeTable(t))
	}
	for _, e := range v.Endpoints {
		d.VpcEndpoints = append(d.VpcEndpoints, describeEndpoint(e))
	}
	for _, g := range v.NATGateways {
		d.NatGateways = append(d.NatGateways, describeNAT(g))
	}
	for _, i := range v.Instances {
		d.Instances = append(d.Instances, describeInstance(i))
	}
	for _, e := range v.NetworkInterfaces {
		d.Interfaces = append(d.Interfaces, describeInterface(e))
	}
}

func describeTable(t *topology.RouteTable) RouteTableView {
	view := RouteTableView{RouteTableID: t.ID, Name: t.Name, VpcID: t.VPC.ID, Main: t.Main, SubnetIDs: []string{}, Routes: []RouteView{}}
	for _, s := range t.VPC.Subnets {
		if s.RouteTable == t {
			view.SubnetIDs = append(view.SubnetIDs, s.ID)
		}
	}
	if t.Edge {
		view.GatewayID = t.VPC.InternetGateway.ID
	}
	locals := slices.Clone(t.VPC.CIDRs)
	if t.VPC.IPv6CIDR.IsValid() {
		locals = append(locals, t.VPC.IPv6CIDR)
	}
	for _, cidr := range locals {
		local := RouteView{GatewayID: "local", State: string(topology.RouteActive), Origin: "CreateRouteTable"}
		local.to(cidr)
		replaced := func(r *topology.Route) bool { return !r.Propagated && r.Destination == cidr }
		if n := slices.IndexFunc(t.Routes, replaced); n >= 0 {
			local = describeRoute(t.Routes[n], "CreateRouteTable")
		}
		view.Routes = append(view.Routes, local)
	}
	for _, r := range t.Routes {
		switch {
		case r.Propagated:
			view.Routes = append(view.Routes, describeRoute(r, "EnableVgwRoutePropagation"))
		case !slices.Contains(locals, r.Destination):
			view.Routes = append(view.Routes, describeRoute(r, "CreateRoute"))
		}
	}
	return view
}

// to sets the destination.
func (r *RouteView) to(cidr netip.Prefix) {
	if cidr.Addr().Is4() {
		r.DestinationCidrBlock = cidr.String()
	} else {
		r.DestinationIPv6CidrBlock = cidr.String()
	}
}

func describeRoute(r *topology.Route, origin string) RouteView {
	view := RouteView{State: string(r.State), Origin: origin}
	if r.PrefixList != nil {
		view.DestinationPrefixListID = r.PrefixList.ID
	} else {
		view.to(r.Destination)
	}
	switch {
	case r.NATGateway != nil:
		view.NatGatewayID = r.NATGateway.ID
	case r.NetworkInterface != nil:
		view.NetworkInterfaceID = r.NetworkInterface.ID
	case r.Peering != nil:
		view.PeeringID = r.Peering.ID
	case r.TransitGateway != nil:
		view.TransitGatewayID = r.TransitGateway.ID
	case r.EgressOnly != nil:
		view.EgressOnlyGatewayID = r.EgressOnly.ID
	default:
		view.GatewayID = r.Target
	}
	return view
}

func describeList(l *topology.PrefixList) PrefixListView {
	view := PrefixListView{
		PrefixListID: l.ID, PrefixListName: l.Name, AddressFamily: "IPv4", OwnerID: "AWS", State: string(l.State), Version: l.Version, Cidrs: words(l.Entries),
	}
	if l.IPv6 {
		view.AddressFamily = "IPv6"
	}
	if !l.AWSManaged {
		view.OwnerID, view.MaxEntries = "self", l.Weight
	}
	return view
}

func describeInstance(i *topology.Instance) InstanceView {
	view := InstanceView{InstanceID: i.ID, Name: i.Name, VpcID: i.VPC.ID}
	for _, e := range i.Interfaces {
		view.NetworkInterfaces = append(view.NetworkInterfaces, describeInterface(e))
	}
	return view
}

func describeInterface(e *topology.NetworkInterface) InterfaceView {
	view := InterfaceView{
		NetworkInterfaceID: e.ID, InterfaceType: e.Type, Description: e.Description,
		SubnetID: e.Subnet.ID, PrivateIPAddress: e.Addresses[0].String(),
		SecondaryAddresses: words(e.Addresses[1:]), IPv6Addresses: words(e.IPv6Addresses), PublicIP: addrText(e.PublicIP()),
		SecondaryPublicIPs: further(e.PublicIPs),
		SourceDestCheck:    e.SourceDestCheck, Groups: []GroupRefView{},
		MacAddress: fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", e.MAC[0], e.MAC[1], e.MAC[2], e.MAC[3], e.MAC[4], e.MAC[5]),
	}
	if e.Instance == nil {
		view.Name = e.Name
	}
	for _, g := range e.SecurityGroups {
		view.Groups = append(view.Groups, GroupRefView{GroupID: g.ID, GroupName: g.Name})
	}
	return view
}

// further writes the public addresses of the secondary private ones, with nothing where there is none; nil if none has one.
func further(all []netip.Addr) (texts []string) {
	if !slices.ContainsFunc(all[1:], netip.Addr.IsValid) {
		return nil
	}
	for _, a := range all[1:] {
		texts = append(texts, addrText(a))
	}
	return texts
}

// words writes addresses or prefixes as text.
func words[T netip.Addr | netip.Prefix](values []T) []string {
	all := make([]string, 0, len(values))
	for _, v := range values {
		all = append(all, fmt.Sprint(v))
	}
	return all
}

// prefixText is a prefix as text; empty if there is none.
func prefixText(p netip.Prefix) string {
	if !p.IsValid() {
		return ""
	}
	return p.String()
}
