package topology_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/topology"
)

func TestEditsOfAssociations(t *testing.T) {
	text := withPeeringID(t)
	n := network(t, text)
	subnet, strict := n.VPC("a").Subnets[0].ID, n.NetworkACL("strict").ID
	table := func(vpc, subnet string) func(spec) any {
		return func(s spec) any { return s.VPCs[vpc].Subnets[subnet].RouteTable }
	}
	acl := func(vpc, subnet string) func(spec) any {
		return func(s spec) any { return s.VPCs[vpc].Subnets[subnet].NetworkACL }
	}
	address := func(s spec) any { return s.VPCs["a"].Instances["web"].PublicIP }
	for _, row := range []edit{
		{"another main route table", func(s spec) error { return s.ReplaceMainRouteTable("a", n.RouteTable("other").ID) },
			"", func(s spec) any {
				return []bool{s.VPCs["a"].RouteTables["other"].Main, s.VPCs["a"].RouteTables["main"].Main}
			}, []bool{true, false}},
		{"the main route table there is", func(s spec) error { return s.ReplaceMainRouteTable("b", "main") },
			"", func(s spec) any { return s.VPCs["b"].RouteTables["main"].Main }, true},
		{"the implied one there is", func(s spec) error { return s.ReplaceMainRouteTable("c", "main") },
			"", func(s spec) any { return s.VPCs["c"].RouteTables["main"].Main }, true},
		{"no such main route table", func(s spec) error { return s.ReplaceMainRouteTable("b", "mian") },
			"no route table mian in vpcs.b; did you mean main?", nil, nil},
		{"a route table for a subnet", func(s spec) error { return s.AssociateRouteTable("a", subnet, "other") }, "", table("a", "s"), "other"},
		{"the main one, by name", func(s spec) error { return s.AssociateRouteTable("a", "s", "main") }, "", table("a", "s"), "main"},
		{"back to the main one", func(s spec) error { return s.AssociateRouteTable("", "t", "") }, "", table("a", "t"), ""},
		{"a route table of another VPC", func(s spec) error { return s.AssociateRouteTable("b", "s", "private") },
			"no route table private in vpcs.b, which has main", nil, nil},
		{"a route table for a subnet of two VPCs", func(s spec) error { return s.AssociateRouteTable("", "s", "") },
			"which VPC's subnet s? a, b have one", nil, nil},
		{"a network ACL for a subnet", func(s spec) error { return s.AssociateNetworkACL("a", subnet, strict) }, "", acl("a", "s"), "strict"},
		{"the default network ACL, by name", func(s spec) error { return s.AssociateNetworkACL("a", "t", "default") }, "", acl("a", "t"), "default"},
		{"back to the default one", func(s spec) error { return s.AssociateNetworkACL("a", "t", "") }, "", acl("a", "t"), ""},
		{"no such network ACL", func(s spec) error { return s.AssociateNetworkACL("a", "t", "strikt") },
			"no network ACL strikt in vpcs.a; did you mean strict?", nil, nil},
		{"a network ACL for no subnet", func(s spec) error { return s.AssociateNetworkACL("c", "t", "") }, "no subnet t: vpcs.c has none", nil, nil},
		{"a public address", func(s spec) error { return s.AssociateAddress("", "web", "203.0.113.7") }, "", address, "203.0.113.7"},
		{"one that the simulator chooses", func(s spec) error { return s.AssociateAddress("a", n.Instance("web").ID, "auto") }, "", address, "auto"},
		{"none", func(s spec) error { return s.AssociateAddress("a", "web", "") }, "", address, ""},
		{"one for the primary interface of several", func(s spec) error { return s.AssociateAddress("", "fw", "auto") },
			"", func(s spec) any {
				return []string{s.VPCs["a"].Instances["fw"].Interfaces[0].PublicIP, s.VPCs["a"].Instances["fw"].PublicIP}
			}, []string{"auto", ""}},
		{"one for nobody", func(s spec) error { return s.AssociateAddress("", "wbe", "auto") }, "no instance wbe in any VPC; did you mean web?", nil, nil},
	} {
		t.Run(row.name, func(t *testing.T) { row.run(t, text) })
	}
}

// TestReplacingTheMainRouteTableMovesImplicitSubnetsOnly: the explicit association stays, and so does the old main table,
// though no file wrote it (aws-semantics 1.1).
func TestReplacingTheMainRouteTableMovesImplicitSubnetsOnly(t *testing.T) {
	s, _, err := topology.Parse("f", []byte(withPeeringID(t)))
	require.NoError(t, err)
	before, err := topology.Resolve(s, nil)
	require.NoError(t, err)
	require.NoError(t, s.ReplaceMainRouteTable("a", "other"))
	after, err := topology.Resolve(s, nil)
	require.NoError(t, err)
	subnets := after.VPC("a").Subnets
	if subnets[0].RouteTable.Name != "other" || subnets[1].RouteTable.Name != "private" {
		t.Errorf("got %s and %s", subnets[0].RouteTable.Name, subnets[1].RouteTable.Name)
	}
	id := before.VPC("a").Subnets[0].RouteTable.ID
	if old := after.RouteTable(id); old == nil || old.Main {
		t.Errorf("the old main table is %+v", old)
	}
}
