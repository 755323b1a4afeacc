// Package sigv4 verifies AWS Signature Version 4 as Amazon S3 does: in the Authorization header and in the query of presigned URLs,
// with signed, unsigned and chunked payloads (Amazon S3 API Reference, "Authenticating Requests (AWS Signature Version 4)").
//
// A request is handled in three steps, because between them somebody has to find the secret key and to say who may do what:
// [Parse] reads what the request says of its signature, [Signature.Verify] judges it, and [Signature.Body] decodes and checks the body
// while it is read. Nothing of the body may be used before the reader has reported its end: a chunk that was tampered with is
// noticed when it is complete.
package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	timeLayout = "20060102T150405Z"
	dayLayout  = "20060102"
	terminator = "aws4_request"

	// UnsignedPayload stands in place of the payload's hash where only the head of a request is signed.
	UnsignedPayload = "UNSIGNED-PAYLOAD"

	// MaxSkew is how far the time of a request may be from the server's.
	MaxSkew = 15 * time.Minute
	// maxExpires is the longest life of a presigned URL.
	maxExpires = 7 * 24 * time.Hour
)

// Signature is what a request says of how it was signed. Nothing of it is to be believed before Verify.
type Signature struct {
	AccessKeyID  string
	SessionToken string // of temporary credentials; empty if there is none
	Region       string // of the credential scope
	Service      string // of the credential scope
	Time         time.Time
	Presigned    bool
	Expires      time.Duration // of a presigned URL
	PayloadHash  string        // hexadecimal SHA-256 of the body, or one of S3's words for other ways

	day     string
	headers []string // signed ones, in lower case and in order
	given   string   // the signature itself, hexadecimal
	key     []byte   // the signing key, once verified
}

// Parse reads a request's signature. It returns nil if the request has none, which makes it an anonymous one. A returned error is
// an *Error.
func Parse(r *http.Request) (*Signature, error) {
	query := r.URL.Query()
	header := r.Header.Get("Authorization")
	inQuery := query.Has("X-Amz-Algorithm") || query.Has("X-Amz-Signature") || query.Has("Signature")
	switch {
	case header != "" && inQuery:
		return nil, &Error{Code: "InvalidArgument", Status: 400, Message: "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified"}
	case header != "":
		return parseHeader(r, header)
	case inQuery:
		return parseQuery(query)
	}
	return nil, nil
}

// parseHeader reads the Authorization header and the headers that belong to it.
func parseHeader(r *http.Request, header string) (*Signature, error) {
	scheme, rest, _ := strings.Cut(header, " ")
	if scheme != algorithm {
		return nil, &Error{Code: "InvalidRequest", Status: 400, Message: "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."}
	}
	parts := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if _, twice := parts[name]; !ok || twice {
			return nil, malformed("the authorization header requires three components: Credential, SignedHeaders, and Signature.")
		}
		parts[name] = value
	}
	s := &Signature{SessionToken: r.Header.Get("X-Amz-Security-Token"), PayloadHash: r.Header.Get("X-Amz-Content-Sha256")}
	for _, name := range []string{"Credential", "SignedHeaders", "Signature"} {
		if parts[name] == "" {
			return nil, malformed("missing " + name + ".")
		}
	}
	if problem := s.scope(parts["Credential"]); problem != "" {
		return nil, malformed(problem)
	}
	if !s.signed(parts["SignedHeaders"], parts["Signature"]) {
		return nil, malformed("SignedHeaders must name the host header, and the signature must be 64 hexadecimal digits.")
	}
	var err error
	if s.Time, err = requestTime(r.Header); err != nil {
		return nil, denied("AWS authentication requires a valid Date or x-amz-date header")
	}
	if s.Time.Format(dayLayout) != s.day {
		return nil, malformed("Invalid credential date \"" + s.day + "\". This date is not the same as X-Amz-Date: \"" + s.Time.Format(dayLayout) + "\".")
	}
	if s.PayloadHash == "" {
		return nil, &Error{Code: "InvalidRequest", Message: "Missing required header for this request: x-amz-content-sha256", Status: 400}
	}
	return s, s.checkPayloadHash()
}

// requestTime is when a request says that it was signed.
func requestTime(h http.Header) (time.Time, error) {
	if text := h.Get("X-Amz-Date"); text != "" {
		return time.Parse(timeLayout, text)
	}
	t, err := http.ParseTime(h.Get("Date"))
	return t.UTC(), err
}

