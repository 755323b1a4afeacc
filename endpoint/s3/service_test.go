package s3

import (
	"bufio"
	"crypto/md5"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/endpoint"
)

func TestRequestsInEveryStyle(t *testing.T) {
	s := newService(t, Config{Buckets: []Bucket{
		{Name: "data", Objects: []Object{{Key: "hello.txt", Content: []byte("hello from S3")}, {Key: "dir/two", Content: []byte("2")}}},
		{Name: "dotted.name", Objects: []Object{{Key: "k", Content: []byte("dots")}}},
	}})
	e := serve(t, s, endpoint.Origin{})
	for _, tc := range []struct {
		name, method, url, body string
		header                  []string
		status                  int
		want                    string // in the body
	}{
		{"path style", "GET", "http://s3.us-east-1.amazonaws.com/data/hello.txt", "", nil, 200, "hello from S3"},
		{"path style by address", "GET", "http://52.216.0.1/data/hello.txt", "", nil, 200, "hello from S3"},
		{"virtual-hosted style", "GET", "http://data.s3.us-east-1.amazonaws.com/hello.txt", "", nil, 200, "hello from S3"},
		{"virtual-hosted style, global name", "GET", "http://data.s3.amazonaws.com/hello.txt", "", nil, 200, "hello from S3"},
		{"virtual-hosted style, old dash form", "GET", "http://data.s3-us-east-1.amazonaws.com/hello.txt", "", nil, 200, "hello from S3"},
		{"virtual-hosted style with a port and a key with a slash", "GET", "http://data.s3.us-east-1.amazonaws.com:80/dir/two", "", nil, 200, "2"},
		{"virtual-hosted bucket with dots", "GET", "http://dotted.name.s3.us-east-1.amazonaws.com/k", "", nil, 200, "dots"},
		{"a range", "GET", "http://data.s3.amazonaws.com/hello.txt", "", []string{"Range", "bytes=6-9"}, 206, "from"},
		{"a range beyond the end", "GET", "http://data.s3.amazonaws.com/hello.txt", "", []string{"Range", "bytes=99-"}, 416, "InvalidRange"},
		{"a listing", "GET", "http://data.s3.amazonaws.com/?list-type=2&prefix=hel", "", nil, 200, "<Key>hello.txt</Key>"},
		{"a listing by path", "GET", "http://s3.us-east-1.amazonaws.com/data", "", nil, 200, "<Key>dir/two</Key>"},
		{"all buckets", "GET", "http://s3.us-east-1.amazonaws.com/", "", nil, 200, "<Name>dotted.name</Name>"},
		{"no such key", "GET", "http://s3.us-east-1.amazonaws.com/data/none", "", nil, 404, "<Code>NoSuchKey</Code>"},
		{"no such bucket", "GET", "http://none.s3.us-east-1.amazonaws.com/x", "", nil, 404, "<Code>NoSuchBucket</Code>"},
		{"a copy", "PUT", "http://data.s3.amazonaws.com/copy", "", []string{"X-Amz-Copy-Source", "/data/hello.txt"}, 200, "CopyObjectResult"},
		{"the copy's content", "GET", "http://data.s3.amazonaws.com/copy", "", nil, 200, "hello from S3"},
		{"a new bucket", "PUT", "http://s3.us-east-1.amazonaws.com/another", "", nil, 200, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			resp, body := e.do(t, tc.method, tc.url, tc.body, tc.header...)
			if resp.StatusCode != tc.status || !strings.Contains(body, tc.want) {
				t.Errorf("got %d %q, want %d with %q", resp.StatusCode, body, tc.status, tc.want)
			}
			for _, h := range []string{"X-Amz-Request-Id", "Date"} {
				if resp.Header.Get(h) == "" {
					t.Errorf("no %s header", h)
				}
			}
			if got := resp.Header.Get("Server"); got != "AmazonS3" {
				t.Errorf("Server = %q", got)
			}
		})
	}
}

