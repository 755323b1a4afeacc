package awsimport

import (
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"vpcsim/topology"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// interfaceName is how a route names a network interface of an instance.
func interfaceName(instance string, index int) string {
	if index == 0 {
		return instance
	}
	return instance + "/" + strconv.Itoa(index)
}

// peerings says what the peering connections between VPCs of the dump are.
func (m *mapper) peerings() {
	for _, id := range sortedKeys(m.peered) {
		p := m.dump.peerings.get(id)
		m.fates.used("VpcPeeringConnections", id)
		name := m.names.of(id)
		if m.spec.Peerings == nil {
			m.spec.Peerings = map[string]topology.PeeringSpec{}
		}
		m.spec.Peerings[name] = topology.PeeringSpec{
			ID: unless(name, id), Requester: m.names.of(p.RequesterVpcInfo.VpcId), Accepter: m.names.of(p.AccepterVpcInfo.VpcId),
		}
	}
}

// connects reports whether a peering connection of the topology is one of the VPC's.
func (m *mapper) connects(v *vpc, id string) bool {
	if !m.peered[id] {
		return false
	}
	p := m.dump.peerings.get(id)
	return p.RequesterVpcInfo.VpcId == v.id || p.AccepterVpcInfo.VpcId == v.id
}

// addresses compares the Elastic IP addresses with those of the network interfaces, which are taken.
func (m *mapper) addresses() {
	for _, ip := range m.dump.addresses.ids() {
		a := m.dump.addresses.get(ip)
		e := m.dump.interfaces.get(a.NetworkInterfaceId)
		switch {
		case a.NetworkInterfaceId == "":
			m.fates.ignored("Addresses", ip, "not associated")
		case e == nil:
			m.fates.ignored("Addresses", ip, "its network interface is not in the dump")
		case !hasPublic(e, ip) && !m.taken[a.NetworkInterfaceId]:
			m.fates.approximated("Addresses", ip, "its network interface does not have it")
			m.warn(m.dump.addresses.place(ip), ip, nil, "it is associated with "+a.NetworkInterfaceId+", whose own entry does not have it: that entry is taken, and no packet reaches the address")
		default:
			m.fates.used("Addresses", ip)
		}
	}
}

// public is a public address for the topology, or nothing after saying why it can't have it.
func (m *mapper) public(kind, id string, at Place, tags []Tag, ip string) string {
	if ip == "" || ip == automatic {
		return ip
	}
	a, err := netip.ParseAddr(ip)
	why := ""
	switch other := m.publicOf[ip]; {
	case err != nil || !a.Is4() || slices.ContainsFunc(notPublic, func(p netip.Prefix) bool { return p.Contains(a) }):
		why = "is not a public IPv4 address"
	case other != "":
		why = "is also that of " + other
	case m.isS3(a):
		why = "lies in the ranges of Amazon S3"
	default:
		if m.publicOf == nil {
			m.publicOf = map[string]string{}
		}
		m.publicOf[ip] = id
		return ip
	}
	m.fates.approximated(kind, id, "a public address that is left out")
	m.warn(at, id, tags, "its public address "+ip+" "+why+": left out, and no packet reaches or leaves the VPC by it")
	return ""
}

// notPublic are no addresses of hosts on the internet (RFC 6890).
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("192.88.99.0/24"),
	netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("224.0.0.0/4"), netip.MustParsePrefix("240.0.0.0/4"),
}

// isS3 reports whether an address is one of Amazon S3's in a region of the topology.
func (m *mapper) isS3(a netip.Addr) bool {
	for _, v := range m.vpcs {
		name := "com.amazonaws." + v.region + ".s3"
		if l := known(v.region, name); l != nil && slices.ContainsFunc(l.Entries, func(p netip.Prefix) bool { return p.Contains(a) }) {
			return true
		}
		if slices.ContainsFunc(m.spec.PrefixLists[name].Entries, func(c string) bool { return contains(c, a) }) {
			return true
		}
	}
	return false
}

func hasPublic(e *NetworkInterface, ip string) bool {
	return e.Association.PublicIp == ip || slices.ContainsFunc(e.PrivateIpAddresses, func(a PrivateAddress) bool { return a.Association.PublicIp == ip })
}

// finish puts the VPCs into the topology, and gives them an internet to talk to.
func (m *mapper) finish() {
	m.spec.VPCs = map[string]topology.VPCSpec{}
	internet, six := false, false
	for _, v := range m.vpcs {
		m.spec.VPCs[m.names.of(v.id)] = v.spec
		internet = internet || v.spec.InternetGateway != ""
		six = six || v.spec.IPv6CIDR != ""
	}
	if internet {
		host := topology.HostSpec{Address: m.documentation()}
		if six {
			host.IPv6Address = m.documentationIPv6()
		}
		name := "internet"
		for m.isHost(name) {
			name += "-host"
		}
		m.spec.Internet.Hosts = map[string]topology.HostSpec{name: host}
	}
	m.missing()
	m.warnings = sortWarnings(m.warnings)
}

// isHost reports whether an instance or network interface has a name.
func (m *mapper) isHost(name string) bool {
	for _, v := range m.vpcs {
		_, instance := v.spec.Instances[name]
		if _, eni := v.spec.NetworkInterfaces[name]; instance || eni {
			return true
		}
	}
	return false
}

