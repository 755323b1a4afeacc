package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"vpcsim/dataplane"
	"vpcsim/dataplane/capture"
	"vpcsim/internal/monotonic"
)

// Two verbs show packets until their client has seen enough. Neither holds the packets up: a client that reads too slowly misses
// some, and is told how many.
//
//	client -> {"version":1,"verb":"observe","observe":{"verdict":"dropped"},"last":10,"follow":true}
//	client <- {"version":1,"result":{"Time":…,"Explanation":"dropped by …"}}     any number of times
//
//	client -> {"version":1,"verb":"capture","capture":{"words":["app"]}}
//	client <- {"version":1,"result":{}}
//	client <- pcapng, as it would be in a file
//	client -> {"stopped":"no space left on device"}    if it could not write; then, or else, the end of what it sends
//	client <- the rest, and the end

// stopped is what a client that captures says if it does not end of its own will.
type stopped struct {
	Stopped string `json:"stopped"`
}

// watch answers the two verbs.
func (s *Server) watch(c *session, q request) error {
	switch {
	case q.Verb == verbObserve && q.Observe == nil:
		return errors.New("observe: no filter")
	case q.Verb == verbObserve:
		return s.observe(c, *q.Observe, q.Last, q.Follow)
	case q.Capture == nil:
		return errors.New("capture: nothing to capture")
	}
	return s.capture(c, *q.Capture)
}

// patient lets a client take as long as it likes, so long as the server is open.
func (s *Server) patient(c *session) (release func() bool) {
	c.patient = true
	return context.AfterFunc(s.open, func() { _ = c.conn.SetWriteDeadline(time.Now().Add(time.Second)) })
}

// observe sends what becomes of packets: of the last drops if last is not 0, and, with follow, from now on.
func (s *Server) observe(c *session, q PacketFilter, last int, follow bool) error {
	defer s.patient(c)()
	filter, err := q.filter(s.lab.Network())
	if err != nil {
		return err
	}
	switch {
	case last < 0:
		return errors.New("last: must not be negative")
	case last > 0 && !follow && filter.Verdict == dataplane.Forwarded:
		return errors.New("last: only drops are remembered, and nothing that was forwarded")
	case last > 0 && !follow && filter.Expression != nil:
		return errors.New("last: of the last drops no bytes are remembered, which a filter expression asks for; use --src, --dst, --port, --proto")
	}
	begin := monotonic.Now()
	o, err := s.lab.router.Observe(dataplane.Observing{Filter: filter, Sample: q.Sample, Steps: q.Steps})
	if err != nil {
		return err
	}
	defer o.Close()
	for _, past := range s.lab.router.LastDrops(filter, last) {
		if past.Time > begin {
			continue // it is observed
		}
		if err := c.send(s.lab.observed(&past)); err != nil {
			return err
		}
	}
	if !follow {
		return nil
	}
	return s.follow(c, o)
}

// follow sends what an observer sees, until the client or the lab ends.
func (s *Server) follow(c *session, o *dataplane.Observer) error {
	gone, told := c.hangUp(), uint64(0)
	for {
		select {
		case <-gone:
			return nil
		case <-s.open.Done():
			return nil
		case seen := <-o.C:
			if missed := o.Missed(); missed > told {
				now := monotonic.Now()
				if err := c.send(ObservationView{Time: s.lab.wall(now), Monotonic: now, Missed: missed - told}); err != nil {
					return err
				}
				told = missed
			}
			if err := c.send(s.lab.observed(seen)); err != nil {
				return err
			}
		}
	}
}

// capture sends pcapng until the client has enough of it.
func (s *Server) capture(c *session, q CaptureQuery) error {
	defer s.patient(c)()
	what, err := s.lab.capturing(q)
	if err != nil {
		return err
	}
	out := &toClient{session: c, begun: make(chan struct{}), lost: make(chan struct{})}
	what.Recorder = capture.NewRecorder(out, monotonic.Now(), q.SnapLen)
	running, err := s.lab.router.Capture(what)
	if err == nil {
		err = c.send(struct{}{})
	}
	out.refused = err
	close(out.begun)
	if err != nil {
		_ = what.Recorder.Close() // of which nothing was sent
		return err
	}
	s.lab.recordings.add(what.Recorder)
	s.untilStopped(c, out.lost)
	running.Close()
	s.lab.recordings.end(what.Recorder)
	_ = what.Recorder.Close() // what is missing is in the stream, and a client that is gone need not be told
	return nil
}

// untilStopped waits until a client has enough of its capture, has told why it can take no more, or is gone, or until the lab ends.
func (s *Server) untilStopped(c *session, lost <-chan struct{}) {
	said := make(chan stopped, 1)
	go func() {
		var why stopped
		line, _ := io.ReadAll(io.LimitReader(c.lines, maxRequest))
		_ = json.Unmarshal(bytes.TrimSpace(line), &why) // the end alone is no reason
		said <- why
	}()
	select {
	case why := <-said:
		if why.Stopped != "" {
			s.lab.captureStopped(why.Stopped)
		}
	case <-lost:
	case <-s.open.Done():
	}
}

// toClient is a client that takes a capture as it comes, once it has been answered. Its end is the session's.
type toClient struct {
	*session
	begun   chan struct{} // closed when it has been answered
	refused error         // why it gets nothing; set before begun is closed
	lost    chan struct{} // closed when a write fails, after which the recorder writes no more
}

// Write waits until the client has been answered. The recorder's lock is held meanwhile, so who is to answer must not ask for it.
func (t *toClient) Write(b []byte) (int, error) {
	if <-t.begun; t.refused != nil {
		return 0, t.refused
	}
	n, err := t.conn.Write(b)
	if err != nil {
		close(t.lost)
	}
	return n, err
}

func (t *toClient) Close() error { return nil }
