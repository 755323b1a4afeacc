package flowlogs

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"regexp"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane"
	"vpcsim/dataplane/aggregation"
	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/flowlog"
	"vpcsim/dataplane/index"
	"vpcsim/dataplane/packet"
)

// day plays a log's time: it fills tables as workers do, and has the log write them, without a router between, and so as fast as
// the machine can. The clock is the day's own.
type day struct {
	*bench
	log     *Log
	ids     []string
	seed    index.Seed
	tables  []*aggregation.Table
	packets []*packet.Packet
	flows   int // so far
}

const million = 1_000_000

func newDay(t testing.TB, o Options, sink Sink) *day {
	b := newBench(t, twoVPCs)
	log, err := Open(b.lab(), o, sink)
	require.NoError(t, err)
	t.Cleanup(func() { log.log.Close() }) // its sink may be closed by then
	d := &day{bench: b, log: log, ids: []string{"", b.port("app"), b.port("web")}, seed: index.NewSeed()}
	for range 64 {
		d.packets = append(d.packets, packet.New(1500))
	}
	return d
}

// fill has two workers count packets of so many new flows, all flows' first packets, then all their second ones, and so on.
func (d *day) fill(flows, packets int) {
	room := aggregation.NewRoom(1 << 20)
	d.tables = nil
	for range 2 {
		d.tables = append(d.tables, aggregation.NewTable(d.seed, room, d.log.origin(d.now.Load()), aggregation.All))
	}
	for at := 0; at < flows; at += len(d.packets) {
		batch := d.packets[:min(len(d.packets), flows-at)]
		for n, p := range batch {
			f := uint64(d.flows+at+n) * 0x9e3779b97f4a7c15 // addresses and ports that do not repeat, and that no compression guesses
			client := netip.AddrFrom4([4]byte{100, byte(f >> 56), byte(f >> 48), byte(f >> 40)})
			packet.BuildTCP(p, netip.AddrPortFrom(client, uint16(f>>24)), netip.MustParseAddrPort("10.0.2.10:443"), packet.ACK, 1, 1, make([]byte, f>>32%1000))
			p.Time = d.now.Load() + int64(n)*int64(time.Millisecond)
		}
		for range packets {
			for n, p := range batch {
				d.tables[n%2].Add(uint32(1+n%2), p, false, drop.Accept, conntrack.PathNone)
			}
		}
	}
	d.flows += flows
}

// write ends an interval.
func (d *day) write(t testing.TB) {
	d.now.Add(int64(time.Minute))
	require.NoError(t, d.log.write(dataplane.FlowLogInterval{Tables: d.tables, Origin: d.log.origin(d.now.Load() - int64(time.Minute)), IDs: d.ids}, d.now.Load()))
	d.tables = nil
}

// counter is a stream that counts.
type counter struct{ bytes int64 }

// Write implements io.Writer.
func (c *counter) Write(b []byte) (int, error) {
	c.bytes += int64(len(b))
	return len(b), nil
}

// sizes is a sink that writes all that there is, in all forms.
type sizes struct {
	text, packed, columns counter
	sinks                 []*File
	records               int
}

func newSizes(f flowlog.Format) *sizes {
	s := &sizes{}
	s.sinks = []*File{NewFile(&s.text, f, false, false), NewFile(&s.packed, f, true, false), NewFile(&s.columns, f, false, true)}
	return s
}

// Lines implements [Sink].
func (s *sizes) Lines(region string, lines []byte) error {
	for _, sink := range s.sinks {
		if err := sink.Lines(region, lines); err != nil {
			return err
		}
	}
	return nil
}

// End implements [Sink].
func (s *sizes) End(i Interval) error {
	s.records += i.Records
	return nil
}

func heap() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / 1e6
}

// TestADayOfFlowsIsSmall: a million flows of a day, in the default format, take at most 100 MB in each of the forms that AWS delivers, judged
// by a tenth of them; BenchmarkDay has them all.
func TestADayOfFlowsIsSmall(t *testing.T) {
	out := newSizes(flowlog.Default())
	d := newDay(t, Options{}, out)
	const intervals = 24 * 60
	for n := range intervals {
		d.fill(million/10*(n+1)/intervals-d.flows, 3)
		d.write(t)
	}
	for _, s := range out.sinks {
		require.NoError(t, s.Close())
	}
	require.Equal(t, million/10, out.records)
	t.Logf("a day of %d records: text %.1f MB, compressed %.1f MB, Parquet %.1f MB", out.records,
		float64(out.text.bytes)/1e6, float64(out.packed.bytes)/1e6, float64(out.columns.bytes)/1e6)
	require.LessOrEqual(t, out.packed.bytes, int64(10e6))
	require.LessOrEqual(t, out.columns.bytes, int64(10e6))
}

// TestAMillionFlowsInOneInterval take at most 100 MB of memory, of which nothing is left after it.
func TestAMillionFlowsInOneInterval(t *testing.T) {
	quiet := newDay(t, Options{}, NewText(io.Discard, flowlog.Default()))
	quiet.fill(million, 1) // by when the router's workers have their memory for packets, which is no log's
	quiet.write(t)
	before := heap()
	quiet.fill(million, 1)
	full := heap() - before
	quiet.write(t)
	after := heap() - before
	t.Logf("a million flows in one interval: %.1f MB, %.1f MB after it", full, after)
	require.LessOrEqual(t, full, 100.0)
	require.Less(t, after, 10.0)
}

