package dataplane

import (
	"net/netip"
	"slices"

	"vpcsim/dataplane/aggregation"
	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/index"
	"vpcsim/dataplane/packet"
)

// Flow logs.
//
// A flow log wants each packet where a network interface's filters have decided about it: leaving, once the network ACL has let it out of
// the subnet or something before that has not; arriving, once the security groups have let it in or something before that has not; and
// at a gateway's interface both. Worker.log is called there, behind one test of w.logs, which a worker loads once per batch.
//
// Every worker has a table of its own for each open log. [FlowLog.Cut] gives all of them new ones and waits, as a commit does, until nobody
// is inside a batch that began with the old: then those are the caller's, who puts them together in its own time.

// FlowLog collects the flows of all network interfaces. Its methods are for one goroutine at a time.
type FlowLog struct {
	router *Router
	config FlowLogConfig
	seed   index.Seed

	room   *aggregation.Room    // guarded by router.mu; of the current interval
	origin int64                // guarded by router.mu
	left   []*aggregation.Table // guarded by router.mu; of the current interval, of workers that have ended
}

// FlowLogConfig configures a flow log.
type FlowLogConfig struct {
	Traffic aggregation.Traffic
	// Flows is how many flows an interval may have, of IPv4 some 60 bytes each; 0 means 1<<20. What is beyond it is skipped, and counted.
	Flows int
}

// FlowLogInterval is what a flow log has of one interval, for [aggregation.Merge].
type FlowLogInterval struct {
	Tables []*aggregation.Table
	Origin int64    // monotonic ns that the flows' times count from
	IDs    []string // of the interfaces, by number
}

// MaxFlowLogs is how many flow logs a router has at a time: each costs its share of every packet.
const MaxFlowLogs = 8

// OpenFlowLog begins a flow log; false if there are [MaxFlowLogs] already. origin is a monotonic time, not after now, at which a second of the
// clock on the wall begins. Close the log after use.
func (r *Router) OpenFlowLog(c FlowLogConfig, origin int64) (*FlowLog, bool) {
	if c.Flows == 0 {
		c.Flows = 1 << 20
	}
	l := &FlowLog{router: r, config: c, seed: index.NewSeed()}
	l.begin(origin)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.logs) == MaxFlowLogs {
		return nil, false
	}
	r.logs = append(r.logs, l)
	for w := range r.workers {
		w.setTables(append(slices.Clone(w.current()), l.table()))
	}
	return l, true
}

func (l *FlowLog) begin(origin int64) {
	l.room, l.origin, l.left = aggregation.NewRoom(l.config.Flows), origin, nil
}

func (l *FlowLog) table() *aggregation.Table {
	return aggregation.NewTable(l.seed, l.room, l.origin, l.config.Traffic)
}

// Cut ends an interval and begins another one, whose flows' times count from origin.
func (l *FlowLog) Cut(origin int64) FlowLogInterval {
	r := l.router
	r.mu.Lock()
	defer r.mu.Unlock()
	cut := FlowLogInterval{Tables: l.left, Origin: l.origin, IDs: r.numbered}
	l.begin(origin)
	n := slices.Index(r.logs, l)
	for w := range r.workers {
		next := slices.Clone(w.current())
		cut.Tables = append(cut.Tables, next[n])
		next[n] = l.table()
		w.setTables(next)
	}
	r.grace()
	return cut
}

// Close ends the log and returns its last interval.
func (l *FlowLog) Close() FlowLogInterval {
	r := l.router
	r.mu.Lock()
	defer r.mu.Unlock()
	last := FlowLogInterval{Tables: l.left, Origin: l.origin, IDs: r.numbered}
	n := slices.Index(r.logs, l)
	r.logs = slices.Delete(slices.Clone(r.logs), n, n+1)
	for w := range r.workers {
		tables := slices.Clone(w.current())
		last.Tables = append(last.Tables, tables[n])
		w.setTables(slices.Delete(tables, n, n+1))
	}
	r.grace()
	return last
}

