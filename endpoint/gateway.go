package endpoint

import (
	"net/netip"

	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
	"vpcsim/routing"
)

// Gateway is a gateway endpoint as packets meet it. It rewrites nothing: the private source stays on the wire, and with it the
// service knows the instance, and by the edge it arrives at, the VPC and the endpoint (aws-semantics 3.6). It has no state.
type Gateway struct {
	sources []netip.Prefix
}

// NewGateway returns the way to the service for a VPC with the given CIDRs. They are few, and a packet's source is
// nearly always in the first.
func NewGateway(cidrs []netip.Prefix) Gateway { return Gateway{cidrs} }

// Cross lets through what the endpoint accepts: TCP and ICMP echo requests (aws-semantics 3.2, explanation-codes
// VPCE_GATEWAY_PROTOCOL_RESTRICTION), from its own VPC's addresses: what a transit gateway or an appliance brings from
// elsewhere is refused (aws-semantics 3.2, explanation-codes GATEWAY_REJECTS_SPOOFED_TRAFFIC).
func (g Gateway) Cross(p *packet.Packet) drop.Reason {
	if !carries(p, packet.ICMPEchoRequest) {
		return drop.EndpointProtocol
	}
	for _, cidr := range g.sources {
		if cidr.Contains(p.Src) {
			return drop.None
		}
	}
	return drop.Spoofed
}

// carries says whether p is TCP or the given kind of ICMP echo. A later fragment of ICMP does not tell its type; without the
// first one, which does, nobody can reassemble it.
func carries(p *packet.Packet, echo uint8) bool {
	return p.Protocol == packet.TCP || p.Protocol == packet.ICMP && (p.LaterFragment() || p.ICMPType == echo)
}

// Return is the way back from the service into the VPC.
type Return struct {
	sources *routing.Table[struct{}]
}

// NewReturn returns the way back for an endpoint whose prefix list has the given entries.
func NewReturn(entries []netip.Prefix) (Return, error) {
	var b routing.Builder[struct{}]
	for _, p := range entries {
		b.Add(p, routing.PrefixList, struct{}{})
	}
	sources, err := b.Build()
	return Return{sources}, err
}

// Cross lets through what the endpoint emits: TCP and ICMP echo replies, from addresses of its prefix list
// (aws-semantics 3.2, explanation-codes VPCE_GATEWAY_EGRESS_SOURCE_ADDRESS_RESTRICTION).
func (r Return) Cross(p *packet.Packet) drop.Reason {
	if !carries(p, packet.ICMPEchoReply) {
		return drop.EndpointProtocol
	}
	if _, ok := r.sources.Lookup(p.Src); !ok {
		return drop.EndpointSource
	}
	return drop.None
}
