// Package metrics shows what a lab counts to Prometheus.
//
// Nothing is counted here, and nothing is kept: at each scrape the lab's counters are read once and written out under names by
// Prometheus' conventions. docs/counters.md says what each means. So metrics cost nothing between scrapes, and all of one scrape are of
// one moment.
package metrics

import (
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"vpcsim/internal/control"
)

const (
	scrapesAtOnce = 4 // others are told to come again
	headLimit     = 10 * time.Second
)

// NewRegistry returns what is shown of a lab: read is asked for its counters at every scrape. The program's own memory, processor time and
// goroutines are shown, too.
func NewRegistry(read func() *control.Usage) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collector{read, metrics()}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Server answers Prometheus at /metrics.
type Server struct {
	http  *http.Server
	ended chan error
}

// Serve answers at a listener until Close, which closes it.
func Serve(l net.Listener, read func() *control.Usage) *Server {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(NewRegistry(read), promhttp.HandlerOpts{MaxRequestsInFlight: scrapesAtOnce}))
	s := &Server{&http.Server{Handler: mux, ReadHeaderTimeout: headLimit}, make(chan error, 1)}
	go func() { s.ended <- s.http.Serve(l) }()
	return s
}

// Close ends scrapes at once.
func (s *Server) Close() error {
	err := s.http.Close()
	if ended := <-s.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}
