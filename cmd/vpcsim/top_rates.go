package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"vpcsim/internal/control"
)

// topRates is what top shows: what happened per second between two looks. Its names are a contract.
type topRates struct {
	Time        time.Time              `json:"Time"`
	Seconds     float64                `json:"Seconds"` // between the looks; rates of flows are of the last whole second
	Flows       int                    `json:"Flows"`
	Events      int                    `json:"Events"`
	PacketsIn   float64                `json:"PacketsInPerSecond"`
	PacketsOut  float64                `json:"PacketsOutPerSecond"`
	Dropped     float64                `json:"PacketsDroppedPerSecond"`
	BytesIn     float64                `json:"BytesInPerSecond"`
	FlowRates   []control.FlowRate     `json:"FlowRates"`
	Interfaces  []interfaceRate        `json:"NetworkInterfaces"`
	Drops       []dropRate             `json:"Drops"`
	NATGateways []control.NATPortView  `json:"NatGateways"`
	NATErrors   map[string]natErrorSum `json:"NatGatewayErrors"`
}

// interfaceRate is one interface.
type interfaceRate struct {
	NetworkInterfaceID string  `json:"NetworkInterfaceId"`
	Name               string  `json:"Name"`
	PacketsSent        float64 `json:"PacketsSentPerSecond"`
	BytesSent          float64 `json:"BytesSentPerSecond"`
	PacketsReceived    float64 `json:"PacketsReceivedPerSecond"`
	BytesReceived      float64 `json:"BytesReceivedPerSecond"`
	PacketsDropped     float64 `json:"PacketsDroppedPerSecond"` // of what it sent
}

// dropRate is one reason.
type dropRate struct {
	Reason      string  `json:"Reason"`
	Description string  `json:"Description"`
	PerSecond   float64 `json:"PacketsPerSecond"`
	Packets     uint64  `json:"Packets"` // since the lab was started
}

// natErrorSum is what a NAT gateway refused.
type natErrorSum struct {
	PortAllocation uint64  `json:"ErrorPortAllocation"` // since it was made
	PerSecond      float64 `json:"ErrorPortAllocationPerSecond"`
}

// ratesOf compares two looks.
func ratesOf(before, now *control.Top) *topRates {
	seconds := max(now.Usage.Time.Sub(before.Usage.Time).Seconds(), 0.001)
	per := func(now, before uint64) float64 { return float64(now-min(now, before)) / seconds }
	r := &topRates{
		Time: now.Usage.Time, Seconds: seconds, Flows: now.Usage.Flows, Events: now.Usage.Events,
		PacketsIn:  per(now.Usage.Router.PacketsIn, before.Usage.Router.PacketsIn),
		PacketsOut: per(now.Usage.Router.PacketsOut, before.Usage.Router.PacketsOut),
		BytesIn:    per(now.Usage.Router.BytesIn, before.Usage.Router.BytesIn),
		Dropped:    per(dropped(now.Usage.Router.Drops), dropped(before.Usage.Router.Drops)),
		FlowRates:  now.FlowRates, NATGateways: now.NATPorts, NATErrors: map[string]natErrorSum{},
		Interfaces: []interfaceRate{}, Drops: []dropRate{},
	}
	interfaces, reasons, nats := map[string]control.InterfaceUsage{}, map[string]uint64{}, map[string]uint64{}
	for _, i := range before.Usage.Interfaces {
		interfaces[i.NetworkInterfaceID] = i
	}
	for _, i := range now.Usage.Interfaces {
		was := interfaces[i.NetworkInterfaceID]
		r.Interfaces = append(r.Interfaces, interfaceRate{
			i.NetworkInterfaceID, cmp.Or(i.Name, i.NetworkInterfaceID), per(i.PacketsSent, was.PacketsSent), per(i.BytesSent, was.BytesSent),
			per(i.PacketsReceived, was.PacketsReceived), per(i.BytesReceived, was.BytesReceived), per(dropped(i.Drops), dropped(was.Drops)),
		})
	}
	for _, d := range before.Usage.Router.Drops {
		reasons[d.Reason] = d.Packets
	}
	for _, d := range now.Usage.Router.Drops {
		r.Drops = append(r.Drops, dropRate{d.Reason, d.Description, per(d.Packets, reasons[d.Reason]), d.Packets})
	}
	for _, g := range before.Usage.NATGateways {
		nats[g.NatGatewayID] = g.Metrics.ErrorPortAllocation
	}
	for _, g := range now.Usage.NATGateways {
		n := g.Metrics.ErrorPortAllocation
		r.NATErrors[g.NatGatewayID] = natErrorSum{n, per(n, nats[g.NatGatewayID])}
	}
	return r
}

func dropped(drops []control.DropView) (sum uint64) {
	for _, d := range drops {
		sum += d.Packets
	}
	return sum
}

// topOrder is what the rows of tables are sorted by.
type topOrder struct {
	by       int
	reversed bool
}

// orders are the words for what there is to sort by.
var orders = [...]string{"bytes", "packets", "name"}

