package control

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vpcsim/dataplane/packet"
	"vpcsim/dataplane/port"
	"vpcsim/dataplane/port/tap"
	"vpcsim/internal/nstest"
)

// TestFloodsArriveAsTheyWereSent: what waits for a router's thread at once it writes as rows (dataplane/port/tap) where one end leaves
// checksums to it and the other takes super-packets of UDP. Over every path, in both families, there and back, the kernel that gets
// a flood has to make of it the datagrams that were sent: it forwards them to a device without any offloads, and for that one cuts the rows
// and sums up the datagrams itself. As many frames as datagrams tell that there were no rows.
func TestFloodsArriveAsTheyWereSent(t *testing.T) {
	nstest.RequireTAP(t)
	nstest.RequireIPv6(t)
	for _, row := range []struct {
		unchecked
		noRing bool
	}{
		{unchecked: unchecked{name: "all offloads"}},
		{unchecked: unchecked{name: "all offloads, without io_uring"}, noRing: true},
		{unchecked: unchecked{name: "checksums and no segments at the client", client: tap.TCPSegments | tap.UDPSegments}},
		{unchecked: unchecked{name: "no segments of TCP at the server", server: tap.TCPSegments}},
		{unchecked: unchecked{name: "none at the client", client: tap.AllOffloads}},
		{unchecked: unchecked{name: "none at the server", server: tap.AllOffloads}},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := &gate{reached: make(chan struct{}), open: make(chan struct{})}
			row.options = &Options{threads: 1, noRing: row.noRing, watch: g.watch}
			l := row.start(t)
			l.inside(t, "web", func() (err error) { g.bell, err = net.Dial("udp4", gateAddr+":9"); return err })
			defer g.bell.Close()
			sinks := map[string]*sink{}
			for _, n := range endsOfEveryPath {
				sinks[n] = l.divert(t, n)
			}
			eachWay(t, l.Lab, func(x exchange, t *testing.T) {
				rows := func(from, to string) bool {
					return g.segments && row.without(from)&tap.Checksums == 0 && row.without(to)&tap.UDPSegments == 0
				}
				client := x.dial(t, x.from, netip.AddrPort{}, netip.AddrPortFrom(x.to, 7))
				asked := sinks[x.on].meet(t, client)
				g.flood(t, client, sinks[x.on], rows(x.from, x.on))
				server := x.dial(t, x.on, netip.AddrPortFrom(x.to, 7), asked)
				sinks[x.from].meet(t, server)
				g.flood(t, server, sinks[x.from], rows(x.on, x.from))
			})
			for _, n := range endsOfEveryPath {
				l.inside(t, n, func() error { return wrongChecksums(t, n) })
			}
		})
	}
}

// dial returns a socket of a node.
func (x exchange) dial(t *testing.T, on string, from, to netip.AddrPort) (conn *net.UDPConn) {
	var local *net.UDPAddr
	if from.IsValid() {
		local = net.UDPAddrFromAddrPort(from)
	}
	x.lab.inside(t, on, func() (err error) { conn, err = net.DialUDP("udp", local, net.UDPAddrFromAddrPort(to)); return err })
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

const gateAddr = "10.0.2.12"

// gate is a port that takes what is written to it only once it is opened. The one thread of a router meanwhile waits there, and all that
// is sent waits for the thread.
type gate struct {
	port.Port
	bell          net.Conn // what is written to it goes to the gate
	reached, open chan struct{}
	segments      bool // the kernel's TAPs know super-packets of UDP
}

func (g *gate) watch(d device, p port.Port) port.Port {
	g.segments = g.segments || p.(*tap.Port).Offload()&tap.UDPSegments != 0
	if slices.Contains(d.own(), netip.MustParseAddr(gateAddr)) {
		g.Port = p
		return g
	}
	return p
}

func (g *gate) Write(batch []*packet.Packet) (int, error) {
	g.reached <- struct{}{}
	<-g.open
	return len(batch), nil
}

// hold runs f while the router's thread waits.
func (g *gate) hold(t *testing.T, f func()) {
	_, err := g.bell.Write([]byte{1})
	require.NoError(t, err)
	select {
	case <-g.reached:
	case <-time.After(patience):
		t.Fatal("the router's thread did not come to the gate")
	}
	defer func() { g.open <- struct{}{} }()
	f()
}

// Most datagrams of a flood are alike. From the middle on they may be fragmented, so that their identifications count.
const (
	floodSize   = 128
	longer      = 40
	unsummed    = 50 // in IPv4 it has no checksum
	fragmenting = floodSize / 2
	empty       = 80
	shorter     = 100
)

func floodOf() (all [][]byte) {
	data := noise(2048)
	for i := range floodSize {
		all = append(all, data[i:][:501])
	}
	all[longer], all[empty], all[shorter], all[floodSize-1] = data[:1300], nil, data[:12], data[:7]
	return all
}

// flood sends datagrams that arrive at the router at once, and judges what arrives at the other end.
func (g *gate) flood(t *testing.T, from *net.UDPConn, to *sink, rows bool) {
	raw, err := from.SyscallConn()
	require.NoError(t, err)
	set := func(level, option, value int) {
		require.NoError(t, raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), level, option, value) }))
		require.NoError(t, err)
	}
	before, all := to.frames(t), floodOf()
	g.hold(t, func() {
		for i, data := range all {
			switch i {
			case unsummed, unsummed + 1:
				set(unix.SOL_SOCKET, unix.SO_NO_CHECK, unsummed+1-i)
			case fragmenting:
				set(unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DONT)
			}
			_, err := from.Write(data)
			require.NoError(t, err)
		}
	})
	for i, data := range all {
		p := to.next(t)
		if !bytes.Equal(p.Payload(), data) {
			t.Fatalf("datagram %d of %d bytes became %d bytes, or others", i, len(data), len(p.Payload()))
		}
		judge(t, i, p)
	}
	if frames := to.frames(t) - before; (frames < floodSize/2) != rows { // the last one may not have been counted yet
		t.Errorf("%d datagrams came in %d frames; rows: want %v", floodSize, frames, rows)
	}
}

// judge sums up a flood's datagram i.
func judge(t *testing.T, i int, p *packet.Packet) {
	v4 := p.Version() == 4
	switch wrong := wrongSum(p); {
	case v4 && p.DontFragment() != (i < fragmenting):
		t.Errorf("datagram %d: don't fragment: %v", i, p.DontFragment())
	case v4 && i == unsummed:
		if sum := binary.BigEndian.Uint16(p.Bytes()[26:]); sum != 0 || wrong == "a wrong header checksum" {
			t.Errorf("datagram %d had no checksum and got %04x; %s", i, sum, wrong)
		}
	case wrong != "":
		t.Errorf("datagram %d: %s in % x", i, wrong, p.Bytes()[:min(80, p.Len())])
	}
}