// BenchmarkDay is a day's log of a million flows, from the workers' tables to compressed text. The share of a core is for 100,000 packets a
// second, each of which is logged twice, where it leaves and where it arrives.
func BenchmarkDay(b *testing.B) {
	const intervals, packets = 24 * 60, 32
	var counting, writing time.Duration
	days := 0
	for b.Loop() {
		var out counter
		sink := NewFile(&out, flowlog.Default(), true, false)
		d := newDay(b, Options{}, sink)
		for n := range intervals {
			began := time.Now()
			d.fill(million*(n+1)/intervals-d.flows, packets)
			filled := time.Now()
			d.write(b)
			counting, writing = counting+filled.Sub(began), writing+time.Since(filled)
		}
		require.NoError(b, sink.Close())
		days++
		b.ReportMetric(float64(out.bytes)/1e6, "MB/day")
	}
	perPacket := float64(counting.Nanoseconds()) / float64(days) / million / packets
	perRecord := float64(writing.Nanoseconds()) / float64(days) / million
	b.ReportMetric(perPacket, "ns/packet")
	b.ReportMetric(perRecord, "ns/record")
	b.ReportMetric(100*(2*100_000*perPacket+perRecord*million/86400)/1e9, "%core")
	b.ReportMetric(0, "ns/op")
}

// TestWhatIsWrittenCanBeRead: the reader finds in every form of text what the encoder was given.
func TestWhatIsWrittenCanBeRead(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]flowlog.Format{"default": flowlog.Default(), "full": flowlog.Full()} {
		for _, compressed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, compressed %t", name, compressed), func(t *testing.T) {
				t.Parallel()
				b := newBench(t, twoVPCs)
				var out bytes.Buffer
				sink := NewFile(&out, f, compressed, false)
				log, err := Open(b.lab(), Options{Format: f}, sink)
				require.NoError(t, err)
				b.tcp("app", "10.0.2.10:40000", "203.0.113.10:80", packet.SYN)
				b.tcp("peer", "203.0.113.10:1", "198.51.100.10:22", packet.SYN)
				b.tcp("peer", "[2001:db8:9::10]:40000", "[2001:db8:1:1::10]:443", packet.SYN)
				require.NoError(t, log.Close())
				require.NoError(t, sink.Close())

				r, err := flowlog.NewReader(&out, "it", nil)
				require.NoError(t, err)
				var ok, refused, six, nothing int
				for {
					record, err := r.Next()
					if err == io.EOF {
						break
					}
					require.NoError(t, err)
					switch {
					case record.Status == flowlog.NoData:
						nothing++
					case record.Reject:
						refused++
						require.EqualValues(t, 22, record.DstPort)
					case record.Dst.Is6():
						six++
					default:
						ok++
					}
					if record.Status == flowlog.OK {
						require.EqualValues(t, 1, record.Packets)
						require.EqualValues(t, f.Has(flowlog.TCPFlagsField), record.TCPFlags == flowlog.SYN)
					}
				}
				require.Equal(t, []int{3, 1, 1, 6}, []int{ok, refused, six, nothing}, "accepted, refused, IPv6, without traffic")
			})
		}
	}
}

// TestDelivery: files have the names and places that AWS gives them (flow-logs-s3-path), one for each region and interval.
func TestDelivery(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		delivery Delivery
		want     string
	}{
		"as AWS does by itself":    {Delivery{}, `^AWSLogs/123456789012/vpcflowlogs/us-east-1/2023/11/14/123456789012_vpcflowlogs_us-east-1_fl-1234abcd_20231114T2213Z_[0-9a-f]{8}\.log\.gz$`},
		"below a prefix, by hours": {Delivery{Prefix: "a/b/", Hourly: true}, `^a/b/AWSLogs/123456789012/vpcflowlogs/us-east-1/2023/11/14/22/123456789012_.*\.log\.gz$`},
		"for Hive": {
			Delivery{Hive: true, Parquet: true},
			`^AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=us-east-1/year=2023/month=11/day=14/123456789012_.*\.log\.parquet$`,
		},
		"for Hive by hours": {Delivery{Hive: true, Hourly: true}, `/aws-region=us-east-1/year=2023/month=11/day=14/hour=22/123456789012_.*\.log\.gz$`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, twoVPCs)
			files := map[string][]byte{}
			d := row.delivery
			d.Account, d.ID, d.Format = "123456789012", "fl-1234abcd", flowlog.Default()
			d.Put = func(key string, content []byte) error { files[key] = bytes.Clone(content); return nil }
			log, err := Open(b.lab(), Options{Resources: []string{"main", "far"}}, &d)
			require.NoError(t, err)
			require.NoError(t, log.Cut())
			require.Len(t, files, 2, "one for us-east-1, one for eu-west-1")
			require.NoError(t, log.Close())
			require.Len(t, files, 4, "two intervals")
			matching := 0
			for key, content := range files {
				if !regexp.MustCompile(row.want).MatchString(key) {
					continue
				}
				matching++
				if d.Parquet {
					require.Equal(t, "PAR1", string(content[:4]))
					continue
				}
				unpacked, err := gzip.NewReader(bytes.NewReader(content))
				require.NoError(t, err)
				text, err := io.ReadAll(unpacked)
				require.NoError(t, err)
				require.Contains(t, string(text), flowlog.Default().Header()+"\n2 123456789012 eni-")
			}
			require.Equal(t, 2, matching, "of %v", slices.Collect(maps.Keys(files)))
		})
	}
}
