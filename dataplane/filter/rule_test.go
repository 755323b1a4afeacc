package filter

import (
	"net/netip"
	"testing"

	"vpcsim/dataplane/packet"
)

// rule is about TCP of some ports, any type and code otherwise.
func rule(protocol int, first, last uint16, peers ...string) Rule {
	r := Rule{Protocol: protocol, FirstPort: first, LastPort: last, ICMPType: Any, ICMPCode: Any}
	for _, p := range peers {
		r.Peers = append(r.Peers, netip.MustParsePrefix(p))
	}
	return r
}

func all(peers ...string) Rule { return rule(Any, 0, 65535, peers...) }

func tcp(first, last uint16, peers ...string) Rule { return rule(packet.TCP, first, last, peers...) }

func udp(first, last uint16, peers ...string) Rule { return rule(packet.UDP, first, last, peers...) }

func icmp(protocol, typ, code int, peers ...string) Rule {
	r := rule(protocol, 0, 0, peers...)
	r.ICMPType, r.ICMPCode = typ, code
	return r
}

func named(id string, r Rule) Rule {
	r.ID = id
	return r
}

func deny(r Rule) Rule {
	r.Deny = true
	return r
}

const (
	us, us6     = "10.0.0.10", "2001:db8::10"
	them, them6 = "198.51.100.7", "2001:db8:1::7"
)

// from is a datagram to us, whose port or ICMP type and code is detail.
func from(src string, protocol uint8, detail uint16) datagram {
	d := datagram{src: netip.MustParseAddr(src), dst: netip.MustParseAddr(us), protocol: protocol, detail: detail}
	if d.src.Is6() {
		d.dst = netip.MustParseAddr(us6)
	}
	return d
}

// to is a datagram from us.
func to(dst string, protocol uint8, detail uint16) datagram {
	d := from(dst, protocol, detail)
	d.src, d.dst = d.dst, d.src
	return d
}

func (d datagram) fragmented(fragment uint16) datagram {
	d.fragment = fragment
	return d
}

// message is an ICMP type and code as a datagram's detail.
func message(typ, code uint8) uint16 { return uint16(typ)<<8 | uint16(code) }

const anywhere, anywhere6 = "0.0.0.0/0", "::/0"

// ruleRow is a single rule, and whether both kinds of filter take it to be about a packet that arrives.
type ruleRow struct {
	rule Rule
	d    datagram
	want bool
}

func checkRules(t *testing.T, rows map[string]ruleRow) {
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			p := row.d.packet(t)
			groups, acl := NewSecurityGroups([]Rule{row.rule}, nil), NewNetworkACL("acl-1", []Rule{row.rule}, nil)
			if v, _ := groups.Ingress(p); (v != Denied) != row.want {
				t.Errorf("security group: %d, want a match: %v", v, row.want)
			}
			if allowed, _ := acl.Ingress(p); allowed != row.want {
				t.Errorf("network ACL: %v, want %v", allowed, row.want)
			}
		})
	}
}

// TestProtocolsAndPorts is aws-semantics 6.1 and 7: a protocol by its number or any; destination ports of TCP and UDP.
func TestProtocolsAndPorts(t *testing.T) {
	checkRules(t, map[string]ruleRow{
		"a port at the lower end of the range":            {tcp(80, 90, anywhere), from(them, packet.TCP, 80), true},
		"a port at the upper end of the range":            {tcp(80, 90, anywhere), from(them, packet.TCP, 90), true},
		"a port below the range":                          {tcp(80, 90, anywhere), from(them, packet.TCP, 79), false},
		"a port above the range":                          {tcp(80, 90, anywhere), from(them, packet.TCP, 91), false},
		"the highest port":                                {tcp(65535, 65535, anywhere), from(them, packet.TCP, 65535), true},
		"ports the wrong way round are none":              {tcp(90, 80, anywhere), from(them, packet.TCP, 85), false},
		"a TCP rule does not match UDP":                   {tcp(53, 53, anywhere), from(them, packet.UDP, 53), false},
		"a TCP rule for all ports does not match UDP":     {tcp(0, 65535, anywhere), from(them, packet.UDP, 53), false},
		"a TCP rule for all ports does not match ICMP":    {tcp(0, 65535, anywhere), from(them, packet.ICMP, message(8, 0)), false},
		"a UDP rule matches UDP":                          {udp(53, 53, anywhere), from(them, packet.UDP, 53), true},
		"a rule for all protocols matches ICMP":           {all(anywhere), from(them, packet.ICMP, message(8, 0)), true},
		"a rule for all protocols matches any number":     {all(anywhere), from(them, 255, 0), true},
		"a rule for all protocols has no ports":           {rule(Any, 80, 80, anywhere), from(them, packet.TCP, 443), true},
		"a protocol by its number":                        {rule(47, 0, 0, anywhere), from(them, 47, 1234), true},
		"a protocol by its number does not match another": {rule(47, 0, 0, anywhere), from(them, 50, 1234), false},
		"protocol 0 is a protocol like others":            {rule(0, 0, 0, anywhere), from(them, packet.TCP, 0), false},
		"a number that is no protocol":                    {rule(256, 0, 0, anywhere), from(them, 0, 0), false},
	})
}

