package sigv4

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// canonicalRequest writes a request in the one form that both sides sign. S3, unlike other services, encodes the path once and
// removes nothing from it.
func (s *Signature) canonicalRequest(r *http.Request) string {
	var headers strings.Builder
	for _, name := range s.headers {
		headers.WriteString(name + ":" + canonicalHeader(r, name) + "\n")
	}
	path := r.URL.Path
	if path == "" {
		path = "/"
	}
	return strings.Join([]string{
		r.Method, encode(path, true), s.canonicalQuery(r.URL.RawQuery), headers.String(), strings.Join(s.headers, ";"), s.PayloadHash,
	}, "\n")
}

// canonicalQuery sorts the query's parameters by name and value; a presigned URL's signature is none of them.
func (s *Signature) canonicalQuery(raw string) string {
	var parameters []string
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		if name = unescape(name); s.Presigned && name == "X-Amz-Signature" {
			continue
		}
		parameters = append(parameters, encode(name, false)+"="+encode(unescape(value), false))
	}
	slices.SortFunc(parameters, func(a, b string) int {
		nameA, valueA, _ := strings.Cut(a, "=")
		nameB, valueB, _ := strings.Cut(b, "=")
		return strings.Compare(nameA+"\x00"+valueA, nameB+"\x00"+valueB)
	})
	return strings.Join(parameters, "&")
}

// unescape decodes a part of a query; what cannot be decoded stays.
func unescape(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}

// canonicalHeader joins a header's values, without spaces around them and with one in place of several.
func canonicalHeader(r *http.Request, name string) string {
	if name == "host" {
		return r.Host
	}
	values := slices.Clone(r.Header.Values(name))
	for i, v := range values {
		values[i] = strings.Join(strings.Fields(v), " ")
	}
	return strings.Join(values, ",")
}

const upperHex = "0123456789ABCDEF"

// encode writes every byte but letters, digits and -._~ as %XX; in a path the slashes stay, too.
func encode(text string, path bool) string {
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 || path && c == '/' {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', upperHex[c>>4], upperHex[c&15]})
		}
	}
	return b.String()
}
