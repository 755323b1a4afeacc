package flowlogs

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/aggregation"
	"vpcsim/dataplane/packet"
)

// trail is the fields that show a packet's way.
const trail = "${interface-id} ${srcaddr} ${dstaddr} ${pkt-srcaddr} ${pkt-dstaddr} ${srcport} ${dstport} ${protocol} ${action} ${tcp-flags} ${traffic-path} ${flow-direction}"

// s3 is an address of S3 in us-east-1, in the prefix list.
const s3 = "52.216.1.2"

// TestWhereAndHowPacketsAreLogged: each row is what was sent, and the trail that it leaves.
func TestWhereAndHowPacketsAreLogged(t *testing.T) {
	t.Parallel()
	const syn, ack = packet.SYN, packet.ACK
	for name, row := range map[string]struct {
		send func(b *bench)
		want []string
	}{
		"inside the VPC: egress at the sender, ingress at the receiver, path 1 (flow-log-records: traffic-path)": {
			func(b *bench) { b.tcp("app", "10.0.2.10:40000", "10.0.1.10:443", syn) },
			[]string{
				"eni-app 10.0.2.10 10.0.1.10 10.0.2.10 10.0.1.10 40000 443 6 ACCEPT 2 1 egress",
				"eni-web 10.0.2.10 10.0.1.10 10.0.2.10 10.0.1.10 40000 443 6 ACCEPT 2 - ingress",
			},
		},
		"an internet gateway is path 8, and the log has private addresses (aws-semantics 0.1, 9.1)": {
			func(b *bench) {
				b.tcp("web", "10.0.1.10:40000", "203.0.113.10:80", syn)
				b.tcp("peer", "203.0.113.10:80", "198.51.100.10:40000", syn|ack)
			},
			[]string{
				"eni-web 10.0.1.10 203.0.113.10 10.0.1.10 203.0.113.10 40000 80 6 ACCEPT 2 8 egress",
				"eni-web 203.0.113.10 10.0.1.10 203.0.113.10 10.0.1.10 80 40000 6 ACCEPT 18 - ingress",
			},
		},
		"a gateway endpoint is path 7 (aws-semantics 9.1)": {
			func(b *bench) { b.tcp("app", "10.0.2.10:40000", s3+":443", syn) },
			[]string{"eni-app 10.0.2.10 52.216.1.2 10.0.2.10 52.216.1.2 40000 443 6 ACCEPT 2 7 egress"},
		},
		"a NAT gateway has four lines for a connection, the packets' own addresses beside its own (flow-logs-records-examples)": {
			func(b *bench) {
				b.tcp("app", "10.0.2.10:40000", "203.0.113.10:80", syn)
				b.tcp("peer", "203.0.113.10:80", "198.51.100.5:"+natPort(b), syn|ack)
			},
			[]string{
				"eni-app 10.0.2.10 203.0.113.10 10.0.2.10 203.0.113.10 40000 80 6 ACCEPT 2 1 egress",
				"eni-app 203.0.113.10 10.0.2.10 203.0.113.10 10.0.2.10 80 40000 6 ACCEPT 18 - ingress",
				"eni-nat 10.0.1.5 203.0.113.10 10.0.1.5 203.0.113.10 NAT 80 6 ACCEPT 2 8 egress",
				"eni-nat 10.0.2.10 10.0.1.5 10.0.2.10 203.0.113.10 40000 80 6 ACCEPT 2 - ingress",
				"eni-nat 203.0.113.10 10.0.1.5 203.0.113.10 10.0.1.5 80 NAT 6 ACCEPT 18 - ingress",
				"eni-nat 10.0.1.5 10.0.2.10 203.0.113.10 10.0.2.10 80 40000 6 ACCEPT 18 1 egress",
			},
		},
		"peering in a region is path 4 (flow-log-records: traffic-path)": {
			func(b *bench) { b.tcp("app", "10.0.2.10:40000", "10.1.1.10:443", syn) },
			[]string{
				"eni-app 10.0.2.10 10.1.1.10 10.0.2.10 10.1.1.10 40000 443 6 ACCEPT 2 4 egress",
				"eni-neighbour 10.0.2.10 10.1.1.10 10.0.2.10 10.1.1.10 40000 443 6 ACCEPT 2 - ingress",
			},
		},
		"peering between regions is path 5, and its default group refuses": {
			func(b *bench) { b.tcp("app", "10.0.2.10:40000", "10.2.1.10:443", syn) },
			[]string{
				"eni-app 10.0.2.10 10.2.1.10 10.0.2.10 10.2.1.10 40000 443 6 ACCEPT 2 5 egress",
				"eni-foreigner 10.0.2.10 10.2.1.10 10.0.2.10 10.2.1.10 40000 443 6 REJECT 2 - ingress",
			},
		},
		"a transit gateway: in by its interface here, out by that there, each once (flow-logs-records-examples); it is no traffic-path": {
			func(b *bench) { b.tcp("app", "10.0.2.10:40000", "10.3.1.10:443", syn) },
			[]string{
				"eni-app 10.0.2.10 10.3.1.10 10.0.2.10 10.3.1.10 40000 443 6 ACCEPT 2 - egress",
				"eni-spoke 10.0.2.10 10.3.1.10 10.0.2.10 10.3.1.10 40000 443 6 ACCEPT 2 - ingress",
				"eni-tgw-beyond 10.3.1.4 10.3.1.10 10.0.2.10 10.3.1.10 40000 443 6 ACCEPT 2 1 egress",
				"eni-tgw-main 10.0.2.10 10.0.2.4 10.0.2.10 10.3.1.10 40000 443 6 ACCEPT 2 - ingress",
			},
		},
		"refused by a security group: a single REJECT (flow-logs-records-examples)": {
			func(b *bench) { b.tcp("peer", "203.0.113.10:40000", "198.51.100.10:22", syn) },
			[]string{"eni-web 203.0.113.10 10.0.1.10 203.0.113.10 10.0.1.10 40000 22 6 REJECT 2 - ingress"},
		},
		"refused by the network ACL of the receiver": {
			func(b *bench) { b.tcp("web", "10.0.1.10:40000", "10.0.3.10:443", syn) },
			[]string{
				"eni-shut 10.0.1.10 10.0.3.10 10.0.1.10 10.0.3.10 40000 443 6 REJECT 2 - ingress",
				"eni-web 10.0.1.10 10.0.3.10 10.0.1.10 10.0.3.10 40000 443 6 ACCEPT 2 1 egress",
			},
		},
		"a ping whose answer the network ACL denies: ACCEPT and REJECT; ICMP has no ports (flow-logs-records-examples)": {
			func(b *bench) {
				b.ping("app", "10.0.2.10", "10.0.3.10", false)
				b.ping("shut", "10.0.3.10", "203.0.113.10", true)
			},
			[]string{
				"eni-app 10.0.2.10 10.0.3.10 10.0.2.10 10.0.3.10 0 0 1 ACCEPT 0 1 egress",
				"eni-shut 10.0.2.10 10.0.3.10 10.0.2.10 10.0.3.10 0 0 1 ACCEPT 0 - ingress",
				"eni-shut 10.0.3.10 203.0.113.10 10.0.3.10 203.0.113.10 0 0 1 REJECT 0 - egress",
			},
		},
		"a secondary address is in the packet's fields alone (flow-logs-limitations)": {
			func(b *bench) { b.tcp("web", "10.0.1.11:40000", "10.0.2.10:443", syn) },
			[]string{
				"eni-app 10.0.1.11 10.0.2.10 10.0.1.11 10.0.2.10 40000 443 6 ACCEPT 2 - ingress",
				"eni-web 10.0.1.10 10.0.2.10 10.0.1.11 10.0.2.10 40000 443 6 ACCEPT 2 1 egress",
			},
		},
		"IPv6 through an internet gateway": {
			func(b *bench) { b.tcp("peer", "[2001:db8:9::10]:40000", "[2001:db8:1:1::10]:443", syn) },
			[]string{"eni-web 2001:db8:9::10 2001:db8:1:1::10 2001:db8:9::10 2001:db8:1:1::10 40000 443 6 ACCEPT 2 - ingress"},
		},
		"lost behind the interface: ACCEPT, and no path where no route took it (undocumented, chosen; aws-semantics 9.2)": {
			func(b *bench) { b.tcp("app", "10.0.2.10:40000", "10.0.9.9:443", syn) },
			[]string{"eni-app 10.0.2.10 10.0.9.9 10.0.2.10 10.0.9.9 40000 443 6 ACCEPT 2 1 egress"},
		},
		"what is never logged: resolver, metadata, time, licences, router, DHCP (aws-semantics 9.3)": {
			func(b *bench) {
				for _, to := range []string{"10.0.0.2:53", "169.254.169.253:53", "169.254.169.254:80", "169.254.169.123:123", "169.254.169.250:1688", "10.0.2.1:1", "255.255.255.255:67"} {
					b.udp("app", "10.0.2.10:68", to)
				}
				b.udp("services-"+b.network.Load().VPC("main").ID, "10.0.0.2:53", "10.0.2.10:40000")
			},
			nil,
		},
		"metadata of ECS tasks is not in that list": {
			func(b *bench) { b.udp("app", "10.0.2.10:1", "169.254.170.2:80") },
			[]string{"eni-app 10.0.2.10 169.254.170.2 10.0.2.10 169.254.170.2 1 80 17 ACCEPT 0 - egress"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, twoVPCs)
			log, sink := b.open(trail)
			row.send(b)
			require.NoError(t, log.Cut())
			require.ElementsMatch(t, row.want, sink.records(t, b))
		})
	}
}

