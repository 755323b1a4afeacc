// Package control owns a running lab and is the only writer of its state.
//
// # State
//
// A [Lab] holds the topology as the user wrote it (Spec), the network it resolves to, the router, and one node for
// everything that has a kernel of its own: instances, internet hosts, and the edges where S3 is reached. A change edits a copy
// of the Spec, resolves and compiles it, makes the nodes that the new network needs, commits the snapshot, and only then
// takes over the new Spec and removes what is no longer there: a change that cannot be made leaves everything as it was.
// Changes are serialised by one mutex; reading the current Spec or Network takes the same mutex for a moment.
package control

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"vpcsim/dataplane"
	"vpcsim/dataplane/capture"
	"vpcsim/dataplane/packet"
	"vpcsim/dataplane/port"
	"vpcsim/dataplane/port/tap"
	"vpcsim/endpoint/s3"
	"vpcsim/internal/monotonic"
	"vpcsim/nat"
	"vpcsim/topology"
	"vpcsim/topology/compile"
	"vpcsim/topology/host"
)

// Scope is how widely an endpoint's creation cuts connections (aws-semantics 3.5, 13.1).
type Scope string

// The scopes.
const (
	ScopeS3       Scope = "s3"        // connections whose path to S3 changed: AWS's documentation
	ScopePublicIP Scope = "public-ip" // every connection of an affected subnet that uses a public IP: the launch announcement read literally
)

// ParseScope checks a scope given on the command line.
func ParseScope(s string) (Scope, error) {
	if scope := Scope(s); scope == ScopeS3 || scope == ScopePublicIP {
		return scope, nil
	}
	return "", fmt.Errorf("scope %q: must be s3 or public-ip", s)
}

// Options configure a lab.
type Options struct {
	Mode     dataplane.Mode
	Scope    Scope             // empty means ScopeS3
	Recorder *capture.Recorder // records what instances and S3 edges see; nil for none
	Poll     Poll              // how long the router looks for more packets before it sleeps; the zero Poll adapts

	KeptEvents int // how many events the log keeps at least, for readers who come late; 0 for 200,000

	flows   int                               // capacity of the flow table; 0 for the router's own
	threads int                               // that carry packets; 0 for half as many as there are processors, negative for a goroutine per port
	noRing  bool                              // a system call for each packet
	watch   func(device, port.Port) port.Port // what the router is to have as a device's port; nil for the port itself
	without func(node string) tap.Offload     // the offloads that a node's TAPs are not to have; nil for none
}

func (o Options) scope() Scope { return cmp.Or(o.Scope, ScopeS3) }

// Lab is a running VPC lab. Its methods are safe for many goroutines.
type Lab struct {
	Events *Log

	options Options
	router  *dataplane.Router
	s3      *s3.Service
	began   time.Time // wall clock at the monotonic time zero
	serving sync.WaitGroup
	state   atomic.Pointer[compile.State] // what outlives snapshots; replaced with mu held
	known   atomic.Pointer[known]         // what the services of VPCs go by; replaced with mu held
	orphans orphans
	scarce  scarcities

	recordings recordings

	mu         sync.Mutex
	spec       *topology.Spec                         // guarded by mu
	network    *topology.Network                      // guarded by mu
	nodes      map[string]*node                       // guarded by mu; by id of the instance, host or edge
	neighbours map[string]*atomic.Pointer[neighbours] // guarded by mu, its values are not; by subnet id
	files      map[string]*host.Mounts                // guarded by mu; by the contents of the files
	draining   []*topology.Endpoint                   // guarded by mu; deleted ones whose edges are still there
	changes    int                                    // guarded by mu
	at         int64                                  // guarded by mu; monotonic time of the last commit
	failures   []error                                // guarded by mu; of goroutines

	pendingMu sync.Mutex
	pending   []dataplane.FlowEvent // guarded by pendingMu; of the commit under way
}

