package bench

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// timed is a result whose rounds all took the same.
func timed(table, keys, contender, way string, batch, cores int, ns float64) Result {
	samples := []float64{ns, ns, ns}
	return Result{
		Table: table, Family: "IPv4", Keys: keys, Contender: contender, Way: way, Batch: batch, Cores: cores, Ns: SpreadOf(samples), PerSecond: 1e9 / ns, Samples: samples,
	}
}

func verdictOf(t *testing.T, r *Report, about, target string) TargetVerdict {
	t.Helper()
	at := slices.IndexFunc(r.Targets, func(v TargetVerdict) bool {
		return strings.HasPrefix(v.Case, about) && strings.Contains(v.Target, target)
	})
	require.GreaterOrEqual(t, at, 0, "no target %s, %s", about, target)
	return r.Targets[at]
}

func TestTargetsAreJudgedByEachOnesBest(t *testing.T) {
	r := &Report{
		Results: []Result{
			timed("vpc-10", "in-table", "vpcsim", Batch, 32, 1, 0.5), timed("vpc-10", "in-table", "vpcsim", Batch, 256, 1, 0.3), timed("vpc-10", "in-table", "vpcsim", Single, 0, 1, 0.1),
			timed("vpc-10", "in-table", "rte_lpm", Batch, 32, 1, 1.6), timed("vpc-10", "in-table", "rte_lpm", Batch, 64, 1, 1.2), timed("vpc-10", "in-table", "rte_lpm", Single, 0, 1, 1),
			timed("vpc-10", "in-table", "bart.Fast", Netip, 0, 1, 11),
			timed("bgp4", "uniform", "vpcsim", Batch, 64, 1, 1), timed("bgp4", "uniform", "vpcsim", Batch, 256, 1, 2),
			timed("bgp4", "uniform", "rte_lpm", Single, 0, 1, 8), timed("bgp4", "uniform", "rte_fib", Batch, 64, 1, 6),
			timed("bgp4", "in-table", "vpcsim", Batch, 256, 1, 2), timed("bgp4", "in-table", "vpcsim", Batch, 256, 2, 2.05),
		},
		Structures: []BuildResult{
			{Table: "bgp4", Contender: "vpcsim", BytesPerPrefix: 6.4, BuildMs: SpreadOf([]float64{70, 90})},
			{Table: "bgp4-unique", Contender: "vpcsim", BytesPerPrefix: 10.5},
		},
		Updates: []UpdateResult{{Table: "bgp4", PerSecond: 0.6e6, ReaderLoss: SpreadOf([]float64{0.06, 0.07, 0.08})}},
	}
	r.judge()
	for _, want := range []struct{ about, target, got, verdict string }{
		{"VPC table of at most 32", "4x rte_lpm bulk", "4.00x", Met},         // 1.2 against 0.3: single lookups are no batch
		{"VPC table of at most 32", "40x bart.Fast", "36.67x", Missed},       // 11 against 0.3
		{"VPC table of at most 64", "3x rte_lpm bulk", "", NotMeasured},      //
		{"full IPv4, uniform keys", "3x the best of DPDK", "3.00x", Met},     // 6 against 2: the batch is 256
		{"full IPv4, in-table keys, batch 256, from", "1.95x", "1.95x", Met}, // twice 2 against 2.05
		{"memory for each IPv4 prefix, 200", "6.5 B", "6.40 B", Met},
		{"memory for each IPv4 prefix, a next", "10 B", "10.50 B", Missed},
		{"full IPv4, rebuild", "80 ms", "80.0 ms", Met},
		{"full IPv4, updates", "0.5 M/s", "0.60 M/s", Met},
		{"full IPv4, readers", "5 %", "7.0 %", Missed},
		{"full IPv6", "2x rte_fib6", "", NotMeasured},
	} {
		v := verdictOf(t, r, want.about, want.target)
		if v.Got != want.got || v.Verdict != want.verdict {
			t.Errorf("%s, %s: got %q, %s; want %q, %s", want.about, want.target, v.Got, v.Verdict, want.got, want.verdict)
		}
	}
	if !r.Missed() {
		t.Error("a missed target is not missed")
	}
}

