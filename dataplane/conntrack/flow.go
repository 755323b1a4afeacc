package conntrack

import (
	"net/netip"
	"slices"

	"vpcsim/dataplane/drop"
)

// Path is the class of a connection's way through the VPC: which kind of target its packets are routed to. It is what
// decides which source address the far side sees (aws-semantics 3.6).
type Path uint8

// The path classes.
const (
	PathNone        Path = iota // no route, or a blackhole
	PathLocal                   // another interface of the VPC
	PathInternet                // an internet gateway
	PathEndpoint                // a gateway endpoint
	PathNAT                     // a NAT gateway, and from there the internet
	PathNATEndpoint             // a NAT gateway, and from its own subnet a gateway endpoint (aws-semantics 5.7)
	PathPeering                 // a peering connection
	PathTransit                 // a transit gateway
	PathEgressOnly              // an egress-only internet gateway
	PathInterface               // a network interface that is a route's target: an appliance, a NAT instance
	paths                       // how many there are
)

var pathNames = [paths]string{"none", "local", "igw", "vpce", "nat", "nat+vpce", "pcx", "tgw", "eigw", "eni"}

// String returns the word used in reports, for example igw or vpce.
func (p Path) String() string {
	if p >= paths {
		return "unknown"
	}
	return pathNames[p]
}

// Tracking is what a flow's being in the table means for the packets of its connection (aws-semantics 6.3, 6.4).
type Tracking uint8

// The kinds of tracking.
const (
	Tracked   Tracking = iota // they pass, whatever the rules say by now
	Untracked                 // rules open to everybody let them pass, one by one; the flow is there for its way alone
	Barred                    // as Untracked, but the rules no longer allow what opened the connection: none passes
)

// Flow is what the table remembers of a connection: one cache line, and no pointers, so that millions of them cost the garbage
// collector nothing. A *Flow is valid only while its shard is held. The caller sets Target, Generation, Path, Cut, Tracking and the
// source; the table sets the rest.
type Flow struct {
	Target     uint64 // identifies the route target that the first packet took
	Generation uint64 // the newest snapshot the flow has been judged under
	Opened     int64  // monotonic ns
	LastSeen   int64  // monotonic ns

	source       [16]byte // IPv4 as IPv4-mapped IPv6; all zero: there is none
	idle, stream uint32   // ms; the time-out of a TCP connection or of a short UDP exchange, and that of a UDP stream

	Path     Path
	State    State
	Cut      drop.Reason // of a tombstone: the reason why its connection is never resumed. None: it lives
	Outbound bool        // the interface sent the first packet
	Tracking Tracking    // set by the caller
	protocol uint8
	marks    marks
	queue    queue
}

// SourceAddr returns the source address that the far side sees; the zero Addr if it sees none.
func (f *Flow) SourceAddr() netip.Addr {
	if f.source == [16]byte{} {
		return netip.Addr{}
	}
	return netip.AddrFrom16(f.source).Unmap()
}

// SetSource notes the source address that the far side sees; the zero Addr if it sees none.
func (f *Flow) SetSource(a netip.Addr) {
	f.source = [16]byte{}
	if a.IsValid() {
		f.source = a.As16()
	}
}

// Paths returns the words for all path classes.
func Paths() []string { return slices.Clone(pathNames[:]) }
