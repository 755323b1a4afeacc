package interop

import (
	"testing"

	"vpcsim/dataplane/drop"
)

// chain is three VPCs, peered one with the next: hq with branch, branch with plant. What is routed further does not get there.
const chain = `
name: chain
region: us-east-1
vpcs:
  hq:
    cidr: 10.0.0.0/16
    internet_gateway: igw
    subnets: {s: {cidr: 10.0.1.0/24}}
    route_tables: {main: {main: true, routes: [{destination: 10.1.0.0/16, target: first}, {destination: 10.2.0.0/16, target: first}, {destination: 0.0.0.0/0, target: igw}]}}
    security_groups: {open: {ingress: [{protocol: all, peer: 0.0.0.0/0}]}}
    instances: {boss: {subnet: s, address: 10.0.1.10, public_ip: 198.51.100.10, security_groups: [open]}}
  branch:
    cidr: 10.1.0.0/16
    subnets: {s: {cidr: 10.1.1.0/24}}
    route_tables: {main: {main: true, routes: [{destination: 10.2.0.0/16, target: second}, {destination: 0.0.0.0/0, target: first}]}}
    security_groups: {open: {ingress: [{protocol: all, peer: 0.0.0.0/0}]}}
    instances: {clerk: {subnet: s, address: 10.1.1.10, security_groups: [open]}}
  plant:
    cidr: 10.2.0.0/16
    subnets: {s: {cidr: 10.2.1.0/24}}
    route_tables: {main: {main: true, routes: [{destination: 10.1.0.0/16, target: second}, {destination: 10.0.0.0/16, target: second}]}}
    security_groups: {open: {ingress: [{protocol: all, peer: 0.0.0.0/0}]}}
    instances: {robot: {subnet: s, address: 10.2.1.10, security_groups: [open]}}
peerings:
  first: {requester: hq, accepter: branch}
  second: {requester: branch, accepter: plant}
internet: {hosts: {peer: {address: 203.0.113.10}}}
`

// TestPeering: two VPCs talk as one, with their own addresses, 9001 bytes and no hop; nobody gets through a peer to a third VPC
// or to the internet (aws-semantics 8.4, 8.5, 8.6).
func TestPeering(t *testing.T) {
	t.Parallel()
	tool(t, "curl")
	for _, c := range []struct {
		name, from, to, want string
		reason               drop.Reason
	}{
		{"to the peer", "boss", "10.1.1.10", `you are 10\.0\.1\.10`, drop.None},
		{"back", "clerk", "10.0.1.10", `you are 10\.1\.1\.10`, drop.None},
		{"to the other peer", "clerk", "10.2.1.10", `you are 10\.1\.1\.10`, drop.None},
		{"not through the peer to a third VPC", "boss", "10.2.1.10", `curl: \(28\)`, drop.PeeringAddress},
		{"not through the peer from a third VPC", "robot", "10.0.1.10", `curl: \(28\)`, drop.PeeringAddress},
		{"not through the peer's internet gateway", "clerk", "203.0.113.10", `curl: \(28\)`, drop.PeeringAddress},
		{"to the internet by the own one", "boss", "203.0.113.10", `you are 198\.51\.100\.10`, drop.None},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := start(t, chain)
			for _, on := range []string{"boss", "clerk", "robot", "peer"} {
				l.web(t, on)
			}
			shows(t, l.curl(t, c.from, "http://"+c.to+"/"), `^`+c.want)
			if c.reason != drop.None && l.drops(c.reason) == 0 {
				t.Errorf("nothing was dropped as %s: %v", c.reason, l.Router().Counters())
			}
		})
	}
	t.Run("no hop and 9001 bytes", func(t *testing.T) {
		t.Parallel()
		l := start(t, chain)
		shows(t, l.run(t, "boss", "ping", "-n", "-c", "1", "-W", "30", "-M", "do", "-s", "8973", "10.1.1.10"), `icmp_seq=1 ttl=64 `)
		l.leads(t, "boss", "10.1.1.10", []string{"10.1.1.10"}, "--icmp")
	})
}