func TestAnObjectIsPutFoundAndDeleted(t *testing.T) {
	e := serve(t, newService(t, Config{Buckets: []Bucket{{Name: "data"}}}), endpoint.Origin{})
	const url = "http://data.s3.us-east-1.amazonaws.com/new key"
	resp, _ := e.do(t, "PUT", url, "content", "X-Amz-Meta-Colour", "red")
	require.Equal(t, 200, resp.StatusCode)

	resp, body := e.do(t, "HEAD", url, "")
	if resp.StatusCode != 200 || body != "" || resp.ContentLength != 7 || resp.Header.Get("X-Amz-Meta-Colour") != "red" {
		t.Errorf("HEAD = %v %q", resp, body)
	}
	if got := resp.Header.Get("Content-Type"); got != defaultContentType {
		t.Errorf("Content-Type = %q, want %q", got, defaultContentType)
	}
	if got := resp.Header.Get("X-Amz-Version-Id"); got != "" {
		t.Errorf("version %q in a bucket without versioning", got)
	}

	resp, _ = e.do(t, "DELETE", url, "")
	require.Equal(t, 204, resp.StatusCode)
	_, body = e.do(t, "GET", url, "")
	if got := errorCode(t, body); got != "NoSuchKey" {
		t.Errorf("after the deletion: %s", got)
	}
}

func TestMultipartUpload(t *testing.T) {
	s := newService(t, Config{Buckets: []Bucket{{Name: "data"}}, MaxBytes: 16 << 20})
	e := serve(t, s, endpoint.Origin{})
	const url = "http://data.s3.us-east-1.amazonaws.com/big"
	part := strings.Repeat("x", minPart)

	_, body := e.do(t, "POST", url+"?uploads", "")
	var begun struct {
		UploadID string `xml:"UploadId"`
	}
	require.NoError(t, xml.Unmarshal([]byte(body), &begun))
	id := "&uploadId=" + begun.UploadID

	first, _ := e.do(t, "PUT", url+"?partNumber=1"+id, part)
	second, _ := e.do(t, "PUT", url+"?partNumber=2"+id, "tail")
	again, _ := e.do(t, "PUT", url+"?partNumber=1"+id, part)
	require.Equal(t, first.Header.Get("ETag"), again.Header.Get("ETag"))

	_, body = e.refused(t, "PUT", url+"?partNumber=3"+id, part+part+part)
	if got := errorCode(t, body); got != "EntityTooLarge" {
		t.Errorf("a part over the limit: %s", got)
	}
	list := func(order ...string) string {
		return "<CompleteMultipartUpload>" + strings.Join(order, "") + "</CompleteMultipartUpload>"
	}
	one := "<Part><PartNumber>1</PartNumber><ETag>" + first.Header.Get("ETag") + "</ETag></Part>"
	two := "<Part><PartNumber>2</PartNumber><ETag>" + second.Header.Get("ETag") + "</ETag></Part>"
	for code, order := range map[string][]string{
		"InvalidPartOrder": {two, one},
		"InvalidPart":      {one, strings.Replace(two, ">2<", ">7<", 1)},
		"MalformedXML":     {},
	} {
		if _, body := e.do(t, "POST", url+"?x"+id, list(order...)); errorCode(t, body) != code {
			t.Errorf("parts %v: got %s, want %s", order, body, code)
		}
	}
	resp, body := e.do(t, "POST", url+"?x"+id, list(one, two))
	require.Equal(t, 200, resp.StatusCode, body)
	tag := fmt.Sprintf(`"%x-2"`, md5.Sum(append(hash([]byte(part)), hash([]byte("tail"))...)))
	if !strings.Contains(body, strings.Trim(tag, `"`)) {
		t.Errorf("completed with %s, want the entity tag %s", body, tag)
	}
	if resp, _ := e.do(t, "HEAD", url, ""); resp.Header.Get("ETag") != tag {
		t.Errorf("ETag = %s, want %s", resp.Header.Get("ETag"), tag)
	}
	if _, body := e.do(t, "GET", url+"?attributes", "", "X-Amz-Object-Attributes", "ETag"); !strings.Contains(body, strings.Trim(tag, `"`)+"<") {
		t.Errorf("attributes %s, want the entity tag %s", body, tag)
	}
	if resp, _ := e.do(t, "GET", url, "", "If-Match", tag, "Range", "bytes=5242880-"); resp.StatusCode != 206 {
		t.Errorf("GET if it matches = %s, want 206", resp.Status)
	}
	if resp, _ := e.do(t, "GET", url, "", "If-None-Match", tag); resp.StatusCode != 304 {
		t.Errorf("GET if it does not match = %s, want 304", resp.Status)
	}
	if resp, body := e.do(t, "GET", url, ""); body != part+"tail" {
		t.Errorf("GET = %d and %d bytes, want 200 and %d", resp.StatusCode, len(body), len(part)+4)
	}
}