// parseQuery reads the signature of a presigned URL.
func parseQuery(query url.Values) (*Signature, error) {
	if query.Get("X-Amz-Algorithm") != algorithm {
		return nil, badQuery("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"")
	}
	for _, name := range []string{"X-Amz-Credential", "X-Amz-Signature", "X-Amz-Date", "X-Amz-SignedHeaders", "X-Amz-Expires"} {
		if len(query[name]) != 1 || query.Get(name) == "" {
			return nil, badQuery("Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.")
		}
	}
	s := &Signature{Presigned: true, SessionToken: query.Get("X-Amz-Security-Token"), PayloadHash: query.Get("X-Amz-Content-Sha256")}
	if problem := s.scope(query.Get("X-Amz-Credential")); problem != "" {
		return nil, badQuery("Error parsing the X-Amz-Credential parameter; " + problem)
	}
	if !s.signed(query.Get("X-Amz-SignedHeaders"), query.Get("X-Amz-Signature")) {
		return nil, badQuery("X-Amz-SignedHeaders must name the host header, and X-Amz-Signature must be 64 hexadecimal digits.")
	}
	var err error
	if s.Time, err = time.Parse(timeLayout, query.Get("X-Amz-Date")); err != nil {
		return nil, badQuery("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
	}
	if s.Time.Format(dayLayout) != s.day {
		return nil, badQuery("Invalid credential date \"" + s.day + "\". This date is not the same as X-Amz-Date: \"" + s.Time.Format(dayLayout) + "\".")
	}
	if s.Expires, err = parseExpires(query.Get("X-Amz-Expires")); err != nil {
		return nil, err
	}
	if s.PayloadHash == "" {
		s.PayloadHash = UnsignedPayload
	}
	return s, s.checkPayloadHash()
}

// parseExpires reads the life of a presigned URL in seconds.
func parseExpires(text string) (time.Duration, error) {
	seconds, err := strconv.ParseInt(text, 10, 32)
	expires := time.Duration(seconds) * time.Second
	switch {
	case err != nil:
		return 0, badQuery("X-Amz-Expires should be a number")
	case seconds < 0:
		return 0, badQuery("X-Amz-Expires must be non-negative")
	case expires > maxExpires:
		return 0, badQuery("X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds")
	}
	return expires, nil
}

// scope reads KEY/DAY/REGION/SERVICE/aws4_request, and says what is wrong with it.
func (s *Signature) scope(text string) (problem string) {
	parts := strings.Split(text, "/")
	if len(parts) < 5 {
		return "the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\"."
	}
	at := len(parts) - 4 // a key id may have slashes
	s.AccessKeyID, s.day, s.Region, s.Service = strings.Join(parts[:at], "/"), parts[at], parts[at+1], parts[at+2]
	if _, err := time.Parse(dayLayout, s.day); err != nil {
		return "incorrect date format \"" + s.day + "\". This date in the credential must be in the format \"yyyyMMdd\"."
	}
	if parts[at+3] != terminator {
		return "incorrect terminal \"" + parts[at+3] + "\". This endpoint uses \"" + terminator + "\"."
	}
	return ""
}

// signed reads the names of the signed headers and the signature.
func (s *Signature) signed(headers, signature string) bool {
	s.headers = strings.Split(strings.ToLower(headers), ";")
	s.given = signature
	slices.Sort(s.headers)
	return slices.Contains(s.headers, "host") && isHash(signature)
}

// checkPayloadHash says whether the body is sent in a way that there is.
func (s *Signature) checkPayloadHash() error {
	if _, known := payloads[s.PayloadHash]; known || isHash(s.PayloadHash) {
		return nil
	}
	return &Error{Code: "InvalidArgument", Status: 400, Message: "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, " +
		"STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value."}
}

// isHash says whether a text is a SHA-256 in hexadecimal digits.
func isHash(text string) bool {
	sum, err := hex.DecodeString(text)
	return err == nil && len(sum) == sha256.Size
}

// CheckTime says whether a request that was signed at its time may still, and already, be made. A returned error is an *Error.
func (s *Signature) CheckTime(now time.Time) error {
	field := func(name string, t time.Time) Field { return Field{name, t.UTC().Format("2006-01-02T15:04:05Z")} }
	if !s.Presigned {
		if skew := now.Sub(s.Time).Abs(); skew > MaxSkew {
			return &Error{"RequestTimeTooSkewed", "The difference between the request time and the current time is too large.", 403, []Field{
				{"RequestTime", s.Time.Format(timeLayout)}, field("ServerTime", now), {"MaxAllowedSkewMilliseconds", "900000"},
			}}
		}
		return nil
	}
	if s.Time.Sub(now) > MaxSkew {
		return denied("Request is not yet valid", field("ServerTime", now))
	}
	if end := s.Time.Add(s.Expires); now.After(end) {
		return denied("Request has expired", Field{"X-Amz-Expires", strconv.Itoa(int(s.Expires / time.Second))}, field("Expires", end), field("ServerTime", now))
	}
	return nil
}

// Verify says whether the request was signed with the secret key. A returned error is an *Error.
func (s *Signature) Verify(r *http.Request, secret string) error {
	if unsigned := s.unsignedHeaders(r.Header); len(unsigned) > 0 {
		return denied("There were headers present in the request which were not signed", Field{"HeadersNotSigned", strings.Join(unsigned, ", ")})
	}
	canonical := s.canonicalRequest(r)
	sum := sha256.Sum256([]byte(canonical))
	text := strings.Join([]string{algorithm, s.Time.Format(timeLayout), s.scopeText(), hex.EncodeToString(sum[:])}, "\n")
	key := SigningKey(secret, s.day, s.Region, s.Service)
	if !sameSignature(s.given, sign(key, text)) {
		return &Error{"SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your key and signing method.", 403, []Field{
			{"AWSAccessKeyId", s.AccessKeyID}, {"StringToSign", text}, {"SignatureProvided", s.given}, {"CanonicalRequest", canonical},
		}}
	}
	s.key = key
	return nil
}

// unsignedHeaders lists the headers that S3 wants signed and that are not: all of its own.
func (s *Signature) unsignedHeaders(h http.Header) (names []string) {
	for name := range h {
		name = strings.ToLower(name)
		if strings.HasPrefix(name, "x-amz-") && !slices.Contains(s.headers, name) && !(s.Presigned && name == "x-amz-content-sha256") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (s *Signature) scopeText() string {
	return strings.Join([]string{s.day, s.Region, s.Service, terminator}, "/")
}

// SigningKey derives the key that requests of one day, region and service are signed with.
func SigningKey(secret, day, region, service string) []byte {
	key := []byte("AWS4" + secret)
	for _, part := range []string{day, region, service, terminator} {
		key = mac(key, part)
	}
	return key
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// sign returns the signature of a text in hexadecimal digits.
func sign(key []byte, text string) string { return hex.EncodeToString(mac(key, text)) }

// sameSignature compares in a time that tells nothing of where they differ.
func sameSignature(a, b string) bool { return hmac.Equal([]byte(a), []byte(b)) }
