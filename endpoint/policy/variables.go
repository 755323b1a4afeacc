package policy

import (
	"fmt"
	"strings"
)

// syntax is what in a text has a meaning of its own.
type syntax struct {
	wildcards bool
	variables bool
	fold      bool // letters have no case
}

func (s syntax) special(c rune) bool {
	return c == '$' && s.variables || (c == '*' || c == '?') && s.wildcards
}

// compile reads a text as a pattern. The error says what is wrong with a variable, and what to write.
func compile(text string, s syntax) (pattern, error) {
	p := pattern{fold: s.fold}
	for text != "" {
		stop := strings.IndexFunc(text, s.special)
		if stop < 0 {
			p.add(piece{text: text})
			break
		}
		p.add(piece{text: text[:stop]})
		text = text[stop:]
		switch {
		case text[0] == '*':
			p.add(piece{kind: anyText})
			text = text[1:]
		case text[0] == '?':
			p.add(piece{kind: anyOne})
			text = text[1:]
		case !strings.HasPrefix(text, "${"):
			p.add(piece{text: "$"})
			text = text[1:]
		default:
			q, rest, err := readVariable(text)
			if err != nil {
				return p, err
			}
			p.add(q)
			text = rest
		}
	}
	return p.shaped(), nil
}

// add appends a piece, joining literals and *s.
func (p *pattern) add(q piece) {
	if q.kind == literal && q.text == "" {
		return
	}
	p.variables = p.variables || q.kind == variable
	if n := len(p.pieces); n > 0 && p.pieces[n-1].kind == q.kind && (q.kind == literal || q.kind == anyText) {
		p.pieces[n-1].text += q.text
		return
	}
	p.pieces = append(p.pieces, q)
}

// readVariable reads the variable at the start of the text: ${key}, ${key, 'default'}, or ${*}, ${?} and ${$}, which are these
// characters themselves (IAM: reference_policies_variables).
func readVariable(text string) (q piece, rest string, err error) {
	end := closingBrace(text)
	if end < 0 {
		return q, "", fmt.Errorf("the variable %s is not closed; write ${key}, or ${$}{ for the characters ${ themselves", text)
	}
	inner, rest := text[len("${"):end], text[end+1:]
	switch inner {
	case "*", "?", "$":
		return piece{text: inner}, rest, nil
	}
	key, fallback, hasFallback := strings.Cut(inner, ",")
	q = piece{kind: variable, text: strings.ToLower(key), hasFallback: hasFallback}
	if key == "" || strings.ContainsAny(key, " \t'${*?") {
		return q, "", fmt.Errorf("%s is no variable; write ${key}, as in ${aws:username}, or ${$}{ for the characters ${ themselves", text[:end+1])
	}
	if hasFallback {
		quoted := strings.TrimSpace(fallback)
		if len(quoted) < 2 || quoted[0] != '\'' || quoted[len(quoted)-1] != '\'' {
			return q, "", fmt.Errorf("the default in %s has no quotes; write ${%s, 'default'}", text[:end+1], key)
		}
		q.fallback = quoted[1 : len(quoted)-1]
	}
	return q, rest, nil
}

// closingBrace finds the brace that ends the variable at the start of the text; one inside a quoted default does not.
func closingBrace(text string) int {
	quoted := false
	for i := len("${"); i < len(text); i++ {
		switch {
		case text[i] == '\'':
			quoted = !quoted
		case text[i] == '}' && !quoted:
			return i
		}
	}
	return -1
}
