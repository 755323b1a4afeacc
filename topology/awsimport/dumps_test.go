package awsimport

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/internal/probe"
	"vpcsim/topology"
)

// dumps is where public dumps of real accounts lie, which are not ours to bring along: bf-public-subnet, bf-subnet and lab-peering.
func dumps(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("VPCSIM_AWS_DUMPS")
	if dir == "" {
		dir = "../../../shared/data/aws-dumps"
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no dumps of real accounts on this machine; VPCSIM_AWS_DUMPS says where they are: %v", err)
	}
	return dir
}

// verdict is a row of a verdict matrix, worked out by hand from the dump and AWS's documentation.
type verdict struct {
	from, to, protocol string
	port               uint16
	reason             string // why the packet is dropped; empty if it and its answer are delivered
	by                 string // what drops it, or where it is delivered
	hops               string // ids that the packet meets in this order
}

const everybody = "internet:203.0.113.77"

// Of each dump: who reaches whom. The comments say by which rule.
var matrices = map[string][]verdict{
	// One instance in a public subnet. Its group lets in TCP 22 and everything out; the network ACL is the default one.
	"bf-public-subnet": {
		{everybody, "18.216.80.133", "tcp", 22, "", "eni-00064850627e198ee", "igw-0a409e562d251f766 acl-0d9449710ec85473c#100 eni-00064850627e198ee"},
		{everybody, "18.216.80.133", "tcp", 80, "ENI_SG_RULES_MISMATCH", "eni-00064850627e198ee", "acl-0d9449710ec85473c#100"},
		{everybody, "18.216.80.133", "udp", 22, "ENI_SG_RULES_MISMATCH", "eni-00064850627e198ee", ""},
		{everybody, "18.216.80.133", "icmp", 0, "ENI_SG_RULES_MISMATCH", "eni-00064850627e198ee", ""},
		{"i-06669a407b2ef3ae5", everybody, "icmp", 0, "", "internet", "eni-00064850627e198ee acl-0d9449710ec85473c#100 rtb-0489000c9e6c299e8 igw-0a409e562d251f766"},
		{"eni-00064850627e198ee", everybody, "tcp", 443, "", "internet", "rtb-0489000c9e6c299e8 igw-0a409e562d251f766"},
		{"10.0.0.91", everybody, "udp", 53, "", "internet", ""},
		{"10.0.0.91", "10.0.0.92", "tcp", 22, "NO_POSSIBLE_DESTINATION", "vpc-0672bce73895d7252", ""},
		{"10.0.0.91", "10.0.7.7", "icmp", 0, "NO_POSSIBLE_DESTINATION", "vpc-0672bce73895d7252", "rtb-0489000c9e6c299e8"},
		{"10.0.0.91", "192.168.1.1", "icmp", 0, "IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS", "igw-0a409e562d251f766", ""},
	},
	// Two instances in one subnet, which no route leads out of. Each group lets in TCP 22.
	"bf-subnet": {
		{"i-07519d6ba3f9497e4", "10.10.1.228", "tcp", 22, "", "eni-010f649a7fc5c1e34", "eni-029bf1092de61fb40 eni-010f649a7fc5c1e34"},
		{"i-08ef86e76fceabd8d", "10.10.1.44", "tcp", 22, "", "eni-029bf1092de61fb40", "eni-010f649a7fc5c1e34 eni-029bf1092de61fb40"},
		{"10.10.1.44", "10.10.1.228", "icmp", 0, "ENI_SG_RULES_MISMATCH", "eni-010f649a7fc5c1e34", ""},
		{"10.10.1.228", "10.10.1.44", "icmp", 0, "ENI_SG_RULES_MISMATCH", "eni-029bf1092de61fb40", ""},
		{"10.10.1.44", "10.10.1.228", "tcp", 80, "ENI_SG_RULES_MISMATCH", "eni-010f649a7fc5c1e34", ""},
		{"10.10.1.44", everybody, "tcp", 443, "NO_ROUTE_TO_DESTINATION", "rtb-07243bb4843d61c35", "acl-07102431133dec52a#100"},
		{"10.10.1.228", everybody, "icmp", 0, "NO_ROUTE_TO_DESTINATION", "rtb-07243bb4843d61c35", ""},
	},
	// Two VPCs of two accounts, peered, each with an instance that has a public address. Both groups let in echo requests, TCP 22
	// and UDP 33434-33534. The network ACL of fish lets in TCP 22 from bat's private address only.
	"lab-peering": {
		{"bat-web01", "10.2.1.252", "icmp", 0, "", "eni-0b9f8c68d6cb974a6", "acl-0364d8f71b12c30b3#1000 rtb-0039abf2a28b091bb pcx-0040f7640e10191f4 acl-00efea60df1957a2f#1000 eni-0b9f8c68d6cb974a6"},
		{"bat-web01", "10.2.1.252", "tcp", 22, "", "eni-0b9f8c68d6cb974a6", "pcx-0040f7640e10191f4 acl-00efea60df1957a2f#10 eni-0b9f8c68d6cb974a6"},
		{"bat-web01", "10.2.1.252", "tcp", 80, "ENI_SG_RULES_MISMATCH", "eni-0b9f8c68d6cb974a6", ""},
		{"bat-web01", "10.2.1.252", "udp", 33434, "", "eni-0b9f8c68d6cb974a6", ""},
		{"bat-web01", "10.2.1.252", "udp", 33535, "ENI_SG_RULES_MISMATCH", "eni-0b9f8c68d6cb974a6", ""},
		{"fish-web01", "10.1.1.100", "icmp", 0, "", "eni-0664ca29e3153724d", "rtb-00fa109c642f8c07d pcx-0040f7640e10191f4 acl-0364d8f71b12c30b3#1000"},
		{"fish-web01", "10.1.1.100", "tcp", 22, "", "eni-0664ca29e3153724d", ""},
		{"fish-web01", "10.1.1.100", "tcp", 443, "ENI_SG_RULES_MISMATCH", "eni-0664ca29e3153724d", ""},
		{everybody, "52.90.112.181", "tcp", 22, "", "eni-0664ca29e3153724d", "igw-0ccac11864b23b189 acl-0364d8f71b12c30b3#1000"},
		{everybody, "52.90.112.181", "icmp", 0, "", "eni-0664ca29e3153724d", ""},
		{everybody, "52.90.112.181", "tcp", 443, "ENI_SG_RULES_MISMATCH", "eni-0664ca29e3153724d", ""},
		{everybody, "54.82.106.49", "tcp", 22, "SUBNET_ACL_RESTRICTION", "acl-00efea60df1957a2f#20", "igw-040de946422fc9672"},
		{everybody, "54.82.106.49", "icmp", 0, "", "eni-0b9f8c68d6cb974a6", "acl-00efea60df1957a2f#1000"},
		{everybody, "54.82.106.49", "udp", 33500, "", "eni-0b9f8c68d6cb974a6", ""},
		{everybody, "54.82.106.49", "tcp", 80, "ENI_SG_RULES_MISMATCH", "eni-0b9f8c68d6cb974a6", ""},
		{"bat-web01", "54.82.106.49", "tcp", 22, "SUBNET_ACL_RESTRICTION", "acl-00efea60df1957a2f#20", "igw-0ccac11864b23b189 igw-040de946422fc9672"},
		{"bat-web01", "54.82.106.49", "icmp", 0, "", "eni-0b9f8c68d6cb974a6", "igw-0ccac11864b23b189 igw-040de946422fc9672"},
		{"fish-web01", "52.90.112.181", "tcp", 22, "", "eni-0664ca29e3153724d", "igw-040de946422fc9672 igw-0ccac11864b23b189"},
		{"bat-web01", everybody, "tcp", 443, "", "internet", "rtb-0039abf2a28b091bb igw-0ccac11864b23b189"},
		{"fish-web01", everybody, "icmp", 0, "", "internet", "rtb-00fa109c642f8c07d igw-040de946422fc9672"},
		{"bat-web01", "10.2.9.9", "icmp", 0, "NO_POSSIBLE_DESTINATION", "vpc-05951c91977125d2e", "pcx-0040f7640e10191f4"},
	},
}

