package control

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/drop"
	"vpcsim/nat"
	"vpcsim/topology"
)

// threeVPCs is a lab with something for every kind of change.
const threeVPCs = `
name: changes
region: us-east-1
vpcs:
  main:
    cidr: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      public: {cidr: 10.0.1.0/24, route_table: public}
      private: {cidr: 10.0.2.0/24}
    route_tables:
      public: {routes: [{destination: 0.0.0.0/0, target: igw}]}
      main: {main: true, routes: [{destination: 10.1.0.0/16, target: pcx}]}
      spare: {routes: [{destination: 0.0.0.0/0, target: igw}, {destination: friends, target: igw}]}
    security_groups:
      echo: {ingress: [{protocol: tcp, ports: 7, peer: 0.0.0.0/0}]}
      closed: {}
    network_acls:
      closed: {}
    instances:
      web: {subnet: public, address: 10.0.1.10, public_ip: 198.51.100.10, security_groups: [echo]}
      app: {subnet: private, address: 10.0.2.10, security_groups: [echo]}
  peer:
    cidr: 10.1.0.0/16
    subnets: {s: {cidr: 10.1.1.0/24}}
    route_tables: {main: {main: true, routes: [{destination: 10.0.0.0/16, target: pcx}]}}
    security_groups: {echo: {ingress: [{protocol: tcp, ports: 7, peer: 10.0.0.0/8}]}}
    instances: {far: {subnet: s, address: 10.1.1.10, security_groups: [echo]}}
  third: {cidr: 10.2.0.0/16}
peerings: {pcx: {requester: main, accepter: peer}}
prefix_lists: {friends: {entries: [203.0.113.0/24]}}
internet:
  hosts:
    client: {address: 203.0.113.10}
`

// try says whether a TCP connection can be opened, and closes it.
func (l *Lab) try(t *testing.T, from, to string) error {
	t.Helper()
	var conn net.Conn
	var failed error
	l.inside(t, from, func() error {
		conn, failed = net.DialTimeout("tcp4", to, 300*time.Millisecond)
		return nil
	})
	if failed == nil {
		failed = conn.Close()
	}
	return failed
}

func allow(number int, protocol, ports string) topology.ACLEntrySpec {
	return topology.ACLEntrySpec{Number: number, Action: "allow", Protocol: protocol, Ports: ports, CIDR: "0.0.0.0/0"}
}

// changeRow is one change after the other, on the same lab: what can be reached afterwards, and what cannot.
type changeRow struct {
	name   string
	change Change
	works  [][2]string // from, to
	fails  [][2]string
}

const (
	webPublic = "198.51.100.10:7"
	webNew    = "198.51.100.77:7"
	client    = "203.0.113.10:7"
	app       = "10.0.2.10:7"
	web       = "10.0.1.10:7"
	far       = "10.1.1.10:7"
)

