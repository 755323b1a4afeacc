package dataplane

import (
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
	"vpcsim/dataplane/port"
	"vpcsim/internal/packettest"
	"vpcsim/nat"
	"vpcsim/routing"
)

// lab is a small VPC made by hand: two subnets with tables of their own, an internet gateway, S3 and an internet host.
//
//	10.0.1.0/24 (rtb-a): app 10.0.1.10 (198.51.100.10), other 10.0.1.11 (no public IP)
//	10.0.2.0/24 (rtb-b): far 10.0.2.10 (198.51.100.20)
//	internet: host 203.0.113.10, S3 52.216.0.0/15
type lab struct {
	t       testing.TB
	router  *Router
	checker *packettest.Checker       // of all that passes its ports
	clock   atomic.Int64              // the time, unless began is set
	began   atomic.Pointer[time.Time] // when a real clock began
	closed  bool

	mu     sync.Mutex
	events []FlowEvent // guarded by mu
}

var (
	app      = netip.MustParseAddr("10.0.1.10")
	other    = netip.MustParseAddr("10.0.1.11")
	far      = netip.MustParseAddr("10.0.2.10")
	appIP    = netip.MustParseAddr("198.51.100.10")
	farIP    = netip.MustParseAddr("198.51.100.20")
	s3       = netip.MustParseAddr("52.216.1.2")
	internet = netip.MustParseAddr("203.0.113.10")
	routerA  = netip.MustParseAddr("10.0.1.1")
	resolver = netip.MustParseAddr("10.0.0.2")
)

func newLab(t testing.TB, mode Mode) *lab {
	l := &lab{t: t, checker: packettest.NewChecker(t, prefix("198.51.100.0/24"))}
	l.clock.Store(1)
	l.router = NewRouter(Config{Mode: mode, Now: l.now, OnFlow: func(e FlowEvent) {
		l.mu.Lock()
		l.events = append(l.events, e)
		l.mu.Unlock()
	}})
	t.Cleanup(l.close)
	return l
}

func (l *lab) now() int64 {
	if began := l.began.Load(); began != nil {
		return int64(time.Since(*began))
	}
	return l.clock.Load()
}

// close ends the router; a test may have done so before.
func (l *lab) close() {
	if !l.closed {
		l.closed = true
		require.NoError(l.t, l.router.Close())
		c := l.router.Counters()
		l.checker.Balanced(c.PacketsIn, c.PacketsOut, c.Resets+c.ICMPErrors, c.Drops[:])
	}
}

// attach gives the interface with the given id a pipe of the given depth as port, watched by the checker.
func (l *lab) attach(id string, depth int) *port.Pipe {
	p, role, own := port.NewPipe(depth), packettest.Internet, map[string][]netip.Addr{"eni-app": {app}, "eni-other": {other}, "eni-far": {far}}[id]
	switch {
	case own != nil:
		role = packettest.Instance
	case strings.HasPrefix(id, "vpce-"):
		role = packettest.Endpoint
	}
	l.router.Attach(id, l.checker.Watch(p, role, own...))
	return p
}

var igw = nat.NewStatic(map[netip.Addr]netip.Addr{app: appIP, far: farIP})

type passes struct{}

func (passes) Cross(*packet.Packet) drop.Reason { return drop.None }

// options say what the snapshot holds besides the fixed VPC.
type options struct {
	endpointA, endpointB string // id of the endpoint whose route is in the table; none if empty
	more                 []*Route
	cut                  bool
	change               func(*Snapshot) // the last word
}

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func table(t testing.TB, routes ...*Route) *routing.Table[*Route] {
	var b routing.Builder[*Route]
	for _, r := range routes {
		b.Add(r.Prefix, r.Origin, r)
	}
	built, err := b.Build()
	require.NoError(t, err)
	return built
}

