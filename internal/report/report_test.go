package report

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/internal/control"
	"vpcsim/internal/scenario"
)

var update = flag.Bool("update", false, "write what the model is into testdata/page.json, for review")

// fixture is a run with one of everything. name is put into every text that a user or a program has a hand in.
func fixture(name string) *scenario.Report {
	began := time.Date(2025, 2, 3, 4, 5, 6, 0, time.UTC)
	lost, again, stays, never := name+"lost", name+"again", name+"stays", name+"never"
	samples := func(from, to, perMs float64) (all []scenario.Sample) {
		for at := from; at <= to; at += 100 {
			all = append(all, scenario.Sample{AtMs: at, Bytes: int64((at - from) * perMs)})
		}
		return all
	}
	return &scenario.Report{
		Scenario: name + "run",
		Events: []control.Event{
			{Event: "CreateVpcEndpoint", ChangeID: "change-1", Monotonic: 2000e6, Change: &control.Change{CreateEndpoint: &control.CreateEndpoint{Name: name + "s3", Service: "s3"}}},
			{
				Event: control.FlowDropped, ChangeID: "change-1", Monotonic: 2000e6, Instance: name + "app", Protocol: "tcp", Local: "10.0.1.10:1000", Remote: "52.216.1.1:80",
				PathBefore: "igw", PathAfter: "vpce", SourceBefore: "198.51.100.10", Reason: "X_STALE_FLOW",
			},
		},
		Connections: []scenario.Connection{
			{Name: lost, Instance: name + "app", PathBefore: "igw", PathAfter: "vpce", SourceBefore: "198.51.100.10", SourceAfter: "none", Destination: name, Outcome: scenario.Dropped, Error: name + "ECONNRESET", DroppedAfterMs: 500},
			{Name: stays, Instance: "app", PathBefore: "nat", PathAfter: "nat+vpce", SourceBefore: "1.1.1.1", SourceAfter: "1.1.1.1", Destination: "x", Outcome: scenario.Survived},
			{Name: again, Instance: "app", PathBefore: "igw", PathAfter: "vpce", SourceBefore: "198.51.100.10", SourceAfter: "10.0.1.10", Destination: "x", Outcome: scenario.Reconnected},
			{Name: never, Instance: "app", PathBefore: "none", PathAfter: "none", SourceBefore: "none", SourceAfter: "none", Destination: "x", Outcome: scenario.NeverConnected, Error: "ETIMEDOUT"},
		},
		Expectations: []scenario.Expectation{{Text: lost + ": outcome dropped", Passed: true, Got: "dropped"}, {Text: never + ": outcome survived", Got: name + "never-connected"}},
		Record: &scenario.Record{
			Description: name + "\ntwo lines", Network: name, Mode: "rst", Scope: "public-ip", Began: began, EndedMs: 4000, PacketsIn: 1234567, PacketsOut: 1234560,
			Commits: []scenario.Commit{{AtMs: 1000, Action: "CreateVpcEndpoint", ChangeID: "change-1", Cut: 1}, {AtMs: 1200, Action: "DeleteVpcEndpoints", ChangeID: "change-2"}},
			Histories: []scenario.History{
				{
					Name: lost, Kind: "download", Local: "10.0.1.10:1000", Remote: "52.216.1.1:80",
					Marks: []scenario.Mark{{AtMs: 90, What: "connecting"}, {AtMs: 100, What: "connected"}, {AtMs: 1000, What: "cut", Text: "X_STALE_FLOW"}, {AtMs: 1500, What: "lost", Text: name + "ECONNRESET"}},
					Paths: []scenario.PathSince{{AtMs: 100, Path: "igw", Source: "198.51.100.10"}, {AtMs: 1000, Path: "vpce", Source: "none"}}, Samples: samples(100, 1000, 100),
				},
				{
					Name: stays, Kind: "keepalive",
					Marks:   []scenario.Mark{{AtMs: 100, What: "connecting"}, {AtMs: 110, What: "connected"}, {AtMs: 700, What: "stalled"}, {AtMs: 800, What: "resumed"}, {AtMs: 3900, What: "closed"}},
					Paths:   []scenario.PathSince{{AtMs: 110, Path: "nat", Source: "1.1.1.1"}, {AtMs: 1000, Path: "nat+vpce", Source: "1.1.1.1"}},
					Samples: samples(110, 3900, 20),
				},
				{
					Name: again, Kind: "download", Replaces: lost, Marks: []scenario.Mark{{AtMs: 1600, What: "connecting"}, {AtMs: 1601, What: "connected"}},
					Paths: []scenario.PathSince{{AtMs: 1601, Path: "vpce", Source: "10.0.1.10"}}, Samples: samples(1601, 4000, 50),
				},
				{Name: never, Kind: "download", Marks: []scenario.Mark{{AtMs: 500, What: "connecting"}, {AtMs: 1500, What: "lost", Text: "ETIMEDOUT"}}},
			},
			Drops: []scenario.DropCount{{Reason: "A", Sentence: "first", Action: "ACCEPT", Packets: 1}, {Reason: "B", Sentence: name + "second", Action: "REJECT", Packets: 7}},
		},
	}
}

