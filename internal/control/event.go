package control

import (
	"encoding/json"
	"net/netip"
	"sync"
	"time"

	"vpcsim/dataplane"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

// Event is one line of the lab's event stream: a change of the control plane, or what a change did to one flow. Field names are
// AWS's where AWS has one.
type Event struct {
	Time      time.Time `json:"Time"`
	Monotonic int64     `json:"MonotonicNs"`
	Event     string    `json:"Event"` // an API action such as CreateVpcEndpoint, or FlowDropped or FlowRerouted
	ChangeID  string    `json:"ChangeId,omitempty"`

	// of a flow
	Instance   string `json:"Instance,omitempty"`
	Interface  string `json:"NetworkInterfaceId,omitempty"`
	Protocol   string `json:"Protocol,omitempty"`
	Local      string `json:"Local,omitempty"`
	Remote     string `json:"Remote,omitempty"`
	PathBefore string `json:"PathBefore,omitempty"`
	PathAfter  string `json:"PathAfter,omitempty"`

	TargetBefore string `json:"TargetBefore,omitempty"`
	TargetAfter  string `json:"TargetAfter,omitempty"`
	SourceBefore string `json:"SourceBefore,omitempty"` // the address the far side saw
	SourceAfter  string `json:"SourceAfter,omitempty"`
	AfterCommit  int64  `json:"AfterCommitNs,omitempty"`
	Reason       string `json:"Reason,omitempty"`

	// of a change
	Change *Change `json:"Request,omitempty"`

	local, remote netip.AddrPort // Local and Remote, for comparing
}

// The events that tell what a change did to a flow.
const (
	FlowDropped  = "FlowDropped"  // a connection was cut
	FlowRerouted = "FlowRerouted" // packets take another path; no connection was cut, because the protocol has none
)

// Flow returns the two ends of the flow that a flow event is about: the interface's own, and the far one.
func (e Event) Flow() (local, remote netip.AddrPort) { return e.local, e.remote }

// Log is the lab's event stream. The last maxEvents are kept for those who come late. It is safe for many goroutines; adding
// never waits for a reader.
type Log struct {
	mu      sync.Mutex
	events  []Event       // guarded by mu
	dropped int           // guarded by mu; how many were forgotten at the front
	changed chan struct{} // guarded by mu; closed and replaced when events are added
}

// maxEvents bounds the log. A change that cuts more flows than this at once loses the oldest events, and Since says so.
const maxEvents = 200_000

func newLog() *Log { return &Log{changed: make(chan struct{})} }

func (l *Log) add(e ...Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e...)
	if over := len(l.events) - maxEvents; over > maxEvents/10 {
		l.events = append([]Event(nil), l.events[over:]...)
		l.dropped += over
	}
	close(l.changed)
	l.changed = make(chan struct{})
}

// Since returns the events from number n on, the number after the last of them, and a channel that is closed when there are
// more. If events before the first returned one were forgotten, next - len(events) is greater than n.
func (l *Log) Since(n int) (events []Event, next int, more <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	from := max(n-l.dropped, 0)
	if from < len(l.events) {
		events = append(events, l.events[from:]...)
	}
	return events, l.dropped + len(l.events), l.changed
}

// flowEvent puts a flow's event into words.
func (l *Lab) flowEvent(f dataplane.FlowEvent) Event {
	e := Event{
		Time: l.wall(f.Time), Monotonic: f.Time, Event: FlowRerouted, ChangeID: f.Change,
		Instance: f.Interface.Name, Interface: f.Interface.ID, Protocol: packet.ProtocolName(int(f.Protocol)),
		Local: f.Local.String(), Remote: f.Remote.String(), local: f.Local, remote: f.Remote,
		PathBefore: f.PathBefore.String(), PathAfter: f.PathAfter.String(),
		TargetBefore: f.TargetBefore, TargetAfter: f.TargetAfter,
		SourceBefore: addrText(f.SourceBefore), SourceAfter: addrText(f.SourceAfter),
	}
	if f.Cut != drop.None {
		e.Event, e.Reason = FlowDropped, f.Cut.String()
	}
	return e
}

// UnmarshalJSON restores an event that came over the control socket, its flow included.
func (e *Event) UnmarshalJSON(b []byte) error {
	type plain Event
	if err := json.Unmarshal(b, (*plain)(e)); err != nil {
		return err
	}
	e.local, _ = netip.ParseAddrPort(e.Local)
	e.remote, _ = netip.ParseAddrPort(e.Remote)
	return nil
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
