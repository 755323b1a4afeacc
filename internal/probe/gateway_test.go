package probe

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/topology"
)

// gateways is a lab with everything that a probe may cross.
const gateways = `
name: gateways
region: us-east-1
vpcs:
  main:
    cidr: 10.0.0.0/16
    ipv6_cidr: 2001:db8:1200::/56
    internet_gateway: igw
    egress_only_internet_gateway: eigw
    edge_route_table: edge
    subnets:
      public: {cidr: 10.0.1.0/24, ipv6_cidr: "2001:db8:1200:1::/64", az: us-east-1a, route_table: public}
      private: {cidr: 10.0.2.0/24, ipv6_cidr: "2001:db8:1200:2::/64", az: us-east-1a, route_table: private}
      trap: {cidr: 10.0.3.0/24, az: us-east-1a, route_table: private, network_acl: trap}
    nat_gateways:
      nat: {subnet: public, address: 10.0.1.100, public_ip: 198.51.100.100}
    route_tables:
      edge: {routes: [{destination: 10.0.1.0/24, target: local}]}
      public: {main: true, routes: [{destination: 0.0.0.0/0, target: igw}, {destination: "::/0", target: igw}]}
      private:
        routes:
          - {destination: 0.0.0.0/0, target: nat}
          - {destination: "::/0", target: eigw}
          - {destination: 10.1.0.0/16, target: pcx}
          - {destination: 10.2.0.0/16, target: tgw}
          - {destination: 10.3.0.0/16, target: pcx}
    security_groups:
      web: {ingress: [{protocol: tcp, ports: 443, peer: 0.0.0.0/0}, {protocol: tcp, ports: 443, peer: "::/0"}, {protocol: icmpv6, icmp: 128, peer: "::/0"}]}
      silent: {egress: []}
    network_acls:
      trap:
        ingress: [{number: 100, action: allow, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}]
        egress: [{number: 100, action: allow, protocol: all, cidr: 0.0.0.0/0}]
    instances:
      web: {subnet: public, address: 10.0.1.10, public_ip: 198.51.100.10, ipv6_addresses: ["2001:db8:1200:1::10"], security_groups: [web]}
      app: {subnet: private, address: 10.0.2.10, ipv6_addresses: ["2001:db8:1200:2::10"]}
      trapped: {subnet: trap, address: 10.0.3.10}
      mute: {subnet: private, address: 10.0.2.11, security_groups: [silent]}
  peer:
    cidr: 10.1.0.0/16
    subnets: {s: {cidr: 10.1.1.0/24, az: us-east-1a}}
    route_tables: {main: {main: true, routes: [{destination: 10.0.0.0/16, target: pcx}]}}
    security_groups: {open: {ingress: [{protocol: all, peer: 10.0.0.0/8}]}}
    instances: {far: {subnet: s, address: 10.1.1.10, security_groups: [open]}}
  hub:
    cidr: 10.2.0.0/16
    subnets: {s: {cidr: 10.2.1.0/24, az: us-east-1a}}
    route_tables: {main: {main: true, routes: [{destination: 10.0.0.0/16, target: tgw}]}}
    security_groups: {open: {ingress: [{protocol: all, peer: 10.0.0.0/8}]}}
    instances: {spoke: {subnet: s, address: 10.2.1.10, security_groups: [open]}}
peerings: {pcx: {requester: main, accepter: peer}}
transit_gateways:
  tgw: {attachments: {to-main: {vpc: main, subnets: [private]}, to-hub: {vpc: hub, subnets: [s]}}}
internet:
  hosts:
    client: {address: 203.0.113.10, ipv6_address: "2001:db8:ffff::10"}
`

// gatewayRow is a question and what it should give: of the packet and of the answer, verdict and, if dropped, reason.
type gatewayRow struct {
	query    Query
	forward  string
	where    string // instance, host, NAT gateway or id where it ended
	source   string
	back     string
	backHops []string // kinds of ids that the answer must meet, in order
}

