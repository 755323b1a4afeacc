package capture

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Files writes a stream of pcapng blocks into files, each of which can be read alone: what describes the interfaces goes into all
// of them. One goroutine at a time.
type Files struct {
	Path string         // of the only file; with Size, a number comes before its extension
	Out  io.WriteCloser // in place of Path
	// Size in bytes is where a file ends and the next one begins; 0 is never. Keep is how many of the last files stay; 0 is all.
	Size    int64
	Keep    int
	Packets int // ends after this many; 0 is never

	Written int    // how many packets there are so far, in all files
	Missing uint64 // how many the stream says are not in it
	Made    int    // how many files have been begun

	file io.WriteCloser
	size int64
	head []byte // the section header and the interfaces so far
}

// ErrEnough says that as many packets as were wanted have been written.
var ErrEnough = errors.New("capture: enough packets")

// maxBlock bounds what is read at once: a datagram, its comment and the rest of the block are below it.
const maxBlock = 1 << 20

// ReadBlock reads one pcapng block, at the most of a megabyte. At the end of the stream it returns io.EOF.
func ReadBlock(r *bufio.Reader) (block []byte, err error) {
	start, err := r.Peek(8)
	if err != nil {
		if errors.Is(err, io.EOF) && len(start) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	n := le.Uint32(start[4:])
	if n < 12 || n%4 != 0 || n > maxBlock {
		return nil, fmt.Errorf("capture: a block of %d bytes", n)
	}
	block = make([]byte, n)
	if _, err := io.ReadFull(r, block); err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	return block, nil
}

// Add writes one block of a stream that has one section. It returns ErrEnough with the last packet.
func (f *Files) Add(block []byte) error {
	switch le.Uint32(block) {
	case blockSectionHeader, blockInterface:
		f.head = append(f.head, block...)
	case blockStatistics:
		f.Missing += droppedOf(block)
	case blockPacket:
		if f.Size > 0 && f.size+int64(len(block)) > f.Size && f.size > int64(len(f.head)) {
			if err := f.turn(); err != nil {
				return err
			}
		}
	}
	if f.file == nil {
		if err := f.open(); err != nil {
			return err
		}
	}
	if _, err := f.file.Write(block); err != nil {
		return err
	}
	f.size += int64(len(block))
	if le.Uint32(block) != blockPacket {
		return nil
	}
	if f.Written++; f.Written == f.Packets {
		return ErrEnough
	}
	return nil
}

// droppedOf reads what appendStatistics wrote.
func droppedOf(block []byte) uint64 {
	if len(block) < 8+12+12+4 {
		return 0
	}
	if options := block[8+12 : len(block)-4]; le.Uint16(options) == optDropped {
		return le.Uint64(options[4:])
	}
	return 0
}

// open begins the next file.
func (f *Files) open() (err error) {
	file := f.Out
	if file == nil {
		if file, err = os.Create(f.name(f.Made)); err != nil {
			return err
		}
	}
	f.file, f.size = file, 0
	f.Made++
	return nil
}

// turn ends a file and begins the next one with all that describes interfaces.
func (f *Files) turn() error {
	if err := f.file.Close(); err != nil {
		return err
	}
	if err := f.open(); err != nil {
		return err
	}
	if old := f.Made - 1 - f.Keep; f.Keep > 0 && old >= 0 {
		if err := os.Remove(f.name(old)); err != nil {
			return err
		}
	}
	n, err := f.file.Write(f.head)
	f.size = int64(n)
	return err
}

// name is the path of the file with a number.
func (f *Files) name(n int) string {
	if f.Size == 0 {
		return f.Path
	}
	extension := filepath.Ext(f.Path)
	return fmt.Sprintf("%s.%05d%s", strings.TrimSuffix(f.Path, extension), n+1, extension)
}

// Close ends the last file.
func (f *Files) Close() error {
	if f.file == nil {
		return nil
	}
	return f.file.Close()
}
