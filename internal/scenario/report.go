package scenario

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"vpcsim/internal/control"
)

// Report is what a run found: the object that `vpcsim run --json` prints. Its field names are a contract.
type Report struct {
	Scenario     string          `json:"scenario"`
	Passed       bool            `json:"passed"`
	Events       []control.Event `json:"events"`
	Connections  []Connection    `json:"connections"`
	Expectations []Expectation   `json:"expectations"`
	Record       *Record         `json:"-"`
}

// Connection is what became of one client's connection.
type Connection struct {
	Name           string  `json:"name"`
	Instance       string  `json:"instance"`
	PathBefore     string  `json:"path_before"`
	PathAfter      string  `json:"path_after"`
	SourceBefore   string  `json:"source_before"` // the address the far side saw; none if it saw nothing
	SourceAfter    string  `json:"source_after"`
	Destination    string  `json:"destination"`
	Outcome        Outcome `json:"outcome"`
	Error          string  `json:"error"`
	Expected       Outcome `json:"expected"`
	DroppedAfterMs float64 `json:"dropped_after_ms"` // from the commit to the moment the client noticed; 0 unless dropped
}

// Expectation is one thing that had to be true.
type Expectation struct {
	Text   string `json:"text"`
	Passed bool   `json:"passed"`
	Got    string `json:"got"`
}

const none = "none"

// connection reports on c. before is the connection that it replaces, if it does.
func (c *connection) report(before *connection) Connection {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := Connection{
		Name: c.name, Instance: c.spec.On, Destination: c.spec.To,
		PathBefore: orNone(c.pathBefore), PathAfter: orNone(c.pathAfter),
		SourceBefore: orNone(c.sourceBefore), SourceAfter: orNone(c.sourceAfter),
		Outcome: c.outcome(), Error: c.why(),
	}
	if c.remote.IsValid() {
		r.Destination += " (" + c.remote.String() + ")"
	}
	if c.spec.Expect != nil {
		r.Expected = c.spec.Expect.Outcome
	}
	if r.Outcome == Dropped && c.cut != nil && c.lostAt != 0 {
		r.DroppedAfterMs = float64(c.lostAfter()) / 1e6
	}
	if before != nil && r.Outcome == Reconnected {
		r.PathBefore, r.SourceBefore = orNone(before.pathBefore), orNone(before.sourceBefore)
	}
	return r
}

func orNone(s string) string {
	if s == "" {
		return none
	}
	return s
}

// judge turns what was expected of a connection into expectations. addresses tells the words public and private from one
// another for the workload's device.
func (e *Expect) judge(r Connection, private, public netip.Addr) (all []Expectation) {
	add := func(what, want, got string) {
		if want != "" {
			all = append(all, Expectation{Text: fmt.Sprintf("%s: %s %s", r.Name, what, want), Passed: want == got, Got: got})
		}
	}
	source := func(what, want, got string) {
		switch want {
		case "private":
			want = private.String()
		case "public":
			want = public.String()
		}
		add(what, want, got)
	}
	add("outcome", string(e.Outcome), string(r.Outcome))
	add("error", e.Error, r.Error)
	source("source before", e.SourceBefore, r.SourceBefore)
	source("source after", e.SourceAfter, r.SourceAfter)
	add("path before", e.PathBefore, r.PathBefore)
	add("path after", e.PathAfter, r.PathAfter)
	if e.Within != 0 {
		took := time.Duration(r.DroppedAfterMs * 1e6)
		all = append(all, Expectation{
			Text:   fmt.Sprintf("%s: dropped within %s of the commit", r.Name, e.Within),
			Passed: r.Outcome == Dropped && took <= e.Within, Got: fmt.Sprintf("%.1f ms", r.DroppedAfterMs),
		})
	}
	return all
}

// Summary is the report as a table for a person.
func (r *Report) Summary() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CONNECTION\tON\tTO\tPATH\tFAR SIDE SAW\tOUTCOME\tERROR\tAFTER\t")
	for _, c := range r.Connections {
		to, _, _ := strings.Cut(c.Destination, " ")
		after, verdict := "", "ok"
		if c.DroppedAfterMs > 0 {
			after = fmt.Sprintf("%.1f ms", c.DroppedAfterMs)
		}
		if r.failed(c.Name) {
			verdict = "FAILED"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", c.Name, c.Instance, to,
			change(c.PathBefore, c.PathAfter), change(c.SourceBefore, c.SourceAfter), c.Outcome, c.Error, after, verdict)
	}
	w.Flush()
	passed := 0
	for _, e := range r.Expectations {
		if e.Passed {
			passed++
			continue
		}
		fmt.Fprintf(&b, "\nFAILED  %s; got %s", e.Text, e.Got)
	}
	fmt.Fprintf(&b, "\n%d of %d expectations held\n", passed, len(r.Expectations))
	return b.String()
}

func (r *Report) failed(name string) bool {
	return slices.ContainsFunc(r.Expectations, func(e Expectation) bool { return strings.HasPrefix(e.Text, name+": ") && !e.Passed })
}

func change(before, after string) string {
	if before == after {
		return before
	}
	return before + " -> " + after
}
