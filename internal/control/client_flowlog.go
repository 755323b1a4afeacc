package control

import (
	"context"
	"errors"
	"io"
)

// FlowLog has the lab keep a flow log and calls visit with all that it says, until ctx is done, the lab ends, or with q.Once the first interval
// does; none of them is an error. When ctx is done the lab still says what there is of the last interval.
func (c Client) FlowLog(ctx context.Context, q FlowLogQuery, visit func(FlowLogPart) error) error {
	conn, err := c.dial(context.WithoutCancel(ctx), request{Verb: verbFlowLog, FlowLog: &q}, nil)
	if err != nil {
		return err
	}
	defer conn.close()
	defer context.AfterFunc(ctx, func() { _ = conn.conn.CloseWrite() })()
	for {
		part, err := receive[FlowLogPart](conn)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := visit(*part); err != nil {
			return err
		}
	}
}
