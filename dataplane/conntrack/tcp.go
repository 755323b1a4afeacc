package conntrack

import (
	"time"

	"vpcsim/dataplane/packet"
)

// State is where a TCP connection stands, in the kernel's words. Flows that are not TCP are Established until they idle out.
type State uint8

// The states.
const (
	SynSent     State = iota // a SYN was seen and nothing in answer: there is no connection yet
	SynReceived              // a SYN was answered
	Established              // data may flow; also a connection whose beginning was not seen
	Closed                   // reset, or finished from both sides
)

// String returns the state's name.
func (s State) String() string {
	return [...]string{"SYN_SENT", "SYN_RECV", "ESTABLISHED", "CLOSE"}[s&3]
}

// Idle time-outs. AWS documents 432,000 s for established TCP, 180 s for a UDP stream and 600 s for other protocols; the
// others are undocumented and chosen (aws-semantics 6.3, sg-conntrack). UDP's shorter 30 s for one request and
// one response comes with security groups, whose tracking it belongs to.
const (
	idleTCP       = 432_000 * time.Second
	idleHandshake = 60 * time.Second
	idleClosed    = 30 * time.Second
	idleUDP       = 180 * time.Second
	idleICMP      = 30 * time.Second
	idleOther     = 600 * time.Second
)

// see updates the flow's TCP state from a segment that passed.
func (f *Flow) see(p *packet.Packet, outbound bool) {
	f.LastSeen = p.Time
	if p.Protocol != packet.TCP {
		return
	}
	switch flags := p.TCPFlags; {
	case flags&packet.RST != 0:
		f.State = Closed
	case flags&packet.FIN != 0:
		f.finLocal = f.finLocal || outbound
		f.finRemote = f.finRemote || !outbound
		if f.finLocal && f.finRemote {
			f.State = Closed
		}
	case flags&packet.ACK == 0 || f.State == Established || f.State == Closed:
	case flags&packet.SYN != 0:
		f.State = SynReceived
	default:
		f.State = Established
	}
}

// idle returns how long the flow may be silent before it is forgotten. A tombstone lives as long as the connection
// it stands for could have.
func (f *Flow) idle() time.Duration {
	switch f.Protocol() {
	case packet.TCP:
		switch f.State {
		case SynSent, SynReceived:
			return idleHandshake
		case Closed:
			return idleClosed
		}
		return idleTCP
	case packet.UDP:
		return idleUDP
	case packet.ICMP:
		return idleICMP
	}
	return idleOther
}

func (f *Flow) expired(now int64) bool { return now-f.LastSeen > int64(f.idle()) }
