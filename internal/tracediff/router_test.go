package tracediff

import (
	"context"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
	"vpcsim/dataplane/port"
	"vpcsim/topology/compile"
)

// wire is a pipe that tells when its worker waits for more: then all that came of what it read has happened.
type wire struct {
	*port.Pipe
	begun   bool          // the worker has read before; only it reads this
	waiting chan struct{} // has an item once the worker waits again
}

func (w *wire) Read(batch []*packet.Packet) (int, error) {
	if w.begun {
		w.waiting <- struct{}{}
	}
	w.begun = true
	return w.Pipe.Read(batch)
}

// rig is a router with the topology of the moment, and a wire for each interface that has something behind it.
type rig struct {
	t      *testing.T
	router *dataplane.Router
	clock  atomic.Int64
	state  *compile.State
	wires  map[string]*wire
	ids    []string // of wires, in the order of the snapshot
	total  dataplane.Counters
	nobody context.Context // done, so that a pipe is not waited for
}

func newRig(t *testing.T, mode dataplane.Mode) *rig {
	r := &rig{t: t, wires: map[string]*wire{}}
	r.clock.Store(1)
	r.router = dataplane.NewRouter(dataplane.Config{Mode: mode, Now: r.clock.Load, Flows: 1 << 14})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r.nobody = ctx
	return r
}

// commit makes the topology of two seeds the router's.
func (r *rig) commit(structure, rules uint64) {
	s, state, err := compile.Snapshot(network(r.t, structure, rules), r.state)
	require.NoError(r.t, err)
	r.state, r.ids = state, r.ids[:0]
	for _, i := range s.Interfaces {
		if i.Gateway != nil {
			continue
		}
		if r.wires[i.ID] == nil {
			w := &wire{Pipe: port.NewPipe(16), waiting: make(chan struct{}, 1)}
			r.wires[i.ID] = w
			r.router.Attach(i.ID, w)
		}
		r.ids = append(r.ids, i.ID)
	}
	state.Configure()
	r.router.Commit(s)
}

// outcome is what became of a packet.
type outcome struct {
	at       string // interface; empty if it was dropped
	reason   drop.Reason
	src, dst netip.AddrPort
	ttl      uint8
}

// arrived is the outcome of a packet that is now as it was delivered at an interface.
func arrived(at string, p *packet.Packet) outcome {
	return outcome{at: at, src: netip.AddrPortFrom(p.Src, p.SrcPort), dst: netip.AddrPortFrom(p.Dst, p.DstPort), ttl: p.TTL()}
}

// foretell is what a trace says of a packet, and of the answer to it, if one is made.
func (r *rig) foretell(from string, p *packet.Packet, answer func(*packet.Packet) *packet.Packet) (o, back outcome) {
	s := r.router.Snapshot()
	q := decoded(p.Bytes())
	trace := s.Trace(r.router, s.Interface(from), q, nil)
	if trace.Delivered == nil {
		return outcome{reason: trace.Drop}, back
	}
	if a := answer(q); a != nil {
		if reply := s.Trace(r.router, trace.Delivered, a, trace); reply.Delivered == nil {
			back = outcome{reason: reply.Drop}
		} else {
			back = arrived(reply.Delivered.ID, a)
		}
	}
	return arrived(trace.Delivered.ID, q), back
}

// send injects a packet, waits until the router is done with it, and says what became of it; whole is how it was delivered.
func (r *rig) send(from string, p *packet.Packet) (o outcome, whole *packet.Packet) {
	w := r.wires[from]
	require.NoError(r.t, w.Inject(p.Bytes()))
	<-w.waiting
	now := r.router.Counters()
	for reason := range now.Drops {
		if now.Drops[reason] > r.total.Drops[reason] {
			o.reason = drop.Reason(reason)
		}
	}
	r.total = now
	for _, id := range r.ids {
		for {
			b, err := r.wires[id].Receive(r.nobody)
			if err != nil {
				break
			}
			if o.reason != drop.None || o.at != "" { // an answer of the router's own, or a further piece
				continue
			}
			whole = decoded(b)
			o = arrived(id, whole)
		}
	}
	return o, whole
}

func decoded(b []byte) *packet.Packet {
	p := packet.New(len(b))
	p.SetBytes(b)
	if fault := p.Decode(); fault != packet.OK {
		panic(fault.String())
	}
	return p
}
