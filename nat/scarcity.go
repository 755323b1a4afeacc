package nat

import "net/netip"

// Scarcity is a destination to which sessions were refused because the gateway had no free port (aws-semantics 5.5).
type Scarcity struct {
	Protocol    uint8
	Destination netip.AddrPort // the zero AddrPort stands for all destinations that there was no room to note
	Refused     uint64         // since it was last told of
}

// notedScarce is how many destinations a shard notes by name. Who asks once a second finds room for 512.
const notedScarce = 8

// scarce are the destinations of a shard that sessions were refused to.
type scarce struct {
	keys    [notedScarce]key // destinations, without their own side
	refused [notedScarce]uint64
	n       int    // how many of them there are
	others  uint64 // refusals to further ones
}

// note counts a refused session with the inside key k.
func (s *scarce) note(k *key) {
	to := newKey(0, k.remote(), 0, k.remotePort(), k.protocol())
	for i := range s.keys[:s.n] {
		if s.keys[i] == to {
			s.refused[i]++
			return
		}
	}
	if s.n == notedScarce {
		s.others++
		return
	}
	s.keys[s.n], s.refused[s.n] = to, 1
	s.n++
}

// TakeScarcities returns the destinations to which sessions were refused since the last call.
func (g *Gateway) TakeScarcities() (all []Scarcity) {
	for i := range g.shards {
		s := &g.shards[i]
		s.mu.Lock()
		for n := range s.scarce.n {
			k := &s.scarce.keys[n]
			all = append(all, Scarcity{
				Protocol: k.protocol(), Destination: netip.AddrPortFrom(address(k.remote()), k.remotePort()), Refused: s.scarce.refused[n],
			})
		}
		if s.scarce.others > 0 {
			all = append(all, Scarcity{Refused: s.scarce.others})
		}
		s.scarce = scarce{}
		s.mu.Unlock()
	}
	return all
}

// Load is how far a NAT gateway's ports are used.
type Load struct {
	Sessions int // live ones, to all destinations
	// The destination that has the most of one address's ports, of which it can have 55,000 (aws-semantics 5.1).
	Protocol    uint8
	Address     netip.Addr // the gateway's own; invalid if there is no session
	Destination netip.AddrPort
	Ports       int
}

// Load returns how far the gateway's ports are used, one shard after the other while packets may pass.
func (g *Gateway) Load() Load {
	l, most := Load{Sessions: int(g.live.Load())}, key{}
	for i := range g.shards {
		s := &g.shards[i]
		s.mu.Lock()
		s.destinations.index.Each(func(k *key, n int32) {
			if int(n) > l.Ports {
				l.Ports, most = int(n), *k
			}
		})
		s.mu.Unlock()
	}
	if l.Ports > 0 {
		l.Protocol, l.Address, l.Destination = most.protocol(), address(most.local()), netip.AddrPortFrom(address(most.remote()), most.remotePort())
	}
	return l
}
