package control

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"vpcsim/dataplane"
	"vpcsim/dataplane/drop"
	"vpcsim/nat"
	"vpcsim/topology/compile"
)

// Usage is all that a lab counts, at one moment: the object that `vpcsim inspect counters -o json` prints, and what metrics are made
// of. docs/counters.md says what each count means. Lists are in the order of ids, and never null.
type Usage struct {
	Time           time.Time        `json:"Time"`
	Router         Counters         `json:"Router"`
	Interfaces     []InterfaceUsage `json:"NetworkInterfaces"` // edges and internet hosts, too
	Gateways       []GatewayUsage   `json:"Gateways"`          // all that routes lead to outside of their VPC
	NATGateways    []NATUsage       `json:"NatGateways"`
	Routes         []RouteUsage     `json:"Routes"`
	Rules          []RuleUsage      `json:"SecurityGroupRules"`
	Entries        []RuleUsage      `json:"NetworkAclEntries"`
	S3             []S3Usage        `json:"S3"`
	Flows          int              `json:"Flows"`
	Events         int              `json:"Events"`
	Commits        uint64           `json:"Commits"`
	CaptureDropped uint64           `json:"CaptureDropped"` // packets missing from captures
	Uncounted      int              `json:"Uncounted"`      // routes, rules and the like that are too many to be counted
}

// CountView is packets, and their bytes together.
type CountView struct {
	Packets uint64 `json:"Packets"`
	Bytes   uint64 `json:"Bytes"`
}

// InterfaceUsage counts at one interface. PacketsSent and PacketsResumed are together PacketsForwarded and the sum of the drops.
type InterfaceUsage struct {
	NetworkInterfaceID string     `json:"NetworkInterfaceId"`
	Name               string     `json:"Name"`
	PacketsSent        uint64     `json:"PacketsSent"` // by whoever is behind it
	BytesSent          uint64     `json:"BytesSent"`
	PacketsForwarded   uint64     `json:"PacketsForwarded"` // those of them that arrived anywhere
	BytesForwarded     uint64     `json:"BytesForwarded"`
	PacketsReceived    uint64     `json:"PacketsReceived"` // from anywhere but the router itself
	BytesReceived      uint64     `json:"BytesReceived"`
	PacketsResumed     uint64     `json:"PacketsResumed,omitempty"` // fragments that waited, for any interface's first one, and went on
	Drops              []DropView `json:"Drops"`                    // of what was sent here, wherever it was dropped
	MismatchesIngress  CountView  `json:"MismatchesIngress"`        // what no rule of its groups let in
	MismatchesEgress   CountView  `json:"MismatchesEgress"`
}

// GatewayUsage counts at the target of routes.
type GatewayUsage struct {
	GatewayID  string    `json:"GatewayId"`
	Egress     CountView `json:"Egress"` // what route tables led to it
	Refused    CountView `json:"Refused"`
	Ingress    CountView `json:"Ingress"` // what came in by it
	RefusedIn  CountView `json:"RefusedIngress"`
	TargetType string    `json:"TargetType"` // igw, nat, vpce, …: the beginning of the id
}

// NATUsage is CloudWatch's metrics of a NAT gateway.
type NATUsage struct {
	NatGatewayID string      `json:"NatGatewayId"`
	Metrics      nat.Metrics `json:"Metrics"`
}

// RouteUsage counts the packets whose best route it was.
type RouteUsage struct {
	RouteTableID string `json:"RouteTableId"`
	Destination  string `json:"Destination"` // CIDR, or prefix list
	CountView
}

// RuleUsage counts the packets that a rule or entry decided about.
type RuleUsage struct {
	RuleID string `json:"RuleId"`
	Egress bool   `json:"IsEgress"`
	CountView
}

