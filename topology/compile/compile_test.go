package compile

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane"
	"vpcsim/dataplane/conntrack"
	"vpcsim/topology"
)

const everything = `
name: everything
region: us-east-1
vpcs:
  main:
    cidr: 10.0.0.0/16
    ipv6_cidr: 2001:db8:1::/56
    internet_gateway: igw
    egress_only_internet_gateway: eigw
    subnets:
      a: {cidr: 10.0.1.0/24, ipv6_cidr: '2001:db8:1:1::/64', az: us-east-1a, route_table: all}
      a2: {cidr: 10.0.2.0/24, az: us-east-1a, route_table: all}
      b: {cidr: 10.0.3.0/24, az: us-east-1b, route_table: all}
      c: {cidr: 10.0.4.0/24, az: us-east-1a, route_table: plain, network_acl: open}
      d: {cidr: 10.0.5.0/24, az: us-east-1b, route_table: plain, network_acl: open}
    route_tables:
      plain: {}
      all:
        routes:
          - {destination: 0.0.0.0/0, target: igw}
          - {destination: 203.0.113.0/24, target: nat}
          - {destination: 192.0.2.0/24, target: appliance}
          - {destination: 10.1.0.0/16, target: pcx}
          - {destination: 10.2.0.0/16, target: tgw}
          - {destination: '::/0', target: eigw}
          - {destination: '2001:db8:7::/48', target: igw}
          - {destination: 10.0.4.0/24, target: appliance}
    endpoints: {gw: {service: s3, route_tables: [all]}}
    nat_gateways: {nat: {subnet: a, address: 10.0.1.5, public_ip: 198.51.100.5}}
    network_acls: {open: {ingress: [{number: 100, action: allow, protocol: all, cidr: 0.0.0.0/0}]}}
    security_groups: {web: {ingress: [{protocol: tcp, ports: 443, peer: default}]}}
    instances:
      appliance: {subnet: c, address: 10.0.4.10, public_ip: 198.51.100.10, secondary_addresses: [10.0.4.11], source_dest_check: false}
      one: {subnet: a, address: 10.0.1.10, ipv6_addresses: ['2001:db8:1:1::10'], security_groups: [web, default]}
      two: {subnet: b, address: 10.0.3.10, security_groups: [default, web], connection_tracking: {tcp_established: 350s}}
  peer: {cidr: 10.1.0.0/16}
  far: {cidr: 10.2.0.0/16, subnets: {far: {cidr: 10.2.1.0/24, az: us-east-1a}}}
peerings: {pcx: {requester: peer, accepter: main}}
transit_gateways:
  tgw: {attachments: {main: {vpc: main, subnets: [a]}, far: {vpc: far, subnets: [far]}}}
`

func interfaceOf(t *testing.T, n *topology.Network, s *dataplane.Snapshot, instance string) *dataplane.Interface {
	i := s.Interface(n.Instance(instance).Interfaces[0].ID)
	require.NotNil(t, i)
	return i
}

// TestWhatTargetsCarry: each kind of target with its path, its MTU and its MSS (aws-semantics 3.4, 4, 5.2, 8.5).
func TestWhatTargetsCarry(t *testing.T) {
	n := resolve(t, everything)
	s, _ := compiled(t, n, nil)
	table := interfaceOf(t, n, s, "one").Subnet.Node.Routes
	for name, row := range map[string]struct {
		to       string
		path     conntrack.Path
		mtu, mss uint16
		silent   bool
	}{
		"the VPC carries what its interfaces do":   {"10.0.9.9", conntrack.PathLocal, 0, 0, false},
		"an internet gateway carries 1500":         {"8.8.8.8", conntrack.PathInternet, 1500, 0, false},
		"of IPv6, too":                             {"2001:db8:7::1", conntrack.PathInternet, 1500, 0, false},
		"an egress-only one as well":               {"2001:db8:8::1", conntrack.PathEgressOnly, 1500, 0, false},
		"a NAT gateway 8500, and clamps":           {"203.0.113.1", conntrack.PathNAT, 8500, 8460, false},
		"a transit gateway does so":                {"10.2.0.1", conntrack.PathTransit, 8500, 8460, false},
		"an endpoint does so without a word":       {"52.216.1.2", conntrack.PathEndpoint, 8500, 8460, true},
		"peering in a region has no limit":         {"10.1.0.1", conntrack.PathPeering, 0, 0, false},
		"nor has an appliance":                     {"192.0.2.1", conntrack.PathInterface, 0, 0, false},
		"nor one in front of another whole subnet": {"10.0.4.10", conntrack.PathInterface, 0, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			r, ok := table.Lookup(netip.MustParseAddr(row.to))
			require.True(t, ok)
			if r.Path != row.path || r.MTU != row.mtu || r.ClampMSS != row.mss || r.Silent != row.silent {
				t.Errorf("%s: path %s, MTU %d, MSS %d, silent %t; want %s, %d, %d, %t",
					row.to, r.Path, r.MTU, r.ClampMSS, r.Silent, row.path, row.mtu, row.mss, row.silent)
			}
		})
	}
}

