package interop

import (
	"fmt"
	"testing"

	"vpcsim/dataplane/drop"
)

// TestPingShowsTheTimeToLive: what is left of the 64 that a Linux kernel sends (aws-semantics 8.4, measured on EC2).
func TestPingShowsTheTimeToLive(t *testing.T) {
	t.Parallel()
	tool(t, "ping")
	l := start(t, office)
	for _, p := range []struct {
		name     string
		from, to string
		ttl      int
	}{
		{"a neighbour in the subnet", "web", "10.0.0.11", 64},
		{"another subnet", "web", "10.0.1.10", 64},
		{"an internet host behind the internet gateway", "web", "203.0.113.10", 63},
		{"an internet host behind the NAT gateway", "app", "203.0.113.10", 62},
		{"an instance seen from the internet", "peer", "198.51.100.10", 64},
		{"the instance's own public address", "web", "198.51.100.10", 63},
		{"a neighbour's public address", "web", "198.51.100.11", 63},
		{"a public address from behind the NAT gateway", "app", "198.51.100.11", 62},
		{"S3 through the endpoint", "inner", s3Address, 64},
		{"S3 over the internet gateway", "web", s3Address, 63},
	} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			out := l.run(t, p.from, "ping", "-n", "-c", "1", "-W", "30", p.to)
			shows(t, out, fmt.Sprintf(`from %s: icmp_seq=1 ttl=%d `, p.to, p.ttl), `1 received, 0% packet loss`)
		})
	}
}

// TestPingFindsNobody: who does not answer a ping, and what becomes of it.
func TestPingFindsNobody(t *testing.T) {
	t.Parallel()
	tool(t, "ping")
	for _, p := range []struct {
		name     string
		from, to string
		reason   drop.Reason
	}{
		{"the NAT gateway does not answer itself", "app", "10.0.0.5", drop.NATNoMapping},
		{"nor from the internet", "peer", "198.51.100.5", drop.NATNoMapping},
		{"nor when an instance behind it tries its public address", "app", "198.51.100.5", drop.NATNoMapping},
		{"a security group that allows no ICMP", "peer", "198.51.100.12", drop.SecurityGroup},
		{"an address of another subnet that nobody has", "web", "10.0.1.99", drop.NoPossibleDestination},
		{"a subnet without a route to the internet", "inner", "203.0.113.10", drop.NoRouteToDestination},
		{"a private address beyond the internet gateway", "web", "192.168.1.1", drop.IGWEgressToRFC1918},
		{"a shared address beyond the internet gateway", "web", "100.64.1.1", drop.IGWEgressToRFC6598},
		{"a public address that nobody was given", "peer", "198.51.100.77", drop.NoRouteToDestination},
	} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			l := start(t, office)
			out := l.run(t, p.from, "ping", "-n", "-c", "2", "-i", "0.1", "-W", "1", p.to)
			shows(t, out, `2 packets transmitted, 0 received, 100% packet loss`)
			hides(t, out, `Unreachable`, `exceeded`)
			if n := l.drops(p.reason); n != 2 {
				t.Errorf("%d packets dropped as %s, want the 2 requests; in all %v", n, p.reason, l.Router().Counters())
			}
		})
	}
}

// TestPingSizes: the internet gateway takes 1500 bytes and says so when it must not fragment, from the subnet router's
// address (aws-semantics 4, 8.5); the NAT gateway carries no fragments of ICMP (5.2); inside the VPC 9001 bytes pass.
func TestPingSizes(t *testing.T) {
	t.Parallel()
	tool(t, "ping")
	for _, p := range []struct {
		name     string
		from, to string
		args     []string
		shown    []string
	}{
		{"1500 bytes fit through the internet gateway", "web", "203.0.113.10", []string{"-M", "do", "-s", "1472"}, []string{`1 received`}},
		{
			"one byte more does not, and the subnet's router says so", "web", "203.0.113.10", []string{"-M", "do", "-s", "1473", "-c", "2", "-i", "0.3"},
			[]string{`(?i)from 10\.0\.0\.1.* frag needed.*mtu ?= ?1500`, `(?i)message too long, mtu=1500`, ` 0 received`},
		},
		{"a large one goes in fragments through the internet gateway", "web", "203.0.113.10", []string{"-M", "dont", "-s", "10000"}, []string{`10008 bytes from`, `1 received`}},
		{"a large one does not pass the NAT gateway", "app", "203.0.113.10", []string{"-M", "dont", "-s", "10000"}, []string{` 0 received`}},
		{"1500 bytes pass the NAT gateway", "app", "203.0.113.10", []string{"-M", "do", "-s", "1472"}, []string{`1 received`}},
		{"9001 bytes fit inside the VPC", "web", "10.0.1.10", []string{"-M", "do", "-s", "8973"}, []string{`8981 bytes from`, `1 received`}},
		{"one byte more is the sender's own matter", "web", "10.0.1.10", []string{"-M", "do", "-s", "8974"}, []string{`message too long, mtu=9001`, ` 0 received`}},
		{"a large one goes in fragments inside the VPC", "web", "10.0.1.10", []string{"-M", "dont", "-s", "20000"}, []string{`20008 bytes from`, `1 received`}},
		{"8500 bytes fit through the endpoint, and their answer comes in fragments", "inner", s3Address, []string{"-M", "do", "-s", "8472"}, []string{`1 received`}},
		{"one byte more is dropped by the endpoint without a word", "inner", s3Address, []string{"-M", "do", "-s", "8473"}, []string{` 0 received, 100% packet loss`}},
	} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			l := start(t, office) // its own, as a kernel remembers what it was told of a path
			args := append([]string{"-n", "-c", "1", "-W", "10"}, p.args...)
			out := l.run(t, p.from, "ping", append(args, p.to)...)
			shows(t, out, p.shown...)
		})
	}
}

// TestTracepathFindsTheMTU: the answer comes from the subnet's router (aws-semantics 4, after the sample in AWS's own guide).
func TestTracepathFindsTheMTU(t *testing.T) {
	t.Parallel()
	tool(t, "tracepath")
	l := start(t, office)
	for _, p := range []struct {
		name     string
		from, to string
		shown    []string
	}{
		{
			"1500 beyond the internet gateway", "web", "203.0.113.10",
			[]string{`\[LOCALHOST\] +pmtu 9001`, `1: +10\.0\.0\.1 .*\n *1: .*pmtu 1500|1: +10\.0\.0\.1 .*pmtu 1500`, `203\.0\.113\.10 .*reached`, `Resume: pmtu 1500`},
		},
		{
			"1500 beyond the NAT gateway, which takes 8500", "app", "203.0.113.10",
			[]string{`\[LOCALHOST\] +pmtu 9001`, `10\.0\.0\.5 .*pmtu 8500`, `203\.0\.113\.10 .*reached`, `Resume: pmtu 1500`},
		},
		{"9001 to another subnet", "web", "10.0.1.10", []string{`10\.0\.1\.10 .*reached`, `Resume: pmtu 9001 hops 1 back 1`}},
		{"9001 to a neighbour", "web", "10.0.0.11", []string{`10\.0\.0\.11 .*reached`, `Resume: pmtu 9001 hops 1 back 1`}},
	} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			shows(t, l.run(t, p.from, "tracepath", "-n", "-m", "5", p.to), p.shown...)
		})
	}
}
