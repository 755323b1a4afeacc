package topology

import (
	"cmp"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// subnets resolves the VPC's subnets (aws-semantics 8.1: subnet-sizing). Their route tables follow with associations.
func (b *vpcBuilder) subnets() {
	for _, name := range sortedKeys(b.spec.Subnets) {
		spec := b.spec.Subnets[name]
		path := b.at("subnets", name)
		b.name(path, name)
		s := &Subnet{Name: name, ID: b.identify(subnetKind, name), VPC: b.vpc, AZ: b.zone(join(path, "az"), spec.AZ)}
		if p, ok := b.block(join(path, "cidr"), spec.CIDR); ok {
			s.CIDR = p
			if _, ok := insideAny(p, b.vpc.CIDRs); !ok && len(b.vpc.CIDRs) > 0 {
				b.errorf(join(path, "cidr"), "%s is outside %s", p, list(b.vpc.CIDRs, " and "))
			}
		}
		b.vpc.Subnets = append(b.vpc.Subnets, s)
	}
	for _, o := range overlaps(b.vpc.Subnets) {
		b.errorf(b.at("subnets", o[1].Name, "cidr"), "%s overlaps subnet %s (%s)", o[1].CIDR, o[0].Name, o[0].CIDR)
	}
}

// overlaps returns each subnet that shares addresses with an earlier one in address order, behind the first such. CIDRs
// are nested or apart, so only the widest one still open has to be remembered.
func overlaps(subnets []*Subnet) [][2]*Subnet {
	sorted := slices.DeleteFunc(slices.Clone(subnets), func(s *Subnet) bool { return !s.CIDR.IsValid() })
	slices.SortStableFunc(sorted, func(a, b *Subnet) int {
		return cmp.Or(a.CIDR.Addr().Compare(b.CIDR.Addr()), cmp.Compare(a.CIDR.Bits(), b.CIDR.Bits()))
	})
	var found [][2]*Subnet
	var open *Subnet
	for _, s := range sorted {
		if open != nil && open.CIDR.Overlaps(s.CIDR) {
			found = append(found, [2]*Subnet{open, s})
			continue
		}
		open = s
	}
	return found
}

// zoneForm is what follows the region in the name of an Availability Zone (a letter), a Local Zone (-lax-1a) and a Wavelength
// Zone (-wl1-bos-wlz-1).
var zoneForm = regexp.MustCompile(`^([a-z]|-[a-z0-9-]{1,40})$`)

// zone checks an Availability Zone.
func (b *vpcBuilder) zone(path, text string) string {
	region := b.vpc.Region
	zone := cmp.Or(text, region+"a")
	if rest, ok := strings.CutPrefix(zone, region); isRegion(region) && (!ok || !zoneForm.MatchString(rest)) {
		b.errorf(path, "%s is not an Availability Zone of %s, such as %sa", shown(zone), region, region)
	}
	return zone // if the region itself is the problem, that is told already
}

func list(all []netip.Prefix, between string) string {
	texts := make([]string, len(all))
	for i, p := range all {
		texts[i] = p.String()
	}
	return strings.Join(texts, between)
}

// subnet returns a subnet of the VPC by name.
func (b *vpcBuilder) subnet(name string) *Subnet {
	return byName(b.vpc.Subnets, name, func(s *Subnet) string { return s.Name })
}

// table returns a route table of the VPC by name.
func (b *vpcBuilder) table(name string) *RouteTable {
	return byName(b.vpc.RouteTables, name, func(t *RouteTable) string { return t.Name })
}

// byName finds a thing in a list that is sorted by name.
func byName[T any](all []*T, name string, nameOf func(*T) string) *T {
	i, ok := slices.BinarySearchFunc(all, name, func(t *T, name string) int { return strings.Compare(nameOf(t), name) })
	if !ok {
		return nil
	}
	return all[i]
}