func TestPatternObjects(t *testing.T) {
	const size = 1<<20 + 5
	s := newService(t, Config{Buckets: []Bucket{{Name: "data", Objects: []Object{{Key: "p", Size: size}, {Key: "empty"}}}}, MaxBytes: 32 << 10})
	e := serve(t, s, endpoint.Origin{})
	const url = "http://data.s3.us-east-1.amazonaws.com/p"

	resp, whole := e.do(t, "GET", url, "")
	require.Len(t, whole, size)
	if want := etag(hash([]byte(whole))); resp.Header.Get("ETag") != want {
		t.Errorf("ETag = %s, want the content's MD5 %s", resp.Header.Get("ETag"), want)
	}
	if got := whole[32:48]; got != "000000000000020\n" {
		t.Errorf("line 2 = %q", got)
	}
	if resp, part := e.do(t, "GET", url, "", "Range", "bytes=1000003-"); part != whole[1000003:] {
		t.Errorf("range = %d %s, differs from the whole", resp.StatusCode, resp.Header.Get("Content-Range"))
	}
	if resp, _ := e.do(t, "HEAD", url, ""); resp.ContentLength != size {
		t.Errorf("HEAD length = %d, want %d", resp.ContentLength, size)
	}
	if _, body := e.do(t, "GET", "http://data.s3.amazonaws.com/", ""); !strings.Contains(body, "<Size>1048581</Size>") {
		t.Errorf("listing %s", body)
	}
	if resp, body := e.do(t, "GET", "http://data.s3.amazonaws.com/empty", ""); resp.StatusCode != 200 || body != "" {
		t.Errorf("empty object = %d %q", resp.StatusCode, body)
	}
	if resp, body := e.do(t, "PUT", "http://data.s3.amazonaws.com/copy", "", "X-Amz-Copy-Source", "/data/p"); resp.StatusCode != 200 {
		t.Errorf("a copy of a pattern needs no room: %s", body)
	}
	e.do(t, "PUT", url, "now real")
	if _, body := e.do(t, "GET", url, ""); body != "now real" {
		t.Errorf("after overwriting: %q", body)
	}
}

func TestUploadsStayWithinTheBudget(t *testing.T) {
	s := newService(t, Config{Buckets: []Bucket{{Name: "data"}}, MaxBytes: 100 << 10})
	e := serve(t, s, endpoint.Origin{})
	const url = "http://data.s3.us-east-1.amazonaws.com/"
	body := strings.Repeat("x", 60<<10)
	put := func(key, body string) int {
		resp, answer := e.do(t, "PUT", url+key, body)
		if resp.StatusCode != 200 && errorCode(t, answer) != "EntityTooLarge" {
			t.Errorf("PUT %s: %s", key, answer)
		}
		return resp.StatusCode
	}
	for i, step := range []struct {
		key, body string
		want      int
	}{
		{"a", body, 200},
		{"b", body, 400},
		{"a", "small now", 200},
		{"b", body, 200},
		{"b", body[:20<<10], 200},
		{"c", body, 200},
	} {
		if got := put(step.key, step.body); got != step.want {
			t.Errorf("step %d, PUT of %d bytes to %s: %d, want %d", i, len(step.body), step.key, got, step.want)
		}
	}
	for _, key := range []string{"a", "b", "c"} {
		e.do(t, "DELETE", url+key, "")
	}
	if got := put("d", body); got != 200 {
		t.Errorf("after deleting everything: %d", got)
	}
	resp, answer := e.refused(t, "POST", url, strings.Repeat("x", maxPostBytes+1), "Content-Type", "multipart/form-data; boundary=x")
	if resp.StatusCode != 400 {
		t.Errorf("an endless form: %d %s", resp.StatusCode, answer)
	}
}

