package topology

import (
	"math"
	"net/netip"
	"strconv"
	"strings"
)

// IANA numbers of the protocols that a rule says more about.
const (
	protocolICMP   = 1
	protocolTCP    = 6
	protocolUDP    = 17
	protocolICMPv6 = 58
)

// protocols are the names a rule may use instead of a number. AWS writes all as -1.
var protocols = map[string]int{
	"all": AnyProtocol, "-1": AnyProtocol, "icmp": protocolICMP, "tcp": protocolTCP, "udp": protocolUDP, "icmpv6": protocolICMPv6,
}

// anyTraffic is a rule that allows everything, but for its other side.
func anyTraffic() Rule {
	return Rule{Allow: true, Protocol: AnyProtocol, LastPort: math.MaxUint16, ICMPType: AnyICMP, ICMPCode: AnyICMP}
}

// traffic resolves what a security group's rule and a network ACL's entry say alike. The rule it returns allows, and has no
// other side yet.
func (r *resolver) traffic(path, protocol, ports, icmp string) (Rule, bool) {
	rule := anyTraffic()
	n, known := r.protocol(join(path, "protocol"), protocol)
	portsOK := r.ports(&rule, join(path, "ports"), ports)
	icmpOK := r.icmp(&rule, join(path, "icmp"), icmp)
	if !known {
		return rule, false
	}
	rule.Protocol = n
	if ports != "" && n != protocolTCP && n != protocolUDP {
		r.errorf(join(path, "ports"), "protocol %s has no ports that a rule could name; only tcp and udp have", shown(protocol))
		portsOK = false
	}
	if icmp != "" && n != protocolICMP && n != protocolICMPv6 {
		r.errorf(join(path, "icmp"), "protocol %s has no ICMP types; only icmp and icmpv6 have", shown(protocol))
		icmpOK = false
	}
	return rule, portsOK && icmpOK
}

// protocol reads a protocol's name or IANA number.
func (r *resolver) protocol(path, text string) (int, bool) {
	const choices = "tcp, udp, icmp, icmpv6, a number from 0 to 255, or all"
	if n, named := protocols[text]; named {
		return n, true
	}
	n, err := strconv.ParseUint(text, 10, 8)
	switch {
	case err == nil:
		return int(n), true
	case text == "":
		r.errorf(path, "missing; %s", choices)
	default:
		r.errorf(path, "%s is not a protocol: %s%s", shown(text), choices, r.didYouMean(text, sortedKeys(protocols)))
	}
	return 0, false
}

// ports reads a port or a range of ports; none at all means every port.
func (r *resolver) ports(rule *Rule, path, text string) bool {
	if text == "" {
		return true
	}
	from, to, isRange := strings.Cut(text, "-")
	if !isRange {
		to = from
	}
	first, err := strconv.ParseUint(from, 10, 16)
	last, err2 := strconv.ParseUint(to, 10, 16)
	switch {
	case err != nil || err2 != nil:
		r.errorf(path, "%s is neither a port such as 443 nor a range such as 1024-65535; ports are from 0 to 65535", shown(text))
		return false
	case first > last:
		r.errorf(path, "%s ends before it starts; write %d-%d", shown(text), last, first)
		return false
	}
	rule.FirstPort, rule.LastPort = uint16(first), uint16(last)
	return true
}

// icmp reads an ICMP type with or without a code; none at all, or all, means every one. AWS writes every type or code as -1.
func (r *resolver) icmp(rule *Rule, path, text string) bool {
	switch text {
	case "", "all", "-1", "-1/-1":
		return true
	}
	typeText, codeText, coded := strings.Cut(text, "/")
	kind, err := strconv.ParseUint(typeText, 10, 8)
	rule.ICMPType = int(kind)
	if err == nil && coded && codeText != "-1" {
		kind, err = strconv.ParseUint(codeText, 10, 8)
		rule.ICMPCode = int(kind)
	}
	if err != nil {
		r.errorf(path, "%s is not all, an ICMP type such as 8, or a type and code such as 3/4; both are from 0 to 255", shown(text))
	}
	return err == nil
}

// parseBlock reads a CIDR of either IP version into its canonical form. It tells nobody if that fails.
func parseBlock(text string) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(text)
	if err != nil || p.Addr().Is4In6() {
		return netip.Prefix{}, false
	}
	return p.Masked(), true
}
