package topology

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// decoder carries a YAML tree into Go values. It walks the tree itself, rather than leaving that to the YAML library,
// because it owes the user every problem at once, with its path, line and nearest spelling, and because aliases must not
// be expanded without a bound.
type decoder struct {
	src    *Source
	errs   Errors
	nodes  int  // visited so far, aliases expanded
	spent  bool // a bound was reached: nothing more is read
	fields map[reflect.Type][]field
}

func (d *decoder) errorf(n *yaml.Node, path, format string, args ...any) {
	d.errs.add(&Error{Path: path, File: d.src.File, Line: n.Line, Problem: fmt.Sprintf(format, args...)})
	d.spent = d.spent || d.errs.full()
}

// enter counts a node and follows aliases. It reports false if a bound is reached.
func (d *decoder) enter(n *yaml.Node, path string, depth int) (*yaml.Node, bool) {
	if d.spent {
		return nil, false
	}
	d.nodes++
	switch {
	case depth > maxDepth:
		d.errorf(n, path, "nested more than %d deep", maxDepth)
	case d.nodes > maxNodes:
		d.errorf(n, path, "more than %d values once its aliases are expanded", maxNodes)
	case n.Kind == yaml.AliasNode:
		return n.Alias, true
	default:
		return n, true
	}
	d.spent = true
	return nil, false
}

var durationType = reflect.TypeFor[time.Duration]()

// value decodes one node into v.
func (d *decoder) value(n *yaml.Node, v reflect.Value, path string, depth int) {
	n, ok := d.enter(n, path, depth)
	if !ok || isNull(n) {
		return
	}
	switch t := v.Type(); {
	case t == durationType:
		d.duration(n, v, path)
	case t.Kind() == reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		d.value(n, v.Elem(), path, depth)
	case t.Kind() == reflect.Struct:
		d.structure(n, v, path, depth)
	case t.Kind() == reflect.Map:
		d.mapping(n, v, path, depth)
	case t.Kind() == reflect.Slice:
		d.list(n, v, path, depth)
	case t.Kind() == reflect.Interface:
		if x := d.anything(n, path, depth); x != nil {
			v.Set(reflect.ValueOf(x))
		}
	default:
		d.scalar(n, v, path)
	}
}

// expectation says what a scalar of the type of v is to be.
func expectation(v reflect.Value) string {
	switch {
	case v.Kind() == reflect.String:
		return "text"
	case v.Kind() == reflect.Bool:
		return "true or false"
	case v.CanInt():
		return "a whole number"
	case v.CanFloat():
		return "a number"
	}
	panic("topology: Decode into a " + v.Type().String())
}

func (d *decoder) scalar(n *yaml.Node, v reflect.Value, path string) {
	expected := expectation(v)
	if n.Kind != yaml.ScalarNode {
		d.errorf(n, path, "expected %s, found %s", expected, kindName(n))
		return
	}
	var err error
	ok := true
	switch tag := n.ShortTag(); {
	case v.Kind() == reflect.String:
		v.SetString(n.Value)
		ok = tag != "!!binary"
	case v.Kind() == reflect.Bool:
		ok = tag == "!!bool"
		v.SetBool(ok && strings.EqualFold(n.Value, "true"))
	case v.CanInt():
		var i int64
		err = n.Decode(&i)
		ok = tag == "!!int" && !v.OverflowInt(i)
		v.SetInt(i)
	default:
		var f float64
		err = n.Decode(&f)
		ok = (tag == "!!int" || tag == "!!float") && !math.IsNaN(f) && !math.IsInf(f, 0)
		v.SetFloat(f)
	}
	if !ok || err != nil {
		v.SetZero()
		d.errorf(n, path, "expected %s, found %s", expected, shown(n.Value))
	}
}

func (d *decoder) duration(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.ScalarNode {
		d.errorf(n, path, "expected a duration such as 1.5s, found %s", kindName(n))
		return
	}
	length, err := time.ParseDuration(n.Value)
	if err != nil {
		d.errorf(n, path, "expected a duration such as 1.5s, found %s", shown(n.Value))
		return
	}
	v.SetInt(int64(length))
}

