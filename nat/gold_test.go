package nat

import (
	"net/netip"
	"slices"
	"time"

	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

// gold is a NAT gateway as obvious as can be: a list of sessions that is searched from its start. Only the ports that a session gets it
// must be told, since those are drawn at random; it judges whether they may be had.
type gold struct {
	own       []netip.Addr
	sessions  []*goldSession // live ones
	rests     []goldRest
	fragments map[goldDatagram]goldFragment
	held      []goldDatagram
	idle      uint64 // what IdleTimeoutCount should be
}

type goldSession struct {
	protocol                uint8
	inside, outside, remote netip.AddrPort
	seen                    int64
	answered                bool // TCP: a SYN came back
	insideFIN, outsideFIN   bool
	reset                   bool
	acked                   map[bool]uint32 // TCP: the last acknowledgement, by whether it came from outside
}

type goldRest struct {
	protocol        uint8
	outside, remote netip.AddrPort
	until           int64
}

type goldDatagram struct {
	src, dst netip.Addr
	id       uint16
}

type goldFragment struct {
	address netip.Addr
	until   int64
}

// verdict is what has to become of a packet.
type verdict struct {
	reason   drop.Reason
	session  *goldSession // whose addresses it gets
	fresh    bool         // and which only begins; its outside is not known yet
	fragment netip.Addr   // of a later fragment: the address it gets
}

func refused(r drop.Reason) verdict { return verdict{reason: r} }

func (s *goldSession) transitory() bool {
	return s.protocol == packet.TCP && (!s.answered || s.insideFIN && s.outsideFIN || s.reset)
}

func (s *goldSession) due() int64 {
	if s.transitory() {
		return s.seen + int64(60*time.Second)
	}
	return s.seen + int64(350*time.Second)
}

// expire ends what is over.
func (g *gold) expire(now int64) {
	g.sessions = slices.DeleteFunc(g.sessions, func(s *goldSession) bool {
		if now < s.due() {
			return false
		}
		if !s.transitory() {
			g.idle++
		}
		if !(s.reset || s.insideFIN && s.outsideFIN) {
			g.rests = append(g.rests, goldRest{s.protocol, s.outside, s.remote, s.due() + int64(120*time.Second)})
		}
		return true
	})
}

// find returns the session with these sockets, of which one side is known by local.
func (g *gold) find(protocol uint8, inbound bool, local, remote netip.AddrPort) *goldSession {
	for _, s := range g.sessions {
		known := s.inside
		if inbound {
			known = s.outside
		}
		if s.protocol == protocol && known == local && s.remote == remote {
			return s
		}
	}
	return nil
}

// judge says what has to become of p, and takes note of it.
func (g *gold) judge(p *packet.Packet, now int64) verdict {
	g.expire(now)
	inbound := slices.Contains(g.own, p.Dst)
	local, remote := source(p), target(p)
	if inbound {
		local, remote = remote, local
	}
	switch {
	case !p.Src.Is4() || p.Protocol != packet.TCP && p.Protocol != packet.UDP && p.Protocol != packet.ICMP:
		return refused(drop.NATProtocol)
	case p.IsFragment() && p.Protocol != packet.UDP:
		return refused(drop.NATFragment)
	case !inbound && (!vpc.Contains(p.Src) || slices.Contains(g.own, p.Src)):
		return refused(drop.NATSource)
	case p.Protocol == packet.ICMP && p.IsICMPError():
		return g.judgeError(p, inbound)
	case p.Protocol == packet.ICMP:
		if reason := judgeQuery(p.ICMPType, inbound); reason != drop.None {
			return refused(reason)
		}
		remote = netip.AddrPortFrom(remote.Addr(), 0)
	case p.LaterFragment():
		return g.judgeFragment(p, now)
	}
	if !inbound && p.TTL() <= 1 {
		return refused(drop.TTLExpired)
	}
	v := g.judgeWhole(p, inbound, local, remote)
	if v.reason == drop.None && !p.Probe {
		v.session.note(p, inbound, now)
	}
	return v
}

func judgeQuery(typ uint8, inbound bool) drop.Reason {
	switch {
	case typ == packet.ICMPEchoRequest && inbound:
		return drop.NATNoMapping
	case typ == packet.ICMPEchoReply && !inbound:
		return drop.ICMPNotTranslated
	case typ == packet.ICMPEchoRequest, typ == packet.ICMPEchoReply:
		return drop.None
	}
	return drop.ICMPNotTranslated
}

func (g *gold) judgeWhole(p *packet.Packet, inbound bool, local, remote netip.AddrPort) verdict {
	s := g.find(p.Protocol, inbound, local, remote)
	switch {
	case s != nil && p.TTL() <= 1:
		return refused(drop.TTLExpired)
	case s != nil:
		return verdict{session: s}
	case inbound:
		return refused(drop.NATNoMapping)
	case p.Protocol == packet.TCP && p.TCPFlags&^(packet.PSH|packet.URG|packet.ECE|packet.CWR) != packet.SYN:
		return refused(drop.NATIdle)
	}
	s = &goldSession{protocol: p.Protocol, inside: local, remote: remote, acked: map[bool]uint32{}}
	if !p.Probe {
		g.sessions = append(g.sessions, s)
	}
	return verdict{session: s, fresh: true}
}

// judgeError is judge for ICMP errors, whose checksums are right.
func (g *gold) judgeError(p *packet.Packet, inbound bool) verdict {
	src, ok := p.EmbeddedSrc()
	dst, _ := p.EmbeddedDst()
	protocol, srcPort, dstPort, ports := p.EmbeddedPorts()
	if !ok || !ports || src != p.Dst {
		return refused(drop.ICMPNotTranslated)
	}
	if !inbound && p.TTL() <= 1 {
		return refused(drop.TTLExpired)
	}
	local, remote := at(src, srcPort), at(dst, dstPort)
	if !inbound {
		local, remote = remote, local
	}
	if protocol == packet.ICMP {
		remote = at(remote.Addr(), 0)
	}
	s := g.find(protocol, inbound, local, remote)
	switch {
	case s == nil:
		return refused(drop.NATNoMapping)
	case p.TTL() <= 1:
		return refused(drop.TTLExpired)
	}
	return verdict{session: s}
}

func (g *gold) judgeFragment(p *packet.Packet, now int64) verdict {
	if p.TTL() <= 1 {
		return refused(drop.TTLExpired)
	}
	if f, ok := g.fragments[goldDatagramOf(p)]; ok && now < f.until {
		return verdict{fragment: f.address}
	}
	return refused(drop.Held)
}

func goldDatagramOf(p *packet.Packet) goldDatagram {
	return goldDatagram{p.Src, p.Dst, uint16(p.Bytes()[4])<<8 | uint16(p.Bytes()[5])}
}

// note takes note of a packet that passes as part of the session.
func (s *goldSession) note(p *packet.Packet, fromOutside bool, now int64) {
	if p.Protocol != packet.TCP {
		s.seen = now
		return
	}
	flag := func(f uint8) bool { return p.TCPFlags&f != 0 }
	switch {
	case flag(packet.RST):
		expected, known := s.acked[!fromOutside]
		if s.reset || s.answered && known && p.TCPSeq() != expected {
			return
		}
		s.seen = min(now, s.due()-int64(60*time.Second))
		s.reset = true
		return
	case flag(packet.SYN) && !flag(packet.ACK) && !fromOutside && (s.reset || s.insideFIN && s.outsideFIN || s.seen == 0):
		s.answered, s.insideFIN, s.outsideFIN, s.reset = false, false, false, false
		s.acked = map[bool]uint32{}
	case s.reset: // it was not the end
		s.answered, s.insideFIN, s.outsideFIN, s.reset = true, false, false, false
	case flag(packet.SYN) && fromOutside:
		s.answered = true
	}
	if flag(packet.FIN) && s.answered {
		s.insideFIN = s.insideFIN || !fromOutside
		s.outsideFIN = s.outsideFIN || fromOutside
	}
	if flag(packet.ACK) {
		s.acked[fromOutside] = p.TCPAck()
	}
	s.seen = now
}

// settle tells of the outside that a fresh session was given, and says why it may not be; an empty text if it may.
func (g *gold) settle(s *goldSession, outside netip.AddrPort, now int64) (wrong string) {
	switch {
	case !slices.Contains(g.own, outside.Addr()):
		return "the address is not the gateway's"
	case outside.Port() < 1024:
		return "the port is well known"
	case g.find(s.protocol, true, outside, s.remote) != nil:
		return "another session has it"
	}
	for _, r := range g.rests {
		if r.protocol == s.protocol && r.outside == outside && r.remote == s.remote && now < r.until {
			return "it is at rest"
		}
	}
	for _, o := range g.sessions {
		if o != s && o.inside.Addr() == s.inside.Addr() && o.outside.Addr() != outside.Addr() {
			return "the host has another address"
		}
	}
	s.outside = outside
	return ""
}
