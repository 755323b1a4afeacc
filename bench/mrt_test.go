package bench

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The records below are put together by hand from RFC 6396, so that the library that reads them is not what made them.

// mrtRecord is a record with its header (RFC 6396, 2).
func mrtRecord(kind, subtype uint16, body []byte) []byte {
	var b []byte
	b = binary.BigEndian.AppendUint32(b, 1_760_000_000)
	b = binary.BigEndian.AppendUint16(b, kind)
	b = binary.BigEndian.AppendUint16(b, subtype)
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	return append(b, body...)
}

// peerIndex is the record that such a file begins with: one peer with IPv4 address and AS of 4 bytes (4.3.1).
func peerIndex() []byte {
	b := []byte{192, 0, 2, 1, 0, 4, 'v', 'i', 'e', 'w', 0, 1}
	b = append(b, 2, 198, 51, 100, 1, 198, 51, 100, 1, 0, 0, 0xfd, 0xe8)
	return mrtRecord(13, 1, b)
}

// rib is a record of a prefix with an entry for each list of path attributes (4.3.2, 4.3.4). The prefix's last byte may have host bits.
func rib(subtype uint16, prefix string, entries ...[]byte) []byte {
	p := netip.MustParsePrefix(prefix)
	b := []byte{0, 0, 0, 0, byte(p.Bits())}
	b = append(b, p.Addr().AsSlice()[:(p.Bits()+7)/8]...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(entries)))
	for _, e := range entries {
		b = append(b, 0, 0, 0x68, 0xe7, 0x78, 0) // peer 0, and when it told
		b = binary.BigEndian.AppendUint16(b, uint16(len(e)))
		b = append(b, e...)
	}
	return mrtRecord(13, subtype, b)
}

// origin and path are attributes that every route has; nextHop4 and nextHop6 say where it leads, the latter in the short form of 4.3.4.
var (
	origin = []byte{0x40, 1, 1, 0}
	path   = []byte{0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xe8}
)

func nextHop4(last byte) []byte {
	return append(append(append([]byte{}, origin...), path...), 0x40, 3, 4, 198, 51, 100, last)
}

func nextHop6(last byte) []byte {
	b := append(append(append([]byte{}, origin...), path...), 0x80, 14, 17, 16)
	return append(b, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last)
}

func mrtGolden() []byte {
	return bytes.Join([][]byte{
		peerIndex(),
		rib(2, "10.0.0.0/8", nextHop4(1), nextHop4(2)),
		rib(2, "0.0.0.0/0", nextHop4(2)),
		rib(2, "203.0.113.7/32", nextHop4(1)),
		rib(4, "2001:db8::/32", nextHop6(1)),
		rib(4, "::/0", nextHop6(9)),
	}, nil)
}

func TestReadMRT(t *testing.T) {
	for name, in := range map[string][]byte{"plain": mrtGolden(), "gzip": zipped(t, mrtGolden())} {
		table, err := readTable(bytes.NewReader(in))
		require.NoError(t, err, name)
		want := "0.0.0.0/0 2, 10.0.0.0/8 1, 203.0.113.7/32 1, ::/0 4, 2001:db8::/32 3"
		if got := text(table.Routes); got != want || len(table.Notes) > 0 {
			t.Errorf("%s: got %s %v, want %s", name, got, table.Notes, want)
		}
	}
}

