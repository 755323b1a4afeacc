package tracediff

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/topology"
)

// draft writes random topologies. What two topologies of one structure have in common is what connections outlive: VPCs, subnets, instances,
// gateways, their addresses and ids. What differs is what decides about packets: routes, endpoints, groups, ACLs.
type draft struct {
	structure, rules *rand.Rand
	text             strings.Builder
	vpcs             []*vpcDraft
	tgw              bool
}

type vpcDraft struct {
	name            string
	number          int
	ipv6, igw, eigw bool
	nat, privateNAT bool
	tables, subnets []string
	appliances      []string
	attached        []string // subnets in which the transit gateway has an interface, one for each zone
	peers           []string
	edge            bool
}

// network is the topology of two seeds.
func network(t testing.TB, structure, rules uint64) *topology.Network {
	d := &draft{structure: rand.New(rand.NewPCG(structure, 1)), rules: rand.New(rand.NewPCG(structure, rules+2))}
	d.write()
	spec, src, err := topology.Parse("random.vpc.yml", []byte(d.text.String()))
	require.NoError(t, err, "%s", &d.text)
	n, err := topology.Resolve(spec, src)
	require.NoError(t, err, "%s", &d.text)
	return n
}

func (d *draft) writef(format string, args ...any) { fmt.Fprintf(&d.text, format+"\n", args...) }

// chance is true in so many of a hundred structures.
func (d *draft) chance(percent int) bool { return d.structure.IntN(100) < percent }

// maybe is true in so many of a hundred rules.
func (d *draft) maybe(percent int) bool { return d.rules.IntN(100) < percent }

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func (d *draft) write() {
	d.writef("name: random\nregion: us-east-1\nvpcs:")
	d.tgw = d.chance(70)
	for n := range 2 + d.structure.IntN(2) {
		d.vpcs = append(d.vpcs, d.outline(n))
	}
	for n, v := range d.vpcs {
		if n > 0 && d.chance(60) {
			v.peers, d.vpcs[n-1].peers = append(v.peers, fmt.Sprint("pcx", n)), append(d.vpcs[n-1].peers, fmt.Sprint("pcx", n))
		}
	}
	for _, v := range d.vpcs {
		d.vpc(v)
	}
	d.between()
	d.writef("internet: {hosts: {peer: {address: 203.0.113.10, ipv6_address: \"2001:db8:ffff::10\"}, rival: {address: 203.0.113.20}}}")
	d.writef("s3: {buckets: {demo: {}}}")
}

// outline decides on the structure of a VPC.
func (d *draft) outline(n int) *vpcDraft {
	v := &vpcDraft{name: fmt.Sprint("v", n), number: n, ipv6: d.chance(50), igw: d.chance(80)}
	v.eigw = v.ipv6 && d.chance(50)
	v.nat, v.privateNAT, v.edge = v.igw && d.chance(70), d.chance(20), v.igw && d.chance(30)
	for s := range 2 + d.structure.IntN(2) {
		v.subnets = append(v.subnets, fmt.Sprint("s", s))
		v.tables = append(v.tables, fmt.Sprintf("%s-t%d", v.name, s))
	}
	v.attached = v.subnets[:1]
	if d.chance(50) {
		v.attached = v.subnets[:2] // the two zones
	}
	return v
}

func (d *draft) vpc(v *vpcDraft) {
	d.writef("  %s:\n    cidr: 10.%d.0.0/16", v.name, v.number)
	if v.ipv6 {
		d.writef("    ipv6_cidr: 2001:db8:%d::/56", v.number+1)
	}
	if v.igw {
		d.writef("    internet_gateway: igw%d", v.number)
	}
	if v.eigw {
		d.writef("    egress_only_internet_gateway: eigw%d", v.number)
	}
	d.writef("    subnets:")
	for n, s := range v.subnets {
		v6 := ""
		if v.ipv6 {
			v6 = fmt.Sprintf(", ipv6_cidr: \"2001:db8:%d:%d::/64\"", v.number+1, n)
		}
		acl := ""
		if d.maybe(40) {
			acl = ", network_acl: " + pick(d.rules, "strict", "loose")
		}
		d.writef("      %s: {cidr: 10.%d.%d.0/24%s, az: us-east-1%c, route_table: %s%s}", s, v.number, n, v6, 'a'+n%2, pick(d.rules, v.tables...), acl)
	}
	d.natGateways(v)
	d.instances(v)
	d.filters(v)
	d.routeTables(v)
	if d.maybe(60) {
		d.writef("    endpoints: {s3-%s: {service: s3, route_tables: [%s]}}", v.name, strings.Join(v.tables[:d.rules.IntN(len(v.tables)+1)], ", "))
	}
}

