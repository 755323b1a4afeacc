package s3

// The store: gofakes3's memory backend, kept within a budget.
//
// The budget covers what is stored, the parts of unfinished multipart uploads, and what is arriving: an upload reserves
// the length it announces before its first byte is read and is refused if there is no room, so clients can't make the
// service grow past its limit. When an object may have changed, settle charges what the backend now holds under its key,
// whatever order concurrent changes of that key took.
//
// A pattern object is an empty object of the backend with a mark in its metadata (never shown to clients); its size, hash
// and content are filled in here on the way out. Patterns exist from the start and are never made later.

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/rclone/gofakes3"
	"github.com/rclone/gofakes3/s3mem"
)

const (
	// DefaultMaxBytes is the room for data unless configured otherwise.
	DefaultMaxBytes = 1 << 30
	// objectOverhead is charged for every object beside its content: a key of up to 1 KiB, metadata of up to 2 KB.
	objectOverhead = 4 << 10
	// patternMark is the metadata key that marks a pattern object; its value is a key of store.patterns.
	patternMark = "Vpcsim-Pattern"
	// defaultContentType is what S3 gives an object that was uploaded without one.
	defaultContentType = "binary/octet-stream"
)

// location is where an object lives.
type location struct{ bucket, key string }

// store is the backend that gofakes3 calls. What it doesn't override is the memory backend's.
type store struct {
	*s3mem.Backend
	limit    int64
	patterns map[string]pattern // by size in decimal; read-only once the service runs

	mu      sync.Mutex
	used    int64                         // sum of all charges and reservations; guarded by mu
	charged map[location]int64            // stored objects; guarded by mu
	uploads map[gofakes3.UploadID]*upload // multipart uploads in progress; guarded by mu
	begun   uint64                        // uploads ever begun; guarded by mu
}

func newStore(limit int64) *store {
	if limit == 0 {
		limit = DefaultMaxBytes
	}
	return &store{
		Backend:  s3mem.New(),
		limit:    limit,
		patterns: map[string]pattern{},
		charged:  map[location]int64{},
		uploads:  map[gofakes3.UploadID]*upload{},
	}
}

// load makes a bucket with the objects it has from the start.
func (s *store) load(b Bucket) error {
	ctx := context.Background()
	if err := gofakes3.ValidateBucketName(b.Name); err != nil {
		return err
	}
	if err := s.CreateBucket(ctx, b.Name); err != nil {
		return err
	}
	for _, o := range b.Objects {
		if o.Key == "" || len(o.Key) > gofakes3.KeySizeLimit || o.Size < 0 {
			return fmt.Errorf("object %q: a key has 1 to %d bytes and a size is not negative", o.Key, gofakes3.KeySizeLimit)
		}
		meta := map[string]string{"Last-Modified": time.Now().UTC().Format(http.TimeFormat)}
		if o.Content == nil {
			meta[patternMark] = s.addPattern(o.Size)
		}
		if _, err := s.PutObject(ctx, b.Name, o.Key, meta, bytes.NewReader(o.Content), int64(len(o.Content))); err != nil {
			return fmt.Errorf("object %q: %w", o.Key, err)
		}
	}
	return nil
}

func (s *store) addPattern(size int64) string {
	name := strconv.FormatInt(size, 10)
	if _, ok := s.patterns[name]; !ok {
		s.patterns[name] = newPattern(size)
	}
	return name
}

// reserve takes room for an upload of size bytes, or refuses it with EntityTooLarge. S3 would answer so to an object over
// its own limit; clients report it and give up, whereas after a 503 SlowDown they would try for minutes to fill a store
// that doesn't empty by itself. A body of unknown length is refused as S3 does, with NotImplemented.
func (s *store) reserve(size int64) error {
	if size < 0 {
		return gofakes3.ErrorMessage(gofakes3.ErrNotImplemented,
			"A header you provided implies functionality that is not implemented: send a Content-Length")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if size > s.limit-s.used {
		return gofakes3.ErrorMessagef(gofakes3.ErrEntityTooLarge,
			"Your proposed upload of %d bytes exceeds the room left: the simulated S3 holds %d of at most %d bytes", size, s.used, s.limit)
	}
	s.used += size
	return nil
}

func (s *store) release(size int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used -= size
}

// settle charges what the store now holds at l, in place of what it was charged for before.
func (s *store) settle(l location) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used -= s.charged[l]
	delete(s.charged, l)
	if obj, err := s.Backend.HeadObject(context.Background(), l.bucket, l.key); err == nil {
		s.charged[l] = obj.Size + objectOverhead
		s.used += s.charged[l]
	}
}