func (l *lab) snapshot(o options) *Snapshot {
	t := l.t
	net, local := &Node{ID: "internet"}, &Node{ID: "vpc"}
	out, in := igw.Egress(), igw.Ingress()
	s := &Snapshot{Change: "change"}
	add := func(i *Interface) *Interface { s.Interfaces = append(s.Interfaces, i); return i }

	host := add(&Interface{ID: "host", Addrs: []netip.Addr{internet}, SourceDestCheck: true, Node: net})
	service := add(&Interface{ID: "s3", Node: net})
	tableOf := func(id, endpoint string) *Node {
		routes := []*Route{
			{Prefix: prefix("10.0.0.0/16"), Target: "local", Path: conntrack.PathLocal, Node: local},
			{Prefix: prefix("0.0.0.0/0"), Origin: routing.Static, Target: "igw", Path: conntrack.PathInternet, Gateway: out, Node: net},
		}
		if endpoint != "" {
			back := &Node{ID: endpoint, Routes: table(t, &Route{Prefix: prefix("10.0.0.0/16"), Target: endpoint, Node: local})}
			edge := add(&Interface{ID: endpoint, Node: back})
			routes = append(routes, &Route{Prefix: prefix("52.216.0.0/15"), Origin: routing.PrefixList, PrefixList: "pl-1",
				Target: endpoint, Path: conntrack.PathEndpoint, Gateway: passes{}, Interface: edge})
		}
		return &Node{ID: id, Table: true, Routes: table(t, append(routes, o.more...)...), CutInternet: o.cut && endpoint != ""}
	}
	a := &Subnet{ID: "a", Prefix: prefix("10.0.1.0/24"), Router: routerA, Resolver: resolver, Local: local, Node: tableOf("rtb-a", o.endpointA)}
	b := &Subnet{ID: "b", Prefix: prefix("10.0.2.0/24"), Router: routerA.Next(), Resolver: resolver, Local: local, Node: tableOf("rtb-b", o.endpointB)}
	eni := func(id string, addr, public netip.Addr, s *Subnet) *Interface {
		return add(&Interface{ID: id, Addrs: []netip.Addr{addr}, Public: []netip.Addr{public}, SourceDestCheck: true, Subnet: s})
	}
	var inside []*Route
	for _, i := range []*Interface{
		eni("eni-app", app, appIP, a), eni("eni-other", other, netip.Addr{}, a), eni("eni-far", far, farIP, b),
	} {
		inside = append(inside, &Route{Prefix: netip.PrefixFrom(i.Addrs[0], 32), Target: "local", Path: conntrack.PathLocal, Interface: i})
	}
	local.Routes = table(t, append(inside, &Route{Prefix: prefix("10.0.0.0/16"), Target: "local", Drop: drop.NoPossibleDestination})...)
	net.Routes = table(t,
		&Route{Prefix: prefix("52.216.0.0/15"), Target: "s3", Interface: service},
		&Route{Prefix: netip.PrefixFrom(internet, 32), Target: "host", Interface: host},
		&Route{Prefix: netip.PrefixFrom(appIP, 32), Target: "igw", Gateway: in, Node: local},
		&Route{Prefix: netip.PrefixFrom(farIP, 32), Target: "igw", Gateway: in, Node: local})
	if o.change != nil {
		s.index() // so that it finds interfaces by id
		o.change(s)
	}
	return s
}

// commit makes a snapshot with the options current.
func (l *lab) commit(o options) { l.router.Commit(l.snapshot(o)) }

func (l *lab) drained() (events []FlowEvent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	events, l.events = l.events, nil
	return events
}

// send forwards one TCP segment from the interface with the given id and returns where it arrived, why not, and the
// packet as it then was. A worker of its own stands in for a port's.
func (l *lab) send(from string, src, dst netip.AddrPort, flags uint8) (to string, reason drop.Reason, p *packet.Packet) {
	w := l.worker()
	p = segment(src, dst, flags)
	p.Time = l.clock.Load()
	i, reason := w.Forward(w.snapshot.Interface(from), p)
	if reason != drop.None {
		return "", reason, p
	}
	return i.ID, reason, p
}

func (l *lab) worker() *Worker {
	w := &Worker{router: l.router}
	w.adopt(l.router.Snapshot())
	return w
}

func segment(src, dst netip.AddrPort, flags uint8) *packet.Packet {
	p := packet.New(256)
	packet.BuildTCP(p, src, dst, flags, 1000, 2000, nil)
	return p
}

func at(a netip.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(a, port) }

// connect does the three-way handshake between two interfaces.
func (l *lab) connect(from string, src, dst netip.AddrPort) {
	l.t.Helper()
	to, reason, p := l.send(from, src, dst, packet.SYN)
	require.Equal(l.t, drop.None, reason)
	back, reason, _ := l.send(to, at(p.Dst, p.DstPort), at(p.Src, p.SrcPort), packet.SYN|packet.ACK)
	require.Equal(l.t, drop.None, reason)
	require.Equal(l.t, from, back)
	_, reason, _ = l.send(from, src, dst, packet.ACK)
	require.Equal(l.t, drop.None, reason)
}
