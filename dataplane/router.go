package dataplane

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/port"
)

// Router is a running data plane: ports, their workers, the flow table and the current snapshot.
//
// # State
//
// The snapshot is replaced whole by [Router.Commit], which only the control plane calls; every worker loads it once per
// batch. The flow table and the counters outlive snapshots. A commit does three things in this order: it publishes
// the snapshot, waits until no worker is still inside a batch under an older one, and judges every flow under the new
// one. So when Commit returns, every flow has been judged under every snapshot there ever was.
type Router struct {
	mode     Mode
	now      func() int64
	onFlow   func(FlowEvent)
	onExpire func(now int64)
	flows    *conntrack.Table
	depot    depot // of memory for packets
	snapshot atomic.Pointer[Snapshot]
	watch    atomic.Pointer[watching] // nil while nobody watches
	watchMu  sync.Mutex               // held to replace watch
	drops    ring
	metered  atomic.Int64 // flows are metered until this time

	mu       sync.Mutex             // held by Commit, Attach, Detach and Close
	attached map[string]*attachment // guarded by mu; by interface id
	workers  map[*Worker]struct{}   // guarded by mu
	threads  []*Worker              // those with a poller
	total    Counters               // guarded by mu; of detached ports
	register register               // guarded by mu; of what is counted
	zones    map[string]uint32      // guarded by mu; numbers of all interfaces there ever were, by id
	numbered []string               // guarded by mu; their ids by number, 0 being none
	logs     []*FlowLog             // guarded by mu; those that are open

	stop    chan struct{}  // closed by Close
	stopped sync.WaitGroup // of expire and the threads
}

// attachment is a port with the worker that reads it.
type attachment struct {
	id     string
	port   port.Port
	worker *Worker
	done   chan struct{} // closed when the worker has ended; nil if it has other ports, too
	member int           // its number among those

	// Of the worker, guarded by its mu.
	counters Counters // of what entered here
	snapshot *Snapshot
	iface    *Interface // this one in snapshot; nil if it is not there
	stream   int64      // when a big packet last entered here; 0 if that is not lately (backlog.go)
	others   int64      // when a small one of another flow last did, behind those
}

// under returns the attachment's interface in s.
func (a *attachment) under(s *Snapshot) *Interface {
	if a.snapshot != s {
		a.snapshot, a.iface = s, s.Interface(a.id)
	}
	return a.iface
}

// Config configures a Router.
type Config struct {
	Mode Mode
	// Now returns monotonic nanoseconds.
	Now func() int64
	// OnFlow is told what commits do to flows. It is called by workers and by Commit, with a part of the flow table held:
	// it must be quick, safe for many goroutines, and must not call the Router. Nil ignores events.
	OnFlow func(FlowEvent)
	// Flows is the capacity of the flow table; 0 means 1<<20.
	Flows int
	// OnExpire is called with the time whenever idle flows are forgotten, so that gateways can do the same. Nil for none.
	OnExpire func(now int64)
	// Pollers are one for each thread that is to carry packets. Ports are spread over them; those that no poller takes, and all
	// if there are none, have a goroutine each. The router owns the pollers and closes them.
	Pollers []port.Poller
}

// expireEvery is how often idle flows are forgotten. Their time-outs are tens of seconds at least.
const expireEvery = time.Second

// NewRouter returns a router without ports that drops everything until the first Commit. Close it after use.
func NewRouter(c Config) *Router {
	if c.Flows == 0 {
		c.Flows = 1 << 20
	}
	if c.OnFlow == nil {
		c.OnFlow = func(FlowEvent) {}
	}
	if c.OnExpire == nil {
		c.OnExpire = func(int64) {}
	}
	r := &Router{
		mode: c.Mode, now: c.Now, onFlow: c.OnFlow, onExpire: c.OnExpire,
		flows: conntrack.New(conntrack.Config{Capacity: c.Flows}), attached: map[string]*attachment{}, zones: map[string]uint32{}, numbered: []string{""},
		register: newRegister(), stop: make(chan struct{}), depot: depot{most: 2 * runtime.GOMAXPROCS(0)}, workers: map[*Worker]struct{}{},
	}
	for _, p := range c.Pollers {
		w := newWorker(r, nil)
		w.poller = p
		r.threads, r.workers[w] = append(r.threads, w), struct{}{}
		r.stopped.Go(w.serve)
	}
	r.stopped.Go(r.expire)
	return r
}

