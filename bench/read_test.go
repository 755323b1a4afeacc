package bench

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func zipped(t testing.TB, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// bzipped is the text "10.0.0.0/8 a\n11.0.0.0/8 b\n", as bzip2(1) compresses it: Go's library cannot.
func bzipped() []byte {
	text, err := base64.StdEncoding.DecodeString("QlpoOTFBWSZTWdFHUR8AAApZAAAQQAHgQDAAIAAxBkxAlNQZ6ipjCphUsRNF3JFOFCQ0UdRHwA==")
	if err != nil {
		panic(err)
	}
	return text
}

// broken changes a byte of a block of bzip2.
func broken(b []byte) []byte {
	b[11] ^= 1 // of the block's checksum
	return b
}

func TestATableIsReadFromBzip2(t *testing.T) {
	for name, in := range map[string][]byte{"one stream": bzipped(), "one after the other, as pbzip2 makes them": append(bzipped(), bzipped()...)} {
		table, err := readTable(bytes.NewReader(in))
		require.NoError(t, err, name)
		require.Equal(t, "10.0.0.0/8 1, 11.0.0.0/8 2", text(table.Routes), name)
	}
}

// TestReadingEndsWithItsContext: also where it waits for what a pipe does not say.
func TestReadingEndsWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, unix.Mkfifo(path, 0o600))
	silent, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer silent.Close()
	_, err = silent.WriteString("10.0.0.0/8 a\n")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel) // wherever it is then, it ends
	if _, err := ReadTable(ctx, path); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func text(routes []Route) string {
	var all []string
	for _, r := range routes {
		all = append(all, fmt.Sprintf("%s %d", r.Prefix, r.NextHop))
	}
	return strings.Join(all, ", ")
}

func TestReadTable(t *testing.T) {
	for name, row := range map[string]struct {
		in, want, note string
	}{
		"prefixes and the names of their next hops":           {in: "10.0.0.0/8 tgw\n0.0.0.0/0\tigw\n10.1.0.0/16 tgw\n", want: "0.0.0.0/0 2, 10.0.0.0/8 1, 10.1.0.0/16 1"},
		"commas, comments, blank lines and line ends of DOS":  {in: "# mine\r\n\r\n10.0.0.0/8,a\r\n11.0.0.0/8,a # same\r\n", want: "10.0.0.0/8 1, 11.0.0.0/8 1"},
		"IPv6 after IPv4, however it is written":              {in: "2001:DB8::/32 a\n::/0 b\n1.0.0.0/24 c", want: "1.0.0.0/24 3, ::/0 2, 2001:db8::/32 1"},
		"host bits are masked, and it is said of which lines": {in: "10.0.0.1/8 a\n11.0.0.0/8 b", want: "10.0.0.0/8 1, 11.0.0.0/8 2", note: "1 with host bits set, which were masked: line 1: 10.0.0.1/8"},
		"the same route twice is one":                         {in: "10.0.0.0/8 a\n10.0.0.0/8 a", want: "10.0.0.0/8 1", note: "1 there already, with the same next hop: line 2: 10.0.0.0/8"},
		"many of a kind are counted, and some shown":          {in: strings.Repeat("10.0.0.0/8 a\n", 6), want: "10.0.0.0/8 1", note: "5 there already, with the same next hop: line 2: 10.0.0.0/8; line 3: 10.0.0.0/8; line 4: 10.0.0.0/8; …"},
		"without names next hops are made up":                 {in: "10.0.0.0/8\n", want: fmt.Sprintf("10.0.0.0/8 %d", 1+mix(0)%200), note: "1 without a next hop: each got one of 200 that are made up"},
	} {
		t.Run(name, func(t *testing.T) {
			for packing, in := range map[string][]byte{
				"plain": []byte(row.in), "gzip": zipped(t, []byte(row.in)), "after a byte order mark": []byte("\xef\xbb\xbf" + row.in),
			} {
				table, err := readTable(bytes.NewReader(in))
				require.NoError(t, err, packing)
				if got := text(table.Routes); got != row.want {
					t.Errorf("%s: got %s, want %s", packing, got, row.want)
				}
				if got := strings.Join(table.Notes, "|"); got != row.note {
					t.Errorf("%s: notes: got %s, want %s", packing, got, row.note)
				}
			}
		})
	}
}

