package probe

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/topology"
)

const lab = `
name: probe
region: us-east-1
vpcs:
  main:
    cidr: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      public: {cidr: 10.0.1.0/24, route_table: public}
      endpoint: {cidr: 10.0.2.0/24, route_table: endpoint}
      isolated: {cidr: 10.0.3.0/24}
    route_tables:
      public:
        routes:
          - {destination: 0.0.0.0/0, target: igw}
          - {destination: 192.0.2.0/24, target: gone, state: blackhole}
      endpoint: {routes: [{destination: 0.0.0.0/0, target: igw}]}
    endpoints:
      s3: {service: s3, route_tables: [endpoint]}
    security_groups: {web: {ingress: [{protocol: all, peer: 0.0.0.0/0}]}}
    instances:
      web: {subnet: public, address: 10.0.1.10, public_ip: 198.51.100.10, security_groups: [web]}
      app: {subnet: endpoint, address: 10.0.2.10, security_groups: [default, web]}
      db: {subnet: isolated, address: 10.0.3.10, security_groups: [web]}
  twin:
    cidr: 10.0.0.0/16
    subnets: {s: {cidr: 10.0.1.0/24}}
    instances: {clone: {subnet: s, address: 10.0.1.10}}
internet:
  hosts:
    peer: {address: 203.0.113.10}
`

func tracerOf(t testing.TB, text string) *Tracer {
	t.Helper()
	spec, src, err := topology.Parse("probe.vpc.yml", []byte(text))
	require.NoError(t, err)
	n, err := topology.Resolve(spec, src)
	require.NoError(t, err)
	tracer, err := New(n)
	require.NoError(t, err)
	return tracer
}

const s3 = "s3.us-east-1.amazonaws.com"