func TestThePlanOfTheTargetsMeasuresNoMoreThanTheyNeed(t *testing.T) {
	p := DefaultPlan()
	p.Targets = true
	p.forTargets()
	require.NoError(t, p.Check(2))
	for _, r := range ratios {
		s := p.scopeOf(r.table)
		if !slices.Contains(p.Tables, r.table) || !slices.Contains(s.keys, r.keys) || !s.peers {
			t.Errorf("%s: %s, %s keys: not measured", r.about, r.table, r.keys)
		}
	}
	if s := p.scopeOf("bgp4-unique"); len(s.keys) > 0 || s.peers {
		t.Error("of bgp4-unique the memory is of interest, and nothing else")
	}
}

func TestWarnings(t *testing.T) {
	noisy := timed("a", "b", "c", Single, 0, 1, 1)
	noisy.Ns.MAD = 0.2
	for name, row := range map[string]struct {
		watch   Watch
		results []Result
		want    string
	}{
		"a quiet machine":                       {Watch{load: 0.3}, []Result{timed("a", "b", "c", Single, 0, 1, 1)}, ""},
		"it was busy before":                    {Watch{load: 2}, nil, "the machine was busy before the run: load 2.00"},
		"a result that spreads":                 {Watch{}, []Result{noisy, timed("a", "b", "c", Single, 0, 1, 1)}, "1 of 2 results spread by more than 10 % around their median"},
		"a hypervisor that had others to serve": {Watch{steal: -1e12}, nil, "the hypervisor took"},
	} {
		t.Run(name, func(t *testing.T) {
			got := strings.Join(row.watch.End((&Report{Results: row.results}).spreads()), "|")
			if !strings.HasPrefix(got, row.want) || row.want == "" && got != "" && !strings.Contains(got, "hypervisor") {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
	few := Plan{Count: 1000, Rounds: 3}
	if got := few.untrusted(); len(got) != 2 {
		t.Errorf("few keys and rounds: %q", got)
	}
	if p := DefaultPlan(); len(p.untrusted()) != 0 {
		t.Errorf("the default plan: %q", p.untrusted())
	}
}

func plotted() *Report {
	return &Report{
		Plan: DefaultPlan(), Tables: []TableFacts{{Table: "vpc-10 <&>", Family: "IPv4", Prefixes: 10, Intervals: 20}}, Warnings: []string{strings.Repeat("much ", 60)},
		Results: []Result{
			timed("vpc-10 <&>", "in-table", "rte_lpm", Batch, 64, 1, 1.5), timed("vpc-10 <&>", "in-table", "vpcsim", Batch, 256, 1, 0.3),
			timed("vpc-10 <&>", "in-table", memoryProbe, "2 MiB", 0, 1, 1.25), timed("vpc-10 <&>", "in-table", "cidranger", Netip, 0, 1, 4200), timed("vpc-10 <&>", "in-table", "vpcsim", Batch, 256, 2, 0.3),
		},
	}
}

func TestThePlotIsXMLAndSaysEverything(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, plotted().Plot(&out))
	var texts []string
	for d := xml.NewDecoder(bytes.NewReader(out.Bytes())); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if c, ok := token.(xml.CharData); ok {
			texts = append(texts, string(c))
		}
	}
	for _, want := range []string{
		"vpc-10 <&>, in-table keys", "vpc-10 <&>, in-table keys, 2 cores at once", "IPv4, 10 prefixes, 20 intervals",
		"vpcsim batch 256", "0.30 ns", "rte_lpm batch 64", "1.50 ns", "memory 2 MiB", "cidranger netip", "4200 ns", "1 ns", "1 µs",
	} {
		if !slices.Contains(texts, want) {
			t.Errorf("no text %q", want)
		}
	}
	if text := out.String(); strings.Contains(text, "href") || strings.Contains(text, "url(") || strings.Count(text, "http") != 1 {
		t.Error("the plot refers to something elsewhere")
	}
	if err := new(Report).Plot(io.Discard); err == nil {
		t.Error("nothing can be plotted")
	}
}

func TestCSVHasARowForEachResult(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, plotted().CSV(&out))
	rows, err := csv.NewReader(&out).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 6)
	if got := strings.Join(rows[1], " "); got != "vpc-10 <&> IPv4 in-table rte_lpm batch 64 1 3 1.5 1.5 1.5 1.5 1.5 0 6.66667e+08 0 0" {
		t.Errorf("got %s", got)
	}
}
