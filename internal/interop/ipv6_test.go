package interop

import (
	"fmt"
	"strings"
	"testing"

	"vpcsim/dataplane/drop"
	"vpcsim/internal/nstest"
)

// dual is a VPC with IPv6: a public subnet, and one behind the egress-only internet gateway.
const dual = `
name: dual
region: us-east-1
vpcs:
  main:
    cidr: 10.0.0.0/16
    ipv6_cidr: 2600:1f18:0:100::/56
    internet_gateway: igw
    egress_only_internet_gateway: eigw
    subnets:
      public: {cidr: 10.0.0.0/24, ipv6_cidr: "2600:1f18:0:100::/64", route_table: public}
      private: {cidr: 10.0.1.0/24, ipv6_cidr: "2600:1f18:0:101::/64", route_table: private}
    route_tables:
      public: {main: true, routes: [{destination: "::/0", target: igw}]}
      private: {routes: [{destination: "::/0", target: eigw}]}
    security_groups:
      open: {ingress: [{protocol: all, peer: "::/0"}], egress: [{protocol: all, peer: "::/0"}]}
      outbound: {egress: [{protocol: all, peer: "::/0"}]}
    instances:
      web: {subnet: public, ipv6_addresses: ["2600:1f18:0:100::10"], security_groups: [open]}
      neighbour: {subnet: public, ipv6_addresses: ["2600:1f18:0:100::11"], security_groups: [outbound]}
      app: {subnet: private, ipv6_addresses: ["2600:1f18:0:101::10"], security_groups: [open]}
internet:
  hosts:
    peer: {address: 203.0.113.10, ipv6_address: "2a00:1450::10"}
`

const web6, neighbour6, app6, peer6 = "2600:1f18:0:100::10", "2600:1f18:0:100::11", "2600:1f18:0:101::10", "2a00:1450::10"

// TestPing6: IPv6 is not translated; the hop limit goes down where the time to live does (aws-semantics 1.7, 8.4).
func TestPing6(t *testing.T) {
	t.Parallel()
	nstest.RequireIPv6(t)
	tool(t, "ping")
	for _, p := range []struct {
		name, from, to string
		size           int
		want           string // that is printed
		reason         drop.Reason
	}{
		{"a public instance and an internet host", "web", peer6, 56, `icmp_seq=1 ttl=63 `, drop.None},
		{"an internet host and a public instance", "peer", web6, 56, `icmp_seq=1 ttl=64 `, drop.None},
		{"another subnet", "web", app6, 56, `icmp_seq=1 ttl=64 `, drop.None},
		{"a neighbour whose group lets nobody in", "web", neighbour6, 56, ` 0 received, 100% packet loss`, drop.SecurityGroupEmpty},
		{"that neighbour the other way round", "neighbour", web6, 56, `icmp_seq=1 ttl=64 `, drop.None},
		{"out through the egress-only gateway", "app", peer6, 56, `icmp_seq=1 ttl=63 `, drop.None},
		{"not in through the egress-only gateway", "peer", app6, 56, ` 0 received, 100% packet loss`, drop.EgressOnly},
		{"1500 bytes through the internet gateway", "web", peer6, 1452, `1 received`, drop.None},
		{"more than 1500 bytes", "web", peer6, 1453, `From 2600:1f18:0:100::1 icmp_seq=1 Packet too big: mtu=1500(.|\n)* 0 received`, drop.MTUExceeded},
		{"more than 1500 bytes through the egress-only gateway", "app", peer6, 1453, `From 2600:1f18:0:101::1 icmp_seq=1 Packet too big: mtu=1500(.|\n)* 0 received`, drop.MTUExceeded},
		{"9001 bytes inside the VPC", "web", app6, 8953, `1 received`, drop.None},
		{"more than 9001 bytes are the sender's own matter", "web", app6, 8954, `mtu[=:] ?9001(.|\n)* 0 received`, drop.None},
	} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			l := start(t, dual)
			out := l.run(t, p.from, "ping", "-6", "-n", "-c", "1", "-W", "10", "-M", "do", "-s", fmt.Sprint(p.size), p.to)
			shows(t, out, p.want)
			if n := l.drops(p.reason); p.reason != drop.None && n == 0 {
				t.Errorf("nothing was dropped as %s: %v", p.reason, l.Router().Counters())
			}
		})
	}
}

// TestPath6: what traceroute and tracepath find.
func TestPath6(t *testing.T) {
	t.Parallel()
	nstest.RequireIPv6(t)
	for _, p := range []struct {
		from, to string
		hops     []string
		mtu      int
	}{
		{"web", peer6, []string{peer6}, 1500},
		{"app", peer6, []string{peer6}, 1500},
		{"peer", web6, []string{"*", web6}, 1500},
		{"web", app6, []string{app6}, 9001},
	} {
		t.Run(p.from+" to "+p.to, func(t *testing.T) {
			t.Parallel()
			l := start(t, dual) // its own, as kernels limit how many ICMP errors they send
			for _, method := range []string{"--icmp", "--udp", "--tcp"} {
				l.leads(t, p.from, p.to, p.hops, "-6", method)
			}
			shows(t, l.run(t, p.from, "tracepath", "-6", "-n", "-m", "4", p.to), fmt.Sprintf(`%s .*reached(.|\n)*Resume: pmtu %d`, p.to, p.mtu))
		})
	}
}

// TestCurl6: TCP with its own addresses at both ends, and large segments.
func TestCurl6(t *testing.T) {
	t.Parallel()
	nstest.RequireIPv6(t)
	tool(t, "curl")
	l := start(t, dual)
	for _, on := range []string{"web", "app", "peer"} {
		l.web(t, on)
	}
	for _, c := range []struct{ name, from, to, want string }{
		{"out", "web", peer6, `you are ` + web6},
		{"in", "peer", web6, `you are ` + peer6},
		{"out through the egress-only gateway", "app", peer6, `you are ` + app6},
		{"not in through it", "peer", app6, `curl: \(28\)`},
		{"between subnets", "web", app6, `you are ` + web6},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			url := "http://[" + c.to + "]/"
			shows(t, l.curl(t, c.from, url), `^`+c.want)
			if strings.HasPrefix(c.want, "you") {
				shows(t, l.curl(t, c.from, url+"large", megabyte...), `^200 1048576$`)
				shows(t, l.upload(t, c.from, url), `^1048576 bytes$`)
			}
		})
	}
}
