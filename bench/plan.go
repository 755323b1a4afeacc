package bench

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Plan is what is to be measured.
type Plan struct {
	Tables  []string      `json:"Tables"`          // by name
	Files   []string      `json:"Files,omitempty"` // tables read from files
	Keys    []string      `json:"Keys"`            // key sets
	Batches []int         `json:"Batches"`         // addresses in a call, where calls take many
	Cores   []int         `json:"Cores"`           // how many look up at once
	Rounds  int           `json:"Rounds"`          // in each, every contender has a turn
	Turn    time.Duration `json:"TurnNs"`          // how long a turn lasts at least
	Count   int           `json:"Count"`           // keys in a set
	Seed    uint64        `json:"Seed"`
	Updates bool          `json:"Updates"` // change tables in place under readers, too
	Targets bool          `json:"Targets"` // judge docs/routing.md's targets; says which tables, keys, batches and cores
}

// DefaultPlan is the plan of whoever says nothing else.
func DefaultPlan() Plan {
	return Plan{
		Tables: []string{"vpc-10", "vpc-30", "vpc-120", "vpc-1000", "aws-ranges", "bgp4", "bgp6"}, Keys: []string{"in-table", "uniform"},
		Batches: []int{32, 64, 256}, Cores: []int{1}, Rounds: 15, Turn: 20 * time.Millisecond, Count: DefaultKeys, Seed: 1,
	}
}

// Hasten makes the plan one for a first look: few keys, few and short turns. A report says so.
func (p *Plan) Hasten() {
	p.Tables, p.Keys = []string{"vpc-10", "vpc-30", "vpc-120", "vpc-1000", "aws-ranges"}, []string{"in-table"}
	p.Rounds, p.Turn, p.Count = 5, 2*time.Millisecond, 1<<16
}

// maxCount bounds the memory that keys take.
const maxCount = 1 << 28

// Check says all that is wrong with a plan; cpus is how many cores may be used.
func (p *Plan) Check(cpus int) error {
	var all []error
	wrong := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	for _, t := range p.Tables {
		if !slices.Contains(TableNames(), t) {
			_, err := NewTable(t, p.Seed)
			all = append(all, err)
		}
	}
	for _, k := range p.Keys {
		all = append(all, checkKeySet(k))
	}
	for _, n := range p.Batches {
		if n < 2 || n > 1<<16 {
			wrong("batch %d: must be 2 to %d; single lookups are always measured", n, 1<<16)
		}
	}
	for _, n := range p.Cores {
		if n < 1 || n > cpus {
			wrong("cores %d: must be 1 to %d, as many as this process may use", n, cpus)
		}
	}
	all = append(all, twice("table", p.Tables), twice("file", p.Files), twice("key set", p.Keys), twice("batch", p.Batches), twice("cores", p.Cores))
	if len(p.Tables)+len(p.Files) == 0 || len(p.Keys) == 0 || len(p.Cores) == 0 {
		wrong("nothing to measure: no table, no keys or no cores")
	}
	if p.Rounds < 1 || p.Rounds > 10000 {
		wrong("rounds %d: must be 1 to 10000", p.Rounds)
	}
	if p.Turn <= 0 || p.Turn > time.Minute {
		wrong("duration %s: a turn must last more than 0 and at most a minute", p.Turn)
	}
	if p.Count < 1<<10 || p.Count > maxCount {
		wrong("count %d: must be %d to %d keys", p.Count, 1<<10, maxCount)
	}
	return errors.Join(all...)
}

// twice says which of some is there twice, if any is.
func twice[T comparable](what string, some []T) error {
	for i, x := range some {
		if slices.Contains(some[:i], x) {
			return fmt.Errorf("%s %v: it is there twice", what, x)
		}
	}
	return nil
}

// untrusted says why figures of this plan should not be quoted; nothing if they may be.
func (p *Plan) untrusted() (why []string) {
	if p.Count < DefaultKeys {
		why = append(why, fmt.Sprintf("%d keys are so few that the processor learns their answers; %d are the least to quote", p.Count, DefaultKeys))
	}
	if p.Rounds < 9 {
		why = append(why, fmt.Sprintf("%d rounds say little about the spread; 9 are the least to quote", p.Rounds))
	}
	return why
}
