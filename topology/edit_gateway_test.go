package topology_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/topology"
)

const gatewayLab = `
region: us-east-1
vpcs:
  a:
    cidr: 10.0.0.0/16
    secondary_cidrs: [10.9.0.0/16]
    ipv6_cidr: 2001:db8::/56
    internet_gateway: igw
    edge_route_table: edge
    subnets: {s: {cidr: 10.0.1.0/24}, t: {cidr: 10.0.2.0/24, route_table: private, network_acl: strict}}
    route_tables:
      private:
        routes:
          - {destination: 0.0.0.0/0, target: nat}
          - {destination: 10.1.0.0/16, target: ab}
          - {destination: 10.9.0.0/16, target: fw}
          - {destination: 9.0.0.0/8, target: igw}
      other: {}
      edge: {}
    nat_gateways: {nat: {subnet: s}}
    security_groups: {web: {ingress: [{protocol: tcp, peer: 10.0.0.0/8}]}}
    network_acls: {strict: {}}
    instances:
      web: {subnet: s, public_ip: 198.51.100.9}
      fw: {interfaces: [{subnet: s, source_dest_check: false}, {subnet: t}]}
  b:
    cidr: 10.1.0.0/16
    subnets: {s: {cidr: 10.1.1.0/24}}
    route_tables: {main: {main: true, routes: [{destination: 10.0.0.0/16, target: PEERING}]}}
    instances: {app: {subnet: s}}
    security_groups: {app: {ingress: [{protocol: tcp, peer: a/web}, {protocol: udp, peer: app}], egress: [{protocol: tcp, peer: a/default}]}}
  c: {cidr: 10.2.0.0/16}
peerings: {ab: {requester: a, accepter: b}}
`

// states lists the targets of a table's routes, those of black holes in brackets.
func states(s spec, vpc, table string) (all []string) {
	for _, r := range s.VPCs[vpc].RouteTables[table].Routes {
		if r.State == "blackhole" {
			r.Target = "[" + r.Target + "]"
		}
		all = append(all, r.Target)
	}
	return all
}

func TestEditsOfGateways(t *testing.T) {
	text := withPeeringID(t)
	n := network(t, text)
	nat, peering, subnet := n.NATGateway("nat").ID, n.Peering("ab").ID, n.VPC("b").Subnets[0].ID
	for _, row := range []edit{
		{"create a NAT gateway", func(s spec) error {
			return s.CreateNATGateway("a", "nat2", topology.NATGatewaySpec{Subnet: "t", PublicIP: "198.51.100.7"})
		}, "", func(s spec) any { return s.VPCs["a"].NATGateways["nat2"].Subnet }, "t"},
		{"create the first one of a VPC, by ids", func(s spec) error {
			return s.CreateNATGateway(n.VPC("b").ID, "nat", topology.NATGatewaySpec{Subnet: subnet, Private: true})
		}, "", func(s spec) any { return s.VPCs["b"].NATGateways["nat"].Subnet }, "s"},
		{"create a NAT gateway twice", func(s spec) error { return s.CreateNATGateway("a", "nat", topology.NATGatewaySpec{}) },
			"vpcs.a already has a NAT gateway nat", nil, nil},
		{"create a NAT gateway nobody says where", func(s spec) error { return s.CreateNATGateway("", "nat", topology.NATGatewaySpec{}) },
			"which VPC? there are a, b, c", nil, nil},
		{"delete a NAT gateway: its routes are black holes", func(s spec) error { return s.DeleteNATGateway("", "nat") },
			"", func(s spec) any { return states(s, "a", "private") }, []string{"[nat]", "ab", "fw", "igw"}},
		{"delete a NAT gateway by id", func(s spec) error { return s.DeleteNATGateway("a", nat) },
			"", func(s spec) any { return len(s.VPCs["a"].NATGateways) }, 0},
		{"delete a NAT gateway that is not there", func(s spec) error { return s.DeleteNATGateway("", "nta") },
			"no NAT gateway nta in any VPC; did you mean nat?", nil, nil},
		{"create a peering", func(s spec) error {
			return s.CreatePeering("ac", topology.PeeringSpec{Requester: n.VPC("a").ID, Accepter: "c"})
		}, "", func(s spec) any { return s.Peerings["ac"] }, topology.PeeringSpec{Requester: "a", Accepter: "c"}},
		{"create a peering twice", func(s spec) error {
			return s.CreatePeering("ab", topology.PeeringSpec{Requester: "a", Accepter: "c"})
		}, "the topology already has a peering ab", nil, nil},
		{"create a peering with nobody", func(s spec) error {
			return s.CreatePeering("ad", topology.PeeringSpec{Requester: "a", Accepter: "d"})
		}, "no VPC d in the topology, which has a, b, c", nil, nil},
		{"delete a peering: the routes on its near side are black holes", func(s spec) error { return s.DeletePeering("ab") },
			"", func(s spec) any { return states(s, "a", "private") }, []string{"nat", "[ab]", "fw", "igw"}},
		{"and those on its far side, by id", func(s spec) error { return s.DeletePeering(peering) },
			"", func(s spec) any { return states(s, "b", "main") }, []string{"[" + peering + "]"}},
		{"delete a peering: stale rules allow nothing, and a list without others is empty, not AWS's default",
			func(s spec) error { return s.DeletePeering("ab") },
			"", func(s spec) any { return s.VPCs["b"].SecurityGroups["app"] }, topology.SecurityGroupSpec{
				Ingress: []topology.RuleSpec{{Protocol: "udp", Peer: "app"}}, Egress: []topology.RuleSpec{},
			}},
		{"delete a peering that is not there", func(s spec) error { return s.DeletePeering("ba") },
			"no peering ba in the topology; did you mean ab?", nil, nil},
	} {
		t.Run(row.name, func(t *testing.T) { row.run(t, text) })
	}
}

