package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"
)

// A run goes table by table: every maker builds its structure; then key set by key set: every contender's answers are checked, and
// then the contenders take turns, round by round. One goroutine leads it; the lookups are done by a crew of pinned threads. Nothing is
// kept from one table to the next but what the report says, so that of large tables only one is in memory.

// Progress is how far a run has come.
type Progress struct {
	What string  `json:"What"` // what is done now
	Part float64 `json:"Part"` // of the whole run, 0 to 1
}

// run is one run of a plan.
type run struct {
	ctx    context.Context
	plan   Plan
	makers []Maker
	tell   func(Progress)
	crew   *crew
	probes []Contender // of bare memory
	report *Report
	files  []Table           // those of the plan's files
	traces map[string]*trace // by the key set's name
	done   float64           // steps of the plan that are done
	steps  float64           // all of them
}

// Run carries a plan out. It tells how far it has come, and ends early, with the context's error, when the context does. Other errors are the
// user's: a plan or a file that is wrong. That an implementation gave wrong answers is none: Report.Wrong says so.
func Run(ctx context.Context, plan Plan, makers []Maker, tell func(Progress)) (*Report, error) {
	return runBy(ctx, plan, makers, probes(plan.probeSizes()), tell, time.Now)
}

// runBy is Run with these probes and by this clock.
func runBy(ctx context.Context, plan Plan, makers []Maker, probes []Contender, tell func(Progress), now func() time.Time) (*Report, error) {
	if plan.Targets {
		plan.forTargets()
	}
	if err := plan.Check(CPUs()); err != nil {
		return nil, err
	}
	crew, err := newCrew(max(slices.Max(plan.Cores), min(2, CPUs())), now)
	if err != nil {
		return nil, err
	}
	defer crew.dismiss()
	r := &run{ctx: ctx, plan: plan, makers: makers, tell: tell, crew: crew, probes: probes, report: &Report{Plan: plan}}
	for _, name := range slices.Concat(plan.Files, plan.Tables) {
		r.steps += float64(1 + len(plan.scopeOf(name).keys)*(plan.Rounds+1))
	}
	watch := BeginWatch()
	r.report.Environment = ReadEnvironment()
	if err := errors.Join(r.readFiles(), r.readTraces()); err != nil {
		return nil, err
	}
	if err := r.tables(); err != nil {
		return nil, err
	}
	if len(r.report.Results) == 0 && len(r.report.Missing) > 0 {
		return nil, fmt.Errorf("nothing to look up: %s: %s", r.report.Missing[0].Name, r.report.Missing[0].Why)
	}
	if plan.Targets {
		r.report.judge()
	}
	r.report.Warnings = append(append(r.report.Warnings, plan.untrusted()...), watch.End(r.report.spreads())...)
	return r.report, nil
}

func (r *run) say(format string, args ...any) {
	r.tell(Progress{What: fmt.Sprintf(format, args...), Part: min(1, r.done/r.steps)})
}

// readFiles reads the tables that are in files. What is wrong with one is to be heard before anything is measured, so all are kept.
func (r *run) readFiles() error {
	var all []error
	names := slices.Clone(r.plan.Tables)
	for _, file := range r.plan.Files {
		r.say("%s: read", file)
		t, err := ReadTable(r.ctx, file)
		if r.ctx.Err() != nil {
			return r.ctx.Err()
		}
		if slices.Contains(names, t.Name) {
			t.Name = file
		}
		names = append(names, t.Name)
		r.files, all = append(r.files, t), append(all, err)
	}
	return errors.Join(all...)
}

// readTraces reads the captures among the key sets.
func (r *run) readTraces() error {
	var all []error
	r.traces = map[string]*trace{}
	for _, name := range r.plan.Keys {
		file, ok := strings.CutPrefix(name, tracePrefix)
		if !ok {
			continue
		}
		r.say("%s: read", file)
		t, err := readTrace(r.ctx, file, r.plan.Count)
		if r.ctx.Err() != nil {
			return r.ctx.Err()
		}
		r.traces[name], all = t, append(all, err)
	}
	return errors.Join(all...)
}

