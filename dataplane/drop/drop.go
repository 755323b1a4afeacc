// Package drop is the one table of reasons a packet can die: code, sentence, flow-log action, and what would mend it.
//
// Where AWS has a word for it the code is that of VPC Reachability Analyzer (aws-semantics 9.4, explanation-codes), so that
// what a user reads here can be looked up there. AWS has no codes for what happens to a single packet at run time; those
// are ours and start with X_. Adding a reason is adding a row.
package drop

import "fmt"

// Reason says why a packet was refused. The zero value None means that it was not.
type Reason uint8

// The reasons. Order is free: nothing outside the process stores the number, only the code.
const (
	None Reason = iota

	NoRouteToDestination
	BadStateRoute
	NoPossibleDestination
	UnsupportedComponent
	SourceDestCheck
	IGWNoPublicIP
	IGWNoAssociation
	IGWEgressToRFC1918
	IGWEgressToRFC6598
	IGWIngressFromRFC1918
	IGWIngressFromRFC6598
	EndpointProtocol
	EndpointSource
	Spoofed

	SecurityGroup
	SecurityGroupEmpty
	NetworkACL
	NATProtocol
	NATSource
	IngressNoPublicIP
	PeeringAddress
	TransitNoRoute
	TransitBlackhole
	TransitZone

	StaleFlow
	StaleAddress
	FlowTableFull
	NATNoMapping
	NATIdle
	NATPorts
	NATFragment
	EgressOnly
	ICMPNotTranslated
	ICMPChecksum
	MTUExceeded
	Held
	Malformed
	TTLExpired
	NotUnicast
	Loop
	NoPort
	PortFull
	NoAnswer

	reasons // how many there are
)

// Action is what a VPC flow log at the packet's interface says of it (aws-semantics 9.2): REJECT only where a security
// group, a network ACL or a closed connection refused it, ACCEPT where it was lost later on its way.
type Action uint8

// The flow-log actions.
const (
	Accept Action = iota
	Reject
)

// String returns AWS's word.
func (a Action) String() string {
	if a == Reject {
		return "REJECT"
	}
	return "ACCEPT"
}

type row struct {
	code     string
	sentence string
	action   Action
}