func TestTrace(t *testing.T) {
	t.Parallel()
	tracer := tracerOf(t, lab)
	eni := func(instance string) string { return tracer.Network.Instance(instance).Interfaces[0].ID }
	vpce := tracer.Network.Endpoint("s3").ID
	rtb := func(name string) string { return tracer.Network.RouteTable(name).ID }
	for name, c := range map[string]struct {
		query           Query
		verdict, reason string
		where           string
		source          string
		back            string // verdict of the answer; empty if there is none
	}{
		"to S3 by the internet gateway, S3 sees the public address": {
			Query{From: "web", To: s3, Protocol: "tcp", Port: 443}, Delivered, "", "s3-internet", "198.51.100.10", Delivered,
		},
		"to S3 by the endpoint, S3 sees the private address": {
			Query{From: "app", To: s3, Protocol: "tcp", Port: 443}, Delivered, "", vpce, "10.0.2.10", Delivered,
		},
		"ping S3 by the endpoint": {
			Query{From: "app", To: s3, Protocol: "icmp"}, Delivered, "", vpce, "10.0.2.10", Delivered,
		},
		"UDP does not pass an endpoint": {
			Query{From: "app", To: s3, Protocol: "udp", Port: 53}, Dropped, "VPCE_GATEWAY_PROTOCOL_RESTRICTION", vpce, "", "",
		},
		"without a public address the internet gateway refuses": {
			Query{From: "app", To: "peer", Protocol: "tcp", Port: 80}, Dropped, "IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS",
			tracer.Network.VPC("main").InternetGateway.ID, "", "",
		},
		"without a route": {
			Query{From: "db", To: s3, Protocol: "tcp", Port: 443}, Dropped, "NO_ROUTE_TO_DESTINATION", tracer.Network.Instance("db").Interfaces[0].Subnet.RouteTable.ID, "", "",
		},
		"a blackhole is the best route": {
			Query{From: "web", To: "192.0.2.1", Protocol: "tcp", Port: 80}, Dropped, "BAD_STATE_ROUTE", rtb("public"), "", "",
		},
		"between instances of two subnets": {
			Query{From: "web", To: "db", Protocol: "tcp", Port: 5432}, Delivered, "", eni("db"), "10.0.1.10", Delivered,
		},
		"from the internet a name means the public address": {
			Query{From: "peer", To: "web", Protocol: "tcp", Port: 80}, Delivered, "", eni("web"), "203.0.113.10", Delivered,
		},
		"from a declared internet host": {
			Query{From: "peer", To: "198.51.100.10", Protocol: "tcp", Port: 80}, Delivered, "", eni("web"), "203.0.113.10", Delivered,
		},
		"from anywhere on the internet": {
			Query{From: "internet:192.88.99.1", To: "198.51.100.10", Protocol: "udp", Port: 80}, Delivered, "", eni("web"), "192.88.99.1", Delivered,
		},
		"an answer can fail where the question did not": {
			Query{From: "internet:192.0.2.1", To: "198.51.100.10", Protocol: "tcp", Port: 80}, Delivered, "", eni("web"), "192.0.2.1", Dropped,
		},
		"to an internet address nobody declared": {
			Query{From: "web", To: "192.88.99.1", Protocol: "tcp", Port: 80}, Delivered, "", "internet", "198.51.100.10", Delivered,
		},
		"from the internet to an address nobody has": {
			Query{From: "peer", To: "198.51.100.99", Protocol: "tcp", Port: 80}, Dropped, "NO_ROUTE_TO_DESTINATION", "internet", "", "",
		},
		"a protocol by its number": {
			Query{From: "web", To: "db", Protocol: "47"}, Delivered, "", eni("db"), "10.0.1.10", Delivered,
		},
		"by the interface's id where two VPCs have the address": {
			Query{From: eni("clone"), To: "10.0.1.99", Protocol: "tcp", Port: 80}, Dropped, "NO_POSSIBLE_DESTINATION", tracer.Network.VPC("twin").ID, "", "",
		},
		"by a private address": {
			Query{From: "10.0.3.10", To: "10.0.2.10", Protocol: "tcp", Port: 80}, Delivered, "", eni("app"), "10.0.3.10", Delivered,
		},
	} {
		a, err := tracer.Trace(c.query)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		back := ""
		if a.Verdict == Delivered {
			back = a.Return.Verdict
		}
		got := [...]string{a.Verdict, a.Reason, a.Where, a.SourceAtDestination, back}
		want := [...]string{c.verdict, c.reason, c.where, c.source, c.back}
		if got != want {
			t.Errorf("%s:\n got %q\nwant %q\nhops %q", name, got, want, a.Hops)
		}
		if a.Hops[len(a.Hops)-1] != a.Where {
			t.Errorf("%s: ended at %s, last hop %s", name, a.Where, a.Hops[len(a.Hops)-1])
		}
	}
}

func TestWrongQuestions(t *testing.T) {
	t.Parallel()
	tracer := tracerOf(t, lab)
	for name, c := range map[string]struct {
		query Query
		want  string
	}{
		"nobody sends":               {Query{To: s3, Protocol: "tcp", Port: 1}, "from is missing"},
		"nobody receives":            {Query{From: "web", Protocol: "tcp", Port: 1}, "to is missing"},
		"no protocol":                {Query{From: "web", To: s3, Port: 1}, "protocol is missing"},
		"no port":                    {Query{From: "web", To: s3, Protocol: "udp"}, "port is missing"},
		"a protocol nobody knows":    {Query{From: "web", To: s3, Protocol: "ip6", Port: 1}, `protocol "ip6"`},
		"a protocol beyond a byte":   {Query{From: "web", To: s3, Protocol: "256", Port: 1}, `protocol "256"`},
		"an unknown instance":        {Query{From: "wbe", To: s3, Protocol: "tcp", Port: 1}, `from: nothing is called "wbe"; there are: app, db, web, clone, peer`},
		"an unknown receiver":        {Query{From: "web", To: "s4", Protocol: "tcp", Port: 1}, `to: nothing is called "s4"`},
		"an address of two VPCs":     {Query{From: "10.0.1.10", To: s3, Protocol: "tcp", Port: 1}, "give the id of the network interface"},
		"a public address for from":  {Query{From: "198.51.100.10", To: s3, Protocol: "tcp", Port: 1}, "write internet:198.51.100.10"},
		"IPv6 without an address":    {Query{From: "web", To: "2001:db8::1", Protocol: "tcp", Port: 1}, "from: web has no IPv6 address"},
		"IPv6 to S3":                 {Query{From: "internet:2001:db8::1", To: s3, Protocol: "tcp", Port: 1}, "to: " + s3 + " has no IPv6 address"},
		"two families":               {Query{From: "internet:192.0.2.1", To: "2001:db8::1", Protocol: "tcp", Port: 1}, "from: 192.0.2.1 has no IPv6 address"},
		"an extension header alone":  {Query{From: "internet:2001:db8::1", To: "2001:db8::2", Protocol: "44"}, "extension header"},
		"a mapped address":           {Query{From: "web", To: "::ffff:192.0.2.1", Protocol: "tcp", Port: 1}, "write 192.0.2.1"},
		"an address with a zone":     {Query{From: "web", To: "fe80::1%eth0", Protocol: "tcp", Port: 1}, "write fe80::1"},
		"the internet has no name":   {Query{From: "internet:web", To: s3, Protocol: "tcp", Port: 1}, `"web" is no IP address`},
		"the internet without words": {Query{From: "internet:", To: s3, Protocol: "tcp", Port: 1}, "is no IP address"},
	} {
		if a, err := tracer.Trace(c.query); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v and %v, want an error with %q", name, a, err, c.want)
		}
	}
}

