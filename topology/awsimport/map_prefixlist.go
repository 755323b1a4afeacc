package awsimport

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"vpcsim/topology"
)

// sortPrefixLists gives names to the prefix lists.
func (m *mapper) sortPrefixLists() {
	managed := map[string]int{}
	for _, key := range m.dump.prefixLists.ids() {
		managed[m.dump.prefixLists.get(key).PrefixListName]++
	}
	for _, key := range m.dump.prefixLists.ids() {
		l := m.dump.prefixLists.get(key)
		if strings.HasPrefix(l.PrefixListName, "com.amazonaws.") {
			name := l.PrefixListName
			if managed[name] > 1 { // a list of all regions, with an id in each
				name = l.PrefixListId
			}
			m.names.keep(key, name, "list")
			continue
		}
		scopes := []string{"list"}
		for _, v := range m.vpcs { // a rule may name a list or a group
			scopes = append(scopes, "group "+v.id)
		}
		m.names.want(key, l.PrefixListName, scopes...)
		if name := &m.names.wants[len(m.names.wants)-1].name; *name == nameOf(key) {
			*name = nameOf(l.PrefixListId)
		}
	}
}

// list finds a prefix list that something in a VPC names.
func (m *mapper) list(v *vpc, id string) (key string, l *PrefixList) {
	for _, region := range []string{v.region, ""} {
		if l := m.dump.prefixLists.get(region + "/" + id); l != nil {
			return region + "/" + id, l
		}
	}
	return "", nil
}

// known returns an AWS-managed prefix list of a region that the simulator knows, by id or name.
func known(region, text string) *topology.PrefixList {
	for _, l := range topology.ManagedPrefixLists(region, topology.Current) {
		if l.ID == text || l.Name == text {
			return &l
		}
	}
	return nil
}

// listName is the AWS name of a prefix list; empty if nobody knows the list.
func (m *mapper) listName(v *vpc, id string) string {
	if _, l := m.list(v, id); l != nil {
		return l.PrefixListName
	}
	if l := known(v.region, id); l != nil {
		return l.Name
	}
	return ""
}

// useList names a prefix list in the topology, with its contents if the simulator does not know them, or says why it can't.
func (m *mapper) useList(v *vpc, id string) (name, why string) {
	key, l := m.list(v, id)
	ours := known(v.region, id)
	switch {
	case l == nil && ours != nil:
		return ours.Name, ""
	case l == nil:
		return "", "it names prefix list " + id + ", which is not in the dump"
	case len(l.Cidrs) == 0 && ours != nil:
		m.fates.approximated("PrefixLists", key, "with the entries that the simulator knows")
		return ours.Name, ""
	case len(l.Cidrs) == 0:
		return "", "the entries of prefix list " + id + " (" + l.PrefixListName + ") are not in the dump"
	}
	return m.writeList(v, key, l, ours), ""
}

// writeList puts a prefix list into the topology, unless the simulator knows it just so.
func (m *mapper) writeList(v *vpc, key string, l *PrefixList, ours *topology.PrefixList) string {
	m.fates.used("PrefixLists", key)
	entries := slices.Clone(l.Cidrs)
	slices.SortFunc(entries, compareCIDRs)
	entries = slices.Compact(entries)
	name := m.names.of(key)
	spec := topology.PrefixListSpec{ID: unless(name, l.PrefixListId), Entries: entries}
	if ours != nil {
		name, spec.ID = ours.Name, ""
		same := len(entries) == len(ours.Entries)
		for _, e := range ours.Entries {
			same = same && slices.Contains(entries, e.String())
		}
		if same {
			return name
		}
	} else if !strings.HasPrefix(l.PrefixListName, "com.amazonaws.") { // AWS's own have neither
		if l.MaxEntries > len(entries) {
			spec.MaxEntries = l.MaxEntries
		}
		if l.Version > 1 {
			spec.Version = l.Version
		}
	}
	if m.spec.PrefixLists == nil {
		m.spec.PrefixLists = map[string]topology.PrefixListSpec{}
	}
	m.spec.PrefixLists[name] = spec
	return name
}

// s3Lists puts the S3 lists of the VPCs' regions into the topology: they say which addresses on the internet are S3's.
func (m *mapper) s3Lists() {
	for _, v := range m.vpcs {
		_ = m.s3List(v)
	}
}

// s3List puts the S3 list of a VPC's region into the topology, or says why it can't.
func (m *mapper) s3List(v *vpc) (why string) {
	name := "com.amazonaws." + v.region + ".s3"
	for _, key := range m.dump.prefixLists.ids() {
		if l := m.dump.prefixLists.get(key); l.PrefixListName == name {
			_, why = m.useList(v, l.PrefixListId)
			return why
		}
	}
	if known(v.region, name) == nil {
		return fmt.Sprintf("the prefix list %s is not in the dump (aws ec2 describe-prefix-lists)", name)
	}
	return ""
}

// compareCIDRs puts CIDRs in the order of their addresses, IPv4 first, the wider before the narrower.
func compareCIDRs(a, b string) int {
	p, err := netip.ParsePrefix(a)
	q, err2 := netip.ParsePrefix(b)
	if err != nil || err2 != nil {
		return strings.Compare(a, b)
	}
	return p.Compare(q)
}
