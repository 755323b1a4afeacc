package flowlogs

import (
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane"
	"vpcsim/dataplane/aggregation"
	"vpcsim/dataplane/flowlog"
	"vpcsim/dataplane/packet"
	"vpcsim/dataplane/port"
	"vpcsim/nat"
	"vpcsim/topology"
	"vpcsim/topology/compile"
)

// twoVPCs has all that flow logs tell apart: both kinds of gateway at the way to S3, a NAT gateway, peerings in a region and between two,
// a transit gateway, filters that refuse.
const twoVPCs = `
region: us-east-1
vpcs:
  main:
    cidr: 10.0.0.0/16
    ipv6_cidr: 2001:db8:1::/56
    internet_gateway: igw
    subnets:
      public: {cidr: 10.0.1.0/24, ipv6_cidr: '2001:db8:1:1::/64', az: us-east-1a, route_table: public}
      private: {cidr: 10.0.2.0/24, az: us-east-1b, route_table: private}
      closed: {cidr: 10.0.3.0/24, az: us-east-1c, route_table: private, network_acl: deaf}
    route_tables:
      public: {routes: [{destination: 0.0.0.0/0, target: igw}, {destination: '::/0', target: igw}]}
      private:
        routes:
          - {destination: 0.0.0.0/0, target: nat}
          - {destination: 10.1.0.0/16, target: near}
          - {destination: 10.2.0.0/16, target: far}
          - {destination: 10.3.0.0/16, target: tgw}
    endpoints: {s3: {service: s3, route_tables: [private]}}
    nat_gateways: {nat: {subnet: public, address: 10.0.1.5, public_ip: 198.51.100.5}}
    network_acls:
      deaf:
        ingress: [{number: 100, action: allow, protocol: all, cidr: 10.0.2.0/24}]
        egress: [{number: 100, action: allow, protocol: all, cidr: 10.0.0.0/16}]
    security_groups:
      web: {ingress: [{protocol: tcp, ports: 443, peer: 0.0.0.0/0}, {protocol: tcp, ports: 443, peer: '::/0'}, {protocol: icmp, peer: 0.0.0.0/0}]}
    instances:
      web: {subnet: public, address: 10.0.1.10, secondary_addresses: [10.0.1.11], ipv6_addresses: ['2001:db8:1:1::10'], public_ip: 198.51.100.10, security_groups: [web]}
      app: {subnet: private, address: 10.0.2.10, security_groups: [web]}
      shut: {subnet: closed, address: 10.0.3.10, security_groups: [web]}
  near:
    cidr: 10.1.0.0/16
    subnets: {near: {cidr: 10.1.1.0/24, az: us-east-1a}}
    route_tables: {near: {main: true, routes: [{destination: 10.0.0.0/16, target: near}]}}
    security_groups: {all: {ingress: [{protocol: all, peer: 0.0.0.0/0}]}}
    instances: {neighbour: {subnet: near, address: 10.1.1.10, security_groups: [all]}}
  far: {region: eu-west-1, cidr: 10.2.0.0/16, subnets: {far: {cidr: 10.2.1.0/24, az: eu-west-1a}}, instances: {foreigner: {subnet: far, address: 10.2.1.10}}}
  beyond:
    cidr: 10.3.0.0/16
    subnets: {beyond: {cidr: 10.3.1.0/24, az: us-east-1b}}
    route_tables: {beyond: {main: true, routes: [{destination: 10.0.0.0/16, target: tgw}]}}
    security_groups: {all: {ingress: [{protocol: all, peer: 0.0.0.0/0}]}}
    instances: {spoke: {subnet: beyond, address: 10.3.1.10, security_groups: [all]}}
peerings: {near: {requester: main, accepter: near}, far: {requester: main, accepter: far}}
transit_gateways:
  tgw: {attachments: {main: {vpc: main, subnets: [private]}, beyond: {vpc: beyond, subnets: [beyond]}}}
internet: {hosts: {peer: {address: 203.0.113.10, ipv6_address: '2001:db8:9::10'}}}
`

// bench is a router with a topology, whose ports are pipes, and a clock that a test moves.
type bench struct {
	t       testing.TB
	network atomic.Pointer[topology.Network]
	state   *compile.State
	router  *dataplane.Router
	pipes   map[string]*port.Pipe // by interface id
	now     atomic.Int64
	sent    uint64
}

// epoch is the time on the wall when the bench's clock begins, in the middle of a second.
var epoch = time.Unix(1_700_000_000, 500_000_000)

func newBench(t testing.TB, text string) *bench {
	t.Helper()
	b := &bench{t: t, pipes: map[string]*port.Pipe{}}
	b.router = dataplane.NewRouter(dataplane.Config{Now: b.now.Load, Flows: 1 << 16})
	t.Cleanup(func() { require.NoError(t, b.router.Close()) })
	b.commit(text)
	return b
}

// commit makes a topology the current one.
func (b *bench) commit(text string) {
	b.t.Helper()
	spec, src, err := topology.Parse("lab.vpc.yml", []byte(text))
	require.NoError(b.t, err)
	n, err := topology.Resolve(spec, src)
	require.NoError(b.t, err)
	s, state, err := compile.Snapshot(n, b.state)
	require.NoError(b.t, err)
	for _, i := range s.Interfaces {
		if i.Gateway == nil && b.pipes[i.ID] == nil {
			b.pipes[i.ID] = port.NewPipe(4096)
			b.router.Attach(i.ID, b.pipes[i.ID])
		}
	}
	state.Configure()
	b.state = state
	b.router.Commit(s)
	b.network.Store(n)
}

