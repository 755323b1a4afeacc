package sigv4

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// OldPresigned is a URL presigned with the signature version before this one, which S3 still takes in its older regions, and which
// the AWS CLI still makes for N. Virginia (Amazon S3 User Guide, "Authenticating requests (AWS signature version 2)"). Nothing of it is
// to be believed before Verify.
type OldPresigned struct {
	AccessKeyID  string
	SessionToken string // of temporary credentials; empty if there is none
	Expires      time.Time

	given string
}

// ParseOldPresigned reads the signature of a URL presigned in the old way; nil if it is none. A returned error is an *Error.
func ParseOldPresigned(r *http.Request) (*OldPresigned, error) {
	query := r.URL.Query()
	if !query.Has("AWSAccessKeyId") || r.Header.Get("Authorization") != "" || query.Has("X-Amz-Algorithm") {
		return nil, nil
	}
	expires, err := strconv.ParseInt(query.Get("Expires"), 10, 64)
	if err != nil || query.Get("Signature") == "" {
		return nil, denied("Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters")
	}
	return &OldPresigned{
		AccessKeyID: query.Get("AWSAccessKeyId"), SessionToken: query.Get("x-amz-security-token"), Expires: time.Unix(expires, 0), given: query.Get("Signature"),
	}, nil
}

// Verify says whether the URL was signed with the secret key and is still valid. The bucket is the one of the virtual-hosted style,
// which the signature covers, too; empty in the path style. A returned error is an *Error.
func (s *OldPresigned) Verify(r *http.Request, bucket, secret string, now time.Time) error {
	if now.After(s.Expires) {
		return denied("Request has expired", Field{"Expires", s.Expires.UTC().Format(time.RFC3339)}, Field{"ServerTime", now.UTC().Format(time.RFC3339)})
	}
	text := strings.Join([]string{
		r.Method, r.Header.Get("Content-MD5"), r.Header.Get("Content-Type"), strconv.FormatInt(s.Expires.Unix(), 10), oldHeaders(r) + oldResource(r, bucket),
	}, "\n")
	h := hmac.New(sha1.New, []byte(secret))
	h.Write([]byte(text))
	if !sameSignature(s.given, base64.StdEncoding.EncodeToString(h.Sum(nil))) {
		return &Error{"SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your key and signing method.", 403, []Field{
			{"AWSAccessKeyId", s.AccessKeyID}, {"StringToSign", text}, {"SignatureProvided", s.given},
		}}
	}
	return nil
}

// oldHeaders writes the headers that are S3's own, one a line. A URL has them as parameters: the token of temporary credentials is
// signed as if it were a header, as the AWS CLI and SDKs do.
func oldHeaders(r *http.Request) string {
	var lines []string
	for _, all := range []map[string][]string{r.Header, r.URL.Query()} {
		for name, values := range all {
			if name = strings.ToLower(name); strings.HasPrefix(name, "x-amz-") {
				lines = append(lines, name+":"+strings.TrimSpace(strings.Join(values, ","))+"\n")
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// oldSubresources are the query parameters that the signature covers.
var oldSubresources = []string{
	"accelerate", "acl", "cors", "delete", "lifecycle", "location", "logging", "notification", "partNumber", "policy", "replication", "requestPayment",
	"response-cache-control", "response-content-disposition", "response-content-encoding", "response-content-language", "response-content-type",
	"response-expires", "restore", "tagging", "torrent", "uploadId", "uploads", "versionId", "versioning", "versions", "website",
}

// oldResource writes bucket, path and the parameters that select what of it is meant.
func oldResource(r *http.Request, bucket string) string {
	resource := r.URL.EscapedPath()
	if bucket != "" {
		resource = "/" + bucket + resource
	}
	var parameters []string
	for part := range strings.SplitSeq(r.URL.RawQuery, "&") {
		name, value, has := strings.Cut(part, "=")
		if !slices.Contains(oldSubresources, name) {
			continue
		}
		if plain, err := url.QueryUnescape(value); has && err == nil {
			name += "=" + plain
		}
		parameters = append(parameters, name)
	}
	if slices.Sort(parameters); len(parameters) > 0 {
		resource += "?" + strings.Join(parameters, "&")
	}
	return resource
}
