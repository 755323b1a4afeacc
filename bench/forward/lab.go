package forward

import (
	"fmt"
	"net/netip"
	"os/exec"
	"strings"

	"vpcsim/internal/control"
	"vpcsim/topology"
)

// topologyText is our lab, whose holes are the network ACL of all subnets and the rules of the security group of all instances, the
// further routes, and the endpoints.
const topologyText = `
region: us-east-1
quotas: raised
vpcs:
  main:
    cidr: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      public: {cidr: 10.0.1.0/24, route_table: public, network_acl: all}
      private: {cidr: 10.0.2.0/24, network_acl: all}
    nat_gateways: {nat: {subnet: public, public_ip: 198.51.100.20}}
    endpoints: {%s}
    route_tables:
      public: {routes: [{destination: 0.0.0.0/0, target: igw}%[2]s]}
      main: {main: true, routes: [{destination: 0.0.0.0/0, target: nat}%[2]s]}
    network_acls: {all: {ingress: [%[3]s], egress: [%[3]s]}}
    security_groups: {all: {ingress: [%[4]s], egress: [%[4]s]}}
    instances:
      web: {subnet: public, address: 10.0.1.10, public_ip: 198.51.100.10, security_groups: [all]}
      db: {subnet: public, address: 10.0.1.11, security_groups: [all]}
      app: {subnet: private, address: 10.0.2.10, security_groups: [all]}
internet: {hosts: {host: {address: 203.0.113.10}}}
s3: {buckets: {bench: {objects: {large: "size:1GiB"}}}}
`

// Where a path begins, ends, and what the client knows the server by.
var paths = map[string]struct {
	from, on string
	to       netip.Addr
}{
	"local":    {"web", "db", netip.MustParseAddr("10.0.1.11")},
	"igw":      {"web", "host", netip.MustParseAddr("203.0.113.10")},
	"nat":      {"app", "host", netip.MustParseAddr("203.0.113.10")},
	"endpoint": {"web", "", netip.MustParseAddr("52.216.1.80")},
}

// filters is how many entries of a network ACL, rules of a security group and routes there are with all features, of which the last
// applies.
const filters = 20

// Features are routes that come after the one that applies, and network ACL entries and security group rules that come before those that do, as a
// topology has them in its lists.
func Features() (routes, entries, rules string) {
	var r, e, g strings.Builder
	for i := range filters {
		fmt.Fprintf(&r, ", {destination: 172.16.%d.0/24, target: igw}", i)
		fmt.Fprintf(&e, "{number: %d, action: deny, protocol: tcp, ports: %d, cidr: 192.0.2.0/24}, ", 10+i, 20000+i)
		fmt.Fprintf(&g, "{protocol: tcp, ports: %d, peer: 192.0.2.0/24}, ", 20000+i)
	}
	return r.String(), e.String(), g.String()
}

// labText is the topology with or without its features.
//
// With all: connections are tracked, as the group allows ports and not everything; ACLs, groups and route tables have entries before the one
// that applies. None: an ACL and a group that allow everything, which AWS does not track (aws-semantics 6.3), and nothing but the default
// route. What the path itself needs stays, address translation included.
func labText(path, features string) string {
	endpoints, routes, entries, rules := "", "", `{number: 1000, action: allow, protocol: all, cidr: 0.0.0.0/0}`, `{protocol: all, peer: 0.0.0.0/0}`
	if path == "endpoint" {
		endpoints = "s3: {service: s3, route_tables: [public, main]}"
	}
	if features == All {
		var before string
		routes, before, rules = Features()
		entries = before + entries
		rules += `{protocol: tcp, ports: 1-60000, peer: 0.0.0.0/0}, {protocol: udp, ports: 1-60000, peer: 0.0.0.0/0}`
	}
	return fmt.Sprintf(topologyText, endpoints, routes, entries, rules)
}

// featuresOff says exactly what a lab with no features goes without.
const featuresOff = "features none: an ACL and a security group with one entry that allows everything, hence no connection tracking by the group, and no routes but the default one. " +
	"The router's own table of flows, by which it tells what a change cuts, and the address translation of the path stay: they cannot be switched off"

// newLab is a lab of ours.
func newLab(path, features string) (*bed, error) {
	spec, src, err := topology.Parse("bench.vpc.yml", []byte(labText(path, features)))
	if err != nil {
		return nil, err
	}
	lab, err := control.Start(spec, src, control.Options{})
	if err != nil {
		return nil, err
	}
	p := paths[path]
	b := &bed{name: Ours, about: fmt.Sprintf("a lab, path %s, features %s", path, features), to: p.to}
	b.start = func(e end, cmd *exec.Cmd) error {
		if e == server {
			return lab.Run(p.on, cmd)
		}
		return lab.Run(p.from, cmd)
	}
	b.onClose(lab.Close)
	return b, nil
}
