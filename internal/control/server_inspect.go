package control

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
	"vpcsim/topology"
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
	State               string    `json:"State"` // conntrack.State
	Cut                 bool      `json:"Cut"`   // its route changed, and it is never resumed
	Opened              time.Time `json:"Opened"`
	LastSeen            time.Time `json:"LastSeen"`
}

func (l *Lab) flows() *Flows {
	n := l.Network()
	all := &Flows{Flows: []FlowView{}}
	l.router.Flows(func(f conntrack.Flow) {
		all.Total++
		if len(all.Flows) < maxFlows {
			all.Flows = append(all.Flows, l.flowView(n, f))
		}
	})
	slices.SortStableFunc(all.Flows, func(a, b FlowView) int {
		return cmp.Or(b.Opened.Compare(a.Opened), cmp.Compare(a.Local, b.Local))
	})
	return all
}

func (l *Lab) flowView(n *topology.Network, f conntrack.Flow) FlowView {
	view := FlowView{
		Protocol: protocolName(f.Protocol()), Local: f.LocalAddr().String(), Remote: f.RemoteAddr().String(),
		Direction: "ingress", Path: f.Path.String(), State: f.State.String(), Cut: f.Cut, Opened: l.wall(f.Opened), LastSeen: l.wall(f.LastSeen),
	}
	if f.Outbound {
		view.Direction = "egress"
	}
	if a := netip.AddrFrom4(f.Source); !a.IsUnspecified() {
		view.SourceAtDestination = a.String()
	}
	for _, eni := range n.InterfacesByAddress(f.LocalAddr().Addr()) {
		if eni.Instance.VPC.Realm == f.Realm() && slices.Contains(eni.Addresses, f.LocalAddr().Addr()) {
			view.NetworkInterfaceID, view.Instance = eni.ID, eni.Instance.Name
		}
	}
	return view
}

// Counters are the packets so far: the object that `vpcsim inspect drops -o json` prints. PacketsIn is PacketsOut and the sum of
// the drops, but for the packets that are on their way.
type Counters struct {
	PacketsIn  uint64     `json:"PacketsIn"`
	BytesIn    uint64     `json:"BytesIn"`
	PacketsOut uint64     `json:"PacketsOut"`
	BytesOut   uint64     `json:"BytesOut"`
	Resets     uint64     `json:"Resets"` // sent by the router itself
	Drops      []DropView `json:"Drops"`  // the most frequent reason first
}

// DropView counts the packets that were dropped for one reason.
type DropView struct {
	Reason      string `json:"Reason"`
	Description string `json:"Description"`
	Packets     uint64 `json:"Packets"`
}

func (l *Lab) counters() *Counters {
	c := l.router.Counters()
	all := &Counters{
		PacketsIn: c.PacketsIn, BytesIn: c.BytesIn, PacketsOut: c.PacketsOut, BytesOut: c.BytesOut, Resets: c.Resets, Drops: []DropView{},
	}
	for _, r := range drop.All() {
		if n := c.Drops[r]; n > 0 {
			all.Drops = append(all.Drops, DropView{Reason: r.String(), Description: r.Sentence(), Packets: n})
		}
	}
	slices.SortStableFunc(all.Drops, func(a, b DropView) int { return cmp.Compare(b.Packets, a.Packets) })
	return all
}
