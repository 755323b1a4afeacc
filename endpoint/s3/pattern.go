package s3

import (
	"crypto/md5"
	"io"
)

// patternLine is the length of a line of the pattern: 15 hexadecimal digits and a newline.
const patternLine = 16

const hexDigits = "0123456789abcdef"

// newPattern returns content that is given by its size alone, and its hash.
func newPattern(size int64) (content *blob, sum []byte) {
	h := md5.New()
	_, _ = io.Copy(h, &patternReader{end: size}) // neither side can fail
	return &blob{size: size, pattern: true, refs: 1}, h.Sum(nil)
}

// patternReader makes the bytes from offset to end.
type patternReader struct{ offset, end int64 }

func (r *patternReader) Read(p []byte) (int, error) {
	if r.offset >= r.end {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), r.end-r.offset)]
	n := 0
	for ; n < len(p) && r.offset%patternLine != 0; n++ {
		p[n] = patternByte(r.offset)
		r.offset++
	}
	n += r.lines(p[n:])
	for ; n < len(p); n++ {
		p[n] = patternByte(r.offset)
		r.offset++
	}
	return n, nil
}

// lines fills p with whole lines from the beginning of one and returns their length. Lines of the same 4 KiB differ in two
// digits only.
func (r *patternReader) lines(p []byte) int {
	var line [patternLine]byte
	n := 0
	for ; n+patternLine <= len(p); n += patternLine {
		k := r.offset / patternLine
		if n == 0 || k%256 == 0 {
			for i := range line {
				line[i] = patternByte(r.offset + int64(i))
			}
		}
		out := (*[patternLine]byte)(p[n:])
		*out = line
		out[patternLine-4], out[patternLine-3] = hexDigits[k>>4&15], hexDigits[k&15]
		r.offset += patternLine
	}
	return n
}

// patternByte is byte number offset of every pattern.
func patternByte(offset int64) byte {
	column := offset % patternLine
	if column == patternLine-1 {
		return '\n'
	}
	return hexDigits[(offset-column)>>(4*(patternLine-2-column))&15]
}
