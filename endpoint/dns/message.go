package dns

import (
	"encoding/binary"

	"golang.org/x/net/dns/dnsmessage"
)

// For how many seconds an answer may be kept. AWS promises nothing; S3's are short, as they rotate over many addresses.
const (
	s3TTL       = 5
	hostTTL     = 60
	negativeTTL = 60
)

// How long a message may be, in bytes. Over UDP it is the asker's word, or what it was before there was one, but never so much that
// a datagram would be cut in pieces (RFC 1035 4.2.1, RFC 6891 6.2.3; DNS flag day 2020).
const (
	headerLen  = 12
	minUDP     = 512
	maxUDP     = 1232
	maxMessage = 65535
)

// The numbers that dnsmessage has no names for.
const (
	badVersion = dnsmessage.RCode(16) // RFC 6891 9
	typeIXFR   = dnsmessage.Type(251)
	rootName   = "."
)

// query is what a message asks.
type query struct {
	header   dnsmessage.Header
	question dnsmessage.Question // if there is one
	asked    bool                // there is
	edns     bool
	size     int // of the largest datagram that the asker takes
	dnssec   bool
	refusal  dnsmessage.RCode // Success if it can be answered
}

// Answer returns the answer to a message, which may be anything, or nil if there is to be none. Over UDP it is cut to what the
// asker takes, with the word to come again over TCP. Turn decides which of several addresses comes first.
func (v *View) Answer(message []byte, udp bool, turn uint32) []byte {
	if len(message) < headerLen {
		return nil
	}
	q, ok := parse(message)
	if !ok {
		return nil
	}
	limit := maxMessage
	if udp {
		limit = min(max(q.size, minUDP), maxUDP)
	}
	r := reply{query: q, rcode: q.refusal}
	if q.refusal == dnsmessage.RCodeSuccess {
		r.resolve(v, turn)
	}
	out, err := r.pack()
	if err == nil && len(out) > limit {
		r.truncated, r.records = true, nil
		out, err = r.pack()
	}
	if err != nil {
		return nil
	}
	return out
}

// parse reads a message. It reports false for what no answer is due to: an answer.
func parse(message []byte) (q query, ok bool) {
	var p dnsmessage.Parser
	var err error
	if q.header, err = p.Start(message); err != nil || q.header.Response {
		return q, false
	}
	q.refusal = q.read(&p, binary.BigEndian.Uint16(message[4:]))
	return q, true
}

// read reads what follows the header, and says why it cannot be answered.
func (q *query) read(p *dnsmessage.Parser, questions uint16) dnsmessage.RCode {
	if q.header.OpCode != 0 {
		return dnsmessage.RCodeNotImplemented
	}
	var err error
	if q.question, err = p.Question(); err != nil || questions != 1 {
		return dnsmessage.RCodeFormatError
	}
	q.asked = true
	if p.SkipAllQuestions() != nil || p.SkipAllAnswers() != nil || p.SkipAllAuthorities() != nil {
		return dnsmessage.RCodeFormatError
	}
	if rcode := q.extensions(p); rcode != dnsmessage.RCodeSuccess {
		return rcode
	}
	switch q.question.Type {
	case dnsmessage.TypeAXFR, typeIXFR:
		return dnsmessage.RCodeRefused
	}
	if q.question.Class != dnsmessage.ClassINET && q.question.Class != dnsmessage.ClassANY {
		return dnsmessage.RCodeRefused
	}
	return dnsmessage.RCodeSuccess
}

