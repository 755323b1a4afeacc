package awsimport

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"vpcsim/topology"
)

// decode reads one element of a list. Null, an empty text and nothing at all are the same. All values of a wrong kind are told at
// once, each with its path.
func decode(raw []byte, into any, at Place) topology.Errors {
	if !utf8.Valid(raw) {
		return topology.Errors{at.problem("", "not UTF-8 text")}
	}
	if json.Unmarshal(raw, into) == nil {
		return nil
	}
	var tree any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		return topology.Errors{at.problem("", "not valid JSON: "+err.Error())}
	}
	c := checker{at: at}
	tree = c.check(tree, reflect.TypeOf(into).Elem(), "")
	if c.errs != nil {
		return c.errs
	}
	reflect.ValueOf(into).Elem().SetZero()
	raw, err := json.Marshal(tree)
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		return topology.Errors{at.problem("", err.Error())}
	}
	return nil
}

// checker compares a JSON value with what is wanted in its place.
type checker struct {
	at   Place
	errs topology.Errors
}

// check reports what does not fit, and returns the value without the empty texts that stand for nothing.
func (c *checker) check(value any, t reflect.Type, path string) any {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if value == nil || value == "" {
		return nil
	}
	switch v := value.(type) {
	case map[string]any:
		if t.Kind() == reflect.Struct {
			return c.object(v, t, path)
		}
	case []any:
		if t.Kind() == reflect.Slice {
			for i := range v {
				v[i] = c.check(v[i], t.Elem(), fmt.Sprintf("%s[%d]", path, i))
			}
			return v
		}
	case string:
		if t.Kind() == reflect.String {
			return v
		}
	case bool:
		if t.Kind() == reflect.Bool {
			return v
		}
	case json.Number:
		if _, err := strconv.Atoi(v.String()); t.Kind() == reflect.Int && err == nil {
			return v
		}
	}
	text := kindOf(value) + ", want " + wanted(t)
	if path == "" {
		c.errs = append(c.errs, c.at.problem("", text))
	} else {
		c.errs = append(c.errs, c.at.problem(path, text))
	}
	return nil
}

// object checks the fields of an object that are wanted; others may be anything.
func (c *checker) object(v map[string]any, t reflect.Type, path string) any {
	kept := map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(v)) {
		f, ok := t.FieldByNameFunc(func(name string) bool { return strings.EqualFold(name, key) })
		if !ok {
			continue
		}
		if fit := c.check(v[key], f.Type, strings.TrimPrefix(path+"."+key, ".")); fit != nil {
			kept[key] = fit
		}
	}
	return kept
}

// kindOf says what a JSON value is.
func kindOf(value any) string {
	switch v := value.(type) {
	case map[string]any, json.Delim:
		if v == json.Delim('[') {
			return "a list"
		}
		return "an object"
	case []any:
		return "a list"
	case string:
		return "a text"
	case bool:
		return "true or false"
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return "a fraction"
		}
	}
	return "a number"
}

// wanted says what a field takes.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Struct:
		return "an object"
	case reflect.Slice:
		return "a list"
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	}
	return "a whole number"
}
