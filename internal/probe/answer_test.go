package probe

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// services is a lab with everything that may not answer.
const services = `
region: us-east-1
vpcs:
  main:
    cidr: 10.0.0.0/16
    internet_gateway: igw
    subnets: {a: {cidr: 10.0.1.0/24, route_table: a}, b: {cidr: 10.0.2.0/24, route_table: b}}
    route_tables:
      a: {routes: [{destination: 0.0.0.0/0, target: igw}]}
      b: {routes: [{destination: 203.0.113.0/24, target: lambda}]}
    endpoints: {s3: {service: s3, route_tables: [b]}}
    security_groups: {open: {ingress: [{protocol: all, peer: 0.0.0.0/0}]}}
    instances:
      web: {subnet: a, address: 10.0.1.10, public_ip: 198.51.100.10, security_groups: [open]}
      db: {subnet: b, address: 10.0.2.10, security_groups: [open]}
    network_interfaces:
      ssm: {type: vpc_endpoint, subnet: b, address: 10.0.2.20, security_groups: [open]}
      shut: {type: vpc_endpoint, subnet: b, address: 10.0.2.21, security_groups: [default]}
      nlb: {type: network_load_balancer, subnet: a, address: 10.0.1.30, public_ip: 198.51.100.30, security_groups: []}
      lambda: {type: lambda, subnet: a, address: 10.0.1.40, source_dest_check: false}
      eni-0123456789abcdef0: {subnet: a, address: 10.0.1.50, security_groups: [open]}
`

func TestWhoAnswers(t *testing.T) {
	t.Parallel()
	tracer := tracerOf(t, services)
	const s3 = "52.216.1.2"
	for name, row := range map[string]struct {
		query             Query
		forward, noAnswer string
	}{
		"an instance answers whatever arrives": {Query{From: "db", To: "web", Protocol: "udp", Port: 5000}, Delivered, ""},
		"an interface endpoint answers HTTPS":  {Query{From: "web", To: "ssm", Protocol: "tcp", Port: 443}, Delivered, ""},
		"and on no other port":                 {Query{From: "web", To: "ssm", Protocol: "tcp", Port: 80}, Delivered, "an interface endpoint answers on TCP port 443 only"},
		"nor over UDP":                         {Query{From: "web", To: "ssm", Protocol: "udp", Port: 443}, Delivered, "an interface endpoint answers on TCP port 443 only"},
		"nor to pings":                         {Query{From: "web", To: "10.0.2.20", Protocol: "icmp"}, Delivered, "an interface endpoint answers on TCP port 443 only"},
		"its security groups count":            {Query{From: "web", To: "shut", Protocol: "tcp", Port: 443}, "ENI_SG_RULES_MISMATCH", ""},
		"of a load balancer nothing is known, but that it has no group": {Query{From: "internet:192.0.2.1", To: "nlb", Protocol: "tcp", Port: 443}, Delivered,
			"nobody is known to answer behind a network interface of type network_load_balancer"},
		"a load balancer may ask":                 {Query{From: "nlb", To: "web", Protocol: "tcp", Port: 80}, Delivered, ""},
		"an interface without a name has its id":  {Query{From: "web", To: "eni-0123456789abcdef0", Protocol: "tcp", Port: 80}, Delivered, "nobody is known to answer behind a network interface of type interface"},
		"a route may lead to one":                 {Query{From: "db", To: "203.0.113.9", Protocol: "tcp", Port: 80}, "ENI_SG_RULES_MISMATCH", ""},
		"S3 answers HTTPS through an endpoint":    {Query{From: "db", To: s3, Protocol: "tcp", Port: 443}, Delivered, ""},
		"S3 answers HTTP over the internet":       {Query{From: "web", To: s3, Protocol: "tcp", Port: 80}, Delivered, ""},
		"S3 answers pings":                        {Query{From: "web", To: s3, Protocol: "icmp"}, Delivered, ""},
		"S3 answers no other port":                {Query{From: "web", To: s3, Protocol: "tcp", Port: 22}, Delivered, "S3 answers on TCP ports 80 and 443, and to pings"},
		"S3 answers no other port at an endpoint": {Query{From: "db", To: s3, Protocol: "tcp", Port: 22}, Delivered, "S3 answers on TCP ports 80 and 443, and to pings"},
		"S3 answers no UDP":                       {Query{From: "web", To: s3, Protocol: "udp", Port: 443}, Delivered, "S3 answers on TCP ports 80 and 443, and to pings"},
	} {
		a, err := tracer.Trace(row.query)
		require.NoError(t, err, name)
		require.Equal(t, [2]string{row.forward, row.noAnswer}, [2]string{outcome(a), a.NoAnswer}, name)
		require.Equal(t, row.forward == Delivered && row.noAnswer == "", a.Both(), name)
	}
}
