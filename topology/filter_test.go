package topology_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/topology"
)

const filtered = `
region: us-east-1
vpcs:
  a:
    cidr: 10.0.0.0/16
    ipv6_cidr: 2001:db8::/56
    subnets: {s: {cidr: 10.0.1.0/24, ipv6_cidr: "2001:db8::/64", network_acl: strict}, t: {cidr: 10.0.2.0/24}}
    security_groups: {web: {}, empty: {}}
    network_acls: {strict: {}}
    instances:
      two: {interfaces: [{subnet: s, security_groups: [web], ipv6_addresses: [auto, auto]}, {subnet: t}]}
      one: {subnet: t, security_groups: [default, web], secondary_addresses: [10.0.2.9]}
  b:
    cidr: 10.0.0.0/16
    subnets: {s: {cidr: 10.0.1.0/24}}
    security_groups: {web: {}}
    instances: {other: {subnet: s, security_groups: [web]}}
`

func TestMembersOfAGroupAreThePrivateAddressesOfItsInterfaces(t *testing.T) {
	n := network(t, filtered)
	for _, row := range []struct {
		vpc, group int
		want       string
	}{
		{0, 0, "[10.0.2.4 10.0.2.9 10.0.2.5]"}, // default
		{0, 1, "[]"},
		{0, 2, "[10.0.2.4 10.0.2.9 10.0.1.4 2001:db8::4 2001:db8::5]"},
		{1, 0, "[]"},
		{1, 1, "[10.0.1.4]"},
	} {
		g := n.VPCs[row.vpc].SecurityGroups[row.group]
		if got := fmt.Sprint(n.Members(g)); got != row.want {
			t.Errorf("%s of %s: got %s, want %s", g.Name, g.VPC.Name, got, row.want)
		}
	}
}

func TestFiltersAreFoundByNameOrID(t *testing.T) {
	n := network(t, filtered)
	a := n.VPC("a")
	empty, web, strict := a.SecurityGroups[1], a.SecurityGroups[2], a.NetworkACLs[1]
	if n.SecurityGroup("empty") != empty || n.SecurityGroup(empty.ID) != empty {
		t.Error("SecurityGroup")
	}
	if n.SecurityGroup("web") != nil || n.SecurityGroup(web.ID) != web {
		t.Error("a name that two VPCs have tells nothing; the id does")
	}
	if n.NetworkACL("strict") != strict || n.NetworkACL(strict.ID) != strict || n.NetworkACL("default") != nil {
		t.Error("NetworkACL")
	}
	if a.Subnets[0].ACL != strict || a.Subnets[1].ACL != a.NetworkACLs[0] {
		t.Error("the ACL of a subnet is the one it names, else the default one")
	}
	v6 := a.Instances[1].Interfaces[0]
	if got := n.InterfacesByAddress(v6.IPv6Addresses[1]); len(got) != 1 || got[0] != v6 {
		t.Errorf("InterfacesByAddress: got %v", got)
	}
}

// TestEveryVPCHasItsDefaults: what a file does not write is there all the same, and lets everything pass.
func TestEveryVPCHasItsDefaults(t *testing.T) {
	n := network(t, lab)
	for _, v := range n.VPCs {
		if len(v.SecurityGroups) != 1 || len(v.NetworkACLs) != 1 {
			t.Fatalf("%s has %d groups and %d ACLs", v.Name, len(v.SecurityGroups), len(v.NetworkACLs))
		}
		g, acl := v.SecurityGroups[0], v.NetworkACLs[0]
		var lines []string
		p := func(format string, args ...any) {
			lines = append(lines, strings.TrimSpace(fmt.Sprintf(format, args...)))
		}
		summarizeRules(p, g.Ingress, g.Egress)
		summarizeRules(p, acl.Ingress, acl.Egress)
		const all = " allow=true protocol=-1 ports=0-65535 icmp=-1/-1 "
		want := []string{"in  0" + all + v.Name + "/default", "out 0" + all + "0.0.0.0/0", "in  100" + all + "0.0.0.0/0", "out 100" + all + "0.0.0.0/0"}
		if !slices.Equal(lines, want) || !g.Default || !acl.Default || g.VPC != v || acl.VPC != v {
			t.Errorf("%s: got %q", v.Name, lines)
		}
	}
	for _, eni := range n.NetworkInterfaces() {
		if want := eni.Instance.VPC.SecurityGroups; !slices.Equal(eni.SecurityGroups, want) {
			t.Errorf("%s is in %v", eni.ID, eni.SecurityGroups)
		}
	}
}

