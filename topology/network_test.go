package topology_test

import (
	"net/netip"
	"reflect"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/topology"
)

const lab = `
region: us-east-1
vpcs:
  a:
    cidr: 10.0.0.0/16
    internet_gateway: igw
    subnets: {s: {cidr: 10.0.1.0/24}, t: {cidr: 10.0.2.0/24}}
    egress_only_internet_gateway: eigw
    endpoints: {s3: {service: s3, route_tables: [main]}}
    nat_gateways: {nat: {subnet: t, secondary_public_ips: [auto]}}
    instances:
      web: {subnet: s, public_ip: 198.51.100.9}
      two: {interfaces: [{subnet: s, address: 10.0.1.77}, {subnet: t, secondary_addresses: [10.0.2.99]}]}
  b:
    cidr: 10.0.0.0/16
    subnets: {s: {cidr: 10.0.1.0/24}}
    instances: {other: {subnet: s, address: 10.0.1.77}}
  c:
    cidr: 10.1.0.0/16
    subnets: {c1: {cidr: 10.1.0.0/24}, c2: {cidr: 10.1.1.0/24, az: us-east-1b}}
peerings: {a-c: {requester: a, accepter: c}}
transit_gateways: {hub: {attachments: {to-a: {vpc: a, subnets: [s]}, to-c: {vpc: c, subnets: [c2, c1]}}}}
prefix_lists: {office: {entries: [203.0.113.0/24]}}
internet: {hosts: {client: {address: 203.0.113.1}}}
`

func network(t *testing.T, text string) *topology.Network {
	t.Helper()
	n, err := resolve("f", []byte(text))
	require.NoError(t, err)
	return n
}

func TestLookups(t *testing.T) {
	n := network(t, lab)
	a := n.VPC("a")
	web := a.Instances[1]
	if web.Name != "web" || n.Instance("web") != web || n.Instance(web.ID) != web {
		t.Errorf("Instance finds %+v", n.Instance("web"))
	}
	if n.VPC(a.ID) != a {
		t.Error("VPC by id")
	}
	if s := a.Subnets[0]; n.Subnet("s") != nil || n.Subnet(s.ID) != s || n.Subnet("t") != a.Subnets[1] {
		t.Error("a name that two VPCs have tells nothing; an id and a single name do")
	}
	if e := a.Endpoints[0]; n.Endpoint("s3") != e || n.Endpoint(e.ID) != e || e.RouteTables[0] != n.RouteTable(e.RouteTables[0].ID) {
		t.Error("Endpoint and RouteTable")
	}
	if g := a.NATGateways[0]; n.NATGateway("nat") != g || n.NATGateway(g.ID) != g {
		t.Error("NATGateway")
	}
	if p := n.Peerings[0]; n.Peering("a-c") != p || n.Peering(p.ID) != p {
		t.Error("Peering")
	}
	if g := n.TransitGateways[0]; n.TransitGateway("hub") != g || n.TransitGateway(g.ID) != g || n.TransitGateway("spoke") != nil {
		t.Error("TransitGateway")
	}
	if h := n.InternetHosts[0]; n.InternetHost("client") != h || n.InternetHost(h.ID) != h {
		t.Error("InternetHost")
	}
	for _, name := range []string{"s3", "pl-63a5400a", "com.amazonaws.us-east-1.s3"} {
		if n.PrefixList(name) != n.PrefixLists[0] {
			t.Errorf("PrefixList(%s)", name)
		}
	}
	if office := n.PrefixList("office"); office == nil || n.PrefixList(office.ID) != office {
		t.Error("PrefixList of a customer")
	}
	if eni := web.Interfaces[0]; n.NetworkInterface(eni.ID) != eni || n.NetworkInterface("eni-0") != nil {
		t.Error("NetworkInterface")
	}
	for address, want := range map[string]int{"10.0.1.77": 2, "10.0.2.99": 1, "198.51.100.9": 1, "10.9.9.9": 0} {
		if got := n.InterfacesByAddress(netip.MustParseAddr(address)); len(got) != want {
			t.Errorf("%s: got %d interfaces, want %d", address, len(got), want)
		}
	}
	if got := n.InterfacesByAddress(netip.Addr{}); len(got) != 0 {
		t.Errorf("no address: got %d interfaces", len(got))
	}
}

