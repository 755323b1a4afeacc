package topology

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// prefixLists resolves the lists of the topology's regions: the AWS-managed ones, with their contents replaced where the file
// says so, those that only the file knows, then the customer's by name.
func (r *resolver) prefixLists() {
	for _, region := range r.spec.regions() {
		for _, list := range ManagedPrefixLists(region, r.net.Preset) {
			r.net.PrefixLists = append(r.net.PrefixLists, &list)
		}
	}
	replaced := map[string]string{} // name of an AWS-managed list -> key that replaces it
	var customers []string
	for _, name := range sortedKeys(r.spec.PrefixLists) {
		path, spec := join("prefix_lists", name), r.spec.PrefixLists[name]
		m, known := r.spec.managed(name)
		switch _, _, aws := serviceRegion(name); {
		case known:
			if before, twice := replaced[m.name()]; twice {
				r.errorf(path, "replaces the same list as %s", r.place(join("prefix_lists", before)))
			}
			replaced[m.name()] = name
			r.replaceManaged(path, m, spec)
		case aws:
			r.managedByFile(path, name, spec)
		default:
			customers = append(customers, name)
		}
	}
	for _, name := range customers {
		r.customerPrefixList(join("prefix_lists", name), name, r.spec.PrefixLists[name])
	}
}

// managed returns the list with known contents that a key of the file means: the file's region's by any of its names, another
// region's by its full name.
func (s *Spec) managed(key string) (*managedList, bool) {
	if m, ok := managed(s.Region, key); ok {
		return m, true
	}
	if region, service, ok := serviceRegion(key); ok {
		return managed(region, service)
	}
	return nil, false
}

func (r *resolver) replaceManaged(path string, m *managedList, spec PrefixListSpec) {
	i := slices.IndexFunc(r.net.PrefixLists, func(l *PrefixList) bool { return l.AWSManaged && l.Name == m.name() })
	switch {
	case i < 0 && !slices.Contains(r.spec.regions(), m.region):
		r.errorf(path, "no VPC is in %s; remove the list, or write its region to a VPC", m.region)
		return
	case i < 0:
		r.errorf(path, "%s", r.unknownPrefixList(m.region, m.service))
		return
	case spec.ID != "" && spec.ID != m.id:
		r.errorf(join(path, "id"), "%s; this list of %s is %s", shown(spec.ID), m.region, m.id)
	}
	l := r.net.PrefixLists[i]
	l.Entries, l.IPv6 = r.managedEntries(path, m.service, spec)
}

// managedByFile resolves an AWS-managed list that the simulator knows nothing of.
func (r *resolver) managedByFile(path, name string, spec PrefixListSpec) {
	region, service, _ := serviceRegion(name)
	if region == "global" {
		region = ""
	}
	if spec.ID == "" {
		r.errorf(path, "no AWS-managed prefix list of %s is called that (if AWS has it, write its id, as aws ec2 describe-prefix-lists shows it)%s",
			cmp.Or(region, "all regions"), r.didYouMean(name, managedNames(r.net.Region)))
		return
	}
	list := &PrefixList{Name: name, ID: spec.ID, Region: region, AWSManaged: true, Weight: cmp.Or(managedWeights[service], 1), State: PrefixListCreated}
	if !isID("pl", spec.ID) {
		r.errorf(join(path, "id"), "%s is not an id such as pl-63a5400a", shown(spec.ID))
	}
	if other := r.prefixList(region, spec.ID); other != nil {
		r.errorf(join(path, "id"), "%s is the id of %s; each list of a region has its own", spec.ID, other.Name)
	}
	list.Entries, list.IPv6 = r.managedEntries(path, service, spec)
	r.net.PrefixLists = append(r.net.PrefixLists, list)
}

// managedEntries reads the contents of an AWS-managed list. Those of S3 and DynamoDB are public IPv4 addresses.
func (r *resolver) managedEntries(path, service string, spec PrefixListSpec) (all []netip.Prefix, six bool) {
	if spec.MaxEntries != 0 {
		r.errorf(join(path, "max_entries"), "an AWS-managed list has no maximum size; remove it")
	}
	if spec.Version != 0 {
		r.errorf(join(path, "version"), "an AWS-managed list has no version; remove it")
	}
	all, six = r.entries(path, spec)
	for k, p := range all {
		if (service == "s3" || service == "dynamodb") && p.IsValid() && (p.Addr().Is6() || !publicPrefix(p)) {
			r.errorf(item(join(path, "entries"), k), "%s is not public IPv4 address space, which is all that an AWS-managed list of %s holds", p, service)
		}
	}
	return all, six
}