func (b *bench) lab() Lab {
	return Lab{
		Router: b.router, Network: b.network.Load, Now: b.now.Load,
		Wall: func(at int64) time.Time { return epoch.Add(time.Duration(at)) },
	}
}

// port is the id of what is called so: an instance's first interface, a host, an edge.
func (b *bench) port(name string) string {
	n := b.network.Load()
	if i := n.Instance(name); i != nil {
		return i.Interfaces[0].ID
	}
	if h := n.InternetHost(name); h != nil {
		return h.ID
	}
	if e := n.Endpoint(name); e != nil {
		return e.ID
	}
	return name
}

// send has a packet enter at a port, and waits until the worker has it.
func (b *bench) send(at string, p *packet.Packet) {
	b.t.Helper()
	b.now.Add(int64(time.Millisecond))
	require.NoError(b.t, b.pipes[b.port(at)].Inject(p.Bytes()))
	b.sent++
	require.Eventually(b.t, func() bool { return b.router.Counters().PacketsIn == b.sent }, time.Minute, 50*time.Microsecond)
}

// tcp sends a segment.
func (b *bench) tcp(at, from, to string, flags uint8) {
	b.t.Helper()
	p := packet.New(100)
	packet.BuildTCP(p, netip.MustParseAddrPort(from), netip.MustParseAddrPort(to), flags, 1, 1, nil)
	b.send(at, p)
}

func (b *bench) udp(at, from, to string) {
	b.t.Helper()
	p := packet.New(100)
	packet.BuildUDP(p, netip.MustParseAddrPort(from), netip.MustParseAddrPort(to), nil)
	b.send(at, p)
}

func (b *bench) ping(at, from, to string, reply bool) {
	b.t.Helper()
	p := packet.New(100)
	build := packet.BuildICMPEcho
	if reply {
		build = packet.BuildICMPEchoReply
	}
	build(p, netip.MustParseAddr(from), netip.MustParseAddr(to), 7, 1, make([]byte, 56))
	b.send(at, p)
}

// lines is a sink that keeps everything.
type lines struct {
	all   []string
	ended []Interval
	trim  bool // log-status was added to the format, and is to be taken off again
}

// Lines implements [Sink].
func (l *lines) Lines(_ string, text []byte) error {
	l.all = append(l.all, strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")...)
	return nil
}

// End implements [Sink].
func (l *lines) End(i Interval) error {
	l.ended = append(l.ended, i)
	return nil
}

// data returns the lines that are not of NODATA, and forgets all.
func (l *lines) data() (all []string) {
	for _, line := range l.all {
		if !strings.HasSuffix(line, "NODATA") {
			if l.trim {
				line = strings.TrimSuffix(line, " OK")
			}
			all = append(all, line)
		}
	}
	l.all = nil
	return all
}

// open begins a log of the bench.
func (b *bench) open(format string, resources ...string) (*Log, *lines) {
	b.t.Helper()
	return b.openTraffic(aggregation.All, format, resources...)
}

func (b *bench) openTraffic(traffic aggregation.Traffic, format string, resources ...string) (*Log, *lines) {
	b.t.Helper()
	sink := &lines{trim: !strings.Contains(format, "log-status")}
	if sink.trim {
		format += " ${log-status}"
	}
	f, err := flowlog.ParseFields(format)
	require.NoError(b.t, err)
	log, err := Open(b.lab(), Options{Format: f, Resources: resources, Traffic: traffic}, sink)
	require.NoError(b.t, err)
	b.t.Cleanup(func() { require.NoError(b.t, log.Close()) })
	return log, sink
}

// names is a line with names in place of ids, as far as tests need them.
func (b *bench) names(line string) string {
	n := b.network.Load()
	var pairs []string
	for _, v := range n.VPCs {
		pairs = append(pairs, v.ID, v.Name)
		for _, s := range v.Subnets {
			pairs = append(pairs, s.ID, s.Name)
		}
		for _, i := range v.Instances {
			pairs = append(pairs, i.ID, "i-"+i.Name, i.Interfaces[0].ID, "eni-"+i.Name)
		}
		for _, g := range v.NATGateways {
			pairs = append(pairs, g.InterfaceID, "eni-"+g.Name)
		}
	}
	for _, g := range n.TransitGateways {
		for _, a := range g.Attachments {
			pairs = append(pairs, a.InterfaceIDs[0], "eni-tgw-"+a.Name)
		}
	}
	return strings.NewReplacer(pairs...).Replace(line)
}

// records returns the lines with data, with names in place of ids, and a NAT gateway's port as NAT.
func (l *lines) records(t testing.TB, b *bench) (all []string) {
	t.Helper()
	port := natPort(b)
	for _, line := range b.nameAll(l.data()) {
		if strings.HasPrefix(line, "eni-nat") {
			line = strings.Replace(line, " "+port+" ", " NAT ", 1)
		}
		all = append(all, line)
	}
	return all
}

func (b *bench) nameAll(lines []string) (all []string) {
	for _, line := range lines {
		all = append(all, b.names(line))
	}
	return all
}

// natPort is the port that the NAT gateway chose for its only session.
func natPort(b *bench) (port string) {
	b.state.NATs(func(_ string, g *nat.Gateway) {
		g.Sessions(func(s nat.Session) { port = strconv.Itoa(int(s.Outside.Port())) })
	})
	return port
}
