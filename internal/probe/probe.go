// Package probe answers what-if questions: what would become of a packet, and of the answer to it. It turns the words of a user
// (an instance's name, an S3 host name, internet:192.0.2.1) into a packet, lets the data plane itself trace it
// ([dataplane.Snapshot.Trace]), and turns the trace into the object that `vpcsim trace --json` prints.
//
// The simulated internet consists of the hosts that a topology declares. A probe does not ask whether such a host exists: a
// packet that has left a VPC by its internet gateway counts as delivered at "internet", and internet:ADDRESS may send from
// any address that no VPC owns.
//
// A packet that a filter or a check refuses is dropped, and yet followed to its end, as is the answer to it, so that all that blocks the
// two is told at once.
//
// Whatever a packet reaches answers it, the internet and instances included, unless it is known not to (farend.go): then the
// packet is delivered, and the answer is one that is not given.
//
// A probe is IPv6 where one of its ends is written as an IPv6 address; names then stand for the IPv6 addresses of their things, and
// icmp is ICMPv6. Otherwise all is IPv4.
package probe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strconv"

	"vpcsim/dataplane"
	"vpcsim/dataplane/packet"
	"vpcsim/topology"
	"vpcsim/topology/compile"
)

// Query is one question, as written on a line of `vpcsim trace --batch`: see [ParseQuery].
type Query struct {
	ID         json.RawMessage `json:"id,omitempty"` // repeated in the answer as it is
	From       string          `json:"from"`         // ENI id, instance, internet host, private address, or internet:ADDRESS
	To         string          `json:"to"`           // address, or the name of an instance, a NAT gateway, an internet host or S3
	Protocol   Protocol        `json:"protocol"`
	Port       uint16          `json:"port,omitempty"`        // destination port of TCP and UDP
	SourcePort uint16          `json:"source_port,omitempty"` // of TCP and UDP; the identifier of an ICMP echo; 0 means 49152
	Size       int             `json:"size,omitempty"`        // of the datagram in bytes, which is then not to be fragmented; 0 for the smallest
	TTL        uint8           `json:"ttl,omitempty"`         // 0 means 64
	Connection Connection      `json:"ct,omitempty"`
}

// defaultSourcePort is the first of the dynamic ports (RFC 6335 6).
const defaultSourcePort = 49152

// Protocol is an IP protocol, written tcp, udp, icmp or as a number.
type Protocol string

// UnmarshalJSON takes text and numbers.
func (p *Protocol) UnmarshalJSON(b []byte) error {
	*p = Protocol(bytes.Trim(b, `"`))
	_, err := p.number()
	return err
}

func (p Protocol) number() (uint8, error) {
	switch p {
	case "tcp":
		return packet.TCP, nil
	case "udp":
		return packet.UDP, nil
	case "icmp":
		return packet.ICMP, nil
	}
	n, err := strconv.ParseUint(string(p), 10, 8)
	if err != nil {
		return 0, fmt.Errorf("protocol %q: must be tcp, udp, icmp or a number from 0 to 255", string(p))
	}
	return uint8(n), nil
}

// Tracer traces under one snapshot. It changes nothing, so any number of goroutines may use it.
type Tracer struct {
	Network  *topology.Network
	Names    *compile.Names      // of Network
	Snapshot *dataplane.Snapshot // compiled from Network, and committed or prepared
	Flows    *dataplane.Router   // whose flow state counts; nil for a VPC in which nothing is open
	// Pristine returns a tracer of the same network in which nothing is open; nil if this is one.
	Pristine func() (*Tracer, error)
}

// New returns a Tracer of a network that nothing runs in.
func New(n *topology.Network) (*Tracer, error) {
	s, _, err := compile.Snapshot(n, nil)
	if err != nil {
		return nil, err
	}
	return &Tracer{Network: n, Names: compile.NewNames(n), Snapshot: dataplane.Prepare(s)}, nil
}

// Trace answers a question. An error says what is wrong with the question.
func (t *Tracer) Trace(q Query) (*Answer, error) {
	protocol, err := q.check()
	if err != nil {
		return nil, err
	}
	if q.Connection == NewConnection && t.Pristine != nil {
		if t, err = t.Pristine(); err != nil {
			return nil, err
		}
	}
	f := familyOf(q.From, q.To)
	from, source, err := t.from(q.From, f)
	if err != nil {
		return nil, fmt.Errorf("from: %w", err)
	}
	to, err := t.to(q.To, f, from)
	if err != nil {
		return nil, fmt.Errorf("to: %w", err)
	}
	if protocol, err = f.protocol(protocol); err != nil {
		return nil, err
	}
	out := flow{protocol: protocol, src: netip.AddrPortFrom(source, q.SourcePort), dst: netip.AddrPortFrom(to, q.Port), size: q.Size, ttl: q.TTL}
	if q.Size != 0 && out.headers() > q.Size {
		return nil, fmt.Errorf("size %d: the headers alone are %d bytes", q.Size, out.headers())
	}
	c := t.connection(from, out, q.Connection)
	forward, p, at := c.ask(from, out)
	forward.ID, forward.From, forward.To, forward.Protocol, forward.Port = q.ID, q.From, q.To, q.Protocol, q.Port
	if at != nil {
		forward.Return = c.reply(at, p, out)
		forward.Return.From, forward.Return.To, forward.Return.Protocol = q.To, q.From, q.Protocol
		forward.adopt()
	}
	return forward, nil
}

// check fills in the defaults and returns the protocol's number.
func (q *Query) check() (uint8, error) {
	protocol, err := q.Protocol.number()
	switch {
	case q.From == "":
		return 0, errors.New("from is missing")
	case q.To == "":
		return 0, errors.New("to is missing")
	case q.Protocol == "":
		return 0, errors.New("protocol is missing: tcp, udp, icmp or a number")
	case err != nil:
		return 0, err
	case q.Size < 0 || q.Size > largest:
		return 0, fmt.Errorf("size %d: a datagram of an instance has up to %d bytes, its headers included", q.Size, largest)
	}
	if err := q.Connection.check(); err != nil {
		return 0, err
	}
	if f := (flow{protocol: protocol}); !f.hasPorts() {
		q.Port = 0
	} else if q.Port == 0 {
		return 0, fmt.Errorf("port is missing: %s has ports from 1 to 65535", q.Protocol)
	}
	if q.SourcePort == 0 {
		q.SourcePort = defaultSourcePort
	}
	return protocol, nil
}
