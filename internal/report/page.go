package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"vpcsim/internal/control"
	"vpcsim/internal/scenario"
)

// page is everything that is shown, in the order of the page. Places in pictures are in percent of the width, or pixels of the height.
type page struct {
	Title        string
	Passed       bool
	Description  string
	Facts        []fact
	Tiles        []tile
	Expectations int // how many
	Failures     []scenario.Expectation
	Holding      []scenario.Expectation
	Timeline     *timeline
	Connections  []connectionRow
	Charts       []chart
	Drops        []scenario.DropCount
	Events       []eventRow
	MoreEvents   int // that are not shown
	Files        []file
}

type fact struct{ Name, Value string }

// tile is a number that tells at a glance what became of the connections.
type tile struct {
	Count int
	What  string
	Class string
}

type connectionRow struct {
	scenario.Connection
	Path, Source change
	After        string // the commit
	Failed       bool
}

// change is what was and what is.
type change struct{ Before, After string }

// Changed reports whether it is another.
func (c change) Changed() bool { return c.Before != c.After }

type eventRow struct{ At, Event, Subject, What, Class string }

type file struct{ Name, What, Size string }

// maxEvents bounds the table of events: a change may cut tens of thousands of flows.
const maxEvents = 500

func newPage(r *scenario.Report, files []file) *page {
	p := &page{
		Title: r.Scenario, Passed: r.Passed, Description: strings.TrimSpace(r.Record.Description),
		Facts: facts(r.Record), Tiles: tiles(r), Timeline: newTimeline(r), Expectations: len(r.Expectations),
		Drops: slices.Clone(r.Record.Drops), Files: files,
	}
	p.Charts = charts(r.Record, p.Timeline.Commits)
	for _, e := range r.Expectations {
		if e.Passed {
			p.Holding = append(p.Holding, e)
		} else {
			p.Failures = append(p.Failures, e)
		}
	}
	slices.SortStableFunc(p.Drops, func(a, b scenario.DropCount) int { return cmp.Compare(b.Packets, a.Packets) })
	for _, c := range r.Connections {
		p.Connections = append(p.Connections, newConnectionRow(r, c))
	}
	p.MoreEvents = max(0, len(r.Events)-maxEvents)
	for _, e := range r.Events[:len(r.Events)-p.MoreEvents] {
		p.Events = append(p.Events, newEventRow(r.Record, e))
	}
	return p
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}

func facts(r *scenario.Record) []fact {
	scope := map[string]string{string(control.ScopePublicIP): "every connection of the subnet that uses a public IP is cut"}
	all := []fact{
		{"Played", r.Began.UTC().Format("2006-01-02 15:04:05 UTC")},
		{"Took", seconds(r.EndedMs)},
		{"Network", r.Network},
		{"A cut connection's ends see", map[string]string{"silent": "silence", "rst": "a reset"}[r.Mode]},
		{"Scope", scope[r.Scope]},
		{"Packets", fmt.Sprintf("%s in, %s out", thousands(r.PacketsIn), thousands(r.PacketsOut))},
	}
	return slices.DeleteFunc(all, func(f fact) bool { return f.Value == "" })
}

// tiles count the outcomes that there are.
func tiles(r *scenario.Report) (all []tile) {
	for _, o := range []scenario.Outcome{scenario.Dropped, scenario.Reconnected, scenario.Survived, scenario.Denied, scenario.NeverConnected} {
		t := tile{What: strings.ReplaceAll(string(o), "-", " "), Class: "outcome-" + string(o)}
		for _, c := range r.Connections {
			t.Count += boolean(c.Outcome == o)
		}
		if t.Count > 0 {
			all = append(all, t)
		}
	}
	return all
}

func newConnectionRow(r *scenario.Report, c scenario.Connection) connectionRow {
	row := connectionRow{Connection: c, Path: change{c.PathBefore, c.PathAfter}, Source: change{c.SourceBefore, c.SourceAfter}}
	if c.DroppedAfterMs > 0 {
		row.After = fmt.Sprintf("%.1f ms", c.DroppedAfterMs)
	}
	row.Failed = slices.ContainsFunc(r.Expectations, func(e scenario.Expectation) bool {
		return !e.Passed && strings.HasPrefix(e.Text, c.Name+": ")
	})
	return row
}

func newEventRow(r *scenario.Record, e control.Event) eventRow {
	row := eventRow{At: fmt.Sprintf("%.1f", float64(e.Monotonic-r.BeganNs)/1e6), Event: e.Event, Subject: e.Instance, Class: "event-change"}
	if e.Local == "" {
		row.Subject = e.ChangeID
		row.What, _ = request(e)
		return row
	}
	row.Class = "event-flow"
	row.What = fmt.Sprintf("%s %s → %s, path %s → %s", e.Protocol, e.Local, e.Remote, e.PathBefore, e.PathAfter)
	if e.SourceBefore != e.SourceAfter {
		row.What += fmt.Sprintf(", source %s → %s", cmp.Or(e.SourceBefore, "none"), cmp.Or(e.SourceAfter, "none"))
	}
	if e.Reason != "" {
		row.What += ", " + e.Reason
	}
	return row
}

// request writes what was asked of AWS's API, and the name of the thing if it has one.
func request(e control.Event) (text, name string) {
	if e.Change == nil {
		return "", ""
	}
	var actions map[string]json.RawMessage
	whole, err := json.Marshal(e.Change)
	if err == nil {
		err = json.Unmarshal(whole, &actions)
	}
	if err != nil { // what came from a file or a socket can be written again
		return "", ""
	}
	var named struct{ Name string }
	for _, parameters := range actions { // one
		text, _ = string(parameters), json.Unmarshal(parameters, &named)
	}
	return text, named.Name
}

// seconds writes milliseconds as a person reads them.
func seconds(ms float64) string {
	switch {
	case ms < 1000:
		return fmt.Sprintf("%.0f ms", ms)
	case ms < 60_000:
		return strconv.FormatFloat(math.Round(ms/10)/100, 'f', -1, 64) + " s"
	}
	return time.Duration(ms * 1e6).Round(time.Second).String()
}

// size writes a count of bytes.
func size(n int64) string {
	units := []string{"kB", "MB", "GB", "TB"}
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	x, unit := float64(n)/1000, 0
	for x >= 1000 && unit < len(units)-1 {
		x, unit = x/1000, unit+1
	}
	return fmt.Sprintf("%.1f %s", x, units[unit])
}

// thousands writes a number with spaces between groups of three digits.
func thousands(n uint64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "\u202f" + text[i:]
	}
	return text
}
