package awsimport

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"vpcsim/topology"
)

// Options are what the dump itself may not say.
type Options struct {
	Region string // of VPCs of which nothing says where they are
}

// Result is a dump in the words of a topology.
type Result struct {
	Spec     *topology.Spec
	Warnings []Warning
	Summary  Summary
}

// Map says in the words of the topology format what was read. The error, [topology.Errors], is for dumps that say nothing that a
// topology could: no VPC, or one in no region.
func Map(d *Dump, o Options) (*Result, error) {
	m := &mapper{dump: d, fates: fates{}, byID: map[string]*vpc{}, foreign: map[string]map[string]int{}, spec: &topology.Spec{}}
	m.warnings = slices.Clone(d.warnings)
	m.findVPCs()
	if len(m.vpcs) == 0 {
		errs := topology.Errors{{Path: "Vpcs", Problem: "there is no VPC in the dump; add the output of aws ec2 describe-vpcs"}}
		for _, w := range sortWarnings(m.warnings) { // one of them may say why
			errs = append(errs, &topology.Error{Path: w.File, Problem: w.Problem})
		}
		return nil, errs
	}
	if errs := m.regions(o.Region); errs != nil {
		return nil, errs
	}
	m.spec.Region = m.mainRegion()
	m.unseen()
	m.sort()
	m.names.give()
	m.s3Lists()
	for _, v := range m.vpcs {
		m.vpc(v)
	}
	m.peerings()
	m.transitGateways()
	for _, v := range m.vpcs {
		m.routeTables(v)
	}
	m.addresses()
	m.bucketPolicies()
	m.finish()
	return m.result()
}

// mapper is a Map at work.
type mapper struct {
	dump     *Dump
	spec     *topology.Spec
	fates    fates
	warnings []Warning
	names    names
	zones    zones

	vpcs    []*vpc // by id
	byID    map[string]*vpc
	foreign map[string]map[string]int // VPCs that are not there -> what is in them, by kind

	attached     map[string]string            // network interfaces of instances -> their instance
	interfacesOf map[string][]string          // instances -> their network interfaces, the primary first
	taken        map[string]bool              // network interfaces that something else stands for
	transitENIs  map[string]map[string]string // attachments -> their network interfaces, by subnet
	owner        map[string]string            // private addresses with their VPC -> what has them
	publicOf     map[string]string            // public addresses -> what has them
	transit      map[string]*transit          // transit gateways that the topology has, by id
	peered       map[string]bool              // peering connections that the topology has
}

// vpc is a VPC of the dump and what belongs to it, by id.
type vpc struct {
	id, region string
	value      *Vpc
	spec       topology.VPCSpec

	igw, eigw, vgw                                                  string
	subnets, tables, groups, acls, nats, endpoints, instances, enis []string
	outside                                                         map[string]bool
}

// hasSubnet reports whether the topology has a subnet of the VPC.
func (v *vpc) hasSubnet(id string) bool {
	_, ok := slices.BinarySearch(v.subnets, id)
	return ok
}

// unfollowed is what becomes of packets to a gateway that the simulator does not follow.
const unfollowed = "packets that a route sends to it are dropped (UNSUPPORTED_COMPONENT)"

// warn adds a warning about an object.
func (m *mapper) warn(at Place, id string, tags []Tag, problem string) {
	m.warnings = append(m.warnings, Warning{File: at.File, ID: id, Name: nameTag(tags), Problem: problem})
}

// findVPCs finds the VPCs that the topology has.
func (m *mapper) findVPCs() {
	for _, id := range m.dump.vpcs.ids() {
		value := m.dump.vpcs.get(id)
		if len(ipv4CIDRs(value)) == 0 {
			m.fates.ignored("Vpcs", id, "no IPv4 CIDR")
			m.warn(m.dump.vpcs.place(id), id, value.Tags, "no IPv4 CIDR block is associated: left out, with what is in it")
			continue
		}
		v := &vpc{id: id, value: value, outside: map[string]bool{}}
		m.vpcs, m.byID[id] = append(m.vpcs, v), v
	}
}

// unseen warns of lists that every VPC has and the dump has not, once for all objects that would need them.
func (m *mapper) unseen() {
	for _, l := range []struct{ key, call, follows string }{
		{"NetworkAcls", "describe-network-acls", "packets go as by network ACLs that allow everything"},
		{"RouteTables", "describe-route-tables", "packets go by the local routes only"},
		{"SecurityGroups", "describe-security-groups", "no packet is allowed by them"},
	} {
		if !m.dump.seen[l.key] {
			m.warn(Place{}, l.key, nil, "the dump has none (aws ec2 "+l.call+"): "+l.follows)
		}
	}
}

// in returns the VPC that an object is in, or nil after noting that it is not there.
func (m *mapper) in(kind, id, vpcID string) *vpc {
	v := m.byID[vpcID]
	if v == nil {
		why := "its VPC is not in the dump"
		if vpcID == "" {
			why = "in no VPC"
		}
		m.fates.ignored(kind, id, why)
		if m.foreign[vpcID] == nil {
			m.foreign[vpcID] = map[string]int{}
		}
		m.foreign[vpcID][kind]++
	}
	return v
}

// sort gives every object to its VPC, and a wish for its name to whom has one.
func (m *mapper) sort() {
	m.zones = zoneNames(&m.dump.subnets)
	for _, v := range m.vpcs {
		m.names.want(v.id, nameTag(v.value.Tags), "vpc")
	}
	m.sortSubnets()
	m.sortFilters()
	m.sortGateways()
	m.sortInterfaces()
	m.sortShared()
}

// targets is the scope of what a route of a VPC may name.
func (v *vpc) targets() string { return "target " + v.id }

func (m *mapper) sortSubnets() {
	for _, id := range m.dump.subnets.ids() {
		s := m.dump.subnets.get(id)
		v := m.in("Subnets", id, s.VpcId)
		switch {
		case v == nil:
		case s.CidrBlock == "":
			m.fates.ignored("Subnets", id, "no IPv4 CIDR")
			m.warn(m.dump.subnets.place(id), id, s.Tags, "an IPv6-only subnet: left out, with what is in it")
		default:
			v.subnets = append(v.subnets, id)
			m.names.want(id, nameTag(s.Tags), "subnet "+v.id)
		}
	}
	for _, id := range m.dump.routeTables.ids() {
		t := m.dump.routeTables.get(id)
		if v := m.in("RouteTables", id, t.VpcId); v != nil {
			v.tables = append(v.tables, id)
			m.names.want(id, nameTag(t.Tags), "table "+v.id)
		}
	}
}

// missing says what of the VPCs that are not in the dump was left out.
func (m *mapper) missing() {
	for _, id := range slices.Sorted(maps.Keys(m.foreign)) {
		var parts []string
		for _, kind := range slices.Sorted(maps.Keys(m.foreign[id])) {
			parts = append(parts, fmt.Sprintf("%d %s", m.foreign[id][kind], kind))
		}
		what := "this VPC is not in the dump, so what is in it is left out"
		if id == "" {
			what = "what is in no VPC is left out"
		}
		m.warn(Place{}, id, nil, what+" ("+strings.Join(parts, ", ")+"): no packet reaches it")
	}
}
