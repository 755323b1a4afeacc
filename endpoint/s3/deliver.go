package s3

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Deliver stores an object that a service of AWS brings, such as a log file. Nobody's policies are asked: they are the bucket's owner's
// with that service (flow-logs-s3: AWS gives the bucket such a policy by itself).
func (s *Service) Deliver(bucket, key, contentType string, content []byte) error {
	meta := map[string]string{"Last-Modified": time.Now().UTC().Format(http.TimeFormat), "Content-Type": contentType}
	_, err := s.store.PutObject(context.Background(), bucket, key, meta, bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return fmt.Errorf("s3://%s/%s: %w", bucket, key, err)
	}
	return nil
}

// CheckBucket says that there is no bucket of the name, and which there are.
func (s *Service) CheckBucket(name string) error {
	if s.store.buckets.find(name) != nil {
		return nil
	}
	all, _ := s.store.ListBuckets(context.Background()) // it never fails
	names := make([]string, 0, len(all))
	for _, b := range all {
		names = append(names, b.Name)
	}
	if len(names) == 0 {
		return fmt.Errorf("no bucket %q: the lab has none", name)
	}
	return fmt.Errorf("no bucket %q; there are %s", name, strings.Join(names, ", "))
}