// compare compares two rows by their bytes, packets and names.
func (o topOrder) compare(bytesA, bytesB, packetsA, packetsB float64, nameA, nameB string) int {
	byName := strings.Compare(nameA, nameB)
	c := byName
	switch orders[o.by] {
	case "bytes":
		c = cmp.Or(cmp.Compare(bytesB, bytesA), cmp.Compare(packetsB, packetsA))
	case "packets":
		c = cmp.Or(cmp.Compare(packetsB, packetsA), cmp.Compare(bytesB, bytesA))
	}
	if o.reversed {
		c = -c
	}
	return cmp.Or(c, byName)
}

// topTable is one part of what top shows.
type topTable struct {
	head []string
	rows [][]string
}

// tables makes the rates readable.
func (r *topRates) tables(o topOrder) []topTable {
	return []topTable{r.flowTable(o), r.interfaceTable(o), r.dropTable(o), r.natTable()}
}

func (r *topRates) flowTable(o topOrder) topTable {
	t := topTable{head: []string{"FLOW", "PROTOCOL", "LOCAL", "REMOTE", "SENT", "RECEIVED", "PACKETS"}}
	flows := slices.Clone(r.FlowRates)
	slices.SortStableFunc(flows, func(a, b control.FlowRate) int {
		return o.compare(a.BytesSent+a.BytesReceived, b.BytesSent+b.BytesReceived, a.PacketsSent+a.PacketsReceived, b.PacketsSent+b.PacketsReceived,
			a.Instance+a.Local+a.Remote, b.Instance+b.Local+b.Remote)
	})
	for _, f := range flows {
		t.rows = append(t.rows, []string{
			cmp.Or(f.Instance, f.NetworkInterfaceID), f.Protocol, f.Local, f.Remote, bits(f.BytesSent), bits(f.BytesReceived), perSecond(f.PacketsSent + f.PacketsReceived),
		})
	}
	return t
}

func (r *topRates) interfaceTable(o topOrder) topTable {
	t := topTable{head: []string{"INTERFACE", "ID", "SENT", "PACKETS", "RECEIVED", "PACKETS", "DROPPED"}}
	all := slices.Clone(r.Interfaces)
	slices.SortStableFunc(all, func(a, b interfaceRate) int {
		return o.compare(a.BytesSent+a.BytesReceived, b.BytesSent+b.BytesReceived, a.PacketsSent+a.PacketsReceived, b.PacketsSent+b.PacketsReceived, a.Name, b.Name)
	})
	for _, i := range all {
		t.rows = append(t.rows, []string{
			i.Name, i.NetworkInterfaceID, bits(i.BytesSent), perSecond(i.PacketsSent), bits(i.BytesReceived), perSecond(i.PacketsReceived), perSecond(i.PacketsDropped),
		})
	}
	return t
}

func (r *topRates) dropTable(o topOrder) topTable {
	t := topTable{head: []string{"DROPPED FOR", "NOW", "IN ALL", ""}}
	all := slices.Clone(r.Drops)
	slices.SortStableFunc(all, func(a, b dropRate) int {
		return o.compare(a.PerSecond, b.PerSecond, float64(a.Packets), float64(b.Packets), a.Reason, b.Reason)
	})
	for _, d := range all {
		t.rows = append(t.rows, []string{d.Reason, perSecond(d.PerSecond), number(d.Packets), d.Description})
	}
	return t
}

func (r *topRates) natTable() topTable {
	t := topTable{head: []string{"NAT GATEWAY", "SESSIONS", "PORTS", "MOST AT", "TO", "NO PORT", "IN ALL"}}
	for _, g := range r.NATGateways {
		errors := r.NATErrors[g.NatGatewayID]
		destination := ""
		if g.Destination != "" {
			destination = g.Protocol + " " + g.Destination
		}
		t.rows = append(t.rows, []string{
			g.NatGatewayID, strconv.Itoa(g.Sessions), strconv.Itoa(g.Ports) + "/55000", g.Address, destination, perSecond(errors.PerSecond), number(errors.PortAllocation),
		})
	}
	return t
}

// bits writes a rate of bytes in bits per second.
func bits(bytesPerSecond float64) string { return short(8*bytesPerSecond) + "bit/s" }

func perSecond(rate float64) string { return strings.TrimSuffix(short(rate), " ") + "/s" }

// short writes a number with three digits at least, and with an SI prefix.
func short(n float64) string {
	units := []string{"", "k", "M", "G", "T"}
	at := 0
	for ; n >= 999.5 && at < len(units)-1; at++ {
		n /= 1000
	}
	switch {
	case n == 0 || at == 0 && n >= 10:
		return fmt.Sprintf("%.0f %s", n, units[at])
	case n < 9.995:
		return fmt.Sprintf("%.2f %s", n, units[at])
	case n < 99.95:
		return fmt.Sprintf("%.1f %s", n, units[at])
	}
	return fmt.Sprintf("%.0f %s", n, units[at])
}
