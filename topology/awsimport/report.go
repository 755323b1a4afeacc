package awsimport

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Warning is a gap: something that the topology can't say as AWS has it, and what that means for packets.
type Warning struct {
	File    string `json:"file"` // from the folder
	ID      string `json:"id"`
	Name    string `json:"name,omitempty"` // the Name tag
	Problem string `json:"problem"`
}

// String writes the warning in one line.
func (w Warning) String() string {
	subject := w.ID
	if w.Name != "" && w.Name != w.ID {
		subject += " (" + w.Name + ")"
	}
	text := w.Problem
	if subject != "" {
		text = subject + ": " + text
	}
	if w.File != "" {
		text = w.File + ": " + text
	}
	return text
}

func (d *Dump) warn(w Warning) {
	if !slices.Contains(d.warnings, w) {
		d.warnings = append(d.warnings, w)
	}
}

// Count is what became of the objects of one kind: Read is the sum of the other three.
type Count struct {
	Kind         string         `json:"kind"` // as the AWS CLI calls them: Vpcs, Subnets
	Read         int            `json:"read"`
	Used         int            `json:"used"`
	Approximated int            `json:"approximated"`
	Ignored      int            `json:"ignored"`
	Why          map[string]int `json:"why,omitempty"` // reasons of those approximated and ignored
}

// Summary is what became of everything that was read.
type Summary struct {
	Files        int            `json:"files"`
	IgnoredFiles map[string]int `json:"ignored_files,omitempty"` // by why
	Objects      []Count        `json:"objects"`
	UnknownLists map[string]int `json:"unknown_lists,omitempty"` // elements of lists, or resources, that the import does not use
}

// fate is what became of an object.
type fate struct {
	approximated, ignored bool
	why                   string
}

// ledger accounts for every object of one kind.
type ledger map[string]fate // by id

// fates are the ledgers of all kinds.
type fates map[string]ledger

func (f fates) of(kind string) ledger {
	if f[kind] == nil {
		f[kind] = ledger{}
	}
	return f[kind]
}

// used says that the topology has the object, as AWS has it unless it was said otherwise.
func (f fates) used(kind, id string) {
	if _, said := f.of(kind)[id]; !said {
		f.of(kind)[id] = fate{}
	}
}

// approximated says that the topology has the object, but not quite as AWS has it.
func (f fates) approximated(kind, id, why string) {
	if !f.of(kind)[id].ignored {
		f.of(kind)[id] = fate{approximated: true, why: why}
	}
}

// ignored says that the topology does not have the object.
func (f fates) ignored(kind, id, why string) { f.of(kind)[id] = fate{ignored: true, why: why} }

// count sums up one kind.
func (f fates) count(kind string, ids []string) Count {
	c := Count{Kind: kind, Read: len(ids)}
	for _, id := range ids {
		is, said := f[kind][id]
		switch {
		case !said:
			is.ignored, is.why = true, "nothing uses it"
			fallthrough
		case is.ignored:
			c.Ignored++
		case is.approximated:
			c.Approximated++
		default:
			c.Used++
		}
		if is.why != "" {
			if c.Why == nil {
				c.Why = map[string]int{}
			}
			c.Why[is.why]++
		}
	}
	return c
}

// sortWarnings puts warnings in an order that does not depend on how the files were read, and leaves each there once.
func sortWarnings(all []Warning) []Warning {
	slices.SortFunc(all, func(a, b Warning) int {
		return cmp.Or(strings.Compare(a.ID, b.ID), strings.Compare(a.Problem, b.Problem), strings.Compare(a.File, b.File))
	})
	return slices.Compact(all)
}

// plural is a number of things.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
