package topology

import (
	"net/netip"
	"reflect"
)

// instances resolves the VPC's instances. Addresses that the file writes are placed first, so that an automatic one
// never takes what a later line asks for.
func (b *vpcBuilder) instances() {
	p := placement{owner: map[netip.Addr]string{}, next: map[*Subnet]netip.Addr{}}
	for _, name := range sortedKeys(b.spec.Instances) {
		path := b.at("instances", name)
		b.hostName(path, name)
		instance := &Instance{Name: name, ID: b.id("i", "instances", name), VPC: b.vpc}
		specs, paths := b.interfaceSpecs(path, b.spec.Instances[name])
		for i, spec := range specs {
			instance.Interfaces = append(instance.Interfaces, b.networkInterface(instance, i, paths[i], spec, &p))
		}
		b.sameZone(instance, paths)
		b.vpc.Instances = append(b.vpc.Instances, instance)
	}
	for _, want := range p.wanted {
		b.placeNext(want, &p)
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
func (b *vpcBuilder) networkInterface(of *Instance, index int, path string, spec InterfaceSpec, p *placement) *NetworkInterface {
	eni := &NetworkInterface{
		ID: b.id("eni", "instances", of.Name, item("interfaces", index)), Index: index, Instance: of, SourceDestCheck: true,
	}
	eni.MAC = mac(eni.ID)
	if eni.Subnet = b.subnet(spec.Subnet); spec.Subnet == "" {
		b.errorf(join(path, "subnet"), "missing; name a subnet of %s", b.path)
	} else if eni.Subnet == nil {
		var names []string
		for _, s := range b.vpc.Subnets {
			names = append(names, s.Name)
		}
		b.errorf(join(path, "subnet"), "%s", b.noSuch("subnet", spec.Subnet, b.path, names))
	}
	if spec.Address != "" {
		b.placeWritten(eni, join(path, "address"), spec.Address, p)
	} else {
		eni.Addresses = []netip.Addr{{}}
		p.wanted = append(p.wanted, wantedAddress{eni, join(path, "address")})
	}
	for i, text := range spec.SecondaryAddresses {
		b.placeWritten(eni, item(join(path, "secondary_addresses"), i), text, p)
	}
	b.publicIP(eni, join(path, "public_ip"), spec.PublicIP)
	return eni
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

// placement is which private addresses of a VPC are taken, and which interfaces still want one.
type placement struct {
	owner  map[netip.Addr]string  // address -> path that has it
	wanted []wantedAddress        // in name order
	next   map[*Subnet]netip.Addr // where the search for a free address goes on
}

type wantedAddress struct {
	eni  *NetworkInterface
	path string
}

// placeWritten gives an interface an address that the file writes.
func (b *vpcBuilder) placeWritten(eni *NetworkInterface, at, text string, p *placement) {
	a, ok := b.address(at, text)
	eni.Addresses = append(eni.Addresses, a)
	if !ok {
		return
	}
	if s := eni.Subnet; s != nil && s.CIDR.IsValid() {
		if !s.CIDR.Contains(a) {
			b.errorf(at, "%s is outside subnet %s (%s)", a, s.Name, s.CIDR)
		} else if why := reserved(a, s.CIDR); why != "" {
			b.errorf(at, "%s is %s of subnet %s, which AWS reserves", a, why, s.Name)
		}
	}
	if before, taken := p.owner[a]; taken {
		b.errorf(at, "%s is taken by %s", a, b.place(before))
		return
	}
	p.owner[a] = at
}

// placeNext gives an interface the lowest free address of its subnet.
func (b *vpcBuilder) placeNext(want wantedAddress, p *placement) {
	s := want.eni.Subnet
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
			want.eni.Addresses[0] = a
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
