package survey

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"vpcsim/internal/control"
	"vpcsim/internal/prober"
)

// crew is the running probers by the names of their instances and internet hosts.
type crew map[string]*member

// member is a running prober as seen from outside. One goroutine asks it at a time.
type member struct {
	name    string
	in      *os.File // what it reads
	out     *os.File // what it writes
	answers *json.Decoder
	ended   chan error // has room for one: how it ended
}

// hire starts a prober in every instance and internet host, and returns when all of them listen. If one cannot, the others are
// there all the same, to be dismissed.
func hire(ctx context.Context, lab control.Client, s *survey, o Options) (all crew, err error) {
	all = crew{}
	neighbours := s.neighbours()
	for _, t := range s.targets {
		if t.service {
			continue
		}
		m, err := start(ctx, lab, t.name, o)
		if err != nil {
			return all, fmt.Errorf("prober in %s: %w", t.name, err)
		}
		all[t.name] = m
	}
	for _, t := range s.targets {
		if m := all[t.name]; m != nil {
			err = errors.Join(err, m.brief(prober.Spec{Listen: o.Ports, Neighbours: neighbours[t.name]}))
		}
	}
	for _, m := range all {
		var ready prober.Ready
		err = errors.Join(err, m.receive(&ready))
	}
	return all, err
}

// start starts a prober, and does not wait for it.
func start(ctx context.Context, lab control.Client, name string, o Options) (*member, error) {
	farIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out, farOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, farIn.Close(), in.Close())
	}
	m := &member{name: name, in: in, out: out, answers: json.NewDecoder(out), ended: make(chan error, 1)}
	e := control.Exec{Instance: name, Path: o.Executable, Args: []string{o.Executable, "prober"}, Env: o.Env, Dir: "/"}
	go func() {
		code, err := lab.Exec(ctx, e, [3]*os.File{farIn, farOut, os.Stderr}, nil)
		if err == nil && code != 0 {
			err = fmt.Errorf("it ended with exit code %d", code)
		}
		_, _ = farIn.Close(), farOut.Close() // until here, so that its numbers are not another file's while they are sent
		m.ended <- err
	}()
	return m, nil
}

// brief tells a prober what to do from the start. One that has ended already tells why when it is listened to.
func (m *member) brief(s prober.Spec) error {
	err := json.NewEncoder(m.in).Encode(s)
	if errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return err
}

// receive reads what a prober says next. If it says nothing any more, the error is how it ended.
func (m *member) receive(what any) error {
	err := m.answers.Decode(what)
	if err == nil {
		return nil
	}
	select {
	case ended := <-m.ended:
		m.ended <- ended
		err = errors.Join(ended, err)
	case <-time.After(time.Second): // it goes on, but not as a prober
	}
	return fmt.Errorf("prober in %s: %w", m.name, err)
}

// ask has the prober ask, and notes what it saw. What has the same address is asked once.
func (m *member) ask(findings []*Finding, parallel int, wait time.Duration) error {
	r := prober.Round{Parallel: parallel, Wait: wait}
	asked := map[prober.Question]int{} // its place in r
	for _, f := range findings {
		q := f.question()
		if _, again := asked[q]; !again {
			asked[q] = len(r.Questions)
			r.Questions = append(r.Questions, q)
		}
	}
	if err := json.NewEncoder(m.in).Encode(r); err != nil {
		return fmt.Errorf("prober in %s: %w", m.name, err)
	}
	var seen []prober.Sighting
	if err := m.receive(&seen); err != nil {
		return err
	}
	if len(seen) != len(r.Questions) {
		return fmt.Errorf("prober in %s: gave %d answers to %d questions", m.name, len(seen), len(r.Questions))
	}
	for _, f := range findings {
		f.Sighting = seen[asked[f.question()]]
	}
	return nil
}

// dismiss ends all probers and waits for them.
func (all crew) dismiss() (err error) {
	for _, m := range all {
		_ = m.in.Close()
	}
	for _, m := range all {
		if ended := <-m.ended; ended != nil {
			err = errors.Join(err, fmt.Errorf("prober in %s: %w", m.name, ended))
		}
		_ = m.out.Close()
	}
	return err
}