var gatewayRows = map[string]gatewayRow{
	"through a NAT gateway, and back through its translation": {
		Query{From: "app", To: "client", Protocol: "tcp", Port: 80}, Delivered, "client", "198.51.100.100", Delivered,
		[]string{"host-", "internet", "igw-", "rtb-", "eni-", "nat-", "vpc-", "acl-", "eni-"},
	},
	"ping through a NAT gateway": {Query{From: "app", To: "client", Protocol: "icmp"}, Delivered, "client", "198.51.100.100", Delivered, nil},
	"a NAT gateway lets nobody in": {
		Query{From: "client", To: "198.51.100.100", Protocol: "tcp", Port: 80}, "X_NAT_NO_MAPPING", "nat", "", "", nil,
	},
	"a NAT gateway by its name": {Query{From: "web", To: "nat", Protocol: "tcp", Port: 80}, "X_NAT_NO_MAPPING", "nat", "", "", nil},
	"a security group lets nothing else in": {
		Query{From: "client", To: "198.51.100.10", Protocol: "tcp", Port: 22}, "ENI_SG_RULES_MISMATCH", "web", "", "", nil,
	},
	"a security group without outbound rules": {
		Query{From: "mute", To: "client", Protocol: "tcp", Port: 443}, "SG_HAS_NO_RULES", "mute", "", "", nil,
	},
	"the ephemeral ports that a network ACL forgot": {
		Query{From: "trapped", To: "client", Protocol: "tcp", Port: 80}, Delivered, "client", "198.51.100.100", "SUBNET_ACL_RESTRICTION",
		[]string{"host-", "igw-", "eni-", "acl-"},
	},
	"to a peered VPC": {Query{From: "app", To: "far", Protocol: "tcp", Port: 80}, Delivered, "far", "10.0.2.10", Delivered, nil},
	"through a peered VPC to another": {
		Query{From: "app", To: "10.3.0.1", Protocol: "tcp", Port: 80}, "PCX_REQUIRES_ADDRESS_IN_VPC_CIDR", "pcx", "", "", nil,
	},
	"through a transit gateway": {Query{From: "app", To: "spoke", Protocol: "tcp", Port: 80}, Delivered, "spoke", "10.0.2.10", Delivered, nil},
	"to one's own public address": {
		Query{From: "web", To: "198.51.100.10", Protocol: "tcp", Port: 443}, Delivered, "web", "198.51.100.10", Delivered, nil,
	},
	"IPv6 through the internet gateway is not translated": {
		Query{From: "web", To: "2001:db8:ffff::10", Protocol: "tcp", Port: 80}, Delivered, "client", "2001:db8:1200:1::10", Delivered, nil,
	},
	"IPv6 from the internet": {
		Query{From: "internet:2001:db8:eeee::1", To: "2001:db8:1200:1::10", Protocol: "tcp", Port: 443}, Delivered, "web", "2001:db8:eeee::1", Delivered, nil,
	},
	"ping over IPv6 is ICMPv6": {
		Query{From: "client", To: "2001:db8:1200:1::10", Protocol: "icmp"}, Delivered, "web", "2001:db8:ffff::10", Delivered, nil,
	},
	"out of an egress-only internet gateway, and the answer in": {
		Query{From: "app", To: "internet:2001:db8:ffff::99", Protocol: "udp", Port: 53}, Delivered, "internet", "2001:db8:1200:2::10", Delivered,
		[]string{"internet", "eigw-", "vpc-", "acl-", "eni-"},
	},
	"an egress-only internet gateway lets nobody in": {
		Query{From: "client", To: "2001:db8:1200:2::10", Protocol: "tcp", Port: 443}, "X_EIGW_NO_SESSION", "eigw", "", "", nil,
	},
	"a protocol by its number over IPv6": {
		Query{From: "2001:db8:1200:2::10", To: "2001:db8:1200:1::10", Protocol: "47"}, "ENI_SG_RULES_MISMATCH", "web", "", "", nil,
	},
}

