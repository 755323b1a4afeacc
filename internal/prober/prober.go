// Package prober is the program that a survey runs in every instance: it listens on TCP ports, and pings and connects to whom it
// is told to, many at a time. It is a program with sockets and does not know that its network is simulated.
//
// It is our own executable, run again, and talks in lines of JSON: a [Spec] goes in first, and a [Ready] comes out; then, for every [Round] that goes in, a list of sightings comes out, in the order of its questions. When its input ends
// it closes what it has open, and ends.
package prober

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os/signal"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Spec says what to do from the start.
type Spec struct {
	Listen     []uint16    `json:"listen"`               // TCP ports to accept connections on
	Neighbours []Neighbour `json:"neighbours,omitempty"` // to be known without ARP while the program runs
}

// Round is a list of questions.
type Round struct {
	Questions []Question    `json:"questions"`
	Parallel  int           `json:"parallel"` // how many at a time, at least 1
	Wait      time.Duration `json:"wait"`     // for an answer; in nanoseconds
}

// Ready is what the program says when it listens. A port that another program has is left to it: whatever it says to a
// connection is an answer.
type Ready struct {
	Listening []uint16 `json:"listening"`
}

// The protocols of a question.
const (
	ICMP = "icmp"
	TCP  = "tcp"
)

// Question is one ping, or one connection to open.
type Question struct {
	To       string `json:"to"` // IPv4 address, or a name, whose first IPv4 address counts
	Protocol string `json:"protocol"`
	Port     uint16 `json:"port,omitempty"` // of TCP
	// Source is where it comes from: an address of the instance, and the port to connect from or the identifier of the ping.
	Source netip.AddrPort `json:"source"`
}

// Sighting is what came of a question.
type Sighting struct {
	// Reached: the ping was answered, or the connection was, with a refusal too.
	Reached bool   `json:"reached"`
	Refused bool   `json:"refused,omitempty"` // it was answered with a refusal
	TTL     int    `json:"ttl,omitempty"`     // of the answer to a ping
	Said    string `json:"said,omitempty"`    // what the network said in place of an answer
	// Error says why the question could not be asked, which tells nothing of the network.
	Error string `json:"error,omitempty"`
}

// Main runs the program. It returns the exit code: 0 when its input has ended, 2 for input that it cannot use, which is told on errs.
func Main(in io.Reader, out, errs io.Writer) int {
	if err := run(json.NewDecoder(in), json.NewEncoder(out)); err != nil {
		fmt.Fprintln(errs, "prober:", err)
		return 2
	}
	return 0
}

func run(in *json.Decoder, out *json.Encoder) error {
	var s Spec
	if err := in.Decode(&s); err != nil {
		return fmt.Errorf("description: %w", err)
	}
	signal.Ignore(unix.SIGHUP, unix.SIGPIPE) // the input ends when whoever asks is gone
	runtime.GOMAXPROCS(1)                    // hundreds of these share the machine
	forget, err := know(s.Neighbours)
	defer forget()
	if err != nil {
		return err
	}
	listeners, ready, err := listen(s.Listen)
	defer listeners.close()
	if err != nil {
		return err
	}
	if err := out.Encode(ready); err != nil {
		return err
	}
	for {
		var r Round
		switch err := in.Decode(&r); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("questions: %w", err)
		}
		if err := out.Encode(r.ask()); err != nil {
			return err
		}
	}
}

// ask asks all questions, some at a time.
func (r Round) ask() []Sighting {
	sightings := make([]Sighting, len(r.Questions))
	pings := pingers{sockets: map[netip.AddrPort]*pinger{}}
	defer pings.close()
	var asked sync.WaitGroup
	slots := make(chan struct{}, max(1, r.Parallel))
	for n, q := range r.Questions {
		slots <- struct{}{}
		asked.Go(func() {
			defer func() { <-slots }()
			sightings[n] = r.one(&pings, n, q)
		})
	}
	asked.Wait()
	return sightings
}

// one asks the n-th question.
func (r Round) one(pings *pingers, n int, q Question) Sighting {
	to, err := resolve(q.To)
	if err != nil {
		return Sighting{Error: err.Error()}
	}
	switch q.Protocol {
	case ICMP:
		p, err := pings.from(q.Source)
		if err != nil {
			return Sighting{Error: err.Error()}
		}
		return p.ping(to, uint16(n), r.Wait)
	case TCP:
		return connect(q.Source, netip.AddrPortFrom(to, q.Port), r.Wait)
	}
	return Sighting{Error: fmt.Sprintf("protocol %q: must be %s or %s", q.Protocol, ICMP, TCP)}
}

// unreachable says whether err is the network's word that there is no way.
func unreachable(err error) bool {
	return errors.Is(err, unix.EHOSTUNREACH) || errors.Is(err, unix.ENETUNREACH)
}