// logInto gives a worker that has yet to start tables for the logs.
func (w *Worker) logInto(logs []*FlowLog) {
	var tables []*aggregation.Table
	for _, l := range logs {
		tables = append(tables, l.table())
	}
	w.setTables(tables)
}

// keepLogs keeps what a worker that has ended has for the logs. mu is held.
func (r *Router) keepLogs(w *Worker) {
	for n, l := range r.logs {
		l.left = append(l.left, w.current()[n])
	}
}

// current returns the worker's tables. The router's mu is held, with which alone they are changed.
func (w *Worker) current() []*aggregation.Table {
	if t := w.tables.Load(); t != nil {
		return *t
	}
	return nil
}

func (w *Worker) setTables(tables []*aggregation.Table) {
	if len(tables) == 0 {
		w.tables.Store(nil)
		return
	}
	w.tables.Store(&tables)
}

// log notes a packet at an interface, if there are flow logs: what became of it there, and for one that leaves by which route.
func (w *Worker) log(i *Interface, p *packet.Packet, d direction, reason drop.Reason, r *Route) {
	if w.logs != nil {
		w.logged(i, p, d, reason, r)
	}
}

// logged is log once there are flow logs. Edges have none.
func (w *Worker) logged(i *Interface, p *packet.Packet, d direction, reason drop.Reason, r *Route) {
	if i.Subnet == nil || unlogged(i.Subnet, p, d) {
		return
	}
	path := conntrack.PathNone
	if r != nil && r.Drop == drop.None {
		path = r.Path
	}
	for _, t := range w.logs {
		t.Add(i.zone, p, bool(d), reason.Action(), path)
	}
}

// The ports of DHCP and DHCPv6 (RFC 2131, RFC 8415).
const (
	dhcpServer, dhcpClient   = 67, 68
	dhcp6Server, dhcp6Client = 547, 546
)

// Services in fd00:ec2::/32 that flow logs leave out, as those in 169.254.169.0/24 (aws-semantics 8.1, 9.3).
var unlogged6 = [...]netip.Addr{netip.MustParseAddr("fd00:ec2::253"), netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("fd00:ec2::123")}

// unlogged says whether AWS never logs the packet: what is exchanged with the Amazon resolver, instance metadata, Amazon Time Sync, Windows
// licence activation or the subnet's router, and DHCP (aws-semantics 9.3).
func unlogged(s *Subnet, p *packet.Packet, d direction) bool {
	peer := p.Src
	if d == outbound {
		peer = p.Dst
	}
	if p.Protocol == packet.UDP {
		switch [2]uint16{p.SrcPort, p.DstPort} {
		case [2]uint16{dhcpClient, dhcpServer}, [2]uint16{dhcpServer, dhcpClient}, [2]uint16{dhcp6Client, dhcp6Server}, [2]uint16{dhcp6Server, dhcp6Client}:
			return true
		}
	}
	if peer == s.Router || peer == s.Resolver {
		return true
	}
	if !peer.Is4() {
		return peer == s.Router6 || slices.Contains(unlogged6[:], peer)
	}
	if a := peer.As4(); a[0] == 169 && a[1] == 254 && a[2] == 169 {
		switch a[3] {
		case 123, 250, 251, 253, 254:
			return true
		}
	}
	return false
}

// NextHop guesses which interface's packets to dst reach next, by the routes alone, and the class of the first route; nil if they leave for an
// edge, or are translated or dropped before.
func (s *Snapshot) NextHop(from *Interface, dst netip.Addr) (*Interface, conntrack.Path) {
	node, _ := from.next(dst)
	path := conntrack.PathNone
	for n := range maxHops {
		r, ok := node.Routes.Lookup(dst)
		if !ok || r.Drop != drop.None {
			return nil, path
		}
		if n == 0 {
			path = r.Path
		}
		switch {
		case r.Entry != nil:
			return r.Entry, path
		case path == conntrack.PathInternet, r.Node == nil && r.Interface.Subnet == nil:
			return nil, path
		case r.Interface != nil:
			return r.Interface, path
		}
		node = r.Node
	}
	return nil, path
}
