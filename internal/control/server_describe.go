package control

import (
	"fmt"
	"net/netip"

	"vpcsim/topology"
)

// Description is a network in the words of AWS's API: the object that `vpcsim validate -o json` and `vpcsim inspect -o json`
// print. Where AWS tags a thing with a name, Name is the user's name for it. Its field names are a contract.
type Description struct {
	Name          string             `json:"Name"`
	Region        string             `json:"Region"`
	Preset        string             `json:"Preset"`
	Vpcs          []VpcView          `json:"Vpcs"`
	Subnets       []SubnetView       `json:"Subnets"`
	RouteTables   []RouteTableView   `json:"RouteTables"`
	VpcEndpoints  []EndpointView     `json:"VpcEndpoints"`
	Instances     []InstanceView     `json:"Instances"`
	PrefixLists   []PrefixListView   `json:"PrefixLists"`
	InternetHosts []InternetHostView `json:"InternetHosts"` // ours: AWS has no such thing
}

// VpcView is a VPC.
type VpcView struct {
	VpcID             string   `json:"VpcId"`
	Name              string   `json:"Name"`
	CidrBlock         string   `json:"CidrBlock"`
	SecondaryCidrs    []string `json:"SecondaryCidrBlocks,omitempty"`
	InternetGatewayID string   `json:"InternetGatewayId,omitempty"`
}

// SubnetView is a subnet, with the route table in effect.
type SubnetView struct {
	SubnetID         string `json:"SubnetId"`
	Name             string `json:"Name"`
	VpcID            string `json:"VpcId"`
	CidrBlock        string `json:"CidrBlock"`
	AvailabilityZone string `json:"AvailabilityZone"`
	RouteTableID     string `json:"RouteTableId"`
}

// RouteTableView is a route table with all its routes, the local ones first.
type RouteTableView struct {
	RouteTableID string      `json:"RouteTableId"`
	Name         string      `json:"Name"`
	VpcID        string      `json:"VpcId"`
	Main         bool        `json:"Main"`
	SubnetIDs    []string    `json:"SubnetIds"` // those it is in effect for
	Routes       []RouteView `json:"Routes"`
}

// RouteView is a route. One of the two destinations is set.
type RouteView struct {
	DestinationCidrBlock    string `json:"DestinationCidrBlock,omitempty"`
	DestinationPrefixListID string `json:"DestinationPrefixListId,omitempty"`
	GatewayID               string `json:"GatewayId"`
	State                   string `json:"State"`
	Origin                  string `json:"Origin"`
}

// EndpointView is a gateway endpoint.
type EndpointView struct {
	VpcEndpointID   string   `json:"VpcEndpointId"`
	Name            string   `json:"Name"`
	VpcEndpointType string   `json:"VpcEndpointType"`
	VpcID           string   `json:"VpcId"`
	ServiceName     string   `json:"ServiceName"`
	State           string   `json:"State"`
	PrefixListID    string   `json:"PrefixListId"`
	RouteTableIDs   []string `json:"RouteTableIds"`
}

// InstanceView is an instance.
type InstanceView struct {
	InstanceID        string          `json:"InstanceId"`
	Name              string          `json:"Name"`
	VpcID             string          `json:"VpcId"`
	NetworkInterfaces []InterfaceView `json:"NetworkInterfaces"`
}

// InterfaceView is a network interface; the first private address is the primary one.
type InterfaceView struct {
	NetworkInterfaceID string   `json:"NetworkInterfaceId"`
	SubnetID           string   `json:"SubnetId"`
	PrivateIPAddress   string   `json:"PrivateIpAddress"`
	SecondaryAddresses []string `json:"SecondaryPrivateIpAddresses,omitempty"`
	PublicIP           string   `json:"PublicIp,omitempty"`
	MacAddress         string   `json:"MacAddress"`
	SourceDestCheck    bool     `json:"SourceDestCheck"`
}

// PrefixListView is a prefix list.
type PrefixListView struct {
	PrefixListID   string   `json:"PrefixListId"`
	PrefixListName string   `json:"PrefixListName"`
	OwnerID        string   `json:"OwnerId"` // AWS, or self
	Cidrs          []string `json:"Cidrs"`
}

// InternetHostView is a host on the internet.
type InternetHostView struct {
	HostID    string `json:"HostId"`
	Name      string `json:"Name"`
	IPAddress string `json:"IpAddress"`
}

