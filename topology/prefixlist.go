package topology

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// managedList is one AWS-managed prefix list with its contents at each preset's time; a preset that is not there had no
// such list.
type managedList struct {
	region, service, id string
	entries             map[Preset][]string
}

// name is the list's AWS name, which is also the name of the endpoint service behind it.
func (m *managedList) name() string { return serviceName(m.region, m.service) }

// known reports whether the user's text means this list: its id, its name or the short name of its service.
func (m *managedList) known(text string) bool {
	return text == m.id || text == m.name() || text == m.service
}

func serviceName(region, service string) string { return "com.amazonaws." + region + "." + service }

// managed returns the region's list that the user's text means.
func managed(region, text string) (*managedList, bool) {
	for i, m := range managedLists {
		if m.region == region && m.known(text) {
			return &managedLists[i], true
		}
	}
	return nil, false
}

// Regions returns the regions the simulator knows the prefix lists of.
func Regions() []string {
	var all []string
	for _, m := range managedLists {
		if !slices.Contains(all, m.region) {
			all = append(all, m.region)
		}
	}
	return all
}

// ManagedPrefixLists returns the AWS-managed prefix lists of a region as they were at the preset's time, S3's first;
// nothing for a region that is not known. The entries are IPv4 and sorted as published.
func ManagedPrefixLists(region string, p Preset) []PrefixList {
	if p == "" {
		p = Current
	}
	var all []PrefixList
	for _, m := range managedLists {
		if entries, ok := m.entries[p]; ok && m.region == region {
			// S3 and DynamoDB weigh 1 each (aws-semantics 2.1).
			all = append(all, PrefixList{Name: m.name(), ID: m.id, AWSManaged: true, Weight: 1, Entries: prefixes(entries)})
		}
	}
	return all
}

func prefixes(texts []string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}

// prefixLists resolves the lists of the region: the AWS-managed ones, with their contents replaced where the file says
// so, then the customer's by name.
func (r *resolver) prefixLists() {
	for _, list := range ManagedPrefixLists(r.net.Region, r.net.Preset) {
		r.net.PrefixLists = append(r.net.PrefixLists, &list)
	}
	replaced := map[string]string{} // name of an AWS-managed list -> key that replaces it
	for _, name := range sortedKeys(r.spec.PrefixLists) {
		path := join("prefix_lists", name)
		if m, ok := managed(r.net.Region, name); ok {
			if before, twice := replaced[m.name()]; twice {
				r.errorf(path, "replaces the same list as %s", r.place(join("prefix_lists", before)))
			}
			replaced[m.name()] = name
			r.replaceManaged(path, m, r.spec.PrefixLists[name])
			continue
		}
		r.customerPrefixList(path, name, r.spec.PrefixLists[name])
	}
}

func (r *resolver) replaceManaged(path string, m *managedList, spec PrefixListSpec) {
	i := slices.IndexFunc(r.net.PrefixLists, func(l *PrefixList) bool { return l.ID == m.id })
	if i < 0 {
		r.errorf(path, "%s", r.unknownPrefixList(m.service))
		return
	}
	if spec.MaxEntries != 0 {
		r.errorf(join(path, "max_entries"), "an AWS-managed list has no maximum size; remove it")
	}
	r.net.PrefixLists[i].Entries = r.entries(path, spec.Entries)
	for k, p := range r.net.PrefixLists[i].Entries {
		if p.IsValid() && !publicPrefix(p) {
			r.errorf(item(join(path, "entries"), k), "%s is not public address space, which is all that an AWS-managed list holds", p)
		}
	}
}

func (r *resolver) customerPrefixList(path, name string, spec PrefixListSpec) {
	switch {
	case strings.HasPrefix(name, "pl-") || strings.HasPrefix(name, "com.amazonaws"):
		r.errorf(path, "no AWS-managed prefix list of %s is called that%s", r.net.Region, didYouMean(name, r.managedNames()))
	default:
		r.name(path, name)
	}
	size := len(spec.Entries)
	limit := cmp.Or(spec.MaxEntries, max(size, 1))
	switch at := join(path, "max_entries"); {
	case limit < 1 || limit > r.limits.PrefixListEntries:
		r.errorf(at, "%d; from 1 to %d", limit, r.limits.PrefixListEntries)
	case size > limit:
		r.errorf(at, "%d, but the list has %d entries", limit, size)
	}
	// A customer's list counts by its maximum size (aws-semantics 1.6).
	r.net.PrefixLists = append(r.net.PrefixLists, &PrefixList{
		Name: name, ID: id("pl", idPath("prefix_lists", name)), Weight: limit, Entries: r.entries(path, spec.Entries),
	})
}

// entries parses the CIDRs of a list. Overlapping ones are AWS's to take, equal ones are not.
func (r *resolver) entries(path string, texts []string) []netip.Prefix {
	all := make([]netip.Prefix, 0, len(texts))
	seen := map[netip.Prefix]int{}
	for i, text := range texts {
		at := item(join(path, "entries"), i)
		p, ok := r.cidr(at, text)
		if before, twice := seen[p]; ok && twice {
			r.errorf(at, "%s is already entries[%d]", p, before)
		}
		seen[p] = i
		all = append(all, p)
	}
	return all
}

// prefixList finds a list by what a route may call it: id, name, or the short name of an AWS-managed one.
func (r *resolver) prefixList(text string) *PrefixList {
	for _, l := range r.net.PrefixLists {
		if text == l.ID || text == l.Name {
			return l
		}
	}
	if m, ok := managed(r.net.Region, text); ok {
		return r.managedPrefixList(m.service)
	}
	return nil
}

// managedPrefixList returns the list of a service, or nil if the preset has none.
func (r *resolver) managedPrefixList(service string) *PrefixList {
	for _, l := range r.net.PrefixLists {
		if l.AWSManaged && l.Name == serviceName(r.net.Region, service) {
			return l
		}
	}
	return nil
}

// managedNames are all names the user may call the region's AWS-managed lists by.
func (r *resolver) managedNames() []string {
	var all []string
	for _, m := range managedLists {
		if m.region == r.net.Region {
			all = append(all, m.id, m.name(), m.service)
		}
	}
	return all
}

// unknownPrefixList says what a text that should have named a list could have meant.
func (r *resolver) unknownPrefixList(text string) string {
	if _, later := managed(r.net.Region, text); later {
		return fmt.Sprintf("%s had no prefix list %s", r.net.Preset, text)
	}
	names := r.managedNames()
	for _, l := range r.net.PrefixLists {
		names = append(names, l.Name, l.ID)
	}
	return fmt.Sprintf("%s is neither an IPv4 CIDR nor a prefix list of %s%s", shown(text), r.net.Region, r.didYouMean(text, names))
}
