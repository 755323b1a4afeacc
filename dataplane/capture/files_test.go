package capture

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// stream is a capture of some packets at two interfaces, of which the second comes later.
func stream(t *testing.T, packets int) []byte {
	var b bytes.Buffer
	w, err := NewWriter(&b)
	require.NoError(t, err)
	_, err = w.AddInterface("first", "")
	require.NoError(t, err)
	for n := range packets {
		if n == packets/2 {
			_, err = w.AddInterface("second", "")
			require.NoError(t, err)
		}
		require.NoError(t, w.WritePacket(2*n/packets, int64(n), Inbound, datagrams()[n%8], fmt.Sprint("packet ", n)))
	}
	return b.Bytes()
}

func pour(f *Files, stream []byte) error {
	r := bufio.NewReader(bytes.NewReader(stream))
	for {
		block, err := ReadBlock(r)
		if err == nil {
			err = f.Add(block)
		}
		if err != nil {
			return err
		}
	}
}

// TestEveryFileOfARingCanBeReadAlone: none is larger than it may be, the last ones stay, and each packet's interface is described in
// its file.
func TestEveryFileOfARingCanBeReadAlone(t *testing.T) {
	const packets, size, keep = 100, 1000, 3
	dir := t.TempDir()
	f := &Files{Path: filepath.Join(dir, "lab.pcapng"), Size: size, Keep: keep}
	require.Equal(t, io.EOF, pour(f, stream(t, packets)))
	require.NoError(t, f.Close())
	require.Equal(t, packets, f.Written)
	names, err := filepath.Glob(filepath.Join(dir, "lab.*.pcapng"))
	require.NoError(t, err)
	require.Len(t, names, keep)
	require.Equal(t, fmt.Sprintf("lab.%05d.pcapng", f.Made), filepath.Base(names[keep-1]))
	next := -1
	for _, name := range names {
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		if len(b) > size {
			t.Errorf("%s has %d bytes", name, len(b))
		}
		interfaces := 0
		for i, k := range parse(t, b) {
			switch {
			case i == 0:
				require.Equal(t, uint32(blockSectionHeader), k.typ)
			case k.typ == blockInterface:
				interfaces++
			default:
				require.Less(t, int(le.Uint32(k.body)), interfaces)
				var n int
				_, err := fmt.Sscanf(string(k.options[optComment]), "packet %d", &n)
				require.NoError(t, err)
				require.True(t, next < 0 || n == next, "packet %d comes after %d", n, next-1)
				next = n + 1
			}
		}
	}
	require.Equal(t, packets, next, "the last packet is in the last file")
}

func TestOneFileHasTheStreamAsItIs(t *testing.T) {
	f := &Files{Path: filepath.Join(t.TempDir(), "lab.pcapng")}
	require.Equal(t, io.EOF, pour(f, stream(t, 10)))
	require.NoError(t, f.Close())
	b, err := os.ReadFile(f.Path)
	require.NoError(t, err)
	require.Equal(t, stream(t, 10), b)
}

func TestFilesEndAfterEnoughPackets(t *testing.T) {
	f := &Files{Path: filepath.Join(t.TempDir(), "lab.pcapng"), Packets: 7}
	require.Equal(t, ErrEnough, pour(f, stream(t, 10)))
	require.Equal(t, 7, f.Written)
	require.NoError(t, f.Close())
}

func TestFilesTellWhatTheStreamLacks(t *testing.T) {
	f := &Files{Path: filepath.Join(t.TempDir(), "lab.pcapng")}
	require.Equal(t, io.EOF, pour(f, appendStatistics(appendStatistics(stream(t, 2), 0, 0, 5), 1, 0, 37)))
	require.NoError(t, f.Close())
	require.Equal(t, uint64(42), f.Missing)
}

func TestADiskThatIsFullEndsTheCapture(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full: ", err)
	}
	f := &Files{Path: "/dev/full"}
	require.ErrorContains(t, pour(f, stream(t, 2)), "no space left on device")
	require.NoError(t, f.Close())
}

func TestAStreamThatIsNoneIsRefused(t *testing.T) {
	for name, b := range map[string][]byte{
		"too short a block":   {1, 0, 0, 0, 4, 0, 0, 0},
		"too large a block":   {1, 0, 0, 0, 0, 0, 0, 0x10},
		"an odd length":       {1, 0, 0, 0, 13, 0, 0, 0},
		"the end of a block":  stream(t, 1)[:30],
		"the end of a number": {1, 0, 0},
	} {
		_, err := ReadBlock(bufio.NewReader(bytes.NewReader(b)))
		if err == nil || err == io.EOF {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func FuzzReadBlock(f *testing.F) {
	f.Add([]byte("\x0a\x0d\x0d\x0a\x1c\x00\x00\x00"))
	f.Add(appendStatistics(nil, 0, 0, 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		files := &Files{Path: os.DevNull}
		defer files.Close()
		_ = pour(files, b)
	})
}
