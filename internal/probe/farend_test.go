package probe

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFarEnds: the packet arrives in all of these; what is there answers it, or does not. The answer that is not given names who
// does not give it.
func TestFarEnds(t *testing.T) {
	t.Parallel()
	tracer := tracerOf(t, lab)
	vpce := tracer.Network.Endpoint("s3").ID
	for name, row := range map[string]struct {
		query Query
		where string
		back  string
	}{
		"an internet address answers TCP":             {Query{From: "web", To: "internet:8.8.8.8", Protocol: "tcp", Port: 12345}, "internet", Delivered},
		"an internet address answers ping":            {Query{From: "web", To: "8.8.8.8", Protocol: "icmp"}, "internet", Delivered},
		"an internet address answers UDP":             {Query{From: "web", To: "8.8.8.8", Protocol: "udp", Port: 53}, "internet", Delivered},
		"S3 answers HTTPS by the endpoint":            {Query{From: "app", To: s3, Protocol: "tcp", Port: 443}, vpce, Delivered},
		"S3 answers HTTP over the internet":           {Query{From: "web", To: s3, Protocol: "tcp", Port: 80}, "s3-internet", Delivered},
		"S3 answers ping over the internet":           {Query{From: "web", To: s3, Protocol: "icmp"}, "s3-internet", Delivered},
		"S3 answers ping by the endpoint":             {Query{From: "app", To: "52.216.0.1", Protocol: "icmp"}, vpce, Delivered},
		"S3 has no SSH over the internet":             {Query{From: "web", To: s3, Protocol: "tcp", Port: 22}, "s3-internet", "X_NO_ANSWER"},
		"S3 has no SSH by the endpoint":               {Query{From: "app", To: s3, Protocol: "tcp", Port: 22}, vpce, "X_NO_ANSWER"},
		"S3 has no UDP":                               {Query{From: "web", To: s3, Protocol: "udp", Port: 443}, "s3-internet", "X_NO_ANSWER"},
		"S3 has no GRE":                               {Query{From: "web", To: "52.216.0.1", Protocol: "47"}, "s3-internet", "X_NO_ANSWER"},
		"an address of S3 as a sender":                {Query{From: "internet:52.216.0.1", To: "198.51.100.10", Protocol: "tcp", Port: 22}, "", Delivered},
		"an instance answers whatever gets to it":     {Query{From: "web", To: "db", Protocol: "tcp", Port: 9999}, "", Delivered},
		"a host that is declared is like any address": {Query{From: "web", To: "peer", Protocol: "tcp", Port: 9999}, "", Delivered},
	} {
		a, err := tracer.Trace(row.query)
		require.NoError(t, err, name)
		if a.Verdict != Delivered || row.where != "" && a.Where != row.where {
			t.Errorf("%s: %s at %s, want it delivered at %s", name, outcome(a), a.Where, row.where)
			continue
		}
		if got := outcome(a.Return); got != row.back || a.Both() != (row.back == Delivered) || a.Return.Unanswered() == a.Both() {
			t.Errorf("%s: answer: %s, want %s", name, got, row.back)
		}
		if a.Return.Unanswered() && (a.Return.By != a.Where || a.Return.Where != a.Where || len(a.Return.Steps) != 1) {
			t.Errorf("%s: not answered by %s at %s, steps %+v; want %s to be named", name, a.Return.By, a.Return.Where, a.Return.Steps, a.Where)
		}
	}
}

// interfaces is a lab with network interfaces that no instance has.
const interfaces = `
region: us-east-1
vpcs:
  main:
    cidr: 10.0.0.0/16
    internet_gateway: igw
    subnets: {a: {cidr: 10.0.1.0/24, route_table: a}, b: {cidr: 10.0.2.0/24, route_table: b}}
    route_tables:
      a: {routes: [{destination: 0.0.0.0/0, target: igw}]}
      b: {routes: [{destination: 203.0.113.0/24, target: lambda}, {destination: 198.18.0.0/15, target: firewall}]}
    endpoints: {s3: {service: s3, route_tables: [b]}}
    security_groups: {open: {ingress: [{protocol: all, peer: 0.0.0.0/0}]}}
    instances:
      web: {subnet: a, address: 10.0.1.10, public_ip: 198.51.100.10, security_groups: [open]}
      db: {subnet: b, address: 10.0.2.10, security_groups: [open]}
      firewall: {subnet: a, address: 10.0.1.60, source_dest_check: false, security_groups: [open]}
    network_interfaces:
      ssm: {type: vpc_endpoint, subnet: b, address: 10.0.2.20, security_groups: [open]}
      shut: {type: vpc_endpoint, subnet: b, address: 10.0.2.21, security_groups: [default]}
      nlb: {type: network_load_balancer, subnet: a, address: 10.0.1.30, public_ip: 198.51.100.30, security_groups: []}
      lambda: {type: lambda, subnet: a, address: 10.0.1.40, source_dest_check: false}
      eni-0123456789abcdef0: {subnet: a, address: 10.0.1.50, security_groups: [open]}
`

