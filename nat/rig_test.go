package nat

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

// The world of the NAT gateway's tests: a VPC 10.0.0.0/16 with hosts, the gateway's own addresses in it, and remotes outside.
var (
	natA, natB   = netip.MustParseAddr("10.0.255.4"), netip.MustParseAddr("10.0.255.5")
	hostA, hostB = netip.MustParseAddr("10.0.1.10"), netip.MustParseAddr("10.0.1.11")
	webA, webB   = netip.MustParseAddr("203.0.113.10"), netip.MustParseAddr("203.0.113.11")
	transit      = netip.MustParseAddr("192.0.2.1") // a router on the way
	vpc          = netip.MustParsePrefix("10.0.0.0/16")
)

func at(a netip.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(a, port) }

func standard() GatewayConfig {
	return GatewayConfig{Addresses: []netip.Addr{natA}, Sources: []netip.Prefix{vpc}}
}

// rig is a gateway with a clock and a passive checker on both sides, which asserts INV-1 to INV-8 for everything that crosses.
type rig struct {
	testing.TB
	config GatewayConfig
	g      *Gateway
	now    int64
	seen   Metrics // what the checker counted by itself
}

func newRig(t testing.TB, edit ...func(*GatewayConfig)) *rig {
	c := standard()
	for _, e := range edit {
		e(&c)
	}
	r := &rig{TB: t, config: c, g: NewGateway(c), now: int64(time.Hour)}
	t.Cleanup(r.check)
	return r
}

func (r *rig) wait(d time.Duration) { r.now += int64(d); r.g.Expire(r.now) }

// cross lets p cross and checks what a passive observer of both sides can.
func (r *rig) cross(p *packet.Packet) drop.Reason {
	r.Helper()
	p.Time = r.now
	before := packet.New(p.Len())
	before.CopyFrom(p)
	inbound := r.owns(p.Dst)
	reason := r.g.Cross(p)
	if reason != drop.Held && !p.Probe {
		r.seen.count(inbound, 1, p.Len(), reason)
	}
	if reason != drop.None {
		if !bytes.Equal(before.Bytes(), p.Bytes()) {
			r.Errorf("refused by %s, and yet changed", reason)
		}
		return reason
	}
	if inbound && (r.owns(p.Dst) || !vpc.Contains(p.Dst) || p.Src != before.Src) {
		r.Errorf("INV-2: inbound %v > %v became %v > %v", before.Src, before.Dst, p.Src, p.Dst)
	}
	if !inbound && (!r.owns(p.Src) || p.Dst != before.Dst) {
		r.Errorf("INV-1: outbound %v > %v became %v > %v", before.Src, before.Dst, p.Src, p.Dst)
	}
	checkTranslation(r, before, p)
	return reason
}

func (r *rig) owns(a netip.Addr) bool {
	for _, own := range r.config.Addresses {
		if a == own {
			return true
		}
	}
	return false
}

// checkTranslation asserts what holds for every translated packet: INV-3, INV-4's payload and INV-8 with one hop.
func checkTranslation(t testing.TB, before, after *packet.Packet) {
	t.Helper()
	a, b := after.Bytes(), before.Bytes()
	again := packet.New(len(a))
	again.SetBytes(a)
	if f := again.Decode(); f != packet.OK {
		t.Errorf("INV-3: what came out is not well formed: %s", f)
		return
	}
	if transportError(before) != transportError(after) {
		t.Errorf("INV-3: transport checksum off by %04x before, by %04x after", transportError(before), transportError(after))
	}
	if !after.IsICMPError() && !bytes.Equal(before.Payload(), after.Payload()) {
		t.Error("INV-4: payload changed")
	}
	if len(a) != len(b) || a[1] != b[1] || !bytes.Equal(a[4:8], b[4:8]) || a[8]+1 != b[8] {
		t.Errorf("INV-8: header % x became % x", b[:20], a[:20])
	}
}