func (d *draft) natGateways(v *vpcDraft) {
	if !v.nat && !v.privateNAT {
		return
	}
	d.writef("    nat_gateways:")
	if v.nat {
		d.writef("      nat%d: {subnet: s0, address: 10.%d.0.5, public_ip: 198.51.100.%d}", v.number, v.number, 200+v.number)
	}
	if v.privateNAT {
		d.writef("      pnat%d: {subnet: s1, address: 10.%d.1.5, private: true}", v.number, v.number)
	}
}

func (d *draft) instances(v *vpcDraft) {
	d.writef("    instances:")
	for n, s := range v.subnets {
		for i := range 1 + d.structure.IntN(2) {
			name, more := fmt.Sprintf("%s-i%d%d", v.name, n, i), ""
			if v.igw && d.chance(60) {
				more += fmt.Sprintf(", public_ip: 198.51.100.%d", 10+v.number*20+n*4+i)
			}
			if v.ipv6 && d.chance(70) {
				more += fmt.Sprintf(", ipv6_addresses: [\"2001:db8:%d:%d::%d\"]", v.number+1, n, 10+i)
			}
			if d.chance(25) {
				more += ", source_dest_check: false"
				v.appliances = append(v.appliances, name)
			}
			groups := "[" + strings.Join(pick(d.rules, []string{"open"}, []string{"default"}, []string{"web"}, []string{"web", "self"}, []string{"mute"}, []string{"open", "self"}), ", ") + "]"
			d.writef("      %s: {subnet: %s, address: 10.%d.%d.%d%s, security_groups: %s}", name, s, v.number, n, 10+i, more, groups)
		}
	}
}

// rule is a random rule of a security group, or most of an entry of a network ACL.
func (d *draft) rule(peer string) string {
	switch d.rules.IntN(5) {
	case 0:
		return "protocol: all" + peer
	case 1:
		return "protocol: udp, ports: " + pick(d.rules, "53", "1024-65535", "0-65535") + peer
	case 2:
		return pick(d.rules, "protocol: icmp", "protocol: icmp, icmp: 8", "protocol: 47") + peer
	}
	return "protocol: tcp, ports: " + pick(d.rules, "443", "22-80", "1024-65535", "0-65535") + peer
}

func (d *draft) filters(v *vpcDraft) {
	peer := func() string {
		return ", peer: " + pick(d.rules, "0.0.0.0/0", "0.0.0.0/0", "\"::/0\"", "10.0.0.0/8", "10.1.0.0/16", "203.0.113.10/32", "self", "pl-63a5400a")
	}
	rules := func(most int) string { // AWS refuses the same rule twice
		var all []string
		for range d.rules.IntN(most) {
			if r := "{" + d.rule(peer()) + "}"; !slices.Contains(all, r) && !impossible(r) {
				all = append(all, r)
			}
		}
		return "[" + strings.Join(all, ", ") + "]"
	}
	d.writef("    security_groups:")
	d.writef("      open: {ingress: [{protocol: all, peer: 0.0.0.0/0}, {protocol: all, peer: \"::/0\"}]}")
	d.writef("      web: {ingress: %s, egress: %s}", rules(5), rules(5))
	d.writef("      self: {ingress: %s}", rules(3))
	d.writef("      mute: {egress: []}")
	entries := func(most int, action ...string) string {
		var all []string
		for n := range d.rules.IntN(most) {
			r := d.rule(", cidr: " + pick(d.rules, "0.0.0.0/0", "0.0.0.0/0", "10.0.0.0/8", "203.0.113.0/24", "52.216.0.0/15"))
			all = append(all, fmt.Sprintf("{number: %d, action: %s, %s}", 10+n, pick(d.rules, action...), r))
		}
		all = append(all, "{number: 900, action: allow, protocol: all, cidr: \"::/0\"}")
		if action[0] == "deny" {
			all = append(all, "{number: 901, action: allow, protocol: all, cidr: 0.0.0.0/0}")
		}
		return "[" + strings.Join(all, ", ") + "]"
	}
	d.writef("    network_acls:")
	d.writef("      strict: {ingress: %s, egress: %s}", entries(6, "allow", "allow", "deny"), entries(6, "allow", "allow", "deny"))
	d.writef("      loose: {ingress: %s, egress: %s}", entries(3, "deny"), entries(3, "deny"))
}

