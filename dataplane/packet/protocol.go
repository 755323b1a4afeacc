package packet

import "strconv"

// ProtocolName returns the usual name of an IP protocol, as security groups write it too, or its number: all of them are -1 at AWS.
func ProtocolName(n int) string {
	switch n {
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	case ICMP:
		return "icmp"
	case ICMPv6:
		return "icmpv6"
	}
	return strconv.Itoa(n)
}
