package prober

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// listeners are the TCP ports that the program accepts connections on.
type listeners []net.Listener

// listen takes the ports that nobody else has.
func listen(ports []uint16) (all listeners, ready Ready, err error) {
	ready.Listening = []uint16{}
	config := net.ListenConfig{}
	config.SetMultipathTCP(false)
	for _, port := range ports {
		l, err := config.Listen(context.Background(), "tcp4", netip.AddrPortFrom(netip.IPv4Unspecified(), port).String())
		if errors.Is(err, unix.EADDRINUSE) {
			continue
		}
		if err != nil {
			return all, ready, err
		}
		all = append(all, l)
		ready.Listening = append(ready.Listening, port)
		go accept(l)
	}
	return all, ready, nil
}

func (all listeners) close() {
	for _, l := range all {
		_ = l.Close()
	}
}

// accept holds every connection until its other end closes it: who closes first keeps the ports for a minute.
func accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // the connection is gone, or there are too many open
			time.Sleep(time.Millisecond)
			continue
		}
		go func() {
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		}()
	}
}

// connect opens a connection, and resets it.
func connect(source, to netip.AddrPort, wait time.Duration) Sighting {
	dialer := net.Dialer{Timeout: wait, KeepAlive: -1, LocalAddr: net.TCPAddrFromAddrPort(source), Control: shared}
	dialer.SetMultipathTCP(false)
	conn, err := dialer.Dial("tcp4", to.String())
	var timeout net.Error
	switch {
	case err == nil:
		_ = conn.(*net.TCPConn).SetLinger(0) // a reset leaves nothing behind at either end
		_ = conn.Close()
		return Sighting{Reached: true}
	case errors.Is(err, unix.ECONNREFUSED):
		return Sighting{Reached: true, Refused: true}
	case errors.As(err, &timeout) && timeout.Timeout():
		return Sighting{}
	case unreachable(err):
		return Sighting{Said: err.Error()}
	}
	return Sighting{Error: err.Error()}
}

// shared lets connections to different places come from the same port.
func shared(_, _ string, raw syscall.RawConn) error {
	var err error
	return errors.Join(raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	}), err)
}

// resolve returns the address that a name or an address stands for.
func resolve(host string) (netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return a, nil
	}
	addrs, err := (&net.Resolver{PreferGo: true}).LookupNetIP(context.Background(), "ip4", host)
	if err != nil {
		return netip.Addr{}, err
	}
	return addrs[0].Unmap(), nil
}
