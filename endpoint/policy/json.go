package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// node is a value of a JSON text, with its place, which encoding/json's own decoding would lose along with duplicate names.
type node struct {
	kind   nodeKind
	at     int     // offset of its first byte
	text   string  // a string's value; what is written of a number or boolean
	fields []field // of an object, in order
	items  []node  // of an array
}

type field struct {
	name  string
	at    int
	value node
}

type nodeKind uint8

const (
	nullNode nodeKind = iota
	stringNode
	numberNode
	booleanNode
	arrayNode
	objectNode
)

func (k nodeKind) String() string {
	return [...]string{"null", "a string", "a number", "a boolean", "an array", "an object"}[k]
}

// maxDepth is more than any policy needs: document, statements, statement, condition, operator, key, values.
const maxDepth = 16

// parser makes nodes of tokens.
type parser struct {
	text []byte
	json *json.Decoder
}

// syntaxError is a text that is not JSON.
type syntaxError struct {
	at   int
	text string
}

func (e syntaxError) Error() string { return e.text }

// parseJSON reads one JSON value and nothing after it.
func parseJSON(text []byte) (node, error) {
	if at := invalidUTF8(text); at >= 0 {
		return node{}, syntaxError{at, "not UTF-8; save the policy as UTF-8"}
	}
	p := parser{text: text, json: json.NewDecoder(bytes.NewReader(text))}
	p.json.UseNumber()
	root, err := p.value(0)
	if err != nil {
		return node{}, err
	}
	rest := bytes.TrimLeft(text[p.json.InputOffset():], " \t\r\n")
	if len(rest) > 0 {
		return node{}, syntaxError{len(text) - len(rest), "something follows the policy; a policy is one JSON object"}
	}
	return root, nil
}

func invalidUTF8(text []byte) int {
	for at := 0; at < len(text); {
		r, n := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && n == 1 {
			return at
		}
		at += n
	}
	return -1
}

// next is the offset of the token that comes next.
func (p *parser) next() int {
	at := int(p.json.InputOffset())
	for at < len(p.text) && bytes.IndexByte([]byte(" \t\r\n,:"), p.text[at]) >= 0 {
		at++
	}
	return at
}

func (p *parser) token() (json.Token, int, error) {
	at := p.next()
	token, err := p.json.Token()
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return token, at, nil
	case errors.As(err, &syntax):
		return nil, 0, syntaxError{max(int(syntax.Offset)-1, 0), "not JSON: " + syntax.Error()}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, 0, syntaxError{len(p.text), "not JSON: the text ends too early; a bracket or quotation mark is not closed"}
	default:
		return nil, 0, syntaxError{at, "not JSON: " + err.Error()}
	}
}

func (p *parser) value(depth int) (node, error) {
	token, at, err := p.token()
	if err != nil {
		return node{}, err
	}
	if depth > maxDepth {
		return node{}, syntaxError{at, "nested deeper than any policy"}
	}
	switch token := token.(type) {
	case string:
		return node{kind: stringNode, at: at, text: token}, nil
	case json.Number:
		return node{kind: numberNode, at: at, text: token.String()}, nil
	case bool:
		return node{kind: booleanNode, at: at, text: fmt.Sprint(token)}, nil
	case json.Delim:
		if token == '{' {
			return p.object(at, depth)
		}
		return p.array(at, depth)
	default:
		return node{kind: nullNode, at: at}, nil
	}
}

func (p *parser) object(at, depth int) (node, error) {
	n := node{kind: objectNode, at: at}
	for p.json.More() {
		name, at, err := p.token()
		if err != nil {
			return n, err
		}
		value, err := p.value(depth + 1)
		if err != nil {
			return n, err
		}
		n.fields = append(n.fields, field{name: name.(string), at: at, value: value})
	}
	_, _, err := p.token()
	return n, err
}

func (p *parser) array(at, depth int) (node, error) {
	n := node{kind: arrayNode, at: at}
	for p.json.More() {
		item, err := p.value(depth + 1)
		if err != nil {
			return n, err
		}
		n.items = append(n.items, item)
	}
	_, _, err := p.token()
	return n, err
}
