package nat

import (
	"sync"

	"vpcsim/dataplane/index"
)

// mappings are those of endpoint-independent mapping (RFC 4787 REQ-1): the same own address and port for an inside endpoint,
// whatever the remote. They are held by their sessions, each a use, and go with the last. Filtering is as ever: only who was
// sent to may answer.
//
// A mapping is chosen when a session opens, with the session's shard held, so its lock comes after a shard's.
type mappings struct {
	mu      sync.Mutex
	seed    *index.Seed
	slab    []mapping        // guarded by mu
	free    []int32          // guarded by mu; unused slots of slab
	inside  index.Index[key] // guarded by mu; slots by insideKey
	outside index.Index[key] // guarded by mu; slots by outsideKey
	counts  counts           // guarded by mu; how many there are by own address and protocol
}

type mapping struct {
	inside, own         uint32
	insidePort, ownPort uint16
	uses                uint32 // 0 is an unused slot
	protocol            uint8
}

func (m *mapping) insideKey() key {
	return newKey(m.inside, 0, m.insidePort, 0, m.protocol)
}
func (m *mapping) outsideKey() key {
	return newKey(m.own, 0, m.ownPort, 0, m.protocol)
}

func (t *mappings) begin(s *index.Seed) {
	t.seed, t.inside, t.outside, t.counts = s, newIndex(s), newIndex(s), newCounts(s)
}

// use returns the mapping of the inside endpoint of k, with one use more; a new one if there is none yet. A probe uses nothing.
// It is false where no port is left.
func (t *mappings) use(c *config, k *key, probe bool) (i int32, own uint32, port uint16, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	in := newKey(k.local(), 0, k.localPort(), 0, k.protocol())
	if i, ok := t.inside.Find(&in, in.hash(t.seed)); ok {
		m := &t.slab[i]
		if !c.owns(m.own) { // Configure is about to forget its sessions
			return -1, 0, 0, false
		}
		if !probe {
			m.uses++
		}
		return i, m.own, m.ownPort, true
	}
	o, ok := t.choose(c, k, probe)
	if !ok || probe {
		return -1, o.local(), o.localPort(), ok
	}
	i = t.slot()
	t.slab[i] = mapping{k.local(), o.local(), k.localPort(), o.localPort(), 1, k.protocol()}
	t.inside.Put(&in, in.hash(t.seed), i)
	t.outside.Put(&o, o.hash(t.seed), i)
	t.counts.add(o.destination(), 1)
	return i, o.local(), o.localPort(), true
}

// choose draws an own address and port that no mapping of the protocol has.
func (t *mappings) choose(c *config, k *key, probe bool) (o key, ok bool) {
	o = newKey(0, 0, 0, 0, k.protocol())
	for tried := uint(0); ; {
		a := c.pick(t.seed, k.local(), tried)
		if a < 0 {
			return o, false
		}
		tried |= 1 << a
		o.setLocal(c.own[a])
		if t.counts.count(o.destination()) >= maxPerDestination {
			continue
		}
		for port := k.first(probe); ; port = k.next(port, probe) {
			o.setLocalPort(port)
			if _, taken := t.outside.Find(&o, o.hash(t.seed)); !taken {
				return o, true
			}
		}
	}
}

func (t *mappings) slot() int32 {
	if n := len(t.free); n > 0 {
		i := t.free[n-1]
		t.free = t.free[:n-1]
		return i
	}
	t.slab = append(t.slab, mapping{})
	return int32(len(t.slab) - 1)
}

// release gives a use back.
func (t *mappings) release(i int32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := &t.slab[i]
	if m.uses--; m.uses > 0 {
		return
	}
	in, out := m.insideKey(), m.outsideKey()
	t.inside.Remove(&in, in.hash(t.seed))
	t.outside.Remove(&out, out.hash(t.seed))
	t.counts.add(out.destination(), -1)
	t.free = append(t.free, i)
}
