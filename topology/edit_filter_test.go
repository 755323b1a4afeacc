package topology_test

import (
	"testing"

	"vpcsim/topology"
)

func TestEditsOfFilters(t *testing.T) {
	text := withPeeringID(t)
	n := network(t, text)
	web, app := n.SecurityGroup("web").ID, n.SecurityGroup("app").ID
	group := func(vpc, name string) func(spec) any {
		return func(s spec) any { return s.VPCs[vpc].SecurityGroups[name] }
	}
	acl := func(vpc, name string) func(spec) any {
		return func(s spec) any { return s.VPCs[vpc].NetworkACLs[name] }
	}
	https := []topology.RuleSpec{{Protocol: "tcp", Ports: "443", Peer: "0.0.0.0/0"}}
	byID := []topology.RuleSpec{{Protocol: "all", Peer: web}, {Protocol: "all", Peer: app}, {Protocol: "all", Peer: "s3"}}
	byName := []topology.RuleSpec{{Protocol: "all", Peer: "web"}, {Protocol: "all", Peer: "b/app"}, {Protocol: "all", Peer: "s3"}}
	deny := []topology.ACLEntrySpec{{Number: 1, Action: "deny", Protocol: "all", CIDR: "0.0.0.0/0"}}
	open := []topology.ACLEntrySpec{{Number: 100, Action: "allow", Protocol: "all", CIDR: "0.0.0.0/0"}}
	open6 := append(open[:1:1], topology.ACLEntrySpec{Number: 101, Action: "allow", Protocol: "all", CIDR: "::/0"})
	for _, row := range []edit{
		{"inbound rules", func(s spec) error { return s.SetSecurityGroupRules("", "web", https, nil) },
			"", group("a", "web"), topology.SecurityGroupSpec{Ingress: https}},
		{"outbound rules, by id", func(s spec) error { return s.SetSecurityGroupRules("a", web, nil, []topology.RuleSpec{}) },
			"", group("a", "web"), topology.SecurityGroupSpec{
				Ingress: []topology.RuleSpec{{Protocol: "tcp", Peer: "10.0.0.0/8"}}, Egress: []topology.RuleSpec{}}},
		{"rules of the default group, which no file wrote", func(s spec) error { return s.SetSecurityGroupRules("c", "default", https, nil) },
			"", group("c", "default"), topology.SecurityGroupSpec{Ingress: https}},
		{"rules that name groups by id", func(s spec) error { return s.SetSecurityGroupRules("", "web", byID, nil) },
			"", group("a", "web"), topology.SecurityGroupSpec{Ingress: byName}},
		{"rules of no group", func(s spec) error { return s.SetSecurityGroupRules("a", "wbe", https, nil) },
			"no security group wbe in vpcs.a; did you mean web?", nil, nil},
		{"groups of an instance", func(s spec) error { return s.SetInstanceGroups("", "web", []string{web, "default"}) },
			"", func(s spec) any { return s.VPCs["a"].Instances["web"].SecurityGroups }, []string{"web", "default"}},
		{"groups of the primary interface of several", func(s spec) error { return s.SetInstanceGroups("", "fw", []string{"web"}) },
			"", func(s spec) any { return s.VPCs["a"].Instances["fw"].Interfaces[0].SecurityGroups }, []string{"web"}},
		{"no groups but the default one", func(s spec) error { return s.SetInstanceGroups("", "app", nil) },
			"", func(s spec) any { return len(s.VPCs["b"].Instances["app"].SecurityGroups) }, 0},
		{"a group of another VPC", func(s spec) error { return s.SetInstanceGroups("", "web", []string{"app"}) },
			"no security group app in vpcs.a, which has default, web", nil, nil},
		{"groups of nobody", func(s spec) error { return s.SetInstanceGroups("c", "web", nil) }, "no instance web: vpcs.c has none", nil, nil},
		{"entries of a network ACL", func(s spec) error { return s.SetNetworkACLEntries("", "strict", open, nil) },
			"", acl("a", "strict"), topology.NetworkACLSpec{Ingress: open}},
		{"no entries", func(s spec) error {
			return s.SetNetworkACLEntries("", n.NetworkACL("strict").ID, nil, []topology.ACLEntrySpec{})
		},
			"", acl("a", "strict"), topology.NetworkACLSpec{Egress: []topology.ACLEntrySpec{}}},
		{"entries of the default one, which no file wrote: the other direction stays open", func(s spec) error {
			return s.SetNetworkACLEntries("b", "default", deny, nil)
		}, "", acl("b", "default"), topology.NetworkACLSpec{Ingress: deny, Egress: open}},
		{"and for IPv6 where there is any", func(s spec) error { return s.SetNetworkACLEntries("a", "default", nil, deny) },
			"", acl("a", "default"), topology.NetworkACLSpec{Ingress: open6, Egress: deny}},
		{"entries of no network ACL", func(s spec) error { return s.SetNetworkACLEntries("b", "strict", open, nil) },
			"no network ACL strict in vpcs.b, which has default", nil, nil},
	} {
		t.Run(row.name, func(t *testing.T) { row.run(t, text) })
	}
}
