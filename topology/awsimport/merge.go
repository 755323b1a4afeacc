package awsimport

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"vpcsim/topology"
)

// settle merges the copies of every object of a kind. The order of the files does not matter: the richest copy comes first, and
// what it lacks is taken from the others.
func settle[T any](d *Dump, t *table[T]) (errs topology.Errors) {
	t.all = map[string]*record[T]{}
	for id, copies := range t.copies {
		for i := range copies {
			if len(copies) > 1 {
				text, _ := json.Marshal(copies[i].value) // structs of texts and numbers
				copies[i].text = string(text)
			}
		}
		slices.SortFunc(copies, func(a, b copied[T]) int {
			return cmp.Or(-cmp.Compare(len(a.text), len(b.text)), strings.Compare(a.text, b.text), strings.Compare(a.place.String(), b.place.String()))
		})
		r := &record[T]{value: copies[0].value}
		for i, c := range copies {
			r.places = append(r.places, c.place)
			if i == 0 || c.text == copies[i-1].text {
				continue
			}
			m := merger{place: c.place, first: copies[0].place, id: id}
			m.merge(reflect.ValueOf(&r.value).Elem(), reflect.ValueOf(c.value), "", "")
			errs = append(errs, m.errs...)
			d.warnings = append(d.warnings, m.warnings...)
		}
		slices.SortFunc(r.places, func(a, b Place) int { return strings.Compare(a.String(), b.String()) })
		t.all[id] = r
	}
	t.copies = nil
	return errs
}

// merger merges a copy of an object into another.
type merger struct {
	id           string
	place, first Place // of the copy, and of the one that has more
	errs         topology.Errors
	warnings     []Warning
}

// merge fills what to lacks from from. tag is the merge tag of the field.
func (m *merger) merge(to, from reflect.Value, path, tag string) {
	switch {
	case from.IsZero():
	case to.IsZero() || to.Kind() == reflect.Slice && to.Len() == 0:
		to.Set(from)
	case from.Kind() == reflect.Slice && from.Len() == 0:
	case to.Kind() == reflect.Struct:
		for i := range to.NumField() {
			f := to.Type().Field(i)
			m.merge(to.Field(i), from.Field(i), strings.TrimPrefix(path+"."+f.Name, "."), cmp.Or(f.Tag.Get("merge"), tag))
		}
	case to.Kind() == reflect.Slice:
		m.list(to, from, path, tag)
	case reflect.DeepEqual(to.Interface(), from.Interface()):
	case tag == "state" && !m.oneCall():
		m.state(path, to, from)
	default:
		m.differ(path, tag, to.Interface(), from.Interface())
	}
}

// list merges lists that say the same, each perhaps more of something than the other, in any order.
func (m *merger) list(to, from reflect.Value, path, tag string) {
	a, b := sorted(to), sorted(from)
	if a.Len() != b.Len() {
		m.differ(path, tag, fmt.Sprintf("%d entries", a.Len()), fmt.Sprintf("%d", b.Len()))
		return
	}
	inner := merger{id: m.id, place: m.place, first: m.first}
	for i := range a.Len() {
		if !reflect.DeepEqual(a.Index(i).Interface(), b.Index(i).Interface()) {
			inner.merge(a.Index(i), b.Index(i), fmt.Sprintf("%s[%d]", path, i), tag)
		}
	}
	if len(inner.errs)+len(inner.warnings) == 0 {
		to.Set(a)
		return
	}
	m.differ(path, tag, "other entries", "these")
}

// sorted is a copy of a list in an order of its own.
func sorted(list reflect.Value) reflect.Value {
	texts := make([]string, list.Len())
	order := make([]int, list.Len())
	for i := range list.Len() {
		text, _ := json.Marshal(list.Index(i).Interface()) // structs of texts and numbers
		texts[i], order[i] = string(text), i
	}
	slices.SortFunc(order, func(i, j int) int { return strings.Compare(texts[i], texts[j]) })
	c := reflect.MakeSlice(list.Type(), list.Len(), list.Len())
	for i, at := range order {
		c.Index(i).Set(list.Index(at))
	}
	return c
}

// oneCall reports whether both copies were printed by one call.
func (m *merger) oneCall() bool { return m.place.call() == m.first.call() }

// state takes the later of two states, as the accounts were not asked at the same time: nothing is pending again once it was active,
// or active once it was deleted.
func (m *merger) state(path string, to, from reflect.Value) {
	has, other := to.String(), from.String()
	if stage(other) > stage(has) || stage(other) == stage(has) && other < has {
		to.SetString(other)
	}
	m.warnings = append(m.warnings, Warning{
		File: m.place.File, ID: m.id, Problem: fmt.Sprintf("%s is %s here and %s at %s: packets go as if it were %s", path, other, has, m.first, to),
	})
}

// stage is how far an object is in its life: it begins, works, or ends.
func stage(state string) int {
	state = strings.ToLower(state)
	switch {
	case strings.HasPrefix(state, "pending"), slices.Contains([]string{"initiating", "initiating-request", "initiatingrequest", "provisioning", "requested"}, state):
		return 0
	case slices.Contains([]string{"active", "available", "modifying", "partial", "running", "stopping", "stopped"}, state):
		return 1
	}
	return 2
}

// differ deals with two copies that disagree. What AWS never changes makes them two objects with one id; so does any other
// difference within what one call printed.
func (m *merger) differ(path, tag string, has, other any) {
	switch {
	case tag == "any":
	case tag == "same" || m.oneCall():
		m.errs = append(m.errs, m.place.problem(path, fmt.Sprintf("%v, but %s has %v at %s; one id is one object", shown(other), m.id, shown(has), m.first)))
	default:
		m.warnings = append(m.warnings, Warning{
			File: m.place.File, ID: m.id, Problem: fmt.Sprintf("%s differs from %s, which says more and is taken: packets go by that copy", path, m.first),
		})
	}
}

// shown is a value as messages write it.
func shown(v any) any {
	if r := reflect.ValueOf(v); r.Kind() == reflect.Pointer {
		return r.Elem().Interface()
	}
	return v
}
