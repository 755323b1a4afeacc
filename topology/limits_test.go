package topology_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// routes returns a VPC's table with n static routes, an endpoint route and a prefix list that weighs 10.
func routes(preset string, n int, more string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "region: us-east-1\npreset: %s\n", preset)
	if preset == "current" {
		b.WriteString("prefix_lists: {office: {max_entries: 10}}\n")
	}
	b.WriteString("vpcs:\n  a:\n    cidr: 10.0.0.0/16\n    internet_gateway: igw\n    endpoints: {s3: {service: s3, route_tables: [t]}}\n" +
		"    route_tables:\n      t:\n        routes:\n" + more)
	for i := range n {
		fmt.Fprintf(&b, "        - {destination: 20.%d.%d.0/24, target: igw}\n", i/256, i%256)
	}
	return b.String()
}

// routes6 returns n IPv6 routes.
func routes6(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "        - {destination: \"2001:db8:%x::/48\", target: igw}\n", i)
	}
	return b.String()
}

func TestQuotas(t *testing.T) {
	office := "        - {destination: office, target: igw}\n"
	repeat := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	vpc := "region: us-east-1\nvpcs:\n  a:\n    cidr: 10.0.0.0/16\n"
	for _, row := range []struct{ name, text, want string }{
		{"50 routes in 2015", routes("launch2015", 49, ""), ""},
		{"51 routes in 2015", routes("launch2015", 50, ""), "51 routes in a table, a prefix list counting by its weight; AWS allows 50"},
		{"51 routes in 2018", routes("capture2018", 50, ""), "AWS allows 50"},
		{"500 routes", routes("current", 499, ""), ""},
		{"501 routes", routes("current", 500, ""), "501 routes in a table"},
		{"501 static routes", routes("current", 501, ""), "501 routes in a table; AWS allows 500"},
		{"500 IPv6 routes beside 500 for IPv4", routes("current", 499, routes6(500)), ""},
		{"501 IPv6 routes", routes("current", 1, routes6(501)), "501 IPv6 routes in a table; AWS allows 500"},
		{"a customer's list counts by its maximum size", routes("current", 489, office), ""},
		{"and may be one too many", routes("current", 490, office), "501 routes in a table"},
		{"200 subnets", vpc + "    subnets:\n" + repeat(200, "      s%[1]d: {cidr: 10.0.%[1]d.0/24}\n"), ""},
		{"201 subnets", vpc + "    subnets:\n" + repeat(201, "      s%[1]d: {cidr: 10.0.%[1]d.0/24}\n"), "201 subnets in a VPC; AWS allows 200"},
		{"199 route tables and the main one", vpc + "    route_tables:\n" + repeat(199, "      t%d: {}\n"), ""},
		{"200 route tables and the main one", vpc + "    route_tables:\n" + repeat(200, "      t%d: {}\n"), "201 route tables in a VPC"},
		{"20 endpoints", vpc + "    endpoints:\n" + repeat(20, "      e%d: {service: s3}\n"), ""},
		{"21 endpoints", vpc + "    endpoints:\n" + repeat(21, "      e%d: {service: s3}\n"), "21 gateway endpoints in the region; AWS allows 20"},
		{"101 prefix lists", vpc + "prefix_lists:\n" + repeat(101, "  l%d: {}\n"), "101 customer-managed prefix lists; AWS allows 100"},
		{"1001 entries", vpc + "prefix_lists: {l: {entries: [" + strings.Repeat("192.0.2.0/24, ", 1001) + "]}}", "1001 entries in a prefix list; AWS allows 1000"},
		{"automatic public addresses for 762 instances", vpc + "    subnets: {s: {cidr: 10.0.0.0/16}}\n    instances:\n" +
			repeat(762, "      i%03d: {subnet: s, public_ip: auto}\n"), ""},
		{"but not for one more", vpc + "    subnets: {s: {cidr: 10.0.0.0/16}}\n    instances:\n" +
			repeat(763, "      i%03d: {subnet: s, public_ip: auto}\n"), "vpcs.a.instances.i762.public_ip: no automatic public address is left"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := resolve("f", []byte(row.text))
			if row.want == "" && err != nil || row.want != "" && !strings.Contains(fmt.Sprint(err), row.want) {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}

// TestResolveStaysQuickHoweverMuchIsWrong gives Resolve a great deal of one mistake.
func TestResolveStaysQuickHoweverMuchIsWrong(t *testing.T) {
	lines := func(head string, n int, format string) string {
		var b strings.Builder
		b.WriteString("region: us-east-1\nvpcs:\n  a:\n    cidr: 10.0.0.0/16\n" + head)
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	for name, text := range map[string]string{
		"instances in no subnet":         lines("    subnets: {s: {cidr: 10.0.0.0/16}}\n    instances:\n", 9_000, "      i%d: {subnet: t}\n"),
		"a subnet with too many":         lines("    subnets: {s: {cidr: 10.0.0.0/28}}\n    instances:\n", 9_000, "      i%d: {subnet: s}\n"),
		"one table very often":           lines("    endpoints: {s3: {service: s3, route_tables: [main", 40_000, ", main") + "]}}\n",
		"one public address":             lines("internet:\n  hosts:\n", 9_000, "    h%d: {address: 192.0.2.1}\n"),
		"subnets by the thousand":        lines("    subnets:\n", 12_000, "      s%d: {cidr: 10.0.0.0/24}\n"),
		"CIDRs by the thousand":          lines("    secondary_cidrs: [10.1.0.0/24", 40_000, ", 10.1.0.0/24") + "]\n",
		"NAT gateways in a full subnet":  lines("    internet_gateway: igw\n    subnets: {s: {cidr: 10.0.0.0/28}}\n    nat_gateways:\n", 9_000, "      n%d: {subnet: s}\n"),
		"peerings of one pair":           lines("  b: {cidr: 10.1.0.0/16}\npeerings:\n", 9_000, "  p%d: {requester: a, accepter: b}\n"),
		"attachments of one VPC":         lines("    subnets: {s: {cidr: 10.0.0.0/28}}\ntransit_gateways:\n  t:\n    attachments:\n", 9_000, "      a%d: {vpc: a, subnets: [s]}\n"),
		"routes to what other VPCs have": lines("    nat_gateways: {nat: {private: true}}\n", 3_000, "  v%d: {cidr: 10.0.0.0/16, route_tables: {m: {main: true, routes: [{destination: 0.0.0.0/0, target: nat}]}}}\n"),
		"routes astray among instances": lines("    subnets: {s: {cidr: 10.0.0.0/16}}\n    route_tables: {t: {routes: ["+
			strings.Repeat("{destination: 1.0.0.0/8, target: instance}, ", 500)+"]}}\n    instances:\n", 3_000, "      instance-%d: {subnet: s}\n"),
		"bad bucket names":               lines("s3:\n  buckets:\n", 18_000, "    B%d: {}\n"),
		"rules astray":                   lines("    security_groups: {g: {ingress: [", 40_000, "{protocol: a%d, peer: b},") + "]}}\n",
		"rules that are one":             lines("    security_groups: {g: {ingress: [", 9_000, "{protocol: all, peer: '2001:db8::%d/32'},") + "]}}\n",
		"interfaces in no group":         lines("    subnets: {s: {cidr: 10.0.0.0/16}}\n    instances:\n", 9_000, "      i%d: {subnet: s, security_groups: [x]}\n"),
		"VPCs with one IPv6 CIDR":        lines("", 30_000, "  v%d: {cidr: 10.0.0.0/16, ipv6_cidr: '2001:db8::/56'}\n"),
		"IPv6 addresses astray":          lines("    ipv6_cidr: '2001:db8::/56'\n    subnets: {s: {cidr: 10.0.0.0/16, ipv6_cidr: '2001:db8::/64'}}\n    instances: {i: {subnet: s, ipv6_addresses: [auto", 9_000, ", '2001:db8:1::%d'") + "]}}\n",
		"VPCs, each with a route astray": lines("", 3_000, "  v%d: {cidr: 10.0.0.0/16, route_tables: {m: {main: true, routes: [{destination: s4, target: x}]}}}\n"),
	} {
		start := time.Now()
		_, err := resolve("f", []byte(text))
		took := time.Since(start)
		t.Logf("%s: %v", name, took)
		if err == nil || strings.Contains(err.Error(), "not valid YAML") {
			t.Errorf("%s: got %.200v", name, err)
		}
		if took > 30*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
	}
}

func TestRaisedQuotas(t *testing.T) {
	group := func(n int) string {
		var b strings.Builder
		b.WriteString("vpcs: {a: {cidr: 10.0.0.0/16, security_groups: {g: {ingress: [")
		for i := range n {
			fmt.Fprintf(&b, "{protocol: tcp, ports: %d, peer: 0.0.0.0/0},", i+1)
		}
		return b.String() + "]}}}}\n"
	}
	vpc := func(fields string) string {
		return "vpcs: {a: {cidr: 10.0.0.0/16, subnets: {s: {cidr: 10.0.1.0/24}}, " + fields + "}}\n"
	}
	for _, row := range []struct{ name, quotas, text, want string }{
		{"501 routes are too many", "enforced", strings.TrimPrefix(routes("current", 501, ""), "region: us-east-1\n"), "AWS allows 500"},
		{"unless the account may have more", "raised", strings.TrimPrefix(routes("current", 501, ""), "region: us-east-1\n"), ""},
		{"61 rules are too many", "enforced", group(61), "61 inbound IPv4 rules"},
		{"unless the account may have more", "raised", group(200), ""},
		{"what AWS did not have yet, no account had", "raised", "preset: launch2015\n" + vpc("secondary_cidrs: [10.1.0.0/16]"), "had no secondary CIDRs"},
		{"neither did an account have prefix lists", "raised", "preset: launch2015\nprefix_lists: {a: {entries: [192.0.2.0/24]}}\n" + vpc(""), "had no customer-managed prefix lists"},
		{"a NAT gateway has 8 addresses and never more", "raised",
			vpc("internet_gateway: igw, nat_gateways: {n: {subnet: s, secondary_public_ips: [auto, auto, auto, auto, auto, auto, auto, auto]}}"), "9 addresses"},
		{"quotas are one of two words", "lowered", vpc(""), "quotas: lowered is neither enforced nor raised"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := resolve("f", []byte("region: us-east-1\nquotas: "+row.quotas+"\n"+row.text))
			switch {
			case row.want == "" && err != nil:
				t.Errorf("got %v, want none", err)
			case row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)):
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}
