package control

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/internal/nstest"
	"vpcsim/topology"
	"vpcsim/topology/host"
)

// between is where a measurement takes place.
type between struct {
	from, to *host.Namespace
	addr     string
}

// eachFor is how long one way is measured before it is the next one's turn.
const eachFor = 200 * time.Millisecond

// measures are what processes feel of what is between them.
var measures = []struct {
	name, unit string
	of         func(testing.TB, between) float64
}{
	{"flood", "kpps", func(t testing.TB, w between) float64 {
		counter := startEnd(t, w.to, "count", 9)
		startEnd(t, w.from, "flood", w.addr+":9", eachFor).wait()
		return float64(counter.stop().Packets) / eachFor.Seconds() / 1e3
	}},
	{"ask", "us", func(t testing.TB, w between) float64 { return questions(t, w, time.Millisecond).RTT.Seconds() * 1e6 }},
	{"ask-on", "per-s", func(t testing.TB, w between) float64 { return float64(questions(t, w, 0).Packets) / eachFor.Seconds() }},
	{"tcp-1", "Gbps", func(t testing.TB, w between) float64 { return streams(t, w, 1) }},
	{"tcp-4", "Gbps", func(t testing.TB, w between) float64 { return streams(t, w, 4) }},
}

func questions(t testing.TB, w between, gap time.Duration) found {
	answer := startEnd(t, w.to, "answer", 7)
	defer answer.stop()
	return startEnd(t, w.from, "ask", w.addr+":7", eachFor, gap).wait()
}

func streams(t testing.TB, w between, n int) float64 {
	sink := startEnd(t, w.to, "pull", 5001)
	startEnd(t, w.from, "push", w.addr+":5001", eachFor, n).wait()
	return float64(sink.stop().Bytes) * 8 / eachFor.Seconds() / 1e9
}

// BenchmarkForward measures two processes with the router between them, over the paths of a VPC, by several ways of doing the router's
// input and output, and with a kernel between them that forwards. All share the machine's processors. A round has a short turn for each;
// the metrics are medians over the rounds, so compare those of one line only.
//
//	go test ./internal/control -run '^$' -bench BenchmarkForward -benchtime 15x
func BenchmarkForward(b *testing.B) {
	nstest.RequireTAP(b)
	ways := []struct {
		name    string
		options Options
		lab     *Lab
	}{
		{name: "default"},
		{name: "goroutines", options: Options{threads: -1}},
		{name: "two-threads", options: Options{threads: 2}},
		{name: "no-ring", options: Options{noRing: true}},
		{name: "poll", options: Options{Poll: 50}},
	}
	for i := range ways {
		spec, src, err := topology.Parse("test.vpc.yml", []byte(everyPath))
		require.NoError(b, err)
		ways[i].lab, err = Start(spec, src, ways[i].options)
		require.NoError(b, err)
		b.Cleanup(func() { require.NoError(b, ways[i].lab.Close()) })
	}
	client, server := forwarded(b, 65535)
	for _, path := range []struct{ name, from, to, addr string }{
		{"local", "app", "web", "10.0.1.10"}, {"igw", "web", "host", "203.0.113.10"}, {"nat", "app", "host", "203.0.113.10"},
	} {
		for _, m := range measures {
			b.Run(path.name+"/"+m.name, func(b *testing.B) {
				all := make([][]float64, len(ways)+1)
				for b.Loop() {
					for i, w := range ways {
						all[i] = append(all[i], m.of(b, between{w.lab.find(path.from).ns, w.lab.find(path.to).ns, path.addr}))
					}
					all[len(ways)] = append(all[len(ways)], m.of(b, between{client, server, "192.0.2.2"}))
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(middle(all[len(ways)]), m.unit+"-kernel")
				for i, w := range ways {
					b.ReportMetric(middle(all[i]), m.unit+"-"+w.name)
				}
			})
		}
	}
}

func middle(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}
