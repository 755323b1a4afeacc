package topology

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// peer resolves the other side of a group's rule: a CIDR, an address, a security group or a prefix list.
func (r *ruleResolver) peer(rule *Rule, of *SecurityGroup, path, text string) bool {
	if text == "" {
		r.errorf(path, "missing; a CIDR, address, prefix list, security group, or VPC/GROUP in a peered VPC")
		return false
	}
	if p, ok := parsePeer(text); ok {
		rule.Prefix = p
		return p.Addr().Is4() || r.hasIPv6(path, text)
	}
	if place, name, slash := strings.Cut(text, "/"); slash {
		return r.groupElsewhere(rule, of, path, place, name)
	}
	if isID("sg", text) && of.VPC.group(text) == nil {
		r.groupWithID(rule, of, text)
		return true
	}
	group, list := of.VPC.group(text), r.prefixList(of.VPC.Region, text)
	switch {
	case group != nil && list != nil:
		r.errorf(path, "%s is a security group and a prefix list; write %s/%s for the group, %s for the list",
			text, of.VPC.Name, text, list.ID)
		return false
	case group == nil && list == nil && !isRegion(of.VPC.Region):
		return false // the region itself is the problem
	case group == nil && list == nil:
		r.errorf(path, "%s", r.noPeer(of.VPC, text))
		return false
	}
	rule.Group, rule.PrefixList = group, list
	return true
}

// parsePeer reads a CIDR, or an address as the CIDR of that address alone. It tells nobody if that fails.
func parsePeer(text string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" && !a.Is4In6() {
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	return parseBlock(text)
}

// groupElsewhere resolves VPC/GROUP: a group of a peered VPC, or, written in full, one of the same VPC (aws-semantics 6.1).
func (r *ruleResolver) groupElsewhere(rule *Rule, of *SecurityGroup, path, place, name string) bool {
	vpc := byName(r.net.VPCs, place, func(v *VPC) string { return v.Name })
	switch {
	case vpc == nil && isAddress(place):
		r.errorf(path, "%s/%s is not a CIDR such as 10.0.0.0/16 or 2001:db8::/56", shown(place), shown(name))
		return false
	case vpc == nil:
		r.errorf(path, "%s", r.noSuch("VPC", place, "the topology", sortedKeys(r.spec.VPCs)))
		return false
	}
	group := vpc.group(name)
	switch {
	case vpc != of.VPC && !r.peered[[2]string{vpc.Name, of.VPC.Name}]:
		r.errorf(path, "%s and %s are not peered; a rule can name security groups of its own VPC and of peered ones (add the peering to peerings)",
			join("vpcs", of.VPC.Name), join("vpcs", vpc.Name))
		return false
	case vpc.Region != of.VPC.Region:
		r.errorf(path, "%s is in %s; a rule can name security groups of its own region only", join("vpcs", vpc.Name), vpc.Region)
		return false
	case group == nil:
		r.errorf(path, "%s", r.noSuch("security group", name, join("vpcs", vpc.Name), vpc.groupNames()))
		return false
	}
	rule.Group = group
	return true
}

// groupWithID resolves the id of a security group. One that is gone, or whose VPC is not peered (any longer) or not in the
// topology, AWS keeps in the rule, which it calls stale: it allows nothing (aws-semantics 6.1).
func (r *ruleResolver) groupWithID(rule *Rule, of *SecurityGroup, id string) {
	g := r.byID[id]
	if g != nil && (g.VPC == of.VPC || g.VPC.Region == of.VPC.Region && r.peered[[2]string{g.VPC.Name, of.VPC.Name}]) {
		rule.Group = g
		return
	}
	rule.StaleGroup = id
}

// noPeer says what a text that should have named the other side of a rule could have meant.
func (r *ruleResolver) noPeer(vpc *VPC, text string) string {
	if r.errs.full() {
		return ""
	}
	if _, later := managed(vpc.Region, text); later {
		return r.unknownPrefixList(vpc.Region, text)
	}
	for _, other := range r.net.VPCs {
		if other.group(text) != nil {
			return fmt.Sprintf("security group %s belongs to %s; write %s/%s, which needs a peering between the VPCs",
				text, join("vpcs", other.Name), other.Name, text)
		}
	}
	names := slices.Concat(vpc.groupNames(), r.listNames(vpc.Region))
	return fmt.Sprintf("%s is neither a CIDR nor a security group of %s nor a prefix list of %s%s",
		shown(text), join("vpcs", vpc.Name), vpc.Region, r.didYouMean(text, names))
}