// tables measures table by table.
func (r *run) tables() error {
	for _, t := range r.files {
		if err := r.table(t); err != nil {
			return err
		}
	}
	for _, name := range r.plan.Tables {
		r.say("%s: generate", name)
		t, err := NewTable(name, r.plan.Seed)
		if err == nil {
			err = r.table(t)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// table measures with both families of a table, as far as it has them.
func (r *run) table(t Table) error {
	if len(t.Routes) == 0 {
		return fmt.Errorf("table %s: it has no routes", t.Name)
	}
	for _, version := range []int{4, 6} {
		if part := t.Family(version); len(part.Routes) > 0 {
			if err := r.family(part); err != nil {
				return err
			}
		}
	}
	return nil
}

// built is a structure, and who made it.
type built struct {
	*Structure
	maker string
}

// family measures with a table of one family.
func (r *run) family(t Table) error {
	m, scope := newModel(t.Routes), r.plan.scopeOf(t.Name)
	r.report.Tables = append(r.report.Tables, TableFacts{
		Table: t.Name, Family: familyOf(t), Origin: t.Origin, Notes: t.Notes, Prefixes: len(t.Routes), NextHops: t.NextHops(), Intervals: m.intervals(),
	})
	all, err := r.structures(t, scope)
	defer func() {
		for _, b := range all {
			if b.Close != nil {
				b.Close()
			}
		}
	}()
	if err != nil {
		return err
	}
	cores := slices.DeleteFunc(slices.Clone(r.plan.Cores), func(n int) bool { return n > scope.cores })
	for _, name := range scope.keys {
		if err := r.keySet(t, name, m, all, cores); err != nil {
			return err
		}
	}
	if scope.updates {
		return r.updates(t)
	}
	return nil
}

// keySet has all structures look the keys of one name up; a trace without packets of the table's family is missing.
func (r *run) keySet(t Table, name string, m *model, all []built, cores []int) error {
	r.say("%s: draw keys: %s", t.Name, name)
	if trace, ok := r.traces[name]; ok {
		keys := trace.keys(name, t.is6(), r.plan.Count)
		if keys.Len() == 0 {
			r.report.Missing = append(r.report.Missing, Missing{
				Name: name + " for " + t.Name, Why: "no " + familyOf(t) + " packet in it", Cure: "a trace that has some, or other --tables",
			})
			r.done += float64(r.plan.Rounds + 1)
			return nil
		}
		return r.keys(t, m, keys, all, cores)
	}
	keys, err := NewKeys(name, t, r.plan.Count, r.plan.Seed)
	if err != nil {
		return err
	}
	return r.keys(t, m, keys, all, cores)
}

// structures has all makers build. One that fails is left out, and Report.Wrong says why.
func (r *run) structures(t Table, scope scope) (all []built, err error) {
	for _, maker := range r.makers {
		if !maker.fits(t) || maker.Name != oursName && !scope.peers {
			continue
		}
		s, err := r.build(maker, t)
		if r.ctx.Err() != nil {
			return all, r.ctx.Err()
		}
		if err != nil {
			r.report.Wrong = append(r.report.Wrong, fmt.Sprintf("%s: %s: %v", t.Name, maker.Name, err))
			continue
		}
		all = append(all, built{s, maker.Name})
	}
	r.done++
	return all, nil
}

// Builds are repeated, so that one can tell their spread, but only while that is quick.
const (
	maxBuilds = 5
	buildTime = time.Second
)

// build makes the structure of a table, some times if that is quick, and reports what it cost.
func (r *run) build(maker Maker, t Table) (*Structure, error) {
	var times []float64
	var s *Structure
	began, grown := time.Now(), 0
	for len(times) == 0 || len(times) < maxBuilds && time.Since(began) < buildTime {
		if s != nil && s.Close != nil {
			s.Close()
		}
		s = nil
		before := heap()
		r.say("%s: build %s", t.Name, maker.Name)
		said, start := time.Now(), time.Now()
		next, err := maker.Build(t, func(done int) {
			if time.Since(said) > 2*time.Second {
				said = time.Now()
				r.say("%s: build %s: %d of %d routes", t.Name, maker.Name, done, len(t.Routes))
			}
		})
		if err == nil {
			err = r.ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		times = append(times, time.Since(start).Seconds()*1e3)
		s, grown = next, heap()-before
	}
	if s.Total == 0 {
		s.Total = max(grown, s.Memory)
	}
	r.report.Structures = append(r.report.Structures, BuildResult{
		Table: t.Name, Family: familyOf(t), Contender: maker.Name, Detail: s.Detail, BuildMs: SpreadOf(times),
		MemoryBytes: s.Memory, BytesPerPrefix: float64(s.Memory) / float64(len(t.Routes)), TotalBytes: s.Total,
	})
	return s, nil
}

// heap is how much of the heap is in use, garbage aside.
func heap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// keys has all structures look the keys of one set up.
func (r *run) keys(t Table, m *model, keys *Keys, all []built, cores []int) error {
	r.report.noteKeys(t, keys)
	right := m.answersTo(keys)
	var entries []*entry
	for _, b := range all {
		r.say("%s: check %s", t.Name, b.maker)
		for _, c := range b.Contenders(keys, r.plan.Batches) {
			e := &entry{maker: b.maker, Contender: c, right: right}
			if err := e.prepare(r.plan.Turn, r.crew.now); err != nil {
				r.report.wrong(t, keys, err)
				continue
			}
			entries = append(entries, e)
		}
		if r.ctx.Err() != nil {
			return r.ctx.Err()
		}
	}
	for _, p := range r.probes {
		e := &entry{maker: memoryProbe, Contender: p}
		if err := e.prepare(r.plan.Turn, r.crew.now); err != nil {
			return err
		}
		entries = append(entries, e)
	}
	r.done++
	turns := turnsOf(entries, cores)
	if err := r.rounds(t, keys, turns); err != nil {
		return err
	}
	for _, turn := range slices.DeleteFunc(turns, func(t *turn) bool { return t.wrong }) {
		r.report.Results = append(r.report.Results, turn.result(t, keys))
	}
	return nil
}
