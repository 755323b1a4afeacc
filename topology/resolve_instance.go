package topology

import (
	"cmp"
	"net/netip"
	"reflect"
)

// instances resolves the VPC's instances. Addresses that the file writes are placed first, so that an automatic one
// never takes what a later line asks for.
func (b *vpcBuilder) instances() {
	b.placement = placement{owner: map[netip.Addr]string{}, next: map[*Subnet]netip.Addr{}}
	b.ipv6 = placement{owner: map[netip.Addr]string{}, next: map[*Subnet]netip.Addr{}}
	for _, name := range sortedKeys(b.spec.Instances) {
		path := b.at("instances", name)
		b.hostName(path, name)
		instance := &Instance{Name: name, ID: b.id("i", "instances", name), VPC: b.vpc}
		specs, paths := b.interfaceSpecs(path, b.spec.Instances[name])
		for i, spec := range specs {
			instance.Interfaces = append(instance.Interfaces, b.networkInterface(instance, i, paths[i], spec))
		}
		b.sameZone(instance, paths)
		b.vpc.Instances = append(b.vpc.Instances, instance)
	}
}

// placeAutomatic chooses the private addresses that the file leaves to the simulator.
func (b *vpcBuilder) placeAutomatic() {
	for _, want := range b.placement.wanted {
		b.placeNext(want)
	}
	for _, want := range b.ipv6.wanted {
		b.placeNextIPv6(want)
	}
}

// interfaceSpecs returns an instance's interfaces in whichever form they were written, with their paths.
func (b *vpcBuilder) interfaceSpecs(path string, spec InstanceSpec) (specs []InterfaceSpec, paths []string) {
	inline := !reflect.ValueOf(spec.InterfaceSpec).IsZero()
	if spec.Interfaces == nil {
		return []InterfaceSpec{spec.InterfaceSpec}, []string{path}
	}
	if inline {
		b.errorf(join(path, "interfaces"), "an instance writes the fields of its one interface directly or lists its interfaces, not both")
	} else if len(spec.Interfaces) == 0 {
		b.errorf(join(path, "interfaces"), "empty; an instance has at least one network interface")
	}
	for i := range spec.Interfaces {
		paths = append(paths, item(join(path, "interfaces"), i))
	}
	return spec.Interfaces, paths
}

// networkInterface resolves one interface but for an address the simulator is to choose.
func (b *vpcBuilder) networkInterface(of *Instance, index int, path string, spec InterfaceSpec) *NetworkInterface {
	eni := &NetworkInterface{
		ID: b.id("eni", "instances", of.Name, item("interfaces", index)), Index: index, Instance: of,
		SourceDestCheck: spec.SourceDestCheck == nil || *spec.SourceDestCheck,
		Tracking:        b.tracking(join(path, "connection_tracking"), spec.ConnectionTracking),
	}
	eni.MAC = mac(eni.ID)
	eni.Subnet = b.subnetNamed(join(path, "subnet"), spec.Subnet)
	eni.Addresses = make([]netip.Addr, 1+len(spec.SecondaryAddresses))
	b.assign(eni.Subnet, join(path, "address"), cmp.Or(spec.Address, "auto"), &eni.Addresses[0])
	for i, text := range spec.SecondaryAddresses {
		eni.Addresses[1+i] = b.placeWritten(eni.Subnet, item(join(path, "secondary_addresses"), i), text)
	}
	b.placeIPv6(eni, join(path, "ipv6_addresses"), spec.IPv6Addresses)
	b.interfaceGroups(eni, join(path, "security_groups"), spec.SecurityGroups)
	b.publicIP(join(path, "public_ip"), spec.PublicIP, func(a netip.Addr) { eni.PublicIP = a })
	return eni
}

