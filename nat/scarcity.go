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
