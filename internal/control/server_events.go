package control

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"vpcsim/internal/monotonic"
)

const (
	eventsAtOnce = 256         // events of one write, so that what a reader has yet to get stays in the log
	farewell     = time.Second // for readers to take what is left when the lab ends
)

// events sends the events after number since; with follow, also those to come, until the client or the lab ends. A reader may take
// as long as it likes: what becomes too old meanwhile is told as lost. Only the end of the lab waits for nobody.
func (s *Server) events(c *session, since int, follow bool) error {
	gone := c.hangUp()
	defer context.AfterFunc(s.open, func() { _ = c.conn.SetWriteDeadline(time.Now().Add(farewell)) })()
	for {
		events, next, more := s.lab.Events.read(since, eventsAtOnce)
		since = next
		switch {
		case len(events) > 0:
			if err := c.stream(events); err != nil {
				return err
			}
			continue
		case !follow, s.open.Err() != nil:
			return nil
		}
		select {
		case <-more:
		case <-s.open.Done(): // for what is left
		case <-gone:
			if s.open.Err() == nil {
				return nil
			}
		}
	}
}

// eventLine is a response with an event as its result.
type eventLine struct {
	Version int   `json:"version"`
	Result  Event `json:"result"`
}

// stream answers with one line for each event.
func (c *session) stream(events []Event) error {
	var lines bytes.Buffer
	for _, e := range events {
		text, err := json.Marshal(eventLine{protocolVersion, e})
		if err != nil {
			return err
		}
		lines.Write(append(text, '\n'))
	}
	_, err := c.conn.Write(lines.Bytes())
	return err
}

// tell adds an event of the lab itself.
func (l *Lab) tell(e Event) {
	e.Monotonic = monotonic.Now()
	e.Time = l.wall(e.Monotonic)
	l.Events.add(e)
}
