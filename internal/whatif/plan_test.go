package whatif

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/flowlog"
	"vpcsim/topology"
)

// account is a private subnet behind a NAT gateway, with a hand-made route to a part of S3, a public one, one with an endpoint, and a
// peered VPC.
const account = `
name: account
region: us-east-1
vpcs:
  main:
    id: vpc-00000000000000001
    cidr: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      public: {id: subnet-00000000000000001, cidr: 10.0.1.0/24, route_table: public}
      private: {id: subnet-00000000000000002, cidr: 10.0.2.0/24, route_table: private}
      archive: {cidr: 10.0.3.0/24, route_table: archive}
      empty: {cidr: 10.0.4.0/24, route_table: private}
    route_tables:
      public: {main: true, routes: [{destination: 0.0.0.0/0, target: igw}, {destination: 10.1.0.0/16, target: pcx}]}
      private: {routes: [{destination: 0.0.0.0/0, target: nat}, {destination: 52.216.9.0/24, target: nat}]}
      archive: {}
    endpoints: {archive: {service: s3, route_tables: [archive]}}
    nat_gateways: {nat: {interface_id: eni-00000000000000009, subnet: public, address: 10.0.1.9, public_ip: 198.51.100.9}}
    instances:
      web: {interface_id: eni-00000000000000001, subnet: public, address: 10.0.1.10, secondary_addresses: [10.0.1.11], public_ip: 198.51.100.10}
      app: {interface_id: eni-00000000000000002, subnet: private, address: 10.0.2.10}
      vault: {interface_id: eni-00000000000000003, subnet: archive, address: 10.0.3.10}
      hidden: {interface_id: eni-00000000000000004, subnet: public, address: 10.0.1.12}
  peer:
    cidr: 10.1.0.0/16
    subnets: {far: {cidr: 10.1.1.0/24}}
    route_tables: {main: {main: true, routes: [{destination: 10.0.0.0/16, target: pcx}]}}
    instances: {far: {interface_id: eni-00000000000000005, subnet: far, address: 10.1.1.10}}
peerings: {pcx: {requester: main, accepter: peer}}
prefix_lists: {s3: {entries: [52.216.0.0/15, 54.231.0.0/16]}}
`

// The connections that logs tell of: the interface's number, its end, the far end.
const (
	natToS3       = "2 10.0.2.10:41000 52.216.1.2:443"
	natToHeldS3   = "2 10.0.2.10:41001 52.216.9.2:443"
	natToInternet = "2 10.0.2.10:41002 203.0.113.5:443"
	igwToS3       = "1 10.0.1.10:42000 52.216.1.2:443"
	igwInbound    = "1 10.0.1.10:22 203.0.113.5:50000"
	endpointToS3  = "3 10.0.3.10:43000 52.216.1.2:443"
	peerToWeb     = "5 10.1.1.10:44000 10.0.1.10:80"
	webFromPeer   = "1 10.0.1.10:80 10.1.1.10:44000"
)

var everyConnection = []string{natToS3, natToHeldS3, natToInternet, igwToS3, igwInbound, endpointToS3, peerToWeb, webFromPeer}

// both writes the two records, one per direction, of a connection.
func both(c string) string {
	var n int
	var local, remote string
	_, _ = fmt.Sscan(c, &n, &local, &remote)
	return one(n, local, remote, "ACCEPT OK") + one(n, remote, local, "ACCEPT OK")
}

func one(n int, from, to, action string) string {
	src, srcPort, _ := strings.Cut(from, ":")
	dst, dstPort, _ := strings.Cut(to, ":")
	return fmt.Sprintf("2 123456789012 eni-%017d %s %s %s %s 6 20 4000 1767261600 1767261660 %s\n", n, src, dst, srcPort, dstPort, action)
}

func parse(t testing.TB, text string) (*topology.Spec, *topology.Network) {
	t.Helper()
	spec, src, err := topology.Parse("account.vpc.yml", []byte(text))
	require.NoError(t, err)
	n, err := topology.Resolve(spec, src)
	require.NoError(t, err)
	return spec, n
}

