package s3

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/endpoint"
)

// onDisk starts a service on a directory, and another one in its place each time again is called.
func onDisk(t *testing.T, cfg Config) (s *Service, e *testEdge, again func() (*Service, *testEdge)) {
	t.Helper()
	cfg.Dir = filepath.Join(t.TempDir(), "objects")
	start := func() (*Service, *testEdge) {
		s = newService(t, cfg)
		return s, serve(t, s, endpoint.Origin{})
	}
	s, e = start()
	return s, e, func() (*Service, *testEdge) {
		require.NoError(t, s.Close())
		return start()
	}
}

// opaque is what names in the directory look like.
var opaque = regexp.MustCompile(`^(lock|(blobs|objects|buckets)(/[0-9a-f]{16,32})?|\.)$`)

// files lists what is in a directory's folder.
func files(t *testing.T, s *Service, folder string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(filepath.Join(s.store.disk.dir, folder))
	require.NoError(t, err)
	for _, f := range all {
		names = append(names, f.Name())
	}
	return names
}

// TestNoKeyBecomesAPath: 10,000 keys made to escape are stored, found and deleted, and nothing but opaque names is ever made.
func TestNoKeyBecomesAPath(t *testing.T) {
	s, e, again := onDisk(t, Config{Buckets: []Bucket{{Name: "data"}}})
	outside := filepath.Dir(s.store.disk.dir)
	parts := []string{"..", ".", "/", "//", "\\", "\x00", "%2e%2e", "etc", "passwd", "~", "…", "ä", "日本", "\u202e", " ", "\n", "con", "blobs", "lock", ":", "*", "..;", strings.Repeat("x", 200)}
	r := rand.New(rand.NewPCG(1, 2))
	keys := map[string]bool{}
	for len(keys) < 10_000 {
		key := ""
		for range 1 + r.IntN(8) {
			key += parts[r.IntN(len(parts))] + []string{"", "/", "/"}[r.IntN(3)]
		}
		if len(key) > 1024 {
			key = key[:1024]
		}
		keys[strings.ToValidUTF8(key, "")+fmt.Sprint(len(keys))] = true
	}
	ctx, n := context.Background(), 0
	for key := range keys {
		if len(key) > 1024 {
			delete(keys, key)
			continue
		}
		if n++; n%20 == 0 { // through HTTP
			resp, body := e.do(t, "PUT", "http://data.s3.us-east-1.amazonaws.com/"+(&url.URL{Path: key}).EscapedPath(), key)
			require.Equal(t, 200, resp.StatusCode, "%q: %s", key, body)
			continue
		}
		_, err := s.store.PutObject(ctx, "data", key, map[string]string{}, strings.NewReader(key), int64(len(key)))
		require.NoError(t, err, "%q", key)
	}
	s, _ = again()
	require.NoError(t, filepath.WalkDir(outside, func(path string, _ fs.DirEntry, err error) error {
		name, _ := filepath.Rel(s.store.disk.dir, path)
		if path != outside && !opaque.MatchString(name) {
			t.Errorf("a file called %q", name)
		}
		return err
	}))
	for key := range keys {
		o, err := s.store.GetObject(ctx, "data", key, nil)
		require.NoError(t, err, "%q", key)
		content, err := io.ReadAll(o.Contents)
		require.NoError(t, err)
		require.NoError(t, o.Contents.Close())
		if string(content) != key {
			t.Errorf("%q holds %q", key, content)
		}
		_, err = s.store.DeleteObject(ctx, "data", key)
		require.NoError(t, err)
	}
	if left := append(files(t, s, "blobs"), files(t, s, "objects")...); len(left) > 0 || s.store.used != 0 {
		t.Errorf("after deleting everything %d files and %d bytes are left", len(left), s.store.used)
	}
}

