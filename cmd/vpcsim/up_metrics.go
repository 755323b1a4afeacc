package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"vpcsim/internal/control"
	"vpcsim/internal/metrics"
)

// Prometheus asks from the machine's own network, and the lab lives in others. So the listener is made outside, before the lab is
// confined, and the process inside inherits it: a socket stays in the network that it was made in.

const metricsFD = 5 // of the process inside, with --metrics

// listen listens at what --metrics says: HOST:PORT or unix:PATH. Nobody but programs of this machine may ask, unless that is asked for.
func (l *launch) listen() error {
	address := l.up.metrics
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		return l.listenUnix(path)
	}
	if address == "" {
		return nil
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return usage("--metrics %s: must be HOST:PORT, for example 127.0.0.1:9464, or unix:PATH", address)
	}
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) && !l.up.metricsPublic {
		return usage("--metrics %s: anybody who reaches this machine could read there what the lab does; say 127.0.0.1 or unix:PATH, or add --metrics-public", address)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return usage("--metrics %s: %w", address, err)
	}
	defer listener.Close()
	l.asked = "http://" + listener.Addr().String() + "/metrics"
	l.metrics, err = listener.(*net.TCPListener).File()
	return err
}

// listenUnix makes a Unix socket for this user alone, in place of one that nobody listens at any more.
func (l *launch) listenUnix(path string) error {
	if conn, err := net.DialTimeout("unix", path, time.Second); err == nil {
		_ = conn.Close()
		return usage("--metrics unix:%s: somebody listens there already", path)
	} else if errors.Is(err, syscall.ECONNREFUSED) {
		_ = os.Remove(path) // if it cannot be, listening says what is wrong
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return usage("--metrics unix:%s: %w", path, err)
	}
	listener.(*net.UnixListener).SetUnlinkOnClose(false) // the process inside goes on listening, and removes it
	defer listener.Close()
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	l.asked = "curl --unix-socket " + path + " http://localhost/metrics"
	if l.metrics, err = listener.(*net.UnixListener).File(); err == nil {
		err = os.Chmod(path, 0o600)
	}
	if err != nil {
		return fileError(err)
	}
	return nil
}

// serveMetrics answers at the inherited listener, until stop.
func (o upOptions) serveMetrics(lab *control.Lab) (stop func() error, err error) {
	if o.metrics == "" {
		return func() error { return nil }, nil
	}
	f := os.NewFile(metricsFD, "metrics")
	l, err := net.FileListener(f)
	_ = f.Close()
	if err != nil {
		return nil, fmt.Errorf("--metrics: %w", err)
	}
	s := metrics.Serve(l, lab.Usage)
	return func() error { return errors.Join(s.Close(), o.removeMetricsSocket()) }, nil
}

// removeMetricsSocket takes the file of a Unix socket away. Where a lab was killed it stays, for the next one to take its place.
func (o upOptions) removeMetricsSocket() error {
	path, ok := strings.CutPrefix(o.metrics, "unix:")
	if !ok {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fileError(err)
	}
	return nil
}
