package s3

import (
	"context"
	"slices"
	"strings"

	"github.com/rclone/gofakes3"
)

// listing walks the keys of a bucket in order. Keys that have the delimiter after the prefix count once for all that are the same up
// to there: as a common prefix.
type listing struct {
	prefix, delimiter string
	after             string // where the page begins: beyond this key or common prefix
}

func listingOf(p *gofakes3.Prefix, after string) listing {
	l := listing{after: after}
	if p != nil && p.HasPrefix {
		l.prefix = p.Prefix
	}
	if p != nil && p.HasDelimiter {
		l.delimiter = p.Delimiter
	}
	return l
}

// common returns the common prefix that a key belongs to, or nothing.
func (l listing) common(key string) string {
	if l.delimiter == "" {
		return ""
	}
	rest := key[len(l.prefix):]
	if i := strings.Index(rest, l.delimiter); i >= 0 {
		return l.prefix + rest[:i+len(l.delimiter)]
	}
	return ""
}

// walk calls item for each key and common prefix of the page, until it returns false. mu is held.
func (l listing) walk(f *shelf, item func(key, common string) bool) {
	at, _ := slices.BinarySearch(f.keys, max(l.prefix, l.after))
	last := ""
	for _, key := range f.keys[at:] {
		if !strings.HasPrefix(key, l.prefix) {
			return
		}
		common := l.common(key)
		switch {
		case common == "" && key <= l.after, common != "" && (common == last || common <= l.after):
			continue
		case common != "":
			last = common
		}
		if !item(key, common) {
			return
		}
	}
}

// ListBucket lists objects.
func (s *store) ListBucket(_ context.Context, bucket string, prefix *gofakes3.Prefix, page gofakes3.ListBucketPage) (*gofakes3.ObjectList, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	shelf := s.shelves[bucket]
	if shelf == nil {
		return nil, gofakes3.BucketNotFound(bucket)
	}
	list, count := gofakes3.NewObjectList(), int64(0)
	listingOf(prefix, page.Marker).walk(shelf, func(key, common string) bool {
		o, err := s.currentLocked(bucket, key)
		if err != nil {
			return true // deleted: a marker is its current version
		}
		if page.MaxKeys > 0 && count == page.MaxKeys {
			list.IsTruncated = true
			return false
		}
		count++
		if list.NextMarker = common; common != "" {
			list.AddPrefix(common)
			return true
		}
		list.NextMarker = key
		list.Add(&gofakes3.Content{Key: key, LastModified: gofakes3.NewContentTime(o.modified), ETag: shownETag(o.etag()), Size: o.size, StorageClass: gofakes3.StorageStandard})
		return true
	})
	if !list.IsTruncated {
		list.NextMarker = ""
	}
	return list, nil
}
