package forward

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Plan is what is to be measured.
type Plan struct {
	Path     string        `json:"Path"`     // through our lab: see Paths
	Features string        `json:"Features"` // of our lab: all or none
	Peers    []string      `json:"Peers"`    // by name
	Measures []string      `json:"Measures"` // by the names of steps
	Rounds   int           `json:"Rounds"`   // in each, every contender has a turn
	Turn     time.Duration `json:"TurnNs"`   // how long one measurement lasts, roughly
	Targets  bool          `json:"Targets"`  // judge docs/performance.md's targets; says which paths, features, peers and measures
	Quick    bool          `json:"Quick"`
	Relay    string        `json:"-"` // the program of the peers in Go; empty if it is not there
	NoRelay  string        `json:"-"` // why there is none
}

// Ours and Direct are the contenders that always take part: our lab, and nobody.
const (
	Ours   = "vpcsim"
	Direct = "direct"
)

// The features of our lab.
const (
	All  = "all"
	None = "none"
)

// Paths are the paths through our lab.
func Paths() []string { return []string{"local", "igw", "nat", "endpoint"} }

// DefaultPlan is the plan of whoever says nothing else.
func DefaultPlan() Plan {
	return Plan{Path: "igw", Features: All, Peers: []string{"kernel", "kernel-nat", "bridge"}, Rounds: 5, Turn: time.Second}
}

// Hasten makes the plan one for a first look.
func (p *Plan) Hasten() {
	p.Quick, p.Rounds, p.Turn = true, 2, 100*time.Millisecond
}

// Check says all that is wrong with a plan.
func (p *Plan) Check() error {
	var all []error
	wrong := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	if !slices.Contains(Paths(), p.Path) {
		wrong("path %q: must be one of %s", p.Path, strings.Join(Paths(), ", "))
	}
	if p.Features != All && p.Features != None {
		wrong("features %q: must be %s or %s", p.Features, All, None)
	}
	for _, name := range p.Peers {
		if !slices.Contains(PeerNames(), name) {
			wrong("no peer %q; there are %s", name, strings.Join(PeerNames(), ", "))
		}
	}
	for _, name := range p.Measures {
		if !slices.ContainsFunc(steps, func(s step) bool { return s.name == name }) {
			wrong("no measure %q; there are %s", name, strings.Join(StepNames(), ", "))
		}
	}
	if p.Rounds < 1 || p.Rounds > 1000 {
		wrong("rounds %d: must be 1 to 1000", p.Rounds)
	}
	if p.Turn < 20*time.Millisecond || p.Turn > 10*time.Minute {
		wrong("duration %s: must be 20ms to 10m", p.Turn)
	}
	return errors.Join(all...)
}

// untrusted says why figures of this plan should not be quoted; nothing if they may be.
func (p *Plan) untrusted() (why []string) {
	if p.Rounds < 5 {
		why = append(why, fmt.Sprintf("rounds: %d, which says little about the spread; 5 are the least to quote", p.Rounds))
	}
	if p.Turn < time.Second {
		why = append(why, fmt.Sprintf("turns of %s measure the beginning of a connection more than the connection; a second is the least to quote", p.Turn))
	}
	return why
}