// S3Usage counts at one edge of S3.
type S3Usage struct {
	VpcEndpointID string `json:"VpcEndpointId"` // none for the internet's edge
	Connections   uint64 `json:"Connections"`
	Requests      uint64 `json:"Requests"`
	BytesIn       uint64 `json:"BytesIn"`
	BytesOut      uint64 `json:"BytesOut"`
}

func countView(c dataplane.Count) CountView { return CountView{c.Packets, c.Bytes} }

// Usage returns all that was counted.
func (l *Lab) Usage() *Usage {
	c := l.router.Usage()
	u := &Usage{
		Time: time.Now(), Router: counters(&c.Total), Flows: l.router.FlowCount(), Events: l.Events.total(), Uncounted: c.Uncounted,
		CaptureDropped: l.recordings.dropped(),
		Interfaces:     []InterfaceUsage{}, Gateways: []GatewayUsage{}, NATGateways: []NATUsage{}, Routes: []RouteUsage{},
		Rules: []RuleUsage{}, Entries: []RuleUsage{}, S3: []S3Usage{},
	}
	s := l.router.Snapshot()
	u.Commits = s.Generation
	for _, i := range c.Interfaces {
		name := ""
		if i := s.Interface(i.ID); i != nil {
			name = i.Name
		}
		u.Interfaces = append(u.Interfaces, interfaceUsage(&i, name, c.Counts))
	}
	u.sort(c.Counts)
	l.state.Load().NATs(func(id string, g *nat.Gateway) { u.NATGateways = append(u.NATGateways, NATUsage{id, g.Metrics()}) })
	for origin, t := range l.s3.Traffic() {
		u.S3 = append(u.S3, S3Usage{origin.Endpoint, t.Connections, t.Requests, t.BytesIn, t.BytesOut})
	}
	u.order()
	return u
}

func interfaceUsage(i *dataplane.InterfaceCounters, name string, counts map[dataplane.Counted]dataplane.Count) InterfaceUsage {
	mismatch := dataplane.Counted{Kind: dataplane.CountedMismatch, ID: i.ID}
	u := InterfaceUsage{
		NetworkInterfaceID: i.ID, Name: name, PacketsSent: i.PacketsIn, BytesSent: i.BytesIn, PacketsForwarded: i.PacketsOut, BytesForwarded: i.BytesOut,
		PacketsReceived: i.Delivered.Packets, BytesReceived: i.Delivered.Bytes, PacketsResumed: i.Resumed, MismatchesIngress: countView(counts[mismatch]),
	}
	mismatch.Egress = true
	u.MismatchesEgress = countView(counts[mismatch])
	gross := i.Counters
	gross.Drops[drop.Held] += gross.Resumed // all that ever waited here, so that it is never below zero
	gross.DropBytes[drop.Held] += gross.ResumedBytes
	u.Drops = dropViews(&gross)
	return u
}

// sort puts the counts of things where they belong.
func (u *Usage) sort(counts map[dataplane.Counted]dataplane.Count) {
	gateways := map[string]*GatewayUsage{}
	gateway := func(id string) *GatewayUsage {
		if gateways[id] == nil {
			kind, _, _ := strings.Cut(id, "-")
			gateways[id] = &GatewayUsage{GatewayID: id, TargetType: kind}
		}
		return gateways[id]
	}
	for thing, n := range counts {
		switch c := countView(n); thing.Kind {
		case dataplane.CountedGateway:
			*pick(thing.Egress, &gateway(thing.ID).Egress, &gateway(thing.ID).Ingress) = c
		case dataplane.CountedRefusal:
			*pick(thing.Egress, &gateway(thing.ID).Refused, &gateway(thing.ID).RefusedIn) = c
		case dataplane.CountedRoute:
			u.Routes = append(u.Routes, RouteUsage{thing.ID, thing.PrefixList + prefixText(thing.Prefix), c})
		case dataplane.CountedRule:
			u.Rules = append(u.Rules, RuleUsage{thing.ID, thing.Egress, c})
		case dataplane.CountedEntry:
			if !strings.HasSuffix(thing.ID, compile.NotAsked) {
				u.Entries = append(u.Entries, RuleUsage{thing.ID, thing.Egress, c})
			}
		}
	}
	for _, g := range gateways {
		u.Gateways = append(u.Gateways, *g)
	}
}