// TestTheTrailOfAConnectionThatAnEndpointBreaks is that of aws-semantics 9.2: on one 5-tuple first path 8, then 7, in lines of their own.
func TestTheTrailOfAConnectionThatAnEndpointBreaks(t *testing.T) {
	t.Parallel()
	const lab = `
region: us-east-1
vpcs:
  main:
    cidr: 10.0.0.0/16
    internet_gateway: igw
    subnets: {a: {cidr: 10.0.0.0/24, route_table: public}}
    route_tables: {public: {routes: [{destination: 0.0.0.0/0, target: igw}]}}
    instances: {web: {subnet: a, address: 10.0.0.71, public_ip: 198.51.100.10}}
`
	b := newBench(t, lab)
	log, sink := b.open("${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${action} ${tcp-flags} ${traffic-path} ${flow-direction}")
	b.tcp("web", "10.0.0.71:41234", s3+":443", packet.SYN)
	b.tcp("s3-internet", s3+":443", "198.51.100.10:41234", packet.SYN|packet.ACK)
	b.tcp("web", "10.0.0.71:41234", s3+":443", packet.ACK)
	b.commit(lab + "    endpoints: {s3: {service: s3, route_tables: [public]}}\n")
	b.tcp("web", "10.0.0.71:41234", s3+":443", packet.ACK)
	b.tcp("s3", s3+":443", "10.0.0.71:41234", packet.RST)
	b.tcp("web", "10.0.0.71:41240", s3+":443", packet.SYN)
	require.NoError(t, log.Cut())
	require.ElementsMatch(t, []string{
		"10.0.0.71 52.216.1.2 41234 443 6 ACCEPT 2 8 egress",
		"52.216.1.2 10.0.0.71 443 41234 6 ACCEPT 22 - ingress",
		"10.0.0.71 52.216.1.2 41234 443 6 ACCEPT 0 7 egress",
		"10.0.0.71 52.216.1.2 41240 443 6 ACCEPT 2 7 egress",
	}, sink.data())
}

