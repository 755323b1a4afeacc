package s3

import (
	"context"
	"encoding/hex"
	"io"
	"slices"
	"time"

	"github.com/rclone/gofakes3"
)

// shelf is the objects of one bucket.
type shelf struct {
	created    time.Time
	versioning gofakes3.VersioningStatus
	keys       []string // of all entries, in order
	objects    map[string]*entry
}

// entry is all versions of an object, the newest last. Without versioning there is one.
type entry []*object

// object is one version of an object.
type object struct {
	key      string
	version  string // nullVersion unless versioning was enabled when it was made
	serial   uint64 // the higher the newer
	meta     map[string]string
	modified time.Time
	hash     []byte  // MD5 of the content; of parts the MD5 of their MD5s and two bytes that are their number
	parts    []int64 // sizes of the parts, if it was uploaded in parts
	size     int64
	content  []*blob
	marker   bool // a delete marker, which has no content
}

// nullVersion is the version of what was made without versioning (S3 User Guide, "How S3 Versioning works").
const nullVersion = "null"

// etag is the entity tag, in quotes, as the library knows it; see shownETag.
func (o *object) etag() string { return etag(o.hash) }

// current returns what is stored under a key.
func (s *store) current(bucket, key string) (*object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.currentLocked(bucket, key)
}

func (s *store) currentLocked(bucket, key string) (*object, error) {
	shelf := s.shelves[bucket]
	if shelf == nil {
		return nil, gofakes3.BucketNotFound(bucket)
	}
	if e := shelf.objects[key]; e != nil && !(*e)[len(*e)-1].marker {
		return (*e)[len(*e)-1], nil
	}
	return nil, gofakes3.KeyNotFound(key)
}

// asked returns the version that a request is about: the current one unless it names another. The library names it only where it
// opens or deletes one, and never the version null. mu is held.
func (s *store) asked(ctx context.Context, bucket, key string) (*object, error) {
	if q := requestOf(ctx); q != nil && key == q.key && bucket == q.bucket {
		if id := q.query.Get("versionId"); id != "" {
			return s.version(bucket, key, gofakes3.VersionID(id))
		}
	}
	return s.currentLocked(bucket, key)
}

// put makes o the current version of its key. It takes over what refers to o's content, also if it fails.
func (s *store) put(ctx context.Context, bucket string, o *object) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.place(ctx, bucket, o)
	if err != nil {
		s.drop(o)
	}
	return err
}

// place is put's work. mu is held.
func (s *store) place(ctx context.Context, bucket string, o *object) error {
	shelf := s.shelves[bucket]
	if shelf == nil {
		return gofakes3.BucketNotFound(bucket)
	}
	if old, err := s.currentLocked(bucket, o.key); gofakes3.HasWriteConditions(ctx) {
		tag := ""
		if err == nil {
			tag = hex.EncodeToString(old.hash)
		}
		if err := gofakes3.CheckWriteConditions(ctx, err == nil, tag); err != nil {
			return err
		}
	}
	s.serial++
	o.serial, o.modified, o.version = s.serial, time.Now(), nullVersion
	if shelf.versioning == gofakes3.VersioningEnabled {
		o.version = newVersion()
	}
	if err := s.disk.saveObject(bucket, o); err != nil {
		return err
	}
	shelf.insert(o)
	if o.version == nullVersion {
		s.discard(bucket, shelf, o.key, func(v *object) bool { return v.version == nullVersion && v != o })
	}
	return nil
}

// insert adds a version, which is the current one from now on.
func (f *shelf) insert(o *object) {
	e := f.objects[o.key]
	if e == nil {
		e = new(entry)
		f.objects[o.key] = e
		at, _ := slices.BinarySearch(f.keys, o.key)
		f.keys = slices.Insert(f.keys, at, o.key)
	}
	*e = append(*e, o)
}

