package topology

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Error is one problem of a file, told by the user's own path and place.
type Error struct {
	Path    string // for example vpcs.main.subnets.a.cidr; empty if the problem is the whole file's
	Problem string // lower case, no full stop; says what to do where that is not plain
	File    string // empty if the text did not come from a file
	Line    int    // from 1; 0 if unknown
}

// Error writes the problem as path: problem (file:line). A problem of the file as a whole starts with the file's name.
func (e *Error) Error() string {
	if e.Path == "" && e.Line == 0 && e.File != "" {
		return e.File + ": " + e.Problem
	}
	text := e.Problem
	if e.Path != "" {
		text = e.Path + ": " + text
	}
	switch {
	case e.File != "" && e.Line > 0:
		return fmt.Sprintf("%s (%s:%d)", text, e.File, e.Line)
	case e.File != "":
		return fmt.Sprintf("%s (%s)", text, e.File)
	}
	return text
}

// Errors is every problem found, in the order of the file. It is never empty when returned as an error.
type Errors []*Error

// Error writes one problem a line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, err := range e {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find a single [Error].
func (e Errors) Unwrap() []error {
	all := make([]error, len(e))
	for i, err := range e {
		all[i] = err
	}
	return all
}

// add takes one more problem, up to a number that nobody reads to its end.
func (e *Errors) add(err *Error) {
	if !e.full() {
		*e = append(*e, err)
	}
}

// full reports whether problems are no longer taken, so that none need be looked for.
func (e Errors) full() bool { return len(e) > maxProblems }

// OrNil sorts the problems by line and returns them as an error, or nil if there are none.
func (e Errors) OrNil() error {
	if len(e) == 0 {
		return nil
	}
	if e.full() {
		rest := &Error{File: e[0].File, Line: math.MaxInt, Problem: fmt.Sprintf("more than %d problems; the others are not shown", maxProblems)}
		defer func() { rest.Line = 0 }() // it was the last in order only for being sorted so
		e[maxProblems] = rest
	}
	slices.SortStableFunc(e, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), strings.Compare(a.Path, b.Path))
	})
	return e
}
