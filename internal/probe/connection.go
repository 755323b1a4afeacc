package probe

import (
	"fmt"
	"net/netip"

	"vpcsim/dataplane"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
	"vpcsim/topology/compile"
)

// Connection says which packet of its connection a probe is, and what counts of the connections that are open in a lab.
type Connection string

// The connections. The default, an empty Connection, is the first packet of a connection as the lab is now: it belongs to a connection that
// is open already if there is such a one.
const (
	// NewConnection is the first packet of a connection where nothing is open: what flows and gateways of a lab remember is left aside.
	NewConnection Connection = "new"
	// Established is a packet in the middle of a connection that a packet from From has opened. Where the lab knows that connection, what
	// it knows counts; elsewhere it is supposed to be open, also if its first packet would not have got there.
	Established Connection = "established"
)

func (c Connection) check() error {
	switch c {
	case "", NewConnection, Established:
		return nil
	}
	return fmt.Errorf("ct %q: must be new or established", string(c))
}

// connection is a probe and the answer to it under way.
type connection struct {
	*Tracer
	opening *dataplane.Trace // of the first packet; nil unless the connection is established
	asked   *dataplane.Trace // of the probe; nil before it has been sent
}

// connection begins one at an interface, whose probe is of a flow.
func (t *Tracer) connection(from *dataplane.Interface, f flow, c Connection) *connection {
	x := &connection{Tracer: t}
	if c == Established {
		f.size, f.ttl = 0, 0
		x.opening = t.Snapshot.Trace(t.Flows, from, f.request(), nil)
	}
	return x
}

// ask traces the probe and returns where it arrives, or would arrive if nothing blocked it; nil if it has no way to go. The packet is as
// it is there.
func (c *connection) ask(from *dataplane.Interface, f flow) (*Answer, *packet.Packet, *dataplane.Interface) {
	p := f.request()
	if c.opening != nil {
		p = f.segment()
	}
	a, at := c.send(from, p)
	return a, p, at
}

// reply traces the answer of whom is reached at an interface to p as it arrived there.
func (c *connection) reply(at *dataplane.Interface, p *packet.Packet, asked flow) *Answer {
	back := flow{protocol: asked.protocol, src: netip.AddrPortFrom(p.Dst, p.DstPort), dst: netip.AddrPortFrom(p.Src, p.SrcPort)}
	if asked.isEcho() {
		back.size = asked.size // a reply returns what it was sent
	}
	s := c.serviceAt(at, p.Dst)
	if !s.answers(flow{protocol: asked.protocol, src: back.dst, dst: back.src}) {
		return s.silence(at, back)
	}
	answer := back.reply()
	if c.opening != nil && asked.protocol == packet.TCP {
		answer = back.segment()
	}
	a, _ := c.send(at, answer)
	if back.hasPorts() {
		a.Port = back.dst.Port()
	}
	return a
}

// send traces p from an interface and returns where it arrives, or would arrive.
func (c *connection) send(from *dataplane.Interface, p *packet.Packet) (*Answer, *dataplane.Interface) {
	var trace *dataplane.Trace
	if c.opening != nil {
		trace = c.Snapshot.TraceOpen(c.Flows, from, p, c.opening)
	} else {
		trace = c.Snapshot.Trace(c.Flows, from, p, c.asked)
	}
	c.asked = trace
	at, steps := trace.Reached, trace.Steps
	if end := last(steps); end.Drop == drop.NoRouteToDestination && from.Subnet != nil && end.Where == compile.Internet {
		at, steps = c.internetHost(p.Dst), steps[:len(steps)-1] // it left the VPC; see the package's doc
	}
	a := answer(steps, p.Protocol != packet.ICMP && p.Protocol != packet.ICMPv6)
	c.nameNAT(a, steps)
	if at != nil && a.Reason == "" {
		a.deliver(at, p)
	}
	return a, at
}

func last(steps []dataplane.Step) dataplane.Step {
	if len(steps) == 0 {
		return dataplane.Step{}
	}
	return steps[len(steps)-1]
}
