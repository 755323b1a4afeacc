package nat

import (
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/index"
	"vpcsim/dataplane/packet"
)

// How sessions come and go. A session that is over by time leaves everything but the index of outside keys, where it rests for
// 120 s, so that its port does not meet the same remote while that may still remember the old connection (RFC 6888 REQ-8). A
// TCP connection that both sides closed or a reset ended gives its port back at once. Rest is best effort: a port at rest is
// taken when there is hardly another, and no more than a quarter of the capacity rests.

// begin makes a shard of g ready.
func (s *shard) begin(g *Gateway) {
	s.g = g
	s.inside, s.outside, s.destinations, s.wheel = newIndex(&g.seed), newIndex(&g.seed), newCounts(&g.seed), index.NewWheel()
}

// open makes the session that p, from inside, begins. The caller holds the shard and has not found one.
func (s *shard) open(c *config, k *key, p *packet.Packet) (int32, drop.Reason) {
	if s.g.live.Add(1) > s.g.capacity {
		s.g.live.Add(-1)
		return 0, drop.FlowTableFull
	}
	o, mapping, ok := s.choose(c, k, false)
	if !ok {
		s.g.live.Add(-1)
		s.metrics.ErrorPortAllocation++
		s.scarce.note(k)
		return 0, drop.NATPorts
	}
	if i, ok := s.outside.Find(&o, o.hash(&s.g.seed)); ok {
		s.wake(i)
	}
	i := s.slot()
	s.sessions[i] = session{
		inside: k.local(), own: o.local(), remote: k.remote(), insidePort: k.localPort(), ownPort: o.localPort(), remotePort: k.remotePort(),
		protocol: k.protocol(), opened: p.Time, seen: p.Time, mapping: mapping,
	}
	s.inside.Put(k, k.hash(&s.g.seed), i)
	s.outside.Put(&o, o.hash(&s.g.seed), i)
	s.destinations.add(o.destination(), 1)
	state := Active
	if p.Protocol == packet.TCP {
		state = Init
	}
	s.become(&s.sessions[i], state)
	s.wheel.Add(i, s.sessions[i].due(c))
	return i, drop.None
}

// suppose is open and what follows for a probe: it only translates.
func (s *shard) suppose(c *config, k *key, p *packet.Packet) drop.Reason {
	o, _, ok := s.choose(c, k, true)
	switch {
	case s.g.live.Load() >= s.g.capacity:
		return drop.FlowTableFull
	case !ok:
		return drop.NATPorts
	}
	p.HopFrom(o.local(), o.localPort())
	return drop.None
}

// slot returns one for a new session.
func (s *shard) slot() int32 {
	if n := len(s.free); n > 0 {
		i := s.free[n-1]
		s.free = s.free[:n-1]
		return i
	}
	s.sessions = append(s.sessions, session{})
	if shared := s.shared.Load(); shared == nil || len(s.sessions) > cap(*shared) {
		grown := s.sessions[:cap(s.sessions)]
		s.shared.Store(&grown)
	}
	return int32(len(s.sessions) - 1)
}

// become changes the state of a session, and CloudWatch's counts of TCP connections.
func (s *shard) become(f *session, state State) {
	old := f.state
	f.state = state
	switch {
	case state == old:
		return
	case state == Init:
		s.metrics.ConnectionAttemptCount++
		f.acks = 0
	case old == Init && state == Established:
		s.metrics.ConnectionEstablishedCount++
	}
	switch {
	case state.connected() && !old.connected():
		s.metrics.ActiveConnectionCount++
	case old.connected() && !state.connected():
		s.metrics.ActiveConnectionCount--
	}
}

// end ends a session that has been idle for too long, and lets its port rest unless TCP closed it.
func (s *shard) end(i int32, now int64) {
	f := &s.sessions[i]
	if !f.state.passing() {
		s.metrics.IdleTimeoutCount++
	}
	closed := f.state == FINBoth || f.state == Transitory
	s.leave(i)
	if closed || s.g.resting.Load() >= s.g.capacity/4 {
		s.forget(i)
		return
	}
	f.state, f.seen = atRest, now
	s.g.resting.Add(1)
}

// lapse is end for a session that a packet has found to be over before the wheel did.
func (s *shard) lapse(i int32, now int64) {
	s.end(i, now)
	if f := &s.sessions[i]; f.state == atRest {
		s.wheel.Add(i, now+int64(restTime))
	}
}

// enter changes the state of a session that passes packets. Its time may now be up sooner than the wheel knows; later it asks.
func (s *shard) enter(c *config, i int32, state State) {
	f := &s.sessions[i]
	old := f.due(c)
	s.become(f, state)
	if due := f.due(c); due < old {
		s.wheel.Add(i, due)
	}
}

// leave takes a live session out of all but the index of outside keys.
func (s *shard) leave(i int32) {
	f := &s.sessions[i]
	s.become(f, unused)
	in, out := f.insideKey(), f.outsideKey()
	s.inside.Remove(&in, in.hash(&s.g.seed))
	s.destinations.add(out.destination(), -1)
	s.g.live.Add(-1)
}

// wake forgets a session at rest.
func (s *shard) wake(i int32) {
	s.g.resting.Add(-1)
	s.forget(i)
}

// forget takes a session that left out of the index of outside keys, and frees its slot.
func (s *shard) forget(i int32) {
	f := &s.sessions[i]
	out := f.outsideKey()
	s.outside.Remove(&out, out.hash(&s.g.seed))
	s.wheel.Remove(i)
	if f.mapping >= 0 {
		s.g.mappings.release(f.mapping)
	}
	*f = session{}
	s.free = append(s.free, i)
}

// expire ends the sessions that are due at the time now, and those whose rest is over.
func (s *shard) expire(now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.g.config.Load()
	s.wheel.Advance(now, func(i int32) (again int64) {
		f := &s.sessions[i]
		switch due := f.due(c); {
		case now < due:
			return due
		case f.state == atRest:
			s.wake(i)
			return 0
		}
		s.end(i, now)
		if f.state == atRest {
			return f.due(c)
		}
		return 0
	})
}

// configure forgets the sessions of addresses that c does not have, and sets the clock of all others anew.
func (s *shard) configure(c *config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.sessions {
		f := &s.sessions[i]
		switch {
		case f.state == unused:
		case c.owns(f.own):
			s.wheel.Add(int32(i), f.due(c))
		case f.state == atRest:
			s.wake(int32(i))
		default:
			s.leave(int32(i))
			s.forget(int32(i))
		}
	}
}
