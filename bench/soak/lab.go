package soak

import (
	"fmt"
	"net/netip"
	"os/exec"

	"vpcsim/bench/forward"
	"vpcsim/bench/load"
	"vpcsim/internal/control"
)

// topologyText is the lab, whose holes are routes, the entries of the network ACL and the rules of the security group.
const topologyText = `
region: us-east-1
quotas: raised
vpcs:
  main:
    cidr: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      public: {cidr: 10.0.1.0/24, route_table: public, network_acl: all}
      private: {cidr: 10.0.2.0/24, route_table: private, network_acl: all}
    nat_gateways: {nat: {subnet: public, public_ip: 198.51.100.20}}
    endpoints: {s3: {service: s3, route_tables: [public, private]}}
    route_tables:
      public: {main: true, routes: [{destination: 0.0.0.0/0, target: igw}%[1]s]}
      private: {routes: [{destination: 0.0.0.0/0, target: nat}%[1]s]}
      spare: {routes: [{destination: 0.0.0.0/0, target: igw}%[1]s]}
    network_acls: {all: {ingress: [%[2]s], egress: [%[2]s]}}
    security_groups: {all: {ingress: [%[3]s], egress: [%[3]s]}}
    instances:
      web: {subnet: public, address: 10.0.1.10, public_ip: 198.51.100.10, security_groups: [all]}
      left: {subnet: public, address: 10.0.1.11, security_groups: [all]}
      app: {subnet: private, address: 10.0.2.10, security_groups: [all]}
      right: {subnet: private, address: 10.0.2.11, security_groups: [all]}
internet: {hosts: {host: {address: 203.0.113.10}}}
`

// paths are where datagrams go. Each has a sender of its own, so that no two share what a kernel has counted.
var paths = []struct {
	name, from, on string
	to             netip.Addr // on, as the sender knows it
}{
	{"local", "left", "right", netip.MustParseAddr("10.0.2.11")},
	{"igw", "web", "host", netip.MustParseAddr("203.0.113.10")},
	{"nat", "app", "host", netip.MustParseAddr("203.0.113.10")},
}

// text is the topology with all features that forwarding is measured with.
func text() string {
	routes, entries, rules := forward.Features()
	entries += "{number: 1000, action: allow, protocol: all, cidr: 0.0.0.0/0}"
	rules += "{protocol: udp, ports: 1-60000, peer: 0.0.0.0/0}"
	return fmt.Sprintf(topologyText, routes, entries, rules)
}

// at starts commands at an instance or host.
func (r *runner) at(name string) load.Starter {
	return func(cmd *exec.Cmd) error { return r.lab.Run(name, cmd) }
}

// changes are what commits do, in turns: a route to the internet's host in a table that datagrams go by, with the target that the
// default route has, so that no flow is cut; and one in a table that no subnet has. Then both are deleted.
func changes() []control.Change {
	const destination = "203.0.113.0/24"
	inUse := control.RouteChange{RouteTable: "private", Destination: destination, Target: "nat"}
	spare := control.RouteChange{RouteTable: "spare", Destination: destination, Target: "igw"}
	gone := func(c control.RouteChange) *control.RouteChange { c.Target = ""; return &c }
	return []control.Change{{CreateRoute: &inUse}, {CreateRoute: &spare}, {DeleteRoute: gone(inUse)}, {DeleteRoute: gone(spare)}}
}

// keptEvents is how many events the lab keeps. Each commit is one, and the memory that they take is not to be taken for a leak.
const keptEvents = 100
