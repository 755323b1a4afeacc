package flowlog

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Reader reads the records of one file, one after the other, in memory that does not depend on how many there are. It is for one
// goroutine.
type Reader struct {
	file   string
	lines  *bufio.Reader
	number int // of the last line read

	format Format
	fields []column // of format
	named  bool     // the format was given, by a header line or by whoever reads

	record Record
	ids    map[string]string
}

// column is what is done with one field of a line.
type column struct {
	set    setter // nil for one that is passed over
	needed bool   // a record with data says more than "-" there
}

// maxLine bounds the length of a line in bytes. AWS's longest, with all fields, has some 1,500.
const maxLine = 64 << 10

// NewReader returns a reader of what a file holds, compressed by gzip or plain. Lines are of the given format until a header line
// names another; nil is the default format. file is for messages.
func NewReader(from io.Reader, file string, format Format) (*Reader, error) {
	r := &Reader{file: file, lines: bufio.NewReaderSize(from, maxLine), ids: map[string]string{}, named: format != nil}
	if magic, err := r.lines.Peek(2); err == nil && magic[0] == 0x1f && magic[1] == 0x8b { // RFC 1952 2.3.1
		unpacked, err := gzip.NewReader(r.lines)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		r.lines = bufio.NewReaderSize(unpacked, maxLine)
	}
	if format == nil {
		format = Default()
	}
	r.use(format)
	return r, nil
}

func (r *Reader) use(f Format) {
	r.format, r.fields = f, r.fields[:0]
	for _, name := range f {
		r.fields = append(r.fields, column{setters[name], slices.Contains(needed, name)})
	}
}

// LineError says what is wrong with a line.
type LineError struct {
	File  string
	Line  int    // from 1
	Field string // empty if it is the whole line
	What  string
}

// Error returns place, field and fault.
func (e *LineError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.What)
	}
	return fmt.Sprintf("%s:%d: %s: %s", e.File, e.Line, e.Field, e.What)
}

func (r *Reader) wrong(field, format string, args ...any) error {
	return &LineError{r.file, r.number, field, fmt.Sprintf(format, args...)}
}

// Next returns the next record, which is valid until the next call, and io.EOF after the last. A *LineError is about one line, and
// reading may go on after it; any other error is the file's.
func (r *Reader) Next() (*Record, error) {
	for {
		line, err := r.line()
		if err != nil {
			return nil, err
		}
		if len(line) == 0 {
			continue
		}
		if c := line[0]; c >= 'a' && c <= 'z' {
			if f, ok := header(string(line)); ok {
				if err := f.check(); err != nil {
					return nil, r.wrong("", "header line: %v", err)
				}
				r.use(f)
				r.named = true
				continue
			}
		}
		if err := r.parse(line); err != nil {
			return nil, err
		}
		return &r.record, nil
	}
}

// line returns the next line without what CloudWatch puts before it.
func (r *Reader) line() ([]byte, error) {
	line, err := r.lines.ReadSlice('\n')
	r.number++
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = r.lines.ReadSlice('\n')
		}
		return nil, r.wrong("", "is longer than %d bytes: no flow log record", maxLine)
	case err == io.EOF && len(line) > 0:
	case err == io.EOF:
		return nil, io.EOF
	case err != nil:
		return nil, fmt.Errorf("%s:%d: %w", r.file, r.number, err)
	}
	line = bytes.TrimRight(line, "\r\n \t")
	if len(line) > 20 && line[4] == '-' && line[7] == '-' && line[10] == 'T' { // 2026-01-31T10:00:00.000Z
		if end := bytes.IndexAny(line, " \t"); end > 0 {
			line = bytes.TrimLeft(line[end:], " \t")
		}
	}
	return line, nil
}

// parse reads a line into the record.
func (r *Reader) parse(line []byte) error {
	if n := bytes.Count(line, separator) + 1; n != len(r.fields) {
		return r.miscounted(n)
	}
	r.record = Record{TCPFlags: NoFlags}
	unsaid := ""
	for n, c := range r.fields {
		text, rest, _ := bytes.Cut(line, separator)
		line = rest
		switch {
		case len(text) == 1 && text[0] == '-':
			if c.needed && unsaid == "" {
				unsaid = r.format[n]
			}
		case c.set != nil:
			if want := c.set(r, text); want != "" {
				return r.wrong(r.format[n], "%q: must be %s", text, want)
			}
		}
	}
	if r.record.Status != OK {
		return nil
	}
	if field, fault := r.record.fault(unsaid); fault != "" {
		return r.wrong(field, "%s", fault)
	}
	return nil
}

func (r *Reader) miscounted(n int) error {
	if r.named {
		return r.wrong("", "has %d fields, its format %d", n, len(r.fields))
	}
	return r.wrong("", "has %d fields, the default format %d; say which they are with a header line or a format", n, len(r.fields))
}

var separator = []byte{' '}

// intern returns the text as a string, the same one each time: ids come again and again.
func (r *Reader) intern(text []byte) string {
	if s, ok := r.ids[string(text)]; ok {
		return s
	}
	s := string(text)
	r.ids[s] = s
	return s
}
