package pcapfilter

import "vpcsim/dataplane/packet"

// relation compares two values.
type relation uint8

const (
	equal relation = iota
	unequal
	less
	lessOrEqual
	greater
	greaterOrEqual
)

var relations = map[string]relation{"=": equal, "==": equal, "!=": unequal, "<": less, "<=": lessOrEqual, ">": greater, ">=": greaterOrEqual}

// value is a node of an arithmetic expression, in numbers of 32 bits without sign.
type value struct {
	op     byte   // one of + - * / % & | ^ and, doubled, < and >; or n, l, [
	number uint32 // of n
	from   layer  // of [: where the bytes are
	size   int    // of [: 1, 2 or 4
	a, b   *value // operands; of [ a is the offset
}

// layer is where an accessor counts from.
type layer struct {
	family    uint8 // of the header itself: ip[…], ip6[…]; or 0
	protocol  uint8 // of the transport; or 0
	transport bool
}

// is says whether the packet has the layer. A later fragment has no transport header.
func (l layer) is(p *packet.Packet) bool {
	switch {
	case l.transport && (p.Protocol != l.protocol || p.LaterFragment()):
		return false
	case l.transport && l.protocol == packet.ICMP:
		return p.Src.Is4()
	case l.transport && l.protocol == packet.ICMPv6:
		return !p.Src.Is4()
	}
	return l.family == 0 || p.Src.Is4() == (l.family == 4)
}

// compare is a relation between two values. It is false of a packet that has not all the layers that they speak of.
func (t *test) compare(m *matching) bool {
	if !t.a.layered(m.p) || !t.b.layered(m.p) {
		return false
	}
	a, b := t.a.number32(m), t.b.number32(m)
	switch t.relation {
	case equal:
		return a == b
	case unequal:
		return a != b
	case less:
		return a < b
	case lessOrEqual:
		return a <= b
	case greater:
		return a > b
	}
	return a >= b
}

// layered says whether the packet has all the layers that the value speaks of.
func (v *value) layered(p *packet.Packet) bool {
	if v == nil {
		return true
	}
	return (v.op != '[' || v.from.is(p)) && v.a.layered(p) && v.b.layered(p)
}

func (v *value) number32(m *matching) uint32 {
	switch v.op {
	case 'n':
		return v.number
	case 'l':
		return uint32(m.p.WireLen())
	case '[':
		return v.load(m)
	}
	a, b := v.a.number32(m), v.b.number32(m)
	switch v.op {
	case '+':
		return a + b
	case '-':
		return a - b
	case '*':
		return a * b
	case '&':
		return a & b
	case '|':
		return a | b
	case '^':
		return a ^ b
	case '<':
		return a << b
	case '>':
		return a >> b
	}
	if b == 0 {
		m.failed = true
		return 0
	}
	if v.op == '/' {
		return a / b
	}
	return a % b
}

// load reads one, two or four bytes.
func (v *value) load(m *matching) (n uint32) {
	b, offset := m.p.Bytes(), uint64(v.a.number32(m))
	if v.from.transport {
		b = m.p.Transport()
	}
	if offset+uint64(v.size) > uint64(len(b)) {
		m.failed = true
		return 0
	}
	for _, x := range b[offset : offset+uint64(v.size)] {
		n = n<<8 | uint32(x)
	}
	return n
}
