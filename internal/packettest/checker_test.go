package packettest

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/packet"
	"vpcsim/dataplane/port"
)

var (
	host, neighbour = netip.MustParseAddr("10.0.1.10"), netip.MustParseAddr("10.0.1.11")
	web, stranger   = netip.MustParseAddr("203.0.113.10"), netip.MustParseAddr("203.0.113.11")
	public          = netip.MustParseAddr("198.51.100.10")
	world           = World{Inside: host, Neighbour: neighbour, Remote: web, Stranger: stranger, First: 10000}
	ends            = Ends{
		Inside: netip.AddrPortFrom(host, 1000), Public: netip.AddrPortFrom(public, 2000), Remote: netip.AddrPortFrom(web, 7),
	}
)

// listener is a test that notes what a checker complains about.
type listener struct {
	testing.TB
	heard strings.Builder
}

func (l *listener) Errorf(format string, args ...any) { fmt.Fprintf(&l.heard, format+"\n", args...) }

// through carries datagrams from one port to another as a router under test would that changes packets by f, and returns what
// the checker says.
func through(t testing.TB, from, to Role, f func(*packet.Packet), datagrams ...[]byte) string {
	l := &listener{TB: t}
	c := NewChecker(l, netip.PrefixFrom(public, 32))
	in, out := port.NewPipe(len(datagrams)), port.NewPipe(len(datagrams))
	reader, writer := c.Watch(in, from, host), c.Watch(out, to, host)
	for _, d := range datagrams {
		require.NoError(t, in.Inject(d))
	}
	for range datagrams {
		p := packet.New(packet.MaxSize)
		_, err := reader.Read([]*packet.Packet{p})
		require.NoError(t, err)
		p.Decode()
		f(p)
		_, err = writer.Write([]*packet.Packet{p})
		require.NoError(t, err)
	}
	return l.heard.String()
}

// translate is what an honest router does.
func translate(p *packet.Packet) {
	p.DecrementTTL()
	p.SetSrc(public)
	p.SetSrcPort(2000)
}

func TestCheckerHears(t *testing.T) {
	udp := UDP(ends.Inside, ends.Remote, 7, []byte("payload"))
	inbound := UDP(ends.Remote, ends.Public, 8, []byte("payload"))
	forget := func(p *packet.Packet) {}
	raw := func(at int, v byte) func(p *packet.Packet) {
		return func(p *packet.Packet) { translate(p); with(p.Bytes(), at, v) }
	}
	for name, row := range map[string]struct {
		from, to Role
		datagram []byte
		change   func(*packet.Packet)
		want     string // empty for no complaint
	}{
		"an honest translation":                       {Instance, Internet, udp, translate, ""},
		"an honest delivery":                          {Internet, Instance, inbound, func(p *packet.Packet) { p.SetDst(host) }, ""},
		"a private source on the internet":            {Instance, Internet, udp, forget, "INV-1"},
		"a foreign public source on the internet":     {Instance, Internet, udp, func(p *packet.Packet) { p.SetSrc(stranger) }, "INV-1"},
		"the internet's own packet returned to it":    {Internet, Internet, inbound, forget, ""},
		"a packet for somebody else at an instance":   {Internet, Instance, inbound, func(p *packet.Packet) { p.SetDst(neighbour) }, "INV-2"},
		"a public source at an endpoint":              {Instance, Endpoint, udp, translate, "endpoint"},
		"a wrong header checksum":                     {Instance, Internet, udp, func(p *packet.Packet) { translate(p); p.Bytes()[11]++ }, "INV-3"},
		"a transport checksum broken":                 {Instance, Internet, udp, func(p *packet.Packet) { translate(p); p.Bytes()[27]++ }, "INV-3"},
		"a transport checksum repaired":               {Instance, Internet, flip(UDP(ends.Inside, ends.Remote, 7, nil), 27), func(p *packet.Packet) { translate(p); flip(p.Bytes(), 27) }, "INV-3"},
		"a checksum where there was none":             {Instance, Internet, UDP(ends.Inside, ends.Remote, 7, nil), func(p *packet.Packet) { translate(p); p.Bytes()[26], p.Bytes()[27] = 0, 0 }, "INV-3"},
		"a higher time to live":                       {Instance, Internet, udp, raw(8, 65), "INV-8"},
		"another DSCP":                                {Instance, Internet, udp, raw(1, 0x20), "INV-8"},
		"DF set":                                      {Instance, Internet, udp, raw(6, 0x40), "INV-8"},
		"another payload":                             {Instance, Internet, udp, raw(30, '!'), "never came in"},
		"a packet of the router's own that is no RST": {Instance, Instance, udp, func(p *packet.Packet) { packet.BuildUDP(p, ends.Remote, ends.Inside, nil) }, "never came in"},
		"a RST of the router's own":                   {Instance, Instance, udp, func(p *packet.Packet) { packet.BuildTCP(p, ends.Remote, ends.Inside, packet.RST, 1, 0, nil) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			switch got := through(t, row.from, row.to, row.change, row.datagram); {
			case row.want == "" && got != "":
				t.Errorf("complained: %s", got)
			case !strings.Contains(got, row.want):
				t.Errorf("said %q, want %s", got, row.want)
			}
		})
	}
}

