package s3

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// goldPattern is the pattern as its description says it.
func goldPattern(from, to int64) []byte {
	var b []byte
	for line := from / patternLine; line*patternLine < to; line++ {
		b = fmt.Appendf(b, "%015x\n", line*patternLine)
	}
	start := from / patternLine * patternLine
	return b[from-start : to-start]
}

func TestPatternIsTheSameInAnyPieces(t *testing.T) {
	for _, at := range []struct{ from, to int64 }{{0, 1}, {0, 70_000}, {5, 9}, {15, 17}, {1<<16 - 7, 1<<16 + 99}, {1<<44 - 40, 1<<44 + 1000}, {9, 9}} {
		want := goldPattern(at.from, at.to)
		for _, piece := range []int{1, 7, 16, 333, 1 << 20} {
			var got bytes.Buffer
			_, err := io.CopyBuffer(struct{ io.Writer }{&got}, &patternReader{at.from, at.to}, make([]byte, piece))
			require.NoError(t, err)
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("bytes %d to %d in pieces of %d: differ", at.from, at.to, piece)
			}
		}
	}
	if err := iotest.TestReader(&patternReader{3, 1000}, goldPattern(3, 1000)); err != nil {
		t.Error(err)
	}
}

func TestPatternHashIsItsContents(t *testing.T) {
	if _, got := newPattern(1000); md5.Sum(goldPattern(0, 1000)) != [16]byte(got) {
		t.Errorf("got %x, want %x", got, md5.Sum(goldPattern(0, 1000)))
	}
}

func BenchmarkPattern(b *testing.B) {
	buf := make([]byte, 32<<10)
	b.SetBytes(int64(len(buf)))
	r := &patternReader{end: 1 << 62}
	for b.Loop() {
		_, _ = r.Read(buf)
	}
}
