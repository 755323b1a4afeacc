package s3

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"

	"vpcsim/endpoint/sigv4"
)

// apiError is an answer of S3's that is not a success.
type apiError = sigv4.Error

func fail(status int, code, format string, args ...any) *apiError {
	return &apiError{Code: code, Message: fmt.Sprintf(format, args...), Status: status}
}

// writeError answers with an error.
func writeError(w http.ResponseWriter, r *http.Request, e *apiError) {
	h := w.Header()
	for _, name := range []string{"Content-Length", "Etag", "Last-Modified", "Content-Range", "Accept-Ranges"} {
		h.Del(name) // of an answer that it is not
	}
	h.Set("Content-Type", "application/xml")
	w.WriteHeader(e.Status)
	if r.Method == http.MethodHead {
		return
	}
	var b strings.Builder
	b.WriteString(xml.Header + "<Error>")
	element := func(name, value string) {
		b.WriteString("<" + name + ">")
		_ = xml.EscapeText(&b, []byte(value)) // a strings.Builder takes everything
		b.WriteString("</" + name + ">")
	}
	element("Code", e.Code)
	element("Message", e.Message)
	for _, f := range e.Fields {
		element(f.Name, f.Value)
	}
	element("RequestId", h.Get("X-Amz-Request-Id"))
	element("HostId", h.Get("X-Amz-Id-2"))
	b.WriteString("</Error>")
	_, _ = w.Write([]byte(b.String())) // the client may be gone
}
