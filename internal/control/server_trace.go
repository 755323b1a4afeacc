package control

import (
	"time"

	"vpcsim/internal/probe"
)

// tracer returns a tracer of the lab as it is: network and snapshot of the same change.
func (l *Lab) tracer() *probe.Tracer {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := l.known.Load()
	return &probe.Tracer{Network: l.network, Names: known.names, Snapshot: l.router.Snapshot(), Flows: l.router, Pristine: known.pristine}
}

// batched is the answer to batch, after the answers to its questions.
type batched struct {
	Unanswered int `json:"Unanswered"` // lines
}

// batch answers questions until the client sends no more: the text of a batch comes in after the request, and its answers go out
// as they are, before the response. So a question costs no connection of its own.
//
//	client -> {"version":1,"verb":"batch"}
//	client -> {"from":"app","to":"web","protocol":"icmp"}   any number of times, then the end of what it sends
//	client <- {"from":"app","to":"web",…}                   as many times
//	client <- {"version":1,"result":{"Unanswered":0}}
func (s *Server) batch(c *session) error {
	unanswered, err := probe.Batch(c.lines, timely{c}, func(q probe.Query) (*probe.Answer, error) { return s.lab.tracer().Trace(q) })
	if err != nil {
		return err
	}
	return c.send(batched{unanswered})
}

// timely is a session's client as a writer that gives up on one who does not read.
type timely struct{ *session }

func (t timely) Write(b []byte) (int, error) {
	if err := t.conn.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil {
		return 0, err
	}
	return t.conn.Write(b)
}
