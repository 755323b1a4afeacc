package sigv4

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
)

// The examples of AWS's own pages (Amazon S3 API Reference, "Signature Calculations for the Authorization Header" and "Authenticating
// Requests: Using Query Parameters") are all of one moment and one key.
const (
	exampleKey    = "AKIAIOSFODNN7EXAMPLE"
	exampleSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	exampleScope  = exampleKey + "/20130524/us-east-1/s3/aws4_request"
)

var exampleTime = time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)

// signedRequest makes a request with the Authorization header of an example.
func signedRequest(method, url, signature, payload, headers, body string) *http.Request {
	r := httptest.NewRequest(method, url, strings.NewReader(body))
	r.Header.Set("X-Amz-Date", "20130524T000000Z")
	r.Header.Set("X-Amz-Content-Sha256", payload)
	names := []string{"host", "x-amz-content-sha256", "x-amz-date"}
	for line := range strings.SplitSeq(headers, "\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			r.Header.Set(name, value)
			names = append(names, strings.ToLower(name))
		}
	}
	r.Header.Set("Authorization", algorithm+" Credential="+exampleScope+",SignedHeaders="+strings.Join(names, ";")+",Signature="+signature)
	return r
}

func TestExamplesOfAWS(t *testing.T) {
	for _, row := range []struct{ name, method, url, signature, payload, headers string }{
		{"GET Object", "GET", "https://examplebucket.s3.amazonaws.com/test.txt", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41", emptyHash, "Range: bytes=0-9"},
		{
			"PUT Object", "PUT", "https://examplebucket.s3.amazonaws.com/test$file.text", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
			"44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072", "Date: Fri, 24 May 2013 00:00:00 GMT\nX-Amz-Storage-Class: REDUCED_REDUNDANCY",
		},
		{"GET Bucket Lifecycle", "GET", "https://examplebucket.s3.amazonaws.com/?lifecycle", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543", emptyHash, ""},
		{"GET Bucket (List Objects)", "GET", "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7", emptyHash, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := signedRequest(row.method, row.url, row.signature, row.payload, row.headers, "")
			s, err := Parse(r)
			require.NoError(t, err)
			if err := s.Verify(r, exampleSecret); err != nil {
				t.Errorf("%v %+v", err, err.(*Error).Fields)
			}
			if err := s.CheckTime(exampleTime.Add(MaxSkew)); err != nil {
				t.Error(err)
			}
			r.URL.Path += "x"
			if err := s.Verify(r, exampleSecret); code(err) != "SignatureDoesNotMatch" {
				t.Errorf("another path: %v", err)
			}
		})
	}
}

func code(err error) string {
	if e := new(Error); errors.As(err, &e) {
		return e.Code
	}
	return ""
}

const presigned = "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request" +
	"&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"

func TestThePresignedExampleOfAWS(t *testing.T) {
	r := httptest.NewRequest("GET", presigned, nil)
	s, err := Parse(r)
	require.NoError(t, err)
	require.NoError(t, s.Verify(r, exampleSecret))
	for _, row := range []struct {
		name string
		at   time.Duration
		want string
	}{
		{"at once", 0, ""},
		{"at the last moment", 24 * time.Hour, ""},
		{"after that", 24*time.Hour + time.Second, "Request has expired"},
		{"before, within what clocks may differ", -14 * time.Minute, ""},
		{"long before", -16 * time.Minute, "Request is not yet valid"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := ""
			if err := s.CheckTime(exampleTime.Add(row.at)); err != nil {
				got = err.(*Error).Message
			}
			if got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

// chunked is the body of AWS's example: 66,560 times the letter a, in chunks of 64 KiB.
func chunked(signatures [3]string, trailer string) string {
	return "10000;chunk-signature=" + signatures[0] + "\r\n" + strings.Repeat("a", 65536) + "\r\n" +
		"400;chunk-signature=" + signatures[1] + "\r\n" + strings.Repeat("a", 1024) + "\r\n" +
		"0;chunk-signature=" + signatures[2] + "\r\n" + trailer + "\r\n"
}

// chunkedExample is the request of AWS's example, without and with a trailer.
func chunkedExample(trailer bool) *http.Request {
	if !trailer {
		body := chunked([3]string{
			"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648", "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
			"b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
		}, "")
		return signedRequest("PUT", "https://s3.amazonaws.com/examplebucket/chunkObject.txt", "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
			"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "Content-Encoding: aws-chunked\nContent-Length: 66824\nX-Amz-Decoded-Content-Length: 66560\nX-Amz-Storage-Class: REDUCED_REDUNDANCY", body)
	}
	body := chunked([3]string{
		"b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2", "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
		"2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
	}, "x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n")
	return signedRequest("PUT", "https://s3.amazonaws.com/examplebucket/chunkObject.txt", "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
		"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", "Content-Encoding: aws-chunked\nX-Amz-Decoded-Content-Length: 66560\nX-Amz-Storage-Class: REDUCED_REDUNDANCY\nX-Amz-Trailer: x-amz-checksum-crc32c", body)
}

func TestTheChunkedExamplesOfAWS(t *testing.T) {
	for name, trailer := range map[string]bool{"signed chunks": false, "signed chunks and a signed trailer": true} {
		t.Run(name, func(t *testing.T) {
			read := func(change func(string) string, reader func(io.Reader) io.Reader) ([]byte, error) {
				r := chunkedExample(trailer)
				s, err := Parse(r)
				require.NoError(t, err)
				require.NoError(t, s.Verify(r, exampleSecret))
				body, _ := io.ReadAll(r.Body)
				r.Body = io.NopCloser(reader(strings.NewReader(change(string(body)))))
				return io.ReadAll(s.Body(r, 66560))
			}
			same := func(s string) string { return s }
			whole := func(r io.Reader) io.Reader { return r }
			for _, reader := range []func(io.Reader) io.Reader{whole, iotest.OneByteReader, iotest.DataErrReader} {
				got, err := read(same, reader)
				if err != nil || string(got) != strings.Repeat("a", 66560) {
					t.Errorf("%d bytes, %v", len(got), err)
				}
			}
			for _, row := range []struct {
				name   string
				change func(string) string
				want   string
			}{
				{"the last byte is another", func(s string) string { i := strings.LastIndex(s, "a\r\n0;"); return s[:i] + "b" + s[i+1:] }, "SignatureDoesNotMatch"},
				{"the first byte is another", func(s string) string { return strings.Replace(s, "\r\na", "\r\nb", 1) }, "SignatureDoesNotMatch"},
				{"it ends in the middle", func(s string) string { return s[:66000] }, "IncompleteBody"},
				{"the last chunk is missing", func(s string) string {
					return s[:strings.Index(s, "0;chunk-signature=b6")+strings.Index(s, "0;chunk-signature=2c")+1]
				}, "IncompleteBody"},
				{"a chunk is missing", func(s string) string { return s[:strings.Index(s, "400;")] + s[strings.LastIndex(s, "\r\n0;")+2:] }, "SignatureDoesNotMatch"},
				{"a size is no number", func(s string) string { return strings.Replace(s, "400;", "4x0;", 1) }, "InvalidRequest"},
				{"a size is negative", func(s string) string { return strings.Replace(s, "400;", "-40;", 1) }, "InvalidRequest"},
				{"it is longer than announced", func(s string) string { return strings.Replace(s, "400;", "401;", 1) }, "IncompleteBody"},
				{"the checksum is another", func(s string) string { return strings.Replace(s, "sOO8", "sOO9", 1) }, map[bool]string{true: "SignatureDoesNotMatch"}[trailer]},
			} {
				if _, err := read(row.change, whole); code(err) != row.want {
					t.Errorf("%s: got %v, want %s", row.name, err, row.want)
				}
			}
		})
	}
}

func TestUnsignedTrailers(t *testing.T) {
	request := func(name, value string) *http.Request {
		body := "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n" + name + ":" + value + "\r\n\r\n"
		r := httptest.NewRequest("PUT", "/b/k", strings.NewReader(body))
		r.Header.Set("X-Amz-Content-Sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
		r.Header.Set("X-Amz-Trailer", name)
		return r
	}
	for _, row := range []struct{ name, header, value, want string }{
		{"CRC-32", "x-amz-checksum-crc32", "hYfdfA==", "BadDigest"},
		{"the right CRC-32", "x-amz-checksum-crc32", "hYdxgg==", ""},
		{"SHA-1", "x-amz-checksum-sha1", "A95sXw/pEXD/j0knkPGoFaF0Z6g=", "BadDigest"},
		{"none", "x-amz-checksum-sha256", "", "MalformedTrailerError"},
		{"what there is not", "x-amz-checksum-md4", "x", "InvalidRequest"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := request(row.header, row.value)
			if row.want == "" {
				h := newChecksum(row.header)
				h.Write([]byte("abcde"))
				r = request(row.header, base64Of(h.Sum(nil)))
			}
			got, err := io.ReadAll((*Signature)(nil).Body(r, 5))
			if code(err) != row.want || err == nil && string(got) != "abcde" {
				t.Errorf("got %q, %v; want %q", got, err, row.want)
			}
		})
	}
}

func TestHashesOfWholeBodies(t *testing.T) {
	const welcome = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"
	for _, row := range []struct {
		name, body, want string
		size             int64
	}{
		{"the body of AWS's example", "Welcome to Amazon S3.", "", 21},
		{"of unknown length", "Welcome to Amazon S3.", "", -1},
		{"another", "Welcome to Amazon S4.", "XAmzContentSHA256Mismatch", 21},
		{"nothing", "", "XAmzContentSHA256Mismatch", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := httptest.NewRequest("PUT", "/b/k", strings.NewReader(row.body))
			got, err := io.ReadAll((&Signature{PayloadHash: welcome, key: []byte{1}}).Body(r, row.size))
			if code(err) != row.want || err == nil && string(got) != row.body {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestWhatIsNoSignatureIsNamed(t *testing.T) {
	const good = algorithm + " Credential=" + exampleScope + ", SignedHeaders=host;x-amz-date, Signature="
	signature := strings.Repeat("0", 64)
	for _, row := range []struct{ name, url, authorization, date, hash, want string }{
		{"no signature at all", "/", "", "", "", ""},
		{"the version before", "/", "AWS " + exampleKey + ":x", "", "", "InvalidRequest"},
		{"both ways", presigned, good + signature, "20130524T000000Z", emptyHash, "InvalidArgument"},
		{"no time", "/", good + signature, "", emptyHash, "AccessDenied"},
		{"the time of another day", "/", good + signature, "20130525T000000Z", emptyHash, "AuthorizationHeaderMalformed"},
		{"no hash", "/", good + signature, "20130524T000000Z", "", "InvalidRequest"},
		{"a hash that is none", "/", good + signature, "20130524T000000Z", "abc", "InvalidArgument"},
		{"a short signature", "/", good + "00", "20130524T000000Z", emptyHash, "AuthorizationHeaderMalformed"},
		{"a part twice", "/", good + signature + ", Signature=" + signature, "20130524T000000Z", emptyHash, "AuthorizationHeaderMalformed"},
		{"no credential", "/", algorithm + " SignedHeaders=host, Signature=" + signature, "20130524T000000Z", emptyHash, "AuthorizationHeaderMalformed"},
		{"a credential without a scope", "/", algorithm + " Credential=AKIA/20130524, SignedHeaders=host, Signature=" + signature, "20130524T000000Z", emptyHash, "AuthorizationHeaderMalformed"},
		{"a host that is not signed", "/", algorithm + " Credential=" + exampleScope + ", SignedHeaders=x-amz-date, Signature=" + signature, "20130524T000000Z", emptyHash, "AuthorizationHeaderMalformed"},
		{"a life of more than a week", strings.Replace(presigned, "86400", "604801", 1), "", "", "", "AuthorizationQueryParametersError"},
		{"a negative life", strings.Replace(presigned, "86400", "-1", 1), "", "", "", "AuthorizationQueryParametersError"},
		{"a parameter is missing", strings.Replace(presigned, "X-Amz-Expires", "X", 1), "", "", "", "AuthorizationQueryParametersError"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", row.url, nil)
			for name, value := range map[string]string{"Authorization": row.authorization, "X-Amz-Date": row.date, "X-Amz-Content-Sha256": row.hash} {
				if value != "" {
					r.Header.Set(name, value)
				}
			}
			s, err := Parse(r)
			if code(err) != row.want || row.want == "" && s != nil {
				t.Errorf("got %v, %v; want %q", s, err, row.want)
			}
		})
	}
}

func TestHeadersOfAWSMustBeSigned(t *testing.T) {
	r := signedRequest("GET", "https://examplebucket.s3.amazonaws.com/test.txt", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41", emptyHash, "Range: bytes=0-9", "")
	r.Header.Set("X-Amz-Acl", "public-read")
	s, err := Parse(r)
	require.NoError(t, err)
	if err := s.Verify(r, exampleSecret); code(err) != "AccessDenied" {
		t.Errorf("got %v", err)
	}
}

func TestClocksMayDifferByAQuarterOfAnHour(t *testing.T) {
	s := &Signature{Time: exampleTime}
	for offset, want := range map[time.Duration]string{MaxSkew: "", -MaxSkew: "", MaxSkew + time.Second: "RequestTimeTooSkewed", -MaxSkew - time.Second: "RequestTimeTooSkewed"} {
		if err := s.CheckTime(exampleTime.Add(offset)); code(err) != want {
			t.Errorf("%s: %v", offset, err)
		}
	}
}

// FuzzParse: no request makes Parse or Verify panic, and none is taken that was not signed with the key.
func FuzzParse(f *testing.F) {
	f.Add("/test.txt", "a=b", algorithm+" Credential="+exampleScope+",SignedHeaders=host,Signature="+strings.Repeat("0", 64), "20130524T000000Z", emptyHash)
	f.Add("/", presigned[strings.Index(presigned, "?")+1:], "", "", "")
	f.Add("/%", "X-Amz-Algorithm=%", "AWS4-HMAC-SHA256 Credential=,=,", "2013", "UNSIGNED-PAYLOAD")
	f.Fuzz(func(t *testing.T, path, query, authorization, date, hash string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL.Path, r.URL.RawQuery = path, query
		for name, value := range map[string]string{"Authorization": authorization, "X-Amz-Date": date, "X-Amz-Content-Sha256": hash} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		s, err := Parse(r)
		if err != nil && code(err) == "" {
			t.Fatalf("an error that is not S3's: %v", err)
		}
		if s != nil && err == nil && s.Verify(r, "a key that nobody has") == nil {
			t.Fatal("a signature that nobody made was taken")
		}
	})
}

// FuzzChunks: whatever the bytes, the reader ends, with no more than was announced, and well only if it was that much.
func FuzzChunks(f *testing.F) {
	for _, trailer := range []bool{false, true} {
		body, _ := io.ReadAll(chunkedExample(trailer).Body)
		f.Add(body, int64(66560), false)
	}
	f.Add([]byte("3\r\nabc\r\n0\r\nx-amz-checksum-crc32:NSRBwg==\r\n\r\n"), int64(3), true)
	f.Add([]byte("fffffffffffffff\r\n"), int64(-1), true)
	f.Fuzz(func(t *testing.T, body []byte, size int64, unsigned bool) {
		r := chunkedExample(false)
		s, err := Parse(r)
		require.NoError(t, err)
		require.NoError(t, s.Verify(r, exampleSecret))
		if unsigned {
			s = nil
			r.Header.Set("X-Amz-Content-Sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		got, err := io.ReadAll(s.Body(r, size))
		switch {
		case size >= 0 && int64(len(got)) > size:
			t.Fatalf("%d bytes of %d", len(got), size)
		case err == nil && size >= 0 && int64(len(got)) != size:
			t.Fatalf("a good end after %d of %d bytes", len(got), size)
		case err == nil && !unsigned && hex.EncodeToString(got) != hex.EncodeToString(bytes.Repeat([]byte("a"), 66560)):
			t.Fatal("a body that nobody signed was taken")
		}
	})
}

func base64Of(sum []byte) string { return base64.StdEncoding.EncodeToString(sum) }

// TestOldPresignedWithTemporaryCredentials: the token is signed as a header and sent as a parameter. The URL is one that the AWS CLI
// 1.45 made.
func TestOldPresignedWithTemporaryCredentials(t *testing.T) {
	const secret, token = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "a/token+of=some"
	r := httptest.NewRequest("GET", "https://demo.s3.amazonaws.com/hello.txt?AWSAccessKeyId=ASIAIOSFODNN7EXAMPLE&Signature=X9KC7w8KXWISG0PDNtQHCPg6dSE%3D&x-amz-security-token=a%2Ftoken%2Bof%3Dsome&Expires=1795970741", nil)
	s, err := ParseOldPresigned(r)
	require.NoError(t, err)
	require.Equal(t, token, s.SessionToken)
	at := s.Expires.Add(-time.Minute)
	require.NoError(t, s.Verify(r, "demo", secret, at))
	require.Error(t, s.Verify(r, "demo", secret+"x", at))
	require.Error(t, s.Verify(r, "other", secret, at))
}