// TestEveryField has a value, or "-" if it is about what is not simulated.
func TestEveryField(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		"version":    "11", // the highest of the fields' (flow-log-records: version)
		"account-id": "123456789012", "interface-id": "eni-app", "srcaddr": "10.0.2.10", "dstaddr": s3, "srcport": "40000", "dstport": "443",
		"protocol": "6", "packets": "2", "bytes": "80", "start": "1700000001", "end": "1700000003", "action": "ACCEPT", "log-status": "OK",
		"vpc-id": "main", "subnet-id": "private", "instance-id": "i-app", "tcp-flags": "3", "type": "IPv4", "pkt-srcaddr": "10.0.2.10", "pkt-dstaddr": s3,
		"region": "us-east-1", "az-id": "use1-az2", "sublocation-type": "-", "sublocation-id": "-",
		"pkt-src-aws-service": "-", "pkt-dst-aws-service": "S3", "flow-direction": "egress", "traffic-path": "7",
		"ecs-cluster-arn": "-", "ecs-task-id": "-", "reject-reason": "-", "resource-id": "-", "encryption-status": "-", "instance-tag": "-", "asg-tag-2": "-",
		"interface-type": "-", "next-hop-interface-id": "-", "next-hop-interface-type": "-",
	}
	for field, want := range values {
		t.Run(field, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, twoVPCs)
			format := "${" + field + "}"
			if field == "version" {
				format += " ${next-hop-vpc-id}"
				want += " -"
			}
			log, sink := b.open(format, "app")
			b.now.Store(int64(700 * time.Millisecond)) // 1.2 s after the epoch's second began
			b.tcp("app", "10.0.2.10:40000", s3+":443", packet.SYN)
			b.now.Store(int64(2500 * time.Millisecond))
			b.tcp("app", "10.0.2.10:40000", s3+":443", packet.FIN|packet.ACK)
			require.NoError(t, log.Cut())
			require.Equal(t, []string{want}, sink.records(t, b))
		})
	}
}