var changeRows = []changeRow{
	{
		"a rule that goes from a security group",
		Change{SecurityGroupRules: &SecurityGroupRules{VPC: "main", SecurityGroup: "echo", Ingress: []topology.RuleSpec{}}},
		nil, [][2]string{{"client", webPublic}, {"web", app}},
	},
	{
		"a rule that comes back, narrower",
		Change{SecurityGroupRules: &SecurityGroupRules{VPC: "main", SecurityGroup: "echo", Ingress: []topology.RuleSpec{{Protocol: "tcp", Ports: "7", Peer: "friends"}}}},
		[][2]string{{"client", webPublic}}, [][2]string{{"web", app}},
	},
	{
		"other entries of the prefix list that the rule names",
		Change{PrefixList: &PrefixList{Name: "friends", PrefixListEdit: topology.PrefixListEdit{Entries: []string{"192.0.2.0/24"}, CurrentVersion: 1}}},
		nil, [][2]string{{"client", webPublic}},
	},
	{
		"the list's first version again",
		Change{RestoreList: &RestoreList{Name: "friends", PreviousVersion: 1, CurrentVersion: 2}},
		[][2]string{{"client", webPublic}}, nil,
	},
	{
		"another security group for an instance",
		Change{InstanceGroups: &InstanceGroups{Instance: "web", SecurityGroups: []string{"closed"}}},
		nil, [][2]string{{"client", webPublic}},
	},
	{
		"the first security group for it again",
		Change{InstanceGroups: &InstanceGroups{Instance: "web", SecurityGroups: []string{"closed", "echo"}}},
		[][2]string{{"client", webPublic}}, nil,
	},
	{
		"another public address",
		Change{AssociateAddress: &AssociateAddress{Instance: "web", PublicIP: "198.51.100.77"}},
		[][2]string{{"client", webNew}}, [][2]string{{"client", webPublic}},
	},
	{
		"a network ACL that lets nothing through",
		Change{SubnetNetworkACL: &SubnetNetworkACL{Subnet: "public", NetworkACL: "closed"}},
		nil, [][2]string{{"client", webNew}, {"web", client}},
	},
	{
		"entries for it",
		Change{NetworkACLEntries: &NetworkACLEntries{
			NetworkACL: "closed", Ingress: []topology.ACLEntrySpec{allow(100, "tcp", "7")}, Egress: []topology.ACLEntrySpec{allow(100, "all", "")},
		}},
		[][2]string{{"client", webNew}}, [][2]string{{"web", client}},
	},
	{
		"the default network ACL again",
		Change{SubnetNetworkACL: &SubnetNetworkACL{Subnet: "public"}},
		[][2]string{{"client", webNew}, {"web", client}, {"app", far}}, [][2]string{{"app", client}},
	},
	{
		"a NAT gateway, to which nothing leads yet",
		Change{CreateNATGateway: &CreateNATGateway{VPC: "main", Name: "nat", Subnet: "public", PublicIP: "198.51.100.100"}},
		nil, [][2]string{{"app", client}},
	},
	{
		"a route to the NAT gateway",
		Change{CreateRoute: &RouteChange{VPC: "main", RouteTable: "main", Destination: "0.0.0.0/0", Target: "nat"}},
		[][2]string{{"app", client}}, nil,
	},
	{
		"the end of the NAT gateway",
		Change{DeleteNATGateway: &DeleteNATGateway{VPC: "main", Name: "nat"}},
		[][2]string{{"app", far}}, [][2]string{{"app", client}},
	},
	{
		"the end of the peering connection",
		Change{DeletePeering: &DeletePeering{Name: "pcx"}},
		nil, [][2]string{{"app", far}},
	},
	{
		"a peering connection that no route names",
		Change{CreatePeering: &CreatePeering{Name: "new", Requester: "peer", Accepter: "main"}},
		nil, [][2]string{{"app", far}},
	},
	{
		"a route table of its own for a subnet, which does not lead to the internet",
		Change{SubnetRouteTable: &SubnetRouteTable{Subnet: "public", RouteTable: "main"}},
		nil, [][2]string{{"web", client}},
	},
	{
		"the main route table, explicitly no more",
		Change{SubnetRouteTable: &SubnetRouteTable{Subnet: "public"}},
		nil, [][2]string{{"web", client}},
	},
	{
		"another main route table",
		Change{MainRouteTable: &MainRouteTable{VPC: "main", RouteTable: "spare"}},
		[][2]string{{"web", client}}, nil,
	},
	{
		"no public address at all",
		Change{AssociateAddress: &AssociateAddress{Instance: "web"}},
		nil, [][2]string{{"client", webNew}, {"web", client}},
	},
}

