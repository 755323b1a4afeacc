package nat

import (
	"net/netip"
	"sync/atomic"
	"time"

	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/index"
	"vpcsim/dataplane/packet"
)

// GatewayConfig configures a NAT gateway.
type GatewayConfig struct {
	Addresses []netip.Addr   // its private IPv4 addresses, the primary first, at most 8; the internet gateway maps them to Elastic IPs
	Sources   []netip.Prefix // the VPC's CIDRs: only from there are connections accepted (NGW_REQUIRES_SOURCE_IN_VPC)
	EIM       bool           // endpoint-independent mapping (RFC 4787 REQ-1), which AWS does not have
	Idle      time.Duration  // how long a session may be idle; 0 means 350 s (aws-semantics 5.4)
	// Transitory is how long a TCP session may be idle while half open, or once closed by both sides or a reset; 0 means 60 s.
	Transitory time.Duration
	Capacity   int // sessions; 0 means 1<<20. Only that of NewGateway counts.
}

// The limits of a NAT gateway (aws-semantics 5.1) and its time-outs (5.4).
const (
	maxAddresses       = 8
	maxPerDestination  = 55_000 // sessions per own address, destination address and port, and protocol
	firstPort          = 1024
	ports              = 1<<16 - firstPort
	defaultIdle        = 350 * time.Second
	defaultTransitory  = 60 * time.Second
	defaultCapacity    = 1 << 20
	restTime           = 120 * time.Second // before a port meets the same remote again (RFC 6888 REQ-8)
	shardBits          = 6
	shardCount         = 1 << shardBits
	timestampRequest   = 13 // ICMP types (RFC 792)
	timestampReply     = 14
	keyedByIdentifier  = 0 // key.remotePort of ICMP echo, which has no port
	keyedByTimestampID = timestampRequest
)

// Gateway is a NAT gateway: it stands as a network interface in a subnet and gives connections from inside one of its own
// private addresses as source. Its methods are for any number of goroutines.
//
// # State
//
// A [Session] is opened by a packet from inside and found by every later one from either side. Sessions are sharded by a
// hash of what both sides see alike, the remote address and port and the protocol. So a packet needs one shard whichever way
// it goes, and so does choosing a port, because a port has to be free towards its remote only. Sessions have no pointers.
//
// The life of a session is in sessions.go, the choice of its port in ports.go. Fragments of UDP datagrams have a table of
// their own (fragments.go), as have the mappings of endpoint-independent mapping (mappings.go).
//
// Lock order: a shard, then mappings. The lock of the fragments is never held together with another. No goroutine holds two shards.
type Gateway struct {
	config    atomic.Pointer[config]
	seed      index.Seed
	capacity  int64
	live      atomic.Int64 // sessions that are not at rest
	resting   atomic.Int64
	shards    [shardCount]shard
	fragments fragments
	mappings  mappings
}

// config is what Cross needs of a GatewayConfig; immutable.
type config struct {
	own              [maxAddresses]uint32
	addresses        int // how many of own there are
	sources          []prefix
	eim              bool
	idle, transitory int64 // nanoseconds
}

// prefix is an IPv4 CIDR: addresses that are network under mask.
type prefix struct{ network, mask uint32 }

func (c *config) owns(a uint32) bool {
	for _, own := range c.own[:c.addresses] {
		if own == a {
			return true
		}
	}
	return false
}

func (c *config) accepts(source uint32) bool {
	for _, p := range c.sources {
		if source&p.mask == p.network {
			return !c.owns(source)
		}
	}
	return false
}

// NewGateway returns a NAT gateway without sessions. It panics if an address is not IPv4 or there are more than 8.
func NewGateway(c GatewayConfig) *Gateway {
	if c.Capacity == 0 {
		c.Capacity = defaultCapacity
	}
	g := &Gateway{seed: index.NewSeed(), capacity: int64(c.Capacity)}
	for i := range g.shards {
		g.shards[i].begin(g)
	}
	g.mappings.begin(&g.seed)
	g.fragments.begin()
	g.config.Store(newConfig(c))
	return g
}

