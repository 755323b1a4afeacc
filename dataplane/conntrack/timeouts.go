package conntrack

import (
	"cmp"
	"math"
	"time"

	"vpcsim/dataplane/packet"
)

// Timeouts are the idle time-outs of the connections tracked at one network interface, to the millisecond and up to 49 days. A zero
// field means AWS's default: 432,000 s, 180 s and 30 s (aws-semantics 6.3: API_ConnectionTrackingConfiguration).
type Timeouts struct {
	TCPEstablished time.Duration
	UDPStream      time.Duration // UDP with more than one request and one response
	UDP            time.Duration // UDP in one direction, or one request and one response
}

// AWS's defaults, its 600 s for other protocols, and those that it does not document and that were chosen (aws-semantics 6.3).
const (
	idleTCP       = 432_000 * time.Second
	idleUDPStream = 180 * time.Second
	idleUDP       = 30 * time.Second
	idleOther     = 600 * time.Second

	idleHandshake = 60 * time.Second // chosen
	idleClosed    = 30 * time.Second // chosen
	idleICMP      = 30 * time.Second // chosen
)

// setIdle takes from o what concerns the flow's protocol.
func (f *Flow) setIdle(o Timeouts) {
	switch f.protocol {
	case packet.TCP:
		f.idle = milliseconds(cmp.Or(o.TCPEstablished, idleTCP))
	case packet.UDP:
		f.idle = milliseconds(cmp.Or(o.UDP, idleUDP))
		f.stream = milliseconds(cmp.Or(o.UDPStream, idleUDPStream))
	case packet.ICMP, packet.ICMPv6:
		f.idle = milliseconds(idleICMP)
	default:
		f.idle = milliseconds(idleOther)
	}
}

func milliseconds(d time.Duration) uint32 { return uint32(min(d.Milliseconds(), math.MaxUint32)) }

// deadline is the first moment at which the flow has been idle for longer than it may, if no packet comes before. A tombstone lives as
// long as the connection it stands for could have.
func (f *Flow) deadline() int64 {
	idle := time.Duration(f.idle) * time.Millisecond
	switch {
	case f.protocol == packet.UDP && f.marks&streaming != 0:
		idle = time.Duration(f.stream) * time.Millisecond
	case f.protocol == packet.TCP && f.State == Closed:
		idle = idleClosed
	case f.protocol == packet.TCP && f.State != Established:
		idle = idleHandshake
	}
	return f.LastSeen + int64(idle) + 1
}