func TestCheckerKnowsTheFragmentsOfWhatWentIn(t *testing.T) {
	d := ends.long()
	part := func(from, to int) func(p *packet.Packet) {
		return func(p *packet.Packet) { translate(p); p.SetBytes(piece(p.Bytes(), from, to)) }
	}
	for _, f := range []func(*packet.Packet){part(0, 1000), part(1000, 1808)} {
		if got := through(t, Instance, Internet, f, d); got != "" {
			t.Errorf("complained: %s", got)
		}
	}
	got := through(t, Instance, Internet, func(p *packet.Packet) { part(0, 1000)(p); with(p.Bytes(), 8, 65) }, d)
	if !strings.Contains(got, "INV-8") {
		t.Errorf("said %q of a fragment whose time to live went up", got)
	}
}

func TestBalanced(t *testing.T) {
	for name, row := range map[string]struct {
		in, out uint64
		want    string
	}{
		"as it was":                            {2, 1, ""},
		"one lost without a reason":            {3, 1, "3 packets in, 2 out or dropped"},
		"counted as out and dropped":           {2, 2, "2 packets in, 3 out or dropped"},
		"both wrong, so that the sum is right": {3, 2, "3 packets in, its ports 2"},
	} {
		t.Run(name, func(t *testing.T) {
			l := &listener{TB: t}
			c := NewChecker(l)
			c.in, c.out = 2, 1
			c.Balanced(row.in, row.out, 0, []uint64{1})
			if got := l.heard.String(); (row.want == "") != (got == "") || !strings.Contains(got, row.want) {
				t.Errorf("said %q, want %q", got, row.want)
			}
		})
	}
}

// TestVectorsDoNotMeet: every vector has a name and a port of its own.
func TestVectorsDoNotMeet(t *testing.T) {
	names, ports := map[string]bool{}, map[uint16]bool{}
	for _, v := range Vectors(world) {
		if names[v.Name] || ports[v.Inside.Port()] || len(v.Steps) == 0 {
			t.Errorf("%s: a second one of this name or port, or without steps", v.Name)
		}
		names[v.Name], ports[v.Inside.Port()] = true, true
	}
}

func TestStreamIsWellFormedAndRepeats(t *testing.T) {
	play := func() (all [][]byte) {
		r := rand.New(rand.NewPCG(1, 2))
		stream := Stream(r, []netip.Addr{host, neighbour}, []netip.Addr{web}, 100)
		for v, s := range Interleave(r, stream, 10) {
			e := v.Ends
			e.Public = netip.AddrPortFrom(public, e.Inside.Port())
			all = append(all, s.Make(e)...)
		}
		return all
	}
	all, again := play(), play()
	require.Equal(t, all, again)
	p := packet.New(packet.MaxSize)
	for _, b := range all {
		p.SetBytes(b)
		if f := p.Decode(); f != packet.OK || !p.ValidChecksum() {
			t.Errorf("%s: % x", f, b)
		}
	}
}

// FuzzChecker: whatever passes unchanged, but for addresses and one hop, is never complained about.
func FuzzChecker(f *testing.F) {
	for _, v := range Vectors(world) {
		for _, s := range v.Steps {
			for _, b := range s.Make(ends) {
				f.Add(b)
			}
		}
	}
	p := packet.New(1280)
	packet.BuildUDP(p, netip.MustParseAddrPort("[2001:db8::1]:1"), netip.MustParseAddrPort("[2001:db8::2]:2"), []byte("six"))
	f.Add(append([]byte(nil), p.Bytes()...))
	packet.BuildTCP(p, netip.MustParseAddrPort("[2001:db8::1]:1"), netip.MustParseAddrPort("[2001:db8::2]:2"), packet.SYN, 1, 0, nil)
	f.Add(append([]byte(nil), p.Bytes()...))
	f.Fuzz(func(t *testing.T, b []byte) {
		p := packet.New(packet.MaxSize)
		p.SetBytes(b[:min(len(b), packet.MaxSize)])
		if p.Decode() != packet.OK {
			return
		}
		got := through(t, Instance, Instance, func(p *packet.Packet) {
			p.DecrementTTL()
			if p.Src.Is4() {
				p.SetSrcPort(2000)
				p.SetSrc(public)
			}
		}, b)
		if got = strings.ReplaceAll(got, "INV-2", ""); strings.Contains(got, "INV-") || strings.Contains(got, "never came in") {
			t.Errorf("complained: %s", got)
		}
	})
}