func TestWhatIsNoTableIsSaidWithItsLine(t *testing.T) {
	good := "10.0.0.0/8 a\n"
	for name, row := range map[string]struct {
		in   []byte
		want string
	}{
		"an empty file":                              {nil, "no prefix in it"},
		"comments only":                              {[]byte("# nothing\n"), "no prefix in it"},
		"rubbish in the middle":                      {[]byte(good + "lorem ipsum\n11.0.0.0/8 b\n"), `line 2: "lorem" is not a prefix as in 10.0.0.0/8`},
		"an address without a length":                {[]byte(good + "11.0.0.0 b\n"), `line 2: "11.0.0.0" is not a prefix as in 10.0.0.0/8`},
		"a length that is too long":                  {[]byte("10.0.0.0/33\n"), `line 1: "10.0.0.0/33" is not a prefix as in 10.0.0.0/8`},
		"a route with two next hops":                 {[]byte(good + "10.0.0.0/8 b\n"), "line 2: 10.0.0.0/8 is at line 1 already, with another next hop"},
		"the same, but for host bits":                {[]byte(good + "10.0.0.9/8 b\n"), "line 2: 10.0.0.0/8 is at line 1 already, with another next hop"},
		"a third column":                             {[]byte("10.0.0.0/8 a b\n"), `line 1: "b" after the prefix and its next hop`},
		"an IPv4 prefix in IPv6's clothes":           {[]byte("::ffff:10.0.0.0/104 a\n"), "line 1: ::ffff:10.0.0.0/104: write an IPv4 prefix as one"},
		"two mistakes are told at once":              {[]byte("x\n" + good + "y\n"), "line 1: \"x\" is not a prefix as in 10.0.0.0/8\nline 3: \"y\" is not a prefix as in 10.0.0.0/8"},
		"a file of another kind, in one long line":   {bytes.Repeat([]byte{0}, 1<<20), "line 1: longer than 4096 bytes; is this a table of prefixes?"},
		"a long line that is none of a binary file":  {[]byte(good + strings.Repeat("x", 5000) + "\n"), "line 2: longer than 4096 bytes; is this a table of prefixes?"},
		"a compressed file that ends too early":      {zipped(t, []byte(strings.Repeat(good, 9)))[:30], "line 10: the compressed file ends too early"},
		"a file that only begins like a compressed":  {[]byte{0x1f, 0x8b, 7, 7, 7, 7, 7, 7, 7, 7}, "gzip: invalid header"},
		"a compressed file whose checksum is wrong":  {append(zipped(t, []byte(good))[:len(zipped(t, []byte(good)))-8], 1, 2, 3, 4, 13, 0, 0, 0), "line 2: gzip: invalid checksum"},
		"no more than ten mistakes are told of":      {bytes.Repeat([]byte("x\n"), 99), strings.Repeat("\nline #: \"x\" is not a prefix as in 10.0.0.0/8", 10)[1:]},
		"a file of another kind, in short lines":     {[]byte(good + "\x7fELF\x02\x01\x01\x00\n\x00\n"), "line 2: not text; is this a table of prefixes?"},
		"compressed by xz":                           {[]byte("\xfd7zXZ\x00\x00\x04\xe6\xd6"), "compressed by xz, which is not read: unpack it, or xz -dc FILE | vpcsim … with /dev/stdin for the file"},
		"compressed by zstd":                         {[]byte("\x28\xb5\x2f\xfd\x04\x00\x61\x00\x00\x31\x30"), "compressed by zstd, which is not read: unpack it, or zstd -dc FILE | vpcsim … with /dev/stdin for the file"},
		"compressed by bzip2 and cut short":          {bzipped()[:50], "line 3: the compressed file ends too early"},
		"compressed by bzip2 and broken":             {broken(bzipped()), "line 3: bzip2 data invalid: block checksum mismatch"},
		"more lines than a table can need":           {bytes.Repeat([]byte{'\n'}, maxLines+1), fmt.Sprintf("line %d: a table of at most %d prefixes does not need so many lines", maxLines+1, maxRoutes)},
		"an MRT file in the format of before":        {mrtRecord(12, 1, make([]byte, 20)), "record 1: of the RIB in its old format (TABLE_DUMP): only dumps of a RIB are read (TABLE_DUMP_V2: RouteViews' rib.*, RIPE RIS's bview.*)"},
		"an MRT file of updates in place of a table": {mrtRecord(16, 4, make([]byte, 20)), "record 1: an update and not a RIB: only dumps of a RIB are read (TABLE_DUMP_V2: RouteViews' rib.*, RIPE RIS's bview.*)"},
	} {
		t.Run(name, func(t *testing.T) {
			table, err := readTable(bytes.NewReader(row.in))
			want := row.want
			for n := 1; strings.Contains(want, "#"); n++ {
				want = strings.Replace(want, "#", fmt.Sprint(n), 1)
			}
			if err == nil || err.Error() != want {
				t.Errorf("got %v, want %s; table of %d", err, want, len(table.Routes))
			}
		})
	}
}

// endless is a huge file of one route over and over.
type endless struct{ left int64 }

func (e *endless) Read(p []byte) (int, error) {
	const line = "10.0.0.0/8 a\n"
	if e.left <= 0 {
		return 0, io.EOF
	}
	n := 0
	for n+len(line) <= len(p) {
		n += copy(p[n:], line)
	}
	e.left -= int64(n)
	return n, nil
}

func TestAHugeFileIsReadAsAStream(t *testing.T) {
	size := int64(32 << 20)
	if testing.Short() {
		size = 4 << 20
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	table, err := readTable(&endless{left: size})
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	require.Len(t, table.Routes, 1)
	// Each line is turned into a string and two fields, which are garbage at once; what counts is that the heap does not follow the file.
	if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > size/2 {
		t.Errorf("the heap grew by %d bytes for a file of %d", grown, size)
	}
}

func FuzzReadTable(f *testing.F) {
	f.Add([]byte("10.0.0.0/8 a\n11.0.0.1/8 b\n::/0 c\n"))
	f.Add([]byte("# x\r\n10.0.0.0/8,a\r\n\r\n10.0.0.0/8,b"))
	f.Add(mrtGolden())
	f.Add(mrtGolden()[:90])
	f.Add(zipped(f, mrtGolden()))
	f.Fuzz(func(t *testing.T, in []byte) {
		table, err := readTable(bytes.NewReader(in))
		if err != nil {
			return
		}
		seen := map[netip.Prefix]bool{}
		for i, r := range table.Routes {
			if !r.Prefix.IsValid() || r.Prefix != r.Prefix.Masked() || r.NextHop == 0 || seen[r.Prefix] {
				t.Fatalf("route %d of a table: %v", i, r)
			}
			seen[r.Prefix] = true
		}
		if len(table.Routes) == 0 {
			t.Fatal("an empty table is an error")
		}
	})
}
