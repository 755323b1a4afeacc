package nat

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

// match plays packets through a gateway with its checker and through the gold model, and compares.
type match struct {
	*rig
	gold gold
	held int // as the checker must count once their wait ends
}

func newMatch(t testing.TB) *match {
	m := &match{rig: newRig(t, twoAddresses)}
	m.gold = gold{own: m.config.Addresses, fragments: map[goldDatagram]goldFragment{}}
	return m
}

// play lets p cross both.
func (m *match) play(p *packet.Packet) {
	m.Helper()
	before := packet.New(p.Len())
	before.CopyFrom(p)
	want := m.gold.judge(before, m.now)
	got := m.cross(p)
	if got != want.reason {
		m.Fatalf("%v protocol %d flags %02x: got %q, want %q", [2]netip.AddrPort{source(before), target(before)}, p.Protocol, p.TCPFlags, got, want.reason)
	}
	switch {
	case got == drop.Held && !p.Probe:
		m.gold.held = append(m.gold.held, goldDatagramOf(before))
		m.seen.count(m.owns(before.Dst), 1, before.Len(), drop.NATFragment) // unless it is released
		m.held++
	case got != drop.None:
	case want.session == nil:
		if m.local(p) != want.fragment {
			m.Errorf("a later fragment got %s, want %s", m.local(p), want.fragment)
		}
	default:
		m.compare(want, before, p)
	}
}

// local is the address of p that the gateway gave it.
func (m *match) local(p *packet.Packet) netip.Addr {
	if m.owns(p.Src) {
		return p.Src
	}
	return p.Dst
}

// compare asserts that p got the sockets of the session that it belongs to.
func (m *match) compare(want verdict, before, p *packet.Packet) {
	m.Helper()
	s := want.session
	if want.fresh {
		if wrong := m.gold.settle(s, source(p), m.now); wrong != "" {
			m.Fatalf("a new session got %s: %s", source(p), wrong)
		}
	}
	local, socket := source(p), s.outside
	if m.owns(before.Dst) {
		local, socket = target(p), s.inside
	}
	if p.IsICMPError() {
		local = m.quoted(p)
		if m.local(p) != socket.Addr() {
			m.Errorf("an error got %s, want %s", m.local(p), socket.Addr())
		}
	}
	if local != socket {
		m.Errorf("got %s, want %s", local, socket)
	}
	if p.IsFragment() && !p.Probe {
		m.gold.fragments[goldDatagramOf(before)] = goldFragment{m.local(p), m.now + int64(fragmentTime)}
	}
}

// quoted is the socket in an error's quotation that the gateway changed.
func (m *match) quoted(p *packet.Packet) netip.AddrPort {
	src, _ := p.EmbeddedSrc()
	dst, _ := p.EmbeddedDst()
	_, srcPort, dstPort, _ := p.EmbeddedPorts()
	if m.owns(dst) {
		return at(dst, dstPort)
	}
	return at(src, srcPort)
}

// release takes back what the gateway hands out, and lets it cross.
func (m *match) release() {
	for m.g.fragments.ready.Load() > 0 {
		p := packet.New(2048)
		if !m.g.Release(p) {
			return
		}
		var uncounted Metrics
		uncounted.count(m.owns(p.Dst), 1, p.Len(), drop.NATFragment)
		m.seen = subtract(m.seen, uncounted)
		m.play(p)
	}
}

func subtract(a, b Metrics) Metrics {
	a.PacketsDropCount -= b.PacketsDropCount
	a.PacketsInFromSource -= b.PacketsInFromSource
	a.PacketsInFromDestination -= b.PacketsInFromDestination
	a.BytesInFromSource -= b.BytesInFromSource
	a.BytesInFromDestination -= b.BytesInFromDestination
	return a
}

// finish lets everything run out, and compares what is left and the counts.
func (m *match) finish() {
	m.gold.expire(m.now)
	m.g.Expire(m.now)
	m.wait(time.Second)
	m.gold.expire(m.now)
	if got, want := len(m.sessions()), len(m.gold.sessions); got != want {
		m.Errorf("%d sessions, want %d", got, want)
	}
	m.wait(400 * time.Second)
	m.gold.expire(m.now)
	if got := m.g.Metrics(); got.IdleTimeoutCount != m.gold.idle || got.ActiveConnectionCount != 0 {
		m.Errorf("IdleTimeoutCount %d, want %d; ActiveConnectionCount %d, want 0", got.IdleTimeoutCount, m.gold.idle, got.ActiveConnectionCount)
	}
	m.wait(121 * time.Second)
	for i := range m.g.shards {
		s := &m.g.shards[i]
		if n := s.inside.Len() + s.outside.Len() + s.destinations.index.Len() + len(s.sessions) - len(s.free); n != 0 {
			m.Errorf("shard %d keeps %d things", i, n)
		}
	}
}

// script reads what to do from bytes.
type script struct {
	*match
	bytes []byte
}

func (s *script) next() int {
	if len(s.bytes) == 0 {
		return 0
	}
	b := s.bytes[0]
	s.bytes = s.bytes[1:]
	return int(b)
}

func (s *script) inside() netip.AddrPort {
	hosts := []netip.Addr{hostA, hostB, hostA, hostB, hostA, hostB, webB, natA}
	b := s.next()
	return at(hosts[b&7], uint16(b>>3&3)+5000)
}

