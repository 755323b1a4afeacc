package topology

import (
	"bytes"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// YAML writes the topology in its canonical form: only the keys that are set, in the order of the format, names sorted.
// [Parse] reads exactly the same Spec back.
func (s *Spec) YAML() ([]byte, error) {
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	w := writer{fields: map[reflect.Type][]field{}}
	if err := e.Encode(w.node(reflect.ValueOf(*s))); err != nil {
		return nil, err
	}
	if err := e.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// writer turns values into YAML trees.
type writer struct {
	fields map[reflect.Type][]field // of the structs met so far
}

// node returns a value as a YAML tree. Nil is what was left out; an empty list or mapping was written and stays.
func (w *writer) node(v reflect.Value) *yaml.Node {
	if v.Type() == durationType {
		return textNode(time.Duration(v.Int()).String())
	}
	switch v.Kind() {
	case reflect.Struct:
		n := &yaml.Node{Kind: yaml.MappingNode}
		for _, f := range w.fieldsOf(v.Type()) {
			if at := v.FieldByIndex(f.index); !at.IsZero() {
				n.Content = append(n.Content, textNode(f.name), w.node(at))
			}
		}
		return flowIfEmpty(n)
	case reflect.Map:
		n := &yaml.Node{Kind: yaml.MappingNode}
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, k := range keys {
			n.Content = append(n.Content, textNode(k.String()), w.node(v.MapIndex(k)))
		}
		return flowIfEmpty(n)
	case reflect.Slice:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		for i := range v.Len() {
			n.Content = append(n.Content, w.node(v.Index(i)))
		}
		return flowIfEmpty(n)
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
		}
		return w.node(v.Elem())
	case reflect.String:
		return textNode(v.String())
	}
	return plainNode(v)
}

func (w *writer) fieldsOf(t reflect.Type) []field {
	if _, ok := w.fields[t]; !ok {
		w.fields[t] = fieldsOf(t)
	}
	return w.fields[t]
}

// plainNode returns a boolean or number.
func plainNode(v reflect.Value) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode}
	switch {
	case v.Kind() == reflect.Bool:
		n.Tag, n.Value = "!!bool", strconv.FormatBool(v.Bool())
	case v.CanInt():
		n.Tag, n.Value = "!!int", strconv.FormatInt(v.Int(), 10)
	case v.CanUint():
		n.Tag, n.Value = "!!int", strconv.FormatUint(v.Uint(), 10)
	case v.CanFloat():
		n.Tag, n.Value = "!!float", floatText(v.Float())
	default:
		panic("topology: YAML of a " + v.Type().String())
	}
	return n
}

// floatText writes a number so that YAML reads a floating-point number again, also where it is whole.
func floatText(f float64) string {
	switch text := strconv.FormatFloat(f, 'g', -1, 64); text {
	case "NaN":
		return ".nan"
	case "+Inf":
		return ".inf"
	case "-Inf":
		return "-.inf"
	default:
		if !strings.ContainsAny(text, ".e") {
			text += ".0"
		}
		return text
	}
}

// textNode returns a text. What is not plain printable text is written in double quotes, the one form of YAML that can
// say everything.
func textNode(text string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
	lines := strings.TrimSuffix(text, "\n")
	odd := func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }
	switch {
	case strings.ContainsFunc(text, odd), text != strings.TrimSpace(text) && lines != strings.TrimSpace(lines):
		n.Style = yaml.DoubleQuotedStyle
	case strings.Contains(text, "\n"):
		n.Style = yaml.LiteralStyle
	}
	return n
}

func flowIfEmpty(n *yaml.Node) *yaml.Node {
	if len(n.Content) == 0 {
		n.Style = yaml.FlowStyle
	}
	return n
}