// planOf is the plan of an edit of the topology, for what a log tells of.
func planOf(t testing.TB, text string, edit func(*topology.Spec) error, publicIP bool, lines ...string) *Plan {
	t.Helper()
	spec, before := parse(t, text)
	require.NoError(t, edit(spec))
	after, err := topology.Resolve(spec, nil)
	require.NoError(t, err)
	forecast, err := Foresee(before, after, publicIP)
	require.NoError(t, err)
	p, err := New(before, after, forecast)
	require.NoError(t, err)
	p.Logged(read(t, lines...), 15*time.Minute, 0)
	return p
}

func read(t testing.TB, lines ...string) *Log {
	t.Helper()
	l := NewLog()
	r, err := flowlog.NewReader(strings.NewReader(strings.Join(lines, "")), "test.log", nil)
	require.NoError(t, err)
	for {
		record, err := r.Next()
		if err == io.EOF {
			l.File()
			return l
		}
		require.NoError(t, err)
		l.Add(record)
	}
}

// ends names the connections of a group as the constants do.
func ends(g Group) (all []string) {
	for _, c := range g.Connections {
		all = append(all, strings.TrimLeft(strings.TrimPrefix(c.NetworkInterfaceID, "eni-"), "0")+" "+c.Local+" "+c.Remote)
	}
	slices.Sort(all)
	return all
}

func sorted(all ...string) []string {
	if len(all) == 0 {
		return nil
	}
	return slices.Sorted(slices.Values(all))
}

func create(name string, tables ...string) func(*topology.Spec) error {
	return func(s *topology.Spec) error {
		return s.CreateEndpoint("main", name, topology.EndpointSpec{Service: "s3", RouteTables: tables})
	}
}

func TestWhatAChangeDrops(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		edit     func(*topology.Spec) error
		publicIP bool
		drops    []string
	}{
		"an endpoint on the private table drops S3 behind the NAT gateway, but for what a route holds": {create("s3", "private"), false, []string{natToS3}},
		"an endpoint on the NAT gateway's own table drops S3 there and behind it": {
			create("s3", "public"), false, []string{natToS3, natToHeldS3, igwToS3},
		},
		"by the announcement of 2015 it drops all that uses a public address": {
			create("s3", "public"), true, []string{natToS3, natToHeldS3, igwToS3, igwInbound},
		},
		"deleting an endpoint drops what goes through it": {
			func(s *topology.Spec) error { return s.DeleteEndpoint("main", "archive") }, false, []string{endpointToS3},
		},
		"an endpoint in place of another drops what goes through that": {
			func(s *topology.Spec) error {
				if err := s.DeleteEndpoint("main", "archive"); err != nil {
					return err
				}
				return create("s3", "archive")(s)
			}, false, []string{endpointToS3},
		},
		"removing an endpoint from a table is deleting its route": {
			func(s *topology.Spec) error { return s.ModifyEndpoint("main", "archive", nil, []string{"archive"}) }, false, []string{endpointToS3},
		},
		"another default route drops all that used the old one": {
			func(s *topology.Spec) error {
				return s.ReplaceRoute("main", "private", topology.RouteSpec{Destination: "0.0.0.0/0", Target: "igw"})
			}, false, []string{natToS3, natToInternet},
		},
		"a connection between two network interfaces counts once, and is lost with its route at either end": {
			func(s *topology.Spec) error { return s.DeleteRoute("peer", "main", "10.0.0.0/16") }, false, []string{peerToWeb},
		},
		"a route to what has none drops nothing": {
			func(s *topology.Spec) error {
				return s.CreateRoute("main", "public", topology.RouteSpec{Destination: "192.0.2.0/24", Target: "nat"})
			}, false, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var lines []string
			for _, c := range everyConnection {
				lines = append(lines, both(c))
			}
			p := planOf(t, account, row.edit, row.publicIP, lines...)
			require.Empty(t, p.Connections.NotJudged)
			require.Equal(t, sorted(row.drops...), ends(p.Connections.Dropped))
			require.Equal(t, len(everyConnection)-1, p.Connections.Dropped.Total+p.Connections.Survive.Total, "one has two ends")
			require.Equal(t, [2]int{len(everyConnection) - 1, 1}, [2]int{p.FlowLogs.Live, p.FlowLogs.AtBothEnds})
			require.Equal(t, len(row.drops) > 0, p.Drops())
			for _, c := range p.Connections.Dropped.Connections {
				require.NotEmpty(t, c.Why)
				require.NotEmpty(t, c.Reason)
				require.NotEmpty(t, c.RoutesBefore)
			}
		})
	}
}

