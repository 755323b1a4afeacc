package nat

import (
	"math/rand/v2"

	"vpcsim/dataplane/index"
	"vpcsim/dataplane/packet"
)

// The choice of address and port.
//
// A port has to be free towards one destination only (aws-semantics 5.1), and whether it is, the index of outside keys
// knows. So a port is drawn at random until one is free there (RFC 6056 3.3.2): that also nobody can foresee. Of 64,512
// ports at most 55,000 are in use, so even the last of them takes seven draws in the mean. Draws that meet a port at rest
// count as failed; when many have failed, the first port upwards is taken that no live session has.
//
// Which of several addresses a host gets follows from its own address by rendezvous hashing, so without state it is the same
// for all protocols and destinations (RFC 4787 REQ-2) until a destination has no port left there; and when addresses are
// added or taken away, few hosts change theirs.

// draws is how often a port is drawn at random before ports are searched one by one.
const draws = 64

// choose returns the outside key that a session with the inside key k is to have. With endpoint-independent mapping it also
// returns the mapping, of which the session holds a use unless this is for a probe. It is false where there is no port. The
// caller holds the shard.
func (s *shard) choose(c *config, k *key, probe bool) (o key, mapping int32, ok bool) {
	if c.eim && k.remotePort() != keyedByTimestampID {
		return s.chooseMapped(c, k, probe)
	}
	o = *k
	for tried := uint(0); ; {
		a := c.pick(&s.g.seed, k.local(), tried)
		if a < 0 {
			return o, -1, false
		}
		tried |= 1 << a
		o.setLocal(c.own[a])
		o.setLocalPort(k.first(probe))
		s.outside.Prefetch(o.hash(&s.g.seed)) // while the sessions are counted
		if s.destinations.count(o.destination()) >= maxPerDestination {
			continue
		}
		if k.protocol() == packet.ICMP && k.remotePort() == keyedByTimestampID {
			o.setLocalPort(k.localPort()) // packets cannot change this identifier
			if s.taken(&o) {
				continue
			}
			return o, -1, true
		}
		if probe {
			s.search(&o)
		} else {
			s.draw(&o)
		}
		return o, -1, true
	}
}

// chooseMapped is choose with endpoint-independent mapping. A session from before it was configured may stand in the way.
func (s *shard) chooseMapped(c *config, k *key, probe bool) (o key, mapping int32, ok bool) {
	o = *k
	mapping, own, port, ok := s.g.mappings.use(c, k, probe)
	o.setLocal(own)
	o.setLocalPort(port)
	if ok && s.destinations.count(o.destination()) < maxPerDestination && !s.taken(&o) {
		return o, mapping, true
	}
	if ok && !probe {
		s.g.mappings.release(mapping)
	}
	return o, -1, false
}

// draw sets the port of o, which is drawn already, to one that no session at its address and to its remote has. There must be one.
func (s *shard) draw(o *key) {
	for range draws {
		if _, taken := s.outside.Find(o, o.hash(&s.g.seed)); !taken {
			return
		}
		o.setLocalPort(randomPort())
	}
	s.search(o)
}

// search is draw upwards from the port that o has. There must be one.
func (s *shard) search(o *key) {
	for s.taken(o) {
		o.setLocalPort(nextPort(o.localPort()))
	}
}

// taken says whether a live session has the outside key o.
func (s *shard) taken(o *key) bool {
	i, ok := s.outside.Find(o, o.hash(&s.g.seed))
	return ok && s.sessions[i].state != atRest
}

// first is the port to try first for a session with the inside key k. A probe is told the inside's own, if that is free: as likely as
// any other, and the same whenever it asks.
func (k *key) first(probe bool) uint16 {
	if probe {
		return max(k.localPort(), firstPort)
	}
	return randomPort()
}

// next is the port to try after one that is taken.
func (k *key) next(port uint16, probe bool) uint16 {
	if probe {
		return nextPort(port)
	}
	return randomPort()
}

func nextPort(port uint16) uint16 { return max(port+1, firstPort) } // 65535 is followed by 1024

func randomPort() uint16 { return firstPort + uint16(rand.Uint32N(ports)) }

// pick returns which own address is next for an inside host, without those of the set tried; negative if there is none.
func (c *config) pick(s *index.Seed, inside uint32, tried uint) int {
	best, at := uint64(0), -1
	for a, own := range c.own[:c.addresses] {
		if tried>>a&1 != 0 {
			continue
		}
		k := newKey(own, inside, 0, 0, 0)
		if score := k.hash(s); at < 0 || score > best {
			best, at = score, a
		}
	}
	return at
}

// destination is the key under which sessions with the outside key k are counted: all but the port.
func (k *key) destination() *key {
	d := *k
	d.setLocalPort(0)
	return &d
}