func TestQuotasOfFilters(t *testing.T) {
	const vpc = "region: us-east-1\nvpcs:\n  a:\n    cidr: 10.0.0.0/16\n"
	list := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i+1)
		}
		return b.String()
	}
	rules := func(n int, more string) string {
		return "prefix_lists: {office: {max_entries: 10}}\n" + vpc + "    security_groups: {g: {}, h: {egress: [" +
			list(n, "{protocol: tcp, ports: %[1]d, peer: 0.0.0.0/0}, {protocol: tcp, ports: %[1]d, peer: '::/0'}, ") + more + "]}}\n"
	}
	entries := func(n int) string {
		return vpc + "    network_acls: {acl: {egress: [" + list(n, "{number: %d, action: allow, protocol: all, cidr: 0.0.0.0/0}, ") + "]}}\n"
	}
	for _, row := range []struct{ name, text, want string }{
		{"60 rules of each IP version", rules(60, ""), ""},
		{"61 rules of each IP version", rules(61, ""), "61 outbound IPv6 rules in a security group; AWS allows 60"},
		{"a group counts in both", rules(60, "{protocol: all, peer: g}"), "61 outbound IPv6 rules"},
		{"a prefix list counts by its weight", rules(50, "{protocol: all, peer: office}"), ""},
		{"and may be too heavy", rules(51, "{protocol: all, peer: office}"), "61 outbound IPv4 rules in a security group, a prefix list counting by its weight"},
		{"S3's list weighs one", rules(59, "{protocol: all, peer: s3}"), ""},
		{"2500 groups", vpc + "    security_groups:\n" + list(2499, "      g%d: {}\n"), ""},
		{"2501 groups", vpc + "    security_groups:\n" + list(2500, "      g%d: {}\n"), "2501 security groups in the region"},
		{"20 entries", entries(20), ""},
		{"21 entries", entries(21), "a.network_acls.acl.egress: 21 outbound entries in a network ACL; AWS allows 20"},
		{"200 ACLs", vpc + "    network_acls:\n" + list(199, "      a%d: {}\n"), ""},
		{"201 ACLs", vpc + "    network_acls:\n" + list(200, "      a%d: {}\n"), "201 network ACLs in a VPC"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := resolve("f", []byte(row.text))
			if row.want == "" && err != nil || row.want != "" && !strings.Contains(fmt.Sprint(err), row.want) {
				t.Errorf("got %.300v, want %q", err, row.want)
			}
		})
	}
}

// filterIDs lists the ids of a VPC's security groups and network ACLs.
func filterIDs(v *topology.VPC) (ids []string) {
	for _, g := range v.SecurityGroups {
		ids = append(ids, g.ID)
	}
	for _, a := range v.NetworkACLs {
		ids = append(ids, a.ID)
	}
	return ids
}

// TestNoEgressAtAllIsSaidWithAnEmptyList: what is left out, or has no value, is AWS's default.
func TestNoEgressAtAllIsSaidWithAnEmptyList(t *testing.T) {
	for text, want := range map[string]int{"{}": 1, "{egress: }": 1, "{egress: []}": 0, "{egress: [{protocol: all, peer: 10.0.0.0/8}]}": 1} {
		spec, _, err := topology.Parse("f", []byte("region: us-east-1\nvpcs: {a: {cidr: 10.0.0.0/16, security_groups: {g: "+text+"}}}"))
		require.NoError(t, err)
		n, err := topology.Resolve(spec.Clone(), nil)
		require.NoError(t, err)
		if got := len(n.SecurityGroup("g").Egress); got != want {
			t.Errorf("%s: got %d rules, want %d", text, got, want)
		}
	}
}
