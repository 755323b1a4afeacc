package drop

// cures says for each reason, in one line, what would mend it: what to change in the VPC, or why nothing there can.
var cures = [reasons]string{
	NoRouteToDestination:  "add a route to the destination, or associate the subnet with a table that has one",
	BadStateRoute:         "delete the route or give it a target that exists: a blackhole beats every wider route",
	NoPossibleDestination: "check the address: nobody has it, and what lies in the VPC's CIDR stays in the VPC",
	UnsupportedComponent:  "nothing to mend here: the way leaves what vpcsim simulates; ask at AWS what lies behind",
	SourceDestCheck:       "turn off the check at an appliance's interface, or correct the route that leads there",
	IGWNoPublicIP:         "give the instance a public IP address, or route its subnet through a NAT gateway",
	IGWNoAssociation:      "associate the Elastic IP address with a network interface of the VPC",
	IGWEgressToRFC1918:    "route private addresses to a peering connection, a transit gateway or a VPN",
	IGWEgressToRFC6598:    "route shared addresses (100.64.0.0/10) to where they live: that is not the internet",
	IGWIngressFromRFC1918: "nothing to mend here: nobody can answer a private source; let the sender be translated",
	IGWIngressFromRFC6598: "nothing to mend here: nobody can answer a shared source; let the sender be translated",
	EndpointProtocol:      "use TCP or ping, or route this traffic elsewhere",
	EndpointSource:        "put the address into the endpoint's prefix list: the endpoint answers from no other",
	Spoofed:               "use a gateway of the sender's own VPC: this one takes only its own addresses",

	SecurityGroup:      "add a rule for this protocol, port and other side to one of the security groups",
	SecurityGroupEmpty: "add a rule for this protocol, port and other side: there is none in this direction",
	NetworkACL:         "add an allowing entry with a lower number; the answers need one, too: ACLs keep no state",
	NATProtocol:        "use TCP, UDP or ping over IPv4, or another way than the NAT gateway",
	NATSource:          "route to the NAT gateway from its own VPC, or from one that a transit gateway attaches",
	IngressNoPublicIP:  "give the appliance's interface a public IP address: a gateway route table needs it",
	PeeringAddress:     "peer with the VPC that has the address: there is no way through a peer to a third one",
	TransitNoRoute:     "associate the attachment with a transit gateway table that has a route there",
	TransitBlackhole:   "delete the blackhole of the transit gateway's route table, or add a more specific route",
	TransitZone:        "attach a subnet in the sender's Availability Zone to the transit gateway",

	StaleFlow:         "open the connection anew: the far side knows it only by its old path",
	StaleAddress:      "open the connection anew: the far side knows it only by the old public IP address",
	FlowTableFull:     "close connections, or shorten the idle time-outs: the table has no room for one more",
	NATNoMapping:      "open the connection from inside: a NAT gateway lets nobody in who was not asked",
	NATIdle:           "open the connection anew by this NAT gateway, and let it not be idle for 350 s",
	NATPorts:          "add addresses to the NAT gateway: each has at most 55,000 ports for one destination",
	NATFragment:       "send smaller packets: a NAT gateway carries fragments of UDP only",
	EgressOnly:        "use an internet gateway for what is to be reached from outside",
	ICMPNotTranslated: "use ping: echo is what can be translated, and errors that quote a whole header",
	ICMPChecksum:      "mend the sender: what its ICMP error quotes does not have the checksum it claims",
	MTUExceeded:       "send smaller packets, or let in ICMP 3/4 (ICMPv6 type 2) for path MTU discovery",
	Held:              "send the datagram's first fragment: without it the others cannot be translated",
	Malformed:         "mend the sender: the header contradicts itself or the packet's length",
	TTLExpired:        "raise the time to live, or look for the loop that used it up",
	NotUnicast:        "send to a host's address: a VPC carries neither broadcast nor multicast",
	Loop:              "take the routes apart that lead back to each other",
	NoPort:            "start what the interface belongs to: nothing is attached to it",
	PortFull:          "send more slowly: the receiver does not keep up",
	NoAnswer:          "use a protocol and port that the far side answers on",
}

// Cure says in one line what would mend what the packet was dropped for. It is empty for None.
func (r Reason) Cure() string {
	if r >= reasons {
		return "unknown reason"
	}
	return cures[r]
}
