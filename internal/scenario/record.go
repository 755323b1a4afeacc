package scenario

import (
	"cmp"
	"slices"
	"time"

	"vpcsim/internal/monotonic"
	"vpcsim/internal/workload"
)

// Record is what happened when, for those who draw it. Times are milliseconds since the run began. It is no part of what
// `vpcsim run --json` prints.
type Record struct {
	Description string      `json:"description"`
	Network     string      `json:"network"` // in one line
	Mode        string      `json:"mode"`
	Scope       string      `json:"scope"`
	Began       time.Time   `json:"began"`
	BeganNs     int64       `json:"began_monotonic_ns"` // by the clock of the events
	EndedMs     float64     `json:"ended_ms"`
	Commits     []Commit    `json:"commits"`
	Histories   []History   `json:"connections"`
	PacketsIn   uint64      `json:"packets_in"`
	PacketsOut  uint64      `json:"packets_out"`
	Drops       []DropCount `json:"drops"`
}

// Commit is a change of the VPC.
type Commit struct {
	AtMs     float64 `json:"at_ms"`
	Action   string  `json:"action"`
	ChangeID string  `json:"change_id"`
	Cut      int     `json:"cut"` // connections that the router cut
}

// History is the life of one client's connection, in the order of Report.Connections.
type History struct {
	Name     string      `json:"name"`
	Kind     string      `json:"kind"`
	Replaces string      `json:"replaces,omitempty"`
	Local    string      `json:"local,omitempty"` // ADDRESS:PORT as the client has it
	Remote   string      `json:"remote,omitempty"`
	Marks    []Mark      `json:"marks"`
	Paths    []PathSince `json:"paths"` // in order; none of a connection that never was
	Samples  []Sample    `json:"samples"`
}

// Mark is a moment in the life of a connection.
type Mark struct {
	AtMs float64 `json:"at_ms"`
	What string  `json:"what"` // connecting, connected, stalled, resumed or closed, as the client told; cut by the router; lost
	Text string  `json:"text,omitempty"`
}

// The marks that no workload reports: the router cut the connection, and the client noticed that it is lost.
const (
	MarkCut  = "cut"
	MarkLost = "lost"
)

// PathSince is the path that a connection takes from a moment on, and the source that the far side sees.
type PathSince struct {
	AtMs   float64 `json:"at_ms"`
	Path   string  `json:"path"`
	Source string  `json:"source"`
}

// Sample is how much has come through until a moment.
type Sample struct {
	AtMs  float64 `json:"at_ms"`
	Bytes int64   `json:"bytes"`
}

// DropCount is how many packets the router dropped for a reason.
type DropCount struct {
	Reason   string `json:"reason"`
	Sentence string `json:"sentence"`
	Action   string `json:"action"` // that of a flow log
	Packets  uint64 `json:"packets"`
}

// maxSamples bounds what is kept of a connection: a quarter of an hour at the pace of workload.Progress. Beyond it every second one goes, and from
// then on every second one comes.
const maxSamples = 18_000

// past is what a connection remembers of its events, by their own clock.
type past struct {
	events   []workload.Event // all but Progress
	progress []workload.Event // some of Progress
	seen     int              // how many there were
	skipping int              // how many are left out after each that is kept
	last     workload.Event
}

// note remembers an event.
func (p *past) note(e workload.Event) {
	p.last = e
	if e.Event != workload.Progress {
		p.events = append(p.events, e)
		return
	}
	if p.seen++; (p.seen-1)%(p.skipping+1) != 0 {
		return
	}
	if len(p.progress) == maxSamples {
		for i := range maxSamples / 2 {
			p.progress[i] = p.progress[2*i]
		}
		p.progress, p.skipping = p.progress[:maxSamples/2], 2*p.skipping+1
	}
	p.progress = append(p.progress, e)
}

// samples are the events in order: those that are kept, and the last.
func (p *past) samples() []workload.Event {
	all := append(append(slices.Clone(p.events), p.progress...), p.last)
	slices.SortStableFunc(all, func(a, b workload.Event) int { return cmp.Compare(a.Time, b.Time) })
	return slices.CompactFunc(all, func(a, b workload.Event) bool { return a.Time == b.Time && a.Event == b.Event })
}

// record puts together what has been remembered.
func (r *run) record() *Record {
	rec := &Record{
		Description: r.file.Description, Network: describe(r.lab.Network()), Mode: r.o.Mode.String(), Scope: string(r.o.Scope),
		Began: r.began, BeganNs: r.origin, EndedMs: r.since(monotonic.Now()), Commits: r.commits, Histories: []History{}, Drops: []DropCount{},
	}
	counters := r.lab.Router().Counters()
	rec.PacketsIn, rec.PacketsOut = counters.PacketsIn, counters.PacketsOut
	for d, packets := range counters.ByReason() {
		rec.Drops = append(rec.Drops, DropCount{d.String(), d.Sentence(), d.Action().String(), packets})
	}
	for _, name := range r.order {
		if c := r.conns[name]; c.isClient() {
			rec.Histories = append(rec.Histories, r.history(c))
		}
	}
	return rec
}

// since is a time of the monotonic clock as a Record has it.
func (r *run) since(mono int64) float64 { return float64(mono-r.origin) / 1e6 }

func (r *run) history(c *connection) History {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := History{Name: c.name, Kind: c.spec.Kind, Replaces: c.spec.Replaces, Marks: []Mark{}, Paths: []PathSince{}}
	if c.local.IsValid() {
		h.Local, h.Remote = c.local.String(), c.remote.String()
	}
	connected, changed := int64(0), r.last
	for _, e := range c.past.events {
		if e.Event == workload.Connected {
			connected = e.Time
		}
		if e.Event != workload.Error { // which may be no loss, and is one by the name of lost
			h.Marks = append(h.Marks, Mark{AtMs: r.since(e.Time), What: e.Event})
		}
	}
	if c.cut != nil {
		changed = c.cut.Monotonic - c.cut.AfterCommit
		h.Marks = append(h.Marks, Mark{r.since(changed), MarkCut, c.cut.Reason})
	}
	if c.lostAt != 0 {
		h.Marks = append(h.Marks, Mark{r.since(c.lostAt), MarkLost, c.why()})
	}
	if connected != 0 && c.moved {
		h.Paths = append(h.Paths, PathSince{r.since(connected), orNone(c.pathBefore), orNone(c.sourceBefore)})
		if c.pathAfter != c.pathBefore && changed > connected {
			h.Paths = append(h.Paths, PathSince{r.since(changed), orNone(c.pathAfter), orNone(c.sourceAfter)})
		}
	}
	h.Samples = r.samples(c)
	return h
}

// samples are what had come through at the moments that the client told of; c.mu is held.
func (r *run) samples(c *connection) []Sample {
	all := []Sample{}
	before := int64(0)
	for _, e := range c.past.samples() {
		moved := e.LastOK // the last bytes may have come long before the event, as those before a stall did
		if c.spec.Kind == workload.Upload {
			moved = e.LastWrite
		}
		if moved > before && moved < e.Time {
			all = append(all, Sample{r.since(moved), e.Bytes})
		}
		all = append(all, Sample{r.since(e.Time), e.Bytes})
		before = e.Time
	}
	return all
}
