package control

import (
	"cmp"
	"slices"
	"time"

	"vpcsim/dataplane"
	"vpcsim/dataplane/packet"
	"vpcsim/nat"
)

// Top is what `vpcsim top` asks for every second.
type Top struct {
	Usage     Usage         `json:"Usage"`
	FlowRates []FlowRate    `json:"FlowRates"` // the busiest first
	NATPorts  []NATPortView `json:"NatPorts"`  // in the order of ids
}

// FlowRate is what a network interface sends and receives of a flow, per second.
type FlowRate struct {
	NetworkInterfaceID string  `json:"NetworkInterfaceId"`
	Instance           string  `json:"Instance"`
	Protocol           string  `json:"Protocol"`
	Local              string  `json:"Local"`
	Remote             string  `json:"Remote"`
	PacketsSent        float64 `json:"PacketsSentPerSecond"`
	PacketsReceived    float64 `json:"PacketsReceivedPerSecond"`
	BytesSent          float64 `json:"BytesSentPerSecond"`
	BytesReceived      float64 `json:"BytesReceivedPerSecond"`
}

// NATPortView is how far a NAT gateway's ports are used: of one of its addresses a destination can have 55,000.
type NATPortView struct {
	NatGatewayID string `json:"NatGatewayId"`
	Sessions     int    `json:"Sessions"`
	Ports        int    `json:"Ports"` // of the address and destination that have the most
	Protocol     string `json:"Protocol,omitempty"`
	Address      string `json:"Address,omitempty"`
	Destination  string `json:"Destination,omitempty"`
}

const (
	topFlows  = 200             // that are told
	topWatch  = 5 * time.Second // that flows are metered for after each question
	perSecond = float64(time.Second) / float64(dataplane.Window)
)

// top returns what was counted and what is busiest, and keeps the flows metered.
func (l *Lab) top() *Top {
	l.router.WatchFlows(topWatch)
	t := &Top{Usage: *l.Usage(), FlowRates: []FlowRate{}, NATPorts: []NATPortView{}}
	for _, f := range l.router.FlowRates(topFlows) {
		t.FlowRates = append(t.FlowRates, FlowRate{
			NetworkInterfaceID: f.Interface.ID, Instance: f.Interface.Name, Protocol: packet.ProtocolName(int(f.Protocol)),
			Local: f.Local.String(), Remote: f.Remote.String(),
			PacketsSent: float64(f.Sent.Packets) * perSecond, PacketsReceived: float64(f.Received.Packets) * perSecond,
			BytesSent: float64(f.Sent.Bytes) * perSecond, BytesReceived: float64(f.Received.Bytes) * perSecond,
		})
	}
	l.state.Load().NATs(func(id string, g *nat.Gateway) { t.NATPorts = append(t.NATPorts, natPorts(id, g.Load())) })
	slices.SortFunc(t.NATPorts, func(a, b NATPortView) int { return cmp.Compare(a.NatGatewayID, b.NatGatewayID) })
	return t
}

func natPorts(id string, load nat.Load) NATPortView {
	v := NATPortView{NatGatewayID: id, Sessions: load.Sessions, Ports: load.Ports}
	if load.Ports > 0 {
		v.Protocol, v.Address, v.Destination = packet.ProtocolName(int(load.Protocol)), load.Address.String(), load.Destination.String()
	}
	return v
}
