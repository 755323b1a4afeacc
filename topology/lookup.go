package topology

import (
	"net/netip"
	"slices"
)

// The lookups take what a user types: a friendly name or an id. A friendly name wins. They return nil if there is no such
// thing, or if the name alone does not tell which of several VPCs' is meant.

// VPC finds a VPC.
func (n *Network) VPC(nameOrID string) *VPC { return n.index.vpcs.find(nameOrID) }

// Instance finds an instance; instance names are unique in the Network.
func (n *Network) Instance(nameOrID string) *Instance { return n.index.instances.find(nameOrID) }

// Subnet finds a subnet.
func (n *Network) Subnet(nameOrID string) *Subnet { return n.index.subnets.find(nameOrID) }

// RouteTable finds a route table.
func (n *Network) RouteTable(nameOrID string) *RouteTable { return n.index.tables.find(nameOrID) }

// Endpoint finds a gateway endpoint.
func (n *Network) Endpoint(nameOrID string) *Endpoint { return n.index.endpoints.find(nameOrID) }

// SecurityGroup finds a security group.
func (n *Network) SecurityGroup(nameOrID string) *SecurityGroup { return n.index.groups.find(nameOrID) }

// NetworkACL finds a network ACL.
func (n *Network) NetworkACL(nameOrID string) *NetworkACL { return n.index.acls.find(nameOrID) }

// NATGateway finds a NAT gateway.
func (n *Network) NATGateway(nameOrID string) *NATGateway { return n.index.nats.find(nameOrID) }

// Peering finds a VPC peering connection.
func (n *Network) Peering(nameOrID string) *Peering { return n.index.peerings.find(nameOrID) }

// TransitGateway finds a transit gateway.
func (n *Network) TransitGateway(nameOrID string) *TransitGateway {
	return n.index.transits.find(nameOrID)
}

// PrefixList finds a prefix list; AWS-managed ones of the file's region also by the short name of their service, and by an id
// that other regions' lists may have, too.
func (n *Network) PrefixList(nameOrID string) *PrefixList {
	if m, ok := managed(n.Region, nameOrID); ok {
		nameOrID = m.name()
	}
	return n.index.lists.find(nameOrID)
}

// InternetHost finds a host on the internet.
func (n *Network) InternetHost(nameOrID string) *InternetHost { return n.index.hosts.find(nameOrID) }

// NetworkInterface finds a network interface by its id, or by its name if it has no instance.
func (n *Network) NetworkInterface(nameOrID string) *NetworkInterface {
	return n.index.interfaces.find(nameOrID)
}

// NetworkInterfaces returns the interfaces of all VPCs: of each those of its instances, by instance and index, then those without
// one by name.
func (n *Network) NetworkInterfaces() []*NetworkInterface { return all(n, (*VPC).AllInterfaces) }

// AllInterfaces returns the VPC's network interfaces: those of its instances, by instance and index, then those without one by
// name.
func (v *VPC) AllInterfaces() []*NetworkInterface {
	var enis []*NetworkInterface
	for _, i := range v.Instances {
		enis = append(enis, i.Interfaces...)
	}
	return append(enis, v.NetworkInterfaces...)
}

// Members returns the private addresses, IPv4 and IPv6, that a reference to a security group stands for: those of the
// interfaces in the group, in the order of [VPC.AllInterfaces].
func (n *Network) Members(g *SecurityGroup) []netip.Addr { return slices.Clone(n.index.members[g]) }

// InterfacesByAddress returns the interfaces that have an address, private or public. There may be several: VPCs may use
// the same private addresses.
func (n *Network) InterfacesByAddress(a netip.Addr) []*NetworkInterface {
	return slices.Clone(n.index.byAddress[a])
}

// all collects what every VPC has of a kind.
func all[T any](n *Network, of func(*VPC) []T) []T {
	var things []T
	for _, v := range n.VPCs {
		things = append(things, of(v)...)
	}
	return things
}