// discard removes versions for good, and returns one of them.
func (s *store) discard(bucket string, f *shelf, key string, match func(*object) bool) (gone *object) {
	e := f.objects[key]
	if e == nil {
		return nil
	}
	*e = slices.DeleteFunc(*e, func(o *object) bool {
		if match(o) {
			gone = o
			s.disk.removeObject(bucket, o)
			s.drop(o)
		}
		return gone == o
	})
	if len(*e) == 0 {
		delete(f.objects, key)
		if at, ok := slices.BinarySearch(f.keys, key); ok {
			f.keys = slices.Delete(f.keys, at, at+1)
		}
	}
	return gone
}

// remove is what a deletion without a version does. mu is held.
func (s *store) remove(bucket, key string) (result gofakes3.ObjectDeleteResult, err error) {
	shelf := s.shelves[bucket]
	if shelf == nil {
		return result, gofakes3.BucketNotFound(bucket)
	}
	if shelf.versioning == gofakes3.VersioningNone {
		s.discard(bucket, shelf, key, func(*object) bool { return true })
		return result, nil
	}
	marker := &object{key: key, marker: true}
	if err := s.place(context.Background(), bucket, marker); err != nil {
		return result, err
	}
	return gofakes3.ObjectDeleteResult{IsDeleteMarker: true, VersionID: gofakes3.VersionID(marker.version)}, nil
}

// HeadObject describes an object without its content.
func (s *store) HeadObject(ctx context.Context, bucket, key string) (*gofakes3.Object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := s.asked(ctx, bucket, key)
	if err != nil {
		return nil, err
	}
	return s.describe(bucket, o), nil
}

// describe says of a version what the library wants to know. mu is held.
func (s *store) describe(bucket string, o *object) *gofakes3.Object {
	d := &gofakes3.Object{
		Name: o.key, Metadata: o.meta, Size: o.size, Hash: o.hash, PartSizes: o.parts, IsDeleteMarker: o.marker,
		Contents: io.NopCloser(eof{}),
	}
	if s.shelves[bucket].versioning != gofakes3.VersioningNone {
		d.VersionID = gofakes3.VersionID(o.version)
	}
	return d
}

// eof is a reader of nothing.
type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// GetObject opens an object, or a range of it.
func (s *store) GetObject(ctx context.Context, bucket, key string, requested *gofakes3.ObjectRangeRequest) (*gofakes3.Object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := s.asked(ctx, bucket, key)
	if err != nil {
		return nil, err
	}
	return s.openLocked(bucket, o, requested)
}

// openLocked describes a version with its content, which the caller has to close. mu is held.
func (s *store) openLocked(bucket string, o *object, requested *gofakes3.ObjectRangeRequest) (d *gofakes3.Object, err error) {
	d = s.describe(bucket, o)
	from, to := int64(0), o.size
	if d.Range, err = requested.Range(o.size); err != nil {
		return nil, err
	}
	if d.Range != nil {
		from, to = d.Range.Start, d.Range.Start+d.Range.Length
	}
	s.hold(o)
	d.Contents = &download{store: s, object: o, reader: section(s.disk, o.content, from, to)}
	return d, nil
}

// download is an object being read, which keeps its blobs.
type download struct {
	store  *store
	object *object
	reader io.ReadCloser
	closed bool
}

func (d *download) Read(p []byte) (int, error) { return d.reader.Read(p) }

// writeSize is how much of an object is written to a connection at once: so much that the kernel can make full super-packets of it.
const writeSize = 256 << 10

// WriteTo has io.Copy take larger pieces than its own.
func (d *download) WriteTo(w io.Writer) (int64, error) {
	return io.CopyBuffer(struct{ io.Writer }{w}, d.reader, make([]byte, min(writeSize, max(1, d.object.size))))
}

func (d *download) Close() error {
	if d.closed {
		return nil
	}
	d.closed = true
	d.store.mu.Lock()
	d.store.drop(d.object)
	d.store.mu.Unlock()
	return d.reader.Close()
}

// shownVersion is a version's id if the bucket has versions at all.
func (s *store) shownVersion(bucket string, o *object) gofakes3.VersionID {
	s.mu.Lock()
	defer s.mu.Unlock()
	if shelf := s.shelves[bucket]; shelf == nil || shelf.versioning == gofakes3.VersioningNone {
		return ""
	}
	return gofakes3.VersionID(o.version)
}