func (d *decoder) list(n *yaml.Node, v reflect.Value, path string, depth int) {
	if n.Kind != yaml.SequenceNode {
		d.errorf(n, path, "expected a list, found %s", kindName(n))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, c := range n.Content {
		at := item(path, i)
		d.src.lines[at] = c.Line
		d.value(c, v.Index(i), at, depth+1)
		if d.spent {
			return
		}
	}
}

func (d *decoder) mapping(n *yaml.Node, v reflect.Value, path string, depth int) {
	if n.Kind != yaml.MappingNode {
		d.errorf(n, path, "expected a mapping of names to values, found %s", kindName(n))
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for _, p := range d.pairs(n, path, depth) {
		if d.spent {
			return
		}
		at := join(path, p.key)
		d.src.lines[at] = p.node.Line
		elem := reflect.New(v.Type().Elem()).Elem()
		d.value(p.value, elem, at, depth+1)
		v.SetMapIndex(reflect.ValueOf(p.key).Convert(v.Type().Key()), elem)
	}
}

func (d *decoder) structure(n *yaml.Node, v reflect.Value, path string, depth int) {
	if n.Kind != yaml.MappingNode {
		d.errorf(n, path, "expected a mapping, found %s", kindName(n))
		return
	}
	fields := d.fieldsOf(v.Type())
	for _, p := range d.pairs(n, path, depth) {
		if d.spent {
			return
		}
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == p.key })
		if i < 0 {
			d.errorf(p.node, path, "unknown key %s%s", shown(p.key), DidYouMean(p.key, fieldNames(fields)))
			if i = meant(p.key, fields, v); i < 0 {
				continue
			}
		}
		at := join(path, fields[i].name)
		d.src.lines[at] = p.node.Line
		d.value(p.value, v.FieldByIndex(fields[i].index), at, depth+1)
	}
}

// meant returns the field that a misspelt key was probably meant for, so that what stands there is checked too and is not
// missed elsewhere; -1 if there is none, or it has a value already.
func meant(key string, fields []field, v reflect.Value) int {
	near := nearest(key, fieldNames(fields))
	i := slices.IndexFunc(fields, func(f field) bool { return f.name == near })
	if i < 0 || !v.FieldByIndex(fields[i].index).IsZero() {
		return -1
	}
	return i
}

// anything decodes a node whose shape nobody prescribes: map[string]any, []any, string, bool, a number, or nil.
func (d *decoder) anything(n *yaml.Node, path string, depth int) any {
	switch n.Kind {
	case yaml.MappingNode:
		var m map[string]any
		d.mapping(n, reflect.ValueOf(&m).Elem(), path, depth)
		return m
	case yaml.SequenceNode:
		var l []any
		d.list(n, reflect.ValueOf(&l).Elem(), path, depth)
		return l
	}
	switch n.ShortTag() {
	case "!!bool", "!!int", "!!float":
		var x any
		if n.Decode(&x) == nil {
			return x
		}
	}
	return n.Value
}

// pair is one entry of a mapping.
type pair struct {
	key   string
	node  *yaml.Node // the key's
	value *yaml.Node
}

// pairs lists the entries of a mapping: its own in order, then those that merge keys (<<) bring and it does not have.
func (d *decoder) pairs(n *yaml.Node, path string, depth int) []pair {
	var own []pair
	var merged []*yaml.Node
	first := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content) && !d.spent; i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		k, ok := d.enter(key, path, depth)
		switch {
		case !ok:
		case k.ShortTag() == "!!merge":
			merged = append(merged, value)
		case k.Kind != yaml.ScalarNode:
			d.errorf(key, path, "a key must be text, found %s", kindName(k))
		case first[k.Value] > 0:
			d.errorf(key, path, "duplicate key %s; it is already at line %d", shown(k.Value), first[k.Value])
		default:
			first[k.Value] = key.Line
			own = append(own, pair{k.Value, key, value})
		}
	}
	for _, m := range merged {
		for _, p := range d.merge(m, path, depth+1) {
			if first[p.key] == 0 {
				first[p.key] = p.node.Line
				own = append(own, p)
			}
		}
	}
	return own
}

// merge lists the entries that the value of a merge key brings: a mapping's, or those of a list of mappings, where an
// earlier one wins. Each entry counts against the bound every time it is brought.
func (d *decoder) merge(n *yaml.Node, path string, depth int) []pair {
	m, ok := d.enter(n, path, depth)
	if !ok {
		return nil
	}
	switch m.Kind {
	case yaml.MappingNode:
		return d.pairs(m, path, depth)
	case yaml.SequenceNode:
		var all []pair
		for _, c := range m.Content {
			all = append(all, d.merge(c, path, depth+1)...)
		}
		return all
	}
	d.errorf(n, path, "<< merges a mapping or a list of mappings, found %s", kindName(m))
	return nil
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// kindName names what the user wrote.
func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	return shown(n.Value)
}
