package topology

import (
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
		instance := &Instance{Name: name, ID: b.identify(instanceKind, name), VPC: b.vpc}
		specs, paths := b.interfaceSpecs(path, b.spec.Instances[name])
		for i, spec := range specs {
			eni := b.networkInterface(paths[i], b.interfaceID(paths[i], spec.InterfaceID, "instances", name, item("interfaces", i)), spec)
			eni.Name, eni.Instance, eni.Index, eni.Type = name, instance, i, TypeInterface
			if len(spec.SecurityGroups) == 0 {
				eni.SecurityGroups = []*SecurityGroup{b.vpc.group(defaultName)}
			}
			instance.Interfaces = append(instance.Interfaces, eni)
		}
		b.metadata(instance, path, b.spec.Instances[name].MetadataSpec)
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