// TestADropIsExplained pins what is said of one connection.
func TestADropIsExplained(t *testing.T) {
	t.Parallel()
	p := planOf(t, account, create("s3", "private"), false, both(natToS3))
	c := p.Connections.Dropped.Connections[0]
	_, n := parse(t, account)
	require.Equal(t, "app", c.Name)
	require.Equal(t, [4]string{"nat", "vpce", "198.51.100.9", "10.0.2.10"}, [4]string{c.PathBefore, c.PathAfter, c.SourceBefore, c.SourceAfter})
	require.Equal(t, "X_STALE_FLOW_ENDPOINT_CHANGE", c.Reason)
	require.Equal(t, "the route of its packets changes: the far side sees 10.0.2.10 in place of 198.51.100.9, and does not know the connection", c.Why)
	require.Len(t, c.RoutesBefore, 2)
	require.Equal(t, n.NATGateway("nat").ID, c.RoutesBefore[0].NatGatewayID)
	require.Equal(t, n.VPC("main").InternetGateway.ID, c.RoutesBefore[1].GatewayID)
	require.Len(t, c.RoutesAfter, 1)
	require.Equal(t, "52.216.0.0/15", c.RoutesAfter[0].DestinationCidrBlock)
	require.Equal(t, n.PrefixList("s3").ID, c.RoutesAfter[0].DestinationPrefixListID)
	require.Equal(t, &Seen{Start: time.Unix(1767261600, 0).UTC(), End: time.Unix(1767261660, 0).UTC(), Packets: 40, Bytes: 8000}, c.FlowLog)
}

func TestWhyConnectionsDrop(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		edit     func(*topology.Spec) error
		publicIP bool
		line     string
		want     string
	}{
		"no route is left": {
			func(s *topology.Spec) error { return s.DeleteRoute("main", "private", "0.0.0.0/0") }, false, natToS3,
			"the route of its packets changes, and they get nowhere: the route table has no route to the destination",
		},
		"a public address in an affected subnet": {
			create("s3", "public"), true, igwInbound,
			"it uses a public IP address in a subnet whose route table gets the endpoint's route (scope public-ip)",
		},
		"another public address": {
			func(s *topology.Spec) error { return s.AssociateAddress("main", "web", "198.51.100.99") }, false, igwInbound,
			"the far side would see 198.51.100.99 in place of 198.51.100.10, and does not know the connection",
		},
		"the same address by another endpoint": {
			func(s *topology.Spec) error {
				if err := s.DeleteEndpoint("main", "archive"); err != nil {
					return err
				}
				return create("s3", "archive")(s)
			}, false, endpointToS3,
			"the route of its packets changes, and what they come to there does not know the connection",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := planOf(t, account, row.edit, row.publicIP, both(row.line))
			require.Len(t, p.Connections.Dropped.Connections, 1)
			require.Equal(t, row.want, p.Connections.Dropped.Connections[0].Why)
		})
	}
}

