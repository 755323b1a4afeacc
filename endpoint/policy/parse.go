package policy

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// rules are what differs between kinds of documents. Unless strict, only the language's own rules hold.
type rules struct {
	kind   Kind
	strict bool
	bucket string // of a bucket policy
}

// principalled says whether statements must have a Principal.
func (r rules) principalled() bool { return r.strict && r.kind != Identity }

// reading is the state of one Parse.
type reading struct {
	text      []byte
	rules     rules
	variables bool     // the document's version has policy variables
	keys      []string // the condition keys so far, in lower case
	problems  Problems
	warnings  []Problem
}

// place is where something is in a document.
type place struct {
	path string
	at   int
}

func (p place) index(i int) place     { return place{fmt.Sprintf("%s[%d]", p.path, i), p.at} }
func (p place) quoted(s string) place { return place{fmt.Sprintf("%s[%q]", p.path, s), p.at} }
func (p place) of(n node) place       { return place{p.path, n.at} }

func (rd *reading) problem(p place, format string, args ...any) Problem {
	line, column := position(rd.text, p.at)
	return Problem{Path: strings.TrimPrefix(p.path, "."), Line: line, Column: column, Text: fmt.Sprintf(format, args...)}
}

func (rd *reading) wrong(p place, format string, args ...any) {
	rd.problems = append(rd.problems, rd.problem(p, format, args...))
}

func (rd *reading) warn(p place, format string, args ...any) {
	rd.warnings = append(rd.warnings, rd.problem(p, format, args...))
}

// position returns the line and column of an offset, both from 1.
func position(text []byte, at int) (line, column int) {
	before := text[:min(at, len(text))]
	return bytes.Count(before, []byte("\n")) + 1, len(before) - bytes.LastIndexByte(before, '\n')
}

func parse(text []byte, r rules) (*Document, error) {
	rd := &reading{text: text, rules: r}
	root, err := parseJSON(text)
	var syntax syntaxError
	switch {
	case errors.As(err, &syntax):
		rd.wrong(place{at: syntax.at}, "%s", syntax.text)
		return nil, rd.problems
	case root.kind != objectNode:
		rd.wrong(place{at: root.at}, "a policy is %s, not %s", objectNode, root.kind)
		return nil, rd.problems
	}
	rd.size()
	d := rd.document(root)
	if len(rd.problems) > 0 {
		slices.SortStableFunc(rd.problems, inOrder)
		return nil, rd.problems
	}
	slices.SortStableFunc(rd.warnings, inOrder)
	d.Warnings = rd.warnings
	return d, nil
}

// inOrder compares two problems by their places in the text.
func inOrder(a, b Problem) int {
	return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}

// The largest documents.
const (
	maxIdentity = 10_240 // characters that are no white space, of all inline policies of a role (IAM: reference_policies_grammar)
	maxEndpoint = 20_480 // characters, white space included (aws-semantics 3.1)
	maxBucket   = 20_480 // bytes (S3: example-bucket-policies, "20 KB")
)

func (rd *reading) size() {
	if !rd.rules.strict {
		return
	}
	size, limit, what := len(rd.text), maxBucket, "bytes"
	switch rd.rules.kind {
	case Endpoint:
		size, limit, what = len([]rune(string(rd.text))), maxEndpoint, "characters"
	case Identity:
		size = len([]rune(strings.Join(strings.Fields(string(rd.text)), "")))
		limit, what = maxIdentity, "characters without white space"
	}
	if size > limit {
		rd.wrong(place{}, "%d %s; AWS allows %d in one %s", size, what, limit, rd.rules.kind)
	}
}

