package packettest

import (
	"bytes"
	"fmt"
	"strings"
)

// Account returns a topology as an import of a big account would write it: with ids, in several VPCs that are peered with each
// other, 5 VPCs, 500 subnets, 200 route tables, 5,000 network interfaces, 500 security groups with 10,000 rules, and 50
// network ACLs. What is at an address follows from its number: instance N of VPC V is 10.V.SUBNET.N.
func Account() []byte {
	var b bytes.Buffer
	b.WriteString("name: account\nregion: us-east-1\nquotas: raised\nvpcs:\n")
	for v := range accountVPCs {
		accountVPC(&b, v)
	}
	b.WriteString("peerings:\n")
	for v := range accountVPCs {
		for w := v + 1; w < accountVPCs; w++ {
			fmt.Fprintf(&b, "  v%d-v%d:\n    id: %s\n    requester: v%d\n    accepter: v%d\n", v, w, accountID("pcx", v, w), v, w)
		}
	}
	return b.Bytes()
}

// How much there is of each in a VPC of an account, unless said otherwise.
const (
	accountVPCs      = 5
	accountSubnets   = 100
	accountTables    = 40
	accountInstances = 10 // in a subnet
	accountGroups    = 100
	accountRules     = 20 // in a group
	accountACLs      = 10
)

func accountID(kind string, vpc, n int) string { return fmt.Sprintf("%s-0%08x%08x", kind, vpc, n) }

func accountVPC(b *bytes.Buffer, v int) {
	p := func(format string, args ...any) { fmt.Fprintf(b, format, args...) }
	p("  v%d:\n    id: %s\n    cidr: 10.%d.0.0/16\n    internet_gateway: %s\n", v, accountID("vpc", v, 0), v, accountID("igw", v, 0))
	p("    subnets:\n")
	for n := range accountSubnets {
		p("      v%d-subnet-%d:\n        id: %s\n        cidr: 10.%d.%d.0/24\n        az: us-east-1%c\n        route_table: table-%d\n        network_acl: acl-%d\n",
			v, n, accountID("subnet", v, n), v, n, 'a'+n%3, n%accountTables, n%accountACLs)
	}
	p("    route_tables:\n")
	for n := range accountTables {
		p("      table-%d:\n        id: %s\n", n, accountID("rtb", v, n))
		if n == 0 {
			p("        main: true\n")
		}
		p("        routes:\n        - destination: 0.0.0.0/0\n          target: %s\n", accountID("igw", v, 0))
		for w := range accountVPCs {
			if w != v {
				p("        - destination: 10.%d.0.0/16\n          target: v%d-v%d\n", w, min(v, w), max(v, w))
			}
		}
		p("        - destination: 192.168.%d.0/24\n          target: v%d-instance-%d\n", n, v, n)
	}
	p("    endpoints:\n      v%d-s3:\n        id: %s\n        service: s3\n        route_tables: [table-0, table-1]\n", v, accountID("vpce", v, 0))
	accountFilters(p, v)
	p("    instances:\n")
	for n := range accountSubnets * accountInstances {
		groups := []string{fmt.Sprintf("group-%d", n%accountGroups), fmt.Sprintf("group-%d", (n/accountGroups*7+n+1)%accountGroups)}
		p("      v%d-instance-%d:\n        id: %s\n        interface_id: %s\n        subnet: v%d-subnet-%d\n        address: 10.%d.%d.%d\n        security_groups: [%s]\n",
			v, n, accountID("i", v, n), accountID("eni", v, n), v, n%accountSubnets, v, n%accountSubnets, 10+n/accountSubnets, strings.Join(groups, ", "))
		if n%10 == 0 {
			p("        public_ip: 20.%d.%d.%d\n", v, n/256, n%256)
		}
	}
}

// accountFilters writes the security groups, whose rules name CIDRs, addresses and groups, and the network ACLs.
func accountFilters(p func(string, ...any), v int) {
	p("    security_groups:\n")
	for n := range accountGroups {
		p("      group-%d:\n        id: %s\n        ingress:\n", n, accountID("sg", v, n))
		for r := range accountRules - 1 {
			peer := [...]string{fmt.Sprintf("10.%d.%d.0/24", r%accountVPCs, n), fmt.Sprintf("group-%d", (n+r)%accountGroups), fmt.Sprintf("198.18.%d.%d", n, r)}[r%3]
			p("        - protocol: tcp\n          ports: %d\n          peer: %s\n", 1000+r, peer)
		}
		p("        egress:\n        - protocol: all\n          peer: 0.0.0.0/0\n")
	}
	p("    network_acls:\n")
	for n := range accountACLs {
		p("      acl-%d:\n        id: %s\n", n, accountID("acl", v, n))
		for _, direction := range [...]string{"ingress", "egress"} {
			p("        %s:\n        - number: 100\n          action: allow\n          protocol: all\n          cidr: 0.0.0.0/0\n", direction)
		}
	}
}
