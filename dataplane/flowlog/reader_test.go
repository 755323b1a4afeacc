package flowlog

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	line2   = "2 123456789012 eni-0a1b2c3d4e5f60718 10.0.2.10 52.216.1.2 41234 443 6 12 3400 1700000000 1700000060 ACCEPT OK"
	header5 = "version interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status vpc-id subnet-id " +
		"tcp-flags pkt-srcaddr pkt-dstaddr flow-direction traffic-path"
	line5 = "5 eni-0a1b2c3d4e5f60718 10.0.2.10 52.216.1.2 41234 443 6 12 3400 1700000000 1700000060 ACCEPT OK vpc-1 subnet-1 3 10.0.2.11 52.216.1.2 egress 8"
)

var record2 = Record{
	Interface: "eni-0a1b2c3d4e5f60718", Src: netip.MustParseAddr("10.0.2.10"), Dst: netip.MustParseAddr("52.216.1.2"), SrcPort: 41234, DstPort: 443,
	Protocol: 6, Packets: 12, Bytes: 3400, Start: 1700000000, End: 1700000060, TCPFlags: NoFlags,
}

var record5 = func() Record {
	r := record2
	r.VPC, r.Subnet, r.TCPFlags, r.PktSrc, r.PktDst = "vpc-1", "subnet-1", SYN|FIN, netip.MustParseAddr("10.0.2.11"), r.Dst
	r.Direction, r.TrafficPath = Egress, 8
	return r
}()

// all reads what a file holds: the records, and the errors about lines.
func all(t testing.TB, from io.Reader, f Format) (records []Record, faults []string) {
	t.Helper()
	r, err := NewReader(from, "f.log", f)
	require.NoError(t, err)
	for {
		record, err := r.Next()
		var line *LineError
		switch {
		case err == io.EOF:
			return records, faults
		case errors.As(err, &line):
			faults = append(faults, err.Error())
		case err != nil:
			return records, append(faults, err.Error())
		default:
			records = append(records, *record)
		}
	}
}

func packed(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

func TestWaysARecordComes(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		text, format string
		want         []Record
	}{
		"the default format without a header line":        {line2 + "\n", "", []Record{record2}},
		"without a new line at the end":                   {line2, "", []Record{record2}},
		"lines that end as on Windows, and empty ones":    {"\r\n" + line2 + "\r\n\r\n", "", []Record{record2}},
		"as S3 delivers them: compressed, a header line":  {packed(header5 + "\n" + line5 + "\n"), "", []Record{record5}},
		"two compressed files one after the other":        {packed(header5+"\n"+line5+"\n") + packed(header5+"\n"+line5+"\n"), "", []Record{record5, record5}},
		"a header line in the middle names a new format":  {line2 + "\n" + header5 + "\n" + line5 + "\n", "", []Record{record2, record5}},
		"as CloudWatch exports them: a time before":       {"2026-01-31T10:00:00.000Z " + line2 + "\n2026-01-31T10:00:01.000Z " + line2, "", []Record{record2, record2}},
		"a format that is given as AWS writes it":         {line5, "${" + strings.ReplaceAll(header5, " ", "} ${") + "}", []Record{record5}},
		"a format that is given as a header line has it":  {line5, header5, []Record{record5}},
		"a field of a later time is passed over":          {header5 + " moon-phase\n" + line5 + " 3\n", "", []Record{record5}},
		"IPv6":                                            {strings.NewReplacer("10.0.2.10", "2001:db8::1", "52.216.1.2", "2001:db8::2").Replace(line2), "", []Record{over6(record2)}},
		"an interval without traffic":                     {"2 123456789012 eni-1 - - - - - - - 1700000000 1700000060 - NODATA", "", []Record{{Interface: "eni-1", Start: 1700000000, End: 1700000060, TCPFlags: NoFlags, Status: NoData}}},
		"an interval whose records are missing":           {"2 123456789012 eni-1 - - - - - - - 1700000000 1700000060 - SKIPDATA", "", []Record{{Interface: "eni-1", Start: 1700000000, End: 1700000060, TCPFlags: NoFlags, Status: SkipData}}},
		"what a filter refused":                           {strings.Replace(line2, "ACCEPT", "REJECT", 1), "", []Record{refused(record2)}},
		"nothing":                                         {"", "", nil},
		"traffic that is not IP has no addresses":         {"2 123456789012 eni-1 - - - - - 4 100 1700000000 1700000060 ACCEPT OK", "", []Record{{Interface: "eni-1", Packets: 4, Bytes: 100, Start: 1700000000, End: 1700000060, TCPFlags: NoFlags}}},
		"what the format has and the record does not say": {header5 + "\n" + strings.NewReplacer(" 3 ", " - ", " egress 8", " ingress -").Replace(line5), "", []Record{unsaid(record5)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var f Format
			if row.format != "" {
				var err error
				f, err = ParseFormat(row.format)
				require.NoError(t, err)
			}
			got, faults := all(t, strings.NewReader(row.text), f)
			require.Empty(t, faults)
			require.Equal(t, row.want, got)
		})
	}
}

