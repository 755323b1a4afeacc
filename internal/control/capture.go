package control

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"vpcsim/dataplane"
	"vpcsim/dataplane/capture"
	"vpcsim/internal/monotonic"
	"vpcsim/topology"
)

// CaptureQuery says what to record, in a user's words.
type CaptureQuery struct {
	PacketFilter
	// Words name places, and then may go on as a filter expression; without places it is every port.
	Words   []string `json:"words,omitempty"`
	SnapLen int      `json:"snaplen,omitempty"` // bytes to keep of each datagram; 0 is all
}

// capturing understands a query.
func (l *Lab) capturing(q CaptureQuery) (c dataplane.Capturing, err error) {
	n := l.Network()
	at, expression := points(n, q.Words)
	switch {
	case expression != "" && q.Expression != "":
		return c, fmt.Errorf("%q and --filter %q: give one filter", expression, q.Expression)
	case expression != "":
		q.Expression = expression
	}
	c.Filter, err = q.filter(n)
	if err != nil && expression != "" {
		word, _, _ := strings.Cut(expression, " ")
		err = fmt.Errorf("%w\n%q is no place to capture at, and so begins a filter%s", err, word, topology.DidYouMean(word, pointNames(n)))
	}
	if q.SnapLen < 0 {
		err = errors.Join(err, fmt.Errorf("snaplen: %d: must not be negative", q.SnapLen))
	}
	if c.Points = at; at == nil {
		c.Points = everywhere
	}
	c.Sample, c.Describe, c.Explain = q.Sample, l.placeName, l.comment
	return c, err
}

// record has a recorder take down all that passes the ports, from the first packet on.
func (l *Lab) record(r *capture.Recorder) error {
	if r == nil {
		return nil
	}
	r.OnFail(func(err error) { l.captureStopped(err.Error()) })
	l.recordings.add(r)
	_, err := l.router.Capture(dataplane.Capturing{Points: everywhere, Recorder: r, Describe: l.placeName, Explain: l.comment})
	return err
}

// recordings are the captures of a lab, for what is missing from all that there ever were.
type recordings struct {
	mu    sync.Mutex
	open  []*capture.Recorder // guarded by mu
	ended uint64              // guarded by mu: what is missing from those that have ended
}

// add counts what is missing from a capture, until end and from then on.
func (r *recordings) add(one *capture.Recorder) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open = append(r.open, one)
}

// end is for a recorder whose file nobody waits for any more, before it is closed.
func (r *recordings) end(one *capture.Recorder) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open = slices.DeleteFunc(r.open, func(open *capture.Recorder) bool { return open == one })
	r.ended += one.Overrun()
}

// dropped is how many packets are missing.
func (r *recordings) dropped() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	sum := r.ended
	for _, one := range r.open {
		sum += one.Overrun()
	}
	return sum
}

// captureStopped tells that a capture could not go on.
func (l *Lab) captureStopped(why string) {
	now := monotonic.Now()
	l.Events.add(Event{Time: l.wall(now), Monotonic: now, Event: CaptureStopped, Reason: why})
}