// extensions reads the additional section, of which EDNS(0) is all that matters (RFC 6891 6.1).
func (q *query) extensions(p *dnsmessage.Parser) dnsmessage.RCode {
	rcode := dnsmessage.RCodeSuccess
	for {
		h, err := p.AdditionalHeader()
		if err == dnsmessage.ErrSectionDone {
			return rcode
		}
		if err != nil || h.Type == dnsmessage.TypeOPT && (q.edns || h.Name.String() != rootName) {
			return dnsmessage.RCodeFormatError
		}
		if h.Type == dnsmessage.TypeOPT {
			q.edns, q.size, q.dnssec = true, int(h.Class), h.DNSSECAllowed()
			if h.TTL>>16&0xff != 0 {
				rcode = badVersion
			}
		}
		if p.SkipAdditional() != nil {
			return dnsmessage.RCodeFormatError
		}
	}
}

// reply is an answer in the making.
type reply struct {
	query
	rcode     dnsmessage.RCode
	records   []dnsmessage.Resource
	negative  bool // there is no such name, or none of such a type: for how long that holds is said
	truncated bool
}

// resolve finds the records that are asked for.
func (r *reply) resolve(v *View, turn uint32) {
	name, t := canonical(r.question.Name.String()), r.question.Type
	addresses, ttl, there := v.lookup(name)
	any := t == dnsmessage.TypeALL
	for i := range addresses {
		a := addresses[(i+int(turn%uint32(len(addresses))))%len(addresses)]
		if a.Is4() && (any || t == dnsmessage.TypeA) {
			r.add(ttl, &dnsmessage.AResource{A: a.As4()})
		} else if a.Is6() && (any || t == dnsmessage.TypeAAAA) {
			r.add(ttl, &dnsmessage.AAAAResource{AAAA: a.As16()})
		}
	}
	if a, ok := reverseAddress(name); ok {
		if name, known := v.Reverse(a); known {
			there = true
			r.pointer(name, any || t == dnsmessage.TypePTR)
		}
	}
	if !there {
		r.rcode = dnsmessage.RCodeNameError
	}
	r.negative = len(r.records) == 0
}

// pointer adds the name of an address, if that is asked for.
func (r *reply) pointer(name string, asked bool) {
	if n, err := dnsmessage.NewName(name + "."); err == nil && asked {
		r.add(hostTTL, &dnsmessage.PTRResource{PTR: n})
	}
}

func (r *reply) add(ttl uint32, body dnsmessage.ResourceBody) {
	h := dnsmessage.ResourceHeader{Name: r.question.Name, Class: dnsmessage.ClassINET, TTL: ttl}
	r.records = append(r.records, dnsmessage.Resource{Header: h, Body: body})
}

// pack returns the message. The question comes back as it was asked, letter by letter.
func (r *reply) pack() ([]byte, error) {
	m := dnsmessage.Message{
		Header: dnsmessage.Header{
			ID: r.header.ID, Response: true, OpCode: r.header.OpCode, Truncated: r.truncated,
			RecursionDesired: r.header.RecursionDesired, RecursionAvailable: true, RCode: r.rcode & 0xf,
		},
		Answers: r.records,
	}
	if r.asked {
		m.Questions = []dnsmessage.Question{r.question}
	}
	if r.negative {
		m.Authorities = []dnsmessage.Resource{nothing()}
	}
	if r.edns {
		var h dnsmessage.ResourceHeader
		if err := h.SetEDNS0(maxUDP, r.rcode, r.dnssec); err != nil {
			return nil, err
		}
		m.Additionals = []dnsmessage.Resource{{Header: h, Body: &dnsmessage.OPTResource{}}}
	}
	return m.Pack()
}

// nothing is the record by which it is said for how long there is nothing (RFC 2308 5). All that is known here is one tree, whose
// root it belongs to.
func nothing() dnsmessage.Resource {
	root := dnsmessage.MustNewName(rootName)
	return dnsmessage.Resource{
		Header: dnsmessage.ResourceHeader{Name: root, Class: dnsmessage.ClassINET, TTL: negativeTTL},
		Body:   &dnsmessage.SOAResource{NS: root, MBox: root, Serial: 1, Refresh: negativeTTL, Retry: negativeTTL, Expire: negativeTTL, MinTTL: negativeTTL},
	}
}