// hub is two VPCs at a transit gateway, with the same address space behind a private NAT gateway: shop is to reach depot by
// addresses that depot can tell from its own.
const hub = `
name: hub
region: us-east-1
vpcs:
  shop:
    cidr: 10.0.0.0/16
    secondary_cidrs: [100.64.0.0/16]
    internet_gateway: igw
    nat_gateways:
      private: {subnet: nat, private: true, address: 100.64.1.5}
    subnets:
      inside: {cidr: 10.0.1.0/24, route_table: inside}
      outside: {cidr: 10.0.2.0/24, route_table: outside}
      nat: {cidr: 100.64.1.0/24, route_table: outside}
    route_tables:
      inside: {main: true, routes: [{destination: 0.0.0.0/0, target: private}]}
      outside: {routes: [{destination: 10.1.0.0/16, target: core}, {destination: 10.2.0.0/16, target: link}, {destination: 0.0.0.0/0, target: igw}]}
    security_groups: {open: {ingress: [{protocol: all, peer: 0.0.0.0/0}]}}
    instances:
      till: {subnet: inside, address: 10.0.1.10, security_groups: [open]}
      door: {subnet: outside, address: 10.0.2.10, public_ip: 198.51.100.10, security_groups: [open]}
  depot:
    cidr: 10.1.0.0/16
    subnets: {s: {cidr: 10.1.1.0/24}}
    route_tables: {main: {main: true, routes: [{destination: 0.0.0.0/0, target: core}]}}
    security_groups: {open: {ingress: [{protocol: all, peer: 0.0.0.0/0}]}}
    instances: {stock: {subnet: s, address: 10.1.1.10, security_groups: [open]}}
  yard:
    cidr: 10.2.0.0/16
    subnets: {s: {cidr: 10.2.1.0/24}}
    route_tables: {main: {main: true, routes: [{destination: 100.64.0.0/16, target: link}]}}
    security_groups: {open: {ingress: [{protocol: all, peer: 0.0.0.0/0}]}}
    instances: {crane: {subnet: s, address: 10.2.1.10, security_groups: [open]}}
peerings:
  link: {requester: shop, accepter: yard}
transit_gateways:
  core: {attachments: {shop: {vpc: shop, subnets: [outside]}, depot: {vpc: depot, subnets: [s]}}}
internet: {hosts: {peer: {address: 203.0.113.10}}}
`

// TestTransitGateway: one hop that does not tell, 8500 bytes (aws-semantics 8.4, 8.5).
func TestTransitGateway(t *testing.T) {
	t.Parallel()
	tool(t, "ping")
	l := start(t, hub)
	l.web(t, "stock")
	shows(t, l.curl(t, "door", "http://10.1.1.10/"), `^you are 10\.0\.2\.10`)
	shows(t, l.curl(t, "door", "http://10.1.1.10/large", megabyte...), `^200 1048576$`)
	shows(t, l.run(t, "door", "ping", "-n", "-c", "1", "-W", "30", "-M", "do", "-s", "8472", "10.1.1.10"), `icmp_seq=1 ttl=63 `)
	shows(t, l.run(t, "door", "ping", "-n", "-c", "1", "-W", "10", "-M", "do", "-s", "8473", "10.1.1.10"), `(?i)from 10\.0\.2\.1 .*frag needed.*mtu ?= ?8500`)
	shows(t, l.run(t, "door", "tracepath", "-n", "-m", "4", "10.1.1.10"), `Resume: pmtu 8500`)
	l.leads(t, "door", "10.1.1.10", []string{"*", "10.1.1.10"}, "--icmp")
}

// TestPrivateNATGateway: it gives its private address to what goes to other VPCs, and the internet gateway takes nothing of
// it (aws-semantics 4, 5.1).
func TestPrivateNATGateway(t *testing.T) {
	t.Parallel()
	tool(t, "curl")
	l := start(t, hub)
	for _, on := range []string{"stock", "crane", "peer"} {
		l.web(t, on)
	}
	shows(t, l.curl(t, "till", "http://10.1.1.10/"), `^you are 100\.64\.1\.5`)
	shows(t, l.curl(t, "till", "http://10.2.1.10/"), `^you are 100\.64\.1\.5`)
	shows(t, l.curl(t, "till", "http://203.0.113.10/"), `^curl: \(28\)`)
	if l.drops(drop.IGWNoPublicIP) == 0 {
		t.Errorf("the internet gateway refused nothing: %v", l.Router().Counters())
	}
	l.leads(t, "till", "10.1.1.10", []string{"100.64.1.5", "*", "10.1.1.10"}, "--icmp")
	l.leads(t, "till", "10.2.1.10", []string{"100.64.1.5", "10.2.1.10"}, "--icmp")
}
