// Package probe answers what-if questions: what would become of a packet, and of the answer to it. It turns the words of a user
// (an instance's name, an S3 host name, internet:192.0.2.1) into a packet, lets the data plane itself trace it
// ([dataplane.Snapshot.Trace]), and turns the trace into the object that `vpcsim trace --json` prints.
//
// The simulated internet consists of the hosts that a topology declares. A probe does not ask whether such a host exists: a
// packet that has left a VPC by its internet gateway counts as delivered at "internet", and internet:ADDRESS may send from
// any address that no VPC owns.
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
	"slices"
	"strconv"
	"strings"

	"vpcsim/dataplane"
	"vpcsim/dataplane/drop"
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

// The verdicts.
const (
	Delivered = "delivered"
	Dropped   = "dropped"
)

// Answer is what became of a probe. Its field names are a contract.
type Answer struct {
	ID       json.RawMessage `json:"id,omitempty"`
	From     string          `json:"from"`
	To       string          `json:"to"`
	Protocol Protocol        `json:"protocol"`
	Port     uint16          `json:"port"`

	Verdict string `json:"verdict"` // delivered or dropped
	Reason  string `json:"reason"`  // why it was dropped: drop.Reason
	By      string `json:"by"`      // id of what dropped it
	Where   string `json:"where"`   // id of where it ended: the interface or edge it was delivered to, or what dropped it

	SourceAtDestination   string `json:"source_at_destination"`     // what the receiver sees; empty if dropped
	DestinationAtDelivery string `json:"destination_at_delivery"`   // empty if dropped
	TTLAtDelivery         int    `json:"ttl_at_delivery,omitempty"` // of a packet that began with 64; absent if dropped

	Hops   []string `json:"hops"` // ids, in order, without repetition
	Steps  []Step   `json:"steps"`
	Return *Answer  `json:"return,omitempty"` // what becomes of the receiver's answer; absent if there is no receiver
}

// Step is one decision about the packet.
type Step struct {
	Stage string `json:"stage"`
	Where string `json:"where"`
	Rule  string `json:"rule"`
	Src   string `json:"src"`
	Dst   string `json:"dst"`
	Drop  string `json:"drop"`
}

// Unanswered reports whether this stands for an answer that is not given: the packet arrived where nothing answers it.
func (a *Answer) Unanswered() bool { return a.Reason == drop.NoAnswer.String() }

// Both reports whether the probe and the answer to it were delivered.
func (a *Answer) Both() bool {
	return a.Verdict == Delivered && a.Return != nil && a.Return.Verdict == Delivered
}

// Tracer traces under one snapshot. It changes nothing, so any number of goroutines may use it.
type Tracer struct {
	Network  *topology.Network
	Names    *compile.Names      // of Network
	Snapshot *dataplane.Snapshot // compiled from Network, and committed or prepared
	Flows    *dataplane.Router   // whose flow state counts; nil for a VPC in which nothing is open
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
	out := flow{protocol: protocol, src: netip.AddrPortFrom(source, q.SourcePort), dst: netip.AddrPortFrom(to, q.Port)}
	forward, p, at, asked := t.send(from, out.request(), nil)
	forward.ID, forward.From, forward.To, forward.Protocol, forward.Port = q.ID, q.From, q.To, q.Protocol, q.Port
	if at == nil {
		return forward, nil
	}
	back := flow{protocol: protocol, src: netip.AddrPortFrom(p.Dst, p.DstPort), dst: netip.AddrPortFrom(p.Src, p.SrcPort)}
	if s := t.serviceAt(at, p.Dst); s.answers(flow{protocol: protocol, src: back.dst, dst: back.src}) {
		forward.Return, _, _, _ = t.send(at, back.reply(), asked)
	} else {
		forward.Return = s.silence(at, back)
	}
	forward.Return.From, forward.Return.To, forward.Return.Protocol = q.To, q.From, q.Protocol
	if back.hasPorts() {
		forward.Return.Port = back.dst.Port()
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

// send traces p, which answers the packet of the trace question unless that is nil, and returns where it was delivered, nil if it
// was dropped. p is then as it was at its end.
func (t *Tracer) send(from *dataplane.Interface, p *packet.Packet, question *dataplane.Trace) (*Answer, *packet.Packet, *dataplane.Interface, *dataplane.Trace) {
	trace := t.Snapshot.Trace(t.Flows, from, p, question)
	at, reason := trace.Delivered, trace.Drop
	if reason == drop.NoRouteToDestination && from.Subnet != nil && last(trace.Steps).Where == compile.Internet {
		at, reason = t.internetHost(p.Dst), drop.None // it left the VPC; see the package's doc
		trace.Steps = trace.Steps[:len(trace.Steps)-1]
	}
	a := answer(trace.Steps, p.Protocol != packet.ICMP && p.Protocol != packet.ICMPv6)
	t.nameNAT(a, trace.Steps)
	if at == nil {
		a.Verdict, a.Reason, a.By = Dropped, reason.String(), a.Where
		return a, p, nil, trace
	}
	a.Verdict, a.Where = Delivered, at.ID
	a.SourceAtDestination, a.DestinationAtDelivery, a.TTLAtDelivery = p.Src.String(), p.Dst.String(), int(p.TTL())
	if a.Hops[len(a.Hops)-1] != at.ID {
		a.Hops = append(a.Hops, at.ID)
	}
	return a, p, at, trace
}

// nameNAT makes each NAT gateway that was crossed a hop behind its network interface.
func (t *Tracer) nameNAT(a *Answer, steps []dataplane.Step) {
	for _, s := range steps {
		if s.Stage != dataplane.StageGateway {
			continue
		}
		if g := t.natInterface(s.Where); g != nil {
			a.Hops = slices.Insert(a.Hops, 1+slices.Index(a.Hops, s.Where), g.ID)
		}
	}
}

func last(steps []dataplane.Step) dataplane.Step {
	if len(steps) == 0 {
		return dataplane.Step{}
	}
	return steps[len(steps)-1]
}

// answer tells the steps; Where is the last one's. Without ports, what stands in their place is left out.
func answer(steps []dataplane.Step, ports bool) *Answer {
	a := &Answer{Hops: make([]string, 0, len(steps)+1), Steps: make([]Step, 0, len(steps))}
	var before dataplane.Step
	var src, dst string // of before: most steps leave both ends as they are
	for _, s := range steps {
		if s.Where != a.Where && !strings.HasSuffix(s.Where, compile.NotAsked) {
			a.Hops = append(a.Hops, s.Where)
		}
		if s.Src != before.Src {
			src = end(s.Src, ports)
		}
		if s.Dst != before.Dst {
			dst = end(s.Dst, ports)
		}
		a.Where, before = s.Where, s
		a.Steps = append(a.Steps, Step{Stage: s.Stage.String(), Where: s.Where, Rule: s.Rule, Src: src, Dst: dst, Drop: s.Drop.String()})
	}
	return a
}

// end writes one end of a packet, its port only if it has one.
func end(a netip.AddrPort, ports bool) string {
	if a.Port() == 0 || !ports {
		return a.Addr().String()
	}
	return a.String()
}
