package probe

import (
	"strings"
	"testing"
)

const named = `
name: names
region: us-east-1
vpcs:
  main:
    cidr: 10.0.0.0/16
    internet_gateway: igw
    enable_dns_hostnames: true
    subnets: {a: {cidr: 10.0.1.0/24, route_table: a}}
    route_tables: {a: {main: true, routes: [{destination: 0.0.0.0/0, target: igw}]}}
    instances:
      web: {subnet: a, address: 10.0.1.10, public_ip: 198.51.100.10}
      app: {subnet: a, address: 10.0.1.11, public_ip: 198.51.100.11}
  mute:
    cidr: 10.1.0.0/16
    enable_dns_support: false
    subnets: {a: {cidr: 10.1.1.0/24}}
    instances: {dumb: {subnet: a}}
  twin:
    cidr: 10.2.0.0/16
    internet_gateway: igw
    subnets: {a: {cidr: 10.2.1.0/24, route_table: a}}
    route_tables: {a: {main: true, routes: [{destination: 0.0.0.0/0, target: igw}]}}
    instances: {clone: {subnet: a, public_ip: auto}}
internet:
  hosts:
    peer: {address: 203.0.113.10}
s3:
  buckets: {photos: {}}
`

// TestNames: a name is what the sender's own resolver makes of it (aws-semantics 10; vpc-dns).
func TestNames(t *testing.T) {
	t.Parallel()
	const public = "ec2-198-51-100-10.compute-1.amazonaws.com"
	tracer := tracerOf(t, named)
	s3 := tracer.Network.S3.Regions[0].Addresses[0].String()
	for _, row := range []struct{ name, from, to, want string }{ // want is an address, or what is wrong
		{"a private name", "app", "ip-10-0-1-10.ec2.internal", "10.0.1.10"},
		{"a public name inside its VPC", "app", public, "10.0.1.10"},
		{"a public name outside", "clone", public, "198.51.100.10"},
		{"a public name on the internet", "peer", public, "198.51.100.10"},
		{"whatever the case", "app", "S3.Amazonaws.Com", s3},
		{"a bucket before S3's name", "app", "photos.s3.us-east-1.amazonaws.com", s3},
		{"a bucket that nobody has", "app", "nobody.s3-website-us-east-1.amazonaws.com", s3},
		{"a private name where instances have none", "clone", "ip-10-0-1-10.ec2.internal", "nothing is called"},
		{"a private name on the internet", "peer", "ip-10-0-1-10.ec2.internal", "nothing is called"},
		{"without a resolver", "dumb", "s3.amazonaws.com", "s3.amazonaws.com: VPC mute has no resolver (enable_dns_support is false); give an address"},
		{"a name that is there without an address", "app", "amazonaws.com", "has no IPv4 address"},
		{"the resolver itself", "app", "10.0.0.2", "10.0.0.2"},
		{"from a private name", "ip-10-0-1-11.ec2.internal", "10.0.1.10", "10.0.1.10"},
		{"from a private name of another region", "ip-10-0-1-11.eu-west-1.compute.internal", "10.0.1.10", "nothing is called"},
		{"the instance metadata service", "app", "169.254.169.254", "169.254.169.254"},
	} {
		t.Run(row.name, func(t *testing.T) {
			a, err := tracer.Trace(Query{From: row.from, To: row.to, Protocol: "tcp", Port: 80})
			switch {
			case err != nil && !strings.Contains(err.Error(), row.want):
				t.Errorf("got %v, want %s", err, row.want)
			case err == nil && !strings.HasPrefix(a.Steps[0].Dst, row.want+":"):
				t.Errorf("got %s, want %s", a.Steps[0].Dst, row.want)
			}
		})
	}
}
