package topology_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/topology"
)

// listed is a topology with a list that a route and a rule name.
const listed = `
region: us-east-1
vpcs:
  a:
    cidr: 10.0.0.0/16
    internet_gateway: igw
    subnets: {s: {cidr: 10.0.1.0/24}}
    route_tables: {public: {main: true, routes: [{destination: office, target: igw}]}}
    security_groups: {web: {ingress: [{protocol: tcp, ports: 443, peer: office}]}}
prefix_lists:
  office: {entries: [203.0.113.0/24, 198.51.100.0/24], max_entries: 4, version: 7}
  small: {entries: [203.0.113.0/24]}
  six: {entries: ["2001:db8::/32"]}
  later: {address_family: IPv6, max_entries: 2}
`

// modify is an edit of a list.
func modify(name string, e topology.PrefixListEdit) func(spec) error {
	return func(s spec) error { return s.ModifyPrefixList(name, e) }
}

// what a list of the resolved topology is: its version, state, maximum size and entries.
func list(name string) func(spec) any {
	return func(s spec) any {
		n, err := topology.Resolve(s, nil)
		if err != nil {
			return err
		}
		l := n.PrefixList(name)
		return fmt.Sprintf("%d %s of %d: %v", l.Version, l.State, l.Weight, l.Entries)
	}
}

// isIPv6 tells whether a list of the resolved topology is of IPv6.
func isIPv6(name string) func(spec) any {
	return func(s spec) any {
		n, err := topology.Resolve(s, nil)
		if err != nil {
			return err
		}
		return n.PrefixList(name).IPv6
	}
}

