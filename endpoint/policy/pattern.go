package policy

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// pattern is a text to compare with: literals, wildcards and policy variables. A variable's value is compared as it is, also where
// it has a * or ?.
type pattern struct {
	pieces    []piece
	variables bool // one of the pieces is a variable
	fold      bool // without regard to the case of ASCII letters
	shape     shape
	// head is the text that the pattern begins with. Of textsAndAny, tail is the text that it ends with, and middle are those that
	// a * separates from these and from each other.
	head, tail string
	middle     []string
}

// shape tells the patterns that are compared without a search through the pieces.
type shape uint8

const (
	anyShape    shape = iota
	textOnly          // nothing but text, or nothing at all
	textsAndAny       // texts with * between, before or after them
)

// shaped returns the pattern with its shape and texts.
func (p pattern) shaped() pattern {
	if len(p.pieces) > 0 && p.pieces[0].kind == literal {
		p.head = p.pieces[0].text
	}
	switch {
	case p.isLiteral():
		p.shape = textOnly
	case !p.fold && !slices.ContainsFunc(p.pieces, func(q piece) bool { return q.kind == anyOne || q.kind == variable }):
		p.shape = textsAndAny
		for i, q := range p.pieces {
			switch {
			case q.kind == anyText || i == 0:
			case i == len(p.pieces)-1:
				p.tail = q.text
			default:
				p.middle = append(p.middle, q.text)
			}
		}
	}
	return p
}

type piece struct {
	kind pieceKind
	text string // the literal, or the variable's key in lower case
	// fallback is the variable's default, if hasFallback.
	fallback    string
	hasFallback bool
}

type pieceKind uint8

const (
	literal  pieceKind = iota
	anyText            // *
	anyOne             // ?
	variable           // ${key}
)

// match reports whether the whole value matches. A pattern with a variable that the request does not resolve matches nothing
// (IAM: reference_policies_variables).
func (p *pattern) match(value string, r *Request) bool {
	switch p.shape {
	case textOnly:
		return value == p.head || p.fold && len(value) == len(p.head) && strings.EqualFold(value, p.head)
	case textsAndAny:
		return p.matchTexts(value)
	}
	return (!p.variables || p.resolved(r)) && p.search(value, r)
}

// matchTexts looks for each text behind the one before: where the first is found leaves most to the others.
func (p *pattern) matchTexts(value string) bool {
	if len(value) < len(p.head)+len(p.tail) || value[:len(p.head)] != p.head || value[len(value)-len(p.tail):] != p.tail {
		return false
	}
	value = value[len(p.head) : len(value)-len(p.tail)]
	for _, text := range p.middle {
		i := strings.Index(value, text)
		if i < 0 {
			return false
		}
		value = value[i+len(text):]
	}
	return true
}

// same compares two texts of one length.
func (p *pattern) same(value, text string) bool {
	return value == text || p.fold && strings.EqualFold(value, text)
}

// search tries all ways in which the wildcards may match.
func (p *pattern) search(value string, r *Request) bool {
	piece, at := 0, 0  // where matching stands in the pattern and in the value
	star, end := -1, 0 // the last * and where in the value its match ends
	for last := len(p.pieces); ; {
		switch {
		case piece == last:
			if at == len(value) {
				return true
			}
		case p.pieces[piece].kind == anyText:
			if piece == last-1 {
				return true
			}
			star, piece = piece, piece+1
			if end = p.seek(piece, value, at); end < 0 {
				return false
			}
			at = end
			continue
		default:
			if n, ok := p.take(&p.pieces[piece], value[at:], r); ok {
				piece, at = piece+1, at+n
				continue
			}
		}
		if star < 0 || end == len(value) {
			return false
		}
		_, n := utf8.DecodeRuneInString(value[end:]) // let the * take one character more
		if end = p.seek(star+1, value, end+n); end < 0 {
			return false
		}
		piece, at = star+1, end
	}
}