func TestProtocolMayBeTextOrNumber(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{"protocol":"udp"}`, `{"protocol":17}`, `{"protocol":"17"}`} {
		var q Query
		require.NoError(t, json.Unmarshal([]byte(text), &q))
		if n, err := q.Protocol.number(); n != 17 || err != nil {
			t.Errorf("%s: got %d, %v", text, n, err)
		}
	}
}

// FuzzTrace: no question makes the tracer panic, and every answer says where the packet ended.
func FuzzTrace(f *testing.F) {
	f.Add("web", s3, "tcp", uint16(443), uint16(0), 9001, uint8(3), "established")
	f.Add("internet:192.0.2.1", "198.51.100.10", "icmp", uint16(0), uint16(7), 0, uint8(0), "")
	f.Add("internet:255.255.255.255", "0.0.0.0", "0", uint16(0), uint16(0), 0, uint8(0), "")
	f.Add("10.0.2.10", "internet:127.0.0.1", "58", uint16(1), uint16(1), 0, uint8(0), "")
	f.Add("internet:::ffff:1.2.3.4", "::ffff:10.0.2.10", "udp", uint16(1), uint16(1), 0, uint8(0), "")
	f.Add("internet:10.0.2.10", "224.0.0.1", "6", uint16(1), uint16(1), 0, uint8(0), "")
	f.Add("app", "2001:db8:ffff::10", "icmp", uint16(0), uint16(7), 0, uint8(0), "")
	f.Add("internet:2001:db8::1", "2001:db8:1200:1::10", "47", uint16(0), uint16(0), 0, uint8(0), "")
	f.Add("trapped", "client", "tcp", uint16(80), uint16(0), 0, uint8(0), "")
	f.Add("app", "10.2.1.10", "17", uint16(80), uint16(0), 0, uint8(0), "")
	spec, src, err := topology.Parse("probe.vpc.yml", []byte(gateways))
	require.NoError(f, err)
	n, err := topology.Resolve(spec, src)
	require.NoError(f, err)
	tracer, err := New(n)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, from, to, protocol string, port, sourcePort uint16, size int, ttl uint8, ct string) {
		a, err := tracer.Trace(Query{From: from, To: to, Protocol: Protocol(protocol), Port: port, SourcePort: sourcePort, Size: size, TTL: ttl, Connection: Connection(ct)})
		if err != nil {
			return
		}
		if a.Where == "" || (a.Verdict == Dropped) != (a.Reason != "") || a.Return == nil && a.Verdict == Delivered {
			t.Errorf("%+v", a)
		}
		if a.Reason != "" && (a.Blockers[0].Reason != a.Reason || a.Blockers[0].By != a.By || a.Where != a.By || a.Blockers[0].Way != "") {
			t.Errorf("the first blocker is not the verdict: %+v", a)
		}
	})
}