// PutObject stores size bytes of input. The old object, if any, is there until the new one is complete, so replacing needs
// room for both.
func (s *store) PutObject(ctx context.Context, bucket, key string, meta map[string]string, input io.Reader, size int64) (gofakes3.PutObjectResult, error) {
	if err := s.reserve(size); err != nil {
		return gofakes3.PutObjectResult{}, err
	}
	defer s.release(size)
	defer s.settle(location{bucket, key})
	if meta["Content-Type"] == "" {
		meta["Content-Type"] = defaultContentType
	}
	return s.Backend.PutObject(ctx, bucket, key, meta, input, size)
}

// CopyObject copies content, so a copy of a pattern is an ordinary object and needs room.
func (s *store) CopyObject(ctx context.Context, srcBucket, srcKey, bucket, key string, meta map[string]string) (gofakes3.CopyObjectResult, error) {
	src, err := s.GetObject(ctx, srcBucket, srcKey, nil)
	if err != nil {
		return gofakes3.CopyObjectResult{}, err
	}
	defer src.Contents.Close()
	if _, err := s.PutObject(ctx, bucket, key, meta, src.Contents, src.Size); err != nil {
		return gofakes3.CopyObjectResult{}, err
	}
	return gofakes3.CopyObjectResult{ETag: etag(src.Hash), LastModified: gofakes3.NewContentTime(time.Now())}, nil
}

// DeleteObject removes an object; removing one that doesn't exist succeeds, as in S3.
func (s *store) DeleteObject(ctx context.Context, bucket, key string) (gofakes3.ObjectDeleteResult, error) {
	defer s.settle(location{bucket, key})
	return s.Backend.DeleteObject(ctx, bucket, key)
}

// DeleteMulti removes several objects.
func (s *store) DeleteMulti(ctx context.Context, bucket string, keys ...string) (gofakes3.MultiDeleteResult, error) {
	result, err := s.Backend.DeleteMulti(ctx, bucket, keys...)
	for _, key := range keys {
		s.settle(location{bucket, key})
	}
	return result, err
}

// HeadObject describes an object without its content.
func (s *store) HeadObject(ctx context.Context, bucket, key string) (*gofakes3.Object, error) {
	obj, err := s.Backend.HeadObject(ctx, bucket, key)
	if err != nil {
		return nil, err
	}
	obj.VersionID = "" // the memory backend numbers versions even of buckets that have none
	if p, ok := s.patterns[obj.Metadata[patternMark]]; ok {
		obj.Size, obj.Hash = p.size, p.md5
	}
	return obj, nil
}

// GetObject opens an object, or a range of it.
func (s *store) GetObject(ctx context.Context, bucket, key string, requested *gofakes3.ObjectRangeRequest) (*gofakes3.Object, error) {
	obj, err := s.HeadObject(ctx, bucket, key)
	if err != nil {
		return nil, err
	}
	p, ok := s.patterns[obj.Metadata[patternMark]]
	if !ok {
		return s.Backend.GetObject(ctx, bucket, key, requested)
	}
	from, to := int64(0), p.size
	if obj.Range, err = requested.Range(p.size); err != nil {
		return nil, err
	}
	if obj.Range != nil {
		from, to = obj.Range.Start, obj.Range.Start+obj.Range.Length
	}
	obj.Contents = io.NopCloser(&patternReader{offset: from, end: to})
	return obj, nil
}

// ListBucket lists objects. Patterns are among those that look empty.
func (s *store) ListBucket(ctx context.Context, bucket string, prefix *gofakes3.Prefix, page gofakes3.ListBucketPage) (*gofakes3.ObjectList, error) {
	list, err := s.Backend.ListBucket(ctx, bucket, prefix, page)
	if err != nil {
		return nil, err
	}
	for _, c := range list.Contents {
		if c.Size != 0 {
			continue
		}
		if obj, err := s.HeadObject(ctx, bucket, c.Key); err == nil {
			c.Size, c.ETag = obj.Size, etag(obj.Hash)
		}
	}
	return list, nil
}

func etag(hash []byte) string { return `"` + hex.EncodeToString(hash) + `"` }

// hash is the ETag of content stored in one piece.
func hash(content []byte) []byte {
	sum := md5.Sum(content)
	return sum[:]
}
