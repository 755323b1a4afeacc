package compile

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"

	"vpcsim/dataplane/filter"
	"vpcsim/dataplane/packet"
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
		compiled = filter.NewSecurityGroups(c.rulesOf(g.ID, from, g.Ingress), c.rulesOf(g.ID, to, g.Egress))
		c.single[g] = compiled
	}
	return compiled
}

// RuleID is the id of a rule of a security group, as traces and counters know it.
func RuleID(group, rule string) string { return group + "/" + rule }

// rulesOf compiles one direction of a group.
func (c *compiler) rulesOf(group, way string, rules []*topology.Rule) (out []filter.Rule) {
	for _, r := range rules {
		f := rule(RuleID(group, r.ID), r)
		switch {
		case r.PrefixList != nil:
			f.Peers = r.PrefixList.Entries
		case r.Group != nil:
			f.Peers = c.membersOf(r.Group)
		case r.StaleGroup != "":
			f.Peers = nil
		}
		f.Says = trafficOf(r) + " " + way + " " + peerOf(r)
		out = append(out, f)
	}
	return out
}

// acl compiles a network ACL, once for all its subnets.
func (c *compiler) acl(a *topology.NetworkACL) *filter.NetworkACL {
	compiled := c.acls[a]
	if compiled == nil {
		compiled = filter.NewNetworkACL(a.ID, entries(a, from, a.Ingress), entries(a, to, a.Egress))
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

func entries(a *topology.NetworkACL, way string, list []*topology.Rule) (out []filter.Rule) {
	for _, r := range list {
		f := rule(EntryID(a.ID, r.Number), r)
		f.Deny, f.Says = !r.Allow, "allows "
		if f.Deny {
			f.Says = "denies "
		}
		f.Says += trafficOf(r) + " " + way + " " + peerOf(r)
		out = append(out, f)
	}
	return out
}

// NotAsked ends, in place of the number of an entry, what a trace shows of a network ACL that is passed by.
const NotAsked = "#not-asked"

// unasked is a list of a network ACL that is passed by.
func unasked(a *topology.NetworkACL) []filter.Rule {
	return []filter.Rule{{
		ID: a.ID + NotAsked, Says: "not asked of what comes from a transit gateway", Protocol: filter.Any, LastPort: 65535, ICMPType: filter.Any, ICMPCode: filter.Any, Peers: everywhere,
	}}
}

// rule compiles what a rule of either kind says of packets.
func rule(id string, r *topology.Rule) filter.Rule {
	return filter.Rule{
		ID: id, Protocol: r.Protocol, FirstPort: r.FirstPort, LastPort: r.LastPort, ICMPType: r.ICMPType, ICMPCode: r.ICMPCode,
		Peers: []netip.Prefix{r.Prefix},
	}
}

// The ways that a rule's other side lies.
const (
	from = "from" // inbound
	to   = "to"   // outbound
)

// trafficOf says in words what packets a rule is about, their other side aside.
func trafficOf(r *topology.Rule) string {
	switch {
	case r.Protocol == topology.AnyProtocol:
		return "everything"
	case r.Protocol == packet.TCP:
		return "tcp" + portsOf(r)
	case r.Protocol == packet.UDP:
		return "udp" + portsOf(r)
	case r.Protocol == packet.ICMP:
		return "icmp" + typeOf(r)
	case r.Protocol == packet.ICMPv6:
		return "icmpv6" + typeOf(r)
	}
	return fmt.Sprintf("protocol %d", r.Protocol)
}

func portsOf(r *topology.Rule) string {
	switch {
	case r.FirstPort == 0 && r.LastPort == math.MaxUint16:
		return ""
	case r.FirstPort == r.LastPort:
		return fmt.Sprintf(" %d", r.FirstPort)
	}
	return fmt.Sprintf(" %d-%d", r.FirstPort, r.LastPort)
}

func typeOf(r *topology.Rule) string {
	switch {
	case r.ICMPType == topology.AnyICMP:
		return ""
	case r.ICMPCode == topology.AnyICMP:
		return fmt.Sprintf(" %d", r.ICMPType)
	}
	return fmt.Sprintf(" %d/%d", r.ICMPType, r.ICMPCode)
}

// peerOf says who is at the other side of a rule.
func peerOf(r *topology.Rule) string {
	switch {
	case r.PrefixList != nil:
		return r.PrefixList.ID
	case r.Group != nil:
		return "members of " + r.Group.ID
	case r.StaleGroup != "":
		return r.StaleGroup + ", which is out of reach"
	}
	return r.Prefix.String()
}
