package whatif

import (
	"net/netip"
	"time"

	"vpcsim/dataplane"
	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

// teller puts judged connections into words.
type teller struct {
	forecast *dataplane.Forecast
	names    nouns
	limit    int // how many of a group are listed; 0 is all
}

func (t teller) group(all []judged, in func(*judged) bool) Group {
	g := Group{Connections: []Connection{}}
	for n := range all {
		if !in(&all[n]) {
			continue
		}
		g.Total++
		if t.limit == 0 || len(g.Connections) < t.limit {
			g.Connections = append(g.Connections, t.connection(&all[n]))
		}
	}
	g.Omitted = g.Total - len(g.Connections)
	return g
}

func (t teller) connection(j *judged) Connection {
	c := Connection{
		NetworkInterfaceID: j.id, Protocol: packet.ProtocolName(int(j.tuple.Protocol)), Local: end(j.tuple.Local, j.tuple.Protocol), Remote: end(j.tuple.Remote, j.tuple.Protocol),
	}
	if o := j.log; o != nil {
		c.FlowLog = &Seen{
			Start: time.Unix(int64(o.start), 0).UTC(), End: time.Unix(int64(o.end), 0).UTC(), Packets: o.packets, Bytes: o.bytes, TrafficPath: o.path,
		}
	}
	if j.at == nil {
		return c
	}
	c.Name = j.at.Name
	if j.at.Subnet != nil {
		c.SubnetID = j.at.Subnet.ID
	}
	switch {
	case j.out:
		c.Direction = "egress"
	case j.log == nil || j.log.opener() != egressUnknown:
		c.Direction = "ingress"
	}
	if j.why != GatewayInterface && j.why != AddressMismatch { // it is known which end is the interface's own
		t.fate(&c, j)
	}
	return c
}

// fate adds what becomes of the connection.
func (t teller) fate(c *Connection, j *judged) {
	seen := j.foresee(t.forecast)
	if seen.Cut != drop.None {
		c.Reason = seen.Cut.String()
	}
	c.PathBefore, c.PathAfter = seen.PathBefore.String(), seen.PathAfter.String()
	c.TargetBefore, c.TargetAfter = seen.TargetBefore, seen.TargetAfter
	c.SourceBefore, c.SourceAfter = address(seen.SourceBefore), address(seen.SourceAfter)
	c.PrimaryAssumed = j.primary()
	lost := lostAfter(&seen)
	c.DropAfter = lost.String()
	c.RoutesBefore, c.RoutesAfter = t.legs(seen.Before), t.legs(seen.After)
	if c.Why = why(&seen, lost); j.why != "" {
		c.Why = ""
	}
}

// lostAfter says why packets get nowhere after the change; None if they do.
func lostAfter(seen *dataplane.Foreseen) drop.Reason {
	lost := dataplane.Lost(seen.After)
	if lost != drop.None {
		return lost
	}
	switch seen.PathAfter {
	case conntrack.PathEndpoint, conntrack.PathNATEndpoint:
		if seen.Protocol != packet.TCP && seen.Protocol != packet.ICMP {
			return drop.EndpointProtocol
		}
	case conntrack.PathInternet, conntrack.PathNAT:
		if !seen.SourceAfter.IsValid() {
			return drop.IGWNoPublicIP
		}
	}
	return drop.None
}

// why is the reason of a fate in a sentence.
func why(seen *dataplane.Foreseen, lost drop.Reason) string {
	nowhere := "they get nowhere: " + lost.Sentence()
	switch seen.Fate {
	case dataplane.Survives:
		return "its packets go where they went, and the far side sees the source it saw"
	case dataplane.Reroutes:
		text := "there is no connection to lose: its next packets take the new path"
		if lost != drop.None {
			text += ", and " + nowhere
		}
		return text
	}
	before, after := address(seen.SourceBefore), address(seen.SourceAfter)
	switch {
	case seen.Cut == drop.SecurityGroup:
		return "no rule allows it any more, and it is untracked"
	case lost != drop.None:
		return "the route of its packets changes, and " + nowhere
	case seen.Cut == drop.StaleAddress:
		return "the far side would see " + after + " in place of " + before + ", and does not know the connection"
	case seen.TargetBefore == seen.TargetAfter:
		return "it uses a public IP address in a subnet whose route table gets the endpoint's route (scope public-ip)"
	case before != after:
		return "the route of its packets changes: the far side sees " + after + " in place of " + before + ", and does not know the connection"
	}
	return "the route of its packets changes, and what they come to there does not know the connection"
}

func (t teller) legs(all []dataplane.Leg) (routes []Route) {
	for _, l := range all {
		if l.Route == nil {
			routes = append(routes, Route{RouteTableID: l.Table, RouteTableName: t.names[l.Table]})
			continue
		}
		routes = append(routes, *t.names.route(l.Table, l.Route))
	}
	return routes
}

func address(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// end writes one end of a connection, its port if the protocol has ports.
func end(a netip.AddrPort, protocol uint8) string {
	if protocol != packet.TCP && protocol != packet.UDP {
		return a.Addr().String()
	}
	return a.String()
}