func over6(r Record) Record {
	r.Src, r.Dst = netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
	return r
}

func refused(r Record) Record {
	r.Reject = true
	return r
}

func unsaid(r Record) Record {
	r.TCPFlags, r.Direction, r.TrafficPath = NoFlags, Ingress, 0
	return r
}

// TestWrongLines: what cannot be understood is told by file, line and field, and what comes after it is read all the same.
func TestWrongLines(t *testing.T) {
	t.Parallel()
	change := func(old, now string) string { return strings.Replace(line2, old, now, 1) }
	for name, row := range map[string]struct{ line, want string }{
		"too few fields":                    {"2 123456789012 eni-1", "f.log:2: has 3 fields, the default format 14; say which they are with a header line or a format"},
		"another format than was said":      {line5, "f.log:2: has 20 fields, the default format 14; say which they are with a header line or a format"},
		"two spaces":                        {change("eni-", " eni-"), "f.log:2: has 15 fields, the default format 14; say which they are with a header line or a format"},
		"an address that is none":           {change("52.216.1.2", "52.216.1.256"), `f.log:2: dstaddr: "52.216.1.256": must be an IP address`},
		"an address with a leading zero":    {change("52.216.1.2", "52.216.01.2"), `f.log:2: dstaddr: "52.216.01.2": must be an IP address`},
		"a port that is none":               {change(" 443 ", " 65536 "), `f.log:2: dstport: "65536": must be a number from 0 to 65535`},
		"a negative number":                 {change(" 443 ", " -443 "), `f.log:2: dstport: "-443": must be a number from 0 to 65535`},
		"a number too long for any":         {change("3400", strings.Repeat("9", 40)), `f.log:2: bytes: "` + strings.Repeat("9", 40) + `": must be a number`},
		"an action that is none":            {change("ACCEPT", "ALLOW"), `f.log:2: action: "ALLOW": must be ACCEPT or REJECT`},
		"a status that is none":             {change("OK", "DONE"), `f.log:2: log-status: "DONE": must be OK or NODATA or SKIPDATA`},
		"data, but no protocol":             {change(" 6 ", " - "), "f.log:2: protocol: is - in a record that has data"},
		"data, but no interface":            {change("eni-0a1b2c3d4e5f60718", "-"), "f.log:2: interface-id: is - in a record that has data"},
		"one address alone":                 {change("10.0.2.10", "-"), "f.log:2: dstaddr: one of the two addresses is -"},
		"addresses of two families":         {change("10.0.2.10", "2001:db8::1"), "f.log:2: dstaddr: is not of the IP version of the source"},
		"an end before the start":           {change("1700000060", "1600000000"), "f.log:2: end: lies before start"},
		"a header line that lacks fields":   {"version interface-id srcaddr", "f.log:2: header line: the format has no field srcport, dstport, protocol, end, action, dstaddr or pkt-dstaddr, without which connections can't be told"},
		"a header line with a field twice":  {header5 + " end", "f.log:2: header line: the format has the field end twice"},
		"a line that is longer than any is": {strings.Repeat("x", maxLine+1), "f.log:2: is longer than 65536 bytes: no flow log record"},
		"words":                             {"Permission Check Successful", "f.log:2: has 3 fields, the default format 14; say which they are with a header line or a format"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, faults := all(t, strings.NewReader(line2+"\n"+row.line+"\n"+line2+"\n"), nil)
			require.Equal(t, []string{row.want}, faults)
			require.Len(t, got, 2)
		})
	}
}

