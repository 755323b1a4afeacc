package awsimport

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"vpcsim/topology"
)

// ipv4CIDRs are the IPv4 CIDRs of a VPC, the primary first.
func ipv4CIDRs(v *Vpc) []string {
	var all []string
	if v.CidrBlock != "" {
		all = append(all, v.CidrBlock)
	}
	for _, a := range v.CidrBlockAssociationSet {
		if associated(a.CidrBlockState) && a.CidrBlock != "" && !slices.Contains(all, a.CidrBlock) {
			all = append(all, a.CidrBlock)
		}
	}
	if len(all) > 1 {
		slices.Sort(all[1:])
	}
	return all
}

func associated(s AssociatedState) bool { return s.State == "" || s.State == "associated" }

// ipv6CIDR is the one IPv6 CIDR that the topology format takes of those associated, of the length it takes; rest are the others.
func ipv6CIDR(set []CIDRAssociation, bits int) (cidr string, rest []string) {
	for _, a := range set {
		if !associated(a.Ipv6CidrBlockState) || a.Ipv6CidrBlock == "" {
			continue
		}
		if p, err := netip.ParsePrefix(a.Ipv6CidrBlock); err == nil && p.Bits() == bits && cidr == "" {
			cidr = a.Ipv6CidrBlock
		} else {
			rest = append(rest, a.Ipv6CidrBlock)
		}
	}
	return cidr, rest
}

// goodID matches the ids that AWS gives, new ones and old.
var goodID = regexp.MustCompile(`^[a-z]+(-[a-z]+)*-([0-9a-f]{8}|[0-9a-f]{17})$`)

// written is an id for the topology, or nothing for one that has not AWS's form, as those of made-up dumps: the simulator makes
// its own then.
func written(id string) string {
	if goodID.MatchString(id) {
		return id
	}
	return ""
}

// unless is an id for the topology, or nothing where the name says it already.
func unless(name, id string) string {
	if name == id {
		return ""
	}
	return written(id)
}

// vpc says what a VPC is, but for its routes, which may lead to what comes later.
func (m *mapper) vpc(v *vpc) {
	m.fates.used("Vpcs", v.id)
	name := m.names.of(v.id)
	cidrs := ipv4CIDRs(v.value)
	v.spec = topology.VPCSpec{ID: unless(name, v.id), CIDR: cidrs[0], SecondaryCIDRs: cidrs[1:]}
	if len(cidrs) == 1 {
		v.spec.SecondaryCIDRs = nil
	}
	if v.region != m.spec.Region {
		v.spec.Region = v.region
	}
	six, rest := ipv6CIDR(v.value.Ipv6CidrBlockAssociationSet, 56)
	v.spec.IPv6CIDR = six
	if rest != nil {
		m.fates.approximated("Vpcs", v.id, "IPv6 CIDRs that are left out")
		m.warn(m.dump.vpcs.place(v.id), v.id, v.value.Tags, "a VPC takes one IPv6 CIDR, a /56, here: "+strings.Join(rest, ", ")+" left out, and no packet reaches addresses in it")
	}
	if v.igw != "" {
		m.fates.used("InternetGateways", v.igw)
		v.spec.InternetGateway = m.names.of(v.igw)
		v.spec.InternetGatewayID = unless(v.spec.InternetGateway, v.igw)
	}
	if v.eigw != "" {
		m.fates.used("EgressOnlyInternetGateways", v.eigw)
		v.spec.EgressOnlyGateway = m.names.of(v.eigw)
		v.spec.EgressOnlyID = unless(v.spec.EgressOnlyGateway, v.eigw)
	}
	m.subnets(v)
	m.networkACLs(v)
	m.securityGroups(v)
	m.instances(v)
	m.networkInterfaces(v)
	m.natGateways(v)
	m.endpoints(v)
}

// subnets says what the subnets of a VPC are, and which network ACL each has. Its route table comes with the tables.
func (m *mapper) subnets(v *vpc) {
	acl := map[string]string{}
	for _, id := range v.acls {
		for _, a := range m.dump.networkAcls.get(id).Associations {
			acl[a.SubnetId] = id
		}
	}
	v.spec.Subnets = map[string]topology.SubnetSpec{}
	for _, id := range v.subnets {
		s := m.dump.subnets.get(id)
		m.fates.used("Subnets", id)
		name := m.names.of(id)
		spec := topology.SubnetSpec{ID: unless(name, id), CIDR: s.CidrBlock, AZ: m.zones.of(s, v.region)}
		six, rest := ipv6CIDR(s.Ipv6CidrBlockAssociationSet, 64)
		p, err := netip.ParsePrefix(six)
		if six != "" && (v.spec.IPv6CIDR == "" || err != nil || !contains(v.spec.IPv6CIDR, p.Addr())) {
			six, rest = "", append(rest, six)
		}
		spec.IPv6CIDR = six
		if rest != nil {
			m.fates.approximated("Subnets", id, "IPv6 CIDRs that are left out")
			m.warn(m.dump.subnets.place(id), id, s.Tags, "IPv6 CIDR "+strings.Join(rest, ", ")+" left out: no packet reaches addresses in it")
		}
		switch a := acl[id]; {
		case a != "" && m.names.of(a) != "default":
			spec.NetworkACL = m.names.of(a)
		case a == "" && !m.dump.seen["NetworkAcls"]:
			m.fates.approximated("Subnets", id, "its network ACL is not in the dump")
		case a == "":
			m.fates.approximated("Subnets", id, "its network ACL is not in the dump")
			m.warn(m.dump.subnets.place(id), id, s.Tags, "its network ACL is not in the dump: packets go as by the default one of its VPC")
		}
		v.spec.Subnets[name] = spec
	}
}