// document reads the policy's own elements.
func (rd *reading) document(root node) *Document {
	d := &Document{Version: "2008-10-17"}
	elements := rd.elements(place{}, root, "Version", "Id", "Statement")
	if f, ok := elements["Version"]; ok {
		d.Version = rd.version(f)
	}
	rd.variables = d.Version == "2012-10-17"
	if f, ok := elements["Id"]; ok {
		at := place{".Id", f.at}
		if rd.rules.strict && rd.rules.kind == Identity {
			rd.wrong(at, "an identity-based policy has no Id; leave it out")
		}
		d.ID = rd.string(at, f.value)
	}
	f, ok := elements["Statement"]
	if !ok {
		rd.wrong(place{at: root.at}, `the policy has no Statement; write "Statement": [{"Effect": …}]`)
		return d
	}
	at := place{".Statement", f.at}
	switch {
	case f.value.kind == objectNode:
		d.statements = []statement{rd.statement(at, f.value)}
	case f.value.kind != arrayNode:
		rd.wrong(at.of(f.value), "is %s; write an array of statements", f.value.kind)
	case len(f.value.items) == 0:
		rd.wrong(at.of(f.value), "has no statement; write at least one")
	default:
		for i, item := range f.value.items {
			d.statements = append(d.statements, rd.statement(at.index(i), item))
		}
	}
	rd.sids(d)
	return d
}

func (rd *reading) version(f field) string {
	at := place{".Version", f.value.at}
	switch v := rd.string(at, f.value); v {
	case "2008-10-17", "2012-10-17":
		return v
	default:
		rd.wrong(at, `%q is no version of the policy language; write "2012-10-17"`, v)
		return "2012-10-17" // so that the rest is read as it is probably meant
	}
}

// elements returns an object's fields by name, and complains of those that are not in the list or there twice.
func (rd *reading) elements(at place, n node, known ...string) map[string]field {
	found := map[string]field{}
	for _, f := range n.fields {
		here := place{at.path + "." + f.name, f.at}
		if first, twice := found[f.name]; twice {
			line, column := position(rd.text, first.at)
			rd.wrong(here, "is there twice, first at %d:%d; write it once", line, column)
			continue
		}
		if !slices.Contains(known, f.name) {
			rd.wrong(here, "is no element of the policy language; %s", suggest(f.name, known))
			continue
		}
		found[f.name] = f
	}
	return found
}

// suggest says what to write in place of an unknown word.
func suggest(word string, known []string) string {
	for _, k := range known {
		if strings.EqualFold(word, k) || strings.EqualFold(word+"s", k) || strings.EqualFold(word, k+"s") {
			return "write " + k
		}
	}
	return "write one of " + strings.Join(known, ", ")
}

// string reads a string.
func (rd *reading) string(at place, n node) string {
	if n.kind != stringNode {
		rd.wrong(at.of(n), "is %s; write a string", n.kind)
	}
	return n.text
}

// strings calls use for a string or for each of an array of strings.
func (rd *reading) strings(at place, n node, use func(at place, text string)) {
	switch n.kind {
	case stringNode:
		use(at.of(n), n.text)
	case arrayNode:
		if len(n.items) == 0 {
			rd.warn(at.of(n), "is empty, so that it names nothing")
		}
		for i, item := range n.items {
			if item.kind != stringNode {
				rd.wrong(at.index(i).of(item), "is %s; write a string", item.kind)
				continue
			}
			use(at.index(i).of(item), item.text)
		}
	default:
		rd.wrong(at.of(n), "is %s; write a string or an array of strings", n.kind)
	}
}

// sids judges the ids of statements.
func (rd *reading) sids(d *Document) {
	first := map[string]int{}
	for i := range d.statements {
		s := &d.statements[i]
		if s.sid == "" {
			continue
		}
		at, strict := s.sidAt, rd.rules.strict && rd.rules.kind == Identity
		if strict && strings.Trim(s.sid, sidLetters) != "" {
			rd.wrong(at, "%q: in an identity-based policy an id has letters A to Z, a to z and digits only", s.sid)
		}
		j, twice := first[s.sid]
		switch {
		case !twice:
			first[s.sid] = i
		case strict:
			rd.wrong(at, "%q is also the id of Statement[%d]; give each its own", s.sid, j)
		default:
			rd.warn(at, "%q is also the id of Statement[%d]", s.sid, j)
		}
	}
}

const sidLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
