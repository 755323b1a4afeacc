package pcapfilter

import (
	"strconv"

	"vpcsim/dataplane/packet"
)

// precedence of the operators of arithmetic; those of one line bind alike, from left to right.
var precedence = map[string]int{
	"|": 1, "&": 1, "^": 1,
	"<<": 2, ">>": 2,
	"+": 3, "-": 3,
	"*": 4, "/": 4, "%": 4,
}

// headers are the headers whose bytes can be asked for.
var headers = map[string]layer{
	"ip": {family: 4}, "ip6": {family: 6},
	"tcp": {transport: true, protocol: packet.TCP}, "udp": {transport: true, protocol: packet.UDP}, "sctp": {transport: true, protocol: sctp},
	"icmp": {transport: true, protocol: packet.ICMP}, "icmp6": {transport: true, protocol: packet.ICMPv6},
}

// constants are the names that pcap-filter(7) has for offsets and values.
var constants = map[string]uint32{
	"tcpflags": 13, "icmptype": 0, "icmpcode": 1, "icmp6type": 0, "icmp6code": 1,
	"tcp-fin": packet.FIN, "tcp-syn": packet.SYN, "tcp-rst": packet.RST, "tcp-push": packet.PSH, "tcp-ack": packet.ACK, "tcp-urg": packet.URG,
	"tcp-ece": packet.ECE, "tcp-cwr": packet.CWR,
	"icmp-echoreply": packet.ICMPEchoReply, "icmp-unreach": packet.ICMPDestinationUnreachable, "icmp-sourcequench": packet.ICMPSourceQuench,
	"icmp-redirect": packet.ICMPRedirect, "icmp-echo": packet.ICMPEchoRequest, "icmp-timxceed": packet.ICMPTimeExceeded,
	"icmp-paramprob": packet.ICMPParameterProblem,
	"icmp6-echo":     packet.ICMPv6EchoRequest, "icmp6-echoreply": packet.ICMPv6EchoReply, "icmp6-packettoobig": packet.ICMPv6PacketTooBig,
	"icmp6-destinationunreach": packet.ICMPv6DestinationUnreachable, "icmp6-timeexceeded": packet.ICMPv6TimeExceeded,
}

// comparison is two values with a relation between them.
func (p *parser) comparison() (test, error) {
	a, err := p.value(1)
	if err != nil {
		return test{}, err
	}
	token := p.nextNumber()
	r, ok := relations[token]
	if !ok {
		return test{}, p.wrong(token, "must be one of = != < <= > >=")
	}
	b, err := p.value(1)
	return test{kind: isRelation, relation: r, a: a, b: b}, err
}

// value is operands with operators between them that bind at least as strongly as binding.
func (p *parser) value(binding int) (*value, error) {
	left, err := p.operand()
	for err == nil {
		op := p.peekNumber()
		n := precedence[op]
		if n < binding { // not an operator, too
			return left, nil
		}
		p.nextNumber()
		var right *value
		right, err = p.value(n + 1)
		left = &value{op: op[0], a: left, b: right}
	}
	return nil, err
}

// operand is a number, the packet's length, bytes of it, or a value in brackets.
func (p *parser) operand() (*value, error) {
	if err := p.deeper(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	token := p.nextNumber()
	if l, ok := headers[token]; ok {
		return p.accessor(l)
	}
	if n, ok := constants[token]; ok {
		return &value{op: 'n', number: n}, nil
	}
	switch token {
	case "len":
		return &value{op: 'l'}, nil
	case "(":
		v, err := p.value(1)
		if err != nil {
			return nil, err
		}
		return v, p.expect(")")
	}
	n, err := strconv.ParseUint(token, 0, 32)
	if err != nil {
		return nil, p.wrong(token, "must be a number, len, a name such as tcp-syn, or bytes such as tcp[13]")
	}
	return &value{op: 'n', number: uint32(n)}, nil
}

// accessor is what follows the name of a header: [offset] or [offset:size].
func (p *parser) accessor(l layer) (*value, error) {
	if err := p.expect("["); err != nil {
		return nil, err
	}
	offset, err := p.value(1)
	if err != nil {
		return nil, err
	}
	v := &value{op: '[', from: l, size: 1, a: offset}
	if p.peekNumber() == ":" {
		p.nextNumber()
		switch token := p.nextNumber(); token {
		case "1", "2", "4":
			v.size = int(token[0] - '0')
		default:
			return nil, p.wrong(token, "the size must be 1, 2 or 4")
		}
	}
	return v, p.expect("]")
}

func (p *parser) expect(want string) error {
	if token := p.nextNumber(); token != want {
		return p.wrong(token, "must be "+want)
	}
	return nil
}
