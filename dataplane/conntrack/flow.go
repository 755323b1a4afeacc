package conntrack

import "net/netip"

// Path is the class of a connection's way through the VPC: which kind of target its packets are routed to. It is what
// decides which source address the far side sees (aws-semantics 3.6).
type Path uint8

// The path classes.
const (
	PathNone     Path = iota // no route, or a blackhole
	PathLocal                // another interface of the VPC
	PathInternet             // an internet gateway
	PathEndpoint             // a gateway endpoint
)

// String returns the word used in reports: none, local, igw or vpce.
func (p Path) String() string { return [...]string{"none", "local", "igw", "vpce"}[p&3] }

// Key names a flow from the point of view of one network interface. IPv4 addresses are in network byte order. The realm
// keeps two VPCs with the same CIDR apart.
//
// Two instances of one VPC that talk to each other make two flows, one at each interface, as at AWS, where state belongs to
// the interface (aws-semantics 6.3).
type Key struct {
	Local, Remote         [4]byte
	LocalPort, RemotePort uint16
	realmProtocol         uint32 // realm in the upper 24 bits
}

// NewKey makes a key. For ICMP echo both ports are the identifier; for protocols without ports they are zero. Realm is
// below 1<<24.
func NewKey(realm uint32, protocol uint8, local, remote netip.Addr, localPort, remotePort uint16) Key {
	return Key{local.As4(), remote.As4(), localPort, remotePort, realm<<8 | uint32(protocol)}
}

// Reverse returns the key with its two ends swapped: a packet that arrives at an interface has the remote end as its source.
func (k Key) Reverse() Key {
	return Key{k.Remote, k.Local, k.RemotePort, k.LocalPort, k.realmProtocol}
}

// Realm returns the VPC's number.
func (k Key) Realm() uint32 { return k.realmProtocol >> 8 }

// Protocol returns the IP protocol number.
func (k Key) Protocol() uint8 { return uint8(k.realmProtocol) }

// LocalAddr returns the interface's own end.
func (k Key) LocalAddr() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4(k.Local), k.LocalPort)
}

// RemoteAddr returns the far end.
func (k Key) RemoteAddr() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4(k.Remote), k.RemotePort)
}

// Flow is what the table remembers of a connection. It holds no pointers, so that millions of them cost the garbage
// collector nothing. A *Flow is valid only while its shard is held.
type Flow struct {
	Key
	Target     uint64  // identifies the route target that the first packet took
	Generation uint64  // the newest snapshot the flow has been judged under
	Opened     int64   // monotonic ns
	LastSeen   int64   // monotonic ns
	Source     [4]byte // the source address the far side sees
	Path       Path
	State      State
	used       bool // the slot holds a flow
	finLocal   bool // a FIN came from the interface
	finRemote  bool // a FIN came from the far side
	Outbound   bool // the interface sent the first packet
	Cut        bool // a tombstone: the flow's route changed, and it is never resumed
}
