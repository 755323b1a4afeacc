package s3

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ServeHTTP answers one request: what it asks, of which region's S3, by whom, and whether that is allowed; then the service itself
// answers what is about policies and places, and the library all else.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	connOf(r.Context()).record.requests.Add(1)
	nameAnswer(w.Header())
	q, err := s.read(r)
	for _, step := range []func() error{
		func() error { return q.redirect(w) }, func() error { return q.authenticate(w) }, func() error { return q.exists() }, func() error { return q.authorise() },
	} {
		if err == nil {
			err = step()
		}
	}
	if err == nil {
		err = q.answer(w)
	}
	if err != nil {
		writeError(w, r, asAPIError(err))
	}
}

// asAPIError is the answer to an error: S3's own, or that something went wrong here.
func asAPIError(err error) *apiError {
	if e := new(apiError); errors.As(err, &e) {
		return e
	}
	return fail(500, "InternalError", "We encountered an internal error. Please try again. (%s)", err)
}

// nameAnswer gives an answer what every one of S3's has.
func nameAnswer(h http.Header) {
	id := make([]byte, 8+48)
	_, _ = rand.Read(id) // never fails
	h.Set("X-Amz-Request-Id", strings.ToUpper(hex.EncodeToString(id[:8])))
	h.Set("X-Amz-Id-2", base64.StdEncoding.EncodeToString(id[8:]))
	h.Set("Server", "AmazonS3")
}

// regionOf returns the region of the S3 that was reached: whose address it is, and of several the one that the name says. Addresses went
// from one region to another over the years, and the regions' CIDRs are those of all years.
func (s *Service) regionOf(local netip.Addr, h host) string {
	found, named := "", h.region
	if h.service && named == "" {
		named = globalRegion
	}
	for _, r := range s.regions {
		for _, cidr := range r.CIDRs {
			switch {
			case !cidr.Contains(local):
			case r.Name == named:
				return named
			case found == "":
				found = r.Name
			}
		}
	}
	switch {
	case found != "":
		return found
	case named != "":
		return named
	}
	return s.region
}

// redirect answers a request for a bucket of another region as S3 does (aws-semantics 10: VirtualHosting): the global name with the bucket
// in it leads on for now, all others are wrong for good. Where a bucket is may be asked of N. Virginia's S3 for all of them.
func (q *request) redirect(w http.ResponseWriter) error {
	q.state = q.service.buckets.find(q.bucket)
	b := q.state
	if b == nil || b.region == q.access.Region {
		return nil
	}
	if q.operation.Name == "GetBucketLocation" && q.access.Region == globalRegion {
		return nil
	}
	w.Header().Set("X-Amz-Bucket-Region", b.region)
	at := q.bucket + ".s3." + b.region + ".amazonaws.com"
	if q.host.bucket == "" || q.host.region != "" {
		e := fail(301, "PermanentRedirect", "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.")
		return withField(withField(e, "Endpoint", at), "Bucket", q.bucket)
	}
	scheme := map[bool]string{false: "http", true: "https"}[q.access.Secure]
	w.Header().Set("Location", scheme+"://"+at+q.http.URL.RequestURI())
	e := fail(307, "TemporaryRedirect", "Please re-send this request to the specified temporary endpoint. Continue to use the original request endpoint for future requests.")
	return withField(withField(e, "Endpoint", at), "Bucket", q.bucket)
}

// exists says whether the bucket is there, which S3 tells everybody.
func (q *request) exists() error {
	if q.bucket == "" || q.operation.Name == "CreateBucket" || q.state != nil {
		return nil
	}
	return noSuchBucket(q.bucket)
}

// answer does what was asked.
func (q *request) answer(w http.ResponseWriter) error {
	switch q.operation.Name {
	case "GetBucketLocation":
		return q.tellLocation(w)
	case "GetBucketPolicy":
		return q.getPolicy(w)
	case "GetBucketPolicyStatus":
		return q.policyStatus(w)
	case "PutBucketPolicy":
		return q.putPolicy(w)
	case "DeleteBucketPolicy":
		if err := q.service.SetBucketPolicy(q.bucket, ""); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	case "CreateBucket":
		if err := q.checkLocation(); err != nil {
			return err
		}
	case "HeadBucket", "ListObjects", "ListObjectsV2":
		w.Header().Set("X-Amz-Bucket-Region", q.access.Region)
	}
	r, err := q.plain()
	if err != nil {
		return err
	}
	a := &answer{ResponseWriter: w, request: q}
	q.service.library.ServeHTTP(a, r)
	a.WriteHeader(http.StatusOK) // if the library said nothing
	return nil
}

