package bench

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// A file, of a table or of a trace, is read as a stream, compressed or not: of a file larger than memory no more is kept than it has routes or packets.

// packing is a way to compress, by how such a file begins.
type packing struct {
	magic string
	open  func(io.Reader) (io.Reader, error) // nil: it is not read
	name  string
	cure  string // the command that unpacks it to standard output
}

// packings are gzip (RFC 1952), which RIPE RIS uses, bzip2, which RouteViews uses (its first block's magic is the number pi), and those that people use.
var packings = []packing{
	{magic: "\x1f\x8b", open: func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
	{magic: "BZh?1AY&SY", open: func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }},
	{magic: "\xfd7zXZ\x00", name: "xz", cure: "xz -dc"},
	{magic: "\x28\xb5\x2f\xfd", name: "zstd", cure: "zstd -dc"},
	{magic: "\x04\x22\x4d\x18", name: "lz4", cure: "lz4 -dc"},
	{magic: "PK\x03\x04", name: "zip", cure: "unzip -p"},
}

// begins says whether a file that starts so is packed in this way; a ? in the magic is any byte.
func (p packing) begins(start []byte) bool {
	if len(start) < len(p.magic) {
		return false
	}
	for i, want := range []byte(p.magic) {
		if want != '?' && start[i] != want {
			return false
		}
	}
	return true
}

// unpack returns what is in a file once it is decompressed; what is not compressed as it is.
func unpack(from io.Reader) (*bufio.Reader, error) {
	const room, longest = 1 << 16, 10
	r := bufio.NewReaderSize(from, room)
	start, err := r.Peek(longest)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	for _, p := range packings {
		if !p.begins(start) {
			continue
		}
		if p.open == nil {
			return nil, fmt.Errorf("compressed by %s, which is not read: unpack it, or %s FILE | vpcsim … with /dev/stdin for the file", p.name, p.cure)
		}
		z, err := p.open(r)
		if err != nil {
			return nil, err
		}
		r = bufio.NewReaderSize(&unpacking{z}, room)
		break
	}
	if start, _ := r.Peek(len(byteOrderMark)); bytes.Equal(start, []byte(byteOrderMark)) {
		_, err = r.Discard(len(byteOrderMark))
		return r, err
	}
	return r, nil
}

// byteOrderMark is what some editors begin UTF-8 text with.
const byteOrderMark = "\xef\xbb\xbf"

var errCutShort = errors.New("the compressed file ends too early")

// unpacking says of a compressed file that is cut short that it is.
type unpacking struct{ io.Reader }

func (u *unpacking) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errCutShort
	}
	return n, err
}

// readFile has what is in a file read; errors have its name. When the context ends, the file is closed, so that also who waits for a pipe hears of it.
func readFile(ctx context.Context, path string, read func(io.Reader) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	defer context.AfterFunc(ctx, func() { f.Close() })()
	err = read(f)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