func TestEditsOfPrefixLists(t *testing.T) {
	n := network(t, listed)
	many := make([]string, 101)
	for i := range many {
		many[i] = fmt.Sprintf("20.0.%d.0/24", i)
	}
	type change = topology.PrefixListEdit
	for _, row := range []edit{
		{"other entries are the next version", modify("office", change{Entries: []string{"192.0.2.0/24"}}),
			"", list("office"), "8 modify-complete of 4: [192.0.2.0/24]"},
		{"no entries are a version, too", modify("office", change{Entries: []string{}}), "", list("office"), "8 modify-complete of 4: []"},
		{"a list may be named by its id", modify(n.PrefixList("office").ID, change{Entries: []string{}}), "", list("office"), "8 modify-complete of 4: []"},
		{"entries go, and others come", modify("office", change{RemoveEntries: []string{"203.0.113.9/24"}, AddEntries: []string{"192.0.2.0/24"}}),
			"", list("office"), "8 modify-complete of 4: [198.51.100.0/24 192.0.2.0/24]"},
		{"the same entries in another order are no new version", modify("office", change{Entries: []string{"198.51.100.9/24", "203.0.113.0/24"}}),
			"", list("office"), "7 create-complete of 4: [203.0.113.0/24 198.51.100.0/24]"},
		{"another maximum size is no new version", modify("office", change{MaxEntries: 2}),
			"", list("office"), "7 modify-complete of 2: [203.0.113.0/24 198.51.100.0/24]"},
		{"the current version may be named", modify("office", change{Entries: []string{}, CurrentVersion: 7}), "", list("office"), "8 modify-complete of 4: []"},
		{"no other may", modify("office", change{Entries: []string{}, CurrentVersion: 6}),
			"prefix list office is at version 7, and the change is meant for version 6; see what has changed, and name that version", nil, nil},
		{"a maximum size that the file leaves out stays what it was", modify("small", change{Entries: []string{}}), "", list("small"), "2 modify-complete of 1: []"},
		{"and is to be raised before there are more entries", modify("small", change{AddEntries: []string{"192.0.2.0/24"}}),
			"prefix list small holds at most 1, and these are 2 entries; raise its max_entries first", nil, nil},
		{"an entry that is not there does not go", modify("office", change{RemoveEntries: []string{"192.0.2.0/24"}}),
			"no entry 192.0.2.0/24 in prefix list office, which has 198.51.100.0/24, 203.0.113.0/24", nil, nil},
		{"an entry that is there does not come", modify("office", change{AddEntries: []string{"203.0.113.1/24"}}),
			"prefix list office already has the entry 203.0.113.1/24", nil, nil},
		{"more come than AWS takes at a time", modify("office", change{AddEntries: many}), "101 entries in one change; AWS adds or removes 100 at a time", nil, nil},
		{"entries and size are two changes", modify("office", change{AddEntries: []string{"192.0.2.0/24"}, MaxEntries: 9}),
			"entries and max_entries: AWS changes one of them at a time; make two changes", nil, nil},
		{"all entries and some of them", modify("office", change{Entries: []string{}, AddEntries: []string{"192.0.2.0/24"}}),
			"entries is all of them; leave out add_entries and remove_entries", nil, nil},
		{"nothing", modify("office", change{CurrentVersion: 7}), "nothing to change: write entries, add_entries, remove_entries or max_entries", nil, nil},
		{"another IP version", modify("office", change{Entries: []string{"2001:db8::/32"}}),
			"2001:db8::/32: prefix list office is of IPv4, which a list keeps (address_family)", nil, nil},
		{"another IP version than an empty list is of", modify("later", change{Entries: []string{"192.0.2.0/24"}}),
			"192.0.2.0/24: prefix list later is of IPv6, which a list keeps (address_family)", nil, nil},
		{"an empty list of IPv6 stays one", modify("six", change{Entries: []string{}}), "", isIPv6("six"), true},
		{"a list that begins without entries is what it says", modify("later", change{Entries: []string{"2001:db8::/32"}}), "", isIPv6("later"), true},
		{"no list", modify("offices", change{}), "no prefix list offices; did you mean office?", nil, nil},
		{"AWS changes its own list", modify("s3", change{Entries: []string{"54.231.0.0/17"}}),
			"", list("s3"), "0 create-complete of 1: [54.231.0.0/17]"},
		{"and changes it again, by another name", func(s spec) error {
			if err := s.ModifyPrefixList("pl-63a5400a", change{Entries: []string{"54.231.0.0/17"}}); err != nil {
				return err
			}
			return s.ModifyPrefixList("s3", change{AddEntries: []string{"52.216.0.0/15"}})
		}, "", list("com.amazonaws.us-east-1.s3"), "0 create-complete of 1: [54.231.0.0/17 52.216.0.0/15]"},
		{"takes away from what nobody wrote", modify("com.amazonaws.us-east-1.s3", change{RemoveEntries: []string{"1.2.3.0/24"}}),
			"no entry 1.2.3.0/24 in prefix list com.amazonaws.us-east-1.s3; did you mean 3.2.64.0/24?", nil, nil},
		{"but shows nobody a version", modify("s3", change{Entries: []string{}, CurrentVersion: 1}),
			"prefix list com.amazonaws.us-east-1.s3 is AWS's, and has no versions", nil, nil},
		{"nor restores one", func(s spec) error { return s.RestorePrefixList("s3", 1, 0) },
			"prefix list com.amazonaws.us-east-1.s3 is AWS's, and has no versions", nil, nil},
		{"a version before the file's", func(s spec) error { return s.RestorePrefixList("office", 6, 7) },
			"no version 6 of prefix list office, which has version 7 only", nil, nil},
		{"an outdated idea of the current version", func(s spec) error { return s.RestorePrefixList("office", 7, 6) },
			"prefix list office is at version 7, and the change is meant for version 6; see what has changed, and name that version", nil, nil},
		{"the current version is restored as any other", func(s spec) error { return s.RestorePrefixList("office", 7, 7) },
			"", list("office"), "8 restore-complete of 4: [203.0.113.0/24 198.51.100.0/24]"},
	} {
		t.Run(row.name, func(t *testing.T) { row.run(t, listed) })
	}
}