func TestTheDirectoryOutlivesTheLab(t *testing.T) {
	const at = "http://data.s3.us-east-1.amazonaws.com/"
	const open = `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::data","arn:aws:s3:::data/*"]}]}`
	s, e, again := onDisk(t, Config{Buckets: []Bucket{{Name: "data", Objects: []Object{{Key: "first", Content: []byte("1")}, {Key: "pattern", Size: 100}}}}})
	e.do(t, "PUT", at+"first", "changed", "X-Amz-Meta-Colour", "red", "X-Amz-Tagging", "a=b")
	e.do(t, "PUT", at+"gone", "x")
	e.do(t, "DELETE", at+"gone", "")
	e.do(t, "PUT", at+"copy", "", "X-Amz-Copy-Source", "/data/first")
	e.do(t, "PUT", at+"?versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
	e.do(t, "PUT", at+"versioned", "one")
	e.do(t, "PUT", at+"versioned", "two")
	e.do(t, "PUT", "http://s3.amazonaws.com/made", "")
	require.NoError(t, s.SetBucketPolicy("data", open))
	used := s.store.used
	require.NoError(t, os.WriteFile(filepath.Join(s.store.disk.dir, "blobs", newName()), []byte("an orphan"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(s.store.disk.dir, "objects", newName()+".part"), nil, 0o600))

	s, e = again()
	if s.store.used != used {
		t.Errorf("%d bytes used, before %d", s.store.used, used)
	}
	resp, body := e.do(t, "GET", at+"first", "")
	if body != "changed" || resp.Header.Get("X-Amz-Meta-Colour") != "red" || resp.Header.Get("X-Amz-Tagging-Count") != "1" {
		t.Errorf("got %q %v", body, resp.Header)
	}
	for key, want := range map[string]string{"copy": "changed", "versioned": "two", "gone": "<Error>", "pattern": string(goldPattern(0, 100))} {
		if _, body := e.do(t, "GET", at+key, ""); !strings.Contains(body, want) {
			t.Errorf("%s: got %s", key, body)
		}
	}
	if _, body := e.do(t, "GET", at+"?versions&prefix=versioned", ""); strings.Count(body, "<Version>") != 2 {
		t.Errorf("versions: %s", body)
	}
	if s.buckets.find("made") == nil || s.buckets.find("data").text != open {
		t.Error("a bucket or a policy is gone")
	}
	if blobs := files(t, s, "blobs"); len(blobs) != 3 { // changed and its copy share one
		t.Errorf("blobs %v, want 3", blobs)
	}
}

func TestADirectoryIsOneLabs(t *testing.T) {
	s, _, _ := onDisk(t, Config{})
	if _, err := New(Config{Region: region, Dir: s.store.disk.dir}); err == nil || !strings.Contains(err.Error(), "another lab uses it") {
		t.Errorf("got %v", err)
	}
}

// TestTruncatedUploadsLeaveNothing: neither in memory nor on disk.
func TestTruncatedUploadsLeaveNothing(t *testing.T) {
	_, disk, _ := onDisk(t, Config{Buckets: []Bucket{{Name: "data", Objects: []Object{{Key: "k", Content: []byte("old")}}}}})
	memory := serve(t, newService(t, Config{Buckets: []Bucket{{Name: "data", Objects: []Object{{Key: "k", Content: []byte("old")}}}}}), endpoint.Origin{})
	for name, e := range map[string]*testEdge{"disk": disk, "memory": memory} {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"/data/k", "/data/new"} {
				c, err := net.Dial("tcp", e.addr.String())
				require.NoError(t, err)
				_, err = fmt.Fprintf(c, "PUT %s HTTP/1.1\r\nHost: s3.us-east-1.amazonaws.com\r\nContent-Length: 1000000\r\n\r\n%s", path, strings.Repeat("x", 100_000))
				require.NoError(t, err)
				require.NoError(t, c.(*net.TCPConn).CloseWrite())
				_, _ = io.Copy(io.Discard, c) // until S3 has given up
				require.NoError(t, c.Close())
			}
			if _, body := e.do(t, "GET", "http://data.s3.amazonaws.com/k", ""); body != "old" {
				t.Errorf("the old object is %q", body)
			}
			if resp, _ := e.do(t, "GET", "http://data.s3.amazonaws.com/new", ""); resp.StatusCode != 404 {
				t.Errorf("the new object: %s", resp.Status)
			}
		})
	}
}

// TestABrokenDiskKeepsOldObjects stands for a full one, too: where nothing can be written, requests fail with 500.
func TestABrokenDiskKeepsOldObjects(t *testing.T) {
	s, e, _ := onDisk(t, Config{Buckets: []Bucket{{Name: "data", Objects: []Object{{Key: "k", Content: []byte("old")}}}}})
	used := s.store.used
	for _, folder := range []string{"blobs", "objects"} {
		path := filepath.Join(s.store.disk.dir, folder)
		require.NoError(t, os.Rename(path, path+".away"))
		for _, key := range []string{"k", "new"} {
			if resp, body := e.do(t, "PUT", "http://data.s3.amazonaws.com/"+key, "content"); resp.StatusCode != 500 || errorCode(t, body) != "InternalError" {
				t.Errorf("without %s: got %d %s", folder, resp.StatusCode, body)
			}
		}
		require.NoError(t, os.Rename(path+".away", path))
	}
	if _, body := e.do(t, "GET", "http://data.s3.amazonaws.com/k", ""); body != "old" {
		t.Errorf("the old object is %q", body)
	}
	if s.store.used != used || len(files(t, s, "blobs")) != 1 {
		t.Errorf("%d bytes used, before %d; blobs %v", s.store.used, used, files(t, s, "blobs"))
	}
}