// transportError is by how much the transport checksum is wrong: 0 where it is right, absent or in another fragment. An
// absent UDP checksum is told from a right one by the top bit.
func transportError(p *packet.Packet) uint32 {
	b := p.Bytes()
	header := int(b[0]&0xf) * 4
	t := b[header:]
	if p.LaterFragment() || p.IsFragment() && p.Protocol != packet.UDP {
		return 0
	}
	var s uint32
	switch p.Protocol {
	case packet.UDP:
		if binary.BigEndian.Uint16(t[6:]) == 0 {
			return 1 << 31
		}
		s = pseudo(b, len(t))
		if !p.IsFragment() {
			t = t[:binary.BigEndian.Uint16(t[4:])]
			s = pseudo(b, len(t))
		}
	case packet.TCP:
		s = pseudo(b, len(t))
	case packet.ICMP:
	default:
		return 0
	}
	s = sum16(s, t)
	if p.IsFragment() { // the rest is missing: only that the sum stays counts
		return s
	}
	return s - 0xffff
}

func pseudo(b []byte, n int) uint32 { return sum16(uint32(b[9])+uint32(n), b[12:20]) }

func sum16(s uint32, b []byte) uint32 {
	for i := 0; i < len(b); i += 2 {
		w := uint32(b[i]) << 8
		if i+1 < len(b) {
			w |= uint32(b[i+1])
		}
		s += w
	}
	for s>>16 != 0 {
		s = s>>16 + s&0xffff
	}
	return s
}

// check asserts INV-5, INV-6 and INV-7 of the gateway as it stands.
func (r *rig) check() {
	r.Helper()
	m := r.g.Metrics()
	if in, out := m.PacketsInFromSource+m.PacketsInFromDestination, m.PacketsOutToSource+m.PacketsOutToDestination; in != out+m.PacketsDropCount {
		r.Errorf("INV-6: %d in, %d out, %d dropped", in, out, m.PacketsDropCount)
	}
	if got := traffic(m); got != r.seen {
		r.Errorf("INV-6: the gateway counted %+v, the checker %+v", got, r.seen)
	}
	type five struct {
		protocol        uint8
		outside, remote netip.AddrPort
	}
	outside := map[five]bool{}
	n := 0
	r.g.Sessions(func(s Session) {
		n++
		k := five{s.Protocol, s.Outside, s.Remote}
		if outside[k] {
			r.Errorf("INV-5: two sessions have %v", k)
		}
		outside[k] = true
	})
	if limit := r.config.Capacity; limit > 0 && n > limit {
		r.Errorf("INV-7: %d sessions, more than %d", n, limit)
	}
	if live := r.g.live.Load(); live != int64(n) {
		r.Errorf("INV-7: %d sessions, but %d are counted", n, live)
	}
}

// traffic is what of the metrics an observer outside can count.
func traffic(m Metrics) Metrics {
	m.ActiveConnectionCount, m.ConnectionAttemptCount, m.ConnectionEstablishedCount = 0, 0, 0
	m.ErrorPortAllocation, m.IdleTimeoutCount = 0, 0
	return m
}

// Packets.

func tcpSegment(from, to netip.AddrPort, flags uint8, seq, ack uint32, payload string) *packet.Packet {
	p := packet.New(64 + len(payload))
	packet.BuildTCP(p, from, to, flags, seq, ack, []byte(payload))
	return p
}

func udpDatagram(from, to netip.AddrPort, payload string) *packet.Packet {
	p := packet.New(64 + len(payload))
	packet.BuildUDP(p, from, to, []byte(payload))
	return p
}

func echo(from, to netip.Addr, id uint16) *packet.Packet {
	p := packet.New(128)
	packet.BuildICMPEcho(p, from, to, id, 1, []byte("ping"))
	return p
}

