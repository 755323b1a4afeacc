package control

import (
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/packet"
	"vpcsim/dataplane/port"
	"vpcsim/dataplane/port/tap"
	"vpcsim/internal/nstest"
	"vpcsim/topology"
)

const everyPath = `
name: paths
region: us-east-1
vpcs:
  main:
    cidr: 10.0.0.0/16
    ipv6_cidr: 2001:db8::/56
    internet_gateway: igw
    egress_only_internet_gateway: eigw
    subnets:
      public: {cidr: 10.0.1.0/24, ipv6_cidr: "2001:db8:0:1::/64", route_table: public}
      private: {cidr: 10.0.2.0/24, ipv6_cidr: "2001:db8:0:2::/64"}
    nat_gateways: {nat: {subnet: public, public_ip: 198.51.100.20}}
    endpoints: {s3: {service: s3, route_tables: [main]}}
    route_tables:
      public: {routes: [{destination: 0.0.0.0/0, target: igw}, {destination: "::/0", target: igw}]}
      main:
        main: true
        routes:
          - {destination: 0.0.0.0/0, target: nat}
          - {destination: "::/0", target: eigw}
          - {destination: 10.1.0.0/16, target: pcx}
    security_groups: &open {open: {ingress: [{protocol: all, peer: 0.0.0.0/0}, {protocol: all, peer: "::/0"}], egress: [{protocol: all, peer: 0.0.0.0/0}, {protocol: all, peer: "::/0"}]}}
    instances:
      web: {subnet: public, address: 10.0.1.10, ipv6_addresses: ["2001:db8:0:1::10"], public_ip: 198.51.100.10, security_groups: [open]}
      app: {subnet: private, address: 10.0.2.10, ipv6_addresses: ["2001:db8:0:2::10"], security_groups: [open]}
      db: {subnet: private, address: 10.0.2.11, ipv6_addresses: ["2001:db8:0:2::11"], security_groups: [open]}
      gate: {subnet: private, address: 10.0.2.12, security_groups: [open]}
  peer:
    cidr: 10.1.0.0/16
    subnets: {s: {cidr: 10.1.1.0/24}}
    route_tables: {main: {main: true, routes: [{destination: 10.0.0.0/16, target: pcx}]}}
    security_groups: *open
    instances: {far: {subnet: s, address: 10.1.1.10, security_groups: [open]}}
peerings: {pcx: {requester: main, accepter: peer}}
internet:
  hosts:
    host: {address: 203.0.113.10, ipv6_address: "2600:1f00::10"}
s3: {buckets: {demo: {objects: {movie: "size:5MiB"}}}}
`

var endsOfEveryPath = []string{"web", "app", "db", "far", "host"}

// waysOfEveryPath are the ways through it, one of each kind.
var waysOfEveryPath = []struct{ name, from, on, to, to6 string }{
	{"inside a subnet", "app", "db", "10.0.2.11", "2001:db8:0:2::11"},
	{"between subnets", "app", "web", "10.0.1.10", "2001:db8:0:1::10"},
	{"through the internet gateway", "web", "host", "203.0.113.10", "2600:1f00::10"},
	{"through the NAT gateway or the egress-only internet gateway", "app", "host", "203.0.113.10", "2600:1f00::10"},
	{"through a peering connection", "app", "far", "10.1.1.10", ""},
}

// eachWay runs f, as a test of its own, for each way through a lab of everyPath, in each family.
func eachWay(t *testing.T, l *Lab, f func(x exchange, t *testing.T)) {
	for _, w := range waysOfEveryPath {
		for _, to := range []string{w.to, w.to6} {
			if to == "" {
				continue
			}
			addr := netip.MustParseAddr(to)
			x := exchange{lab: l, t: t, from: w.from, on: w.on, to: addr, nat: w.to == "203.0.113.10" && w.from == "app" && addr.Is4()}
			t.Run(w.name+" to "+to, func(t *testing.T) { f(x, t) })
		}
	}
}

