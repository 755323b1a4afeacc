package control

import (
	"time"

	"vpcsim/dataplane/packet"
	"vpcsim/nat"
	"vpcsim/topology/compile"
)

// A NAT gateway that has no port left refuses connections by the thousand. Of each gateway and destination the first refusal is told
// within a second, and while it goes on, once a minute how many there were since, which is how CloudWatch counts.

// scarcityEvery is how often there is an event for one gateway and destination.
const scarcityEvery = time.Minute

// scarcePair is what there is an event for.
type scarcePair struct {
	gateway string
	to      nat.Scarcity // without a count
}

// scarcity is what is known of one.
type scarcity struct {
	told    int64  // monotonic time of the last event
	refused uint64 // sessions since then
}

// scarcities are those of the last minute. Only the router's clock uses them.
type scarcities map[scarcePair]*scarcity

// tellScarcity asks the NAT gateways what they had to refuse, and tells of it.
func (l *Lab) tellScarcity(s *compile.State, now int64) {
	if l.scarce == nil {
		l.scarce = scarcities{}
	}
	s.NATs(func(id string, g *nat.Gateway) {
		for _, to := range g.TakeScarcities() {
			refused := to.Refused
			to.Refused = 0
			pair := scarcePair{id, to}
			if l.scarce[pair] == nil {
				l.scarce[pair] = &scarcity{told: now - int64(scarcityEvery)}
			}
			l.scarce[pair].refused += refused
		}
	})
	for pair, known := range l.scarce {
		switch {
		case now-known.told < int64(scarcityEvery):
		case known.refused == 0:
			delete(l.scarce, pair)
		default:
			l.tell(pair.event(known.refused))
			known.told, known.refused = now, 0
		}
	}
}

func (p scarcePair) event(refused uint64) Event {
	e := Event{Event: ErrorPortAllocation, NATGatewayID: p.gateway, ErrorPortAllocation: refused}
	if to := p.to.Destination; to.IsValid() {
		e.Protocol, e.Remote, e.remote = packet.ProtocolName(int(p.to.Protocol)), to.String(), to
	}
	return e
}
