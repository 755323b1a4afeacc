package s3

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"strings"

	"github.com/rclone/gofakes3"
)

// upload is a multipart upload in progress. Its parts are charged to the store's budget until it is completed or aborted;
// the store's mu guards it.
type upload struct {
	meta  map[string]string
	parts map[int][]byte // by part number
}

func (u *upload) size() (sum int64) {
	for _, part := range u.parts {
		sum += int64(len(part))
	}
	return sum
}

// CreateMultipartUpload begins an upload. It is by the store, not by gofakes3's own uploader, that parts are kept, because
// that one knows no limit.
func (s *store) CreateMultipartUpload(_ context.Context, _, _ string, meta map[string]string) (gofakes3.UploadID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun++
	id := gofakes3.UploadID(fmt.Sprintf("%032x", s.begun))
	s.uploads[id] = &upload{meta: meta, parts: map[int][]byte{}}
	return id, nil
}

// UploadPart stores one part, in place of an earlier one of the same number.
func (s *store) UploadPart(_ context.Context, _, _ string, id gofakes3.UploadID, number int, size int64, body io.Reader) (string, error) {
	if err := s.reserve(size); err != nil {
		return "", err
	}
	part, err := gofakes3.ReadAll(body, size)
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.uploads[id]
	if err == nil && u == nil {
		err = gofakes3.ErrNoSuchUpload // aborted while the part arrived
	}
	if err != nil {
		s.used -= size
		return "", err
	}
	s.used -= int64(len(u.parts[number]))
	u.parts[number] = part
	return etag(hash(part)), nil
}

// CompleteMultipartUpload makes an object of the listed parts and forgets the upload. Until it is done there must be room
// for both. The ETag is that of the whole content, as gofakes3 gives it for every object, not S3's hash of hashes.
func (s *store) CompleteMultipartUpload(ctx context.Context, bucket, key string, id gofakes3.UploadID, list *gofakes3.CompleteMultipartUploadRequest) (gofakes3.VersionID, string, error) {
	content, meta, size, err := s.assemble(id, list)
	if err != nil {
		return "", "", err
	}
	if _, err := s.PutObject(ctx, bucket, key, meta, content, size); err != nil {
		return "", "", err
	}
	obj, err := s.HeadObject(ctx, bucket, key)
	if err != nil {
		return "", "", err
	}
	return "", etag(obj.Hash), s.AbortMultipartUpload(ctx, bucket, key, id)
}

// assemble checks the client's list of parts against the upload and puts them in a row.
func (s *store) assemble(id gofakes3.UploadID, list *gofakes3.CompleteMultipartUploadRequest) (content io.Reader, meta map[string]string, size int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.uploads[id]
	if u == nil {
		return nil, nil, 0, gofakes3.ErrNoSuchUpload
	}
	if len(list.Parts) == 0 {
		return nil, nil, 0, gofakes3.ErrorMessage(gofakes3.ErrMalformedXML, "You must specify at least one part")
	}
	var parts []io.Reader
	last := 0
	for _, p := range list.Parts {
		part, ok := u.parts[p.PartNumber]
		switch {
		case p.PartNumber <= last:
			return nil, nil, 0, gofakes3.ErrInvalidPartOrder
		case !ok || strings.Trim(p.ETag, `"`) != strings.Trim(etag(hash(part)), `"`):
			return nil, nil, 0, gofakes3.ErrorMessagef(gofakes3.ErrInvalidPart, "part %d was not uploaded with this entity tag", p.PartNumber)
		}
		last = p.PartNumber
		parts = append(parts, bytes.NewReader(part))
		size += int64(len(part))
	}
	return io.MultiReader(parts...), maps.Clone(u.meta), size, nil
}

// AbortMultipartUpload forgets an upload and gives back the room of its parts.
func (s *store) AbortMultipartUpload(_ context.Context, _, _ string, id gofakes3.UploadID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.uploads[id]; u != nil {
		s.used -= u.size()
		delete(s.uploads, id)
	}
	return nil
}
