package control

import (
	"cmp"
	"slices"
	"time"

	"vpcsim/dataplane"
	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

// Flows is the flow table: the object that `vpcsim inspect flows -o json` prints.
type Flows struct {
	Total int        `json:"Total"` // how many there are, which may be more than are listed
	Flows []FlowView `json:"Flows"` // the newest first
}

// maxFlows is how many flows are listed.
const maxFlows = 10_000

// FlowView is one flow as one network interface sees it.
type FlowView struct {
	NetworkInterfaceID  string    `json:"NetworkInterfaceId"`
	Instance            string    `json:"Instance"`
	Protocol            string    `json:"Protocol"`
	Local               string    `json:"Local"`
	Remote              string    `json:"Remote"`
	Direction           string    `json:"Direction"` // egress or ingress: who sent the first packet
	Path                string    `json:"Path"`
	SourceAtDestination string    `json:"SourceAtDestination,omitempty"`
	State               string    `json:"State"`     // conntrack.State
	Cut                 bool      `json:"Cut"`       // its route changed, and it is never resumed
	Untracked           bool      `json:"Untracked"` // the security groups judge each of its packets
	Opened              time.Time `json:"Opened"`
	LastSeen            time.Time `json:"LastSeen"`
}

func (l *Lab) flows() *Flows {
	all := &Flows{Flows: []FlowView{}}
	l.router.Flows(func(i *dataplane.Interface, t conntrack.Tuple, f conntrack.Flow) {
		all.Total++
		if len(all.Flows) < maxFlows {
			all.Flows = append(all.Flows, l.flowView(i, t, f))
		}
	})
	slices.SortStableFunc(all.Flows, func(a, b FlowView) int {
		return cmp.Or(b.Opened.Compare(a.Opened), cmp.Compare(a.Local, b.Local))
	})
	return all
}

func (l *Lab) flowView(i *dataplane.Interface, t conntrack.Tuple, f conntrack.Flow) FlowView {
	view := FlowView{
		NetworkInterfaceID: i.ID, Instance: i.Name, Protocol: packet.ProtocolName(int(t.Protocol)), Local: t.Local.String(), Remote: t.Remote.String(),
		Direction: "ingress", Path: f.Path.String(), State: f.State.String(), Cut: f.Cut != drop.None, Untracked: f.Tracking != conntrack.Tracked, Opened: l.wall(f.Opened), LastSeen: l.wall(f.LastSeen),
	}
	if f.Outbound {
		view.Direction = "egress"
	}
	if a := f.SourceAddr(); a.IsValid() {
		view.SourceAtDestination = a.String()
	}
	return view
}

// Counters are the packets so far: the object that `vpcsim inspect drops -o json` prints. PacketsIn is PacketsOut and the sum of
// the drops.
type Counters struct {
	PacketsIn  uint64     `json:"PacketsIn"`
	BytesIn    uint64     `json:"BytesIn"`
	PacketsOut uint64     `json:"PacketsOut"`
	BytesOut   uint64     `json:"BytesOut"`
	Resets     uint64     `json:"Resets"`     // RSTs sent by the router itself
	ICMPErrors uint64     `json:"ICMPErrors"` // sent by the router itself
	Drops      []DropView `json:"Drops"`      // the most frequent reason first

	PacketsResumed uint64 `json:"PacketsResumed,omitempty"` // fragments that waited and went on, which are among the drops no more
	BytesResumed   uint64 `json:"BytesResumed,omitempty"`
}

// DropView counts the packets that were dropped for one reason.
type DropView struct {
	Reason      string `json:"Reason"`
	Description string `json:"Description"`
	Packets     uint64 `json:"Packets"`
	Bytes       uint64 `json:"Bytes"`
}

func (l *Lab) counters() *Counters {
	c := l.router.Counters()
	view := counters(&c)
	return &view
}

func counters(c *dataplane.Counters) Counters {
	return Counters{
		PacketsIn: c.PacketsIn, BytesIn: c.BytesIn, PacketsOut: c.PacketsOut, BytesOut: c.BytesOut, Resets: c.Resets, ICMPErrors: c.ICMPErrors,
		Drops: dropViews(c), PacketsResumed: c.Resumed, BytesResumed: c.ResumedBytes,
	}
}

func dropViews(c *dataplane.Counters) []DropView {
	all := []DropView{}
	for r, n := range c.ByReason() {
		all = append(all, DropView{Reason: r.String(), Description: r.Sentence(), Packets: n, Bytes: c.DropBytes[r]})
	}
	slices.SortStableFunc(all, func(a, b DropView) int { return cmp.Compare(b.Packets, a.Packets) })
	return all
}