const xmlns = "http://s3.amazonaws.com/doc/2006-03-01/"

// writeXML answers with a document.
func writeXML(w http.ResponseWriter, document any) error {
	text, err := xml.Marshal(document)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/xml")
	_, _ = io.WriteString(w, xml.Header+string(text)) // the client may be gone
	return nil
}

// tellLocation tells the bucket's region; N. Virginia's is none (S3 API Reference, GetBucketLocation).
func (q *request) tellLocation(w http.ResponseWriter) error {
	region := q.state.region
	if region == globalRegion {
		region = ""
	}
	return writeXML(w, struct {
		XMLName xml.Name `xml:"LocationConstraint"`
		Xmlns   string   `xml:"xmlns,attr"`
		Region  string   `xml:",chardata"`
	}{Xmlns: xmlns, Region: region})
}

func (q *request) getPolicy(w http.ResponseWriter) error {
	text := q.state.text
	if text == "" {
		return withField(fail(404, "NoSuchBucketPolicy", "The bucket policy does not exist"), "BucketName", q.bucket)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, text) // the client may be gone
	return nil
}

func (q *request) policyStatus(w http.ResponseWriter) error {
	text := q.state.text
	if text == "" {
		return withField(fail(404, "NoSuchBucketPolicy", "The bucket policy does not exist"), "BucketName", q.bucket)
	}
	return writeXML(w, struct {
		XMLName  xml.Name `xml:"PolicyStatus"`
		Xmlns    string   `xml:"xmlns,attr"`
		IsPublic bool
	}{Xmlns: xmlns, IsPublic: isPublic(text)})
}

// maxPolicy is how long a bucket policy may be (S3 User Guide: 20 KB).
const maxPolicy = 20 << 10

func (q *request) putPolicy(w http.ResponseWriter) error {
	text, err := q.small(maxPolicy)
	if err != nil {
		return err
	}
	if err := q.service.SetBucketPolicy(q.bucket, string(text)); err != nil {
		if e := new(apiError); errors.As(err, &e) {
			return e
		}
		return malformedPolicy(err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// checkLocation finds out the region of a bucket to be made: that of the S3 which was asked, whatever the client says; by the global name
// any (S3 API Reference, CreateBucket).
func (q *request) checkLocation() error {
	var said struct {
		Region string `xml:"LocationConstraint"`
	}
	r, err := q.plain()
	if err != nil {
		return err
	}
	if r.ContentLength != 0 {
		text, err := q.small(maxPolicy)
		if err != nil {
			return err
		}
		r.Body = io.NopCloser(bytes.NewReader(text))
		if xml.Unmarshal(text, &said) != nil {
			return fail(400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
		}
	}
	q.location = q.access.Region
	wanted := said.Region
	switch global := q.host.service && q.host.region == ""; {
	case global && wanted != "":
		if !slices.ContainsFunc(q.service.regions, func(r Region) bool { return r.Name == wanted }) {
			return fail(400, "InvalidLocationConstraint", "The specified location-constraint is not valid")
		}
		q.location = wanted
	case wanted == "" && q.access.Region != globalRegion && q.host.service:
		return fail(400, "IllegalLocationConstraintException", "The unspecified location constraint is incompatible for the region specific endpoint this request was sent to.")
	case wanted != "" && wanted != q.access.Region:
		return fail(400, "IllegalLocationConstraintException", "The %s location constraint is incompatible for the region specific endpoint this request was sent to.", wanted)
	}
	return nil
}

// small reads a short body.
func (q *request) small(limit int64) ([]byte, error) {
	r, err := q.plain()
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	switch {
	case q.broken != nil:
		return nil, q.broken
	case err != nil:
		return nil, fail(400, "IncompleteBody", "The request body could not be read")
	case int64(len(text)) > limit:
		return nil, fail(400, "MaxMessageLengthExceeded", "Your request was too big.")
	case len(text) == 0:
		return nil, fail(400, "MissingRequestBodyError", "Request Body is empty")
	}
	return text, nil
}
