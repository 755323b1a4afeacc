package compile

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"vpcsim/dataplane/filter"
	"vpcsim/topology"
)

// everywhere is every address of both families.
var everywhere = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}

// membersOf returns what a group stands for as the other side of a rule: the private addresses of its network interfaces
// (aws-semantics 6.1).
func (c *compiler) membersOf(g *topology.SecurityGroup) []netip.Prefix {
	known, ok := c.members[g]
	if !ok {
		for _, a := range c.network.Members(g) {
			known = append(known, hostPrefix(a))
		}
		c.members[g] = known
	}
	return known
}

// securityGroups compiles the union of some groups. Interfaces with the same groups share it.
func (c *compiler) securityGroups(groups []*topology.SecurityGroup) *filter.SecurityGroups {
	groups = slices.Clone(groups)
	slices.SortFunc(groups, func(a, b *topology.SecurityGroup) int { return strings.Compare(a.ID, b.ID) })
	var ids strings.Builder
	for _, g := range groups {
		ids.WriteString(g.ID + " ")
	}
	if shared := c.groups[ids.String()]; shared != nil {
		return shared
	}
	var each []*filter.SecurityGroups
	for _, g := range groups {
		each = append(each, c.securityGroup(g))
	}
	compiled := filter.Union(each)
	c.groups[ids.String()] = compiled
	return compiled
}

// securityGroup compiles one group, once for all sets that it is in.
func (c *compiler) securityGroup(g *topology.SecurityGroup) *filter.SecurityGroups {
	compiled := c.single[g]
	if compiled == nil {
		compiled = filter.NewSecurityGroups(c.rulesOf(g.ID, false, g.Ingress), c.rulesOf(g.ID, true, g.Egress))
		c.single[g] = compiled
	}
	return compiled
}

// RuleID is the id of rule n of one direction of a security group: it counts as the file's error messages do, from 0.
func RuleID(group string, egress bool, n int) string {
	direction := "ingress"
	if egress {
		direction = "egress"
	}
	return fmt.Sprintf("%s[%s %d]", group, direction, n)
}

// rulesOf compiles one direction of a group.
func (c *compiler) rulesOf(group string, egress bool, rules []*topology.Rule) (out []filter.Rule) {
	for n, r := range rules {
		f := rule(RuleID(group, egress, n), r)
		switch {
		case r.PrefixList != nil:
			f.Peers = r.PrefixList.Entries
		case r.Group != nil:
			f.Peers = c.membersOf(r.Group)
		case r.StaleGroup != "":
			f.Peers = nil
		}
		out = append(out, f)
	}
	return out
}

// acl compiles a network ACL, once for all its subnets.
func (c *compiler) acl(a *topology.NetworkACL) *filter.NetworkACL {
	compiled := c.acls[a]
	if compiled == nil {
		compiled = filter.NewNetworkACL(a.ID, entries(a, a.Ingress), entries(a, a.Egress))
		c.acls[a] = compiled
	}
	return compiled
}

// EntryID is the id of an entry of a network ACL; of the final deny for a negative number.
func EntryID(acl string, number int) string {
	if number < 0 {
		return acl + "#*"
	}
	return fmt.Sprintf("%s#%d", acl, number)
}

func entries(a *topology.NetworkACL, list []*topology.Rule) (out []filter.Rule) {
	for _, r := range list {
		f := rule(EntryID(a.ID, r.Number), r)
		f.Deny = !r.Allow
		out = append(out, f)
	}
	return out
}

// NotAsked ends, in place of the number of an entry, what a trace shows of a network ACL that is passed by.
const NotAsked = "#not-asked"

// unasked is a list of a network ACL that is passed by.
func unasked(a *topology.NetworkACL) []filter.Rule {
	return []filter.Rule{{
		ID: a.ID + NotAsked, Protocol: filter.Any, LastPort: 65535, ICMPType: filter.Any, ICMPCode: filter.Any, Peers: everywhere,
	}}
}

// rule compiles what a rule of either kind says of packets.
func rule(id string, r *topology.Rule) filter.Rule {
	return filter.Rule{
		ID: id, Protocol: r.Protocol, FirstPort: r.FirstPort, LastPort: r.LastPort, ICMPType: r.ICMPType, ICMPCode: r.ICMPCode,
		Peers: []netip.Prefix{r.Prefix},
	}
}
