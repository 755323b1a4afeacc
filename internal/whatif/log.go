package whatif

import (
	"net/netip"
	"time"

	"vpcsim/dataplane/flowlog"
	"vpcsim/dataplane/packet"
)

// Log puts the records of flow logs together to connections. A connection is what one network interface exchanged with one far end:
// both directions, over all intervals. Its memory grows with the number of connections, not of records.
//
// A connection is live if it has a record that ends within a window of the newest record of all, and is TCP that its flags do not
// show to be over, or another protocol. What is idle has no records: a log can't tell of it.
type Log struct {
	index      map[connectionKey]int32
	all        []observed
	keys       []connectionKey
	interfaces []logged
	byID       map[string]int32
	counts     FlowLogs
	newest     uint32 // end of the newest record
}

// FlowLogs is what was read of flow logs, and what became of it.
type FlowLogs struct {
	Files      int       `json:"Files"`
	Records    int       `json:"Records"`         // with data, those of NotIP and Rejected included
	NoData     int       `json:"NoDataRecords"`   // of intervals without traffic
	SkipData   int       `json:"SkipDataRecords"` // of intervals whose records are missing
	NotIP      int       `json:"NotIpRecords"`    // without addresses
	Rejected   int       `json:"RejectedRecords"` // refused by a security group or a network ACL
	Newest     time.Time `json:"NewestRecord"`
	Since      time.Time `json:"LiveSince"` // what has no record after this is not live
	Live       int       `json:"LiveConnections"`
	Idle       int       `json:"IdleConnections"`           // without a record since then
	Finished   int       `json:"FinishedConnections"`       // TCP that FIN or RST ended
	HalfOpen   int       `json:"HalfOpenConnections"`       // TCP that nobody has answered
	AtGateways int       `json:"ConnectionsSeenAtGateways"` // once more, beside the instance's own records; not among the live ones
	AtBothEnds int       `json:"ConnectionsSeenAtBothEnds"` // between two network interfaces; once among the live ones
	NoFlags    int       `json:"ConnectionsWithoutTcpFlags"`
	ByAddress  int       `json:"NetworkInterfacesByAddress"` // found by their addresses, as no id of the logs is in the topology
	Interfaces int       `json:"NetworkInterfaces"`          // in the logs
}

// connectionKey names a connection. The end that sorts first is a.
type connectionKey struct {
	a, b         [16]byte
	aPort, bPort uint16
	at           int32 // number of the network interface
	protocol     uint8
	four         bool // IPv4
}

func (k connectionKey) ends() (a, b netip.AddrPort) {
	first, second := netip.AddrFrom16(k.a), netip.AddrFrom16(k.b)
	if k.four {
		first, second = first.Unmap(), second.Unmap()
	}
	return netip.AddrPortFrom(first, k.aPort), netip.AddrPortFrom(second, k.bPort)
}

// observed is what the records of a connection say. Times are Unix seconds; those of flags are starts of intervals, so that a
// connection on the ports of an older one is told from it.
type observed struct {
	packets, bytes uint64
	start, end     uint32
	busy           uint32       // of the newest interval with more packets than the end of a connection takes
	ways           [2]direction // from a to b, from b to a
	overEnd        uint32       // of the newest interval with FIN or RST
	pathEnd        uint32
	path           uint8  // newest traffic-path
	egress         egress // which way is egress
	noFlags        bool   // some record has no tcp-flags
	own            bool   // the addresses are the packets' own, and not the interface's primary one
}

type direction struct {
	syn, synAck, fin, rst uint32
	seen                  bool
}

// egress says which of the two ways of a connection leaves the network interface.
type egress uint8

const (
	egressUnknown egress = iota
	egressAB
	egressBA
)

// logged is a network interface of the logs.
type logged struct {
	id, vpc, subnet string
}

// NewLog returns an empty Log.
func NewLog() *Log {
	return &Log{index: map[connectionKey]int32{}, byID: map[string]int32{}}
}

// File counts a file that was read.
func (l *Log) File() { l.counts.Files++ }

// Add adds a record.
func (l *Log) Add(r *flowlog.Record) {
	switch r.Status {
	case flowlog.NoData:
		l.counts.NoData++
		return
	case flowlog.SkipData:
		l.counts.SkipData++
		return
	}
	l.counts.Records++
	l.newest = max(l.newest, uint32(r.End))
	src, dst := r.Ends()
	switch {
	case !src.IsValid():
		l.counts.NotIP++
		return
	case r.Reject:
		l.counts.Rejected++
		return
	}
	k, back := key(l.at(r), r, src, dst)
	l.connection(k).see(r, back)
}

// at returns the number of the record's network interface.
func (l *Log) at(r *flowlog.Record) int32 {
	n, ok := l.byID[r.Interface]
	if !ok {
		n = int32(len(l.interfaces))
		l.byID[r.Interface] = n
		l.interfaces = append(l.interfaces, logged{id: r.Interface})
	}
	if i := &l.interfaces[n]; i.subnet == "" {
		i.vpc, i.subnet = r.VPC, r.Subnet
	}
	return n
}

