package s3

// The directory that keeps a lab's objects. Nothing that a client says becomes a name in it: blobs and records are files whose names
// are random digits, and keys, buckets and metadata stand inside of records.
//
//	lock           held by the one lab that uses the directory
//	blobs/HEX      content
//	objects/HEX    one version of an object: a record in JSON that names its blobs
//	buckets/HEX    one bucket
//
// A file is written under a name that ends in .part and renamed when it is whole. An object is there once its record is; blobs come before
// records and go after them. What a crash leaves half-done is a blob without a record, or two records of one object, of which
// the newer one counts; both are cleaned up when the directory is opened. Multipart uploads in progress do not outlive the lab.

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// disk is an open directory. The nil disk is memory: blobs hold their content, and records are not kept.
type disk struct {
	dir  string
	lock *os.File
}

// bucketRecord is what the directory keeps of a bucket.
type bucketRecord struct {
	Name       string
	Region     string
	Policy     string `json:",omitempty"`
	Versioning string `json:",omitempty"`
	Created    time.Time
}

// objectRecord is what the directory keeps of a version of an object.
type objectRecord struct {
	Bucket   string
	Key      []byte // not text: a key need not be UTF-8
	Version  string
	Serial   uint64
	Meta     map[string]string
	Modified time.Time
	Hash     []byte
	Parts    []int64      `json:",omitempty"`
	Content  []blobRecord `json:",omitempty"`
	Marker   bool         `json:",omitempty"`
}

// blobRecord is a blob: a file, or a pattern.
type blobRecord struct {
	File string `json:",omitempty"`
	Size int64
}

// openDisk opens a directory, which is made if it is not there, and takes it for this process alone.
func openDisk(dir string) (*disk, error) {
	for _, sub := range []string{"blobs", "objects", "buckets"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, err
		}
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: another lab uses it: %w", dir, err), lock.Close())
	}
	return &disk{dir, lock}, nil
}

func (d *disk) close() error {
	if d == nil {
		return nil
	}
	if err := d.lock.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// newName is a name that nobody chose.
func newName() string {
	name := make([]byte, 16)
	_, _ = rand.Read(name) // never fails
	return hex.EncodeToString(name)
}

// write stores a blob's content. If it fails nothing is left, or what removeBlob takes away.
func (d *disk) write(b *blob, from io.Reader) error {
	if d == nil {
		return readBlob(b, from)
	}
	name := newName()
	if err := d.create(filepath.Join("blobs", name), func(f *os.File) error {
		n, err := io.Copy(f, from)
		if err == nil && n != b.size {
			err = errShort
		}
		return err
	}); err != nil {
		_, _ = io.Copy(io.Discard, from) // net/http would soon reset the connection of who still sends, and he lose the answer
		return err
	}
	b.file = name
	return nil
}

// create makes a file of the directory, whole or not at all.
func (d *disk) create(name string, fill func(*os.File) error) error {
	path := filepath.Join(d.dir, name)
	f, err := os.OpenFile(path+".part", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err = errors.Join(fill(f), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // what is wrong with the directory is told already
	}
	return err
}

func (d *disk) open(b *blob) (*os.File, error) {
	return os.Open(filepath.Join(d.dir, "blobs", b.file))
}

// removeBlob takes a blob's file away. That a file stays when the directory is broken is no reason to fail: it is removed at the next start.
func (d *disk) removeBlob(b *blob) {
	if d != nil && b.file != "" {
		_ = os.Remove(filepath.Join(d.dir, "blobs", b.file))
	}
}

// save writes a record.
func (d *disk) save(name string, record any) error {
	text, err := json.Marshal(record)
	if err != nil {
		return err
	}
	return d.create(name, func(f *os.File) error {
		_, err := f.Write(text)
		return err
	})
}

func bucketFile(name string) string {
	return filepath.Join("buckets", hex.EncodeToString(hash([]byte(name))))
}

func (d *disk) saveBucket(name string, record bucketRecord) error {
	if d == nil {
		return nil
	}
	return d.save(bucketFile(name), record)
}

func (d *disk) removeBucket(name string) error {
	if d == nil {
		return nil
	}
	return os.Remove(filepath.Join(d.dir, bucketFile(name)))
}

// saveObject writes the record of an object, in place of an earlier one of the same version.
func (d *disk) saveObject(bucket string, o *object) error {
	if d == nil {
		return nil
	}
	record := objectRecord{
		Bucket: bucket, Key: []byte(o.key), Version: o.version, Serial: o.serial, Meta: o.meta, Modified: o.modified, Hash: o.hash, Parts: o.parts, Marker: o.marker,
	}
	for _, b := range o.content {
		record.Content = append(record.Content, blobRecord{File: b.file, Size: b.size})
	}
	return d.save(objectFile(o), record)
}

// objectFile is where the record of an object is: its serial number is its own.
func objectFile(o *object) string { return filepath.Join("objects", fmt.Sprintf("%016x", o.serial)) }

func (d *disk) removeObject(_ string, o *object) {
	if d != nil {
		_ = os.Remove(filepath.Join(d.dir, objectFile(o))) // an older one of two counts for nothing
	}
}