// TestPageShowsTheRun compares everything that is shown with what was looked at and found right (testdata/page.json).
func TestPageShowsTheRun(t *testing.T) {
	got, err := json.MarshalIndent(newPage(fixture(""), []file{{"packets.pcapng", "packets", "1 kB"}}), "", "  ")
	require.NoError(t, err)
	golden := filepath.Join("testdata", "page.json")
	if *update {
		require.NoError(t, os.WriteFile(golden, append(got, '\n'), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got)+"\n", "if that is meant: go test ./internal/report -update")
}

// write writes a report with the files that a run makes, and returns its page.
func write(t testing.TB, dir string, r *scenario.Report) string {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, PacketsFile), make([]byte, 1500), 0o644))
	require.NoError(t, Write(dir, r))
	text, err := os.ReadFile(filepath.Join(dir, PageFile))
	require.NoError(t, err)
	return string(text)
}

// TestPageIsValid: the page is HTML that is XML too, so that an XML reader can judge it: all is closed in order, all texts are escaped,
// ids are unique, and nothing leads out of the folder.
func TestPageIsValid(t *testing.T) {
	dir := t.TempDir()
	const evil = `</title></style><script>alert("1 & '2'")</script> `
	page := write(t, dir, fixture(evil))
	require.True(t, strings.HasPrefix(page, "<!doctype html>\n<html lang=\"en\">"))
	elements, ids, texts := map[string]int{}, map[string]bool{}, ""
	reader := xml.NewDecoder(strings.NewReader(page))
	for {
		token, err := reader.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		switch x := token.(type) {
		case xml.StartElement:
			elements[x.Name.Local]++
			for _, a := range x.Attr {
				switch a.Name.Local {
				case "id":
					require.False(t, ids[a.Value], "two of %s", a.Value)
					ids[a.Value] = true
				case "src", "action", "srcset", "onload", "onclick":
					t.Errorf("%s has %s", x.Name.Local, a.Name.Local)
				case "href":
					require.Contains(t, []string{PacketsFile, DataFile}, a.Value)
				}
			}
		case xml.CharData:
			texts += string(x)
		}
	}
	for _, never := range []string{"script", "link", "img", "iframe", "object", "foreignObject"} {
		require.Zero(t, elements[never], never)
	}
	require.Equal(t, 1, elements["h1"])
	require.NotZero(t, elements["rect"])
	for _, shown := range []string{evil + "lost", evil + "run", evil + "ECONNRESET", evil + "second", evil + "app", evil + "never-connected", "1.5 kB", "X_STALE_FLOW"} {
		require.Contains(t, texts, shown)
	}
	require.NotContains(t, page, "http://")
	require.NotContains(t, page, "https://")
	require.NotContains(t, page, "ZgotmplZ", "the template refused a value")
}

// TestDataHasAllOfIt: what programs read has the report as `vpcsim run --json` prints it, and the record.
func TestDataHasAllOfIt(t *testing.T) {
	dir := t.TempDir()
	page := write(t, dir, fixture(""))
	require.NotContains(t, page, FlowLogsFile)
	text, err := os.ReadFile(filepath.Join(dir, DataFile))
	require.NoError(t, err)
	var got struct {
		scenario.Report
		Record scenario.Record `json:"record"`
	}
	require.NoError(t, json.Unmarshal(text, &got))
	require.Equal(t, fixture("").Connections, got.Connections)
	require.Equal(t, fixture("").Record.Commits, got.Record.Commits)
	require.Equal(t, fixture("").Record.Histories[0], got.Record.Histories[0])
	require.NoError(t, os.WriteFile(filepath.Join(dir, FlowLogsFile), nil, 0o644))
	require.Contains(t, write(t, dir, fixture("")), `href="`+FlowLogsFile+`"`)
}

func TestWriteTellsWhatItCannotWrite(t *testing.T) {
	require.ErrorContains(t, Write(filepath.Join(t.TempDir(), "none"), fixture("")), DataFile)
}

// TestARunOfNothing: a run without connections, changes and expectations has a page, too.
func TestARunOfNothing(t *testing.T) {
	page := write(t, t.TempDir(), &scenario.Report{Scenario: "nothing", Passed: true, Record: &scenario.Record{}})
	require.Contains(t, page, "The scenario expects nothing.")
	require.Contains(t, page, "The router dropped none.")
	require.NotContains(t, page, "NaN")
}