func TestWhatHasNoConnectionIsRerouted(t *testing.T) {
	t.Parallel()
	udp := strings.ReplaceAll(both(natToS3), " 6 20 ", " 17 20 ")
	ping := strings.NewReplacer(" 6 20 ", " 1 20 ", "41000", "0", "443", "0").Replace(both(natToS3))
	p := planOf(t, account, create("s3", "private"), false, udp, ping)
	require.Equal(t, 2, p.Connections.Rerouted.Total)
	require.False(t, p.Drops())
	icmp, datagrams := p.Connections.Rerouted.Connections[0], p.Connections.Rerouted.Connections[1]
	require.Equal(t, [3]string{"icmp", "10.0.2.10", ""}, [3]string{icmp.Protocol, icmp.Local, icmp.DropAfter})
	require.Equal(t, [3]string{"udp", "10.0.2.10:41000", "VPCE_GATEWAY_PROTOCOL_RESTRICTION"}, [3]string{datagrams.Protocol, datagrams.Local, datagrams.DropAfter})
}

func TestListsAreCutOnlyWithACount(t *testing.T) {
	t.Parallel()
	spec, before := parse(t, account)
	require.NoError(t, create("s3", "private")(spec))
	after, err := topology.Resolve(spec, nil)
	require.NoError(t, err)
	forecast, err := Foresee(before, after, false)
	require.NoError(t, err)
	p, err := New(before, after, forecast)
	require.NoError(t, err)
	var lines []string
	for n := range 30 {
		lines = append(lines, both(fmt.Sprintf("2 10.0.2.10:%d 52.216.1.2:443", 41000+n)))
	}
	p.Logged(read(t, lines...), 0, 7)
	g := p.Connections.Dropped
	require.Equal(t, [3]int{30, 7, 23}, [3]int{g.Total, len(g.Connections), g.Omitted})
	require.Equal(t, "10.0.2.10:41006", g.Connections[6].Local)
}

func TestRoutesThatChange(t *testing.T) {
	t.Parallel()
	describe := func(p *Plan) (all []string) {
		for _, table := range p.RouteTables {
			for _, r := range table.Routes {
				text := fmt.Sprintf("%s %s: %s -> %s", table.Name, r.Destination(), target(r.Before), target(r.After))
				for _, k := range r.Kept {
					text += ", but " + k.Destination() + " -> " + k.TargetName
				}
				if !r.Moves {
					text += ", stays"
				}
				all = append(all, text)
			}
		}
		return all
	}
	for name, row := range map[string]struct {
		edit func(*topology.Spec) error
		want []string
	}{
		"each entry of the list, and what keeps a part of it": {create("s3", "private"), []string{
			"private 52.216.0.0/15: 0.0.0.0/0 nat -> 52.216.0.0/15 s3, but 52.216.9.0/24 -> nat",
			"private 54.231.0.0/16: 0.0.0.0/0 nat -> 54.231.0.0/16 s3",
		}},
		"a route of the same destination stays the better one": {
			func(s *topology.Spec) error {
				for _, cidr := range []string{"52.216.0.0/15", "54.231.0.0/17", "54.231.128.0/17"} {
					if err := s.CreateRoute("main", "archive", topology.RouteSpec{Destination: cidr, Target: "igw"}); err != nil {
						return err
					}
				}
				return nil
			}, []string{
				"archive 52.216.0.0/15: 52.216.0.0/15 archive -> 52.216.0.0/15 igw",
				"archive 54.231.0.0/17: 54.231.0.0/16 archive -> 54.231.0.0/17 igw",
				"archive 54.231.128.0/17: 54.231.0.0/16 archive -> 54.231.128.0/17 igw",
			},
		},
		"a route that goes": {
			func(s *topology.Spec) error { return s.DeleteRoute("main", "private", "52.216.9.0/24") },
			[]string{"private 52.216.9.0/24: 52.216.9.0/24 nat -> 0.0.0.0/0 nat, stays"},
		},
		"the last route to a destination": {
			func(s *topology.Spec) error { return s.DeleteRoute("main", "public", "10.1.0.0/16") },
			[]string{"public 10.1.0.0/16: 10.1.0.0/16 pcx -> 0.0.0.0/0 igw"},
		},
		"nothing": {func(*topology.Spec) error { return nil }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, row.want, describe(planOf(t, account, row.edit, false)))
		})
	}
}

func target(r *Route) string {
	if r == nil {
		return "none"
	}
	return r.Cidr() + " " + r.TargetName
}

