package control

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// maxFiles is how many descriptors may come with a request: those of exec's command.
const maxFiles = 3

// session is one connection to the control socket, with the descriptors that came over it. One goroutine sends; one, the
// same or another, reads.
type session struct {
	conn  *net.UnixConn
	lines *bufio.Reader
	files []*os.File
	over  chan struct{} // closed with the session

	patient bool // writing waits for the client
}

func newSession(conn *net.UnixConn) *session {
	c := &session{conn: conn, over: make(chan struct{})}
	c.lines = bufio.NewReader(c)
	return c
}

// Read reads from the connection and keeps descriptors that come along (unix(7), SCM_RIGHTS). A client that sends more of
// them than any request needs is refused.
func (c *session) Read(b []byte) (int, error) {
	oob := make([]byte, unix.CmsgSpace(maxFiles*4))
	n, oobn, flags, _, err := c.conn.ReadMsgUnix(b, oob)
	if messages, parseErr := unix.ParseSocketControlMessage(oob[:oobn]); parseErr == nil {
		for _, m := range messages {
			fds, _ := unix.ParseUnixRights(&m) // an error means a message of another kind
			for _, fd := range fds {
				c.files = append(c.files, os.NewFile(uintptr(fd), fmt.Sprint("client's file ", len(c.files))))
			}
		}
	}
	switch {
	case errors.Is(err, io.EOF):
		return 0, io.EOF // as readers tell it: not wrapped
	case err != nil:
		return 0, err // n is -1
	case flags&unix.MSG_CTRUNC != 0 || len(c.files) > maxFiles:
		return 0, errors.New("too many files")
	}
	return n, nil
}

// line reads one line of at most maxRequest bytes, which must come within readLimit. The end of what the client sends ends a
// line too.
func (c *session) line() ([]byte, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(readLimit)); err != nil {
		return nil, err
	}
	defer func() { _ = c.conn.SetReadDeadline(time.Time{}) }()
	var line []byte
	for {
		part, err := c.lines.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > maxRequest:
			return nil, fmt.Errorf("longer than %d bytes", maxRequest)
		case err == nil, err == io.EOF && len(line) > 0:
			return line, nil
		case err != bufio.ErrBufferFull:
			return nil, err
		}
	}
}

// send answers with a result.
func (c *session) send(result any) error {
	b, err := json.Marshal(result)
	if err != nil {
		return err
	}
	return c.write(response{Version: protocolVersion, Result: b})
}

// fail answers with an error; what comes of it is nobody's business any more.
func (c *session) fail(err error) {
	if ignoreClosed(err) != nil {
		_ = c.write(response{Version: protocolVersion, Error: err.Error(), Code: codeOf(err)})
	}
}

func (c *session) write(r response) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if !c.patient {
		err = c.conn.SetWriteDeadline(time.Now().Add(writeLimit))
	}
	if err != nil {
		return err
	}
	_, err = c.conn.Write(append(b, '\n'))
	return err
}

// hangUp returns a channel that is closed when the client sends no more: it is gone, as it has nothing more to say but its
// end. The goroutine that looks ends with the connection.
func (c *session) hangUp() <-chan struct{} {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = io.Copy(io.Discard, c.lines)
	}()
	return gone
}

func (c *session) closeFiles() {
	for _, f := range c.files {
		_ = f.Close()
	}
	c.files = nil
}

func (c *session) close() {
	close(c.over)
	_ = c.conn.Close()
	c.closeFiles()
}
