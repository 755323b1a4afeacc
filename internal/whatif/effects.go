package whatif

import (
	"net/netip"
	"slices"

	"vpcsim/dataplane"
	"vpcsim/dataplane/conntrack"
)

// SubnetEffect is a subnet from which some packets take another way, by its own route table or by one further on: that of a NAT
// gateway's subnet, for example.
type SubnetEffect struct {
	SubnetID     string   `json:"SubnetId"`
	Name         string   `json:"Name"`
	VpcID        string   `json:"VpcId"`
	RouteTableID string   `json:"RouteTableId"`
	Paths        []Move   `json:"Paths"` // empty where no network interface is there to send anything
	InterfaceIDs []string `json:"NetworkInterfaceIds"`
}

// Move is a class of path, before and after.
type Move struct {
	Before string `json:"PathBefore"`
	After  string `json:"PathAfter"`
}

// InterfaceEffect is a network interface whose packets to some addresses take another way.
type InterfaceEffect struct {
	NetworkInterfaceID string `json:"NetworkInterfaceId"`
	InstanceID         string `json:"InstanceId,omitempty"`
	Name               string `json:"Name"` // its own, or that of the instance
	SubnetID           string `json:"SubnetId"`
	PrivateIPAddress   string `json:"PrivateIpAddress"`
	Paths              []Move `json:"Paths"`
}

// effects finds the subnets and network interfaces whose packets to the addresses that move take another way.
func (p *Plan) effects(moved []netip.Addr) {
	instances := map[string]string{} // by id of the network interface
	for _, e := range p.before.NetworkInterfaces() {
		if e.Instance != nil {
			instances[e.ID] = e.Instance.ID
		}
	}
	bySubnet := map[string][]InterfaceEffect{}
	for _, i := range p.forecast.Interfaces() {
		paths := moves(p.forecast, i, moved)
		if paths == nil {
			continue
		}
		e := InterfaceEffect{
			NetworkInterfaceID: i.ID, InstanceID: instances[i.ID], Name: i.Name, SubnetID: i.Subnet.ID, PrivateIPAddress: i.Addrs[0].String(), Paths: paths,
		}
		p.Interfaces = append(p.Interfaces, e)
		bySubnet[i.Subnet.ID] = append(bySubnet[i.Subnet.ID], e)
	}
	for _, v := range p.before.VPCs {
		for _, s := range v.Subnets {
			there := bySubnet[s.ID]
			if there == nil && !p.moves(s.RouteTable.ID) {
				continue
			}
			out := SubnetEffect{SubnetID: s.ID, Name: p.names[s.ID], VpcID: v.ID, RouteTableID: s.RouteTable.ID, Paths: []Move{}, InterfaceIDs: []string{}}
			for _, e := range there {
				out.InterfaceIDs = append(out.InterfaceIDs, e.NetworkInterfaceID)
				out.Paths = unite(out.Paths, e.Paths...)
			}
			p.Subnets = append(p.Subnets, out)
		}
	}
}

// moves says whether a destination of the route table moves.
func (p *Plan) moves(table string) bool {
	return slices.ContainsFunc(p.RouteTables, func(t RouteTableChange) bool {
		return t.RouteTableID == table && slices.ContainsFunc(t.Routes, func(r RouteChange) bool { return r.Moves })
	})
}

// moves lists the classes of paths that packets of interface i to the addresses move between; nil if none moves.
func moves(forecast *dataplane.Forecast, i *dataplane.Interface, to []netip.Addr) (all []Move) {
	for _, a := range to {
		if was, is, moves := forecast.Moves(i, a); moves {
			all = unite(all, Move{was.String(), is.String()})
		}
	}
	return all
}

func unite(all []Move, more ...Move) []Move {
	for _, m := range more {
		if !slices.Contains(all, m) {
			all = append(all, m)
		}
	}
	return all
}

// inside says whether a path of the class ends at another network interface that this program knows.
func inside(p conntrack.Path) bool {
	switch p {
	case conntrack.PathLocal, conntrack.PathPeering, conntrack.PathTransit, conntrack.PathInterface:
		return true
	}
	return false
}