func TestFilesThatEndTooEarly(t *testing.T) {
	t.Parallel()
	whole := packed(strings.Repeat(line2+"\n", 1000))
	_, faults := all(t, strings.NewReader(whole[:len(whole)/2]), nil)
	require.NotEmpty(t, faults)
	require.Contains(t, faults[len(faults)-1], "f.log:")
	require.Contains(t, faults[len(faults)-1], io.ErrUnexpectedEOF.Error())
	_, err := NewReader(strings.NewReader("\x1f\x8bnonsense, but long enough"), "f.log.gz", nil)
	require.ErrorContains(t, err, "f.log.gz: gzip: ")
}

func TestFormats(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                         "the format has no field",
		"${version} ${srcadr}":     `flow logs have no field "${srcadr}"; the fields are version, account-id,`,
		"${version} ${account-id}": "the format has no field interface-id, srcport, dstport, protocol, end, action, srcaddr or pkt-srcaddr, dstaddr or pkt-dstaddr,",
	} {
		_, err := ParseFormat(text)
		require.ErrorContains(t, err, want, text)
	}
	f, err := ParseFormat("${interface-id} ${pkt-srcaddr} ${pkt-dstaddr} ${srcport} ${dstport} ${protocol} ${end} ${action}")
	require.NoError(t, err)
	require.True(t, f.Has(EndField))
	require.False(t, f.Has(StartField))
	require.Len(t, Default(), 14)
}

// FuzzReader: whatever a file holds, reading it ends, and a record is of one IP version and has an interface.
func FuzzReader(f *testing.F) {
	f.Add(line2+"\n"+line2, "")
	f.Add(header5+"\n"+line5, "")
	f.Add(line5, header5)
	f.Add(packed(header5+"\n"+line5), "")
	f.Add("2026-01-31T10:00:00.000Z "+line2+"\r\n- - -", "")
	f.Add("2 1 eni-1 - - - - - - - 1 2 - NODATA\n\n \t\n", "${version}")
	f.Fuzz(func(t *testing.T, text, format string) {
		given, err := ParseFormat(format)
		if err != nil {
			given = nil
		}
		r, err := NewReader(strings.NewReader(text), "f", given)
		if err != nil {
			return
		}
		for n := 0; ; n++ {
			record, err := r.Next()
			var line *LineError
			switch {
			case errors.As(err, &line):
				continue
			case err != nil:
				return
			case n > len(text)*2000: // deflate packs 1:1032 at best
				t.Fatal("more records than there can be")
			}
			src, dst := record.Ends()
			if src.IsValid() != dst.IsValid() && record.Status == OK || src.IsValid() && record.Status == OK && (src.Is4() != dst.Is4() || record.Interface == "") {
				t.Fatalf("%+v", record)
			}
		}
	})
}

// FuzzAddress: the quick reader of IPv4 addresses agrees with netip.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{"10.0.2.10", "255.255.255.255", "256.1.1.1", "1.2.3", "01.2.3.4", "1.2.3.4.5", "1..2.3", "::1", "fe80::1%eth0", "", ".1.2.3", "0.0.0.0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var got netip.Addr
		want, err := netip.ParseAddr(text)
		fault := address([]byte(text), &got)
		if (fault == "") != (err == nil && want.Zone() == "") || fault == "" && got != want {
			t.Errorf("%q: %s %q, netip says %s %v", text, got, fault, want, err)
		}
	})
}

// TestReadingDoesNotAllocatePerRecord bounds the memory of a file of any length.
func TestReadingDoesNotAllocatePerRecord(t *testing.T) {
	text := strings.Repeat(line2+"\n", 1001)
	r, err := NewReader(strings.NewReader(text), "f", nil)
	require.NoError(t, err)
	_, err = r.Next()
	require.NoError(t, err)
	if n := testing.AllocsPerRun(999, func() {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations per record", n)
	}
}

func BenchmarkReader(b *testing.B) {
	var text strings.Builder
	for n := range 10_000 {
		fmt.Fprintf(&text, "2 123456789012 eni-%017x 10.0.%d.%d 52.216.1.2 %d 443 6 12 3400 1700000000 1700000060 ACCEPT OK\n", n%500, n%200, n%250, 1024+n)
	}
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		r, err := NewReader(strings.NewReader(text.String()), "f", nil)
		require.NoError(b, err)
		for err == nil {
			_, err = r.Next()
		}
		require.Equal(b, io.EOF, err)
	}
}
