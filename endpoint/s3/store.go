package s3

// The store: buckets of objects, in memory or in a directory, kept within a budget. It is the storage interface that the library
// asks, and the one place that changes objects.
//
// An object is a list of blobs: one if it was put in one piece, and one for each part if it was uploaded in parts, so that completing
// an upload and copying an object move nothing. Blobs never change, and of an object only its tags do. A blob is counted in the budget from before its first byte
// arrives until nothing refers to it any more, a download under way included; what does not fit is refused before it is read. So clients
// cannot make the service grow past its limit.
//
// An upload that fails half-way leaves nothing: an object is listed only after its last byte was read and verified, and what it
// replaces is there until then.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/rclone/gofakes3"
)

const (
	// DefaultMaxBytes is the room for data in memory unless configured otherwise.
	DefaultMaxBytes = 1 << 30
	// objectOverhead is charged for every blob beside its content: a key of up to 1 KiB, metadata of up to 2 KB.
	objectOverhead = 4 << 10
	// defaultContentType is what S3 gives an object that was uploaded without one.
	defaultContentType = "binary/octet-stream"
)

// store is the backend that the library calls.
type store struct {
	buckets *buckets
	limit   int64 // bytes; negative for none
	disk    *disk // nil for memory

	mu      sync.Mutex
	used    int64                         // guarded by mu
	shelves map[string]*shelf             // objects by bucket; guarded by mu, with all in it
	uploads map[gofakes3.UploadID]*upload // multipart uploads in progress; guarded by mu
	serial  uint64                        // of the last object made; guarded by mu
}

func newStore(limit int64, table *buckets) *store {
	return &store{buckets: table, limit: limit, shelves: map[string]*shelf{}, uploads: map[gofakes3.UploadID]*upload{}}
}

// load makes a bucket with the objects that it has from the start. What a directory has already stays as it is.
func (s *store) load(b Bucket) error {
	ctx := context.Background()
	if err := gofakes3.ValidateBucketName(b.Name); err != nil {
		return err
	}
	switch old := s.buckets.find(b.Name); {
	case old == nil:
		if err := s.create(b.Name, b.Region); err != nil {
			return err
		}
	case old.region != b.Region:
		return fmt.Errorf("the directory has it in %s, not in %s", old.region, b.Region)
	}
	for _, o := range b.Objects {
		if o.Key == "" || len(o.Key) > gofakes3.KeySizeLimit || o.Size < 0 {
			return fmt.Errorf("object %q: a key has 1 to %d bytes and a size is not negative", o.Key, gofakes3.KeySizeLimit)
		}
		if _, err := s.current(b.Name, o.Key); err == nil {
			continue
		}
		if err := s.loadObject(ctx, b.Name, o); err != nil {
			return fmt.Errorf("object %q: %w", o.Key, err)
		}
	}
	if b.Policy == "" {
		return nil
	}
	return s.setPolicy(b.Name, b.Policy)
}

func (s *store) loadObject(ctx context.Context, bucket string, o Object) error {
	meta := map[string]string{"Last-Modified": time.Now().UTC().Format(http.TimeFormat), "Content-Type": defaultContentType}
	if o.Content != nil {
		content, err := s.memory(o.Content)
		if err != nil {
			return err
		}
		return s.put(ctx, bucket, &object{key: o.Key, meta: meta, hash: hash(o.Content), size: int64(len(o.Content)), content: []*blob{content}})
	}
	pattern, sum := newPattern(o.Size)
	return s.put(ctx, bucket, &object{key: o.Key, meta: meta, hash: sum, size: o.Size, content: []*blob{pattern}})
}

// create makes an empty bucket.
func (s *store) create(name, region string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shelves[name] != nil {
		return gofakes3.ResourceError(gofakes3.ErrBucketAlreadyExists, name)
	}
	made := &shelf{created: time.Now(), objects: map[string]*entry{}}
	if err := s.disk.saveBucket(name, bucketRecord{Name: name, Region: region, Created: made.created}); err != nil {
		return err
	}
	s.shelves[name] = made
	s.buckets.add(name, region)
	return nil
}

// setPolicy gives a bucket a policy; the empty text takes it away.
func (s *store) setPolicy(name, text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.buckets.find(name)
	if err := s.buckets.setPolicy(name, text); err != nil {
		return err
	}
	if err := s.saveBucket(name); err != nil {
		return errors.Join(err, s.buckets.setPolicy(name, before.text))
	}
	return nil
}

// saveBucket writes what a bucket is into the directory. mu is held.
func (s *store) saveBucket(name string) error {
	b, shelf := s.buckets.find(name), s.shelves[name]
	return s.disk.saveBucket(name, bucketRecord{Name: name, Region: b.region, Policy: b.text, Created: shelf.created, Versioning: string(shelf.versioning)})
}

