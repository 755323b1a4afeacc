package s3

import (
	"net"
	"net/http"
	"strings"
)

// virtualHosted counts the request on its connection and turns the virtual-hosted style into the path style, which is all
// that next understands: GET /key at host bucket.s3.us-east-1.amazonaws.com becomes GET /bucket/key. Both styles and the
// old dash form are S3's own (aws-semantics 10: VirtualHosting).
//
// A signature covers the request as it was sent, so an authoriser belongs before this step.
func virtualHosted(region string, next http.Handler) http.Handler {
	suffixes := bucketSuffixes(region)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		countRequest(r.Context())
		if bucket, ok := bucketInHost(r.Host, suffixes); ok {
			r = r.Clone(r.Context())
			r.URL.Path = "/" + bucket + r.URL.Path
			r.URL.RawPath = ""
		}
		next.ServeHTTP(w, r)
	})
}

// bucketSuffixes lists what follows the bucket in a host name of the region. The global name belongs to us-east-1 by
// right; it is answered everywhere, since a client can only have come here by resolving it so.
func bucketSuffixes(region string) []string {
	return []string{
		".s3." + region + ".amazonaws.com",
		".s3.dualstack." + region + ".amazonaws.com",
		".s3-" + region + ".amazonaws.com",
		".s3.amazonaws.com",
	}
}

// bucketInHost returns the bucket that a Host header names, if it names one; a bucket's name may contain dots. Any other
// host, an address or the region's own name among them, is the path style.
func bucketInHost(host string, suffixes []string) (string, bool) {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, suffix := range suffixes {
		if bucket, ok := strings.CutSuffix(host, suffix); ok && bucket != "" {
			return bucket, true
		}
	}
	return "", false
}
