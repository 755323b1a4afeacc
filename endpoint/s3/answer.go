package s3

import (
	"net/http"
	"regexp"
	"strconv"
)

// answer is the library's answer on its way to the client. It differs where the library cannot say what S3 says: that the body was
// not what was signed, and the entity tags of objects that were uploaded in parts.
type answer struct {
	http.ResponseWriter
	request *request
	begun   bool
	instead bool // another answer was given in place of the library's
}

// WriteHeader begins the answer.
func (a *answer) WriteHeader(status int) {
	if a.begun {
		return
	}
	a.begun = true
	h := a.Header()
	h.Del("Access-Control-Allow-Origin") // no bucket has a CORS configuration
	if a.request.broken != nil {
		a.instead = true
		writeError(a.ResponseWriter, a.request.http, a.request.broken)
		return
	}
	if tag := h.Get("Etag"); tag != "" {
		h.Set("Etag", shownETag(tag))
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write passes the body on.
func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if a.instead {
		return len(p), nil
	}
	if a.request.operation.Name == "GetObjectAttributes" { // the one body in which the library writes a tag of its own making
		_, err := a.ResponseWriter.Write([]byte(shownETag(string(p))))
		return len(p), err
	}
	return a.ResponseWriter.Write(p)
}

// The library knows entity tags as hashes in hexadecimal digits. The tag of an object of N parts is the hash of the parts' hashes and
// "-N" (S3 User Guide, "Checking object integrity"); inside it is four more digits, which are N.
var (
	partsShown  = regexp.MustCompile(`\b([0-9a-f]{32})-([0-9]{1,5})\b`)
	partsStored = regexp.MustCompile(`\b([0-9a-f]{32})([0-9a-f]{4})\b`)
)

// storedETag writes entity tags as the library knows them.
func storedETag(text string) string {
	return partsShown.ReplaceAllStringFunc(text, func(tag string) string {
		m := partsShown.FindStringSubmatch(tag)
		n, _ := strconv.Atoi(m[2])
		return m[1] + string(hexDigits[n>>12&15]) + string(hexDigits[n>>8&15]) + string(hexDigits[n>>4&15]) + string(hexDigits[n&15])
	})
}

// shownETag writes entity tags as clients know them.
func shownETag(text string) string {
	return partsStored.ReplaceAllStringFunc(text, func(tag string) string {
		n, _ := strconv.ParseUint(tag[32:], 16, 16) // four digits
		return tag[:32] + "-" + strconv.FormatUint(n, 10)
	})
}

// convertConditions rewrites the entity tags of a request's conditions.
func convertConditions(h http.Header, convert func(string) string) {
	for _, name := range []string{"If-Match", "If-None-Match", "X-Amz-Copy-Source-If-Match", "X-Amz-Copy-Source-If-None-Match"} {
		if text := h.Get(name); text != "" {
			h.Set(name, convert(text))
		}
	}
}
