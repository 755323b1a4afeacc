package topology_test

import (
	"net/netip"
	"slices"
	"testing"

	"vpcsim/topology"
)

// TestManagedPrefixLists pins the facts that other people's files and AWS's own examples show (aws-semantics 2.2).
func TestManagedPrefixLists(t *testing.T) {
	for _, row := range []struct {
		region, s3, dynamodb      string
		launch, captured, current int // entries of the S3 list
		first                     string
	}{
		{"us-east-1", "pl-63a5400a", "pl-02cd2c6b", 1, 2, 21, "54.231.0.0/17"},
		{"us-west-2", "pl-68a54001", "pl-00a54069", 1, 3, 16, "54.231.160.0/19"},
		{"eu-west-1", "pl-6da54004", "pl-6fa54006", 1, 2, 12, "54.231.128.0/19"},
		{"ap-northeast-1", "pl-61a54008", "pl-78a54011", 1, 4, 22, "54.231.224.0/21"},
	} {
		for preset, want := range map[topology.Preset]int{
			topology.Launch2015: row.launch, topology.Capture2018: row.captured, topology.Current: row.current, "": row.current,
		} {
			lists := topology.ManagedPrefixLists(row.region, preset)
			s3 := lists[0]
			if s3.ID != row.s3 || s3.Name != "com.amazonaws."+row.region+".s3" || len(s3.Entries) != want || s3.Weight != 1 || !s3.AWSManaged {
				t.Errorf("%s %s: got %+v", row.region, preset, s3)
			}
			if preset == topology.Launch2015 {
				if got := s3.Entries[0].String(); got != row.first || len(lists) != 1 {
					t.Errorf("%s: got %s and %d lists, want %s alone", row.region, got, len(lists), row.first)
				}
			} else if lists[1].ID != row.dynamodb {
				t.Errorf("%s: got %s, want %s", row.region, lists[1].ID, row.dynamodb)
			}
		}
	}
	if got := topology.ManagedPrefixLists("us-west-1", topology.Current); got != nil {
		t.Errorf("an unknown region has %v", got)
	}
}

func TestS3NamesResolveInsideThePrefixListAndTheServiceOwnsThem(t *testing.T) {
	for _, region := range topology.Regions() {
		for _, preset := range topology.Presets() {
			n := network(t, "region: "+region+"\npreset: "+string(preset)+
				"\nvpcs: {a: {cidr: 10.0.0.0/16}}\ns3: {buckets: {photos: {}}}\nprefix_lists: {s3: {entries: [192.0.2.0/24]}}")
			list := topology.ManagedPrefixLists(region, preset)[0].Entries
			if names := s3RegionNames(n); !slices.Contains(names, region) || !slices.Contains(names, "us-east-1") || len(names) > 2 {
				t.Errorf("got %v, want %s and us-east-1, where the global name leads", names, region)
			}
			for _, r := range n.S3.Regions {
				if r.Name != region {
					continue
				}
				if len(r.Addresses) != 8 {
					t.Errorf("got %+v", r)
				}
				var used []netip.Prefix
				for _, a := range r.Addresses {
					i := slices.IndexFunc(list, func(p netip.Prefix) bool { return p.Contains(a) })
					if i < 0 || !covered(a, n.S3.CIDRs) || a.As4()[3] == 0 || a.As4()[3] == 255 {
						t.Fatalf("%s %s: %s is not S3's", region, preset, a)
					}
					used = append(used, list[i])
				}
				slices.SortFunc(used, netip.Prefix.Compare)
				if want := min(8, len(list)); len(slices.Compact(used)) != want {
					t.Errorf("%s %s: addresses lie in %v, want %d different CIDRs", region, preset, used, want)
				}
			}
			if !covered(netip.MustParseAddr("192.0.2.1"), n.S3.CIDRs) {
				t.Errorf("%s: S3 does not own what its list was made to hold: %v", region, n.S3.CIDRs)
			}
			disjoint(t, n.S3.CIDRs)
		}
	}
}

func s3RegionNames(n *topology.Network) (names []string) {
	for _, r := range n.S3.Regions {
		names = append(names, r.Name)
	}
	return names
}

func covered(a netip.Addr, cidrs []netip.Prefix) bool {
	return slices.ContainsFunc(cidrs, func(p netip.Prefix) bool { return p.Contains(a) })
}

func disjoint(t *testing.T, cidrs []netip.Prefix) {
	t.Helper()
	for i, p := range cidrs {
		for _, q := range cidrs[i+1:] {
			if p.Overlaps(q) {
				t.Errorf("%s and %s overlap", p, q)
			}
		}
	}
}
