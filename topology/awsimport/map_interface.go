package awsimport

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"vpcsim/topology"
)

// instances says what the instances of a VPC are.
func (m *mapper) instances(v *vpc) {
	if len(v.instances) > 0 {
		v.spec.Instances = map[string]topology.InstanceSpec{}
	}
	for _, id := range v.instances {
		m.fates.used("Instances", id)
		name := m.names.of(id)
		spec := topology.InstanceSpec{ID: unless(name, id)}
		for _, eni := range m.interfacesOf[id] {
			spec.Interfaces = append(spec.Interfaces, m.networkInterface(v, eni))
		}
		if len(spec.Interfaces) == 1 {
			spec.InterfaceSpec, spec.Interfaces = spec.Interfaces[0], nil
		}
		v.spec.Instances[name] = spec
	}
}

// networkInterfaces says what the network interfaces of a VPC are that no running instance has.
func (m *mapper) networkInterfaces(v *vpc) {
	if len(v.enis) > 0 {
		v.spec.NetworkInterfaces = map[string]topology.NetworkInterfaceSpec{}
	}
	for _, id := range v.enis {
		e := m.dump.interfaces.get(id)
		name := m.names.of(id)
		spec := topology.NetworkInterfaceSpec{InterfaceSpec: m.networkInterface(v, id), Description: e.Description}
		spec.InterfaceID = unless(name, id)
		if e.InterfaceType != "interface" {
			spec.Type = e.InterfaceType
		}
		v.spec.NetworkInterfaces[name] = spec
		m.nobodyAnswers(id, e)
	}
}

// nobodyAnswers warns that what is behind an interface is not simulated. Of interface endpoints that is said of the endpoint.
func (m *mapper) nobodyAnswers(id string, e *NetworkInterface) {
	kind := cmp.Or(e.InterfaceType, "interface")
	what := "a network interface of type " + kind
	switch i := m.dump.instances.get(e.Attachment.InstanceId); {
	case kind == "vpc_endpoint":
		m.fates.approximated("NetworkInterfaces", id, "answers on TCP port 443 alone")
		return
	case i != nil && m.interfacesOf[e.Attachment.InstanceId] != nil:
		what += ", of instance " + e.Attachment.InstanceId + ", which is in another VPC"
	case i != nil:
		m.fates.approximated("NetworkInterfaces", id, "its instance does not run")
		return // said of the instance
	case e.Attachment.InstanceId != "":
		what += ", of instance " + e.Attachment.InstanceId + ", which is not in the dump"
	case e.Status == "available":
		what += ", attached to nothing"
	}
	if e.Description != "" {
		what += " (" + e.Description + ")"
	}
	m.fates.approximated("NetworkInterfaces", id, "what is behind it is not simulated: "+kind)
	m.warn(m.dump.interfaces.place(id), id, e.TagSet, what+": packets are delivered to it, and nobody is known to answer")
}

// networkInterface says what a network interface has.
func (m *mapper) networkInterface(v *vpc, id string) topology.InterfaceSpec {
	e := m.dump.interfaces.get(id)
	m.fates.used("NetworkInterfaces", id)
	spec := topology.InterfaceSpec{InterfaceID: written(id), Subnet: m.names.of(e.SubnetId), Address: explicit(primary(e))}
	if e.SourceDestCheck != nil && !*e.SourceDestCheck {
		spec.SourceDestCheck = e.SourceDestCheck
	}
	m.publicIPs(&spec, id, e)
	for _, a := range e.Ipv6Addresses {
		address, err := netip.ParseAddr(a.Ipv6Address)
		if six := v.spec.Subnets[spec.Subnet].IPv6CIDR; err == nil && contains(six, address) { // else it went with its subnet's CIDR
			spec.IPv6Addresses = append(spec.IPv6Addresses, a.Ipv6Address)
		}
	}
	slices.Sort(spec.IPv6Addresses)
	if n := len(e.Ipv4Prefixes) + len(e.Ipv6Prefixes); n > 0 {
		m.fates.approximated("NetworkInterfaces", id, "prefixes that are left out")
		m.warn(m.dump.interfaces.place(id), id, e.TagSet, "it has "+plural(n, "delegated prefix")+": left out, and no packet reaches or leaves addresses in it")
	}
	spec.SecurityGroups = m.groupsOf(v, id, e)
	return spec
}