func pick[T any](first bool, a, b T) T {
	if first {
		return a
	}
	return b
}

// order brings the lists into an order that stays.
func (u *Usage) order() {
	slices.SortFunc(u.Interfaces, func(a, b InterfaceUsage) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.NetworkInterfaceID, b.NetworkInterfaceID))
	})
	slices.SortFunc(u.Gateways, func(a, b GatewayUsage) int { return cmp.Compare(a.GatewayID, b.GatewayID) })
	slices.SortFunc(u.NATGateways, func(a, b NATUsage) int { return cmp.Compare(a.NatGatewayID, b.NatGatewayID) })
	slices.SortFunc(u.Routes, func(a, b RouteUsage) int {
		return cmp.Or(cmp.Compare(a.RouteTableID, b.RouteTableID), cmp.Compare(a.Destination, b.Destination))
	})
	for _, rules := range [][]RuleUsage{u.Rules, u.Entries} {
		slices.SortFunc(rules, compareRules)
	}
	slices.SortFunc(u.S3, func(a, b S3Usage) int { return cmp.Compare(a.VpcEndpointID, b.VpcEndpointID) })
}

// compareRules puts the entries of a network ACL in the order of their numbers, its final one last.
func compareRules(a, b RuleUsage) int {
	number := func(r RuleUsage) (of string, n int) {
		of, text, _ := strings.Cut(r.RuleID, "#")
		n, err := strconv.Atoi(text)
		if err != nil {
			n = lastEntry
		}
		return of, n
	}
	ofA, inA := number(a)
	ofB, inB := number(b)
	return cmp.Or(cmp.Compare(ofA, ofB), cmp.Compare(inA, inB), cmp.Compare(a.RuleID, b.RuleID), cmp.Compare(pick(a.Egress, 1, 0), pick(b.Egress, 1, 0)))
}

// count writes into a description what its routes, rules and entries have counted. What the description has and is in no use has none.
func (d *Description) count(counts map[dataplane.Counted]dataplane.Count) {
	find := func(thing dataplane.Counted) *CountView {
		c, ok := counts[thing]
		if !ok {
			return nil
		}
		view := countView(c)
		return &view
	}
	route := func(table, destination string) *CountView {
		thing := dataplane.Counted{Kind: dataplane.CountedRoute, ID: table}
		var err error
		if thing.Prefix, err = netip.ParsePrefix(destination); err != nil {
			thing.PrefixList = destination
		}
		return find(thing)
	}
	for _, t := range d.RouteTables {
		for n := range t.Routes {
			t.Routes[n].CountView = route(t.RouteTableID, t.Routes[n].Destination())
		}
	}
	for _, g := range d.SecurityGroups {
		for n := range g.Permissions {
			g.Permissions[n].CountView = find(dataplane.Counted{Kind: dataplane.CountedRule, ID: compile.RuleID(g.GroupID, g.Permissions[n].RuleID)})
		}
		for n := range g.Egress {
			g.Egress[n].CountView = find(dataplane.Counted{Kind: dataplane.CountedRule, Egress: true, ID: compile.RuleID(g.GroupID, g.Egress[n].RuleID)})
		}
	}
	for _, a := range d.NetworkAcls {
		for n := range a.Entries {
			e := &a.Entries[n]
			e.CountView = find(dataplane.Counted{Kind: dataplane.CountedEntry, Egress: e.Egress, ID: compile.EntryID(a.NetworkACLID, e.number())})
		}
	}
}

// number is the entry's, negative for those that end the ACL, which count together.
func (e ACLEntryView) number() int {
	if e.RuleNumber >= lastEntry {
		return -1
	}
	return e.RuleNumber
}