func TestABodyOfUnknownLengthIsRefused(t *testing.T) {
	e := serve(t, newService(t, Config{Buckets: []Bucket{{Name: "data"}}}), endpoint.Origin{})
	req, err := http.NewRequest("PUT", "http://data.s3.amazonaws.com/x", struct{ io.Reader }{strings.NewReader("?")})
	require.NoError(t, err)
	resp, err := e.client.Do(req)
	require.NoError(t, err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusNotImplemented {
		t.Errorf("chunked PUT = %s, want 501", resp.Status)
	}
}

func TestBadConfigurationIsNamed(t *testing.T) {
	for _, tc := range []struct {
		name   string
		bucket Bucket
		want   string
	}{
		{"a bucket name S3 doesn't allow", Bucket{Name: "Big_Bucket"}, `"Big_Bucket"`},
		{"an object without a key", Bucket{Name: "data", Objects: []Object{{}}}, `object ""`},
		{"an object over the limit", Bucket{Name: "data", Objects: []Object{{Key: "k", Content: make([]byte, 2048)}}}, `object "k"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := New(Config{Region: region, MaxBytes: 1024, Buckets: []Bucket{tc.bucket}})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("New = %v, want an error with %s", err, tc.want)
			}
		})
	}
}

func TestTheListenerIsTheOrigin(t *testing.T) {
	s := newService(t, Config{Buckets: []Bucket{{Name: "data"}}})
	seen := make(chan endpoint.Origin, 1)
	next := s.library
	s.library = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o, ok := endpoint.FromContext(r.Context())
		if !ok {
			t.Error("a request without an origin")
		}
		seen <- o
		next.ServeHTTP(w, r)
	})
	for _, origin := range []endpoint.Origin{{}, {VPC: "vpc-1", Endpoint: "vpce-1"}, {VPC: "vpc-2", Endpoint: "vpce-2"}} {
		e := serve(t, s, origin)
		e.do(t, "HEAD", "http://s3.us-east-1.amazonaws.com/data", "")
		if got := <-seen; got != origin {
			t.Errorf("a request at %v came from %v", origin, got)
		}
		records := s.Connections()
		if got := records[len(records)-1]; got.Origin != origin || got.Local != e.addr {
			t.Errorf("record %+v, want origin %v at %v", got, origin, e.addr)
		}
	}
}

func TestClosingAnEdgeCutsItsConnectionsAndNoOthers(t *testing.T) {
	s := newService(t, Config{Buckets: []Bucket{{Name: "data", Objects: []Object{{Key: "k", Content: []byte("v")}, {Key: "huge", Content: make([]byte, 24<<20)}}}}})
	origin := endpoint.Origin{VPC: "vpc-1", Endpoint: "vpce-1"}
	internet, private := serve(t, s, endpoint.Origin{}), serve(t, s, origin)
	internet.do(t, "GET", "http://data.s3.amazonaws.com/k", "")
	private.do(t, "GET", "http://data.s3.amazonaws.com/k", "")

	// a response that can't finish: nobody reads it
	stuck, err := net.Dial("tcp", private.addr.String())
	require.NoError(t, err)
	defer stuck.Close()
	_, err = io.WriteString(stuck, "GET /data/huge HTTP/1.1\r\nHost: s3.us-east-1.amazonaws.com\r\n\r\n")
	require.NoError(t, err)
	_, err = bufio.NewReader(stuck).ReadString('\n')
	require.NoError(t, err)

	s.CloseEdge(origin)
	if err := <-private.served; err != nil {
		t.Errorf("Serve = %v, want nil", err)
	}
	if _, err := net.Dial("tcp", private.addr.String()); err == nil {
		t.Error("the closed edge still accepts")
	}
	if n, _ := io.Copy(io.Discard, stuck); n >= 24<<20 {
		t.Error("the closed edge finished its response")
	}
	for _, c := range s.Connections() {
		if open := c.Closed == 0; open != (c.Origin == endpoint.Origin{}) {
			t.Errorf("open = %v: %+v", open, c)
		}
	}
	before := len(s.Connections())
	internet.do(t, "GET", "http://data.s3.amazonaws.com/k", "")
	if got := len(s.Connections()); got != before {
		t.Errorf("the other edge's client had to connect again: %d records, before %d", got, before)
	}
	again := serve(t, s, origin)
	if resp, _ := again.do(t, "GET", "http://data.s3.amazonaws.com/k", ""); resp.StatusCode != 200 {
		t.Errorf("the edge served again: %s", resp.Status)
	}
}

func TestClosingTheListenerOrTheServiceEndsServe(t *testing.T) {
	s := newService(t, Config{})
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	if err := s.Serve(l, endpoint.Origin{}); err != nil {
		t.Errorf("Serve on a closed listener = %v, want nil", err)
	}
	e := serve(t, s, endpoint.Origin{})
	e.do(t, "GET", "http://s3.amazonaws.com/", "")
	s.CloseEdge(endpoint.Origin{VPC: "vpc-none"})
	require.NoError(t, s.Close())
	if err := <-e.served; err != nil {
		t.Errorf("Serve = %v, want nil", err)
	}
	l, err = net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	if err := s.Serve(l, endpoint.Origin{}); err == nil {
		t.Error("Serve after Close succeeded")
	}
}
