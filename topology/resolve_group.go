package topology

import (
	"net/netip"
	"slices"
	"strings"
)

// defaultName is the name of the security group and of the network ACL that every VPC has.
const defaultName = "default"

// Everywhere, in both IP versions.
var (
	everywhereIPv4 = netip.MustParsePrefix("0.0.0.0/0")
	everywhereIPv6 = netip.MustParsePrefix("::/0")
)

// withDefault lists the names of a VPC's security groups or network ACLs, the default one's too.
func withDefault[V any](written map[string]V) []string {
	names := sortedKeys(written)
	if _, there := written[defaultName]; !there {
		names = append(names, defaultName)
		slices.Sort(names)
	}
	return names
}

// securityGroups resolves the VPC's security groups without their rules, which may name groups of VPCs that come later.
func (b *vpcBuilder) securityGroups() {
	for _, name := range withDefault(b.spec.SecurityGroups) {
		path := b.at("security_groups", name)
		b.name(path, name)
		switch {
		case strings.HasPrefix(name, "sg-") && !isID("sg", name):
			b.errorf(path, "a security group's name may not start with sg-, as AWS's ids do")
		case isAddress(name):
			b.errorf(path, "a security group may not be called like an address: a rule that names it would mean the address")
		}
		b.vpc.SecurityGroups = append(b.vpc.SecurityGroups,
			&SecurityGroup{Name: name, ID: b.identify(groupKind, name), VPC: b.vpc, Default: name == defaultName})
	}
}

// group returns a security group of the VPC by name.
func (v *VPC) group(name string) *SecurityGroup {
	return byName(v.SecurityGroups, name, func(g *SecurityGroup) string { return g.Name })
}

func (v *VPC) groupNames() []string {
	var names []string
	for _, g := range v.SecurityGroups {
		names = append(names, g.Name)
	}
	return names
}

// interfaceGroups puts an interface into the groups that it names (aws-semantics 6.1).
func (b *vpcBuilder) interfaceGroups(eni *NetworkInterface, path string, names []string) {
	if len(names) > b.limits.GroupsPerInterface {
		b.quota(path, len(names), b.limits.GroupsPerInterface, "security groups of a network interface")
		return
	}
	for i, name := range names {
		switch g := b.vpc.group(name); {
		case g == nil:
			b.errorf(item(path, i), "%s", b.noGroup(name))
		case slices.Contains(eni.SecurityGroups, g):
			b.errorf(item(path, i), "security group %s is listed twice", g.Name)
		default:
			eni.SecurityGroups = append(eni.SecurityGroups, g)
		}
	}
}

// noGroup says what is wrong with the name of a security group that the VPC does not have.
func (b *vpcBuilder) noGroup(name string) string {
	if b.errs.full() {
		return ""
	}
	for _, other := range sortedKeys(b.resolver.spec.VPCs) {
		if _, ok := b.resolver.spec.VPCs[other].SecurityGroups[name]; ok {
			return "security group " + shown(name) + " belongs to " + join("vpcs", other) + "; an interface takes groups of its own VPC"
		}
	}
	return b.noSuch("security group", name, b.path, b.vpc.groupNames())
}

// groupRules resolves the rules of the security groups of all VPCs, now that every group is known.
func (r *resolver) groupRules() {
	rules := ruleResolver{resolver: r, peered: map[[2]string]bool{}, byID: map[string]*SecurityGroup{}}
	for _, g := range all(r.net, func(v *VPC) []*SecurityGroup { return v.SecurityGroups }) {
		rules.byID[g.ID] = g
	}
	for _, p := range r.spec.Peerings {
		rules.peered[[2]string{p.Requester, p.Accepter}] = true
		rules.peered[[2]string{p.Accepter, p.Requester}] = true
	}
	for _, v := range r.net.VPCs {
		for _, g := range v.SecurityGroups {
			path := join(join(join("vpcs", v.Name), "security_groups"), g.Name)
			spec := r.spec.VPCs[v.Name].SecurityGroups[g.Name]
			g.Ingress = rules.list(g, join(path, "ingress"), "inbound", spec.Ingress)
			if g.Default && spec.Ingress == nil {
				own := anyTraffic()
				own.ID, own.Group = id("sgr", idPath("vpcs", v.Name, g.Name, "own")), g
				g.Ingress = []*Rule{&own}
			}
			g.Egress = rules.list(g, join(path, "egress"), "outbound", spec.Egress)
			if spec.Egress == nil {
				g.Egress = everywhere(v)
				for _, rule := range g.Egress {
					rule.ID = id("sgr", idPath("vpcs", v.Name, g.Name, "everywhere", rule.Prefix.String()))
				}
			}
		}
	}
}

// everywhere is what allows everything to or from everywhere: a rule per IP version that the VPC has. IPv4's is number 100,
// and IPv6's 101, where numbers count (aws-semantics 6.1, 7).
func everywhere(v *VPC) []*Rule {
	v4 := anyTraffic()
	v4.Prefix = everywhereIPv4
	if !v.IPv6CIDR.IsValid() {
		return []*Rule{&v4}
	}
	v6 := anyTraffic()
	v6.Prefix = everywhereIPv6
	return []*Rule{&v4, &v6}
}

// ruleResolver is a resolver at work in the rules of security groups.
type ruleResolver struct {
	*resolver
	byID   map[string]*SecurityGroup
	peered map[[2]string]bool // names of VPCs with a peering connection between them, both ways round
}

// list resolves the rules of one direction of a group.
func (r *ruleResolver) list(of *SecurityGroup, path, direction string, specs []RuleSpec) []*Rule {
	var all []*Rule
	seen := map[Rule]string{}
	for i, spec := range specs {
		at := item(path, i)
		rule, ok := r.traffic(at, spec.Protocol, spec.Ports, spec.ICMP)
		if known := r.peer(&rule, of, join(at, "peer"), spec.Peer); !ok || !known {
			continue
		}
		before, twice := seen[rule]
		seen[rule] = at
		if twice {
			r.errorf(at, "the same rule as %s, which AWS refuses (InvalidPermission.Duplicate)", r.place(before))
		} else {
			place := idPath("vpcs", of.VPC.Name, of.Name, direction, spec.Protocol, spec.Ports, spec.ICMP, spec.Peer)
			rule.ID = r.identify(at, "id", identity{kind: "sgr", written: spec.ID, place: place})
		}
		all = append(all, &rule)
	}
	r.ruleQuota(path, direction, all)
	return all
}

// ruleQuota counts the rules of one direction, each IP version for itself. A reference to a group counts in both, and a
// prefix list by its weight (amazon-vpc-limits; aws-semantics 6.1). Five groups of 60 rules stay below the 1,000 that an
// interface may have in all.
func (r *ruleResolver) ruleQuota(path, direction string, rules []*Rule) {
	v4, v6 := 0, 0
	for _, rule := range rules {
		switch {
		case rule.Group != nil || rule.StaleGroup != "":
			v4, v6 = v4+1, v6+1
		case rule.PrefixList != nil && rule.PrefixList.IPv6:
			v6 += rule.PrefixList.Weight
		case rule.PrefixList != nil:
			v4 += rule.PrefixList.Weight
		case rule.Prefix.Addr().Is4():
			v4++
		default:
			v6++
		}
	}
	r.quota(path, v4, r.limits.RulesPerGroup, direction+" IPv4 rules in a security group, a prefix list counting by its weight")
	r.quota(path, v6, r.limits.RulesPerGroup, direction+" IPv6 rules in a security group")
}