// TestChecksumsAreRightWhateverTheEndsLeaveToTheRouter: over every path, in both families, with every protocol, from an end with
// or without offloads to one with or without. A kernel without offloads verifies all that it gets, and counts what is wrong; what
// is handed to one with them is summed up here, word by word.
func TestChecksumsAreRightWhateverTheEndsLeaveToTheRouter(t *testing.T) {
	nstest.RequireTAP(t)
	nstest.RequireIPv6(t)
	for _, row := range []unchecked{
		{name: "all offloads"},
		{name: "none at the server", server: tap.AllOffloads},
		{name: "none at the client", client: tap.AllOffloads},
		{name: "none", client: tap.AllOffloads, server: tap.AllOffloads},
		{name: "checksums and one kind of segments each", client: tap.UDPSegments, server: tap.TCPSegments},
		{name: "checksums at the client", client: tap.TCPSegments | tap.UDPSegments, server: tap.UDPSegments},
		{name: "none at the server, two threads with io_uring", server: tap.AllOffloads, options: &Options{threads: 2}},
		{name: "none at the client, a thread without io_uring", client: tap.AllOffloads, options: &Options{threads: 1, noRing: true}},
	} {
		t.Run(row.name, func(t *testing.T) {
			l := row.start(t)
			eachWay(t, l.Lab, exchange.run)
			t.Run("through the endpoint of S3", func(t *testing.T) { getMovie(t, l.Lab) })
			for _, n := range endsOfEveryPath {
				l.inside(t, n, func() error { return wrongChecksums(t, n) })
			}
			super := l.super.Load() > 0
			if row.options == nil && super != (row.client != tap.AllOffloads || row.server != tap.AllOffloads) {
				t.Errorf("super-packets crossed whole: %v", super)
			}
		})
	}
}

// unchecked is a lab in which app and the others lack offloads. With options of its own its ports are not watched, but the router's own
// threads read and write them, and kernels without offloads are the only judges.
type unchecked struct {
	name           string
	client, server tap.Offload
	options        *Options
}

// verified is a lab whose ports are watched.
type verified struct {
	*Lab
	super atomic.Int64 // super-packets that were written to a port
}

func (u unchecked) start(t *testing.T) *verified {
	spec, src, err := topology.Parse("test.vpc.yml", []byte(everyPath))
	require.NoError(t, err)
	v := &verified{}
	o := Options{watch: func(d device, p port.Port) port.Port { return verifier{p.(*tap.Port), t, &v.super} }}
	if u.options != nil {
		o = *u.options
	}
	o.without = u.without
	v.Lab, err = Start(spec, src, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, v.Lab.Close()) })
	return v
}

// without is what a node lacks.
func (u unchecked) without(node string) tap.Offload {
	if node == "app" {
		return u.client
	}
	return u.server
}

// verifier is a port that sums up what is written to it.
type verifier struct {
	*tap.Port
	t     *testing.T
	super *atomic.Int64
}

func (v verifier) Write(batch []*packet.Packet) (int, error) {
	for _, p := range batch {
		if wrong := wrongSum(p); wrong != "" {
			v.t.Errorf("%s in % x", wrong, p.Bytes()[:min(80, p.Len())])
		}
		if p.SegmentSize != 0 {
			v.super.Add(1)
		}
	}
	return v.Port.Write(batch)
}

// wrongSum says which checksum of a packet is wrong, by RFC 1071 as it is written.
func wrongSum(p *packet.Packet) string {
	b := p.Bytes()
	header, protocol, pseudo := 40, b[6], b[8:40:40]
	if b[0]>>4 == 4 {
		header, protocol, pseudo = int(b[0]&0xf)*4, b[9], b[12:20:20]
		if ones(b[:header]) != 0xffff {
			return "a wrong header checksum"
		}
	}
	if p.IsFragment() || protocol == 44 { // of a fragment's, the kernel that puts it together is the judge
		return ""
	}
	t := b[header:]
	pseudo = append(pseudo, 0, 0, byte(len(t)>>8), byte(len(t)), 0, protocol)
	start, at := p.PartialChecksum()
	switch {
	case protocol == packet.ICMP:
		pseudo = nil
	case start == 0 && p.SegmentSize != 0:
		return "a super-packet with a complete checksum"
	case start != 0 && (start != header || ones(b[at:at+2]) != ones(pseudo)):
		return "a partial checksum that is not the pseudo header's"
	}
	if start == 0 && ones(append(pseudo, t...)) != 0xffff {
		return "a wrong transport checksum"
	}
	return ""
}

// ones is the one's-complement sum of b.
func ones(b []byte) uint16 {
	var s uint32
	for i, v := range b {
		s += uint32(v) << (8 * (1 - i%2))
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

// wrongChecksums reports what the kernel of the namespace counted as wrong.
func wrongChecksums(t *testing.T, node string) error {
	snmp, err := os.ReadFile("/proc/thread-self/net/snmp")
	if err != nil {
		return err
	}
	lines := strings.Split(string(snmp), "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		names, values := strings.Fields(lines[i]), strings.Fields(lines[i+1])
		for k, name := range names {
			if (name == "InCsumErrors" || name == "InHdrErrors") && values[k] != "0" {
				t.Errorf("%s: %s %s %s", node, names[0], name, values[k])
			}
		}
	}
	snmp6, err := os.ReadFile("/proc/thread-self/net/snmp6")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(snmp6)) {
		if f := strings.Fields(line); strings.HasSuffix(f[0], "InCsumErrors") && f[1] != "0" {
			t.Errorf("%s: %s %s", node, f[0], f[1])
		}
	}
	return nil
}