func echoReply(from, to netip.Addr, id uint16) *packet.Packet {
	p := packet.New(128)
	packet.BuildICMPEchoReply(p, from, to, id, 1, []byte("ping"))
	return p
}

func icmpError(t testing.TB, about *packet.Packet, from netip.Addr, typ, code uint8) *packet.Packet {
	t.Helper()
	p := packet.New(1024)
	if !packet.BuildICMPError(p, about, from, typ, code, 0) {
		t.Fatal("no error about this may be sent")
	}
	return p
}

// remake changes the bytes of p, makes the IP header checksum right, and decodes.
func remake(t testing.TB, p *packet.Packet, f func(b []byte) []byte) *packet.Packet {
	t.Helper()
	b := f(append([]byte(nil), p.Bytes()...))
	fixHeader(b)
	q := packet.New(len(b) + 64)
	q.SetBytes(b)
	q.Time, q.Probe = p.Time, p.Probe
	if fault := q.Decode(); fault != packet.OK {
		t.Fatalf("remade into a packet of which %s", fault)
	}
	return q
}

func fixHeader(b []byte) {
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	b[10], b[11] = 0, 0
	n := int(b[0]&0xf) * 4
	binary.BigEndian.PutUint16(b[10:], ^uint16(sum16(0, b[:n])))
}

// fixICMP makes the checksum of a whole ICMP message right.
func fixICMP(b []byte) []byte {
	t := b[int(b[0]&0xf)*4:]
	t[2], t[3] = 0, 0
	binary.BigEndian.PutUint16(t[2:], ^uint16(sum16(0, t)))
	return b
}

// Steps.

// pass lets p cross, which must succeed, and returns it.
func (r *rig) pass(p *packet.Packet) *packet.Packet {
	r.Helper()
	if reason := r.cross(p); reason != drop.None {
		r.Fatalf("refused: %s", reason)
	}
	return p
}

// refuse lets p cross, which must fail for the reason given.
func (r *rig) refuse(p *packet.Packet, want drop.Reason) {
	r.Helper()
	if got := r.cross(p); got != want {
		r.Errorf("got %q, want %q", got, want)
	}
}

// source is what the outside sees as source of a packet that crossed.
func source(p *packet.Packet) netip.AddrPort { return at(p.Src, p.SrcPort) }

// target is what it is for.
func target(p *packet.Packet) netip.AddrPort { return at(p.Dst, p.DstPort) }

// udp sends a datagram out and returns the source that the outside sees.
func (r *rig) udp(from, to netip.AddrPort) netip.AddrPort {
	r.Helper()
	return source(r.pass(udpDatagram(from, to, "out")))
}

// arrives says whether a datagram from the outside reaches the inside host want.
func (r *rig) arrives(from, to, want netip.AddrPort) bool {
	r.Helper()
	p := udpDatagram(from, to, "in")
	if reason := r.cross(p); reason != drop.None {
		if reason != drop.NATNoMapping {
			r.Errorf("refused by %s", reason)
		}
		return false
	}
	if target(p) != want {
		r.Errorf("arrived at %s, want %s", target(p), want)
	}
	return true
}

// connect does a TCP handshake and returns the source that the outside sees.
func (r *rig) connect(from, to netip.AddrPort) netip.AddrPort {
	r.Helper()
	outside := source(r.pass(tcpSegment(from, to, packet.SYN, 100, 0, "")))
	r.pass(tcpSegment(to, outside, packet.SYN|packet.ACK, 900, 101, ""))
	r.pass(tcpSegment(from, to, packet.ACK, 101, 901, ""))
	return outside
}

// sessions returns the live sessions.
func (r *rig) sessions() (all []Session) {
	r.g.Sessions(func(s Session) { all = append(all, s) })
	return all
}

// only returns the state of the only session.
func (r *rig) only() State {
	r.Helper()
	all := r.sessions()
	if len(all) != 1 {
		r.Fatalf("%d sessions, want one", len(all))
	}
	return all[0].State
}