// TestEveryChangeDoesWhatItSays makes all kinds of changes to one lab, one after the other.
func TestEveryChangeDoesWhatItSays(t *testing.T) {
	l := startText(t, threeVPCs, Options{})
	for _, name := range []string{"client", "web", "app", "far"} {
		l.echo(t, name, 7)
	}
	for _, row := range changeRows {
		if _, err := l.Change(row.change); err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		for _, way := range row.works {
			if err := l.try(t, way[0], way[1]); err != nil {
				t.Errorf("after %s, %s does not reach %s: %v", row.name, way[0], way[1], err)
			}
		}
		for _, way := range row.fails {
			if err := l.try(t, way[0], way[1]); err == nil {
				t.Errorf("after %s, %s still reaches %s", row.name, way[0], way[1])
			}
		}
	}
}

// failures lists for every kind of change one that cannot be made, with a part of what is said about it. Those that name
// nothing are refused by the edit, the others once the edited topology is resolved.
var failures = map[string]struct {
	change Change
	want   string
}{
	"an unknown security group":       {Change{SecurityGroupRules: &SecurityGroupRules{VPC: "main", SecurityGroup: "ecko"}}, "echo"},
	"a rule for no protocol":          {Change{SecurityGroupRules: &SecurityGroupRules{VPC: "main", SecurityGroup: "echo", Ingress: []topology.RuleSpec{{Protocol: "tpc", Peer: "0.0.0.0/0"}}}}, "tpc"},
	"an instance in an unknown group": {Change{InstanceGroups: &InstanceGroups{Instance: "web", SecurityGroups: []string{"closed", "nothing"}}}, "nothing"},
	"an unknown instance":             {Change{InstanceGroups: &InstanceGroups{Instance: "wbe"}}, "wbe"},
	"an unknown network ACL":          {Change{NetworkACLEntries: &NetworkACLEntries{VPC: "main", NetworkACL: "open"}}, "open"},
	"two entries of one number":       {Change{NetworkACLEntries: &NetworkACLEntries{VPC: "main", NetworkACL: "closed", Ingress: []topology.ACLEntrySpec{allow(1, "all", ""), allow(1, "tcp", "")}}}, "1"},
	"a subnet with an unknown ACL":    {Change{SubnetNetworkACL: &SubnetNetworkACL{Subnet: "public", NetworkACL: "open"}}, "open"},
	"an address that another has":     {Change{AssociateAddress: &AssociateAddress{Instance: "app", PublicIP: "198.51.100.10"}}, "198.51.100.10"},
	"an address that is none":         {Change{AssociateAddress: &AssociateAddress{Instance: "app", PublicIP: "198.51.100.300"}}, "198.51.100.300"},
	"an unknown main table":           {Change{MainRouteTable: &MainRouteTable{VPC: "main", RouteTable: "mian"}}, "mian"},
	"an unknown table of a subnet":    {Change{SubnetRouteTable: &SubnetRouteTable{Subnet: "public", RouteTable: "nothing"}}, "nothing"},
	"a NAT gateway in no subnet":      {Change{CreateNATGateway: &CreateNATGateway{VPC: "main", Name: "nat", Subnet: "nowhere"}}, "nowhere"},
	"a NAT gateway with a taken address": {
		Change{CreateNATGateway: &CreateNATGateway{VPC: "main", Name: "nat", Subnet: "public", PublicIP: "198.51.100.10"}}, "198.51.100.10",
	},
	"the end of an unknown NAT gateway":        {Change{DeleteNATGateway: &DeleteNATGateway{VPC: "main", Name: "nat"}}, "nat"},
	"a peering connection that is there":       {Change{CreatePeering: &CreatePeering{Name: "pcx", Requester: "main", Accepter: "third"}}, "pcx"},
	"a second peering of the same two VPCs":    {Change{CreatePeering: &CreatePeering{Name: "again", Requester: "main", Accepter: "peer"}}, "again"},
	"a peering with nobody":                    {Change{CreatePeering: &CreatePeering{Name: "new", Requester: "main", Accepter: "nobody"}}, "nobody"},
	"the end of an unknown peering connection": {Change{DeletePeering: &DeletePeering{Name: "new"}}, "new"},
	"a prefix list that outgrows a table":      {Change{PrefixList: &PrefixList{Name: "friends", PrefixListEdit: topology.PrefixListEdit{MaxEntries: 500}}}, "501 routes in a table"},
	"an outdated version of a prefix list":     {Change{PrefixList: &PrefixList{Name: "friends", PrefixListEdit: topology.PrefixListEdit{Entries: []string{}, CurrentVersion: 2}}}, "at version 1"},
	"no CIDR for a prefix list":                {Change{PrefixList: &PrefixList{Name: "friends", PrefixListEdit: topology.PrefixListEdit{Entries: []string{"192.0.2.0/33"}}}}, "192.0.2.0/33"},
	"a version that never was":                 {Change{RestoreList: &RestoreList{Name: "friends", PreviousVersion: 2, CurrentVersion: 1}}, "no version 2"},
	"a route to what is not there":             {Change{CreateRoute: &RouteChange{VPC: "main", RouteTable: "main", Destination: "0.0.0.0/0", Target: "nat"}}, "nat"},
}