func TestPublicDumpsAnswerAsTheirRulesSay(t *testing.T) {
	dir := dumps(t)
	for name, rows := range matrices {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := Read(filepath.Join(dir, name))
			require.NoError(t, err)
			r, err := Map(d, Options{})
			require.NoError(t, err)
			require.Empty(t, r.Warnings)
			judge(t, r.Spec, rows)
		})
	}
}

// judge asks a topology for the verdicts of a matrix.
func judge(t *testing.T, spec *topology.Spec, rows []verdict) {
	t.Helper()
	n, err := topology.Resolve(spec, nil)
	require.NoError(t, err)
	tracer, err := probe.New(n)
	require.NoError(t, err)
	for _, row := range rows {
		a, err := tracer.Trace(probe.Query{From: row.from, To: row.to, Protocol: probe.Protocol(row.protocol), Port: row.port})
		require.NoError(t, err, "%+v", row)
		reason, where := a.Reason, a.Where
		if reason == "" && a.Return == nil {
			reason = "no answer"
		} else if reason == "" {
			reason = a.Return.Reason
		}
		if a.By != "" {
			where = a.By
		}
		if reason != row.reason || where != row.by {
			t.Errorf("%s -> %s %s %d: got %q by %s, want %q by %s; hops %q", row.from, row.to, row.protocol, row.port, reason, where, row.reason, row.by, a.Hops)
		}
		left := a.Hops
		for _, hop := range strings.Fields(row.hops) {
			i := slices.Index(left, hop)
			if i < 0 {
				t.Errorf("%s -> %s %s %d: hops %q without %s in its place", row.from, row.to, row.protocol, row.port, a.Hops, hop)
				break
			}
			left = left[i+1:]
		}
	}
}