func (s *script) remote() netip.AddrPort {
	b := s.next()
	return at([]netip.Addr{webA, webB}[b&1], uint16(b>>1&1)+53)
}

// session is one that there is, or one that there is not.
func (s *script) session() *goldSession {
	if n := len(s.gold.sessions); n > 0 {
		if i := s.next(); i < 240 {
			return s.gold.sessions[i%n]
		}
	}
	return &goldSession{protocol: packet.UDP, inside: s.inside(), outside: at(natB, 1024+uint16(s.next())), remote: s.remote()}
}

// flags of TCP, such as there are in connections more often than others.
func (s *script) flags() uint8 {
	common := []uint8{packet.SYN, packet.ACK, packet.SYN | packet.ACK, packet.FIN | packet.ACK, packet.RST, packet.RST | packet.ACK, packet.ACK | packet.PSH}
	if b := s.next(); b < 224 {
		return common[b%len(common)]
	}
	return uint8(s.next())
}

func (s *script) sequence() uint32 { return uint32(s.next() & 3) }

// packet is the next to cross; nil if something else was to be done.
func (s *script) packet() *packet.Packet {
	switch op := s.next() % 12; op {
	case 0, 1:
		return tcpSegment(s.inside(), s.remote(), s.flags(), s.sequence(), s.sequence(), "tcp")
	case 2, 3:
		f := s.session()
		return tcpSegment(f.remote, f.outside, s.flags(), s.sequence(), s.sequence(), "tcp")
	case 4:
		return udpDatagram(s.inside(), s.remote(), "udp")
	case 5:
		return echo(s.inside().Addr(), s.remote().Addr(), uint16(s.next()))
	case 6:
		f := s.session()
		if f.protocol == packet.ICMP {
			return echoReply(f.remote.Addr(), f.outside.Addr(), f.outside.Port())
		}
		return udpDatagram(f.remote, f.outside, "udp")
	case 7, 8:
		return s.icmpError()
	case 9:
		return s.fragment()
	case 10:
		s.now += int64(time.Duration(s.next()) * 2 * time.Second)
	case 11:
		return s.odd()
	}
	return nil
}

// icmpError is one about a packet of a session, from either side.
func (s *script) icmpError() *packet.Packet {
	f, b := s.session(), s.next()
	from, to, sender := f.outside, f.remote, transit // what was sent, and who complains
	if b&1 != 0 {
		from, to, sender = f.remote, f.inside, hostB
	}
	about := udpDatagram(from, to, "quoted")
	switch {
	case f.protocol == packet.TCP:
		about = tcpSegment(from, to, packet.ACK, 1, 2, "quoted")
	case f.protocol == packet.ICMP && b&1 == 0:
		about = echo(from.Addr(), to.Addr(), from.Port())
	case f.protocol == packet.ICMP:
		about = echoReply(from.Addr(), to.Addr(), to.Port())
	}
	types := []uint8{packet.ICMPDestinationUnreachable, packet.ICMPTimeExceeded, packet.ICMPParameterProblem}
	return icmpError(s, about, sender, types[b>>1%3], uint8(b>>3))
}

func (s *script) fragment() *packet.Packet {
	b := s.next()
	whole := udpDatagram(s.inside(), s.remote(), longText)
	if b&1 != 0 {
		if f := s.session(); f.protocol == packet.UDP {
			whole = udpDatagram(f.remote, f.outside, longText)
		}
	}
	return cut(s, whole, uint16(b>>1&1), 24)[b>>2%3]
}

// odd is a packet that has something wrong or unusual.
func (s *script) odd() *packet.Packet {
	p := udpDatagram(s.inside(), s.remote(), "odd")
	b := s.next()
	return remake(s, p, func(datagram []byte) []byte {
		switch b & 7 {
		case 0:
			datagram[8] = byte(b >> 3 & 1) // TTL
		case 1:
			datagram[9] = byte(b) // protocol, all but ICMP and TCP, which need more header
		case 2:
			datagram[26] ^= 1 // UDP checksum
		case 3:
			datagram[26], datagram[27] = 0, 0
		case 4:
			datagram = withOptions(datagram, 0, b>>4%11)
		case 5:
			datagram[1] = byte(b) // DSCP and ECN
		case 6:
			datagram[6] ^= 0xc0 // DF and the evil bit
		}
		return datagram
	})
}

// run plays a script to its end.
func (s *script) run() {
	for len(s.bytes) > 0 && !s.Failed() {
		p := s.packet()
		if p == nil {
			if s.next()&1 != 0 {
				s.g.Expire(s.now)
				s.gold.expire(s.now)
			}
			continue
		}
		p.Probe = s.next()%16 == 15
		s.play(p)
		s.release()
	}
	s.finish()
}

func TestAgainstGold(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		b := make([]byte, 1500)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		if (&script{newMatch(t), b}).run(); t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// FuzzGateway plays scripts of packets and pauses against the gold model, under the checker's invariants.
func FuzzGateway(f *testing.F) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 2))
		b := make([]byte, 20+10*seed)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 256 {
			b = b[:256]
		}
		(&script{newMatch(t), b}).run()
	})
}