func TestResolveIsDeterministicAndLeavesTheSpecAlone(t *testing.T) {
	spec, src, err := topology.Parse("f", []byte(lab))
	require.NoError(t, err)
	before := spec.Clone()
	first, err := topology.Resolve(spec, src)
	require.NoError(t, err)
	second, err := topology.Resolve(spec.Clone(), nil)
	require.NoError(t, err)
	if summary(first) != summary(second) {
		t.Errorf("first\n%s\nsecond\n%s", summary(first), summary(second))
	}
	if !reflect.DeepEqual(before, spec) {
		t.Error("Resolve changed the Spec")
	}
}

func TestIDsLookLikeAWSAndAreUnique(t *testing.T) {
	n := network(t, lab)
	form := regexp.MustCompile(`^(vpc|igw|eigw|nat|subnet|rtb|vpce|i|eni|pcx|tgw|tgw-attach|tgw-rtb|sg|acl|host|pl)-0[0-9a-f]{16}$`)
	seen := map[string]bool{}
	macs := map[[6]byte]bool{}
	ids := allIDs(n)
	for _, id := range ids {
		if !form.MatchString(id) {
			t.Errorf("%s has not the form of an id", id)
		}
		seen[id] = true
	}
	if len(seen) != len(ids) {
		t.Errorf("%d ids, %d different ones", len(ids), len(seen))
	}
	for _, eni := range n.NetworkInterfaces() {
		if eni.MAC[0]&3 != 2 || macs[eni.MAC] {
			t.Errorf("%x is not a unicast, locally administered address of its own", eni.MAC)
		}
		macs[eni.MAC] = true
	}
}

// allIDs lists every id of ours in a Network, not those of AWS-managed prefix lists.
func allIDs(n *topology.Network) (ids []string) {
	for _, v := range n.VPCs {
		ids = append(ids, v.ID)
		if v.InternetGateway != nil {
			ids = append(ids, v.InternetGateway.ID)
		}
		if v.EgressOnly != nil {
			ids = append(ids, v.EgressOnly.ID)
		}
		for _, s := range v.Subnets {
			ids = append(ids, s.ID)
		}
		for _, g := range v.NATGateways {
			ids = append(ids, g.ID, g.InterfaceID)
		}
		for _, r := range v.RouteTables {
			ids = append(ids, r.ID)
		}
		ids = append(ids, filterIDs(v)...)
		for _, e := range v.Endpoints {
			ids = append(ids, e.ID)
		}
		for _, i := range v.Instances {
			ids = append(ids, i.ID)
		}
	}
	for _, eni := range n.NetworkInterfaces() {
		ids = append(ids, eni.ID)
	}
	for _, p := range n.Peerings {
		ids = append(ids, p.ID)
	}
	for _, g := range n.TransitGateways {
		ids = append(ids, g.ID)
		for _, a := range g.Attachments {
			ids = append(append(ids, a.ID), a.InterfaceIDs...)
		}
		for _, t := range g.RouteTables {
			ids = append(ids, t.ID)
		}
	}
	for _, h := range n.InternetHosts {
		ids = append(ids, h.ID)
	}
	for _, l := range n.PrefixLists {
		if !l.AWSManaged {
			ids = append(ids, l.ID)
		}
	}
	return ids
}

func TestAnEditElsewhereChangesNoID(t *testing.T) {
	before := network(t, "region: us-east-1\nvpcs: {m: {cidr: 10.0.0.0/16, subnets: {s: {cidr: 10.0.0.0/24}}, instances: {i: {subnet: s}}}}")
	after := network(t, "region: us-east-1\nvpcs: {a: {cidr: 10.0.0.0/16}, "+
		"m: {cidr: 10.0.0.0/16, subnets: {a: {cidr: 10.0.9.0/24}, s: {cidr: 10.0.0.0/25}}, instances: {a: {subnet: a}, i: {interfaces: [{subnet: s}]}}}}")
	for _, id := range allIDs(before) {
		found := false
		for _, other := range allIDs(after) {
			found = found || other == id
		}
		if !found {
			t.Errorf("%s is gone", id)
		}
	}
}

func TestRouterIsTheFirstAddressOfTheSubnet(t *testing.T) {
	n := network(t, lab)
	if got, want := n.Subnet("t").Router(), netip.MustParseAddr("10.0.2.1"); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}
