package scenario

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"vpcsim/internal/control"
	"vpcsim/internal/monotonic"
	"vpcsim/internal/workload"
)

// connection is one workload while it runs: a client with its one TCP connection, or a server.
//
// # State
//
// The process's events are folded into the fields under mu as they come; the timeline waits for conditions on them (await). What the far side saw, and which path the router chose, is asked once the client has moved data
// (observe) and once more in the end.
type connection struct {
	name string
	spec WorkloadSpec
	proc *workload.Process

	program *workload.Command // of kind command, in place of proc

	mu       sync.Mutex
	changed  chan struct{}    // guarded by mu; closed and replaced at every event
	done     bool             // guarded by mu; the process has ended
	stopped  bool             // guarded by mu; it was asked to end: what follows is not a loss
	local    netip.AddrPort   // guarded by mu; the client's end
	remote   netip.AddrPort   // guarded by mu; the far end as the client sees it
	moved    bool             // guarded by mu; data has come through
	lastOK   int64            // guarded by mu; monotonic time of the last data that came through
	errno    string           // guarded by mu; what the kernel said, or stalled
	text     string           // guarded by mu; the same for a person
	lostAt   int64            // guarded by mu; when the client noticed
	denied   bool             // guarded by mu
	ready    bool             // guarded by mu; a server listens
	accepted []netip.AddrPort // guarded by mu; peers as a server saw them

	pathBefore, pathAfter     string
	sourceBefore, sourceAfter string
	cut                       *control.Event // the router's own word that it cut the connection
	past                      past           // guarded by mu
}

// stalled is the word for a client whose own timer ran out while the kernel reported nothing.
const stalled = "stalled"

// fold takes one event of the process into account.
func (c *connection) fold(e workload.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isClient() {
		c.past.note(e)
	}
	switch e.Event {
	case workload.Connected:
		c.local, _ = netip.ParseAddrPort(e.Local)
		c.remote, _ = netip.ParseAddrPort(e.Remote)
	case workload.Listening:
		c.ready = true
	case workload.Accepted:
		if peer, err := netip.ParseAddrPort(e.Peer); err == nil {
			c.accepted = append(c.accepted, peer)
		}
	case workload.Progress, workload.Resumed:
		c.moved = c.moved || e.Bytes > 0
		c.lastOK = max(c.lastOK, e.LastOK)
		if c.errno == stalled {
			c.errno, c.text, c.lostAt = "", "", 0
		}
	case workload.Stalled:
		c.errno, c.text, c.lostAt = stalled, "no progress and no error from the kernel", e.Time
	case workload.Error:
		if c.stopped || c.errno != "" && c.errno != stalled {
			break
		}
		c.errno, c.text, c.lostAt, c.denied = e.Errno, e.Error, e.Time, strings.Contains(e.Error, "HTTP 403")
	}
	c.notify()
}

func (c *connection) notify() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// end notes that the process has ended. One that was not asked to, and did not say why, has lost its connection with itself.
func (c *connection) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done = true; err != nil && !c.stopped && c.why() == "" {
		c.text, c.lostAt = err.Error(), monotonic.Now()
	}
	c.notify()
}

// await waits until cond holds, the limit passes, or ctx ends; cond is called with mu held.
func (c *connection) await(ctx context.Context, limit time.Duration, cond func() bool) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		c.mu.Lock()
		ok, changed := cond(), c.changed
		c.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-changed:
		case <-timer.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// settled: the client works, or has failed, or is over; a server listens.
func (c *connection) settled() bool {
	return c.moved || c.errno != "" || c.text != "" || c.done || c.ready
}

// lost: the client has noticed that its connection is gone.
func (c *connection) lost() bool { return c.why() != "" || c.done }

// prove waits for a live client to move data after the given time. One that does not has stalled, whatever its own timer says:
// nothing counts as alive without a proof.
func (c *connection) prove(ctx context.Context, since int64) {
	if c.await(ctx, proofLimit, func() bool { return !c.local.IsValid() || c.lost() || c.stopped || c.lastOK > since }) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.errno, c.text, c.lostAt = stalled, fmt.Sprintf("no data within %s after the last change", proofLimit), monotonic.Now()
}

// outcome says what became of the connection; mu is held.
func (c *connection) outcome() Outcome {
	switch {
	case c.denied:
		return Denied
	case !c.local.IsValid():
		return NeverConnected
	case c.errno != "" || c.text != "" || c.cut != nil:
		return Dropped
	case c.spec.Replaces != "":
		return Reconnected
	}
	return Survived
}

// why says what the client saw; mu is held.
func (c *connection) why() string {
	if c.errno != "" {
		return c.errno
	}
	return c.text
}

// lostAfter is the time from the commit that cut the connection to the moment the client noticed; mu is held.
func (c *connection) lostAfter() time.Duration {
	committed := c.cut.Monotonic - c.cut.AfterCommit
	return time.Duration(c.lostAt - committed)
}

// set notes the path and the source as they are now; the first ones are kept as what was before.
func (c *connection) set(path, source string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pathBefore == "" {
		c.pathBefore, c.sourceBefore = path, source
	}
	c.pathAfter, c.sourceAfter = path, source
}

// isClient says whether the workload has a connection of its own to judge.
func (c *connection) isClient() bool { return c.spec.Kind != workload.Serve && c.spec.Kind != command }

func (c *connection) String() string {
	return fmt.Sprintf("%s (%s on %s)", c.name, c.spec.Kind, c.spec.On)
}
