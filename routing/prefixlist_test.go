package routing

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// TestPrefixListsAreLiveReferences: a table has the entries of when it was built, knows when they are no longer the latest, and has the
// latest when it is built again.
func TestPrefixListsAreLiveReferences(t *testing.T) {
	list, err := NewManagedPrefixList("pl-63a5400a", 3, prefixes("54.231.0.0/17")...)
	require.NoError(t, err)
	var b Builder[string]
	b.Add(netip.MustParsePrefix("0.0.0.0/0"), Static, "igw")
	b.AddList(list, func(p netip.Prefix) string { return "vpce for " + p.String() })
	s3, other := netip.MustParseAddr("52.216.0.1"), netip.MustParseAddr("54.231.0.1")
	before, err := b.Build()
	require.NoError(t, err)
	if v, _ := before.Lookup(s3); v != "igw" {
		t.Errorf("before the entry is there: got %s, want igw", v)
	}
	if v, _ := before.Lookup(other); v != "vpce for 54.231.0.0/17" {
		t.Errorf("got %s, want the endpoint", v)
	}
	require.Empty(t, before.Outdated())

	require.NoError(t, list.Modify(prefixes("52.216.0.0/15"), prefixes("54.231.0.0/17")))
	if got := before.Outdated(); !slices.Equal(got, []string{"pl-63a5400a"}) {
		t.Errorf("outdated: %v", got)
	}
	if v, _ := before.Lookup(s3); v != "igw" {
		t.Errorf("a table never changes: got %s", v)
	}
	after, err := b.Build()
	require.NoError(t, err)
	if v, _ := after.Lookup(s3); v != "vpce for 52.216.0.0/15" {
		t.Errorf("built again: got %s, want the endpoint", v)
	}
	if v, _ := after.Lookup(other); v != "igw" {
		t.Errorf("the entry is gone: got %s, want igw", v)
	}
}

func TestPrefixListVersions(t *testing.T) {
	list, err := NewManagedPrefixList("pl-1", 4, prefixes("10.0.0.0/8")...)
	require.NoError(t, err)
	require.NoError(t, list.Modify([]netip.Prefix{netip.MustParsePrefix("192.168.1.1/16")}, nil))
	require.NoError(t, list.Restore(1))
	version, entries := list.Latest()
	if want := prefixes("10.0.0.0/8"); version != 3 || !slices.Equal(entries, want) {
		t.Errorf("version %d with %v; restoring makes a new one, 3 with %v", version, entries, want)
	}
	require.NoError(t, list.Restore(2))
	if _, entries := list.Latest(); !slices.Equal(entries, prefixes("10.0.0.0/8", "192.168.0.0/16")) {
		t.Errorf("got %v, in order and without bits beyond the length", entries)
	}
	require.ErrorContains(t, list.Restore(5), "pl-1: there is no version 5; there are 1 to 4")
	if list.Weight() != 4 {
		t.Errorf("weight %d, want the maximum size, not the number of entries", list.Weight())
	}
}

func TestPrefixListRefuses(t *testing.T) {
	for name, row := range map[string]struct {
		add, remove []netip.Prefix
		want        string
	}{
		"more entries than its maximum size": {prefixes("10.0.0.0/16", "10.1.0.0/16", "10.2.0.0/16"), nil, "4 entries, but its maximum size is 3"},
		"entries of two IP versions":         {prefixes("2001:db8::/32"), nil, "2001:db8::/32 is not of the IP version of 192.168.0.0/16"},
		"an entry that is there":             {prefixes("192.168.0.0/16"), nil, "192.168.0.0/16 is in the list already"},
		"removing what is not there":         {nil, prefixes("192.168.0.0/17"), "192.168.0.0/17 is not in the list"},
		"what is no prefix":                  {[]netip.Prefix{{}}, nil, "entry 1 to add: the zero Prefix is not a prefix"},
	} {
		t.Run(name, func(t *testing.T) {
			list, err := NewManagedPrefixList("pl-1", 3, prefixes("192.168.0.0/16")...)
			require.NoError(t, err)
			err = list.Modify(row.add, row.remove)
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %q", err, row.want)
			}
			if version, _ := list.Latest(); version != 1 {
				t.Errorf("version %d; nothing may have changed", version)
			}
		})
	}
}
