package nat

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/index"
	"vpcsim/dataplane/packet"
)

// State is where a session is in its life. TCP has the states of RFC 6146 3.5.2.
type State uint8

// The states. A session of UDP or ICMP is Active until it has been idle for too long.
const (
	unused      State = iota
	Active            // UDP, ICMP
	Init              // TCP: a SYN went out
	Established       // TCP: a SYN came back
	FINInside         // TCP: the inside has closed
	FINOutside        // TCP: the outside has closed
	FINBoth           // TCP: both have
	Transitory        // TCP: there was a reset; ends soon unless more packets pass
	atRest            // ended by time: only its port is kept from the same remote for a while
	states
)

var stateNames = [states]string{
	unused: "unused", Active: "active", Init: "init", Established: "established", FINInside: "fin-inside",
	FINOutside: "fin-outside", FINBoth: "fin-both", Transitory: "transitory", atRest: "at-rest",
}

// String returns a word for the state.
func (s State) String() string {
	if s >= states {
		return "unknown"
	}
	return stateNames[s]
}

// connected says whether a TCP connection is open in this state: CloudWatch's active connections.
func (s State) connected() bool { return s == Established || s == FINInside || s == FINOutside }

// passing says whether the state lasts for the transitory time only.
func (s State) passing() bool { return s == Init || s == FINBoth || s == Transitory }

// Session is a connection through a NAT gateway. Of ICMP, the ports of Inside and Outside are the identifier, and Remote has none.
type Session struct {
	Protocol     uint8
	State        State
	Inside       netip.AddrPort // who opened it
	Outside      netip.AddrPort // what the remote sees in its place: one of the gateway's addresses
	Remote       netip.AddrPort
	Opened, Seen int64 // monotonic nanoseconds: the first packet, and the last that counts as traffic
}

// session is a Session in its slot, without pointers and in one cache line.
type session struct {
	inside, own, remote             uint32
	insidePort, ownPort, remotePort uint16
	protocol                        uint8
	state                           State
	mapping                         int32 // with endpoint-independent mapping its slot in mappings; else negative
	opened, seen                    int64
	acked                           [2]uint32 // TCP: the last acknowledgement that came from the inside, and from the outside
	acks                            uint8     // bits: which of acked there are
	_                               [15]byte  // to 64 bytes: one cache line
}

const (
	fromInside  = 0
	fromOutside = 1
)

func (f *session) insideKey() key {
	return newKey(f.inside, f.remote, f.insidePort, f.remotePort, f.protocol)
}

func (f *session) outsideKey() key {
	return newKey(f.own, f.remote, f.ownPort, f.remotePort, f.protocol)
}

// due is the time at which the session has been idle for too long.
func (f *session) due(c *config) int64 {
	switch f.state {
	case atRest:
		return f.seen + int64(restTime)
	case Init, FINBoth, Transitory:
		return f.seen + c.transitory
	}
	return f.seen + c.idle
}

// alive says whether packets still belong to the session at the time now.
func (f *session) alive(c *config, now int64) bool { return f.state != atRest && now < f.due(c) }

// shard is the sessions with some of the remotes.
type shard struct {
	mu           sync.Mutex
	g            *Gateway
	sessions     []session        // guarded by mu
	free         []int32          // guarded by mu; unused slots of sessions
	inside       index.Index[key] // guarded by mu; slots by insideKey, without those at rest
	outside      index.Index[key] // guarded by mu; slots by outsideKey
	destinations counts           // guarded by mu; of live sessions
	wheel        index.Wheel      // guarded by mu; of all sessions
	metrics      Metrics          // guarded by mu
	scarce       scarce           // guarded by mu

	shared atomic.Pointer[[]session] // sessions, for hints
	_      [64]byte                  // two workers in neighbouring shards should not share a cache line
}