func (r *Router) expire() {
	tick := time.NewTicker(expireEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			now := r.now()
			r.flows.Expire(now)
			r.onExpire(now)
		case <-r.stop:
			return
		}
	}
}

// Attach connects a port to the interface with the given id and starts its worker. The interface takes part in forwarding
// from the next Commit on. The router owns the port from here: Detach and Close close it.
func (r *Router) Attach(id string, p port.Port) {
	a := &attachment{id: id, port: p}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.attached[id] = a
	if w := r.leastBusy(); w != nil && w.join(a) {
		return
	}
	a.worker, a.done = newWorker(r, a), make(chan struct{})
	a.worker.logInto(r.logs)
	r.workers[a.worker] = struct{}{}
	go func() {
		defer close(a.done)
		a.worker.run()
	}()
}

// Detach closes the port of the interface with the given id and waits for its worker to end. Commit a snapshot without the
// interface first.
func (r *Router) Detach(id string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.detach(r.attached[id])
}

// detach is Detach with mu held. A worker takes no lock that its caller holds.
func (r *Router) detach(a *attachment) error {
	if a == nil {
		return nil
	}
	delete(r.attached, a.id)
	if a.done == nil {
		a.worker.leaveOut(a)
	}
	err := a.port.Close()
	if a.done != nil {
		<-a.done
		r.retire(a.worker)
	}
	r.total.add(&a.counters)
	return err
}

// retire keeps what a worker that has ended counted.
func (r *Router) retire(w *Worker) {
	delete(r.workers, w)
	w.tallies.addTo(r.register.retired)
	r.keepLogs(w)
}

// Commit makes s the current snapshot and judges every flow under it. It returns the monotonic time at which s took
// effect. Commits are serialised.
func (r *Router) Commit(s *Snapshot) (at int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.index()
	s.Generation = 1
	if old := r.snapshot.Load(); old != nil {
		s.Generation = old.Generation + 1
		s.inherit(old)
	}
	for _, i := range s.Interfaces {
		i.attached = r.attached[i.ID]
		i.zone = r.zone(i.ID)
		s.zones[i.zone] = i
	}
	r.register.enroll(s)
	at = r.publish(s)
	r.sweep(s)
	r.forget(s)
	return at
}

// zone returns the number under which the flow table knows an interface, the same in all snapshots.
func (r *Router) zone(id string) uint32 {
	if n, ok := r.zones[id]; ok {
		return n
	}
	n := uint32(len(r.numbered))
	r.zones[id], r.numbered = n, append(r.numbered, id)
	return n
}

// publish swaps the snapshot and waits until all workers have left batches that they began under the old one.
func (r *Router) publish(s *Snapshot) (at int64) {
	at = r.now() // before anybody can judge a flow under s: no event is older than its commit
	r.snapshot.Store(s)
	r.grace()
	return at
}

// grace waits until all workers have left the batches that they are in. mu is held.
func (r *Router) grace() {
	for w := range r.workers {
		w.mu.Lock()
		//lint:ignore SA2001 a grace period, not a critical section
		w.mu.Unlock()
	}
}

// Snapshot returns the current snapshot, or nil before the first Commit.
func (r *Router) Snapshot() *Snapshot { return r.snapshot.Load() }

// Flows calls visit for every flow in the table, and the interface whose it is, with a part of the table held; visit must not
// call the Router.
func (r *Router) Flows(visit func(*Interface, conntrack.Tuple, conntrack.Flow)) {
	s := r.Snapshot()
	if s == nil {
		return
	}
	r.flows.Each(func(t conntrack.Tuple, f *conntrack.Flow) (keep bool) {
		if i := s.zones[t.Zone]; i != nil {
			visit(i, t, *f)
		}
		return true
	})
}

// Close closes all ports and waits for the workers to end. Counters and flows can still be read.
func (r *Router) Close() (err error) {
	r.mu.Lock()
	for _, a := range r.attached {
		err = errors.Join(err, r.detach(a))
	}
	r.mu.Unlock()
	close(r.stop)
	for _, w := range r.threads {
		err = errors.Join(err, w.poller.Close())
	}
	r.stopped.Wait()
	return err
}