// TestInterfacesWithoutInstance: who is behind them answers what it is known to, and is filtered like anybody.
func TestInterfacesWithoutInstance(t *testing.T) {
	t.Parallel()
	tracer := tracerOf(t, interfaces)
	const endpoint, nobody = "an interface endpoint answers TCP port 443, and nothing else", "nobody is known to answer behind a network interface of type "
	for name, row := range map[string]struct {
		query         Query
		forward, says string
	}{
		"an interface endpoint answers HTTPS":    {Query{From: "web", To: "ssm", Protocol: "tcp", Port: 443}, Delivered, ""},
		"and on no other port":                   {Query{From: "web", To: "ssm", Protocol: "tcp", Port: 80}, Delivered, endpoint},
		"nor over UDP":                           {Query{From: "web", To: "ssm", Protocol: "udp", Port: 443}, Delivered, endpoint},
		"nor to pings":                           {Query{From: "web", To: "10.0.2.20", Protocol: "icmp"}, Delivered, endpoint},
		"its security groups count":              {Query{From: "web", To: "shut", Protocol: "tcp", Port: 443}, "ENI_SG_RULES_MISMATCH", ""},
		"of a load balancer nothing is known":    {Query{From: "internet:192.0.2.1", To: "nlb", Protocol: "tcp", Port: 443}, Delivered, nobody + "network_load_balancer"},
		"a load balancer may ask":                {Query{From: "nlb", To: "web", Protocol: "tcp", Port: 80}, Delivered, ""},
		"an interface without a name has its id": {Query{From: "web", To: "eni-0123456789abcdef0", Protocol: "tcp", Port: 80}, Delivered, nobody + "interface"},
		"what an appliance does is not known":    {Query{From: "db", To: "198.18.0.1", Protocol: "icmp"}, Delivered, "nobody is known to answer by way of an instance that does not have the address itself"},
		"an appliance itself answers":            {Query{From: "db", To: "firewall", Protocol: "icmp"}, Delivered, ""},
		"a route may lead to one":                {Query{From: "db", To: "203.0.113.9", Protocol: "tcp", Port: 80}, "ENI_SG_RULES_MISMATCH", ""},
	} {
		a, err := tracer.Trace(row.query)
		require.NoError(t, err, name)
		says := ""
		if a.Verdict == Delivered && a.Return.Unanswered() {
			says = a.Return.Steps[0].Rule
		}
		require.Equal(t, [2]string{row.forward, row.says}, [2]string{outcome(a), says}, name)
		require.Equal(t, row.forward == Delivered && row.says == "", a.Both(), name)
	}
}

func TestSilenceExplainsItself(t *testing.T) {
	t.Parallel()
	a, err := tracerOf(t, lab).Trace(Query{From: "web", To: s3, Protocol: "tcp", Port: 22})
	require.NoError(t, err)
	got := a.Return
	require.Equal(t, []Step{{
		Stage: "interface", Where: "s3-internet", Rule: "S3 answers TCP ports 80 and 443 and ICMP echo, and nothing else",
		Src: "52.217.176.10:22", Dst: "198.51.100.10:49152", Drop: "X_NO_ANSWER",
	}}, got.Steps)
	require.Equal(t, []string{"s3-internet"}, got.Hops)
	require.Equal(t, []any{s3, "web", uint16(49152)}, []any{got.From, got.To, got.Port})
}

// TestWhoMayAsk: the same sender by all that it is called.
func TestWhoMayAsk(t *testing.T) {
	t.Parallel()
	tracer := tracerOf(t, lab)
	web := tracer.Network.Instance("web")
	for _, from := range []string{"web", web.ID, web.Interfaces[0].ID} {
		a, err := tracer.Trace(Query{From: from, To: "db", Protocol: "icmp"})
		require.NoError(t, err)
		if a.Hops[0] != web.Interfaces[0].ID || a.SourceAtDestination != "10.0.1.10" || a.From != from {
			t.Errorf("from %s: started at %s as %s", from, a.Hops[0], a.SourceAtDestination)
		}
	}
	for from, start := range map[string]string{"10.0.3.10": "eni-", "internet:192.88.99.1": "internet", "peer": "host-", "internet:203.0.113.10": "host-"} {
		a, err := tracer.Trace(Query{From: from, To: "198.51.100.10", Protocol: "icmp"})
		require.NoError(t, err)
		if !strings.HasPrefix(a.Hops[0], start) {
			t.Errorf("from %s: started at %s, want %s…", from, a.Hops[0], start)
		}
	}
}

// TestTimeToLive: what is taken off it on the way (aws-semantics 8.4).
func TestTimeToLive(t *testing.T) {
	t.Parallel()
	tracer := tracerOf(t, gateways)
	for name, row := range map[string]struct {
		query        Query
		forth, after int
	}{
		"inside a VPC nothing":                        {Query{From: "app", To: "web", Protocol: "tcp", Port: 443}, 64, 64},
		"a peering connection nothing":                {Query{From: "app", To: "far", Protocol: "icmp"}, 64, 64},
		"a transit gateway one each way":              {Query{From: "app", To: "spoke", Protocol: "icmp"}, 63, 63},
		"an internet gateway one, inwards":            {Query{From: "internet:192.0.2.1", To: "198.51.100.10", Protocol: "tcp", Port: 443}, 63, 64},
		"a NAT gateway one, and the internet gateway": {Query{From: "app", To: "client", Protocol: "icmp"}, 63, 62},
	} {
		a, err := tracer.Trace(row.query)
		require.NoError(t, err, name)
		require.True(t, a.Both(), name)
		if a.TTLAtDelivery != row.forth || a.Return.TTLAtDelivery != row.after {
			t.Errorf("%s: got %d and %d, want %d and %d", name, a.TTLAtDelivery, a.Return.TTLAtDelivery, row.forth, row.after)
		}
	}
}
