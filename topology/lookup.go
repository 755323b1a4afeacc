package topology

import (
	"net/netip"
	"slices"
)

// The lookups take what a user types: a friendly name or an id. A friendly name wins. They return nil if there is no such
// thing, or if the name alone does not tell which of several VPCs' is meant.

// VPC finds a VPC.
func (n *Network) VPC(nameOrID string) *VPC {
	return only(n.VPCs, func(v *VPC) bool { return v.Name == nameOrID }, func(v *VPC) bool { return v.ID == nameOrID })
}

// Instance finds an instance; instance names are unique in the Network.
func (n *Network) Instance(nameOrID string) *Instance {
	return only(all(n, func(v *VPC) []*Instance { return v.Instances }),
		func(i *Instance) bool { return i.Name == nameOrID }, func(i *Instance) bool { return i.ID == nameOrID })
}

// Subnet finds a subnet.
func (n *Network) Subnet(nameOrID string) *Subnet {
	return only(all(n, func(v *VPC) []*Subnet { return v.Subnets }),
		func(s *Subnet) bool { return s.Name == nameOrID }, func(s *Subnet) bool { return s.ID == nameOrID })
}

// RouteTable finds a route table.
func (n *Network) RouteTable(nameOrID string) *RouteTable {
	return only(all(n, func(v *VPC) []*RouteTable { return v.RouteTables }),
		func(t *RouteTable) bool { return t.Name == nameOrID }, func(t *RouteTable) bool { return t.ID == nameOrID })
}

// Endpoint finds a gateway endpoint.
func (n *Network) Endpoint(nameOrID string) *Endpoint {
	return only(all(n, func(v *VPC) []*Endpoint { return v.Endpoints }),
		func(e *Endpoint) bool { return e.Name == nameOrID }, func(e *Endpoint) bool { return e.ID == nameOrID })
}

// SecurityGroup finds a security group.
func (n *Network) SecurityGroup(nameOrID string) *SecurityGroup {
	return only(all(n, func(v *VPC) []*SecurityGroup { return v.SecurityGroups }),
		func(g *SecurityGroup) bool { return g.Name == nameOrID }, func(g *SecurityGroup) bool { return g.ID == nameOrID })
}

// NetworkACL finds a network ACL.
func (n *Network) NetworkACL(nameOrID string) *NetworkACL {
	return only(all(n, func(v *VPC) []*NetworkACL { return v.NetworkACLs }),
		func(a *NetworkACL) bool { return a.Name == nameOrID }, func(a *NetworkACL) bool { return a.ID == nameOrID })
}

// NATGateway finds a NAT gateway.
func (n *Network) NATGateway(nameOrID string) *NATGateway {
	return only(all(n, func(v *VPC) []*NATGateway { return v.NATGateways }),
		func(g *NATGateway) bool { return g.Name == nameOrID }, func(g *NATGateway) bool { return g.ID == nameOrID })
}

// Peering finds a VPC peering connection.
func (n *Network) Peering(nameOrID string) *Peering {
	return only(n.Peerings, func(p *Peering) bool { return p.Name == nameOrID }, func(p *Peering) bool { return p.ID == nameOrID })
}

// TransitGateway finds a transit gateway.
func (n *Network) TransitGateway(nameOrID string) *TransitGateway {
	return only(n.TransitGateways,
		func(g *TransitGateway) bool { return g.Name == nameOrID }, func(g *TransitGateway) bool { return g.ID == nameOrID })
}

// PrefixList finds a prefix list; AWS-managed ones also by the short name of their service.
func (n *Network) PrefixList(nameOrID string) *PrefixList {
	if m, ok := managed(n.Region, nameOrID); ok {
		nameOrID = m.id
	}
	return only(n.PrefixLists,
		func(l *PrefixList) bool { return l.Name == nameOrID }, func(l *PrefixList) bool { return l.ID == nameOrID })
}

// InternetHost finds a host on the internet.
func (n *Network) InternetHost(nameOrID string) *InternetHost {
	return only(n.InternetHosts,
		func(h *InternetHost) bool { return h.Name == nameOrID }, func(h *InternetHost) bool { return h.ID == nameOrID })
}

// NetworkInterface finds a network interface by its id.
func (n *Network) NetworkInterface(id string) *NetworkInterface {
	never := func(*NetworkInterface) bool { return false }
	return only(n.NetworkInterfaces(), never, func(e *NetworkInterface) bool { return e.ID == id })
}

// NetworkInterfaces returns the interfaces of all instances, by VPC, instance and index.
func (n *Network) NetworkInterfaces() []*NetworkInterface {
	var enis []*NetworkInterface
	for _, i := range all(n, func(v *VPC) []*Instance { return v.Instances }) {
		enis = append(enis, i.Interfaces...)
	}
	return enis
}

// Members returns the private addresses, IPv4 and IPv6, that a reference to a security group stands for: those of the
// interfaces in the group, by instance and index.
func (*Network) Members(g *SecurityGroup) []netip.Addr {
	var members []netip.Addr
	for _, i := range g.VPC.Instances {
		for _, eni := range i.Interfaces {
			if slices.Contains(eni.SecurityGroups, g) {
				members = append(append(members, eni.Addresses...), eni.IPv6Addresses...)
			}
		}
	}
	return members
}

// InterfacesByAddress returns the interfaces that have an address, private or public. There may be several: VPCs may use
// the same private addresses.
func (n *Network) InterfacesByAddress(a netip.Addr) []*NetworkInterface {
	return slices.DeleteFunc(n.NetworkInterfaces(), func(e *NetworkInterface) bool {
		return !a.IsValid() || e.PublicIP != a && !slices.Contains(e.Addresses, a) && !slices.Contains(e.IPv6Addresses, a)
	})
}

// all collects what every VPC has of a kind.
func all[T any](n *Network, of func(*VPC) []*T) []*T {
	var things []*T
	for _, v := range n.VPCs {
		things = append(things, of(v)...)
	}
	return things
}

// only returns the one thing that has the name, or else the id; nil if there is none or several.
func only[T any](things []*T, named, identified func(*T) bool) *T {
	for _, matches := range []func(*T) bool{named, identified} {
		var found []*T
		for _, t := range things {
			if matches(t) {
				found = append(found, t)
			}
		}
		if len(found) > 0 {
			if len(found) > 1 {
				return nil
			}
			return found[0]
		}
	}
	return nil
}
