package soak

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"vpcsim/bench/load"
)

// Account is what became of the datagrams of one time.
type Account struct {
	Took        time.Duration    `json:"TookNs"`
	Sent        int64            `json:"Sent"`
	Received    int64            `json:"Received"`
	Dropped     map[string]int64 `json:"Dropped"`     // by who counted it: "app: eth0 queue full", "router: X_PORT_FULL"
	Unaccounted int64            `json:"Unaccounted"` // sent, and neither received nor counted as dropped; below zero if frames of the kernels' own were dropped, too (others)
	Flows       int              `json:"Flows"`
	Disordered  int64            `json:"Disordered"` // came after one of their flow that was sent later
	Damaged     int64            `json:"Damaged"`
}

// Lost is how many were dropped.
func (a *Account) Lost() (n int64) {
	for _, x := range a.Dropped {
		n += x
	}
	return n
}

// Datagrams may be on their way once the last one has been sent: for so many looks, which are a while apart. Only who has lost some takes
// them all. A process that gets no processor looks seldom, and so waits for longer.
const (
	looks = 2000
	apart = 10 * time.Millisecond
)

// carry sends on all paths at a rate, or as fast as can be, and accounts for it.
func (r *runner) carry(ctx context.Context, rate float64, lasting time.Duration) (Account, error) {
	before, err := r.seen()
	if err != nil {
		return Account{}, err
	}
	sent := Account{Dropped: map[string]int64{}}
	var mu sync.Mutex // guards sent and failed
	var failed error
	var sending sync.WaitGroup
	for _, p := range paths {
		sending.Go(func() {
			s := load.Spec{Kind: load.Number, To: p.to, Lasting: lasting, Rate: rate / float64(len(paths)), Streams: r.plan.Flows}
			got, err := load.Run(ctx, r.at(p.from), s)
			mu.Lock()
			defer mu.Unlock()
			failed = errors.Join(failed, err)
			sent.Took = max(sent.Took, got.Took)
			sent.Sent += got.Count
			sent.Flows += got.Flows
			sent.drop(p.from, got.Dropped)
		})
	}
	sending.Wait()
	if failed != nil {
		return Account{}, failed
	}
	return r.settle(ctx, sent, before)
}

// settle waits until all that was sent has been received or dropped. No count goes back, and none has more than was sent, but for
// a few frames of the kernels' own (others): when they add up, nothing is on its way any more.
func (r *runner) settle(ctx context.Context, sent Account, before Account) (Account, error) {
	for look := 1; ; look++ {
		a, err := r.seen()
		if err != nil {
			return a, err
		}
		a.Took, a.Sent, a.Flows = sent.Took, sent.Sent, sent.Flows
		a.Received -= before.Received
		a.Disordered -= before.Disordered
		a.Damaged -= before.Damaged
		for name, n := range before.Dropped {
			a.Dropped[name] -= n
		}
		maps.Copy(a.Dropped, sent.Dropped)
		maps.DeleteFunc(a.Dropped, func(_ string, n int64) bool { return n == 0 })
		if a.Unaccounted = a.Sent - a.Received - a.Lost(); a.Unaccounted <= 0 || look == looks {
			return a, nil
		}
		select {
		case <-ctx.Done():
			return a, ctx.Err()
		case <-time.After(apart):
		}
	}
}

// seen is what receivers and the router have counted since the lab was started.
func (r *runner) seen() (Account, error) {
	a := Account{Dropped: map[string]int64{}}
	for name, c := range r.checks {
		got, err := c.Result()
		if err != nil {
			return a, fmt.Errorf("%s: %w", name, err)
		}
		a.Received += got.Count
		a.Disordered += got.Disordered
		a.Damaged += got.Damaged
		a.drop(name, got.Dropped)
	}
	counters := r.lab.Router().Counters()
	for reason, n := range counters.ByReason() {
		a.Dropped["router: "+reason.String()] = int64(n)
	}
	return a, nil
}

// drop adds what somebody has counted as dropped.
func (a *Account) drop(who string, dropped map[string]int64) {
	for where, n := range dropped {
		a.Dropped[who+": "+where] += n
	}
}
