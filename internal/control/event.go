package control

import (
	"encoding/json"
	"net/netip"
	"time"

	"vpcsim/dataplane"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

// Event is one line of the lab's event stream: a change of the control plane, what a change did to one flow, or something that
// happened to the lab by itself. Field names are AWS's where AWS has one.
type Event struct {
	Sequence  int       `json:"Sequence,omitempty"` // 1 for the first event of the lab, and one more for each; none if it has not happened
	Time      time.Time `json:"Time"`
	Monotonic int64     `json:"MonotonicNs"`
	Event     string    `json:"Event"` // an API action such as CreateVpcEndpoint, or one of the constants below
	ChangeID  string    `json:"ChangeId,omitempty"`

	// of a flow
	Instance   string `json:"Instance,omitempty"`
	Interface  string `json:"NetworkInterfaceId,omitempty"`
	Protocol   string `json:"Protocol,omitempty"`
	Local      string `json:"Local,omitempty"`
	Remote     string `json:"Remote,omitempty"`
	Direction  string `json:"Direction,omitempty"` // egress or ingress: who opened it
	PathBefore string `json:"PathBefore,omitempty"`
	PathAfter  string `json:"PathAfter,omitempty"`

	TargetBefore string `json:"TargetBefore,omitempty"`
	TargetAfter  string `json:"TargetAfter,omitempty"`
	SourceBefore string `json:"SourceBefore,omitempty"` // the address the far side saw
	SourceAfter  string `json:"SourceAfter,omitempty"`
	AfterCommit  int64  `json:"AfterCommitNs,omitempty"`
	Reason       string `json:"Reason,omitempty"`

	// of a half-open connection at S3, besides the flow's
	Peer       string `json:"Peer,omitempty"`          // whom S3 takes for the client
	EndpointID string `json:"VpcEndpointId,omitempty"` // the edge at which S3 accepted it; none for the internet's
	Error      string `json:"Error,omitempty"`         // what ended it

	// of a NAT gateway without a free port, to Remote by Protocol
	NATGatewayID        string `json:"NatGatewayId,omitempty"`
	ErrorPortAllocation uint64 `json:"ErrorPortAllocation,omitempty"` // sessions refused since the last such event

	Lost int `json:"Lost,omitempty"` // how many events are missing before this one

	// of a change
	Change *Change `json:"Request,omitempty"`

	local, remote netip.AddrPort // Local and Remote, for comparing
}

// The events that are no API action.
const (
	FlowDropped  = "FlowDropped"  // a connection was cut
	FlowRerouted = "FlowRerouted" // packets take another path; no connection was cut, because the protocol has none

	S3HalfOpen      = "S3HalfOpen"      // S3's kernel still holds a connection that was cut a second ago or longer
	S3HalfOpenEnded = "S3HalfOpenEnded" // it does not any more

	ErrorPortAllocation = "ErrorPortAllocation" // a NAT gateway had no free port to a destination; CloudWatch's word

	CaptureStopped = "CaptureStopped" // a capture ended before its time; Reason says why: a full disk, most likely

	LabStarted = "LabStarted" // the first event of a lab that has a control socket
	LabStopped = "LabStopped" // and the last one
	EventsLost = "EventsLost" // in place of what the reader missed: the log is bounded, and the reader was too slow, or too late
)

// Flow returns the two ends of the flow that a flow event is about: the interface's own, and the far one.
func (e Event) Flow() (local, remote netip.AddrPort) { return e.local, e.remote }

// flowEvent puts a flow's event into words.
func (l *Lab) flowEvent(f dataplane.FlowEvent) Event {
	e := Event{
		Time: l.wall(f.Time), Monotonic: f.Time, Event: FlowRerouted, ChangeID: f.Change, Direction: "ingress",
		Instance: f.Interface.Name, Interface: f.Interface.ID, Protocol: packet.ProtocolName(int(f.Protocol)),
		Local: f.Local.String(), Remote: f.Remote.String(), local: f.Local, remote: f.Remote,
		PathBefore: f.PathBefore.String(), PathAfter: f.PathAfter.String(),
		TargetBefore: f.TargetBefore, TargetAfter: f.TargetAfter,
		SourceBefore: addrText(f.SourceBefore), SourceAfter: addrText(f.SourceAfter),
	}
	if f.Outbound {
		e.Direction = "egress"
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
