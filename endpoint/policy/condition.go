package policy

import (
	"slices"
	"strings"
)

// condition is one key of one operator of a Condition element, with the values that it is compared with.
type condition struct {
	element
	written  string // the operator as written
	name     string // the key as written
	key      string // the key in lower case
	number   int    // of the key in the document, by which a question remembers its values
	operator *operator
	set      set
	ifExists bool
	values   []operand
}

// set is the set operator before an operator.
type set uint8

const (
	noSet set = iota
	forAllValues
	forAnyValue
)

// holds reports whether the request satisfies the condition (IAM: reference_policies_multi-value-conditions).
//
// Of an absent key, ForAllValues holds and ForAnyValue does not, whatever the operator; otherwise a negated operator and
// ...IfExists hold. A set of nothing but an empty string is empty.
func (c *condition) holds(q *question) bool {
	values, r := q.values(c), q.Request
	if c.operator.matches == nil {
		return c.null(len(values) > 0)
	}
	if c.set != noSet {
		return c.holdsForSet(values, r)
	}
	if len(values) == 0 {
		return c.operator.negated || c.ifExists
	}
	for _, v := range values {
		if c.compare(v, r) {
			return !c.operator.negated
		}
	}
	return c.operator.negated
}

func (c *condition) holdsForSet(values []string, r *Request) bool {
	if len(values) == 1 && values[0] == "" {
		values = nil
	}
	for _, v := range values {
		if holds := c.compare(v, r) != c.operator.negated; holds == (c.set == forAnyValue) {
			return holds
		}
	}
	return c.set == forAllValues
}

// compare reports whether the request's value matches one of the policy's.
func (c *condition) compare(value string, r *Request) bool {
	for i := range c.values {
		if c.operator.matches(&c.values[i], value, r) {
			return true
		}
	}
	return false
}

// null judges the operator Null: "true" is satisfied by a key that is absent, "false" by one that is there.
func (c *condition) null(there bool) bool {
	for i := range c.values {
		if absent := strings.EqualFold(c.values[i].text, "true"); absent != there {
			return true
		}
	}
	return false
}

// conditions reads the element Condition.
func (rd *reading) conditions(at place, n node) (all []condition) {
	if n.kind != objectNode {
		rd.wrong(at.of(n), `is %s; write {"OPERATOR": {"KEY": "VALUE"}}`, n.kind)
		return nil
	}
	for _, f := range rd.unique(at, n) {
		here := place{at.path + bracket(f.name), f.at}
		c, ok := rd.operator(here, f.name)
		if f.value.kind != objectNode {
			rd.wrong(here.of(f.value), `is %s; write {"KEY": "VALUE"}`, f.value.kind)
			continue
		}
		for _, key := range rd.unique(here, f.value) {
			if ok {
				all = append(all, rd.condition(place{here.path + bracket(key.name), key.at}, c, key))
			}
		}
	}
	return all
}

// unique returns the fields of an object of whatever names, and complains of those that are there twice.
func (rd *reading) unique(at place, n node) (fields []field) {
	seen := map[string]bool{}
	for _, f := range n.fields {
		if seen[f.name] {
			rd.wrong(place{at.path + bracket(f.name), f.at}, "is there twice; write it once, with its values in an array")
			continue
		}
		seen[f.name] = true
		fields = append(fields, f)
	}
	return fields
}

// bracket writes a step of a path: .StringEquals, or ["aws:SourceVpc"].
func bracket(name string) string {
	if name != "" && strings.Trim(name, sidLetters) == "" {
		return "." + name
	}
	return place{}.quoted(name).path
}

// operator reads the name of an operator: [ForAllValues:|ForAnyValue:]NAME[IfExists].
func (rd *reading) operator(at place, written string) (condition, bool) {
	c := condition{written: written}
	name := written
	if rest, ok := strings.CutPrefix(name, "ForAllValues:"); ok {
		c.set, name = forAllValues, rest
	} else if rest, ok := strings.CutPrefix(name, "ForAnyValue:"); ok {
		c.set, name = forAnyValue, rest
	}
	name, c.ifExists = strings.CutSuffix(name, "IfExists")
	for i := range operators {
		if operators[i].name == name {
			c.operator = &operators[i]
		}
	}
	if c.operator == nil {
		rd.wrong(at, "%q is no condition operator; %s", written, suggestOperator(name))
		return c, false
	}
	if c.operator.matches == nil && name != written {
		rd.wrong(at, `%q: Null goes without ForAllValues, ForAnyValue and IfExists; write "Null"`, written)
		return c, false
	}
	return c, true
}

func suggestOperator(name string) string {
	for i := range operators {
		if strings.EqualFold(operators[i].name, strings.TrimSpace(name)) {
			return "write " + operators[i].name
		}
	}
	return "write one of IAM's, as StringEquals, StringLike, IpAddress, ArnLike, Bool, NumericLessThan, DateGreaterThan, Null"
}

// condition reads one key and its values.
func (rd *reading) condition(at place, c condition, f field) condition {
	c.element, c.name, c.key = rd.element(at, false), f.name, strings.ToLower(f.name)
	c.number = rd.number(c.key)
	rd.key(at, f.name)
	items := f.value.items
	if f.value.kind != arrayNode {
		items = []node{f.value}
	}
	if len(items) == 0 {
		rd.warn(at.of(f.value), "has no values, so that nothing equals one of them")
	}
	for i, item := range items {
		here := at.of(item)
		if f.value.kind == arrayNode {
			here = at.index(i).of(item)
		}
		switch item.kind {
		case stringNode, numberNode, booleanNode:
			c.values = append(c.values, rd.operand(here, c, item.text))
		default:
			rd.wrong(here, "is %s; write a string, a number or a boolean", item.kind)
		}
	}
	return c
}

func (rd *reading) operand(at place, c condition, text string) operand {
	s := c.operator.syntax
	if rd.variables && !s.variables && strings.Contains(text, "${") {
		rd.wrong(at, "%q: %s takes no policy variables; only String…, Arn… and Bool do", text, c.operator.name)
		return operand{}
	}
	s.variables = s.variables && rd.variables
	p, err := compile(text, s)
	if err != nil {
		rd.wrong(at, "%v", err)
		return operand{}
	}
	o, err := c.operator.read(text, p)
	if err != nil {
		rd.wrong(at, "%v", err)
	}
	o.text = text
	return o
}

// number returns the number of a condition key in the document: 0 of the first.
func (rd *reading) number(key string) int {
	i := slices.Index(rd.keys, key)
	if i < 0 {
		i, rd.keys = len(rd.keys), append(rd.keys, key)
	}
	return i
}

// key judges a condition key.
func (rd *reading) key(at place, name string) {
	service, rest, ok := strings.Cut(name, ":")
	if !ok || service == "" || rest == "" {
		rd.wrong(at, `%q is no condition key; write "service:key", as "aws:SourceVpc"`, name)
		return
	}
	if _, ok := FindKey(name); !ok && (strings.EqualFold(service, "aws") || strings.EqualFold(service, "s3")) {
		rd.warn(at, "%q is no condition key that a request to S3 carries, so that it is always absent", name)
	}
}