// Start builds the lab that spec describes inside the calling process, which must be allowed to make network namespaces.
// Problems of the topology are topology.Errors with the lines of src; problems of the machine are *port.Unsupported.
func Start(spec *topology.Spec, src *topology.Source, o Options) (*Lab, error) {
	network, err := topology.Resolve(spec, src)
	if err != nil {
		return nil, err
	}
	l := &Lab{
		Events: newLog(o.KeptEvents), options: o, spec: spec.Clone(), nodes: map[string]*node{}, neighbours: map[string]*atomic.Pointer[neighbours]{}, files: map[string]*host.Mounts{},
		began: time.Now().Add(-time.Duration(monotonic.Now())),
	}
	if l.s3, err = s3.New(s3Config(network)); err != nil {
		return nil, err
	}
	pollers, err := o.pollers()
	if err != nil {
		return nil, err
	}
	l.router = dataplane.NewRouter(dataplane.Config{
		Mode: o.Mode, Now: monotonic.Now, OnFlow: l.onFlow, OnExpire: l.expire, Flows: o.flows, Pollers: pollers,
	})
	if err := l.record(o.Recorder); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	l.mu.Lock()
	err = l.enter(network, "initial")
	l.mu.Unlock()
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// fail notes an error of a goroutine, for Close to return.
func (l *Lab) fail(err error) {
	l.mu.Lock()
	l.failures = append(l.failures, err)
	l.mu.Unlock()
}

func (l *Lab) wall(monotonic int64) time.Time { return l.began.Add(time.Duration(monotonic)) }

func (l *Lab) onFlow(e dataplane.FlowEvent) {
	l.pendingMu.Lock()
	l.pending = append(l.pending, e)
	l.pendingMu.Unlock()
}

// expire lets the gateways forget what has been idle for too long, and looks for what happened by itself meanwhile.
func (l *Lab) expire(now int64) {
	if s := l.state.Load(); s != nil {
		s.Expire(now)
		l.tellScarcity(s, now)
	}
	l.tellOrphans(now)
}

// Committed tells what a change did.
type Committed struct {
	ID    string  // of the change
	At    int64   // monotonic time of the commit
	Flows []Event // what it did to open flows, first drop first
}

// Change makes one change. An error leaves the lab as it was.
func (l *Lab) Change(c Change) (Committed, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	spec := l.spec.Clone()
	action, network, err := c.On(spec)
	if err != nil {
		return Committed{}, err
	}
	l.changes++
	before := l.state.Load()
	id := fmt.Sprintf("change-%d", l.changes)
	if err := l.enter(network, id); err != nil {
		return Committed{}, fmt.Errorf("%s: %w", action, err)
	}
	l.spec = spec
	return l.report(id, action, c, before), nil
}

// report turns the flow events of the commit into the change's events. before is what outlived the snapshot before it.
func (l *Lab) report(id, action string, c Change, before *compile.State) Committed {
	l.pendingMu.Lock()
	flows := l.pending
	l.pending = nil
	l.pendingMu.Unlock()
	slices.SortStableFunc(flows, func(a, b dataplane.FlowEvent) int { return cmp.Compare(a.Time, b.Time) })
	done := Committed{ID: id, At: l.at}
	events := []Event{{Time: l.wall(done.At), Monotonic: done.At, Event: action, ChangeID: id, Change: &c}}
	for _, f := range flows {
		e := l.flowEvent(f)
		e.AfterCommit = f.Time - done.At
		events = append(events, e)
	}
	l.Events.add(events...)
	done.Flows = events[1:]
	l.orphans.expect(done, l.network.S3.CIDRs, before)
	return done
}

// enter makes network the current one: nodes first, then the snapshot, then away with what is gone. mu is held.
func (l *Lab) enter(network *topology.Network, change string) error {
	snapshot, state, draining, err := l.compile(network)
	if err != nil {
		return err
	}
	snapshot.Change = change
	want := plans(network, draining)
	if err := l.build(want); err != nil {
		return err
	}
	if err := l.setPolicies(network, draining); err != nil {
		return err
	}
	l.refreshNeighbours(network)
	state.Configure()
	l.state.Store(state)
	l.known.Store(newKnown(network, labels(network, want)))
	l.at = l.router.Commit(snapshot)
	l.network, l.draining = network, draining
	if err := l.remove(want); err != nil {
		l.failures = append(l.failures, err) // the change is made all the same
	}
	return nil
}

// compile compiles a network as the lab's next one. mu is held.
func (l *Lab) compile(network *topology.Network) (*dataplane.Snapshot, *compile.State, []*topology.Endpoint, error) {
	draining := l.drain(network)
	snapshot, state, err := compile.Snapshot(network, l.state.Load(), draining...)
	if err == nil && l.options.scope() == ScopePublicIP && l.network != nil {
		compile.CutInternet(snapshot, l.network, network)
	}
	return snapshot, state, draining, err
}

// maxDraining bounds the deleted endpoints whose edges stay for what S3 still sends through them. The oldest goes first.
const maxDraining = 8

// drain returns the endpoints that are draining once network is the current one.
func (l *Lab) drain(network *topology.Network) (draining []*topology.Endpoint) {
	candidates := slices.Clone(l.draining)
	if l.network != nil {
		for _, v := range l.network.VPCs {
			candidates = append(candidates, v.Endpoints...)
		}
	}
	for _, e := range candidates {
		if network.Endpoint(e.ID) == nil && network.VPC(e.VPC.ID) != nil {
			draining = append(draining, e)
		}
	}
	return draining[max(0, len(draining)-maxDraining):]
}

// Spec returns a copy of the topology as it is now.
func (l *Lab) Spec() *topology.Spec {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.spec.Clone()
}

// Network returns the current network, which is immutable.
func (l *Lab) Network() *topology.Network {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.network
}

// Router returns the lab's data plane, for reading.
func (l *Lab) Router() *dataplane.Router { return l.router }

// S3Connections returns the connections that S3 accepted at one of its addresses from the given client port, oldest first: what
// the service itself saw.
func (l *Lab) S3Connections(local netip.AddrPort, peerPort uint16) []s3.Connection {
	return l.s3.Lookup(local, peerPort)
}

// Outside returns what the far side of a TCP connection knows its near side by, as far as NAT gateways decide it: the end that
// the last NAT gateway on the way gave it, or inside itself if there is none. The internet gateway then translates the
// address and leaves the port as it is. remote is the far end as the near side knows it.
func (l *Lab) Outside(inside, remote netip.AddrPort) netip.AddrPort {
	for range maxNATs {
		l.state.Load().NATs(func(_ string, g *nat.Gateway) {
			g.Sessions(func(s nat.Session) {
				if s.Protocol == packet.TCP && s.Inside == inside && s.Remote == remote {
					inside = s.Outside
				}
			})
		})
	}
	return inside
}

// maxNATs is how many NAT gateways Outside follows: a private one, and a public one behind a transit gateway.
const maxNATs = 2

// Close ends the lab: router, S3, and every namespace with its interfaces. Processes in instances are not its own; they
// end with the process namespace.
func (l *Lab) Close() error {
	err := l.router.Close()
	l.mu.Lock()
	err = errors.Join(err, l.remove(nil))
	for _, m := range l.files {
		err = errors.Join(err, m.Close())
	}
	l.mu.Unlock()
	l.serving.Wait() // every edge is closed, also to a Serve that had yet to begin
	return errors.Join(append(l.failures, err, l.s3.Close())...)
}