// impossible says whether a rule is about ICMP of one family at addresses of the other.
func impossible(rule string) bool {
	return strings.Contains(rule, "icmp") && strings.Contains(rule, "::/0")
}

func (d *draft) routeTables(v *vpcDraft) {
	var targets []string
	add := func(there bool, target string) {
		if there {
			targets = append(targets, target)
		}
	}
	add(v.igw, fmt.Sprint("igw", v.number))
	add(v.igw, fmt.Sprint("igw", v.number))
	add(v.nat, fmt.Sprint("nat", v.number))
	add(v.privateNAT, fmt.Sprint("pnat", v.number))
	add(d.tgw, "tgw")
	targets = append(append(targets, v.appliances...), v.peers...)
	if v.edge {
		d.writef("    edge_route_table: %s-edge", v.name)
	}
	d.writef("    route_tables:")
	if v.edge {
		d.writef("      %s-edge: {routes: [%s]}", v.name, d.edgeRoute(v))
	}
	for n, table := range v.tables {
		var routes []string
		for _, destination := range []string{
			"0.0.0.0/0", "10.0.0.0/16", "10.1.0.0/16", "10.2.0.0/16", "10.0.0.0/8", "203.0.113.20/32", "52.216.0.0/16", "192.0.2.0/24", "172.16.0.0/12",
		} {
			own := destination == fmt.Sprintf("10.%d.0.0/16", v.number)
			switch {
			case own, destination != "0.0.0.0/0" && d.maybe(60), len(targets) == 0, d.maybe(10):
			case d.maybe(8):
				routes = append(routes, fmt.Sprintf("{destination: %s, target: gone, state: blackhole}", destination))
			default:
				routes = append(routes, fmt.Sprintf("{destination: %s, target: %s}", destination, pick(d.rules, targets...)))
			}
		}
		if v.ipv6 && v.igw && d.maybe(60) {
			routes = append(routes, fmt.Sprintf("{destination: \"::/0\", target: igw%d}", v.number))
		} else if v.eigw {
			routes = append(routes, fmt.Sprintf("{destination: \"::/0\", target: eigw%d}", v.number))
		}
		main := ""
		if n == 0 {
			main = "main: true, "
		}
		d.writef("      %s: {%sroutes: [%s]}", table, main, strings.Join(routes, ", "))
	}
}

func (d *draft) edgeRoute(v *vpcDraft) string {
	target := "local"
	if len(v.appliances) > 0 && d.maybe(60) {
		target = pick(d.rules, v.appliances...)
	}
	return fmt.Sprintf("{destination: 10.%d.%d.0/24, target: %s}", v.number, d.rules.IntN(len(v.subnets)), target)
}

// between writes what connects VPCs.
func (d *draft) between() {
	var peerings []string
	for n, v := range d.vpcs {
		if n > 0 && slices.Contains(v.peers, fmt.Sprint("pcx", n)) {
			peerings = append(peerings, fmt.Sprintf("pcx%d: {requester: %s, accepter: %s}", n, d.vpcs[n-1].name, v.name))
		}
	}
	if len(peerings) > 0 {
		d.writef("peerings: {%s}", strings.Join(peerings, ", "))
	}
	if !d.tgw {
		return
	}
	var attachments, names, routes []string
	for _, v := range d.vpcs {
		names = append(names, "to-"+v.name)
		attachments = append(attachments, fmt.Sprintf("to-%s: {vpc: %s, subnets: [%s]}", v.name, v.name, strings.Join(v.attached, ", ")))
	}
	for _, destination := range []string{"0.0.0.0/0", "10.1.10.0/24", "172.16.0.0/12"} {
		switch {
		case d.maybe(50):
		case d.maybe(20):
			routes = append(routes, fmt.Sprintf("{destination: %s, blackhole: true}", destination))
		default:
			routes = append(routes, fmt.Sprintf("{destination: %s, attachment: %s}", destination, pick(d.rules, names...)))
		}
	}
	associated := names
	if d.maybe(20) {
		associated = names[1:]
	}
	d.writef("transit_gateways: {tgw: {attachments: {%s}, route_tables: {core: {associations: [%s], propagations: [%s], routes: [%s]}}}}",
		strings.Join(attachments, ", "), strings.Join(associated, ", "), strings.Join(names, ", "), strings.Join(routes, ", "))
}