func TestTraceThroughGateways(t *testing.T) {
	t.Parallel()
	tracer := tracerOf(t, gateways)
	for name, row := range gatewayRows {
		a, err := tracer.Trace(row.query)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		back, hops := "", a.Hops
		if a.Verdict == Delivered {
			back, hops = outcome(a.Return), a.Return.Hops
		}
		got := [...]string{outcome(a), a.Where, a.SourceAtDestination, back}
		if want := [...]string{row.forward, identify(tracer.Network, row.where), row.source, row.back}; got != want {
			t.Errorf("%s:\n got %q\nwant %q\nhops %q\nand back %q", name, got, want, a.Hops, hops)
		}
		if !met(hops, row.backHops) {
			t.Errorf("%s: came back by %q, want %q", name, hops, row.backHops)
		}
		if a.Verdict == Dropped && a.By != a.Where {
			t.Errorf("%s: dropped by %s at %s", name, a.By, a.Where)
		}
	}
}

// outcome is delivered, or why not.
func outcome(a *Answer) string {
	if a.Verdict == Dropped {
		return a.Reason
	}
	return a.Verdict
}

// identify returns the id that hops show of a thing.
func identify(n *topology.Network, name string) string {
	switch {
	case n.Instance(name) != nil:
		return n.Instance(name).Interfaces[0].ID
	case n.InternetHost(name) != nil:
		return n.InternetHost(name).ID
	case n.NATGateway(name) != nil:
		return n.NATGateway(name).InterfaceID
	case n.Peering(name) != nil:
		return n.Peering(name).ID
	case name == "eigw":
		return n.VPC("main").EgressOnly.ID
	}
	return name
}

// met says whether hops are of the kinds wanted, in their order, others in between.
func met(hops, kinds []string) bool {
	for _, h := range hops {
		if len(kinds) > 0 && strings.HasPrefix(h, kinds[0]) {
			kinds = kinds[1:]
		}
	}
	return len(kinds) == 0
}

// TestHopsAreIDs: AWS's where it has one, with the number of the entry of a network ACL; ours for the internet, its hosts and S3.
func TestHopsAreIDs(t *testing.T) {
	t.Parallel()
	id := regexp.MustCompile(`^((eni|acl|rtb|igw|eigw|nat|vpc|vpce|pcx|tgw|tgw-rtb|tgw-attach|host)-[0-9a-f]+(#([0-9]+|\*))?|services-vpc-[0-9a-f]+|internet|s3-internet)$`)
	check := func(name string, a *Answer) {
		for ; a != nil; a = a.Return {
			for n, hop := range a.Hops {
				if !id.MatchString(hop) || n > 0 && hop == a.Hops[n-1] {
					t.Errorf("%s: hop %d is %q, in %q", name, n, hop, a.Hops)
				}
			}
		}
	}
	tracer := tracerOf(t, gateways)
	for name, row := range gatewayRows {
		a, err := tracer.Trace(row.query)
		require.NoError(t, err, name)
		check(name, a)
	}
	tracer = tracerOf(t, interfaces)
	for _, to := range []string{"web", "ssm", "nlb", "s3.us-east-1.amazonaws.com", "203.0.113.9", "10.0.99.1", "169.254.169.253"} {
		a, err := tracer.Trace(Query{From: "db", To: to, Protocol: "icmp"})
		require.NoError(t, err, to)
		check(to, a)
	}
}

// TestHopsThroughANATGateway pins the way that a teacher would draw.
func TestHopsThroughANATGateway(t *testing.T) {
	t.Parallel()
	tracer := tracerOf(t, gateways)
	n := tracer.Network
	a, err := tracer.Trace(Query{From: "app", To: "client", Protocol: "tcp", Port: 80})
	require.NoError(t, err)
	acl := n.Subnet("private").ACL.ID + "#100"
	require.Equal(t, []string{
		identify(n, "app"), acl, n.RouteTable("private").ID, acl, identify(n, "nat"), n.NATGateway("nat").ID, acl, n.RouteTable("public").ID,
		n.VPC("main").InternetGateway.ID, "internet", identify(n, "client"),
	}, a.Hops)
}
