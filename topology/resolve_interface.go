package topology

import (
	"cmp"
	"net/netip"
)

// networkInterfaces resolves the VPC's network interfaces without an instance. One that names no security group is in the
// default one, as at AWS; some, a network load balancer's for example, are in none at all, which is said with an empty list.
func (b *vpcBuilder) networkInterfaces() {
	for _, name := range sortedKeys(b.spec.NetworkInterfaces) {
		path, spec := b.at("network_interfaces", name), b.spec.NetworkInterfaces[name]
		id := b.resolver.identify(path, "interface_id", interfaceIdentity(b.vpc.Name, name, spec))
		eni := b.networkInterface(path, id, spec.InterfaceSpec)
		eni.Name, eni.Type, eni.Description = name, cmp.Or(spec.Type, TypeInterface), spec.Description
		if spec.SecurityGroups == nil {
			eni.SecurityGroups = []*SecurityGroup{b.vpc.group(defaultName)}
		}
		b.vpc.NetworkInterfaces = append(b.vpc.NetworkInterfaces, eni)
	}
}

func interfaceIdentity(vpc, name string, e NetworkInterfaceSpec) identity {
	return identity{"eni", name, e.InterfaceID, idPath("vpcs", vpc, "network_interfaces", name)}
}

// networkInterface resolves what all interfaces have, but for an address the simulator is to choose.
func (b *vpcBuilder) networkInterface(path, id string, spec InterfaceSpec) *NetworkInterface {
	eni := &NetworkInterface{
		ID: id, MAC: mac(id),
		SourceDestCheck: spec.SourceDestCheck == nil || *spec.SourceDestCheck,
		Tracking:        b.tracking(join(path, "connection_tracking"), spec.ConnectionTracking),
	}
	eni.Subnet = b.subnetNamed(join(path, "subnet"), spec.Subnet)
	eni.Addresses = make([]netip.Addr, 1+len(spec.SecondaryAddresses))
	b.assign(eni.Subnet, join(path, "address"), cmp.Or(spec.Address, "auto"), &eni.Addresses[0])
	for i, text := range spec.SecondaryAddresses {
		eni.Addresses[1+i] = b.placeWritten(eni.Subnet, item(join(path, "secondary_addresses"), i), text)
	}
	b.placeIPv6(eni, join(path, "ipv6_addresses"), spec.IPv6Addresses)
	b.interfaceGroups(eni, join(path, "security_groups"), spec.SecurityGroups)
	b.publicIPs(eni, path, spec)
	return eni
}

// publicIPs gives the private addresses of an interface their public ones.
func (b *vpcBuilder) publicIPs(eni *NetworkInterface, path string, spec InterfaceSpec) {
	eni.PublicIPs = make([]netip.Addr, len(eni.Addresses))
	b.publicIP(join(path, "public_ip"), spec.PublicIP, func(a netip.Addr) { eni.PublicIPs[0] = a })
	at := join(path, "secondary_public_ips")
	if n := len(spec.SecondaryPublicIPs); n > len(spec.SecondaryAddresses) {
		b.errorf(at, "%d for %d secondary_addresses; none is for one without", n, len(spec.SecondaryAddresses))
		return
	}
	for i, text := range spec.SecondaryPublicIPs {
		if text != "none" {
			b.publicIP(item(at, i), text, func(a netip.Addr) { eni.PublicIPs[1+i] = a })
		}
	}
}
