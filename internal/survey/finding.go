package survey

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"slices"

	"vpcsim/internal/control"
	"vpcsim/internal/probe"
	"vpcsim/internal/prober"
)

// Finding is one question, what packets say to it, and what the trace says. Its field names are a contract, as those of traces.
type Finding struct {
	From     string `json:"from"` // instance
	To       string `json:"to"`   // instance, internet host or s3
	Address  string `json:"address"`
	Protocol string `json:"protocol"`
	Port     uint16 `json:"port,omitempty"`
	Source   uint16 `json:"source_port"` // of ICMP the identifier

	prober.Sighting
	Trace Expected `json:"trace"`
	// Elsewhere is the id of who has the address where the sender looks: VPCs may use the same ones. Empty if it is the one meant.
	Elsewhere string `json:"elsewhere,omitempty"`
	// Difference says in what packets and trace differ; empty if they agree.
	Difference string `json:"difference,omitempty"`

	source netip.AddrPort // of the sender
	eni    string         // of the sender
	enis   []string       // of the one meant
}

// Expected is what the trace says.
type Expected struct {
	Verdict string `json:"verdict"`          // delivered if packet and answer are, else dropped
	Reason  string `json:"reason,omitempty"` // why one of them is not
	By      string `json:"by,omitempty"`
	TTL     int    `json:"ttl,omitempty"` // of the answer
}

// traced is what matters here of a line that answers a batch.
type traced struct {
	ID      int
	Error   string
	Verdict string
	Reason  string
	By      string
	Where   string
	TTL     int `json:"ttl_at_delivery"`
	Return  *traced
}

// trace has the lab trace the questions of all findings.
func (s *survey) trace(ctx context.Context, lab control.Client) error {
	questions := new(bytes.Buffer)
	encoder := json.NewEncoder(questions)
	for n, f := range s.findings {
		q := probe.Query{
			ID: json.RawMessage(fmt.Sprint(n)), From: f.eni, To: f.Address, Protocol: probe.Protocol(f.Protocol), Port: f.Port, SourcePort: f.Source,
		}
		if err := encoder.Encode(q); err != nil {
			return err
		}
	}
	from, to := io.Pipe()
	go func() {
		_, err := lab.TraceBatch(ctx, questions, to)
		to.CloseWithError(err)
	}()
	defer from.Close()
	answers := json.NewDecoder(from)
	for n, f := range s.findings {
		var a traced
		if err := answers.Decode(&a); err != nil {
			return fmt.Errorf("trace: %w", err)
		}
		if a.Error != "" || a.ID != n {
			return fmt.Errorf("trace from %s to %s: %s", f.eni, f.Address, a.Error)
		}
		f.expect(&a)
	}
	return nil
}

// expect notes what a trace says.
func (f *Finding) expect(a *traced) {
	if a.Verdict == probe.Delivered && f.enis != nil && !slices.Contains(f.enis, a.Where) {
		f.Elsewhere = a.Where
	}
	if a.Verdict == probe.Delivered && a.Return != nil { // what is dropped has an answer only as far as a trace supposes
		a = a.Return
	}
	f.Trace = Expected{Verdict: a.Verdict, Reason: a.Reason, By: a.By, TTL: a.TTL}
}

// expected says whether the trace expects an answer.
func (f *Finding) expected() bool { return f.Trace.Verdict == probe.Delivered }

// compare notes in what packets and trace differ. Who answers begins with a time to live of 64, as traces do; of connections a
// program does not learn it.
func (f *Finding) compare() {
	switch {
	case f.Error != "":
		f.Difference = "could not be asked: " + f.Error
	case f.Reached && !f.expected():
		f.Difference = fmt.Sprintf("there is an answer, which the trace says is dropped by %s: %s", f.Trace.By, f.Trace.Reason)
	case !f.Reached && f.expected():
		f.Difference = "there is no answer, which the trace says is delivered"
		if f.Said != "" {
			f.Difference += ": " + f.Said
		}
	case f.Reached && f.Protocol == prober.ICMP && f.TTL != f.Trace.TTL:
		f.Difference = fmt.Sprintf("the answer has a time to live of %d, which the trace says is %d", f.TTL, f.Trace.TTL)
	}
}

// question is the finding's as the prober is asked it.
func (f *Finding) question() prober.Question {
	return prober.Question{To: f.Address, Protocol: f.Protocol, Port: f.Port, Source: f.source}
}

// what names the question's protocol and port.
func (f *Finding) what() string {
	if f.Port == 0 {
		return f.Protocol
	}
	return fmt.Sprintf("%s/%d", f.Protocol, f.Port)
}
