package pcapfilter

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"vpcsim/dataplane/packet"
)

// qualifiers are the words before an id: tcp dst port.
type qualifiers struct {
	family, protocol uint8  // of ip, ip6, or of tcp and the like; 0 where not said
	ends             ends   // of src, dst
	what             string // host, net, port, portrange or proto; "" where not said
}

// protocols are the names that stand for one, with the family where it is of one only.
var protocols = map[string]qualifiers{
	"ip": {family: 4}, "ip6": {family: 6},
	"tcp": {protocol: packet.TCP}, "udp": {protocol: packet.UDP}, "sctp": {protocol: sctp},
	"icmp": {family: 4, protocol: packet.ICMP}, "icmp6": {family: 6, protocol: packet.ICMPv6},
	"igmp": {family: 4, protocol: 2}, "ah": {protocol: 51}, "esp": {protocol: 50}, "pim": {protocol: 103}, "vrrp": {protocol: 112},
}

// services are the names of ports that are worth knowing here.
var services = map[string]uint16{"ssh": 22, "smtp": 25, "domain": 53, "http": 80, "ntp": 123, "https": 443}

// absent are words of pcap-filter(7) about what datagrams have not.
var absent = []string{"ether", "arp", "rarp", "vlan", "mpls", "pppoed", "pppoes", "gateway", "broadcast", "inbound", "outbound", "wlan", "link", "ppp", "ifname", "on"}

// primitive is one test.
func (p *parser) primitive() (test, error) {
	start := p.at
	q := p.qualifiers()
	switch token := p.peek(); {
	case token == "[" && p.at != start, token == "len": // tcp[13] & 2 != 0
		p.at = start
		return p.comparison()
	case token == "less", token == "greater":
		return p.length()
	case token == "multicast":
		p.next()
		return test{kind: isMulticast, family: q.family}, nil
	case q == (qualifiers{}) && isDigits(token) && p.comparesNext():
		return p.comparison()
	case q.what == "" && q.ends == either && p.at != start && endsPrimitive(token):
		return q.named(), nil
	case q == (qualifiers{}):
		q = p.last
	}
	p.last = q
	return p.identified(q)
}

// endsPrimitive says whether a token ends a primitive.
func endsPrimitive(token string) bool {
	switch token {
	case "", ")", "and", "or", "&&", "||":
		return true
	}
	return false
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789abcdefABCDEFx") == "" && isDigit(s[0])
}

// comparesNext says whether the number that comes next is part of a comparison.
func (p *parser) comparesNext() bool {
	at := p.at
	p.nextNumber()
	token := p.nextNumber()
	p.at = at
	_, compares := relations[token]
	return compares || precedence[token] > 0
}

// qualifiers reads the words before an id.
func (p *parser) qualifiers() (q qualifiers) {
	if named, ok := protocols[p.peek()]; ok {
		p.next()
		q = named
	}
	switch p.peek() {
	case "src":
		p.next()
		q.ends = p.orDst()
	case "dst":
		p.next()
		q.ends = destination
	}
	switch p.peek() {
	case "host", "net", "port", "portrange", "proto":
		q.what = p.next()
	}
	return q
}

// orDst is what may follow src: "or dst", "and dst".
func (p *parser) orDst() ends {
	at := p.at
	join := p.next()
	if (join == "or" || join == "and") && p.next() == "dst" {
		if join == "or" {
			return either
		}
		return both
	}
	p.at = at
	return source
}

// named is the test that a protocol's name alone is.
func (q qualifiers) named() test {
	if q.protocol == 0 {
		return test{kind: isFamily, family: q.family}
	}
	return test{kind: isProtocol, family: q.family, protocol: q.protocol}
}

// length is less or greater with a number; both include it.
func (p *parser) length() (test, error) {
	r := lessOrEqual
	if p.next() == "greater" {
		r = greaterOrEqual
	}
	token := p.next()
	n, err := strconv.ParseUint(token, 0, 32)
	if err != nil {
		return test{}, p.wrong(token, "must be a length in bytes")
	}
	return test{kind: isRelation, relation: r, a: &value{op: 'l'}, b: &value{op: 'n', number: uint32(n)}}, nil
}

// identified reads the id that qualifiers are about.
func (p *parser) identified(q qualifiers) (t test, err error) {
	token := p.next()
	switch {
	case slices.Contains(absent, token):
		return t, p.wrong(token, "datagrams in a VPC have no such thing")
	case endsPrimitive(token):
		return t, p.wrong(token, "an address, network, port or protocol must come first")
	}
	switch q.what {
	case "port", "portrange":
		t, err = q.port(token)
	case "proto":
		t, err = q.proto(token)
	case "net":
		t, err = p.network(q, token)
	default:
		t, err = q.host(token)
	}
	if err != nil {
		err = p.wrong(token, err.Error())
	}
	return t, err
}

func (q qualifiers) port(token string) (t test, err error) {
	if q.protocol != 0 && q.protocol != packet.TCP && q.protocol != packet.UDP && q.protocol != sctp {
		return t, fmt.Errorf("only tcp, udp and sctp have ports")
	}
	t = test{kind: isPort, family: q.family, protocol: q.protocol, ends: q.ends}
	first, last := token, token
	if q.what == "portrange" {
		var ok bool
		if first, last, ok = strings.Cut(token, "-"); !ok {
			return t, fmt.Errorf("must be two ports, such as 6000-6008")
		}
	}
	if t.low, err = portNumber(first); err == nil {
		t.high, err = portNumber(last)
	}
	if t.low > t.high {
		t.low, t.high = t.high, t.low // as libpcap does
	}
	return t, err
}

func portNumber(s string) (uint16, error) {
	if n, ok := services[s]; ok {
		return n, nil
	}
	n, err := strconv.ParseUint(s, 0, 16)
	if err != nil {
		return 0, fmt.Errorf("must be a port from 0 to 65535")
	}
	return uint16(n), nil
}

func (q qualifiers) proto(token string) (t test, err error) {
	if q.protocol != 0 || q.ends != either {
		return t, fmt.Errorf("only ip and ip6 may stand before proto")
	}
	token = strings.TrimPrefix(token, `\`)
	t = test{kind: isProtocol, family: q.family}
	if named, ok := protocols[token]; ok && named.protocol != 0 {
		t.protocol = named.protocol
		return t, nil
	}
	n, err := strconv.ParseUint(token, 0, 8)
	if err != nil {
		return t, fmt.Errorf("must be a protocol: a name such as tcp, or a number from 0 to 255")
	}
	t.protocol = uint8(n)
	return t, nil
}

func (q qualifiers) host(token string) (t test, err error) {
	a, err := netip.ParseAddr(token)
	if err != nil || a.Zone() != "" {
		return t, fmt.Errorf("must be an IP address: names are not looked up")
	}
	return q.address(netip.PrefixFrom(a, a.BitLen()))
}

// address is the test of one or both addresses.
func (q qualifiers) address(n netip.Prefix) (t test, err error) {
	switch {
	case q.protocol != 0:
		return t, fmt.Errorf("only ip and ip6 may stand before an address: write tcp and host …")
	case n.Addr().Is4In6():
		return t, fmt.Errorf("must be an IPv4 or an IPv6 address, not one within the other")
	case q.family == 4 && n.Addr().Is6(), q.family == 6 && n.Addr().Is4():
		return t, fmt.Errorf("is of the other family")
	}
	return test{kind: isAddress, ends: q.ends, prefix: n}, nil
}
