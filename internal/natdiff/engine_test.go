package natdiff

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/packet"
	"vpcsim/internal/nstest"
	"vpcsim/internal/packettest"
)

func TestMain(m *testing.M) { nstest.Main(m) }

// The world on both sides of a NAT.
var (
	vpc      = netip.MustParsePrefix("10.0.0.0/16")
	hosts    = []netip.Addr{netip.MustParseAddr("10.0.1.10"), netip.MustParseAddr("10.0.1.11"), netip.MustParseAddr("10.0.1.12")}
	remotes  = []netip.Addr{netip.MustParseAddr("203.0.113.10"), netip.MustParseAddr("203.0.113.11"), netip.MustParseAddr("203.0.113.12")}
	private  = netip.MustParseAddr("10.0.0.4") // the NAT's own address inside
	public   = netip.MustParseAddr("198.51.100.4")
	uplink   = netip.MustParseAddr("198.51.100.1")
	markers  = netip.MustParseAddrPort("10.0.1.250:4")
	markedAt = netip.MustParseAddrPort("203.0.113.250:4")
)

type side int

const (
	inside side = iota
	outside
)

func (s side) String() string { return [...]string{"inside", "outside"}[s] }

// engine is something that does NAT, with a wire on either side.
type engine struct {
	testing.TB
	name   string
	inject func(side, []byte)
	next   func(context.Context, side) ([]byte, error) // waits for what comes out

	ports  map[session]uint16 // by which port the outside knows a session
	owners map[session]netip.AddrPort
	marks  int
}

// session is what one end knows of a session: the other end and, for ports, itself; for owners, its port outside.
type session struct {
	protocol      uint8
	local, remote netip.AddrPort
}

func newEngine(t testing.TB, name string) *engine {
	return &engine{TB: t, name: name, ports: map[session]uint16{}, owners: map[session]netip.AddrPort{}}
}

func sessionOf(protocol uint8, local, remote netip.AddrPort) session {
	if protocol == packet.ICMP {
		remote = netip.AddrPortFrom(remote.Addr(), 0)
	}
	return session{protocol, local, remote}
}

// public is what the outside knows the inside end of a session as; its own port where it was not seen yet.
func (e *engine) public(s session) netip.AddrPort {
	if p, ok := e.ports[s]; ok {
		return netip.AddrPortFrom(public, p)
	}
	return netip.AddrPortFrom(public, s.local.Port())
}

// learn notes the port that a session was given: always the same, and nobody else's towards its remote.
func (e *engine) learn(s session, port uint16) {
	if old, ok := e.ports[s]; ok && old != port {
		e.Errorf("%s: the session %v had port %d and has %d now", e.name, s, old, port)
	}
	o := session{s.protocol, netip.AddrPortFrom(public, port), s.remote}
	if owner, ok := e.owners[o]; ok && owner != s.local {
		e.Errorf("%s: INV-5: %v and %s share port %d", e.name, s, owner, port)
	}
	e.ports[s], e.owners[o] = port, s.local
}

// play sends what one side sends and returns what comes out on both. That nothing more comes is known from markers: a datagram that goes
// through behind it, and then one the other way.
func (e *engine) play(from side, datagrams [][]byte) (came [2][][]byte) {
	for _, d := range datagrams {
		e.inject(from, d)
	}
	first, second := outside, inside
	if from == outside {
		first, second = inside, outside
	}
	e.mark(first)
	came[first] = e.collect(first)
	e.mark(second)
	came[second] = e.collect(second)
	return came
}

// mark sends a marker that is to come out on a side.
func (e *engine) mark(to side) {
	e.marks++
	text := fmt.Appendf(nil, "marker %d", e.marks)
	if to == outside {
		e.inject(inside, packettest.UDP(markers, markedAt, 0, text))
		return
	}
	e.inject(outside, packettest.UDP(markedAt, e.public(sessionOf(packet.UDP, markers, markedAt)), 0, text))
}

// collect returns what came out on a side before the next marker.
func (e *engine) collect(on side) (came [][]byte) {
	e.Helper()
	ctx, cancel := context.WithTimeout(e.Context(), time.Minute)
	defer cancel()
	for {
		b, err := e.next(ctx, on)
		require.NoError(e, err, "%s: marker %d did not come out %s", e.name, e.marks, on)
		p := decode(b)
		if p == nil || p.Src != markedAt.Addr() && p.Dst != markedAt.Addr() {
			came = append(came, b)
			continue
		}
		if on == outside {
			e.learn(sessionOf(packet.UDP, markers, markedAt), p.SrcPort)
		}
		return came
	}
}

// decode returns the packet of b, or nil if it has a fault.
func decode(b []byte) *packet.Packet {
	p := packet.New(len(b))
	p.SetBytes(b)
	if p.Decode() != packet.OK {
		return nil
	}
	return p
}

func word(b []byte, at int) uint16 { return binary.BigEndian.Uint16(b[at:]) }
