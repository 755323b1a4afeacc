package capture

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
	"github.com/stretchr/testify/require"
)

// block is a pcapng block read back by hand: gopacket reads no packet options.
type block struct {
	typ     uint32
	body    []byte
	options map[uint16][]byte
}

// parse reads the blocks of a file and checks their lengths, their padding and the end of their options.
func parse(t *testing.T, b []byte) []block {
	t.Helper()
	var all []block
	for len(b) > 0 {
		n := int(le.Uint32(b[4:]))
		require.Zero(t, n%4, "block length %d", n)
		require.LessOrEqual(t, n, len(b))
		require.Equal(t, n, int(le.Uint32(b[n-4:])), "the length at the block's end")
		k := block{typ: le.Uint32(b), body: b[8 : n-4], options: map[uint16][]byte{}}
		fixed := map[uint32]int{blockSectionHeader: 16, blockInterface: 8, blockStatistics: 12, blockPacket: 20}[k.typ]
		if k.typ == blockPacket {
			captured := int(le.Uint32(k.body[12:]))
			fixed += captured + (-captured & 3)
			requireZero(t, k.body[20+captured:fixed])
		}
		opts := k.body[fixed:]
		for le.Uint16(opts) != optEnd {
			size := int(le.Uint16(opts[2:]))
			k.options[le.Uint16(opts)] = opts[4 : 4+size]
			requireZero(t, opts[4+size:4+size+(-size&3)])
			opts = opts[4+size+(-size&3):]
		}
		require.Equal(t, []byte{0, 0, 0, 0}, opts, "the end of the options is the end of the block")
		all, b = append(all, k), b[n:]
	}
	return all
}

func requireZero(t *testing.T, padding []byte) {
	t.Helper()
	require.Equal(t, make([]byte, len(padding)), padding)
}

// datagrams of every length modulo 4; what they say doesn't matter here.
func datagrams() [][]byte {
	var all [][]byte
	for n := 20; n < 28; n++ {
		b := bytes.Repeat([]byte{0xee}, n)
		copy(b, []byte{0x45, 0, 0, byte(n), 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2})
		all = append(all, b)
	}
	return all
}

func comments() []string {
	return []string{"", "a", "ab", "abc", "abcd", "ENI_SG_RULES_MISMATCH", "Grüße aus Köln", "12345678"}
}

const epoch = 1_700_000_000_123_456_789

func written(t *testing.T) []byte {
	var file bytes.Buffer
	w, err := NewWriter(&file)
	require.NoError(t, err)
	for i, name := range []string{"eni-app", "nat-1"} {
		id, err := w.AddInterface(name, []string{"10.0.2.5 in subnet private", ""}[i])
		require.NoError(t, err)
		require.Equal(t, i, id)
	}
	for i, d := range datagrams() {
		require.NoError(t, w.WritePacket(i%2, epoch+int64(i), Direction(1+i%2), d, comments()[i]))
	}
	return file.Bytes()
}

func TestGopacketReadsBackWhatWasWritten(t *testing.T) {
	r, err := pcapgo.NewNgReader(bytes.NewReader(written(t)), pcapgo.DefaultNgReaderOptions)
	require.NoError(t, err)
	for i, want := range datagrams() {
		got, info, err := r.ReadPacketData()
		require.NoError(t, err)
		if !bytes.Equal(got, want) || info.InterfaceIndex != i%2 || !info.Timestamp.Equal(time.Unix(0, epoch+int64(i))) ||
			info.Length != len(want) || info.CaptureLength != len(want) {
			t.Errorf("packet %d: got % x, %+v", i, got, info)
		}
	}
	if _, _, err = r.ReadPacketData(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	if got := r.SectionInfo().Application; got != "vpcsim" {
		t.Errorf("the application is %q", got)
	}
	for i, want := range []string{"eni-app", "nat-1"} {
		itf, err := r.Interface(i)
		require.NoError(t, err)
		if itf.Name != want || itf.LinkType != layers.LinkTypeRaw || itf.TimestampResolution.ToTimestampResolution().Exponent != -9 {
			t.Errorf("interface %d: got %+v", i, itf)
		}
	}
}

func TestCommentsAndDirectionsAreOptionsOfThePacket(t *testing.T) {
	blocks := parse(t, written(t))
	require.Len(t, blocks, 1+2+len(datagrams()))
	for i, b := range blocks[3:] {
		comment, there := b.options[optComment]
		if want := comments()[i]; string(comment) != want || there != (want != "") {
			t.Errorf("packet %d: got comment %q, want %q", i, comment, want)
		}
		if got, want := le.Uint32(b.options[optPacketFlags]), uint32(1+i%2); got != want {
			t.Errorf("packet %d: got flags %d, want %d", i, got, want)
		}
	}
	if got := string(blocks[1].options[optDescription]); got != "10.0.2.5 in subnet private" {
		t.Errorf("description %q", got)
	}
}

func TestTooLongACommentIsCutAtACharacter(t *testing.T) {
	var file bytes.Buffer
	w, _ := NewWriter(&file)
	w.AddInterface("eni", "")
	require.NoError(t, w.WritePacket(0, 0, Inbound, nil, "x"+strings.Repeat("ü", 40_000)))
	got := parse(t, file.Bytes())[2].options[optComment]
	if len(got) != maxOptionLen || !utf8.Valid(got) {
		t.Errorf("got %d bytes, ending in % x", len(got), got[len(got)-2:])
	}
}

func TestAPacketOfAnInterfaceNotAddedIsAnError(t *testing.T) {
	w, _ := NewWriter(io.Discard)
	for _, id := range []int{-1, 0} {
		if w.WritePacket(id, 0, Inbound, nil, "") == nil {
			t.Errorf("interface %d was accepted", id)
		}
	}
}

func TestAFailedWriteIsReturned(t *testing.T) {
	full := errors.New("no space left on device")
	if _, err := NewWriter(failing{full}); !errors.Is(err, full) {
		t.Errorf("NewWriter: got %v", err)
	}
	w := &Writer{w: failing{full}}
	if _, err := w.AddInterface("eni", ""); !errors.Is(err, full) {
		t.Errorf("AddInterface: got %v", err)
	}
}

func TestTsharkShowsTheComments(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed: Wireshark's reading of the file is not checked")
	}
	file := filepath.Join(t.TempDir(), "capture.pcapng")
	require.NoError(t, os.WriteFile(file, written(t), 0o644))
	cmd := exec.Command(tshark, "-r", file, "-T", "fields", "-e", "frame.comment", "-e", "frame.interface_name",
		"-e", "frame.packet_flags_direction", "-e", "ip.src")
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	require.NoError(t, err, problems.String())
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	require.Len(t, lines, len(datagrams()), problems.String())
	for i, line := range lines {
		f := strings.Split(line, "\t")
		require.Len(t, f, 4)
		direction := []string{"1", "2"}[i%2]
		if f[2] == "0x00000001" || f[2] == "0x00000002" { // older releases print bit fields in hexadecimal
			f[2] = f[2][9:]
		}
		if f[0] != comments()[i] || f[1] != []string{"eni-app", "nat-1"}[i%2] || f[2] != direction || f[3] != "10.0.0.1" {
			t.Errorf("packet %d: got %q", i, f)
		}
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
func (f failing) Close() error              { return nil }