// publicIPs says which secondary addresses a network interface has, and which public ones all have.
func (m *mapper) publicIPs(spec *topology.InterfaceSpec, id string, e *NetworkInterface) {
	all := slices.Clone(e.PrivateIpAddresses)
	slices.SortFunc(all, func(a, b PrivateAddress) int { return strings.Compare(a.PrivateIpAddress, b.PrivateIpAddress) })
	of := func(ip string) string {
		return m.public("NetworkInterfaces", id, m.dump.interfaces.place(id), e.TagSet, ip)
	}
	primaryIP, public := e.Association.PublicIp, false
	for _, a := range all {
		switch {
		case a.PrivateIpAddress == primary(e):
			primaryIP = cmp.Or(a.Association.PublicIp, primaryIP)
		case a.PrivateIpAddress != "":
			ip := of(a.Association.PublicIp)
			spec.SecondaryAddresses = append(spec.SecondaryAddresses, a.PrivateIpAddress)
			spec.SecondaryPublicIPs = append(spec.SecondaryPublicIPs, cmp.Or(ip, "none"))
			public = public || ip != ""
		}
	}
	if spec.PublicIP = of(primaryIP); !public {
		spec.SecondaryPublicIPs = nil
	}
}

// groupsOf names the security groups of a network interface. One that is not in the dump stands there without a rule.
func (m *mapper) groupsOf(v *vpc, id string, e *NetworkInterface) (all []string) {
	for _, g := range e.Groups {
		name := m.names.of(g.GroupId)
		if g.GroupId == "" {
			continue
		}
		switch group := m.dump.securityGroups.get(g.GroupId); {
		case group != nil && group.VpcId != v.id:
			name = m.groupOfAnother(v, id, g.GroupId, group)
		case group == nil:
			name = nameOf(g.GroupId)
			if _, there := v.spec.SecurityGroups[name]; !there {
				m.unknownGroup(id, g.GroupId)
				v.spec.SecurityGroups[name] = topology.SecurityGroupSpec{Egress: []topology.RuleSpec{}}
			}
			m.fates.approximated("NetworkInterfaces", id, "a security group that is not in the dump")
		}
		if name != "" && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	switch {
	case len(all) == 1 && all[0] == "default":
		return nil
	case len(all) == 0 && (e.InterfaceType == "interface" || e.InterfaceType == ""):
		m.fates.approximated("NetworkInterfaces", id, "no security group")
		m.warn(m.dump.interfaces.place(id), id, e.TagSet, "its security groups are not in the dump: packets are judged by its VPC's default one")
	case len(all) == 0:
		return []string{m.openGroup(v)}
	}
	return all
}

// groupOfAnother names the copy of a group that belongs to another VPC, which may be associated with this one
// (AssociateSecurityGroupVpc).
func (m *mapper) groupOfAnother(v *vpc, eni, id string, g *SecurityGroup) string {
	name := "of-another-vpc-" + strings.TrimPrefix(id, "sg-")
	if _, there := v.spec.SecurityGroups[name]; !there {
		v.spec.SecurityGroups[name] = topology.SecurityGroupSpec{Ingress: m.rules(v, id, g.IpPermissions), Egress: append([]topology.RuleSpec{}, m.rules(v, id, g.IpPermissionsEgress)...)}
		m.fates.approximated("SecurityGroups", id, "copied into another VPC")
		m.warn(m.dump.securityGroups.place(id), id, append([]Tag{{"Name", g.GroupName}}, g.Tags...),
			"a security group of "+g.VpcId+", and "+eni+" in "+v.id+" has it: its rules are copied, and what they say of security groups is about members in "+g.VpcId+" only")
	}
	m.fates.approximated("NetworkInterfaces", eni, "a security group of another VPC")
	return name
}

// unfiltered is what the security group of network interfaces without one is called.
const unfiltered = "unfiltered"

// openGroup names the group of network interfaces that have none, as those of network load balancers may: it allows everything.
func (m *mapper) openGroup(v *vpc) string {
	v.spec.SecurityGroups[unfiltered] = topology.SecurityGroupSpec{
		Description: "of network interfaces that have no security group", Ingress: everywhere(v),
	}
	return unfiltered
}

func (m *mapper) unknownGroup(eni, group string) {
	if m.dump.seen["SecurityGroups"] {
		m.warn(m.dump.interfaces.place(eni), group, nil, "this security group is not in the dump, and "+eni+" has it: no packet is allowed by it")
	}
}