func newConfig(c GatewayConfig) *config {
	if len(c.Addresses) > maxAddresses {
		panic("nat: a NAT gateway has at most 8 addresses")
	}
	n := &config{addresses: len(c.Addresses), eim: c.EIM, idle: int64(c.Idle), transitory: int64(c.Transitory)}
	for i, a := range c.Addresses {
		n.own[i] = number(a)
	}
	for _, p := range c.Sources {
		if p.Addr().Is4() {
			mask := ^uint32(0) << (32 - p.Bits())
			n.sources = append(n.sources, prefix{number(p.Addr()) & mask, mask})
		}
	}
	if n.idle == 0 {
		n.idle = int64(defaultIdle)
	}
	if n.transitory == 0 {
		n.transitory = int64(defaultTransitory)
	}
	return n
}

// Configure changes the gateway while it runs. Sessions of addresses that go are forgotten; all others live on, but for the
// time that they may be idle.
func (g *Gateway) Configure(c GatewayConfig) {
	n := newConfig(c)
	g.config.Store(n)
	for i := range g.shards {
		g.shards[i].configure(n)
	}
	g.fragments.configure()
}

// Cross translates a packet: one to an address of the gateway's own back to the inside, any other to the outside; the time
// to live goes down by one (aws-semantics 8.4). A refused packet is as it came. Of its reasons, drop.NATIdle asks the caller
// to answer with RST, drop.TTLExpired with an ICMP error, and drop.Held says that the packet was copied and comes back by
// [Gateway.Release]. A probe is translated as the packet would be and leaves no trace; the port of a session that is not
// there yet is a likely one.
func (g *Gateway) Cross(p *packet.Packet) drop.Reason {
	c := g.config.Load()
	if p.IsFragment() {
		return g.crossFragment(c, p)
	}
	return g.crossWhole(c, p, c.isInbound(p))
}

func (c *config) isInbound(p *packet.Packet) bool {
	return p.Dst.Is4() && c.owns(uint32(p.Addresses4()))
}

// crossWhole is Cross for a packet with its transport header.
func (g *Gateway) crossWhole(c *config, p *packet.Packet, inbound bool) drop.Reason {
	k, reason := c.judge(p, inbound)
	s := g.shard(&k)
	s.mu.Lock()
	if reason == drop.None {
		switch {
		case p.Protocol == packet.ICMP && p.IsICMPError():
			reason = s.crossError(c, &k, p, inbound)
		case inbound:
			reason = s.inward(c, &k, p)
		default:
			reason = s.outward(c, &k, p)
		}
	}
	if !p.Probe {
		s.metrics.count(inbound, p.Segments(), p.WireBytes(), reason)
	}
	s.mu.Unlock()
	return reason
}

// judge says by which key p's session would be known on the side that p comes from, and whether a NAT gateway carries such
// packets at all.
func (c *config) judge(p *packet.Packet, inbound bool) (k key, reason drop.Reason) {
	if !p.Src.Is4() {
		return k, drop.NATProtocol
	}
	ends := p.Addresses4()
	src, dst := uint32(ends>>32), uint32(ends)
	if inbound {
		k = newKey(dst, src, p.DstPort, p.SrcPort, p.Protocol)
	} else {
		k = newKey(src, dst, p.SrcPort, p.DstPort, p.Protocol)
	}
	switch p.Protocol {
	case packet.TCP, packet.UDP:
	case packet.ICMP:
		reason = k.judgeICMP(p, inbound)
	default:
		return k, drop.NATProtocol
	}
	switch {
	case p.IsFragment() && p.Protocol != packet.UDP:
		return k, drop.NATFragment
	case inbound:
		return k, reason
	case !c.accepts(src):
		return k, drop.NATSource
	case reason == drop.None && p.TTL() <= 1:
		return k, drop.TTLExpired
	}
	return k, reason
}

// Expire forgets the sessions that have been idle for too long at the monotonic time now. Its owner calls it about once a
// second.
func (g *Gateway) Expire(now int64) {
	for i := range g.shards {
		g.shards[i].expire(now)
	}
	lost := g.fragments.expire(now)
	s := &g.shards[0]
	s.mu.Lock()
	s.metrics.add(&lost)
	s.mu.Unlock()
}
