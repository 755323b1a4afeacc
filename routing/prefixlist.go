package routing

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
)

// ManagedPrefixList is a list of prefixes that routes refer to, as a customer-managed prefix list is (aws-semantics 2.4). The reference is
// live: a table that is built again has what is in the list then, and Outdated tells when that is needed. Each change of the entries
// makes a version, which can be restored; the latest is always the one in use. Any goroutine may use a list.
type ManagedPrefixList struct {
	id  string
	max int

	mu       sync.Mutex
	versions [][]netip.Prefix // of each version the entries, in order; guarded by mu
}

// maxVersions is how many versions AWS keeps of a list (aws-semantics 2.4). Here the first ones are kept, too, but can't be restored.
const maxVersions = 1000

// NewManagedPrefixList makes a list for at most so many entries, which is what a reference to it counts against a quota, however few
// there are. Its entries are of one IP version.
func NewManagedPrefixList(id string, maxEntries int, entries ...netip.Prefix) (*ManagedPrefixList, error) {
	l := &ManagedPrefixList{id: id, max: maxEntries, versions: [][]netip.Prefix{nil}}
	if err := l.Modify(entries, nil); err != nil {
		return nil, err
	}
	l.versions = l.versions[1:]
	return l, nil
}

// ID returns the list's id, pl-….
func (l *ManagedPrefixList) ID() string { return l.id }

// Weight is what a route to the list counts against the quota of routes in a table: its maximum size (aws-semantics 1.6).
func (l *ManagedPrefixList) Weight() int { return l.max }

// Latest returns the latest version, the first being 1, and its entries in order. The caller must not change them.
func (l *ManagedPrefixList) Latest() (version int, entries []netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.versions), l.versions[len(l.versions)-1]
}

// Modify removes entries and then adds some, and makes that the latest version. Bits beyond a prefix's length are ignored. It changes
// nothing if anything is wrong, and says what all.
func (l *ManagedPrefixList) Modify(add, remove []netip.Prefix) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := slices.Clone(l.versions[len(l.versions)-1])
	var errs []error
	for _, p := range remove {
		i := slices.Index(next, p.Masked())
		if i < 0 {
			errs = append(errs, fmt.Errorf("%s: %s is not in the list", l.id, p))
			continue
		}
		next = slices.Delete(next, i, i+1)
	}
	for i, p := range add {
		switch masked := p.Masked(); {
		case !p.IsValid():
			errs = append(errs, fmt.Errorf("%s: entry %d to add: %s is not a prefix", l.id, i+1, spelled(p)))
		case slices.Contains(next, masked):
			errs = append(errs, fmt.Errorf("%s: %s is in the list already", l.id, masked))
		case len(next) > 0 && next[0].Addr().Is4() != masked.Addr().Is4():
			errs = append(errs, fmt.Errorf("%s: %s is not of the IP version of %s; a list has one", l.id, masked, next[0]))
		default:
			next = append(next, masked)
		}
	}
	if len(next) > l.max {
		errs = append(errs, fmt.Errorf("%s: %d entries, but its maximum size is %d", l.id, len(next), l.max))
	}
	if errs != nil {
		return errors.Join(errs...)
	}
	slices.SortFunc(next, comparePrefixes)
	l.versions = append(l.versions, next)
	return nil
}

// Restore makes the entries of an old version the latest version, a new one.
func (l *ManagedPrefixList) Restore(version int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	latest := len(l.versions)
	if oldest := max(1, latest-maxVersions+1); version < oldest || version > latest {
		return fmt.Errorf("%s: there is no version %d; there are %d to %d", l.id, version, oldest, latest)
	}
	l.versions = append(l.versions, l.versions[version-1])
	return nil
}

// listRoute is a reference of a table under construction to a list.
type listRoute[V comparable] struct {
	list  *ManagedPrefixList
	value func(entry netip.Prefix) V
}

// builtFrom is a list as it was when a table was built.
type builtFrom struct {
	list    *ManagedPrefixList
	version int
}

// AddList adds a route to a prefix list: one to each of the entries that it has when Build is called. value says what an entry leads to.
func (b *Builder[V]) AddList(l *ManagedPrefixList, value func(entry netip.Prefix) V) {
	b.lists = append(b.lists, listRoute[V]{l, value})
}

// expanded returns the routes with those to lists taken apart, each list at one version.
func (b *Builder[V]) expanded() (routes []Entry[V], lists []builtFrom) {
	routes = slices.Clip(b.routes)
	for _, r := range b.lists {
		version, entries := r.list.Latest()
		lists = append(lists, builtFrom{r.list, version})
		for _, p := range entries {
			routes = append(routes, Entry[V]{p, PrefixList, r.value(p)})
		}
	}
	return routes, lists
}

// Outdated returns the ids of the prefix lists that have changed since the table was built.
func (t *Table[V]) Outdated() (ids []string) {
	for _, l := range t.lists {
		if latest, _ := l.list.Latest(); latest != l.version {
			ids = append(ids, l.list.id)
		}
	}
	return ids
}
