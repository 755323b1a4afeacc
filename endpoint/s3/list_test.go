package s3

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/rclone/gofakes3"
	"github.com/stretchr/testify/require"
)

// goldListing is a listing, slow and obvious: keys, and common prefixes with a * behind.
func goldListing(keys map[string]bool, prefix, delimiter string) (all []string) {
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if !strings.HasPrefix(key, prefix) {
			continue
		}
		item := key
		if i := strings.Index(key[len(prefix):], delimiter); delimiter != "" && i >= 0 {
			item = key[:len(prefix)+i+len(delimiter)] + "*"
		}
		if !slices.Contains(all, item) {
			all = append(all, item)
		}
	}
	return all
}

// TestListingsInPagesAreWhole: whatever the size of the pages, together they list everything once.
func TestListingsInPagesAreWhole(t *testing.T) {
	s := newService(t, Config{Buckets: []Bucket{{Name: "data"}}})
	r, keys := rand.New(rand.NewPCG(3, 4)), map[string]bool{}
	for range 300 {
		key := ""
		for range 1 + r.IntN(5) {
			key += []string{"a", "b", "/", "//", "z", "."}[r.IntN(6)]
		}
		keys[key] = true
		_, err := s.store.PutObject(context.Background(), "data", key, map[string]string{}, strings.NewReader(""), 0)
		require.NoError(t, err)
	}
	for _, prefix := range []string{"", "a", "a/", "/", "//", "b.", "none"} {
		for _, delimiter := range []string{"", "/", "."} {
			for _, size := range []int64{1, 2, 7, 1000} {
				want := goldListing(keys, prefix, delimiter)
				var got []string
				for page := (gofakes3.ListBucketPage{MaxKeys: size}); ; {
					list, err := s.store.ListBucket(context.Background(), "data", &gofakes3.Prefix{HasPrefix: true, Prefix: prefix, HasDelimiter: delimiter != "", Delimiter: delimiter}, page)
					require.NoError(t, err)
					for _, c := range list.Contents {
						got = append(got, c.Key)
					}
					for _, c := range list.CommonPrefixes {
						got = append(got, c.Prefix+"*")
					}
					if !list.IsTruncated {
						break
					}
					page.Marker, page.HasMarker = list.NextMarker, true
				}
				slices.Sort(got)
				slices.Sort(want)
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("prefix %q, delimiter %q, pages of %d:\n got %q\nwant %q", prefix, delimiter, size, got, want)
				}
			}
		}
	}
}
