package policy

import (
	"fmt"
	"strings"
)

// Explanation is what one statement says of a request, and why.
type Explanation struct {
	// Statement is its index, Sid its id, "" if it has none.
	Statement int
	Sid       string
	Effect    Effect
	Matches   bool
	// Why names the first element that does not match and the request's value; of a statement that matches, it names the
	// conditions that hold.
	Why string
	// Path, Line and Column are where in the document that element is, or the statement.
	Path         string
	Line, Column int
}

// Explain says of every statement whether it matches the request and why.
func (d *Document) Explain(r *Request) []Explanation {
	q := ask(r)
	all := make([]Explanation, len(d.statements))
	for i := range d.statements {
		all[i] = d.statements[i].explain(&q)
		all[i].Statement = i
	}
	return all
}

func (s *statement) explain(q *question) Explanation {
	r := q.Request
	e := Explanation{Sid: s.sid, Effect: s.effect, Path: s.path, Line: s.line, Column: s.column}
	at := func(el element, format string, args ...any) Explanation {
		e.Path, e.Line, e.Column, e.Why = el.path, el.line, el.column, fmt.Sprintf(format, args...)
		return e
	}
	granted := s.principal.match(s.effect, r)
	if granted == noGrant {
		return at(s.principal.element, "%s: not about %s", elementName("Principal", s.principal.not), who(r))
	}
	if !s.action.match(q) {
		return at(s.action.element, "%s: not about %s", elementName("Action", s.action.not), r.Action)
	}
	if !s.resource.match(r) {
		return at(s.resource.element, "%s: not about %s", elementName("Resource", s.resource.not), r.Resource)
	}
	var hold []string
	for i := range s.conditions {
		c := &s.conditions[i]
		if !c.holds(q) {
			return at(c.element, "does not hold: %s", c.explain(r))
		}
		hold = append(hold, c.explain(r))
	}
	e.Matches, e.Why = true, "matches"
	if granted == throughAccount && s.effect == Allow {
		e.Why = "matches the account only, which must allow it by an identity-based policy"
	}
	if hold != nil {
		e.Why += "; holds: " + strings.Join(hold, "; ")
	}
	return e
}

func elementName(name string, not bool) string {
	if not {
		return "Not" + name
	}
	return name
}

func who(r *Request) string {
	if r.Principal == "" {
		return "an anonymous request"
	}
	return r.Principal
}

// explain writes the condition and the request's values: aws:SourceVpce StringEquals vpce-1, and it is vpce-2.
func (c *condition) explain(r *Request) string {
	wanted := make([]string, len(c.values))
	for i := range c.values {
		wanted[i] = fmt.Sprintf("%q", c.values[i].text)
	}
	has := "is absent"
	if values, ok := r.Context[c.key]; ok {
		has = fmt.Sprintf("is %q", values)
		if len(values) == 1 {
			has = fmt.Sprintf("is %q", values[0])
		}
	}
	return fmt.Sprintf("%s %s %s, and it %s", c.name, c.written, strings.Join(wanted, ", "), has)
}
