package pcapfilter

import (
	"fmt"
	"strings"
)

const (
	maxText  = 4096 // bytes of an expression
	maxDepth = 64   // of brackets within each other
)

// Parse compiles an expression. The error names the place where it is not understood. The empty expression is true of every
// packet: its Filter is nil.
func Parse(text string) (*Filter, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	if len(text) > maxText {
		return nil, fmt.Errorf("filter: longer than %d bytes", maxText)
	}
	p := &parser{text: text}
	root, err := p.expression()
	if err == nil && p.peek() != "" {
		err = p.wrong(p.peek(), "comes after the end of an expression")
	}
	if err != nil {
		return nil, fmt.Errorf("filter %q: %w", text, err)
	}
	return &Filter{text, root}, nil
}

// parser reads an expression from left to right. It goes back only at an opening bracket, which may begin a number or a test.
type parser struct {
	text  string
	at    int // how far it has read
	depth int
	last  qualifiers // of the primitive before, for an id without any
}

// wrong is an error about a token.
func (p *parser) wrong(token, what string) error {
	if token == "" {
		return fmt.Errorf("ends too early: %s", what)
	}
	return fmt.Errorf("at %q: %s", token, what)
}

// The characters that words are made of: in a test those of addresses, in arithmetic - and / are operators between numbers.
func isLetter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '\\'
}
func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// scan returns the next token and where it ends; "" at the end. Operators of two characters are one token.
func (p *parser) scan(arithmetic bool) (token string, end int) {
	start := p.at
	for start < len(p.text) && strings.IndexByte(" \t\r\n", p.text[start]) >= 0 {
		start++
	}
	if start == len(p.text) {
		return "", start
	}
	end = start + 1
	switch c := p.text[start]; {
	case isLetter(c) || isDigit(c) || c == ':' && !arithmetic:
		for end < len(p.text) && inWord(p.text[end], isDigit(c), arithmetic) {
			end++
		}
	case end < len(p.text) && isPair(p.text[start:end+1]):
		end++
	}
	return p.text[start:end], end
}

// inWord says whether c goes on a word that began with a digit or a letter.
func inWord(c byte, number, arithmetic bool) bool {
	switch {
	case isLetter(c) || isDigit(c):
		return true
	case arithmetic && number:
		return false
	case arithmetic:
		return c == '-' // as in tcp-syn
	}
	return c == '.' || c == ':' || c == '/' || c == '-'
}

func isPair(s string) bool {
	switch s {
	case "&&", "||", "==", "!=", "<=", ">=", "<<", ">>":
		return true
	}
	return false
}

// peek returns the next token of a test, and next takes it.
func (p *parser) peek() string { t, _ := p.scan(false); return t }
func (p *parser) next() (t string) {
	t, p.at = p.scan(false)
	return t
}

// peekNumber returns the next token of an arithmetic expression, and nextNumber takes it.
func (p *parser) peekNumber() string { t, _ := p.scan(true); return t }
func (p *parser) nextNumber() (t string) {
	t, p.at = p.scan(true)
	return t
}

// deeper counts brackets, and refuses too many.
func (p *parser) deeper() error {
	if p.depth++; p.depth > maxDepth {
		return fmt.Errorf("more than %d brackets within each other", maxDepth)
	}
	return nil
}

// expression is terms with and and or between them, which bind alike, from left to right (pcap-filter(7)).
func (p *parser) expression() (test, error) {
	left, err := p.term()
	for err == nil {
		var k kind
		switch p.peek() {
		case "and", "&&":
			k = isAnd
		case "or", "||":
			k = isOr
		default:
			return left, nil
		}
		p.next()
		var right test
		right, err = p.term()
		a := left
		left = test{kind: k, left: &a, right: &right}
	}
	return left, err
}

// term is a primitive, an expression in brackets, or the negation of a term.
func (p *parser) term() (test, error) {
	switch p.peek() {
	case "not", "!":
		if err := p.deeper(); err != nil {
			return test{}, err
		}
		p.next()
		t, err := p.term()
		p.depth--
		return test{kind: isNot, left: &t}, err
	case "(":
		return p.bracket()
	}
	return p.primitive()
}

// bracket is what begins with one: a comparison whose left side does, or an expression.
func (p *parser) bracket() (test, error) {
	if err := p.deeper(); err != nil {
		return test{}, err
	}
	defer func() { p.depth-- }()
	start, depth := p.at, p.depth
	if t, err := p.comparison(); err == nil {
		return t, nil
	}
	p.at, p.depth = start, depth
	p.next()
	t, err := p.expression()
	if err == nil {
		if token := p.next(); token != ")" {
			err = p.wrong(token, "a closing bracket is missing")
		}
	}
	return t, err
}