var table = [reasons]row{
	None:                  {"", "forwarded", Accept},
	NoRouteToDestination:  {"NO_ROUTE_TO_DESTINATION", "the route table has no route to the destination", Accept},
	BadStateRoute:         {"BAD_STATE_ROUTE", "the best route is a blackhole: its target is not available", Accept},
	NoPossibleDestination: {"NO_POSSIBLE_DESTINATION", "the address lies in the VPC but no network interface owns it", Accept},
	UnsupportedComponent:  {"UNSUPPORTED_COMPONENT", "the route leads outside of what is simulated", Accept},
	SourceDestCheck:       {"ENI_SOURCE_DEST_CHECK_RESTRICTION", "the source or destination is not an address of the network interface", Accept},
	IGWNoPublicIP:         {"IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS", "the source has no public IP address, so the internet gateway does not accept it", Accept},
	IGWNoAssociation:      {"IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS", "the destination is no public IP address of an attached network interface", Accept},
	IGWEgressToRFC1918:    {"IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS", "the internet gateway does not send to private (RFC 1918) addresses", Accept},
	IGWEgressToRFC6598:    {"IGW_DESTINATION_ADDRESS_NOT_IN_RFC6598_EGRESS", "the internet gateway does not send to shared (RFC 6598) addresses", Accept},
	IGWIngressFromRFC1918: {"IGW_SOURCE_ADDRESS_NOT_IN_RFC1918_INGRESS", "the internet gateway does not accept private (RFC 1918) sources from the internet", Accept},
	IGWIngressFromRFC6598: {"IGW_SOURCE_ADDRESS_NOT_IN_RFC6598_INGRESS", "the internet gateway does not accept shared (RFC 6598) sources from the internet", Accept},
	EndpointProtocol:      {"VPCE_GATEWAY_PROTOCOL_RESTRICTION", "a gateway endpoint carries only TCP and ICMP echo", Accept},
	EndpointSource:        {"VPCE_GATEWAY_EGRESS_SOURCE_ADDRESS_RESTRICTION", "a gateway endpoint sends only from addresses of its prefix list", Accept},
	Spoofed:               {"GATEWAY_REJECTS_SPOOFED_TRAFFIC", "the packet came to the gateway from where its source cannot be", Accept},

	SecurityGroup:      {"ENI_SG_RULES_MISMATCH", "no rule of the interface's security groups allows the packet", Reject},
	SecurityGroupEmpty: {"SG_HAS_NO_RULES", "the interface's security groups have no rule in this direction", Reject},
	NetworkACL:         {"SUBNET_ACL_RESTRICTION", "the subnet's network ACL denies the packet", Reject},
	NATProtocol:        {"PROTOCOL_RESTRICTION", "a NAT gateway carries only TCP, UDP and ICMP", Accept},
	NATSource:          {"NGW_REQUIRES_SOURCE_IN_VPC", "a NAT gateway accepts only sources in its own VPC", Accept},
	IngressNoPublicIP:  {"INGRESS_RTB_NO_PUBLIC_IP", "the gateway route table leads to a network interface without public IP address", Accept},
	PeeringAddress:     {"PCX_REQUIRES_ADDRESS_IN_VPC_CIDR", "a peering connection carries only packets from one VPC's addresses to the other's", Accept},
	TransitNoRoute:     {"TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT", "the transit gateway's route table has no route to the destination", Accept},
	TransitBlackhole:   {"TGW_RTB_BAD_STATE_ROUTE", "the transit gateway's best route is a blackhole", Accept},
	TransitZone:        {"TGW_ROUTE_AZ_RESTRICTION", "the transit gateway has no attachment in the sender's Availability Zone", Accept},

	StaleAddress:      {"X_STALE_FLOW_ADDRESS_CHANGE", "the connection was cut when its public IP address changed; only a new connection (SYN) works", Reject},
	NATNoMapping:      {"X_NAT_NO_MAPPING", "the NAT gateway has no session that the packet from outside belongs to", Accept},
	NATIdle:           {"X_NAT_IDLE", "the NAT gateway has no session for the segment, perhaps no longer, and answers with RST", Accept},
	NATPorts:          {"X_NAT_PORT_EXHAUSTED", "the NAT gateway has no free port to this destination", Accept},
	NATFragment:       {"X_NAT_FRAGMENT", "a NAT gateway carries no fragments of TCP and ICMP", Accept},
	EgressOnly:        {"X_EIGW_NO_SESSION", "the egress-only internet gateway lets in only answers", Accept},
	ICMPNotTranslated: {"X_ICMP_NOT_TRANSLATED", "the ICMP message is of a type that is not translated, or quotes nothing that can be", Accept},
	ICMPChecksum:      {"X_ICMP_CHECKSUM", "the checksum of the ICMP error, or of the header it quotes, is wrong", Accept},
	MTUExceeded:       {"X_MTU_EXCEEDED", "the packet is larger than the path's MTU and must not be fragmented", Accept},
	Held:              {"X_HELD", "the fragment waits for the first one of its datagram", Accept},

	StaleFlow:     {"X_STALE_FLOW_ENDPOINT_CHANGE", "the connection was cut when its route changed; only a new connection (SYN) works", Reject},
	FlowTableFull: {"X_CONNTRACK_EXHAUSTED", "the connection table is full", Reject},
	Malformed:     {"X_MALFORMED", "the packet is not a well-formed IP packet", Accept},
	TTLExpired:    {"X_TTL_EXPIRED", "the time to live ran out", Accept},
	NotUnicast:    {"X_NOT_UNICAST", "a VPC carries neither broadcast nor multicast", Accept},
	Loop:          {"X_ROUTE_LOOP", "the packet was routed more often than any VPC path can be", Accept},
	NoPort:        {"X_NO_PORT", "the interface is not attached to anything", Accept},
	PortFull:      {"X_PORT_FULL", "the receiver's queue is full", Accept},
	NoAnswer:      {"X_NO_ANSWER", "the packet arrives, but what is there does not answer it", Accept}, // of traces alone: there is no packet
}

// String returns the code, for example NO_ROUTE_TO_DESTINATION; it is empty for None.
func (r Reason) String() string {
	if r >= reasons {
		return fmt.Sprintf("X_REASON_%d", r)
	}
	return table[r].code
}

// Sentence explains the reason to a person.
func (r Reason) Sentence() string {
	if r >= reasons {
		return "unknown reason"
	}
	return table[r].sentence
}

// Action returns what a flow log says of a packet that was dropped for this reason.
func (r Reason) Action() Action {
	if r >= reasons {
		return Accept
	}
	return table[r].action
}

// Count is the number of reasons, None included: the length of an array of counters indexed by Reason.
const Count = int(reasons)

// All returns every reason but None, for documentation and exports.
func All() []Reason {
	all := make([]Reason, 0, Count-1)
	for r := None + 1; r < reasons; r++ {
		all = append(all, r)
	}
	return all
}
