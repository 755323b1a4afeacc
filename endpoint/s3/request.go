package s3

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/rclone/gofakes3"

	"vpcsim/endpoint"
	"vpcsim/endpoint/policy"
	"vpcsim/endpoint/sigv4"
)

// request is one request on its way: what it says, once it is read, and who makes it, once that is known. It belongs to the goroutine
// that serves it.
type request struct {
	http      *http.Request
	service   *Service
	host      host
	query     url.Values
	bucket    string
	key       string
	operation policy.Operation
	signature *sigv4.Signature // nil if there is none, or nobody who could have made one
	access    Access
	state     *bucket       // what the bucket was when the request came; nil if it was not there
	location  string        // region of the bucket to be made
	inner     *http.Request // for the library, once plain was called
	broken    *apiError     // the answer in place of the library's: what is wrong with the body, once it was read that far
}

// refuse gives the answer that the library is to give way to, since it knows few of S3's errors.
func (q *request) refuse(err error) error {
	q.broken = asAPIError(err)
	return q.broken
}

type requestKey struct{}

// requestOf returns the request that the store is called for; nil when objects are loaded from the start.
func requestOf(ctx context.Context) *request {
	q, _ := ctx.Value(requestKey{}).(*request)
	return q
}

// read finds out what a request asks for, and of which S3. A returned error is an *apiError, as everywhere here.
func (s *Service) read(r *http.Request) (*request, error) {
	origin, ok := endpoint.FromContext(r.Context())
	if !ok {
		return nil, errors.New("a request without an origin") // never taken for one from the internet
	}
	c := connOf(r.Context())
	q := &request{service: s, host: parseHost(r.Host), query: r.URL.Query()}
	q.http = r.WithContext(context.WithValue(r.Context(), requestKey{}, q))
	q.access = Access{Origin: origin, Peer: c.record.peer.Addr(), Secure: r.TLS != nil, Now: s.now(), Region: s.regionOf(c.record.local.Addr(), q.host)}
	q.bucket, q.key = splitPath(r.URL.Path)
	if q.host.bucket != "" {
		q.bucket, q.key = q.host.bucket, strings.TrimPrefix(r.URL.Path, "/")
	}
	q.access.Bucket, q.access.Key = q.bucket, q.key
	switch {
	case q.host.website:
		return q, fail(404, "NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration")
	case strings.Contains(q.bucket, "/"):
		return q, fail(400, "InvalidBucketName", "The specified bucket is not valid.")
	}
	name, err := operationOf(r.Method, q.bucket, q.key, q.query, r.Header)
	if err != nil {
		return q, err
	}
	if q.operation, ok = policy.FindOperation(name); !ok {
		return q, fail(501, "NotImplemented", "A header you provided implies functionality that is not implemented: %s", name)
	}
	return q, nil
}

// authenticate finds out who makes the request. Where there is nobody with keys a signature says nothing, and all are anonymous.
func (q *request) authenticate(w http.ResponseWriter) error {
	s, now := q.service, q.access.Now
	who := s.identities.Load()
	q.access.Conditions = conditions(q.http, q.query, nil, now)
	if who.nobody() {
		return nil
	}
	if old, err := sigv4.ParseOldPresigned(q.http); old != nil || err != nil {
		return q.authenticateOld(who, old, err)
	}
	signature, err := sigv4.Parse(q.http)
	if err != nil || signature == nil {
		return err
	}
	if err := q.checkScope(w, signature); err != nil {
		return err
	}
	var secret string
	if q.access.Principal, secret, err = who.key(s.issuer, signature.AccessKeyID, signature.SessionToken, now); err != nil {
		return err
	}
	if err := signature.CheckTime(now); err != nil {
		return err
	}
	if err := signature.Verify(q.http, secret); err != nil {
		return err
	}
	q.signature, q.access.Conditions = signature, conditions(q.http, q.query, signature, now)
	return nil
}

// authenticateOld does so for a URL that was presigned in the old way.
func (q *request) authenticateOld(who *identities, old *sigv4.OldPresigned, err error) error {
	if err != nil {
		return err
	}
	principal, secret, err := who.key(q.service.issuer, old.AccessKeyID, old.SessionToken, q.access.Now)
	if err != nil {
		return err
	}
	if err := old.Verify(q.http, q.host.bucket, secret, q.access.Now); err != nil {
		return err
	}
	q.access.Principal = principal
	q.access.Conditions.Set("s3:signatureversion", "AWS")
	q.access.Conditions.Set("s3:authType", "REST-QUERY-STRING")
	return nil
}

// checkScope says whether the signature is for this service in this region. Clients that get the region
// wrong find the right one in the answer.
func (q *request) checkScope(w http.ResponseWriter, s *sigv4.Signature) error {
	code := "AuthorizationHeaderMalformed"
	if s.Presigned {
		code = "AuthorizationQueryParametersError"
	}
	switch {
	case s.Service != "s3":
		return fail(400, code, "The authorization header is malformed; incorrect service %q. This endpoint belongs to \"s3\".", s.Service)
	case s.Region != q.access.Region:
		if q.state != nil {
			w.Header().Set("X-Amz-Bucket-Region", q.state.region)
		}
		return withField(fail(400, code, "The authorization header is malformed; the region '%s' is wrong; expecting '%s'", s.Region, q.access.Region), "Region", q.access.Region)
	}
	return nil
}

