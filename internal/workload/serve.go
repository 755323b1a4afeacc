package workload

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
)

// serve listens and echoes until the stop, then closes every connection and returns when all their goroutines have ended.
// There is one goroutine per client.
func serve(ctx context.Context, spec Spec, out *reporter) {
	config := net.ListenConfig{KeepAlive: -1}
	config.SetMultipathTCP(false) // Go's listeners would use it where they can; the clients' kernels and ours speak plain TCP
	l, err := config.Listen(ctx, "tcp", spec.Address)
	if err != nil {
		out.report(Event{Event: Error, Local: spec.Address, Errno: errnoName(err), Error: err.Error()})
		return
	}
	defer context.AfterFunc(ctx, func() { l.Close() })()
	out.report(Event{Event: Listening, Local: l.Addr().String()})
	var clients sync.WaitGroup
	for {
		conn, err := l.Accept()
		if err != nil {
			clients.Wait()
			out.report(listenerEnd(ctx, l, err))
			return
		}
		out.report(Event{Event: Accepted, Local: conn.LocalAddr().String(), Peer: conn.RemoteAddr().String()})
		clients.Go(func() { out.report(echo(ctx, conn)) })
	}
}

func listenerEnd(ctx context.Context, l net.Listener, err error) Event {
	if ctx.Err() != nil {
		return Event{Event: Closed, Local: l.Addr().String()}
	}
	return Event{Event: Error, Local: l.Addr().String(), Errno: errnoName(err), Error: err.Error()}
}

// echo sends back what comes until the client closes, the connection breaks or the stop, and returns how it ended.
func echo(ctx context.Context, conn net.Conn) Event {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	n, err := io.Copy(conn, conn)
	e := Event{Event: Closed, Local: conn.LocalAddr().String(), Peer: conn.RemoteAddr().String(), Bytes: n}
	if err != nil && !errors.Is(err, net.ErrClosed) {
		e.Errno, e.Error = errnoName(err), err.Error()
	}
	return e
}