func (l *Log) connection(k connectionKey) *observed {
	n, ok := l.index[k]
	if !ok {
		n = int32(len(l.all))
		l.index[k] = n
		l.all, l.keys = append(l.all, observed{}), append(l.keys, k)
	}
	return &l.all[n]
}

// key names the connection of a record from src to dst; back says that this is from b to a.
func key(at int32, r *flowlog.Record, src, dst netip.Addr) (k connectionKey, back bool) {
	k = connectionKey{a: src.As16(), b: dst.As16(), aPort: r.SrcPort, bPort: r.DstPort, at: at, protocol: r.Protocol, four: src.Is4()}
	if c := src.Compare(dst); c > 0 || c == 0 && r.SrcPort > r.DstPort {
		k.a, k.b, k.aPort, k.bPort, back = k.b, k.a, k.bPort, k.aPort, true
	}
	return k, back
}

// goodbye is how many packets the end of a connection takes in one direction at most, late acknowledgements included.
const goodbye = 4

func (o *observed) see(r *flowlog.Record, back bool) {
	start, end := uint32(r.Start), uint32(r.End)
	if start == 0 {
		start = end // the format does not have it
	}
	if o.end == 0 || start < o.start {
		o.start = start
	}
	o.end = max(o.end, end)
	o.packets += r.Packets
	o.bytes += r.Bytes
	if r.Packets > goodbye {
		o.busy = max(o.busy, start)
	}
	o.own = o.own || r.PktSrc.IsValid() && r.PktDst.IsValid()
	way, out, in := &o.ways[0], egressAB, egressBA
	if back {
		way, out, in = &o.ways[1], egressBA, egressAB
	}
	way.see(r.TCPFlags, start)
	o.noFlags = o.noFlags || r.TCPFlags == flowlog.NoFlags
	if r.TCPFlags != flowlog.NoFlags && r.TCPFlags&(flowlog.FIN|flowlog.RST) != 0 {
		o.overEnd = max(o.overEnd, end)
	}
	switch r.Direction {
	case flowlog.Egress:
		o.egress = out
	case flowlog.Ingress:
		o.egress = in
	}
	if r.TrafficPath != 0 && end >= o.pathEnd {
		o.path, o.pathEnd = r.TrafficPath, end
	}
}

func (d *direction) see(flags int16, start uint32) {
	d.seen = true
	if flags == flowlog.NoFlags {
		return
	}
	switch flags & (flowlog.SYN | flowlog.ACK) {
	case flowlog.SYN:
		d.syn = max(d.syn, start)
	case flowlog.SYN | flowlog.ACK:
		d.synAck = max(d.synAck, start)
	}
	if flags&flowlog.FIN != 0 {
		d.fin = max(d.fin, start)
	}
	if flags&flowlog.RST != 0 {
		d.rst = max(d.rst, start)
	}
}

// finished says whether flags show the end of the connection, and nothing after it that belongs to another one.
func (o *observed) finished() bool {
	opened := max(o.ways[0].syn, o.ways[1].syn)
	over := max(o.ways[0].rst, o.ways[1].rst)
	if min(o.ways[0].fin, o.ways[1].fin) >= max(opened, 1) {
		over = max(over, o.ways[0].fin, o.ways[1].fin)
	}
	return over > 0 && over >= opened && o.busy <= o.overEnd
}

// attempts is how many SYNs a program sends that nobody answers: Linux's first one and six more (tcp(7), tcp_syn_retries).
const attempts = 7

// halfOpen says whether somebody has tried to open the connection, and nobody has answered. More packets than that have had an
// answer, whether or not it is in the log.
func (o *observed) halfOpen() bool {
	a, b := o.ways[0], o.ways[1]
	return !o.noFlags && o.packets <= attempts && (a.syn > 0 && !b.seen || b.syn > 0 && !a.seen)
}

// opener says which way the first packet went, if flags show it.
func (o *observed) opener() egress {
	a, b := o.ways[0], o.ways[1]
	switch {
	case a.syn > b.syn, b.synAck > 0 && a.synAck == 0:
		return egressAB
	case b.syn > a.syn, a.synAck > 0:
		return egressBA
	}
	return egressUnknown
}

// live counts what became of all connections and calls visit for those that are live.
func (l *Log) live(window time.Duration, visit func(connectionKey, *observed)) {
	since := uint32(0)
	if s := int64(window / time.Second); window > 0 && s < int64(l.newest) {
		since = l.newest - uint32(s)
	}
	l.counts.Interfaces = len(l.interfaces)
	l.counts.Newest, l.counts.Since = time.Unix(int64(l.newest), 0).UTC(), time.Unix(int64(since), 0).UTC()
	for n := range l.all {
		k, o := l.keys[n], &l.all[n]
		switch tcp := k.protocol == packet.TCP; {
		case o.end < since:
			l.counts.Idle++
		case tcp && o.finished():
			l.counts.Finished++
		case tcp && o.halfOpen():
			l.counts.HalfOpen++
		default:
			l.counts.Live++
			if tcp && o.noFlags {
				l.counts.NoFlags++
			}
			visit(k, o)
		}
	}
}