// TestMRTOfOtherShapes: RFC 8050's records of several paths, next hops of IPv6 that are two addresses or in a whole attribute, and a prefix that goes on
// in another record, as FRRouting writes those with many entries.
func TestMRTOfOtherShapes(t *testing.T) {
	pathID := func(record []byte, entryAt int) []byte { // puts a path's number before the length of the first entry's attributes
		body := record[mrtHeaderLen:]
		at := entryAt + 2 + 6
		return mrtRecord(13, 8, slices.Concat(body[:at], []byte{0, 0, 0, 7}, body[at:]))
	}
	both := append(slices.Concat(origin, path), 0x80, 14, 33, 32)
	both = append(both, netip.MustParseAddr("2001:db8::5").AsSlice()...)
	both = append(both, netip.MustParseAddr("fe80::5").AsSlice()...)
	for name, row := range map[string]struct {
		in         [][]byte
		want, note string
	}{
		"several paths, IPv4":           {in: [][]byte{pathID(rib(2, "10.0.0.0/8", nextHop4(1)), 6)}, want: "10.0.0.0/8 1"},
		"a global and a local next hop": {in: [][]byte{rib(4, "2001:db8::/32", both), rib(4, "2001:db8:5::/48", nextHop6(5))}, want: "2001:db8::/32 1, 2001:db8:5::/48 1"},
		"a prefix that goes on": {
			in: [][]byte{rib(2, "10.0.0.0/8", nextHop4(1)), rib(2, "10.0.0.0/8", nextHop4(2)), rib(2, "11.0.0.0/8", nextHop4(1))}, want: "10.0.0.0/8 1, 11.0.0.0/8 1",
			note: "1 of a prefix that was there already, whose first next hop counts: record 3: 10.0.0.0/8",
		},
		"an entry without a next hop has its peer's": {in: [][]byte{rib(2, "10.0.0.0/8", origin)}, want: "10.0.0.0/8 1"},
	} {
		t.Run(name, func(t *testing.T) {
			table, err := readTable(bytes.NewReader(append(peerIndex(), bytes.Join(row.in, nil)...)))
			require.NoError(t, err)
			if got := text(table.Routes); got != row.want || strings.Join(table.Notes, "|") != row.note {
				t.Errorf("got %s %q, want %s %q", got, table.Notes, row.want, row.note)
			}
		})
	}
}

func TestHostBitsInMRTAreMasked(t *testing.T) {
	table, err := readTable(bytes.NewReader(append(peerIndex(), rib(2, "10.255.0.0/12", nextHop4(1))...)))
	require.NoError(t, err)
	if got := text(table.Routes); got != "10.240.0.0/12 1" {
		t.Errorf("got %s", got)
	}
}

func TestAWrongMRTFileIsNoTable(t *testing.T) {
	whole := mrtGolden()
	long := mrtRecord(13, 2, nil)
	binary.BigEndian.PutUint32(long[8:], 1<<30)
	entryTooLong := rib(2, "10.0.0.0/8", nextHop4(1))
	entryTooLong[len(entryTooLong)-1-len(nextHop4(1))] = 200
	tooLongPrefix := rib(2, "10.0.0.0/8", nextHop4(1))
	tooLongPrefix[mrtHeaderLen+4] = 60
	short := rib(2, "10.0.0.0/8", nextHop4(1), nextHop4(2))[mrtHeaderLen:]
	short = short[:len(short)-4]
	for name, row := range map[string]struct {
		in   []byte
		want string
	}{
		"it ends within a record's body":        {whole[:len(whole)-3], "record 6: the file ends within a record"},
		"it ends within a record's header":      {whole[:len(peerIndex())+5], "record 2: the file ends within a record"},
		"a record says that it is a gigabyte":   {append(peerIndex(), long...), "record 2: not a header of MRT"},
		"an entry is longer than its record":    {append(peerIndex(), entryTooLong...), "record 2: "},
		"a second entry is cut short":           {append(peerIndex(), mrtRecord(13, 2, short)...), "record 2: its entries are not as long as it says"},
		"a prefix is longer than its addresses": {append(peerIndex(), tooLongPrefix...), "record 2: "},
		"updates in the middle":                 {append(peerIndex(), mrtRecord(16, 4, make([]byte, 40))...), "record 2: an update and not a RIB"},
		"a subtype that nobody knows":           {append(peerIndex(), mrtRecord(13, 77, make([]byte, 7))...), "record 2: unsupported table dumpv2 subtype"},
		"text in the middle":                    {append(peerIndex(), []byte("10.0.0.0/8 a, and more of it\n")...), "record 2: "},
		"no prefix at all":                      {peerIndex(), "no prefix in it"},
	} {
		t.Run(name, func(t *testing.T) {
			table, err := readTable(bytes.NewReader(row.in))
			if err == nil || !strings.HasPrefix(err.Error(), row.want) {
				t.Errorf("got %v, want %s…; table of %d", err, row.want, len(table.Routes))
			}
		})
	}
}