func withField(e *apiError, name, value string) *apiError {
	e.Fields = append(e.Fields, sigv4.Field{Name: name, Value: value})
	return e
}

// authorise says whether all that the operation needs is allowed. What needs a look into the body, as the deletion of many keys, is
// judged when the store is asked for each.
func (q *request) authorise() error {
	if q.operation.Name == "DeleteObjects" || q.operation.Name == "PostObject" {
		return nil
	}
	if q.key != "" {
		q.existingTags()
	}
	source, version, _ := strings.Cut(q.http.Header.Get("X-Amz-Copy-Source"), "?")
	if version != "" { // the library would copy the current one
		return fail(501, "NotImplemented", "A header you provided implies functionality that is not implemented: a version in x-amz-copy-source")
	}
	source, err := url.QueryUnescape(source) // as the library reads it, so that both mean the same object
	if err != nil {
		return fail(400, "InvalidArgument", "Invalid copy source encoding")
	}
	asked := asked{
		bucket: q.bucket, key: q.key, version: q.query.Get("versionId") != "", source: source,
		has: func(header string) bool { return q.http.Header.Get(header) != "" },
	}
	for _, p := range permissions(q.operation, asked) {
		if err := q.permit(p); err != nil {
			return err
		}
	}
	return q.hideAbsence()
}

// permit judges one permission.
func (q *request) permit(p Permission) error {
	if j := q.service.authoriser.judge(&q.access, p); !j.Verdict.Allowed {
		return fail(403, "AccessDenied", "%s", j.Verdict.Message)
	}
	return nil
}

// permitKey judges an action on an object that only the body names.
func (q *request) permitKey(action, bucket, key string) error {
	return q.permit(Permission{action, policy.ObjectResource.ARN(bucket, key), bucket})
}

// hideAbsence answers as if access were denied where an object is not there and the one who asks may not list the bucket
// (S3 API Reference, GetObject: with s3:ListBucket it is 404, else 403).
func (q *request) hideAbsence() error {
	if name := q.operation.Name; name != "GetObject" && name != "HeadObject" {
		return nil
	}
	if _, err := q.service.store.HeadObject(q.http.Context(), q.bucket, q.key); !gofakes3.HasErrorCode(err, gofakes3.ErrNoSuchKey) {
		return nil
	}
	return q.permit(Permission{"s3:ListBucket", policy.BucketResource.ARN(q.bucket, ""), q.bucket})
}

// existingTags adds the condition keys of the object's tags.
func (q *request) existingTags() {
	if o, err := q.service.store.HeadObject(q.http.Context(), q.bucket, q.key); err == nil {
		tags, _ := url.ParseQuery(o.Metadata[gofakes3.TaggingMetadataKey]) // the library's own encoding
		setTags(q.access.Conditions, "s3:ExistingObjectTag", tags)
	}
}

// plain rewrites the request for the library, which knows the path style alone, and to which bodies are sent as they are.
func (q *request) plain() (*http.Request, error) {
	if q.inner != nil {
		return q.inner, nil
	}
	r := q.http.Clone(q.http.Context())
	if r.URL.Path, r.URL.RawPath = "/"+q.bucket, ""; q.key != "" {
		r.URL.Path += "/" + q.key
	}
	size := r.ContentLength
	hashed := r.Header.Get("X-Amz-Content-Sha256")
	if sigv4.Chunked(hashed) {
		var err error
		if size, err = strconv.ParseInt(r.Header.Get("X-Amz-Decoded-Content-Length"), 10, 64); err != nil || size < 0 {
			return nil, fail(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
		}
		r.ContentLength = size
		r.Header.Set("Content-Length", strconv.FormatInt(size, 10))
		r.Header.Del("X-Amz-Decoded-Content-Length")
		dropEncoding(r.Header)
	}
	r.Body = &body{q, q.signature.Body(q.http, size), q.http.Body}
	if size == 0 {
		if _, err := r.Body.Read(make([]byte, 1)); q.broken != nil { // nobody reads what is empty
			return nil, err
		}
	}
	r.Header.Del("X-Amz-Content-Sha256") // the body is verified, and no longer in chunks
	r.Header.Del("X-Amz-Date")           // the clock was looked at
	convertConditions(r.Header, storedETag)
	q.inner = r
	return r, nil
}

// dropEncoding takes aws-chunked, which the body no longer is, out of its encodings.
func dropEncoding(h http.Header) {
	var rest []string
	for name := range strings.SplitSeq(h.Get("Content-Encoding"), ",") {
		if name = strings.TrimSpace(name); name != "" && name != "aws-chunked" {
			rest = append(rest, name)
		}
	}
	if h.Del("Content-Encoding"); len(rest) > 0 {
		h.Set("Content-Encoding", strings.Join(rest, ","))
	}
}

// body is a request's body, verified while it is read. What was wrong with it stays with the request: the answer tells it, whatever
// the library makes of it.
type body struct {
	request *request
	io.Reader
	io.Closer
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if broken := new(apiError); errors.As(err, &broken) {
		return n, b.request.refuse(broken)
	}
	return n, err
}