func (r *resolver) customerPrefixList(path, name string, spec PrefixListSpec) {
	switch {
	case isID("pl", name) && len(name) == len(id0("pl")): // ids of 8 digits are AWS's lists' (aws-semantics 2.1)
	case strings.HasPrefix(name, "pl-") || strings.HasPrefix(name, "com.amazonaws"):
		r.errorf(path, "no AWS-managed prefix list of %s is called that%s", r.net.Region, DidYouMean(name, managedNames(r.net.Region)))
	default:
		r.name(path, name)
	}
	size, limit := len(spec.Entries), spec.maxEntries()
	switch at := join(path, "max_entries"); {
	case limit < 1 || limit > r.limits.PrefixListEntries:
		r.errorf(at, "%d; from 1 to %d", limit, r.limits.PrefixListEntries)
	case size > limit:
		r.errorf(at, "%d, but the list has %d entries", limit, size)
	}
	if spec.Version < 0 {
		r.errorf(join(path, "version"), "%d; versions count from 1", spec.Version)
	}
	entries, six := r.entries(path, spec)
	// A customer's list counts by its maximum size (aws-semantics 1.6).
	r.net.PrefixLists = append(r.net.PrefixLists, &PrefixList{
		Name: name, ID: r.identify(path, "id", prefixListIdentity(name, spec)), Weight: limit,
		Version: spec.version(), State: cmp.Or(spec.Past.State, PrefixListCreated), Entries: entries, IPv6: six,
	})
}

// entries parses the CIDRs of a list, which are all of one IP version (aws-semantics 2.4), and tells whether that is IPv6. Overlapping
// ones are AWS's to take, equal ones are not.
func (r *resolver) entries(path string, spec PrefixListSpec) (all []netip.Prefix, six bool) {
	all = make([]netip.Prefix, 0, len(spec.Entries))
	seen := map[netip.Prefix]int{}
	for i, text := range spec.Entries {
		at := item(join(path, "entries"), i)
		p, ok := r.eitherCIDR(at, text)
		if before, twice := seen[p]; ok && twice {
			r.errorf(at, "%s is already entries[%d]", p, before)
		}
		seen[p] = i
		all = append(all, p)
		if ok && all[0].IsValid() && p.Addr().Is4() != all[0].Addr().Is4() {
			r.errorf(at, "%s beside %s; a prefix list is of one IP version", p, all[0])
		}
	}
	written := familyOf(spec.Entries)
	switch at := join(path, "address_family"); {
	case spec.Family != "" && spec.Family != familyIPv4 && spec.Family != familyIPv6:
		r.errorf(at, "%s; IPv4 or IPv6", shown(spec.Family))
	case spec.Family != "" && len(all) > 0 && spec.Family != written:
		r.errorf(at, "%s, but %s is %s", spec.Family, shown(spec.Entries[0]), written)
	}
	return all, cmp.Or(spec.Family, written) == familyIPv6
}

// prefixList finds a list by what somebody in a region may call it: id, name, or the short name of an AWS-managed one.
func (r *resolver) prefixList(region, text string) *PrefixList {
	for _, l := range r.net.PrefixLists {
		if (text == l.ID || text == l.Name) && (l.Region == "" || l.Region == region) {
			return l
		}
	}
	return r.managedPrefixList(region, text)
}

// managedPrefixList returns the list of a service in a region, or nil if the preset has none or nobody knows it.
func (r *resolver) managedPrefixList(region, service string) *PrefixList {
	name := serviceName(region, service)
	for _, l := range r.net.PrefixLists {
		if l.AWSManaged && l.Name == name {
			return l
		}
	}
	return nil
}

// managedNames are all names that a region's AWS-managed lists may be called by.
func managedNames(region string) []string {
	var all []string
	for _, m := range managedLists {
		if m.region == region {
			all = append(all, m.id, m.name(), m.service)
		}
	}
	return all
}

// unknownPrefixList says what a text that should have named a list of a region could have meant.
func (r *resolver) unknownPrefixList(region, text string) string {
	if _, later := managed(region, text); later {
		return fmt.Sprintf("%s had no prefix list %s", r.net.Preset, text)
	}
	if text == "s3" || text == serviceName(region, "s3") {
		return r.unknownS3(region)
	}
	return fmt.Sprintf("%s is neither an IPv4 CIDR nor a prefix list of %s%s", shown(text), region, r.didYouMean(text, r.listNames(region)))
}

// unknownS3 says how to tell the simulator the S3 list of a region.
func (r *resolver) unknownS3(region string) string {
	return fmt.Sprintf("the simulator does not know the S3 prefix list of %s; add to prefix_lists what aws ec2 describe-prefix-lists shows: %s: {id: pl-…, entries: […]}",
		region, serviceName(region, "s3"))
}

// listNames are all names and ids that a region's lists may be called by.
func (r *resolver) listNames(region string) []string {
	names := managedNames(region)
	for _, l := range r.net.PrefixLists {
		names = append(names, l.Name, l.ID)
	}
	return names
}