func TestEditsOfLocalRoutes(t *testing.T) {
	text := withPeeringID(t)
	route := func(destination, target string) topology.RouteSpec {
		return topology.RouteSpec{Destination: destination, Target: target}
	}
	for _, row := range []edit{
		{"replace a local route", func(s spec) error { return s.ReplaceRoute("a", "private", route("10.0.0.7/16", "fw")) },
			"", func(s spec) any { return states(s, "a", "private") }, []string{"nat", "ab", "fw", "igw", "fw"}},
		{"replace that of the IPv6 CIDR", func(s spec) error { return s.ReplaceRoute("", "other", route("2001:DB8::/56", "fw/1")) },
			"", func(s spec) any { return states(s, "a", "other") }, []string{"fw/1"}},
		{"replace what has been replaced", func(s spec) error { return s.ReplaceRoute("a", "private", route("10.9.0.0/16", "nat")) },
			"", func(s spec) any { return states(s, "a", "private") }, []string{"nat", "ab", "nat", "igw"}},
		{"restore a local route", func(s spec) error { return s.ReplaceRoute("a", "private", route("10.9.0.0/16", "local")) },
			"", func(s spec) any { return states(s, "a", "private") }, []string{"nat", "ab", "igw"}},
		{"restore one that is local", func(s spec) error { return s.ReplaceRoute("a", "edge", route("10.0.0.0/16", "local")) },
			"", func(s spec) any { return len(states(s, "a", "edge")) }, 0},
		{"create a local route", func(s spec) error { return s.CreateRoute("a", "other", route("10.9.0.0/16", "fw")) },
			"route table other already has a route to 10.9.0.0/16; replace it instead", nil, nil},
		{"delete a local route, even if it is replaced", func(s spec) error { return s.DeleteRoute("a", "private", "10.9.0.0/16") },
			"the local route to 10.9.0.0/16 can't be deleted, only replaced", nil, nil},
		{"make a black hole of a local route", func(s spec) error { return s.SetRouteState("a", "other", "10.9.0.0/16", "blackhole") },
			"the local route to 10.9.0.0/16 can't be changed", nil, nil},
		{"replace a route of no table", func(s spec) error { return s.ReplaceRoute("a", "none", route("10.0.0.0/16", "fw")) },
			"no route table none in vpcs.a, which has edge, main, other, private", nil, nil},
	} {
		t.Run(row.name, func(t *testing.T) { row.run(t, text) })
	}
}

func TestTheRouteToADeletedNATGatewayKeepsItsName(t *testing.T) {
	s, _, err := topology.Parse("f", []byte(withPeeringID(t)))
	require.NoError(t, err)
	require.NoError(t, s.DeleteNATGateway("a", "nat"))
	n, err := topology.Resolve(s, nil)
	require.NoError(t, err)
	if r := n.RouteTable("private").Routes[0]; r.Target != "nat" || r.NATGateway != nil || r.State != topology.RouteBlackhole {
		t.Errorf("got %+v", r)
	}
}

// withPeeringID returns the lab with the id of its peering in the one route that leads there by id.
func withPeeringID(t *testing.T) string {
	n := network(t, strings.Replace(gatewayLab, "PEERING", "ab", 1))
	return strings.Replace(gatewayLab, "PEERING", n.Peering("ab").ID, 1)
}

func TestEditsFindThingsByTheIDsOfAnAccount(t *testing.T) {
	s, _, err := topology.Parse("f", []byte(`
region: us-east-1
vpcs:
  main:
    id: vpc-00000000000000001
    cidr: 10.0.0.0/16
    internet_gateway: igw
    subnets: {a: {id: subnet-00000000000000001, cidr: 10.0.1.0/24}, rtb: {cidr: 10.0.2.0/24}}
    nat_gateways: {nat: {id: nat-00000000000000001, subnet: a}}
    route_tables:
      a:
        id: rtb-00000000000000001
        routes: [{destination: 10.9.0.0/16, target: nat-00000000000000001}, {destination: 10.1.0.0/16, target: pcx-00000000000000001}]
  other: {cidr: 10.1.0.0/16}
peerings: {p: {id: pcx-00000000000000001, requester: main, accepter: other}}
prefix_lists: {office: {id: pl-00000000000000001, entries: [192.0.2.0/24]}}
`))
	require.NoError(t, err)
	endpoint := topology.EndpointSpec{Service: "s3", RouteTables: []string{"rtb-00000000000000001"}}
	require.NoError(t, s.CreateEndpoint("vpc-00000000000000001", "s3", endpoint))
	require.Equal(t, []string{"a"}, s.VPCs["main"].Endpoints["s3"].RouteTables)
	require.NoError(t, s.AssociateRouteTable("", "subnet-00000000000000001", "rtb-00000000000000001"))
	require.Equal(t, "a", s.VPCs["main"].Subnets["a"].RouteTable)
	require.NoError(t, s.DeleteNATGateway("", "nat-00000000000000001"))
	require.NoError(t, s.DeletePeering("pcx-00000000000000001"))
	for _, r := range s.VPCs["main"].RouteTables["a"].Routes {
		require.Equal(t, "blackhole", r.State, r.Target)
	}
	require.NoError(t, s.ModifyPrefixList("pl-00000000000000001", topology.PrefixListEdit{Entries: []string{"198.51.100.0/24"}}))
	require.Equal(t, []string{"198.51.100.0/24"}, s.PrefixLists["office"].Entries)
	_, err = topology.Resolve(s, nil)
	require.NoError(t, err)
}
