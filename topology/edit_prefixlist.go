package topology

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// A customer's prefix list has versions (aws-semantics 2.4). A change of its entries makes the next one, a change of its maximum
// size none, and to restore an old version is to make a new one with its entries. What names a list always means the latest,
// which is therefore all that a [PrefixListSpec] says and [Resolve] reads; the versions before it are beside it, in a
// [PrefixListPast], and come into no file.

// PrefixListPast is what was of a prefix list before, as long as somebody keeps the Spec that was edited. It is zero for a list as it
// was written.
type PrefixListPast struct {
	State   PrefixListState
	Entries [][]string // of the versions before the current one, oldest first
}

// PrefixListState is what was last done to a prefix list. Here it is done at once and as a whole, so the other states of AWS's, those
// in progress and those that failed, never are.
type PrefixListState string

// The states.
const (
	PrefixListCreated  PrefixListState = "create-complete"
	PrefixListModified PrefixListState = "modify-complete"
	PrefixListRestored PrefixListState = "restore-complete"
)

// What AWS allows, whatever the account (aws-semantics 2.4: amazon-vpc-limits, API_ModifyManagedPrefixList).
const (
	maxListVersions = 1000 // stored of a list, the current one too; the oldest makes room
	maxListChanges  = 100  // entries that one request adds, or removes
)

// PrefixListEdit is what one change does to a prefix list: to its entries, or to its maximum size.
type PrefixListEdit struct {
	Entries        []string `yaml:"entries" json:",omitzero" doc:"CIDRs in place of those there are; [] for none"`
	AddEntries     []string `yaml:"add_entries" json:",omitzero" doc:"CIDRs, at most 100"`
	RemoveEntries  []string `yaml:"remove_entries" json:",omitzero" doc:"CIDRs, at most 100"`
	MaxEntries     int      `yaml:"max_entries" json:",omitzero" doc:"maximum size; it is changed in a step of its own"`
	CurrentVersion int      `yaml:"current_version" json:",omitzero" doc:"the version that is meant to be changed: if it is no longer the current one, nothing is (default: whichever is current)"`
}

// ModifyPrefixList changes a prefix list: a customer's, or an AWS-managed one by its id, name or service, as AWS does. Entries that
// stay the same set make no new version.
func (s *Spec) ModifyPrefixList(name string, e PrefixListEdit) error {
	key, list, err := s.editedList(name, e.CurrentVersion)
	if err != nil {
		return err
	}
	entries := e.Entries != nil
	changes := len(e.AddEntries) + len(e.RemoveEntries)
	switch {
	case !entries && changes == 0 && e.MaxEntries == 0:
		return errors.New("nothing to change: write entries, add_entries, remove_entries or max_entries")
	case (entries || changes > 0) && e.MaxEntries != 0:
		return errors.New("entries and max_entries: AWS changes one of them at a time; make two changes")
	case entries && changes > 0:
		return errors.New("entries is all of them; leave out add_entries and remove_entries")
	case e.MaxEntries != 0:
		list.MaxEntries, list.Past.State = e.MaxEntries, PrefixListModified
		s.setList(key, list)
		return nil
	}
	after := slices.Clone(e.Entries)
	if changes > 0 {
		if after, err = e.changed(key, s.entriesOf(key)); err != nil {
			return err
		}
	}
	return s.setEntries(key, list, after, PrefixListModified)
}

// RestorePrefixList gives a customer's prefix list the entries of an earlier version again, as a new version. current is the version
// that the caller takes for the current one; 0 for whichever it is.
func (s *Spec) RestorePrefixList(name string, previous, current int) error {
	key, list, err := s.editedList(name, current)
	if err != nil {
		return err
	}
	entries, err := s.entriesAt(key, previous)
	if err != nil {
		return err
	}
	return s.setEntries(key, list, entries, PrefixListRestored)
}

// PrefixListEntries returns the entries of a version of a prefix list, or for version 0 of the current one.
func (s *Spec) PrefixListEntries(name string, version int) ([]string, error) {
	key, _, err := s.editedList(name, 0)
	if err != nil {
		return nil, err
	}
	entries := s.entriesOf(key)
	if version != 0 {
		if entries, err = s.entriesAt(key, version); err != nil {
			return nil, err
		}
	}
	plain := make([]string, len(entries))
	for i, e := range entries {
		plain[i] = plainCIDR(e)
	}
	return plain, nil
}

// editedList finds a list. current, if not 0, must be its version.
func (s *Spec) editedList(name string, current int) (key string, list PrefixListSpec, err error) {
	key, ok := s.prefixListKey(s.Region, name)
	list = s.PrefixLists[key]
	switch {
	case !ok:
		names := slices.Concat(sortedKeys(s.PrefixLists), managedNames(s.Region))
		err = fmt.Errorf("no prefix list %s%s", shown(name), DidYouMean(name, names))
	case current == 0:
	case s.isAWSManaged(key):
		err = noVersions(key)
	case current != list.version():
		err = fmt.Errorf("prefix list %s is at version %d, and the change is meant for version %d; see what has changed, and name that version", key, list.version(), current)
	}
	return key, list, err
}