// ListBuckets lists the buckets of all regions.
func (s *store) ListBuckets(context.Context) (all []gofakes3.BucketInfo, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(s.shelves)) {
		all = append(all, gofakes3.BucketInfo{Name: name, CreationDate: gofakes3.NewContentTime(s.shelves[name].created)})
	}
	return all, nil
}

// CreateBucket makes a bucket in the region whose S3 was asked.
func (s *store) CreateBucket(ctx context.Context, name string) error {
	region := globalRegion
	if q := requestOf(ctx); q != nil {
		region = q.location
	}
	return s.create(name, region)
}

// BucketExists says whether a bucket is there.
func (s *store) BucketExists(_ context.Context, name string) (bool, error) {
	return s.buckets.find(name) != nil, nil
}

// DeleteBucket removes an empty bucket.
func (s *store) DeleteBucket(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch shelf := s.shelves[name]; {
	case shelf == nil:
		return gofakes3.BucketNotFound(name)
	case len(shelf.keys) > 0:
		return gofakes3.ResourceError(gofakes3.ErrBucketNotEmpty, name)
	}
	if err := s.disk.removeBucket(name); err != nil {
		return err
	}
	delete(s.shelves, name)
	s.buckets.remove(name)
	return nil
}

// PutObject stores size bytes of input.
func (s *store) PutObject(ctx context.Context, bucket, key string, meta map[string]string, input io.Reader, size int64) (result gofakes3.PutObjectResult, err error) {
	if q := requestOf(ctx); q != nil && q.operation.Name == "PostObject" {
		if err := q.permitKey("s3:PutObject", bucket, key); err != nil {
			return result, q.refuse(err)
		}
	}
	content, sum, err := s.write(input, size)
	if err != nil {
		return result, err
	}
	if meta["Content-Type"] == "" {
		meta["Content-Type"] = defaultContentType
	}
	o := &object{key: key, meta: meta, hash: sum, size: size, content: []*blob{content}}
	err = s.put(ctx, bucket, o)
	return gofakes3.PutObjectResult{VersionID: s.shownVersion(bucket, o)}, err
}

// CopyObject makes an object of the same blobs.
func (s *store) CopyObject(ctx context.Context, srcBucket, srcKey, bucket, key string, meta map[string]string) (result gofakes3.CopyObjectResult, err error) {
	s.mu.Lock()
	src, err := s.currentLocked(srcBucket, srcKey)
	if err != nil {
		s.mu.Unlock()
		return result, err
	}
	s.hold(src)
	s.mu.Unlock()
	o := &object{key: key, meta: meta, hash: src.hash, parts: src.parts, size: src.size, content: src.content}
	if err := s.put(ctx, bucket, o); err != nil {
		return result, err
	}
	return gofakes3.CopyObjectResult{ETag: shownETag(o.etag()), LastModified: gofakes3.NewContentTime(o.modified)}, nil
}

// DeleteObject removes an object, or the version null of it; removing one that doesn't exist succeeds, as in S3.
func (s *store) DeleteObject(ctx context.Context, bucket, key string) (gofakes3.ObjectDeleteResult, error) {
	if q := requestOf(ctx); q != nil && q.operation.Name == "DeleteObject" && q.query.Get("versionId") != "" {
		return s.DeleteObjectVersion(bucket, key, gofakes3.VersionID(q.query.Get("versionId")))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.remove(bucket, key)
}

// DeleteMulti removes several objects: those that the one who asks may.
func (s *store) DeleteMulti(ctx context.Context, bucket string, keys ...string) (result gofakes3.MultiDeleteResult, err error) {
	q := requestOf(ctx)
	for _, key := range keys {
		var denied error
		if q != nil {
			denied = q.permitKey("s3:DeleteObject", bucket, key)
		}
		if denied != nil {
			e := asAPIError(denied)
			result.Error = append(result.Error, gofakes3.ErrorResult{Key: key, Code: gofakes3.ErrorCode(e.Code), Message: e.Message})
			continue
		}
		if _, err := s.DeleteObject(ctx, bucket, key); err != nil {
			result.Error = append(result.Error, gofakes3.ErrorResult{Key: key, Code: gofakes3.ErrInternal, Message: err.Error()})
			continue
		}
		result.Deleted = append(result.Deleted, gofakes3.ObjectID{Key: key})
	}
	return result, nil
}

// SetObjectTagging replaces the tags of an object.
func (s *store) SetObjectTagging(ctx context.Context, bucket, key, tagging string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := s.asked(ctx, bucket, key)
	if err != nil {
		return err
	}
	changed := *o
	changed.meta = maps.Clone(o.meta)
	if delete(changed.meta, gofakes3.TaggingMetadataKey); tagging != "" {
		changed.meta[gofakes3.TaggingMetadataKey] = tagging
	}
	if err := s.disk.saveObject(bucket, &changed); err != nil {
		return err
	}
	*o = changed
	return nil
}
