package bench

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func generated(t testing.TB, name string) Table {
	t.Helper()
	table, err := NewTable(name, 1)
	require.NoError(t, err)
	return table
}

func TestKeysAreWhatTheirNamesSay(t *testing.T) {
	const n = 20000
	table := generated(t, "vpc-1000")
	m := newModel(table.Routes[1:]) // without the default route
	found := func(k *Keys) (hits int) {
		for _, a := range m.answersTo(k) {
			if a > 0 {
				hits++
			}
		}
		return hits
	}
	different := func(k *Keys) int {
		seen := map[uint32]bool{}
		for _, a := range k.V4 {
			seen[a] = true
		}
		return len(seen)
	}
	keys := map[string]*Keys{}
	for _, name := range []string{"in-table", "uniform", "zipf", "fixed"} {
		k, err := NewKeys(name, table, n, 7)
		require.NoError(t, err)
		require.Equal(t, n, k.Len())
		again, err := NewKeys(name, table, n, 7)
		require.NoError(t, err)
		require.Equal(t, k.V4, again.V4, "%s: the same seed gives the same keys", name)
		keys[name] = k
	}
	if got := found(keys["in-table"]); got < n*99/100 {
		t.Errorf("in-table: %d of %d are in the table", got, n)
	}
	if got := found(keys["uniform"]); got > n/5 {
		t.Errorf("uniform: %d of %d are in a table of private networks", got, n)
	}
	if in, zipf := different(keys["in-table"]), different(keys["zipf"]); zipf >= in {
		t.Errorf("zipf: %d different ones, and %d of in-table", zipf, in)
	}
	if got := different(keys["fixed"]); got != 1 || !strings.Contains(keys["fixed"].Note, "a trap") {
		t.Errorf("fixed: %d different ones, %s", got, keys["fixed"].Note)
	}
}

// pcapOf is a capture file of the classic format, of the link type of Ethernet, put together by hand (pcap-savefile(5)).
func pcapOf(frames ...[]byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4)
	b = append(b, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, 1<<16)
	b = binary.LittleEndian.AppendUint32(b, 1)
	for i, f := range frames {
		b = binary.LittleEndian.AppendUint32(b, uint32(i))
		b = binary.LittleEndian.AppendUint32(b, 0)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(f)))
		b = binary.LittleEndian.AppendUint32(b, uint32(len(f)))
		b = append(b, f...)
	}
	return b
}

// pcapngOf is the same in the newer format: a section header, an interface and a packet block for each frame.
func pcapngOf(frames ...[]byte) []byte {
	var b []byte
	block := func(kind uint32, body []byte) {
		for len(body)%4 != 0 {
			body = append(body, 0)
		}
		b = binary.LittleEndian.AppendUint32(b, kind)
		b = binary.LittleEndian.AppendUint32(b, uint32(12+len(body)))
		b = append(b, body...)
		b = binary.LittleEndian.AppendUint32(b, uint32(12+len(body)))
	}
	block(0x0a0d0d0a, append([]byte{0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0}, bytes.Repeat([]byte{0xff}, 8)...))
	block(1, []byte{1, 0, 0, 0, 0, 0, 1, 0})
	for _, f := range frames {
		head := make([]byte, 12)
		head = binary.LittleEndian.AppendUint32(head, uint32(len(f)))
		head = binary.LittleEndian.AppendUint32(head, uint32(len(f)))
		block(6, append(head, f...))
	}
	return b
}

// frameTo is an Ethernet frame with an empty IP packet to an address.
func frameTo(dst string) []byte {
	a := netip.MustParseAddr(dst)
	mac := []byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2}
	if a.Is4() {
		ip := []byte{0x45, 0, 0, 20, 0, 0, 0, 0, 64, 59, 0, 0, 10, 0, 0, 1}
		return slices.Concat(mac, []byte{8, 0}, ip, a.AsSlice())
	}
	ip := slices.Concat([]byte{0x60, 0, 0, 0, 0, 0, 59, 64}, netip.MustParseAddr("2001:db8::1").AsSlice(), a.AsSlice())
	return slices.Concat(mac, []byte{0x86, 0xdd}, ip)
}