// outward is Cross for a packet from inside. The caller holds the shard.
func (s *shard) outward(c *config, k *key, p *packet.Packet) drop.Reason {
	i, ok := s.inside.Find(k, k.hash(&s.g.seed))
	if ok && !s.sessions[i].alive(c, p.Time) {
		if !p.Probe {
			s.lapse(i, p.Time)
		}
		ok = false
	}
	if !ok {
		if p.Protocol == packet.TCP && p.TCPFlags&(packet.SYN|packet.ACK|packet.FIN|packet.RST) != packet.SYN {
			return drop.NATIdle
		}
		if p.Probe {
			return s.suppose(c, k, p)
		}
		var reason drop.Reason
		if i, reason = s.open(c, k, p); reason != drop.None {
			return reason
		}
	}
	f := &s.sessions[i]
	if !p.Probe {
		s.see(c, i, p, fromInside)
	}
	p.HopFrom(f.own, f.ownPort)
	return drop.None
}

// inward is Cross for a packet from outside: nothing but what belongs to a session. The caller holds the shard.
func (s *shard) inward(c *config, k *key, p *packet.Packet) drop.Reason {
	i, ok := s.outside.Find(k, k.hash(&s.g.seed))
	if !ok {
		return drop.NATNoMapping
	}
	f := &s.sessions[i]
	if !f.alive(c, p.Time) {
		if f.state != atRest && !p.Probe {
			s.lapse(i, p.Time)
		}
		return drop.NATNoMapping
	}
	if p.TTL() <= 1 {
		return drop.TTLExpired
	}
	if !p.Probe {
		s.see(c, i, p, fromOutside)
	}
	p.HopTo(f.inside, f.insidePort)
	return drop.None
}

// see notes that p passes as part of the session. Any traffic keeps it, from either side, but a TCP reset: that may only
// shorten its time (RFC 7857 7.1).
func (s *shard) see(c *config, i int32, p *packet.Packet, from int) {
	f := &s.sessions[i]
	if p.Protocol != packet.TCP {
		f.seen = max(f.seen, p.Time)
		return
	}
	if p.TCPFlags&packet.RST != 0 {
		s.reset(c, i, p, from)
		return
	}
	f.seen = max(f.seen, p.Time)
	if p.TCPFlags&packet.ACK != 0 {
		f.acked[from] = p.TCPAck()
		f.acks |= 1 << from
	}
	if p.TCPFlags&(packet.SYN|packet.FIN) != 0 || f.state == Transitory {
		s.enter(c, i, f.after(p.TCPFlags, from))
	}
}

// reset is see for a TCP reset. One that is exactly at the sequence number that its receiver expects ends the connection
// there, so the session lingers for the transitory time only; any other may be a forgery, which its receiver will challenge
// (RFC 5961 3, RFC 7857 2.2).
func (s *shard) reset(c *config, i int32, p *packet.Packet, from int) {
	f := &s.sessions[i]
	expected, known := f.acked[1-from], f.acks>>(1-from)&1 != 0
	if f.state == Transitory || f.state != Init && known && p.TCPSeq() != expected {
		return
	}
	f.seen = min(max(f.seen, p.Time), f.due(c)-c.transitory)
	s.enter(c, i, Transitory)
}

// after is the state after a TCP segment with these flags, none of them RST (RFC 6146 3.5.2.2).
func (f *session) after(flags uint8, from int) State {
	state := f.state
	switch syn := flags&packet.SYN != 0; {
	case syn && from == fromInside && flags&packet.ACK == 0 && (state == FINBoth || state == Transitory):
		return Init // the ports are used again
	case syn && from == fromOutside && state == Init, state == Transitory:
		state = Established
	}
	if flags&packet.FIN == 0 {
		return state
	}
	switch {
	case state == FINBoth, state == FINInside && from == fromOutside, state == FINOutside && from == fromInside:
		return FINBoth
	case state == Init: // nobody has answered: there is no connection to close
		return Init
	case from == fromInside:
		return FINInside
	}
	return FINOutside
}

func (f *session) session() Session {
	return Session{
		Protocol: f.protocol, State: f.state, Opened: f.opened, Seen: f.seen,
		Inside:  netip.AddrPortFrom(address(f.inside), f.insidePort),
		Outside: netip.AddrPortFrom(address(f.own), f.ownPort),
		Remote:  netip.AddrPortFrom(address(f.remote), f.remotePort),
	}
}