// TestAChangeOfAnyKindThatFailsChangesNothing: neither the topology, nor the snapshot, nor a namespace.
func TestAChangeOfAnyKindThatFailsChangesNothing(t *testing.T) {
	l := startText(t, threeVPCs, Options{})
	spec, network, snapshot, nodes := l.Spec(), l.Network(), l.Router().Snapshot(), len(l.nodes)
	gateways := func() (n int) {
		l.state.Load().NATs(func(string, *nat.Gateway) { n++ })
		return n
	}
	for name, row := range failures {
		_, err := l.Change(row.change)
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v, want an error about %s", name, err, row.want)
		}
		require.Equal(t, spec, l.Spec(), name)
		require.Same(t, network, l.Network(), name)
		require.Same(t, snapshot, l.Router().Snapshot(), name)
		require.Len(t, l.nodes, nodes, name)
		require.Zero(t, gateways(), name)
	}
	if events, _, _ := l.Events.Since(0); len(events) != 0 {
		t.Errorf("told of as if they had happened: %+v", events)
	}
}

// TestNATSessionsOutliveChanges: a change that has nothing to do with it keeps a connection through a NAT gateway, its outside port and
// its metrics; the gateway's end does not.
func TestNATSessionsOutliveChanges(t *testing.T) {
	l := startText(t, threeVPCs, Options{})
	l.echo(t, "client", 7)
	for _, row := range changeRows {
		if c := row.change; c.CreateNATGateway != nil || c.CreateRoute != nil {
			_, err := l.Change(c)
			require.NoError(t, err)
		}
	}
	conn := l.dial(t, "app", client)
	require.NoError(t, echoes(conn))
	inside, remote := conn.LocalAddr().(*net.TCPAddr).AddrPort(), conn.RemoteAddr().(*net.TCPAddr).AddrPort()
	before := l.Outside(inside, remote)
	require.NotEqual(t, inside, before)
	metrics := func() *nat.Metrics { return l.describe().NatGateways[0].Metrics }
	if m := metrics(); m.ActiveConnectionCount != 1 || m.ConnectionEstablishedCount != 1 || m.BytesOutToSource == 0 {
		t.Errorf("metrics %+v", m)
	}
	_, err := l.Change(Change{CreateNATGateway: &CreateNATGateway{VPC: "main", Name: "another", Subnet: "public"}})
	require.NoError(t, err)
	require.NoError(t, echoes(conn))
	if after := l.Outside(inside, remote); after != before {
		t.Errorf("the far side knows %s, and knew %s before", after, before)
	}
	done, err := l.Change(Change{DeleteNATGateway: &DeleteNATGateway{VPC: "main", Name: "nat"}})
	require.NoError(t, err)
	if len(done.Flows) != 1 || done.Flows[0].Reason != drop.StaleFlow.String() {
		t.Errorf("events %+v, want the one connection cut", done.Flows)
	}
}