func TestATraceGivesTheDestinationsOfItsPackets(t *testing.T) {
	arp := append(bytes.Repeat([]byte{0xff}, 12), 8, 6, 0, 1)
	frames := [][]byte{frameTo("10.0.0.1"), arp, frameTo("2001:db8::7"), frameTo("10.9.9.9")}
	for name, file := range map[string][]byte{
		"a.pcap": pcapOf(frames...), "a.pcapng": pcapngOf(frames...), "a.pcap.gz": zipped(t, pcapOf(frames...)), "a.pcapng.gz": zipped(t, pcapngOf(frames...)),
	} {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, file, 0o600))
		trace, err := readTrace(t.Context(), path, 100)
		require.NoError(t, err, name)
		k := trace.keys("trace:"+path, false, 5)
		var got []string
		for _, a := range k.Addrs() {
			got = append(got, a.String())
		}
		if want := "10.0.0.1 10.9.9.9 10.0.0.1 10.9.9.9 10.0.0.1"; strings.Join(got, " ") != want {
			t.Errorf("%s: got %v, want %s", name, got, want)
		}
		if !strings.Contains(k.Note, "2 packets") || !strings.Contains(k.Note, "so few") {
			t.Errorf("%s: note: %s", name, k.Note)
		}
		k = trace.keys("trace:"+path, true, 3)
		require.Equal(t, []Address6{{Hi: 0x20010db8 << 32, Lo: 7}, {Hi: 0x20010db8 << 32, Lo: 7}, {Hi: 0x20010db8 << 32, Lo: 7}}, k.V6)
		trace, err = readTrace(t.Context(), path, 1)
		require.NoError(t, err, name)
		require.Equal(t, []uint32{0x0a000001}, trace.v4, "no more than are needed")
	}
}

func TestWhatIsNoTraceIsSaid(t *testing.T) {
	arp := append(bytes.Repeat([]byte{0xff}, 12), 8, 6, 0, 1)
	for name, row := range map[string]struct {
		in   []byte
		want string
	}{
		"text":                          {[]byte("10.0.0.1\n10.0.0.2\n10.0.0.3\n"), "not a pcap or pcapng file"},
		"empty":                         {nil, "not a pcap or pcapng file"},
		"it ends within a packet":       {pcapOf(frameTo("10.0.0.1"), frameTo("10.0.0.2"))[:95], "after packet 1: "},
		"no IP packet in it":            {pcapOf(arp), "nothing to look up: no IP packet in it"},
		"compressed and cut short":      {zipped(t, pcapOf(frameTo("10.0.0.1"), frameTo("10.0.0.2")))[:60], "the compressed file ends too early"},
		"compressed by what is no gzip": {[]byte("\xfd7zXZ\x00\x00\x04\xe6\xd6"), "compressed by xz, which is not read"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x")
			require.NoError(t, os.WriteFile(path, row.in, 0o600))
			if _, err := readTrace(t.Context(), path, 100); err == nil || !strings.HasPrefix(err.Error(), path+": ") || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %s", err, row.want)
			}
		})
	}
}

// TestATraceOfOneFamilyLeavesTheTablesOfTheOtherOut: what can be measured is, and the rest is said.
func TestATraceOfOneFamilyLeavesTheTablesOfTheOtherOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "six.pcap")
	require.NoError(t, os.WriteFile(path, pcapOf(frameTo("2001:db8::7")), 0o600))
	plan := smallPlan()
	plan.Keys = []string{"in-table", "trace:" + path}
	r, err := runBy(t.Context(), plan, []Maker{Ours()}, nil, func(Progress) {}, time.Now)
	require.NoError(t, err)
	require.NotEmpty(t, r.Results)
	require.Equal(t, []Missing{{Name: "trace:" + path + " for vpc-10", Why: "no IPv4 packet in it", Cure: "a trace that has some, or other --tables"}}, r.Missing)
	require.Equal(t, []KeyFacts{{"in-table", "IPv4", "a random address of a random prefix of the table"}}, r.KeySets)
	plan.Keys = plan.Keys[1:]
	if _, err := runBy(t.Context(), plan, []Maker{Ours()}, nil, func(Progress) {}, time.Now); err == nil || !strings.Contains(err.Error(), "no IPv4 packet in it") {
		t.Errorf("nothing is measured: got %v", err)
	}
}

func TestATraceOfFewPacketsIsWarnedOf(t *testing.T) {
	path := filepath.Join(t.TempDir(), "short.pcap")
	require.NoError(t, os.WriteFile(path, pcapOf(frameTo("10.0.0.1"), frameTo("10.0.0.2")), 0o600))
	plan := smallPlan()
	plan.Keys = []string{"trace:" + path}
	r, err := runBy(t.Context(), plan, []Maker{Ours()}, nil, func(Progress) {}, time.Now)
	require.NoError(t, err)
	want := "the destinations of 2 packets in their order, which are so few that the processor learns them"
	if !slices.Contains(r.Warnings, "trace:"+path+": "+want) || r.KeySets[0].Note != want {
		t.Errorf("got warnings %q, key sets %v", r.Warnings, r.KeySets)
	}
}
