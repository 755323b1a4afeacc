package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"vpcsim/dataplane/capture"
)

// Observe calls visit with what became of packets: of the last drops, and with follow of all packets to come, until the lab or the
// context ends. Neither is an error.
func (c Client) Observe(ctx context.Context, q PacketFilter, last int, follow bool, visit func(*ObservationView, json.RawMessage) error) error {
	return c.stream(ctx, request{Verb: verbObserve, Observe: &q, Last: last, Follow: follow}, func(line json.RawMessage) error {
		var v ObservationView
		if err := json.Unmarshal(line, &v); err != nil {
			return err
		}
		return visit(&v, line)
	})
}

// endLimit is how long a lab may take to send the rest of a capture.
const endLimit = 5 * time.Second

// Capture records packets into files until the context or the lab ends, or the files have enough; none of these is an error. A file
// that cannot be written ends it, and the lab is told, which makes an event of it. begun is called when the lab records.
func (c Client) Capture(ctx context.Context, q CaptureQuery, files *capture.Files, begun func()) error {
	conn, err := c.dial(context.WithoutCancel(ctx), request{Verb: verbCapture, Capture: &q}, nil)
	if err != nil {
		return err
	}
	defer conn.close()
	if _, err := receive[struct{}](conn); err != nil {
		return err
	}
	begun()
	enough := func() { // the lab sends what it has, and then the end
		_ = conn.conn.SetReadDeadline(time.Now().Add(endLimit))
		_ = conn.conn.CloseWrite()
	}
	defer context.AfterFunc(ctx, enough)()
	r := bufio.NewReader(io.MultiReader(conn.decoder.Buffered(), conn.input))
	if _, err := r.ReadString('\n'); err != nil { // of the answer
		return err
	}
	for {
		block, err := capture.ReadBlock(r)
		if errors.Is(err, io.EOF) || err != nil && ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		switch err := files.Add(block); {
		case errors.Is(err, capture.ErrEnough):
			return nil
		case err != nil:
			_ = send(conn.conn, stopped{err.Error()}, nil) // fails only if the lab is gone
			return err
		}
	}
}
