package topology

import "reflect"

// Clone returns a deep copy: a change to either Spec leaves the other as it was.
func (s *Spec) Clone() *Spec {
	return deepCopy(reflect.ValueOf(s)).Interface().(*Spec)
}

// deepCopy copies what a Spec is made of: structs, maps, slices, pointers, values of any, and plain values.
func deepCopy(v reflect.Value) reflect.Value {
	switch k := v.Kind(); {
	case k == reflect.Struct:
		c := reflect.New(v.Type()).Elem()
		for i := range v.NumField() {
			c.Field(i).Set(deepCopy(v.Field(i)))
		}
		return c
	case k == reflect.Pointer && !v.IsNil():
		c := reflect.New(v.Type().Elem())
		c.Elem().Set(deepCopy(v.Elem()))
		return c
	case k == reflect.Interface && !v.IsNil():
		return deepCopy(v.Elem())
	case k == reflect.Map && !v.IsNil():
		c := reflect.MakeMapWithSize(v.Type(), v.Len())
		for entries := v.MapRange(); entries.Next(); {
			c.SetMapIndex(entries.Key(), deepCopy(entries.Value()))
		}
		return c
	case k == reflect.Slice && !v.IsNil():
		c := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			c.Index(i).Set(deepCopy(v.Index(i)))
		}
		return c
	}
	return v
}