// TestAnEndpointBehindIdenticalRoutesMovesNothing: what a table has by hand for all of the list stays the better route.
func TestAnEndpointBehindIdenticalRoutesMovesNothing(t *testing.T) {
	t.Parallel()
	text := strings.Replace(account, "archive: {}\n", "archive: {routes: [{destination: 52.216.0.0/15, target: igw}, {destination: 54.231.0.0/17, target: igw}, {destination: 54.231.128.0/17, target: igw}]}\n", 1)
	text = strings.Replace(text, "endpoints: {archive: {service: s3, route_tables: [archive]}}", "endpoints: {}", 1)
	p := planOf(t, text, create("s3", "archive"), false)
	require.Len(t, p.RouteTables, 1)
	held, split := p.RouteTables[0].Routes[0], p.RouteTables[0].Routes[1]
	require.Equal(t, held.Before, held.After)
	require.Len(t, split.Kept, 2)
	require.False(t, held.Moves || split.Moves)
	require.Empty(t, p.Subnets)
	require.Empty(t, p.Interfaces)
}

func TestWhoIsAffected(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		edit       func(*topology.Spec) error
		subnets    []string
		interfaces []string
	}{
		"the subnets of the table, empty ones included": {create("s3", "private"), []string{"empty []", "private [{nat vpce}]"}, []string{"app [{nat vpce}]"}},
		"and those whose way leads through its subnet": {
			create("s3", "public"), []string{"private [{nat nat+vpce}]", "public [{igw vpce}]"},
			[]string{"web [{igw vpce}]", "hidden [{igw vpce}]", "app [{nat nat+vpce}]"},
		},
		"nobody, where what is new leads where the old one did": {
			func(s *topology.Spec) error { return s.DeleteRoute("main", "private", "52.216.9.0/24") }, nil, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := planOf(t, account, row.edit, false)
			var subnets, interfaces []string
			for _, s := range p.Subnets {
				subnets = append(subnets, fmt.Sprintf("%s %v", s.Name, s.Paths))
			}
			for _, i := range p.Interfaces {
				interfaces = append(interfaces, fmt.Sprintf("%s %v", i.Name, i.Paths))
			}
			require.Equal(t, row.subnets, subnets)
			require.ElementsMatch(t, row.interfaces, interfaces)
		})
	}
}

// TestConnectionsByWaysThatAreNotFollowed: where a route leads outside of what is simulated, its connections are there all the same,
// and are lost when their route goes elsewhere.
func TestConnectionsByWaysThatAreNotFollowed(t *testing.T) {
	t.Parallel()
	const office = `
name: office
region: us-east-1
vpcs:
  main:
    cidr: 10.0.0.0/16
    outside_gateways: [vgw-00000000000000001]
    subnets: {a: {cidr: 10.0.1.0/24}}
    route_tables: {main: {main: true, routes: [{destination: 0.0.0.0/0, target: vgw-00000000000000001, propagated: true}]}}
    network_interfaces: {lb: {interface_id: eni-00000000000000001, type: network_load_balancer, subnet: a, address: 10.0.1.10}}
`
	toOffice, toS3 := "1 10.0.1.10:41000 192.168.1.1:443", "1 10.0.1.10:41001 52.216.1.2:443"
	p := planOf(t, office, create("s3", "main"), false, both(toOffice), both(toS3))
	require.Equal(t, []string{toS3}, ends(p.Connections.Dropped))
	require.Equal(t, []string{toOffice}, ends(p.Connections.Survive))
	require.Equal(t, "lb", p.Connections.Dropped.Connections[0].Name)
	require.Equal(t, "vgw-00000000000000001", p.Connections.Dropped.Connections[0].TargetBefore)
	require.Equal(t, "none", p.Connections.Dropped.Connections[0].PathBefore)
	require.Equal(t, []InterfaceEffect{{
		NetworkInterfaceID: "eni-00000000000000001", Name: "lb", SubnetID: p.Subnets[0].SubnetID, PrivateIPAddress: "10.0.1.10", Paths: []Move{{"none", "vpce"}},
	}}, p.Interfaces)
}
