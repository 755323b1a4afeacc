package control

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"vpcsim/dataplane"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

// ObservationView is what became of one packet: a line of `vpcsim observe -o json`. Addresses are as the packet entered the router,
// and at its end, behind all translations. Field names are AWS's where AWS has one, and a contract.
type ObservationView struct {
	Time      time.Time `json:"Time"`
	Monotonic int64     `json:"MonotonicNs"`
	Verdict   string    `json:"Verdict"` // forwarded or dropped
	Reason    string    `json:"Reason"`  // drop.Reason; empty if forwarded
	By        string    `json:"By"`      // id of what dropped it; empty if forwarded
	Stage     string    `json:"Stage"`   // of the decision that ended its way
	Rule      string    `json:"Rule"`    // that decided, where there is one

	InterfaceID      string `json:"NetworkInterfaceId"` // which sent it
	Instance         string `json:"Instance"`           // what that is called
	ToInterfaceID    string `json:"DestinationNetworkInterfaceId,omitempty"`
	ToInstance       string `json:"DestinationInstance,omitempty"`
	Protocol         string `json:"Protocol"`
	Flags            string `json:"TcpFlags,omitempty"` // SYN,ACK
	ICMP             string `json:"IcmpTypeCode,omitempty"`
	Source           string `json:"Source"`      // address and port when it entered
	Destination      string `json:"Destination"` // empty, as Source, where there is none to tell: a malformed packet
	SourceAtEnd      string `json:"SourceAtEnd"`
	DestinationAtEnd string `json:"DestinationAtEnd"`
	Bytes            int    `json:"Bytes"`   // of all of its segments, headers included
	Packets          int    `json:"Packets"` // 1, or how many segments a super-packet stands for

	Explanation string     `json:"Explanation"`
	Steps       []StepView `json:"Steps,omitempty"`

	Missed uint64 `json:"Missed,omitempty"` // in a line of its own: so many packets are not told of, as the reader was too slow
}

// StepView is one decision about the packet.
type StepView struct {
	Stage       string `json:"Stage"`
	Where       string `json:"Where"`
	Name        string `json:"Name,omitempty"`
	Rule        string `json:"Rule"`
	Source      string `json:"Source"`
	Destination string `json:"Destination"`
	Reason      string `json:"Reason,omitempty"`
}

// observed puts an observation into words.
func (l *Lab) observed(o *dataplane.Observation) ObservationView {
	end := o.End()
	v := ObservationView{
		Time: l.wall(o.Time), Monotonic: o.Time, Verdict: dataplane.Forwarded.String(), Stage: end.Stage.String(),
		InterfaceID: o.From, Instance: l.label(o.From), ToInterfaceID: o.To, ToInstance: l.label(o.To),
		Protocol: packet.ProtocolName(int(o.Protocol)), Flags: flagNames(o), ICMP: icmpName(o),
		Source: endOf(o, o.Src), Destination: endOf(o, o.Dst), SourceAtEnd: endOf(o, end.Src), DestinationAtEnd: endOf(o, end.Dst),
		Bytes: o.Length, Packets: o.Segments, Explanation: l.explain(o),
	}
	if end.Drop != drop.None {
		v.Verdict, v.Reason, v.By, v.Rule = dataplane.Dropped.String(), end.Drop.String(), end.Where, ruleOf(end)
	}
	for _, s := range o.Steps() {
		v.Steps = append(v.Steps, StepView{
			Stage: s.Stage.String(), Where: s.Where, Name: l.label(strings.Split(s.Where, "#")[0]), Rule: s.Rule,
			Source: endOf(o, s.Src), Destination: endOf(o, s.Dst), Reason: s.Drop.String(),
		})
	}
	return v
}

// explain says in one sentence what became of a packet.
func (l *Lab) explain(o *dataplane.Observation) string {
	end := o.End()
	if end.Drop == drop.None {
		return fmt.Sprintf("forwarded to %s, which sees %s", l.called(o.To), endOf(o, end.Src))
	}
	thing, _, _ := strings.Cut(end.Where, "#") // an entry's ACL
	by := end.Where
	if what := joined(l.label(thing), ruleOf(end)); what != "" {
		by = fmt.Sprintf("%s (%s)", by, what)
	}
	verb := "dropped"
	if end.Drop == drop.Held { // it may still go on
		verb = "held"
	}
	return fmt.Sprintf("%s by %s: %s", verb, by, end.Drop)
}

// comment is what a capture says of a dropped packet.
func (l *Lab) comment(o *dataplane.Observation) string {
	reason := o.Drop()
	return fmt.Sprintf("%s: %s; %s", reason, strings.TrimSuffix(l.explain(o), ": "+reason.String()), reason.Sentence())
}

// joined is what a thing is called, and the rule of it that decided, as far as there are both.
func joined(name, rule string) string {
	if name == "" || rule == "" {
		return name + rule
	}
	return name + ": " + rule
}

// called is a thing's id, with its name if it has one.
func (l *Lab) called(id string) string {
	if name := l.label(id); name != "" {
		return fmt.Sprintf("%s (%s)", id, name)
	}
	return id
}

// ruleOf is a step's rule without the sentence about the reason.
func ruleOf(s dataplane.Step) string {
	return strings.TrimSuffix(strings.TrimSuffix(s.Rule, s.Drop.Sentence()), "; ")
}

// endOf is one end of a packet, with its port where the protocol has them and the packet carries them.
func endOf(o *dataplane.Observation, a netip.AddrPort) string {
	switch {
	case !a.Addr().IsValid():
		return ""
	case o.Protocol != packet.TCP && o.Protocol != packet.UDP, a.Port() == 0:
		return a.Addr().String()
	}
	return a.String()
}

var flags = [...]string{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"} // by their bits

func flagNames(o *dataplane.Observation) string {
	var names []string
	for bit, name := range flags {
		if o.Protocol == packet.TCP && o.TCPFlags>>bit&1 != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

func icmpName(o *dataplane.Observation) string {
	if o.Protocol != packet.ICMP && o.Protocol != packet.ICMPv6 {
		return ""
	}
	return fmt.Sprintf("%d/%d", o.ICMPType, o.ICMPCode)
}