// Describe puts a network into AWS's words. Lists are never null.
func Describe(n *topology.Network) *Description {
	d := &Description{
		Name: n.Name, Region: n.Region, Preset: string(n.Preset), Vpcs: []VpcView{}, Subnets: []SubnetView{}, RouteTables: []RouteTableView{},
		VpcEndpoints: []EndpointView{}, Instances: []InstanceView{}, PrefixLists: []PrefixListView{}, InternetHosts: []InternetHostView{},
	}
	if d.Preset == "" {
		d.Preset = string(topology.Current)
	}
	for _, v := range n.VPCs {
		d.vpc(v)
	}
	for _, l := range n.PrefixLists {
		owner := "self"
		if l.AWSManaged {
			owner = "AWS"
		}
		d.PrefixLists = append(d.PrefixLists, PrefixListView{PrefixListID: l.ID, PrefixListName: l.Name, OwnerID: owner, Cidrs: words(l.Entries)})
	}
	for _, h := range n.InternetHosts {
		d.InternetHosts = append(d.InternetHosts, InternetHostView{HostID: h.ID, Name: h.Name, IPAddress: h.Address.String()})
	}
	return d
}

func (d *Description) vpc(v *topology.VPC) {
	view := VpcView{VpcID: v.ID, Name: v.Name, CidrBlock: v.CIDRs[0].String(), SecondaryCidrs: words(v.CIDRs[1:])}
	if v.InternetGateway != nil {
		view.InternetGatewayID = v.InternetGateway.ID
	}
	d.Vpcs = append(d.Vpcs, view)
	for _, s := range v.Subnets {
		d.Subnets = append(d.Subnets, SubnetView{
			SubnetID: s.ID, Name: s.Name, VpcID: v.ID, CidrBlock: s.CIDR.String(), AvailabilityZone: s.AZ, RouteTableID: s.RouteTable.ID,
		})
	}
	for _, t := range v.RouteTables {
		d.RouteTables = append(d.RouteTables, describeTable(t))
	}
	for _, e := range v.Endpoints {
		view := EndpointView{
			VpcEndpointID: e.ID, Name: e.Name, VpcEndpointType: "Gateway", VpcID: v.ID, ServiceName: e.ServiceName,
			State: "available", PrefixListID: e.PrefixList.ID, RouteTableIDs: []string{},
		}
		for _, t := range e.RouteTables {
			view.RouteTableIDs = append(view.RouteTableIDs, t.ID)
		}
		d.VpcEndpoints = append(d.VpcEndpoints, view)
	}
	for _, i := range v.Instances {
		d.Instances = append(d.Instances, describeInstance(i))
	}
}

func describeTable(t *topology.RouteTable) RouteTableView {
	view := RouteTableView{RouteTableID: t.ID, Name: t.Name, VpcID: t.VPC.ID, Main: t.Main, SubnetIDs: []string{}, Routes: []RouteView{}}
	for _, s := range t.VPC.Subnets {
		if s.RouteTable == t {
			view.SubnetIDs = append(view.SubnetIDs, s.ID)
		}
	}
	for _, cidr := range t.VPC.CIDRs {
		view.Routes = append(view.Routes, RouteView{
			DestinationCidrBlock: cidr.String(), GatewayID: "local", State: string(topology.RouteActive), Origin: "CreateRouteTable",
		})
	}
	for _, r := range t.Routes {
		route := RouteView{GatewayID: r.Target, State: string(r.State), Origin: "CreateRoute"}
		if r.PrefixList != nil {
			route.DestinationPrefixListID = r.PrefixList.ID
		} else {
			route.DestinationCidrBlock = r.Destination.String()
		}
		view.Routes = append(view.Routes, route)
	}
	return view
}

func describeInstance(i *topology.Instance) InstanceView {
	view := InstanceView{InstanceID: i.ID, Name: i.Name, VpcID: i.VPC.ID}
	for _, e := range i.Interfaces {
		eni := InterfaceView{
			NetworkInterfaceID: e.ID, SubnetID: e.Subnet.ID, PrivateIPAddress: e.Addresses[0].String(),
			SecondaryAddresses: words(e.Addresses[1:]), PublicIP: addrText(e.PublicIP), SourceDestCheck: e.SourceDestCheck,
			MacAddress: fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", e.MAC[0], e.MAC[1], e.MAC[2], e.MAC[3], e.MAC[4], e.MAC[5]),
		}
		view.NetworkInterfaces = append(view.NetworkInterfaces, eni)
	}
	return view
}

// words writes addresses or prefixes as text.
func words[T netip.Addr | netip.Prefix](values []T) []string {
	all := make([]string, 0, len(values))
	for _, v := range values {
		all = append(all, fmt.Sprint(v))
	}
	return all
}
