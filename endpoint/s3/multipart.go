package s3

import (
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding/binary"
	"io"
	"maps"
	"strings"

	"github.com/rclone/gofakes3"
)

// minPart is the least that a part may have which is not the last (S3 User Guide, "Amazon S3 multipart upload limits").
const minPart = 5 << 20

// upload is a multipart upload in progress. Its parts are blobs; the store's mu guards it.
type upload struct {
	meta  map[string]string
	parts map[int]part // by number
}

type part struct {
	content *blob
	hash    []byte
}

// CreateMultipartUpload begins an upload. It is by the store, not by the library's own uploader, that parts are kept, because that
// one knows no limit.
func (s *store) CreateMultipartUpload(_ context.Context, _, _ string, meta map[string]string) (gofakes3.UploadID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := gofakes3.UploadID(rand.Text() + rand.Text())
	s.uploads[id] = &upload{meta: meta, parts: map[int]part{}}
	return id, nil
}

// UploadPart stores one part, in place of an earlier one of the same number.
func (s *store) UploadPart(_ context.Context, _, _ string, id gofakes3.UploadID, number int, size int64, body io.Reader) (string, error) {
	content, sum, err := s.write(body, size)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.uploads[id]
	if u == nil {
		s.dropBlob(content)
		return "", gofakes3.ErrNoSuchUpload // aborted while the part arrived
	}
	if old, ok := u.parts[number]; ok {
		s.dropBlob(old.content)
	}
	u.parts[number] = part{content, sum}
	return etag(sum), nil
}

// CompleteMultipartUpload makes an object of the listed parts and forgets the upload.
func (s *store) CompleteMultipartUpload(ctx context.Context, bucket, key string, id gofakes3.UploadID, list *gofakes3.CompleteMultipartUploadRequest) (gofakes3.VersionID, string, error) {
	o, err := s.assemble(id, list)
	if err == nil {
		o.key = key
		err = s.put(ctx, bucket, o)
	}
	if refused, ok := err.(*apiError); ok {
		err = requestOf(ctx).refuse(refused)
	}
	if err != nil {
		return "", "", err
	}
	return s.shownVersion(bucket, o), shownETag(o.etag()), s.AbortMultipartUpload(ctx, bucket, key, id)
}

// assemble checks the client's list of parts against the upload and puts them in a row.
func (s *store) assemble(id gofakes3.UploadID, list *gofakes3.CompleteMultipartUploadRequest) (*object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.uploads[id]
	if u == nil {
		return nil, gofakes3.ErrNoSuchUpload
	}
	if len(list.Parts) == 0 {
		return nil, gofakes3.ErrorMessage(gofakes3.ErrMalformedXML, "You must specify at least one part")
	}
	o, sums, last := &object{meta: maps.Clone(u.meta)}, md5.New(), 0
	for _, p := range list.Parts {
		part, ok := u.parts[p.PartNumber]
		switch {
		case p.PartNumber <= last:
			return nil, gofakes3.ErrInvalidPartOrder
		case !ok || strings.Trim(p.ETag, `"`) != strings.Trim(etag(part.hash), `"`):
			return nil, gofakes3.ErrorMessagef(gofakes3.ErrInvalidPart, "part %d was not uploaded with this entity tag", p.PartNumber)
		}
		last = p.PartNumber
		sums.Write(part.hash)
		o.content, o.parts, o.size = append(o.content, part.content), append(o.parts, part.content.size), o.size+part.content.size
	}
	for i, size := range o.parts[:len(o.parts)-1] {
		if size < minPart {
			return nil, fail(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size: part %d has %d bytes, every part but the last needs %d", list.Parts[i].PartNumber, size, minPart)
		}
	}
	o.hash = binary.BigEndian.AppendUint16(sums.Sum(nil), uint16(len(list.Parts)))
	if o.meta["Content-Type"] == "" {
		o.meta["Content-Type"] = defaultContentType
	}
	s.hold(o)
	return o, nil
}

// AbortMultipartUpload forgets an upload and gives back the room of its parts.
func (s *store) AbortMultipartUpload(_ context.Context, _, _ string, id gofakes3.UploadID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.uploads[id]; u != nil {
		for _, p := range u.parts {
			s.dropBlob(p.content)
		}
		delete(s.uploads, id)
	}
	return nil
}