// TestWhoSendsToABrokenDiskIsHeardToTheEnd: the answer comes to a client that looks for it only when it has sent everything, which is more
// than the sockets hold.
func TestWhoSendsToABrokenDiskIsHeardToTheEnd(t *testing.T) {
	s, e, _ := onDisk(t, Config{Buckets: []Bucket{{Name: "data"}}})
	require.NoError(t, os.RemoveAll(filepath.Join(s.store.disk.dir, "blobs")))
	c, err := net.Dial("tcp", e.addr.String())
	require.NoError(t, err)
	defer c.Close()
	const size = 64 << 20
	_, err = fmt.Fprintf(c, "PUT /data/k HTTP/1.1\r\nHost: s3.us-east-1.amazonaws.com\r\nContent-Length: %d\r\n\r\n", size)
	require.NoError(t, err)
	_, err = c.Write(make([]byte, size))
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	require.Equal(t, 500, resp.StatusCode)
}

func TestADownloadEndsWhatItBegan(t *testing.T) {
	s, _, _ := onDisk(t, Config{Buckets: []Bucket{{Name: "data", Objects: []Object{{Key: "k", Content: bytes.Repeat([]byte("x"), 100_000)}}}}})
	o, err := s.store.GetObject(context.Background(), "data", "k", nil)
	require.NoError(t, err)
	_, err = s.store.DeleteObject(context.Background(), "data", "k")
	require.NoError(t, err)
	if content, err := io.ReadAll(o.Contents); err != nil || len(content) != 100_000 {
		t.Errorf("%d bytes, %v", len(content), err)
	}
	require.NoError(t, o.Contents.Close())
	if s.store.used != 0 || len(files(t, s, "blobs")) != 0 {
		t.Errorf("%d bytes and %v are left", s.store.used, files(t, s, "blobs"))
	}
}

func TestVersions(t *testing.T) {
	e := serve(t, newService(t, Config{Buckets: []Bucket{{Name: "data", Objects: []Object{{Key: "k", Content: []byte("zero")}}}}}), endpoint.Origin{})
	const at = "http://data.s3.us-east-1.amazonaws.com/"
	put := func(content string) string {
		resp, _ := e.do(t, "PUT", at+"k", content)
		return resp.Header.Get("X-Amz-Version-Id")
	}
	get := func(query string) string {
		resp, body := e.do(t, "GET", at+"k"+query, "")
		if resp.StatusCode != http.StatusOK {
			return resp.Status
		}
		return body
	}
	if id := put("zero again"); id != "" {
		t.Errorf("version %q in a bucket without", id)
	}
	e.do(t, "PUT", at+"?versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
	one, two := put("one"), put("two")
	resp, _ := e.do(t, "DELETE", at+"k", "")
	marker := resp.Header.Get("X-Amz-Version-Id")
	for query, want := range map[string]string{"": "404 Not Found", "?versionId=" + one: "one", "?versionId=" + two: "two"} {
		if got := get(query); got != want {
			t.Errorf("GET %s = %s, want %s", query, got, want)
		}
	}
	if resp, _ := e.do(t, "HEAD", at+"k?versionId="+one, ""); resp.ContentLength != 3 || resp.Header.Get("X-Amz-Version-Id") != one {
		t.Errorf("HEAD of a version: %v", resp.Header)
	}
	_, list := e.do(t, "GET", at+"?versions", "")
	if strings.Count(list, "<Version>") != 3 || strings.Count(list, "<DeleteMarker>") != 1 {
		t.Errorf("versions: %s", list)
	}
	e.do(t, "DELETE", at+"k?versionId="+marker, "")
	if got := get(""); got != "two" {
		t.Errorf("without the marker: %s", got)
	}
	e.do(t, "PUT", at+"?versioning", "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>")
	put("null")
	put("null again")
	put("null once more")
	e.do(t, "PUT", at+"?versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
	three := put("three")
	if got := get("?versionId=null"); got != "null once more" {
		t.Errorf("the version null is %q", got)
	}
	e.do(t, "DELETE", at+"k?versionId="+three, "")
	_, list = e.do(t, "GET", at+"?versions&max-keys=2", "")
	if strings.Count(list, "<Version>") != 2 || !strings.Contains(list, "<IsTruncated>true</IsTruncated>") {
		t.Errorf("a page of versions: %s", list)
	}
	_, list = e.do(t, "GET", at+"?versions&key-marker=k&version-id-marker="+two, "")
	if strings.Count(list, "<Version>") != 1 || !strings.Contains(list, one) {
		t.Errorf("the page after %s: %s", two, list)
	}
	e.do(t, "DELETE", at+"k?versionId=null", "")
	if got := get(""); got != "two" {
		t.Errorf("without the version null: %s", got)
	}
}