// setEntries makes the next version of a list.
func (s *Spec) setEntries(key string, list PrefixListSpec, entries []string, state PrefixListState) error {
	before := s.entriesOf(key)
	list.Family = cmp.Or(list.Family, familyOf(before)) // which stays, however few entries there are
	switch {
	case len(entries) > 0 && familyOf(entries) != list.Family:
		return fmt.Errorf("%s: prefix list %s is of %s, which a list keeps (address_family)", shown(entries[0]), key, list.Family)
	case s.isAWSManaged(key):
		list.Entries = entries
		s.setList(key, list)
		return nil
	case state == PrefixListModified && sameEntries(before, entries):
		return nil
	case len(entries) > list.maxEntries():
		return fmt.Errorf("prefix list %s holds at most %d, and these are %d entries; raise its max_entries first", key, list.maxEntries(), len(entries))
	}
	list.MaxEntries = list.maxEntries() // what counts against quotas stays, however many entries there are
	past := append(slices.Clone(list.Past.Entries), before)
	list.Past = PrefixListPast{state, past[max(0, len(past)-(maxListVersions-1)):]}
	list.Entries, list.Version = entries, list.version()+1
	s.setList(key, list)
	return nil
}

func (s *Spec) setList(key string, list PrefixListSpec) {
	if s.PrefixLists == nil {
		s.PrefixLists = map[string]PrefixListSpec{}
	}
	s.PrefixLists[key] = list
}

// entriesOf returns the entries of a list, be they written or AWS's of the preset.
func (s *Spec) entriesOf(key string) []string {
	if list, written := s.PrefixLists[key]; written {
		return list.Entries
	}
	m, _ := s.managed(key) // what is not written is AWS's
	return m.entries[cmp.Or(Preset(s.Preset), Current)]
}

// entriesAt returns the entries of a version of a customer's list.
func (s *Spec) entriesAt(key string, version int) ([]string, error) {
	if s.isAWSManaged(key) {
		return nil, noVersions(key)
	}
	list := s.PrefixLists[key]
	last := list.version()
	first := last - len(list.Past.Entries)
	switch {
	case version == last:
		return list.Entries, nil
	case first <= version && version < last:
		return list.Past.Entries[version-first], nil
	case first == last:
		return nil, fmt.Errorf("no version %d of prefix list %s, which has version %d only", version, key, last)
	}
	return nil, fmt.Errorf("no version %d of prefix list %s, which has versions %d to %d", version, key, first, last)
}

func noVersions(key string) error {
	return fmt.Errorf("prefix list %s is AWS's, and has no versions", key)
}

// changed returns the entries that a list has after the edit took some away and then added others.
func (e PrefixListEdit) changed(key string, before []string) ([]string, error) {
	if n := max(len(e.AddEntries), len(e.RemoveEntries)); n > maxListChanges {
		return nil, fmt.Errorf("%d entries in one change; AWS adds or removes %d at a time", n, maxListChanges)
	}
	all := slices.Clone(before)
	index := func(entry string) int {
		return slices.IndexFunc(all, func(have string) bool { return plainCIDR(have) == plainCIDR(entry) })
	}
	for _, entry := range e.RemoveEntries {
		i := index(entry)
		if i < 0 {
			return nil, fmt.Errorf("%s", noSuch("entry", entry, "prefix list "+key, all))
		}
		all = slices.Delete(all, i, i+1)
	}
	for _, entry := range e.AddEntries {
		if index(entry) >= 0 {
			return nil, fmt.Errorf("prefix list %s already has the entry %s", key, shown(entry))
		}
		all = append(all, entry)
	}
	return all, nil
}

// sameEntries reports whether two lists hold the same CIDRs, in whatever order.
func sameEntries(a, b []string) bool {
	plain := func(all []string) []string {
		texts := make([]string, len(all))
		for i, text := range all {
			texts[i] = plainCIDR(text)
		}
		slices.Sort(texts)
		return texts
	}
	return slices.Equal(plain(a), plain(b))
}

// plainCIDR writes a CIDR in the one form that equal ones share; other text stays.
func plainCIDR(text string) string {
	if p, err := netip.ParsePrefix(text); err == nil {
		return p.Masked().String()
	}
	return text
}

// What AddressFamily says of a prefix list.
const (
	familyIPv4 = "IPv4"
	familyIPv6 = "IPv6"
)

// familyOf is the IP version of entries; none are IPv4.
func familyOf(entries []string) string {
	if len(entries) > 0 && strings.Contains(entries[0], ":") {
		return familyIPv6
	}
	return familyIPv4
}

// version is the number of the current version.
func (l PrefixListSpec) version() int { return cmp.Or(l.Version, 1) }

// maxEntries is the list's maximum size.
func (l PrefixListSpec) maxEntries() int { return cmp.Or(l.MaxEntries, max(len(l.Entries), 1)) }

// isAWSManaged reports whether the key of a list is AWS's name or id of one of its own.
func (s *Spec) isAWSManaged(key string) bool {
	_, known := s.managed(key)
	_, _, aws := serviceRegion(key)
	return known || aws
}

// prefixListKey returns the key under which the Spec holds, or is to hold, the contents of the list that somebody in a region
// calls by a name.
func (s *Spec) prefixListKey(region, name string) (string, bool) {
	wanted, isManaged := managed(region, name)
	for _, key := range sortedKeys(s.PrefixLists) {
		other, known := s.managed(key)
		place, _, aws := serviceRegion(key)
		here := !aws || place == region || place == "global" // an id of AWS's may be another list's elsewhere
		switch {
		case isManaged && known && wanted == other, key == name, key == serviceName(region, name),
			here && prefixListIdentity(key, s.PrefixLists[key]).id() == name:
			return key, true
		}
	}
	if isManaged {
		return wanted.name(), true
	}
	return "", false
}