// TestICMPTypes is aws-semantics 6.1 and 7: ICMP by type and code, -1 for all.
func TestICMPTypes(t *testing.T) {
	checkRules(t, map[string]ruleRow{
		"type 8 is an echo request":                           {icmp(1, 8, Any, anywhere), from(them, packet.ICMP, message(8, 0)), true},
		"type 8 is not an echo reply":                         {icmp(1, 8, Any, anywhere), from(them, packet.ICMP, message(0, 0)), false},
		"type 0 is an echo reply":                             {icmp(1, 0, 0, anywhere), from(them, packet.ICMP, message(0, 0)), true},
		"type 3 code 4 tells the path's MTU":                  {icmp(1, 3, 4, anywhere), from(them, packet.ICMP, message(3, 4)), true},
		"type 3 code 4 is not code 3":                         {icmp(1, 3, 4, anywhere), from(them, packet.ICMP, message(3, 3)), false},
		"type 3 without a code is every code":                 {icmp(1, 3, Any, anywhere), from(them, packet.ICMP, message(3, 255)), true},
		"type 3 without a code is not type 4":                 {icmp(1, 3, Any, anywhere), from(them, packet.ICMP, message(4, 0)), false},
		"type 11 code 0 lets traceroute see":                  {icmp(1, 11, 0, anywhere), from(them, packet.ICMP, message(11, 0)), true},
		"any type is every type":                              {icmp(1, Any, Any, anywhere), from(them, packet.ICMP, message(255, 255)), true},
		"with any type the code means nothing":                {icmp(1, Any, 4, anywhere), from(them, packet.ICMP, message(8, 0)), true},
		"a type that does not exist":                          {icmp(1, 256, Any, anywhere), from(them, packet.ICMP, message(0, 0)), false},
		"an ICMP rule does not read ports":                    {icmp(1, 0, 80, anywhere), from(them, packet.TCP, 80), false},
		"ICMPv6 2/0 tells the path's MTU":                     {icmp(58, 2, 0, anywhere6), from(them6, packet.ICMPv6, message(2, 0)), true},
		"an ICMP rule does not match ICMPv6":                  {icmp(1, Any, Any, anywhere, anywhere6), from(them6, packet.ICMPv6, message(2, 0)), false},
		"an ICMPv6 rule does not match ICMP":                  {icmp(58, Any, Any, anywhere, anywhere6), from(them, packet.ICMP, message(8, 0)), false},
		"an ICMP rule does not match protocol 1 over IPv6":    {icmp(1, Any, Any, anywhere, anywhere6), from(them6, packet.ICMP, message(8, 0)), false},
		"an ICMPv6 rule does not match protocol 58 over IPv4": {icmp(58, Any, Any, anywhere, anywhere6), from(them, packet.ICMPv6, message(2, 0)), false},
	})
}

// TestFragments is aws-semantics 7: without port information only rules without limits match.
func TestFragments(t *testing.T) {
	checkRules(t, map[string]ruleRow{
		"a later fragment matches a rule for all ports":           {tcp(0, 65535, anywhere), from(them, packet.TCP, 0).fragmented(laterFragment), true},
		"a later fragment does not match limited ports":           {tcp(0, 65534, anywhere), from(them, packet.TCP, 0).fragmented(laterFragment), false},
		"a later fragment does not match all ports but 0":         {tcp(1, 65535, anywhere), from(them, packet.TCP, 80).fragmented(laterFragment), false},
		"a later fragment matches any type":                       {icmp(1, Any, Any, anywhere), from(them, packet.ICMP, 0).fragmented(laterFragment), true},
		"a later fragment does not match a type":                  {icmp(1, 0, Any, anywhere), from(them, packet.ICMP, 0).fragmented(laterFragment), false},
		"a later fragment matches its protocol's number":          {rule(47, 0, 0, anywhere), from(them, 47, 0).fragmented(laterFragment), true},
		"a later fragment matches all protocols":                  {all(anywhere), from(them, packet.UDP, 0).fragmented(laterFragment), true},
		"a first fragment has ports":                              {tcp(80, 80, anywhere), from(them, packet.TCP, 80).fragmented(firstFragment), true},
		"a later fragment over IPv6 does not match limited ports": {udp(0, 80, anywhere6), from(them6, packet.UDP, 0).fragmented(laterFragment), false},
	})
}

// TestOtherSide is who may be at the other side of a rule.
func TestOtherSide(t *testing.T) {
	checkRules(t, map[string]ruleRow{
		"an address in the prefix":                                    {all("198.51.100.0/24"), from(them, packet.TCP, 80), true},
		"an address beyond the prefix":                                {all("198.51.101.0/24"), from(them, packet.TCP, 80), false},
		"an address that is one of several":                           {all("10.0.0.0/8", "198.51.100.7/32", "203.0.113.0/24"), from(them, packet.TCP, 80), true},
		"an address between several":                                  {all("10.0.0.0/8", "198.51.100.6/32", "198.51.100.8/32"), from(them, packet.TCP, 80), false},
		"an address of IPv6":                                          {all("2001:db8:1::/48"), from(them6, packet.TCP, 80), true},
		"all of IPv4 is nothing of IPv6":                              {all(anywhere), from(them6, packet.TCP, 80), false},
		"all of IPv6 is nothing of IPv4":                              {all(anywhere6), from(them, packet.TCP, 80), false},
		"an IPv6 address with an IPv4 one inside is one of IPv6":      {all(anywhere6), from("::ffff:198.51.100.7", packet.TCP, 80), true},
		"an IPv6 address with an IPv4 one inside is not the IPv4 one": {all("198.51.100.7/32"), from("::ffff:198.51.100.7", packet.TCP, 80), false},
		"a rule without peers, as a group without members is":         {all(), from(them, packet.TCP, 80), false},
		"it is the other side's address that counts":                  {all(us + "/32"), from(them, packet.TCP, 80), false},
	})
}