// TestVersionsOfAPrefixList follows a list through its life.
func TestVersionsOfAPrefixList(t *testing.T) {
	s, _, err := topology.Parse("f", []byte(listed))
	require.NoError(t, err)
	at := func(version int) string {
		entries, err := s.PrefixListEntries("office", version)
		if err != nil {
			return err.Error()
		}
		return strings.Join(entries, " ")
	}
	require.NoError(t, s.ModifyPrefixList("office", topology.PrefixListEdit{Entries: []string{"192.0.2.9/24"}}))
	require.NoError(t, s.ModifyPrefixList("office", topology.PrefixListEdit{MaxEntries: 2}))
	require.NoError(t, s.RestorePrefixList("office", 7, 8))
	require.Equal(t, "203.0.113.0/24 198.51.100.0/24", at(7))
	require.Equal(t, "192.0.2.0/24", at(8), "written as AWS writes it")
	require.Equal(t, at(7), at(9))
	require.Equal(t, at(9), at(0))
	require.Equal(t, "no version 10 of prefix list office, which has versions 7 to 9", at(10))
	require.Equal(t, "9 restore-complete of 2: [203.0.113.0/24 198.51.100.0/24]", list("office")(s))

	require.NoError(t, s.ModifyPrefixList("office", topology.PrefixListEdit{RemoveEntries: []string{"198.51.100.0/24"}}))
	require.NoError(t, s.ModifyPrefixList("office", topology.PrefixListEdit{MaxEntries: 1}))
	require.ErrorContains(t, s.RestorePrefixList("office", 7, 0), "holds at most 1, and these are 2 entries")

	text, err := s.YAML()
	require.NoError(t, err)
	s, _, err = topology.Parse("f", text)
	require.NoError(t, err)
	require.Equal(t, "203.0.113.0/24", at(10), "a file has the latest version")
	require.Equal(t, "no version 9 of prefix list office, which has version 10 only", at(9))
}

func TestTheOldestOfAThousandVersionsMakesRoom(t *testing.T) {
	s, _, err := topology.Parse("f", []byte(strings.ReplaceAll(listed, "version: 7", "version: 1")))
	require.NoError(t, err)
	entries := [][]string{{"192.0.2.0/24"}, {"198.51.100.0/24"}}
	for i := range 999 {
		require.NoError(t, s.ModifyPrefixList("office", topology.PrefixListEdit{Entries: entries[i%2]}))
	}
	first, err := s.PrefixListEntries("office", 1)
	require.NoError(t, err, "a thousand are kept")
	require.Equal(t, []string{"203.0.113.0/24", "198.51.100.0/24"}, first)
	require.NoError(t, s.RestorePrefixList("office", 1, 1000))
	_, err = s.PrefixListEntries("office", 1)
	require.EqualError(t, err, "no version 1 of prefix list office, which has versions 2 to 1001")
	second, err := s.PrefixListEntries("office", 2)
	require.NoError(t, err)
	require.Equal(t, entries[0], second)
}

// TestGrowingAPrefixListFailsAsAWhole: all that name the list must have room for its maximum size.
func TestGrowingAPrefixListFailsAsAWhole(t *testing.T) {
	s, _, err := topology.Parse("f", []byte(listed))
	require.NoError(t, err)
	for _, row := range []struct {
		size int
		want []string
	}{
		{60, nil},
		{61, []string{"61 inbound IPv4 rules"}},
		{501, []string{"501 inbound IPv4 rules", "501 routes in a table, a prefix list counting by its weight; AWS allows 500"}},
	} {
		grown := s.Clone()
		require.NoError(t, grown.ModifyPrefixList("office", topology.PrefixListEdit{MaxEntries: row.size}))
		_, err := topology.Resolve(grown, nil)
		if row.want == nil {
			require.NoError(t, err)
			continue
		}
		for _, want := range row.want {
			require.ErrorContains(t, err, want)
		}
	}
}

// TestClonesDoNotShareTheirPast: a change that is thrown away leaves no version.
func TestClonesDoNotShareTheirPast(t *testing.T) {
	s, _, err := topology.Parse("f", []byte(listed))
	require.NoError(t, err)
	require.NoError(t, s.ModifyPrefixList("office", topology.PrefixListEdit{Entries: []string{"192.0.2.0/24"}}))
	other := s.Clone()
	require.NoError(t, other.ModifyPrefixList("office", topology.PrefixListEdit{Entries: []string{}}))
	require.NoError(t, s.RestorePrefixList("office", 7, 8))
	for version, want := range map[int][]string{8: {"192.0.2.0/24"}, 9: {}} {
		if got, err := other.PrefixListEntries("office", version); err != nil || !slices.Equal(got, want) {
			t.Errorf("version %d: got %v, %v, want %v", version, got, err, want)
		}
	}
}
