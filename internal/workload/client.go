package workload

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// uploadBytes is the size of the object that Upload puts.
	uploadBytes = 256 << 10
	// socketBuffer is what the client asks for in either direction. With the kernel's own buffers of megabytes a slow
	// reader would go on for a second with what had arrived before its connection broke, and a writer would notice nothing.
	socketBuffer = 64 << 10
)

// client is a connected client between exchanges.
type client struct {
	spec Spec
	wire *wire
	in   *bufio.Reader
}

// runClient dials, repeats the exchange of its kind until the stop or an error, and reports how it ended.
func runClient(ctx context.Context, spec Spec, out *reporter) {
	tcp, err := dial(ctx, spec, out)
	if err != nil {
		out.report(dialFailure(ctx, spec, err))
		return
	}
	defer tcp.Close()
	disarm := context.AfterFunc(ctx, func() { _ = tcp.SetDeadline(time.Unix(1, 0)) })
	defer disarm()
	w := &wire{tcp: tcp, out: out, stop: ctx, stall: spec.Stall, sends: spec.Kind == Upload}
	out.report(w.event(Connected))
	c := &client{spec: spec, wire: w, in: bufio.NewReaderSize(w, spec.Bytes)}
	out.report(c.end(c.run()))
}

func (c *client) run() error {
	exchange := map[string]func() error{
		Download: c.download, Upload: c.upload, KeepAlive: c.keepAlive, Stream: c.echo,
	}[c.spec.Kind]
	for !c.wire.stopping() {
		if err := exchange(); err != nil {
			return err
		}
		c.wire.pause(c.spec.Every)
	}
	return nil
}

// end is the last event: what err did to the connection, or that the client was told to stop.
func (c *client) end(err error) Event {
	if err == nil || c.wire.stopping() && errors.Is(err, os.ErrDeadlineExceeded) {
		return c.wire.event(Closed)
	}
	e := c.wire.event(Error)
	e.Errno, e.Error = errnoName(err), err.Error()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		e.Error = "closed by the far end"
	}
	return e
}

// dial makes the one connection: to Connect, or to the first address of the name in URL or Address.
func dial(ctx context.Context, spec Spec, out *reporter) (*net.TCPConn, error) {
	dialer := net.Dialer{Timeout: spec.ConnectTimeout, KeepAlive: -1, Control: smallBuffers}
	dialer.SetMultipathTCP(false)
	if spec.Source != "" {
		source, err := netip.ParseAddr(spec.Source)
		if err != nil {
			return nil, err
		}
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(source, 0))
	}
	target, err := resolve(ctx, spec)
	if err != nil {
		return nil, err
	}
	out.report(Event{Event: Connecting, Remote: target})
	conn, err := dialer.DialContext(ctx, "tcp", target)
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), nil
}

// resolve returns ADDRESS:PORT. Of several addresses it takes the first; net.Dialer would quietly try the others.
func resolve(ctx context.Context, spec Spec) (string, error) {
	host, port, err := net.SplitHostPort(target(spec))
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, spec.ConnectTimeout)
	defer cancel()
	addrs, err := (&net.Resolver{PreferGo: true}).LookupNetIP(ctx, "ip", host)
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(addrs[0].Unmap().String(), port), nil
}

// target is the HOST:PORT that the Spec names.
func target(spec Spec) string {
	switch {
	case spec.Connect != "":
		return spec.Connect
	case spec.Kind == Stream:
		return spec.Address
	}
	u, err := url.Parse(spec.URL)
	if err != nil {
		return spec.URL // for the error of the caller; check has let it through, so this can't be
	}
	return net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "80"))
}

func smallBuffers(_, _ string, raw syscall.RawConn) error {
	var err error
	control := raw.Control(func(fd uintptr) {
		err = errors.Join(
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, socketBuffer),
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, socketBuffer))
	})
	return errors.Join(control, err)
}

// dialFailure is the last event of a client that never connected.
func dialFailure(ctx context.Context, spec Spec, err error) Event {
	e := Event{Event: Error, Remote: target(spec), Errno: errnoName(err), Error: err.Error()}
	var op *net.OpError
	var lookup *net.DNSError
	switch {
	case ctx.Err() != nil:
		return Event{Event: Closed, Remote: e.Remote}
	case errors.As(err, &lookup): // a silent name server is not a silent destination
	case e.Errno == "" && errors.As(err, &op) && op.Timeout():
		e.Errno, e.Error = "ETIMEDOUT", "connect timeout"
	}
	return e
}

func (c *client) download() error { return c.http(http.MethodGet, "", c.slowly) }

func (c *client) upload() error { return c.http(http.MethodPut, "", c.slowly) }

func (c *client) keepAlive() error { return c.http(http.MethodGet, "bytes=0-15", c.wholly) }

// http makes one request and reads its answer through the given reader.
func (c *client) http(method, byteRange string, drain func(io.Reader) error) error {
	req, err := http.NewRequest(method, c.spec.URL, nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", "vpcsim-workload")
	if byteRange != "" {
		req.Header.Set("Range", byteRange)
	}
	if method == http.MethodPut {
		req.Body, req.ContentLength = io.NopCloser(&slowBody{c.wire, c.spec.Every, uploadBytes}), uploadBytes
	}
	out := bufio.NewWriterSize(c.wire, c.spec.Bytes) // req.Write uses it as it is, so writes have this size
	if err := req.Write(out); err != nil {
		return cmp.Or(c.wire.writeErr, err) // net/http hides the cause of an error in the midst of a body
	}
	if err := out.Flush(); err != nil {
		return err
	}
	c.wire.held = !c.wire.sends // an answer that refuses is no progress, and who waits for some must not take it for such
	resp, err := http.ReadResponse(c.in, req)
	if err != nil {
		return err
	}
	// The body is not closed: it is only a view of c.in, and closing would go on reading a broken connection.
	if resp.StatusCode/100 != 2 {
		return refusal(req, resp)
	}
	c.wire.accepted()
	if resp.ContentLength < 0 {
		return fmt.Errorf("%s %s: the answer has no Content-Length", method, c.spec.URL)
	}
	return drain(resp.Body)
}

// refusal describes an answer that isn't a success, with S3's own code if there is one.
func refusal(req *http.Request, resp *http.Response) error {
	var s3 struct{ Code string }
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10)) // what there is of it; the status alone will do
	_ = xml.Unmarshal(body, &s3)
	return fmt.Errorf("%s %s: HTTP %s %s", req.Method, req.URL, resp.Status, s3.Code)
}

// slowly reads to the end with a pause after each read. That r ends only after Content-Length bytes is net/http's care.
func (c *client) slowly(r io.Reader) error {
	buf := make([]byte, c.spec.Bytes)
	for {
		_, err := r.Read(buf)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		c.wire.pause(c.spec.Every)
	}
}

func (c *client) wholly(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

// slowBody is a request body of zeros that pauses before each read, that is, about before each write of the request.
type slowBody struct {
	wire  *wire
	every time.Duration
	left  int
}

func (b *slowBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	b.wire.pause(b.every)
	n := min(len(p), b.left)
	clear(p[:n])
	b.left -= n
	return n, nil
}

// echo sends one message and expects it back.
func (c *client) echo() error {
	message := bytes.Repeat([]byte{byte(c.wire.bytes / int64(c.spec.Bytes))}, c.spec.Bytes)
	if _, err := c.wire.Write(message); err != nil {
		return err
	}
	answer := make([]byte, len(message))
	if _, err := io.ReadFull(c.in, answer); err != nil {
		return err
	}
	if !bytes.Equal(answer, message) {
		return errors.New("the echo differs from the message")
	}
	return nil
}
