// Package load is the programs that vpcsim bench forward runs at the two ends of what it measures: a server, and clients that flood it,
// ask it, open connections to it or fill one. They are processes of their own, in network namespaces of their own, and know nothing of
// what lies between them. They use blocking sockets and the system calls of those directly: Go's poller would be part of each answer.
//
// What measures latency is pinned, the client to the last processor and the server to the first: two machines, which is what the ends stand
// for, have no processor in common. Left to itself, the scheduler at times runs both on one, where an answer costs no waking of
// another processor and takes a quarter of the time; whether it does is chance, and would be measured in place of the contender.
package load

import (
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"time"
)

// Kind is what a program does.
type Kind string

// The kinds.
const (
	Serve    Kind = "serve"    // all services; ends when its standard input does
	Flood    Kind = "flood"    // UDP datagrams to the sink, in frames of 60 bytes
	PingPong Kind = "pingpong" // a UDP datagram to the echo, and the next a millisecond after its answer
	Ask      Kind = "ask"      // a byte there and a byte back over one TCP connection, again and again
	Connect  Kind = "connect"  // a TCP connection for each byte there and back
	Stream   Kind = "stream"   // as much over TCP as there is room for
	Get      Kind = "get"      // as much of an object of S3 as comes, by HTTP over TCP
	Number   Kind = "number"   // UDP datagrams of several flows (Streams), each with its flow and its number in it
	Check    Kind = "check"    // takes those, and looks whether they are whole and in order; ends when its standard input does
	Pings    Kind = "pings"    // an ICMP echo to each target; Lasting is how long to wait for an answer, Streams how many are asked at once
)

// The ports of the services.
const (
	PortAnswer = 7000 // TCP: each byte back, pinned
	PortEcho   = 7001 // UDP: each datagram back, pinned
	PortSink   = 7002 // UDP: counted
	PortStream = 7003 // TCP: filled or emptied
	PortGuest  = 7004 // TCP: each byte back, of whoever comes and goes
	PortNumber = 7005 // UDP: of Check
)

// Spec says what a program is to do.
type Spec struct {
	Kind     Kind          `json:"Kind"`
	To       netip.Addr    `json:"To"`                 // of the server, IPv4
	Targets  []netip.Addr  `json:"Targets,omitempty"`  // of Pings, in place of To
	Lasting  time.Duration `json:"LastingNs"`          // something is done, however late it is: there is always a rate
	Rate     float64       `json:"Rate,omitempty"`     // datagrams in a second; 0: as many as go
	Streams  int           `json:"Streams,omitempty"`  // connections at once
	Backward bool          `json:"Backward,omitempty"` // the server sends the stream
	Path     string        `json:"Path,omitempty"`     // of the object to get: /bucket/key
	Host     string        `json:"Host,omitempty"`     // that has it
}

// Result is what a client has done. Times are in nanoseconds.
type Result struct {
	Count  int64         `json:"Count"` // datagrams sent, answers or connections got, bytes that arrived
	Lost   int64         `json:"Lost,omitempty"`
	Took   time.Duration `json:"TookNs"`
	Median time.Duration `json:"MedianNs,omitempty"` // of the times until an answer
	P99    time.Duration `json:"P99Ns,omitempty"`

	// Of Number and Check.
	Flows      int              `json:"Flows,omitempty"`
	Disordered int64            `json:"Disordered,omitempty"` // datagrams with a number no higher than the last one's of their flow
	Damaged    int64            `json:"Damaged,omitempty"`    // datagrams that are not as they were sent
	Dropped    map[string]int64 `json:"Dropped,omitempty"`    // datagrams that this end's kernel has dropped meanwhile, by where; only those there are
}

// PerSecond is the count by time.
func (r Result) PerSecond() float64 { return float64(r.Count) / r.Took.Seconds() }

// ready is the server's first line.
const ready = "ready"

// Main runs the program that the only argument describes, and returns its exit code. A client writes its result to out. A server writes
// that it is ready, and then for each line that it reads how many datagrams the sink has got so far, or, if it is Check, its result so far.
func Main(args []string, in io.Reader, out, errs io.Writer) int {
	if err := run(args, in, out); err != nil {
		fmt.Fprintln(errs, "load:", err)
		return 1
	}
	return 0
}

func run(args []string, in io.Reader, out io.Writer) error {
	if len(args) != 1 {
		return fmt.Errorf("%d arguments, want one: what to do, in JSON", len(args))
	}
	var s Spec
	if err := json.Unmarshal([]byte(args[0]), &s); err != nil {
		return fmt.Errorf("what to do: %w", err)
	}
	switch s.Kind {
	case Serve:
		return serve(in, out)
	case Check:
		return check(in, out)
	}
	do, ok := map[Kind]func(Spec) (Result, error){Flood: flood, PingPong: pingPong, Ask: ask, Connect: connect, Stream: stream, Get: get, Number: number, Pings: pings}[s.Kind]
	switch {
	case !ok:
		return fmt.Errorf("%q is nothing that can be done", s.Kind)
	case s.Kind == Pings && pingable(s.Targets) != nil:
		return pingable(s.Targets)
	case s.Kind != Pings && !s.To.Is4():
		return fmt.Errorf("%s: no IPv4 address", s.To)
	case s.Lasting <= 0:
		return fmt.Errorf("lasting %s: must be more than 0", s.Lasting)
	}
	result, err := do(s)
	if err != nil {
		return fmt.Errorf("%s: %w", s.Kind, err)
	}
	return json.NewEncoder(out).Encode(result)
}
