package s3

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// sizes is a writer that notes how much it is given at once.
type sizes []int

func (s *sizes) Write(p []byte) (int, error) {
	*s = append(*s, len(p))
	return len(p), nil
}

// TestObjectsAreWrittenInLargePieces: each piece is a system call, and becomes super-packets of its own.
func TestObjectsAreWrittenInLargePieces(t *testing.T) {
	const size = 2*writeSize + 5
	content, _ := newPattern(size)
	d := &download{object: &object{size: size}, reader: section(nil, []*blob{content}, 0, size)}
	var got sizes
	n, err := d.WriteTo(&got)
	require.NoError(t, err)
	require.EqualValues(t, size, n)
	require.Equal(t, sizes{writeSize, writeSize, 5}, got)
}
