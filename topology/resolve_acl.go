package topology

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
)

// networkACLs resolves the VPC's network ACLs (aws-semantics 7).
func (b *vpcBuilder) networkACLs() {
	for _, name := range withDefault(b.spec.NetworkACLs) {
		path := b.at("network_acls", name)
		b.name(path, name)
		acl := &NetworkACL{Name: name, ID: b.identify(aclKind, name), VPC: b.vpc, Default: name == defaultName}
		if spec, written := b.spec.NetworkACLs[name]; written {
			acl.Ingress = b.aclEntries(join(path, "ingress"), spec.Ingress)
			acl.Egress = b.aclEntries(join(path, "egress"), spec.Egress)
		} else {
			acl.Ingress, acl.Egress = numbered(everywhere(b.vpc)), numbered(everywhere(b.vpc))
		}
		b.vpc.NetworkACLs = append(b.vpc.NetworkACLs, acl)
	}
}

// numbered gives rules the numbers of the default network ACL's entries: 100 for IPv4 and 101 for IPv6.
func numbered(rules []*Rule) []*Rule {
	for i, rule := range rules {
		rule.Number = 100 + i
	}
	return rules
}

// aclEntries resolves one direction of a network ACL, sorted by number.
func (b *vpcBuilder) aclEntries(path string, specs []ACLEntrySpec) []*Rule {
	var all []*Rule
	seen := map[int]string{}
	for i, spec := range specs {
		at := item(path, i)
		rule, ok := b.aclEntry(at, spec)
		if before, twice := seen[spec.Number]; twice {
			b.errorf(join(at, "number"), "%d is the number of %s; entries of one direction have numbers of their own", spec.Number, b.place(before))
		} else if spec.Number != 0 {
			seen[spec.Number] = at
		}
		if ok {
			all = append(all, &rule)
		}
	}
	slices.SortStableFunc(all, func(a, b *Rule) int { return cmp.Compare(a.Number, b.Number) })
	return all
}

// maxACLNumber is the highest number of an entry; the final deny comes after it.
const maxACLNumber = 32766

func (b *vpcBuilder) aclEntry(path string, spec ACLEntrySpec) (Rule, bool) {
	rule, ok := b.traffic(path, spec.Protocol, spec.Ports, spec.ICMP)
	rule.Number, rule.Allow = spec.Number, spec.Action == "allow"
	switch {
	case spec.Number == 0:
		b.errorf(join(path, "number"), "missing; from 1 to %d, the lowest that matches decides", maxACLNumber)
	case spec.Number < 0 || spec.Number > maxACLNumber:
		b.errorf(join(path, "number"), "%d; from 1 to %d", spec.Number, maxACLNumber)
	}
	switch spec.Action {
	case "allow", "deny":
	case "":
		b.errorf(join(path, "action"), "missing; allow or deny")
	default:
		b.errorf(join(path, "action"), "%s is neither allow nor deny", shown(spec.Action))
	}
	prefix, known := b.aclCIDR(join(path, "cidr"), spec.CIDR)
	rule.Prefix = prefix
	return rule, ok && known
}

// aclCIDR reads the other side of an entry, which AWS has in one form only.
func (b *vpcBuilder) aclCIDR(path, text string) (netip.Prefix, bool) {
	_, group := b.spec.SecurityGroups[text]
	switch {
	case strings.Contains(text, "/") || isAddress(text):
		return b.eitherCIDR(path, text)
	case b.prefixList(b.vpc.Region, text) != nil:
		b.errorf(path, "%s is a prefix list; network ACLs take CIDRs only", shown(text))
	case group || text == defaultName:
		b.errorf(path, "%s is a security group; network ACLs take CIDRs only", shown(text))
	default:
		return b.eitherCIDR(path, text)
	}
	return netip.Prefix{}, false
}

// subnetACLs gives every subnet its network ACL.
func (b *vpcBuilder) subnetACLs() {
	for _, s := range b.vpc.Subnets {
		name := cmp.Or(b.spec.Subnets[s.Name].NetworkACL, defaultName)
		if s.ACL = byName(b.vpc.NetworkACLs, name, func(a *NetworkACL) string { return a.Name }); s.ACL == nil {
			b.errorf(b.at("subnets", s.Name, "network_acl"), "%s", b.noACL(name))
		}
	}
}

// noACL says what is wrong with the name of a network ACL that the VPC does not have.
func (b *vpcBuilder) noACL(name string) string {
	if b.errs.full() {
		return ""
	}
	for _, other := range sortedKeys(b.resolver.spec.VPCs) {
		if _, ok := b.resolver.spec.VPCs[other].NetworkACLs[name]; ok {
			return "network ACL " + shown(name) + " belongs to " + join("vpcs", other) + "; only ACLs of the same VPC will do"
		}
	}
	return b.noSuch("network ACL", name, b.path, withDefault(b.spec.NetworkACLs))
}

// aclNumbers judges how many network ACLs a VPC has, and how many entries they have (aws-semantics 7).
func (r *resolver) aclNumbers(vpc string, acls map[string]NetworkACLSpec) {
	path := join(vpc, "network_acls")
	r.quota(path, len(withDefault(acls)), r.limits.ACLsPerVPC, "network ACLs in a VPC, the default one too")
	for _, name := range sortedKeys(acls) {
		at := join(path, name)
		r.quota(join(at, "ingress"), len(acls[name].Ingress), r.limits.EntriesPerACL, "inbound entries in a network ACL")
		r.quota(join(at, "egress"), len(acls[name].Egress), r.limits.EntriesPerACL, "outbound entries in a network ACL")
	}
}
