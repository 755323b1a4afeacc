package interop

import (
	"strings"
	"testing"

	"vpcsim/dataplane/drop"
)

// inspected is a VPC whose private subnet goes out through a NAT instance, and whose web server stands behind an appliance:
// what comes from the internet is led there by the gateway route table.
const inspected = `
name: inspected
region: us-east-1
vpcs:
  main:
    cidr: 10.0.0.0/16
    internet_gateway: igw
    edge_route_table: edge
    subnets:
      dmz: {cidr: 10.0.0.0/24, route_table: dmz}
      private: {cidr: 10.0.1.0/24, route_table: private}
      web: {cidr: 10.0.2.0/24, route_table: web}
    route_tables:
      edge: {routes: [{destination: 10.0.2.0/24, target: firewall}]}
      dmz: {main: true, routes: [{destination: 0.0.0.0/0, target: igw}]}
      private: {routes: [{destination: 0.0.0.0/0, target: nat}]}
      web: {routes: [{destination: 0.0.0.0/0, target: firewall}]}
    security_groups: {open: {ingress: [{protocol: all, peer: 0.0.0.0/0}]}}
    instances:
      nat: {subnet: dmz, address: 10.0.0.20, public_ip: 198.51.100.20, source_dest_check: false, security_groups: [open]}
      firewall: {subnet: dmz, address: 10.0.0.30, public_ip: 198.51.100.30, source_dest_check: false, security_groups: [open]}
      app: {subnet: private, address: 10.0.1.10, security_groups: [open]}
      web: {subnet: web, address: 10.0.2.10, public_ip: 198.51.100.10, security_groups: [open]}
internet: {hosts: {peer: {address: 203.0.113.10}}}
`

// forwards makes an instance a router, as AWS's guide for NAT instances has it.
const forwards = `echo 1 > /proc/sys/net/ipv4/ip_forward
echo 0 > /proc/sys/net/ipv4/conf/all/send_redirects
echo 0 > /proc/sys/net/ipv4/conf/eth0/send_redirects`

// TestNATInstance: an instance without the source/destination check and with a masquerading kernel is a gateway as good
// as AWS's (aws-semantics 5.6), and is seen by traceroute.
func TestNATInstance(t *testing.T) {
	t.Parallel()
	tool(t, "curl")
	tool(t, "nft")
	l := start(t, inspected)
	l.web(t, "peer")
	masquerade := `table ip nat { chain out { type nat hook postrouting priority srcnat; ip saddr 10.0.1.0/24 masquerade; }; }`
	if out := l.pipe(t, masquerade, "nat", "nft", "-f", "-"); out != "" {
		t.Skip("no nftables:", out)
	}
	shows(t, l.curl(t, "app", "http://203.0.113.10/"), `^curl: \(28\)`) // it does not forward yet
	l.root(t, "nat", forwards)
	shows(t, l.curl(t, "app", "http://203.0.113.10/"), `^you are 198\.51\.100\.20`)
	shows(t, l.curl(t, "app", "http://203.0.113.10/large", megabyte...), `^200 1048576$`)
	shows(t, l.upload(t, "app", "http://203.0.113.10/"), `^1048576 bytes$`)
	shows(t, l.run(t, "app", "ping", "-n", "-c", "1", "-W", "30", "203.0.113.10"), `icmp_seq=1 ttl=62 `)
	shows(t, l.run(t, "app", "ping", "-n", "-c", "1", "-W", "30", "-s", "10000", "-M", "dont", "203.0.113.10"), `10008 bytes from 203\.0\.113\.10: icmp_seq=1 `)
	l.leads(t, "app", "203.0.113.10", []string{"10.0.0.20", "203.0.113.10"}, "--icmp")
}

// TestApplianceBehindTheGatewayRouteTable: both directions of what is between the internet and the web server pass the
// firewall, which changes nothing but the time to live (aws-semantics 1.1).
func TestApplianceBehindTheGatewayRouteTable(t *testing.T) {
	t.Parallel()
	tool(t, "curl")
	l := start(t, inspected)
	l.web(t, "peer")
	l.web(t, "web")
	shows(t, l.curl(t, "peer", "http://198.51.100.10/"), `^curl: \(28\)`) // the firewall does not forward yet
	l.root(t, "firewall", forwards)
	shows(t, l.curl(t, "peer", "http://198.51.100.10/"), `^you are 203\.0\.113\.10`)
	shows(t, l.curl(t, "web", "http://203.0.113.10/"), `^you are 198\.51\.100\.10`)
	shows(t, l.run(t, "web", "ping", "-n", "-c", "1", "-W", "30", "203.0.113.10"), `icmp_seq=1 ttl=62 `)
	shows(t, l.run(t, "peer", "ping", "-n", "-c", "1", "-W", "30", "198.51.100.10"), `icmp_seq=1 ttl=63 `)
	for _, p := range []struct {
		from, to string
		want     []string
	}{
		{"web", "203.0.113.10", []string{"10.0.0.30", "203.0.113.10"}},
		{"peer", "198.51.100.10", []string{"*", "198.51.100.30", "198.51.100.10"}},
		{"app", "10.0.2.10", []string{"10.0.2.10"}}, // inside the VPC by the local route
	} {
		l.leads(t, p.from, p.to, p.want, "--icmp")
	}
}

// TestSourceDestCheckStopsARouter: with the check on, an instance gets nothing that is not its own, whatever its kernel is
// ready to do (aws-semantics 1.5).
func TestSourceDestCheckStopsARouter(t *testing.T) {
	t.Parallel()
	tool(t, "ping")
	l := start(t, strings.Replace(inspected, "public_ip: 198.51.100.20, source_dest_check: false", "public_ip: 198.51.100.20", 1))
	l.root(t, "nat", forwards)
	shows(t, l.run(t, "app", "ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", "203.0.113.10"), ` 0 received, 100% packet loss`)
	if n := l.drops(drop.SourceDestCheck); n != 2 {
		t.Errorf("%d packets dropped by the check, want 2", n)
	}
}
