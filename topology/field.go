package topology

import (
	"reflect"
	"strings"
)

// field is one key of a struct as its yaml tag names it. Decoding, writing and the schema all go by this list.
type field struct {
	name     string
	index    []int // for reflect's FieldByIndex
	typ      reflect.Type
	doc      string   // the doc tag
	enum     []string // the enum tag: the only texts allowed
	required bool     // the required tag
}

// fieldsOf lists the keys of a struct type in order, those of inline structs in their place.
func fieldsOf(t reflect.Type) []field {
	var all []field
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == "-" || f.PkgPath != "" {
			continue
		}
		if strings.Contains(options, "inline") {
			for _, inner := range fieldsOf(f.Type) {
				inner.index = append([]int{i}, inner.index...)
				all = append(all, inner)
			}
			continue
		}
		if name == "" {
			name = strings.ToLower(f.Name)
		}
		next := field{name: name, index: []int{i}, typ: f.Type, doc: f.Tag.Get("doc"), required: f.Tag.Get("required") == "true"}
		if words := f.Tag.Get("enum"); words != "" {
			next.enum = strings.Split(words, ",")
		}
		all = append(all, next)
	}
	return all
}

func (d *decoder) fieldsOf(t reflect.Type) []field {
	if _, ok := d.fields[t]; !ok {
		d.fields[t] = fieldsOf(t)
	}
	return d.fields[t]
}

func fieldNames(fields []field) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return names
}
