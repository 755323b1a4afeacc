package s3

import (
	"crypto/rand"
	"slices"

	"github.com/rclone/gofakes3"
)

// newVersion makes the id of a version, which means nothing.
func newVersion() string { return rand.Text() + rand.Text()[:6] }

// VersioningConfiguration says whether a bucket keeps versions.
func (s *store) VersioningConfiguration(bucket string) (c gofakes3.VersioningConfiguration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	shelf := s.shelves[bucket]
	if shelf == nil {
		return c, gofakes3.BucketNotFound(bucket)
	}
	c.Status = shelf.versioning
	return c, nil
}

// SetVersioningConfiguration lets a bucket keep versions, or no longer.
func (s *store) SetVersioningConfiguration(bucket string, c gofakes3.VersioningConfiguration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	shelf := s.shelves[bucket]
	if shelf == nil {
		return gofakes3.BucketNotFound(bucket)
	}
	before := shelf.versioning
	shelf.versioning = c.Status
	err := s.saveBucket(bucket)
	if err != nil {
		shelf.versioning = before
	}
	return err
}

// version finds a version of an object. mu is held.
func (s *store) version(bucket, key string, id gofakes3.VersionID) (*object, error) {
	shelf := s.shelves[bucket]
	if shelf == nil {
		return nil, gofakes3.BucketNotFound(bucket)
	}
	e := shelf.objects[key]
	if e == nil {
		return nil, gofakes3.KeyNotFound(key)
	}
	if i := slices.IndexFunc(*e, func(o *object) bool { return o.version == string(id) }); i >= 0 {
		return (*e)[i], nil
	}
	return nil, gofakes3.ErrNoSuchVersion
}

// GetObjectVersion opens a version of an object.
func (s *store) GetObjectVersion(bucket, key string, id gofakes3.VersionID, requested *gofakes3.ObjectRangeRequest) (*gofakes3.Object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := s.version(bucket, key, id)
	if err != nil {
		return nil, err
	}
	return s.openLocked(bucket, o, requested)
}

// HeadObjectVersion describes a version of an object.
func (s *store) HeadObjectVersion(bucket, key string, id gofakes3.VersionID) (*gofakes3.Object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := s.version(bucket, key, id)
	if err != nil {
		return nil, err
	}
	return s.describe(bucket, o), nil
}

// DeleteObjectVersion removes a version for good; removing one that doesn't exist succeeds, as in S3.
func (s *store) DeleteObjectVersion(bucket, key string, id gofakes3.VersionID) (result gofakes3.ObjectDeleteResult, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	shelf := s.shelves[bucket]
	if shelf == nil {
		return result, gofakes3.BucketNotFound(bucket)
	}
	if gone := s.discard(bucket, shelf, key, func(o *object) bool { return o.version == string(id) }); gone != nil {
		result.VersionID, result.IsDeleteMarker = id, gone.marker
	}
	return result, nil
}

// ListBucketVersions lists the versions of objects, of each key the newest first.
func (s *store) ListBucketVersions(bucket string, prefix *gofakes3.Prefix, page *gofakes3.ListBucketVersionsPage) (*gofakes3.ListBucketVersionsResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &versionList{gofakes3.NewListBucketVersionsResult(bucket, prefix, page), s.shelves[bucket], 0}
	if l.shelf == nil {
		return l.ListBucketVersionsResult, gofakes3.BucketNotFound(bucket)
	}
	rest := l.shelf.after(page)
	if len(rest) == 0 || l.add(page.KeyMarker, rest) {
		listingOf(prefix, page.KeyMarker).walk(l.shelf, func(key, common string) bool {
			if common == "" {
				return l.add(key, *l.shelf.objects[key])
			}
			if !l.more(common, "") {
				return false
			}
			l.AddPrefix(common)
			return true
		})
	}
	if !l.IsTruncated {
		l.NextKeyMarker, l.NextVersionIDMarker = "", ""
	}
	return l.ListBucketVersionsResult, nil
}

// versionList is a page of versions in the making.
type versionList struct {
	*gofakes3.ListBucketVersionsResult
	shelf *shelf
	count int64
}

// more says whether one more fits; if so, that is the last one so far.
func (l *versionList) more(key string, id gofakes3.VersionID) bool {
	if l.MaxKeys > 0 && l.count == l.MaxKeys {
		l.IsTruncated = true
		return false
	}
	l.count++
	l.NextKeyMarker, l.NextVersionIDMarker = key, id
	return true
}

// add adds the versions of a key, as many as fit, and says whether all did.
func (l *versionList) add(key string, e entry) bool {
	latest := (*l.shelf.objects[key])[len(*l.shelf.objects[key])-1]
	for _, o := range slices.Backward(e) {
		if !l.more(key, gofakes3.VersionID(o.version)) {
			return false
		}
		l.Versions = append(l.Versions, item(o, o == latest))
	}
	return true
}

// after returns the versions of the page's first key that are older than the one it begins after.
func (f *shelf) after(page *gofakes3.ListBucketVersionsPage) entry {
	e := f.objects[page.KeyMarker]
	if e == nil || page.VersionIDMarker == "" {
		return nil
	}
	return (*e)[:max(0, slices.IndexFunc(*e, func(o *object) bool { return o.version == string(page.VersionIDMarker) }))]
}

// item is a version in a listing.
func item(o *object, latest bool) gofakes3.VersionItem {
	id := gofakes3.VersionID(o.version)
	if o.marker {
		return &gofakes3.DeleteMarker{Key: o.key, VersionID: id, IsLatest: latest, LastModified: gofakes3.NewContentTime(o.modified)}
	}
	return &gofakes3.Version{
		Key: o.key, VersionID: id, IsLatest: latest, LastModified: gofakes3.NewContentTime(o.modified),
		Size: o.size, ETag: shownETag(o.etag()), StorageClass: gofakes3.StorageStandard,
	}
}
