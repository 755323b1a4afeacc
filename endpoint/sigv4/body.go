package sigv4

import (
	"bufio"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// payload is a way to send a body, by the word that stands in place of its hash.
type payload struct {
	chunked bool // in chunks, each with a head of its own (Content-Encoding aws-chunked)
	signed  bool // each chunk has a signature
	trailer bool // headers follow the last chunk: a checksum of the body
}

var payloads = map[string]payload{
	UnsignedPayload:                              {},
	"STREAMING-AWS4-HMAC-SHA256-PAYLOAD":         {chunked: true, signed: true},
	"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": {chunked: true, signed: true, trailer: true},
	"STREAMING-UNSIGNED-PAYLOAD-TRAILER":         {chunked: true, trailer: true},
}

// Chunked says whether a body is sent in chunks of aws-chunked, which an anonymous request may do, too.
func Chunked(payloadHash string) bool { return payloads[payloadHash].chunked }

// Body returns the body as it was before it was encoded, of size bytes; a negative size is one that nobody told. The last
// bytes and the end are only read from it when all that the payload promises was verified, else an *Error is. The verified signature s
// is nil for an anonymous request, or where no key is known to verify with: then chunks are decoded, and their signatures are not looked at.
func (s *Signature) Body(r *http.Request, size int64) io.Reader {
	hashed := r.Header.Get("X-Amz-Content-Sha256")
	if s != nil {
		hashed = s.PayloadHash
	}
	way := payloads[hashed]
	switch {
	case way.chunked:
		return newChunkReader(r, s, way, size)
	case s != nil && s.key != nil && isHash(hashed):
		sum, _ := hex.DecodeString(hashed) // isHash
		return &hashReader{from: r.Body, left: size, sum: sum, hash: sha256.New()}
	}
	return r.Body
}

// hashReader checks the hash of the whole body.
type hashReader struct {
	from io.Reader
	left int64 // bytes to come; negative if nobody knows
	sum  []byte
	hash hash.Hash
	over bool
}

func (h *hashReader) Read(p []byte) (int, error) {
	if h.over {
		return 0, io.EOF
	}
	n, err := 0, error(nil)
	if h.left != 0 {
		n, err = h.from.Read(p)
	}
	h.hash.Write(p[:n])
	h.left -= int64(n)
	if h.left == 0 || err == io.EOF {
		h.over = true
		if got := h.hash.Sum(nil); subtle.ConstantTimeCompare(got, h.sum) == 0 {
			return 0, &Error{"XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.", 400, []Field{
				{"ClientComputedContentSHA256", hex.EncodeToString(h.sum)}, {"S3ComputedContentSHA256", hex.EncodeToString(got)},
			}}
		}
	}
	return n, err
}

// The bounds of what is read at once beside the data of chunks. AWS's clients stay far below.
const (
	maxChunkHead = 4 << 10
	maxTrailer   = 16 << 10
)

// chunkReader reads a body sent in chunks (Amazon S3 API Reference, "Signature Calculations for the Authorization Header:
// Transferring Payload in Multiple Chunks"):
//
//	SIZE;chunk-signature=SIGNATURE\r\n DATA \r\n … 0;chunk-signature=SIGNATURE\r\n NAME:VALUE\r\n x-amz-trailer-signature:SIGNATURE\r\n \r\n
//
// SIZE is hexadecimal. Each signature covers the one before it, so that no chunk can be left out or moved. A chunk is checked when
// it is complete, and the head of the next one is read at once: that is how the reader knows which bytes are the last.
type chunkReader struct {
	in       *bufio.Reader
	way      payload
	signed   *Signature // nil if signatures are not to be looked at
	previous string     // signature
	given    string     // signature of the chunk that is being read
	chunk    hash.Hash  // of its data
	left     int64      // of its data
	started  bool
	size     int64  // of the whole body as announced; negative if it was not
	read     int64  // of the whole body
	trailer  string // name of the trailing header that was announced
	checksum hash.Hash
	err      error // what all further reads say
}

func newChunkReader(r *http.Request, s *Signature, way payload, size int64) *chunkReader {
	c := &chunkReader{in: bufio.NewReaderSize(r.Body, maxChunkHead), way: way, size: size, chunk: sha256.New()}
	if s != nil && s.key != nil && way.signed {
		c.signed, c.previous = s, s.given
	}
	if way.trailer {
		c.trailer = strings.ToLower(strings.TrimSpace(r.Header.Get("X-Amz-Trailer")))
		c.checksum = newChecksum(c.trailer)
	}
	return c
}

func (c *chunkReader) Read(p []byte) (int, error) {
	if !c.started {
		c.started = true
		c.err = c.head()
	}
	if c.err != nil || len(p) == 0 {
		return 0, c.err
	}
	p = p[:min(int64(len(p)), c.left)]
	n, err := c.in.Read(p)
	if c.signed != nil {
		c.chunk.Write(p[:n])
	}
	if c.checksum != nil {
		c.checksum.Write(p[:n])
	}
	c.left -= int64(n)
	c.read += int64(n)
	if err != nil {
		c.err = incomplete(err)
	} else if c.left == 0 {
		c.err = c.next()
	}
	if c.err != nil && c.err != io.EOF {
		return 0, c.err
	}
	return n, nil
}

// next ends a chunk and reads the head of the one after it.
func (c *chunkReader) next() error {
	if err := c.end(); err != nil {
		return err
	}
	if line, err := c.line(); err != nil || line != "" {
		return badChunk(err)
	}
	return c.head()
}

// end checks the signature of the chunk that was read.
func (c *chunkReader) end() error {
	if c.signed == nil {
		return nil
	}
	sum := c.chunk.Sum(nil)
	c.chunk.Reset()
	return c.check(c.given, algorithm+"-PAYLOAD", emptyHash+"\n"+hex.EncodeToString(sum))
}

// check compares a signature in the chain with what it should be.
func (c *chunkReader) check(given, name, what string) error {
	if c.signed == nil {
		return nil
	}
	text := strings.Join([]string{name, c.signed.Time.Format(timeLayout), c.signed.scopeText(), c.previous, what}, "\n")
	c.previous = sign(c.signed.key, text)
	if !sameSignature(given, c.previous) {
		return &Error{"SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your key and signing method.", 403, []Field{
			{"AWSAccessKeyId", c.signed.AccessKeyID}, {"StringToSign", text}, {"SignatureProvided", given},
		}}
	}
	return nil
}

// emptyHash is the SHA-256 of nothing.
const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// head reads the head of a chunk, and after the last one all that follows; then it returns io.EOF.
func (c *chunkReader) head() error {
	line, err := c.line()
	if err != nil {
		return badChunk(err)
	}
	digits, extension, _ := strings.Cut(line, ";")
	size, err := strconv.ParseInt(digits, 16, 64)
	if err != nil || size < 0 || digits[0] == '+' || digits[0] == '-' {
		return badChunk(nil)
	}
	c.left = size
	c.given, _ = strings.CutPrefix(extension, "chunk-signature=")
	if c.size >= 0 && size > c.size-c.read {
		return &Error{Code: "IncompleteBody", Message: "The request body has more bytes than x-amz-decoded-content-length told", Status: 400}
	}
	if size > 0 {
		return nil
	}
	return c.last()
}

// last checks the last chunk, which is empty, the trailer, and how much there was.
func (c *chunkReader) last() error {
	if err := c.end(); err != nil {
		return err
	}
	if err := c.trailers(); err != nil {
		return err
	}
	if c.size >= 0 && c.read != c.size {
		return incomplete(nil)
	}
	return io.EOF
}

// trailers reads what follows the last chunk up to an empty line or the end, and checks the checksum and its signature. AWS's
// own clients end the lines of a trailer in several ways.
func (c *chunkReader) trailers() error {
	value, given, total := "", "", 0
	for {
		line, err := c.line()
		if err != nil && err != io.EOF {
			return badChunk(err)
		}
		if total += len(line); total > maxTrailer {
			return badChunk(nil)
		}
		name, text, _ := strings.Cut(line, ":")
		switch name = strings.ToLower(strings.TrimSpace(name)); {
		case name == "x-amz-trailer-signature":
			given = strings.TrimSpace(text)
		case name != "" && name == c.trailer:
			value = strings.TrimSpace(text)
		}
		if line == "" && (given != "" || c.signed == nil || !c.way.trailer || err == io.EOF) {
			break
		}
	}
	if !c.way.trailer {
		return nil
	}
	sum := sha256.Sum256([]byte(c.trailer + ":" + value + "\n"))
	if err := c.check(given, algorithm+"-TRAILER", hex.EncodeToString(sum[:])); err != nil {
		return err
	}
	return c.checkTrailer(value)
}

// checkTrailer compares the body's checksum with the one in the trailer.
func (c *chunkReader) checkTrailer(value string) error {
	switch {
	case c.trailer == "":
		return nil
	case value == "":
		return &Error{Code: "MalformedTrailerError", Message: "The request contained trailing data that was not well-formed or did not conform to our published schema.", Status: 400}
	case c.checksum == nil:
		return &Error{Code: "InvalidRequest", Message: "The value specified in the x-amz-trailer header is not supported", Status: 400}
	case value != base64.StdEncoding.EncodeToString(c.checksum.Sum(nil)):
		return &Error{Code: "BadDigest", Message: "The " + strings.ToUpper(strings.TrimPrefix(c.trailer, checksumPrefix)) + " you specified did not match the calculated checksum.", Status: 400}
	}
	return nil
}

const checksumPrefix = "x-amz-checksum-"

// newChecksum returns the hash of a checksum header; nil if there is no such.
func newChecksum(header string) hash.Hash {
	switch strings.TrimPrefix(header, checksumPrefix) {
	case "crc32":
		return crc32.NewIEEE()
	case "crc32c":
		return crc32.New(crc32.MakeTable(crc32.Castagnoli))
	case "crc64nvme":
		return crc64.New(crc64.MakeTable(0x9a6c9329ac4bc9b5)) // the polynomial of NVM Express, reversed
	case "sha1":
		return sha1.New()
	case "sha256":
		return sha256.New()
	}
	return nil
}

// line reads one line without its end; with io.EOF what there is before the end of all.
func (c *chunkReader) line() (string, error) {
	line, err := c.in.ReadSlice('\n')
	return strings.TrimRight(string(line), "\r\n"), err
}

// badChunk says that the body is not what aws-chunked is, or that it ended too early.
func badChunk(err error) error {
	if err == nil || err == bufio.ErrBufferFull {
		return &Error{Code: "InvalidRequest", Message: "The body is not well-formed aws-chunked data", Status: 400}
	}
	return incomplete(err)
}

// incomplete says that the body ended before its time. What is wrong with the connection itself stays as it is.
func incomplete(err error) error {
	if err == nil || err == io.EOF || err == io.ErrUnexpectedEOF {
		return &Error{Code: "IncompleteBody", Message: "You did not provide the number of bytes specified by the Content-Length HTTP header", Status: 400}
	}
	return err
}