// subnetNamed returns the subnet of the VPC that something stands in, or nil after saying what is wrong with its name.
func (b *vpcBuilder) subnetNamed(at, name string) *Subnet {
	s := b.subnet(name)
	if name == "" {
		b.errorf(at, "missing; name a subnet of %s", b.path)
	} else if s == nil {
		var names []string
		for _, s := range b.vpc.Subnets {
			names = append(names, s.Name)
		}
		b.errorf(at, "%s", b.noSuch("subnet", name, b.path, names))
	}
	return s
}

// sameZone checks that the subnets of all interfaces lie in one Availability Zone, the instance's own (using-eni).
func (b *vpcBuilder) sameZone(of *Instance, paths []string) {
	for i, eni := range of.Interfaces {
		primary := of.Interfaces[0].Subnet
		if eni.Subnet != nil && primary != nil && eni.Subnet.AZ != primary.AZ {
			b.errorf(join(paths[i], "subnet"), "subnet %s is in %s, but the instance, by its primary interface, is in %s",
				eni.Subnet.Name, eni.Subnet.AZ, primary.AZ)
		}
	}
}

// placement is which private addresses of a VPC are taken in one IP version, and who still wants one.
type placement struct {
	owner  map[netip.Addr]string  // address -> path that has it
	wanted []wantedAddress        // instances by name, then NAT gateways, then transit gateway attachments
	next   map[*Subnet]netip.Addr // where the search for a free address goes on
}

type wantedAddress struct {
	subnet *Subnet
	to     *netip.Addr
	path   string
}

// assign gives something in a subnet an address that the file writes, or the promise of one if it says auto.
func (b *vpcBuilder) assign(s *Subnet, at, text string, to *netip.Addr) {
	if text == "auto" {
		b.placement.wanted = append(b.placement.wanted, wantedAddress{s, to, at})
		return
	}
	*to = b.placeWritten(s, at, text)
}

// placeWritten takes an address that the file writes. It returns the zero Addr if it is none.
func (b *vpcBuilder) placeWritten(s *Subnet, at, text string) netip.Addr {
	a, ok := b.address(at, text)
	if !ok {
		return a
	}
	if s != nil && s.CIDR.IsValid() {
		if !s.CIDR.Contains(a) {
			b.errorf(at, "%s is outside subnet %s (%s)", a, s.Name, s.CIDR)
		} else if why := reserved(a, s.CIDR); why != "" {
			b.errorf(at, "%s is %s of subnet %s, which AWS reserves", a, why, s.Name)
		}
	}
	if before, taken := b.placement.owner[a]; taken {
		b.errorf(at, "%s is taken by %s", a, b.place(before))
		return a
	}
	b.placement.owner[a] = at
	return a
}

// placeNext fulfils a promise with the lowest free address of the subnet.
func (b *vpcBuilder) placeNext(want wantedAddress) {
	s, p := want.subnet, &b.placement
	if s == nil || !s.CIDR.IsValid() {
		return // said already
	}
	a, ok := p.next[s]
	if !ok {
		a = addAddress(s.CIDR.Addr(), firstHost)
	}
	for last := lastAddress(s.CIDR); a != last; a = a.Next() {
		if _, taken := p.owner[a]; !taken {
			p.owner[a], p.next[s] = want.path, a.Next()
			*want.to = a
			return
		}
	}
	p.next[s] = a
	b.errorf(want.path, "subnet %s (%s) has no free address left", s.Name, s.CIDR)
}

// firstHost is the offset of the first address of a subnet that a host may have (aws-semantics 8.1: subnet-sizing).
const firstHost = 4

// reserved says what a reserved address of a subnet is for (aws-semantics 8.1: subnet-sizing).
func reserved(a netip.Addr, subnet netip.Prefix) string {
	names := [firstHost]string{"the network address", "the router's address", "the DNS address", "the address for future use"}
	for i, name := range names {
		if a == addAddress(subnet.Addr(), uint64(i)) {
			return name
		}
	}
	if a == lastAddress(subnet) {
		return "the broadcast address"
	}
	return ""
}