// seek returns the first place at or after from where the piece after a * may match, -1 if there is none.
func (p *pattern) seek(piece int, value string, from int) int {
	if q := &p.pieces[piece]; q.kind == literal && !p.fold {
		i := strings.Index(value[from:], q.text)
		if i < 0 {
			return -1
		}
		return from + i
	}
	return from
}

// take matches a piece that is no * at the start of the value.
func (p *pattern) take(q *piece, value string, r *Request) (n int, ok bool) {
	text := q.text
	switch q.kind {
	case anyOne:
		_, n = utf8.DecodeRuneInString(value)
		return n, n > 0
	case variable:
		text, _ = q.resolve(r)
	}
	if len(value) < len(text) {
		return 0, false
	}
	return len(text), p.same(value[:len(text)], text)
}

// resolve returns the variable's value: that of a key with one value, else the default.
func (q *piece) resolve(r *Request) (string, bool) {
	if values := r.Context[q.text]; len(values) == 1 {
		return values[0], true
	}
	return q.fallback, q.hasFallback
}

func (p *pattern) resolved(r *Request) bool {
	for i := range p.pieces {
		if p.pieces[i].kind != variable {
			continue
		}
		if _, ok := p.pieces[i].resolve(r); !ok {
			return false
		}
	}
	return true
}

// equalFold reports whether the value equals the pattern, which has no wildcards, without regard to the case of any letter.
func (p *pattern) equalFold(value string, r *Request) bool {
	if !p.variables {
		return strings.EqualFold(value, p.head)
	}
	var text strings.Builder
	for i := range p.pieces {
		part := p.pieces[i].text
		if p.pieces[i].kind == variable {
			var ok bool
			if part, ok = p.pieces[i].resolve(r); !ok {
				return false
			}
		}
		text.WriteString(part)
	}
	return strings.EqualFold(value, text.String())
}

// arnPattern is a pattern for ARNs: a wildcard stands for a part of one of the six components, it does not reach across a colon
// (IAM: reference_policies_elements_resource, Conditions_ARN). A pattern of fewer components, as "*", leaves all that is left of the
// value to its last.
type arnPattern struct {
	whole pattern
	// components are those from the first that has wildcards or variables, and prefix is what is before them; none where that is
	// the last: then no colon needs to be looked for.
	components []pattern
	prefix     string
}

const arnComponents = 6

// newARNPattern divides a pattern at the colons of its literals.
func newARNPattern(p pattern) arnPattern {
	components := []pattern{{}}
	add := func(q piece) {
		last := &components[len(components)-1]
		last.pieces = append(last.pieces, q)
		last.variables = last.variables || q.kind == variable
	}
	for _, q := range p.pieces {
		for q.kind == literal && len(components) < arnComponents {
			before, after, more := strings.Cut(q.text, ":")
			if !more {
				break
			}
			if before != "" {
				add(piece{text: before})
			}
			components = append(components, pattern{})
			q.text = after
		}
		if q.kind != literal || q.text != "" {
			add(q)
		}
	}
	for i := range components {
		components[i] = components[i].shaped()
	}
	a := arnPattern{whole: p}
	for len(components) > 1 && components[0].shape == textOnly {
		a.prefix += components[0].head + ":"
		components = components[1:]
	}
	if len(components) > 1 {
		a.components = components
	}
	return a
}

func (p *pattern) isLiteral() bool {
	return len(p.pieces) == 0 || len(p.pieces) == 1 && p.pieces[0].kind == literal
}

func (a *arnPattern) match(value string, r *Request) bool {
	if a.components == nil {
		return a.whole.match(value, r)
	}
	value, ok := strings.CutPrefix(value, a.prefix)
	if !ok {
		return false
	}
	for i := range a.components {
		component, last := value, i == len(a.components)-1
		if !last {
			if component, value, ok = strings.Cut(value, ":"); !ok {
				return false
			}
		}
		if !a.components[i].match(component, r) {
			return false
		}
	}
	return true
}
