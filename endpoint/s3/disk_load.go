package s3

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rclone/gofakes3"
)

// errShort says that a body ended before its announced length.
const errShort = gofakes3.ErrIncompleteBody

// restore fills the empty store with what a directory holds, and removes from it what belongs to nothing.
func (s *store) restore(d *disk) error {
	s.disk = d
	if err := eachRecord(filepath.Join(d.dir, "buckets"), func(_ string, r bucketRecord) error {
		s.shelves[r.Name] = &shelf{created: r.Created, versioning: gofakes3.VersioningStatus(r.Versioning), objects: map[string]*entry{}}
		s.buckets.add(r.Name, r.Region)
		return s.buckets.setPolicy(r.Name, r.Policy)
	}); err != nil {
		return err
	}
	var all []objectRecord
	if err := eachRecord(filepath.Join(d.dir, "objects"), func(_ string, r objectRecord) error {
		all = append(all, r)
		return nil
	}); err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b objectRecord) int { return int(int64(a.Serial) - int64(b.Serial)) })
	blobs := map[string]*blob{}
	for _, r := range all {
		s.restoreObject(r, blobs)
	}
	return s.sweep(blobs)
}

// restoreObject puts back one object. Of two of the same version the later one stays.
func (s *store) restoreObject(r objectRecord, blobs map[string]*blob) {
	o := &object{
		key: string(r.Key), version: r.Version, serial: r.Serial, meta: r.Meta, modified: r.Modified, hash: r.Hash, parts: r.Parts, marker: r.Marker,
	}
	s.serial = max(s.serial, o.serial)
	shelf := s.shelves[r.Bucket]
	if shelf == nil {
		s.disk.removeObject(r.Bucket, o) // its bucket was deleted
		return
	}
	for _, c := range r.Content {
		b := blobs[c.File]
		if b == nil {
			b = &blob{size: c.Size, file: c.File, pattern: c.File == ""}
		}
		if c.File != "" && blobs[c.File] == nil {
			blobs[c.File], b.charge = b, c.Size+objectOverhead
			s.used += b.charge
		}
		o.content, o.size = append(o.content, b), o.size+c.Size
	}
	s.hold(o)
	shelf.insert(o)
	s.discard(r.Bucket, shelf, o.key, func(v *object) bool { return v.version == o.version && v != o })
}

// sweep removes the blobs that no object has, and files that were never finished.
func (s *store) sweep(blobs map[string]*blob) error {
	for _, sub := range []string{"blobs", "objects", "buckets"} {
		files, err := os.ReadDir(filepath.Join(s.disk.dir, sub))
		if err != nil {
			return err
		}
		for _, f := range files {
			b := blobs[f.Name()]
			if strings.HasSuffix(f.Name(), ".part") || sub == "blobs" && (b == nil || b.refs == 0) {
				if err := os.Remove(filepath.Join(s.disk.dir, sub, f.Name())); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// eachRecord reads all records of a folder.
func eachRecord[R any](dir string, use func(name string, r R) error) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		if strings.HasSuffix(f.Name(), ".part") {
			continue
		}
		var r R
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err == nil {
			err = json.Unmarshal(text, &r)
		}
		if err == nil {
			err = use(f.Name(), r)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(dir, f.Name()), err)
		}
	}
	return nil
}