// TestPeeringBetweenRegionsCarriesLess than peering in one region does (aws-semantics 8.5).
func TestPeeringBetweenRegionsCarriesLess(t *testing.T) {
	n := resolve(t, `
region: us-east-1
vpcs:
  near: {cidr: 10.0.0.0/16, subnets: {a: {cidr: 10.0.1.0/24}}, instances: {one: {subnet: a}}, route_tables: {t: {main: true, routes: [{destination: 10.1.0.0/16, target: p}]}}}
  far: {region: eu-west-1, cidr: 10.1.0.0/16}
peerings: {p: {requester: near, accepter: far}}
`)
	s, _ := compiled(t, n, nil)
	way, ok := interfaceOf(t, n, s, "one").Subnet.Node.Routes.Lookup(netip.MustParseAddr("10.1.2.3"))
	require.True(t, ok)
	require.EqualValues(t, 8500, way.MTU)
}

// TestSharing: subnets share a route table's node unless the way to a transit gateway differs between their zones, and
// interfaces with the same groups, in whatever order, share the compiled rules.
func TestSharing(t *testing.T) {
	n := resolve(t, everything)
	c := newCompiler(n, nil)
	for _, v := range n.VPCs {
		c.enter(v)
	}
	node := func(subnet string) *dataplane.Node { return c.subnets[n.Subnet(subnet)].Node }
	if node("a") != node("a2") || node("a") == node("b") {
		t.Error("a table with a route to a transit gateway has one node for each zone")
	}
	if node("c") != node("d") {
		t.Error("a table without one has a single node")
	}
	if c.subnets[n.Subnet("c")].ACL != c.subnets[n.Subnet("d")].ACL {
		t.Error("a network ACL was compiled twice")
	}
	s, _ := compiled(t, n, nil)
	if interfaceOf(t, n, s, "one").Groups != interfaceOf(t, n, s, "two").Groups {
		t.Error("the same groups were compiled twice")
	}
	if interfaceOf(t, n, s, "one").Groups == interfaceOf(t, n, s, "appliance").Groups {
		t.Error("other groups are not the same")
	}
}

// TestInterfaces: what forwarding needs to know of an interface and its subnet.
func TestInterfaces(t *testing.T) {
	addr := netip.MustParseAddr
	n := resolve(t, everything)
	s, _ := compiled(t, n, nil)
	one := interfaceOf(t, n, s, "one")
	require.Equal(t, []netip.Addr{addr("10.0.1.10"), addr("2001:db8:1:1::10")}, one.Addrs, "IPv4 first")
	require.Nil(t, one.Public)
	require.True(t, one.SourceDestCheck)
	require.Equal(t, addr("10.0.1.1"), one.Subnet.Router)
	require.Equal(t, addr("2001:db8:1:1::1"), one.Subnet.Router6)
	require.Equal(t, addr("10.0.0.2"), one.Subnet.Resolver, "of the VPC, not of the subnet")
	require.Equal(t, netip.MustParsePrefix("2001:db8:1:1::/64"), one.Subnet.Prefix6)

	appliance := interfaceOf(t, n, s, "appliance")
	require.Equal(t, addr("198.51.100.10"), appliance.Public[0], "of the primary address")
	require.False(t, appliance.SourceDestCheck)
	two := interfaceOf(t, n, s, "two")
	require.Equal(t, n.Instance("two").Interfaces[0].Tracking.TCPEstablished, two.Timeouts.TCPEstablished)
	require.False(t, two.Subnet.Router6.IsValid())

	g := n.VPC("main").NATGateways[0]
	gateway := s.Interface(g.InterfaceID)
	require.Equal(t, "nat", gateway.Name)
	require.NotNil(t, gateway.Gateway)
	require.Nil(t, gateway.Groups, "a NAT gateway has no security group (aws-semantics 5.1)")
	require.Equal(t, []netip.Addr{addr("198.51.100.5")}, gateway.Public)
	way, ok := one.Subnet.Local.Routes.Lookup(addr("10.0.1.5"))
	require.True(t, ok)
	require.Same(t, gateway, way.Interface)
	require.EqualValues(t, clampMSS, way.ClampMSS, "answers come this way")
}