// TestNextHops: where packets go next is known where a route leads to a network interface; at the interfaces of gateways, type and
// service are said, and no instance (flow-log-records).
func TestNextHops(t *testing.T) {
	t.Parallel()
	b := newBench(t, twoVPCs)
	log, sink := b.open("${interface-id} ${instance-id} ${interface-type} ${flow-direction} ${next-hop-interface-id} ${next-hop-subnet-id} ${next-hop-az-id} ${next-hop-vpc-id} ${next-hop-interface-type}")
	b.tcp("app", "10.0.2.10:40000", "203.0.113.10:80", packet.SYN)
	b.tcp("app", "10.0.2.10:40001", "10.1.1.10:443", packet.SYN)
	b.tcp("app", "10.0.2.10:40002", "10.3.1.10:443", packet.SYN)
	require.NoError(t, log.Cut())
	require.ElementsMatch(t, []string{
		"eni-app i-app - egress eni-nat public use1-az1 main nat_gateway",
		"eni-nat - nat_gateway ingress - - - - -",
		"eni-nat - nat_gateway egress - - - - -",
		"eni-app i-app - egress eni-neighbour near use1-az1 near -",
		"eni-neighbour i-neighbour - ingress - - - - -",
		"eni-app i-app - egress eni-tgw-main private use1-az2 main transit_gateway",
		"eni-tgw-main - transit_gateway ingress - - - - -",
		"eni-tgw-beyond - transit_gateway egress eni-spoke beyond use1-az2 beyond -",
		"eni-spoke i-spoke - ingress - - - - -",
	}, sink.records(t, b))
}

// TestTrafficTypesAndResources: a log has what it was asked for and nothing else.
func TestTrafficTypesAndResources(t *testing.T) {
	t.Parallel()
	b := newBench(t, twoVPCs)
	all, allLines := b.open("${interface-id} ${action}", "main")
	refused, refusedLines := b.openTraffic(aggregation.Rejected, "${interface-id} ${action} ${log-status}")
	one, oneLines := b.open("${interface-id} ${action} ${log-status}", "web", "nat")
	b.tcp("peer", "203.0.113.10:40000", "198.51.100.10:22", packet.SYN)
	b.tcp("app", "10.0.2.10:40001", "10.1.1.10:443", packet.SYN)
	for _, log := range []*Log{all, refused, one} {
		require.NoError(t, log.Cut())
	}
	require.ElementsMatch(t, []string{"eni-web REJECT", "eni-app ACCEPT"}, b.nameAll(allLines.data()))
	require.Equal(t, []string{"eni-web REJECT OK"}, b.nameAll(refusedLines.data()))
	require.ElementsMatch(t, []string{"eni-web REJECT OK", "eni-nat - NODATA"}, b.nameAll(oneLines.all))
	_, err := Open(b.lab(), Options{Resources: []string{"wbe"}}, &lines{})
	require.ErrorContains(t, err, `"wbe"; did you mean web?`)
	_, err = Open(b.lab(), Options{Interval: 1500 * time.Millisecond}, &lines{})
	require.ErrorContains(t, err, "whole seconds")
}