// documentation returns an address of the documentation ranges (RFC 5737) that nothing in the dump has.
func (m *mapper) documentation() string {
	used := map[string]bool{}
	for _, id := range m.dump.interfaces.ids() {
		e := m.dump.interfaces.get(id)
		used[e.Association.PublicIp] = true
		for _, a := range e.PrivateIpAddresses {
			used[a.Association.PublicIp] = true
		}
	}
	for _, id := range m.dump.natGateways.ids() {
		for _, a := range m.dump.natGateways.get(id).NatGatewayAddresses {
			used[a.PublicIp] = true
		}
	}
	for _, block := range []string{"203.0.113.", "198.51.100.", "192.0.2."} {
		for n := 10; n < 255; n++ {
			if a := block + strconv.Itoa(n); !used[a] && !m.inVPC(a) {
				return a
			}
		}
	}
	return "192.0.2.1" // 735 addresses are taken: let Resolve say so
}

// documentationIPv6 returns an address of the documentation range (RFC 3849) that is in no VPC.
func (m *mapper) documentationIPv6() string {
	address := netip.MustParseAddr("2001:db8::10")
	for block := byte(1); slices.ContainsFunc(m.vpcs, func(v *vpc) bool { return contains(v.spec.IPv6CIDR, address) }); block++ {
		b := address.As16()
		b[4] = block
		address = netip.AddrFrom16(b)
	}
	return address.String()
}

func (m *mapper) inVPC(address string) bool {
	a, err := netip.ParseAddr(address)
	return err == nil && slices.ContainsFunc(m.vpcs, func(v *vpc) bool {
		return slices.ContainsFunc(ipv4CIDRs(v.value), func(c string) bool { return contains(c, a) })
	})
}

// result checks the topology and sums up. Quotas are said to be raised where the account has more than AWS's default allows.
func (m *mapper) result() (*Result, error) {
	r := &Result{Spec: m.spec, Warnings: m.warnings, Summary: m.summary()}
	if _, err := topology.Resolve(m.spec, nil); err == nil {
		return r, nil
	}
	m.spec.Quotas = "raised"
	if _, err := topology.Resolve(m.spec, nil); err != nil {
		var all topology.Errors
		if errors.As(err, &all) {
			for _, e := range all {
				e.Problem = "the dump gives what a topology can't have: " + e.Problem
			}
		}
		return r, err
	}
	return r, nil
}

// summary says what became of everything.
func (m *mapper) summary() Summary {
	d := m.dump
	s := Summary{Files: len(d.files), IgnoredFiles: d.ignoredFiles, UnknownLists: d.unknownLists}
	add := func(kind string, ids []string) {
		if len(ids) > 0 {
			s.Objects = append(s.Objects, m.fates.count(kind, ids))
		}
	}
	add("Vpcs", d.vpcs.ids())
	add("Subnets", d.subnets.ids())
	add("RouteTables", d.routeTables.ids())
	add("InternetGateways", d.internetGateways.ids())
	add("EgressOnlyInternetGateways", d.egressOnly.ids())
	add("VpnGateways", d.vpnGateways.ids())
	add("NatGateways", d.natGateways.ids())
	add("VpcEndpoints", d.endpoints.ids())
	add("PrefixLists", d.prefixLists.ids())
	add("Instances", d.instances.ids())
	add("NetworkInterfaces", d.interfaces.ids())
	add("Addresses", d.addresses.ids())
	add("SecurityGroups", d.securityGroups.ids())
	add("NetworkAcls", d.networkAcls.ids())
	add("VpcPeeringConnections", d.peerings.ids())
	add("TransitGateways", d.transitGateways.ids())
	add("TransitGatewayAttachments", d.attachments.ids())
	add("TransitGatewayRouteTables", d.transitTables.ids())
	add("TransitGatewayRoutes", d.transitContents.ids())
	var policies []string
	for _, p := range d.bucketPolicies {
		policies = append(policies, p.at.File)
	}
	add("BucketPolicies", policies)
	return s
}

// String writes the summary for people, a line for each kind.
func (s Summary) String() string {
	var b strings.Builder
	b.WriteString("read " + plural(s.Files, "file"))
	for _, why := range sortedKeys(s.IgnoredFiles) {
		b.WriteString(", ignored " + strconv.Itoa(s.IgnoredFiles[why]) + " (" + why + ")")
	}
	b.WriteString("\n")
	for _, c := range s.Objects {
		b.WriteString(c.Kind + ": " + strconv.Itoa(c.Read) + " read, " + strconv.Itoa(c.Used) + " used")
		if c.Approximated > 0 {
			b.WriteString(", " + strconv.Itoa(c.Approximated) + " approximated")
		}
		if c.Ignored > 0 {
			b.WriteString(", " + strconv.Itoa(c.Ignored) + " ignored")
		}
		var why []string
		for _, w := range sortedKeys(c.Why) {
			why = append(why, w+": "+strconv.Itoa(c.Why[w]))
		}
		if why != nil {
			b.WriteString(" (" + strings.Join(why, "; ") + ")")
		}
		b.WriteString("\n")
	}
	for _, key := range sortedKeys(s.UnknownLists) {
		b.WriteString(key + ": " + strconv.Itoa(s.UnknownLists[key]) + " read, not used\n")
	}
	return b.String()
}