// TestRulesOf: a rule carries its group and number, and the other side is spelled out.
func TestRulesOf(t *testing.T) {
	n := resolve(t, everything)
	c := newCompiler(n, nil)
	v := n.VPC("main")
	for _, g := range v.SecurityGroups {
		if g.Name != "web" {
			continue
		}
		r := c.rulesOf(g.ID, from, g.Ingress)
		require.Len(t, r, 1)
		require.Equal(t, g.ID+"/"+g.Ingress[0].ID, r[0].ID)
		require.ElementsMatch(t, prefixes("10.0.4.10/32", "10.0.4.11/32", "10.0.1.10/32", "2001:db8:1:1::10/128", "10.0.3.10/32"), r[0].Peers)
	}
	for _, a := range v.NetworkACLs {
		if a.Name == "open" {
			require.Equal(t, a.ID+"#100", entries(a, from, a.Ingress)[0].ID)
		}
	}
}

// BenchmarkSnapshot compiles networks of growing size; the time per VPC is what must not grow.
func BenchmarkSnapshot(b *testing.B) {
	for _, vpcs := range []int{25, 50, 100, 200} {
		n := resolve(b, region(vpcs))
		b.Run(fmt.Sprintf("vpcs=%d", vpcs), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := Snapshot(n, nil); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*vpcs), "µs/vpc")
		})
	}
}

// region writes a network of VPCs with four subnets of ten instances each, all attached to one transit gateway.
func region(vpcs int) string {
	var b, attachments strings.Builder
	b.WriteString("name: region\nregion: us-east-1\nvpcs:\n")
	for v := range vpcs {
		fmt.Fprintf(&b, "  v%d:\n    cidr: 10.%d.0.0/16\n    internet_gateway: igw\n    subnets:\n", v, v)
		for s := range 4 {
			fmt.Fprintf(&b, "      v%d-s%d: {cidr: 10.%d.%d.0/24, route_table: all}\n", v, s, v, s)
		}
		b.WriteString("    route_tables: {all: {routes: [{destination: 0.0.0.0/0, target: nat}, {destination: 10.0.0.0/8, target: tgw}]}}\n")
		fmt.Fprintf(&b, "    nat_gateways: {nat: {subnet: v%d-s0}}\n", v)
		b.WriteString("    security_groups: {web: {ingress: [{protocol: tcp, ports: 443, peer: web}]}}\n    instances:\n")
		for i := range 40 {
			fmt.Fprintf(&b, "      v%d-i%d: {subnet: v%d-s%d, security_groups: [web, default]}\n", v, i, v, i%4)
		}
		fmt.Fprintf(&attachments, "      v%d: {vpc: v%d, subnets: [v%d-s0]}\n", v, v, v)
	}
	return b.String() + "transit_gateways:\n  tgw:\n    attachments:\n" + attachments.String()
}

// TestRouteTablesAreThoseOfTheSnapshot: what is compiled for reading says the same as what packets are looked up in.
func TestRouteTablesAreThoseOfTheSnapshot(t *testing.T) {
	n := resolve(t, everything)
	s, _, err := Snapshot(n, nil)
	require.NoError(t, err)
	dataplane.Prepare(s)
	tables, err := RouteTables(n)
	require.NoError(t, err)
	for _, v := range n.VPCs {
		for _, table := range v.RouteTables {
			require.Contains(t, tables, table.ID, table.Name)
		}
	}
	for _, name := range []string{"one", "appliance"} {
		node := interfaceOf(t, n, s, name).Subnet.Node
		want, got := node.Routes.Entries(), tables[node.ID].Entries()
		require.Len(t, got, len(want))
		for k, e := range want {
			if got[k].Prefix != e.Prefix || got[k].Value.Target != e.Value.Target || got[k].Value.Drop != e.Value.Drop || got[k].Value.PrefixList != e.Value.PrefixList {
				t.Errorf("%s, route %d: %+v, want %+v", name, k, got[k].Value, e.Value)
			}
		}
	}
}
