package s3

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/rclone/gofakes3"
)

// blob is content that never changes: in memory, in a file of the directory, or made up while it is read.
type blob struct {
	size    int64
	data    []byte // in memory
	file    string // name in the directory
	pattern bool   // of [Object]

	charge int64 // what it counts in the budget
	refs   int   // guarded by the store's mu
}

// reserve takes room for a blob, or refuses it with EntityTooLarge. S3 would answer so to an object over its own limit; clients report
// it and give up, whereas after a 503 SlowDown they would try for minutes to fill a store that doesn't empty by itself. A body of
// unknown length is refused as S3 does, with NotImplemented.
func (s *store) reserve(size int64) error {
	if size < 0 {
		return gofakes3.ErrorMessage(gofakes3.ErrNotImplemented,
			"A header you provided implies functionality that is not implemented: send a Content-Length")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.limit >= 0 && size > s.limit-s.used-objectOverhead {
		return gofakes3.ErrorMessagef(gofakes3.ErrEntityTooLarge,
			"Your proposed upload of %d bytes exceeds the room left: the simulated S3 holds %d of at most %d bytes", size, s.used, s.limit)
	}
	s.used += size + objectOverhead
	return nil
}

func (s *store) release(charge int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used -= charge
}

// hold keeps an object's blobs. mu is held.
func (s *store) hold(o *object) {
	for _, b := range o.content {
		b.refs++
	}
}

// drop lets go of an object's blobs. mu is held.
func (s *store) drop(o *object) {
	for _, b := range o.content {
		s.dropBlob(b)
	}
}

// dropBlob lets go of a blob; the last one to do so gives back its room. mu is held.
func (s *store) dropBlob(b *blob) {
	if b.refs--; b.refs == 0 {
		s.used -= b.charge
		s.disk.removeBlob(b)
	}
}

// write stores size bytes as a blob with one reference, and returns it with its MD5.
func (s *store) write(input io.Reader, size int64) (*blob, []byte, error) {
	if err := s.reserve(size); err != nil {
		return nil, nil, err
	}
	b := &blob{size: size, charge: size + objectOverhead, refs: 1}
	h := md5.New()
	err := s.disk.write(b, io.TeeReader(io.LimitReader(input, size), h))
	if err == nil {
		err = atEnd(input)
	}
	if err != nil {
		s.disk.removeBlob(b)
		s.release(b.charge)
		return nil, nil, err
	}
	return b, h.Sum(nil), nil
}

// atEnd reads the end of a body: only with it are its checksums judged.
func atEnd(input io.Reader) error {
	switch n, err := input.Read(make([]byte, 1)); {
	case n > 0:
		return gofakes3.ErrIncompleteBody
	case errors.Is(err, io.EOF), err == nil:
		return nil
	default:
		return err
	}
}

// memory stores content that is there from the start.
func (s *store) memory(content []byte) (*blob, error) {
	b, _, err := s.write(bytes.NewReader(content), int64(len(content)))
	return b, err
}

// readBlob reads a blob into memory.
func readBlob(b *blob, from io.Reader) (err error) {
	b.data = make([]byte, b.size)
	if _, err = io.ReadFull(from, b.data); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = gofakes3.ErrIncompleteBody
	}
	return err
}

// section reads the bytes from and up to to of blobs in a row.
func section(d *disk, content []*blob, from, to int64) io.ReadCloser {
	return &sections{disk: d, content: content, from: from, left: to - from}
}

// sections opens one blob after the other.
type sections struct {
	disk    *disk
	content []*blob
	from    int64 // in the first of content
	left    int64
	open    io.Reader // of the first of content; nil if it is not open
	file    *os.File  // to close, if open is one
}

func (r *sections) Read(p []byte) (int, error) {
	for r.left > 0 {
		if r.open == nil {
			if err := r.next(); err != nil {
				return 0, err
			}
			continue
		}
		n, err := r.open.Read(p[:min(int64(len(p)), r.left)])
		r.left -= int64(n)
		if n > 0 || err != nil && err != io.EOF {
			return n, err
		}
		if err == io.EOF {
			r.shut()
		}
	}
	return 0, io.EOF
}

// next opens the first blob that has bytes to read.
func (r *sections) next() (err error) {
	for ; len(r.content) > 0 && r.from >= r.content[0].size; r.content = r.content[1:] {
		r.from -= r.content[0].size
	}
	if len(r.content) == 0 {
		return io.ErrUnexpectedEOF
	}
	b := r.content[0]
	switch {
	case b.pattern:
		r.open = &patternReader{offset: r.from, end: b.size}
	case b.file != "":
		if r.file, err = r.disk.open(b); err == nil {
			r.open = io.NewSectionReader(r.file, r.from, b.size-r.from)
		}
	default:
		r.open = bytes.NewReader(b.data[r.from:])
	}
	return err
}

// shut ends the reading of the first blob.
func (r *sections) shut() {
	r.open, r.from, r.content = nil, 0, r.content[1:]
	_ = r.Close()
}

// Close closes what is open.
func (r *sections) Close() error {
	file := r.file
	if r.file = nil; file == nil {
		return nil
	}
	return file.Close()
}

func etag(hash []byte) string { return fmt.Sprintf("%q", hex.EncodeToString(hash)) }

// hash is the MD5 of content.
func hash(content []byte) []byte {
	sum := md5.Sum(content)
	return sum[:]
}
