package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// TraceBatch asks what would become of many packets, as [probe.Batch] does, over one connection. It returns how many questions got
// no answer.
func (c Client) TraceBatch(ctx context.Context, questions io.Reader, answers io.Writer) (unanswered int, err error) {
	conn, err := c.dial(ctx, request{Verb: verbBatch}, nil)
	if err != nil {
		return 0, err
	}
	defer conn.close()
	asked := make(chan error, 1)
	go func() {
		_, err := io.Copy(conn.conn, questions)
		_ = conn.conn.CloseWrite() // if it fails the lab is gone, which reading tells
		asked <- err
	}()
	done, err := conn.answers(answers)
	switch {
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case err != nil:
		return 0, err
	}
	return done.Unanswered, <-asked
}

// answers copies lines until the one that is the lab's own response: no answer to a question begins with a version.
func (c *conversation) answers(to io.Writer) (*batched, error) {
	lines, out := bufio.NewReaderSize(c.conn, 64<<10), bufio.NewWriterSize(to, 64<<10)
	for start := true; ; {
		part, err := lines.ReadSlice('\n')
		if start && bytes.HasPrefix(part, []byte(`{"version":`)) {
			c.decoder = json.NewDecoder(bytes.NewReader(part))
			done, err := receive[batched](c)
			return done, errors.Join(err, out.Flush())
		}
		start = err == nil
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, fmt.Errorf("the lab ended: %w", err)
		}
		_, err = out.Write(part)
		if err == nil && lines.Buffered() == 0 {
			err = out.Flush() // whoever asks one by one waits for it
		}
		if err != nil {
			return nil, err
		}
	}
}
