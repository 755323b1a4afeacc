// Package survey asks a running lab with real packets who reaches whom, and compares what they say with traces of the same
// packets. It is a client of the lab like any other: it runs a prober in every instance (internal/prober), and has the lab itself
// trace.
package survey

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"vpcsim/internal/control"
)

// Options say what to ask. Zero fields have defaults.
type Options struct {
	ICMP     bool
	Ports    []uint16      // of TCP
	Wait     time.Duration // for an answer
	Parallel int           // questions at a time, of all instances together

	Executable string               // our own, to run probers from
	Env        []string             // of the probers
	Say        func(string, ...any) // progress, for people
}

// The defaults of Options.
const (
	DefaultWait     = 2 * time.Second
	DefaultParallel = 512
)

// waitingFactor is how many times more questions are under way that the trace expects no answer to: they do nothing but wait.
const waitingFactor = 32

// Run surveys a lab. What the packets and the traces say is in the Report, also if they differ; an error says why the lab could
// not be surveyed.
//
// The traces come first. What they expect to be answered is asked as fast as the machine goes along, and no faster, since what it
// does not keep up with is lost and looks like dropped; the rest costs nothing but the wait and is asked nearly all at once. What
// an answer was expected to and did not come is asked once more.
func Run(ctx context.Context, lab control.Client, o Options) (report *Report, err error) {
	o.Wait, o.Parallel = cmp.Or(o.Wait, DefaultWait), cmp.Or(o.Parallel, DefaultParallel)
	d, err := lab.Describe(ctx)
	if err != nil {
		return nil, err
	}
	s := newSurvey(d, o)
	if len(s.senders) == 0 {
		return nil, errors.New("the lab has no instance to send from")
	}
	if !slices.ContainsFunc(s.targets, func(t target) bool { return t.isS3() }) {
		o.Say("S3's addresses in the lab's regions are not known: nothing is asked of it")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	traced := make(chan error, 1)
	go func() { traced <- s.trace(ctx, lab) }()
	s.crew, err = hire(ctx, lab, s, o)
	defer func() { err = errors.Join(err, s.crew.dismiss()) }()
	if err = errors.Join(err, <-traced); err != nil {
		return nil, err
	}
	o.Say("%d probers listen, %d questions are traced", len(s.crew), len(s.findings))
	if err := s.ask(o); err != nil {
		return nil, err
	}
	return s.report(o), nil
}

// survey is one survey under way.
type survey struct {
	senders  []sender
	targets  []target
	findings []*Finding // by sender, target and what was asked
	crew     crew
}

// ask has the probers ask everything, what the trace expects an answer to first.
func (s *survey) ask(o Options) error {
	for _, answered := range []bool{true, false} {
		parallel := o.Parallel
		if !answered {
			parallel *= waitingFactor
		}
		asked := s.expecting(answered)
		if err := s.probe(asked, parallel/len(s.senders), o.Wait); err != nil {
			return err
		}
		o.Say("%d questions asked that the trace says are answered: %t", len(asked), answered)
	}
	lost := s.lost()
	if len(lost) == 0 {
		return nil
	}
	o.Say("%d of them had no answer: once more", len(lost))
	return s.probe(lost, 1, o.Wait)
}

// expecting returns the findings of which the trace says that there is an answer, or that there is none.
func (s *survey) expecting(answer bool) (all []*Finding) {
	for _, f := range s.findings {
		if f.expected() == answer {
			all = append(all, f)
		}
	}
	return all
}

// lost returns the findings that packets may have been lost of: there is no answer where the trace says that there is one.
func (s *survey) lost() (lost []*Finding) {
	for _, f := range s.expecting(true) {
		if !f.Reached && f.Error == "" {
			lost = append(lost, f)
		}
	}
	return lost
}

// probe has the probers ask.
func (s *survey) probe(findings []*Finding, parallel int, wait time.Duration) error {
	bySender := map[string][]*Finding{}
	for _, f := range findings {
		bySender[f.From] = append(bySender[f.From], f)
	}
	errs := make(chan error)
	for name, mine := range bySender {
		go func() { errs <- s.crew[name].ask(mine, parallel, wait) }()
	}
	var all error
	for range bySender {
		all = errors.Join(all, <-errs)
	}
	return all
}
