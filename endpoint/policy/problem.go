package policy

import (
	"fmt"
	"strings"
)

// Problem is something wrong in a document.
type Problem struct {
	// Path is the place in the document: Statement[0].Condition.StringEquals["aws:SourceVpc"]. "" is the whole document.
	Path string
	// Line and Column count from 1; columns are bytes.
	Line, Column int
	// Text says what is wrong and what to write.
	Text string
}

// Error is "PATH: TEXT (LINE:COLUMN)".
func (p Problem) Error() string {
	at := fmt.Sprintf(" (%d:%d)", p.Line, p.Column)
	if p.Path == "" {
		return p.Text + at
	}
	return p.Path + ": " + p.Text + at
}

// Problems is the error of a document that is refused.
type Problems []Problem

// Error has one problem a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}
