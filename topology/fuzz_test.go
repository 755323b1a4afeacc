package topology_test

import (
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"vpcsim/topology"
)

// FuzzParse feeds any text through the whole door. Nothing may panic; what can be read can be written and read back the
// same; and what resolves still resolves to the same things after that.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(f, err)
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		require.NoError(f, err)
		f.Add(archive.Files[0].Data)
	}
	text, err := full().YAML()
	require.NoError(f, err)
	f.Add(text)
	f.Add([]byte("a: &a [*a, *a]\n<<: {b: !!binary x}"))
	f.Add([]byte("? |\n  block\n: - !x y\n  - \"\\x00\"\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		spec, src, err := topology.Parse("f", data)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without words")
			}
			return
		}
		text, err := spec.YAML()
		if err != nil {
			t.Fatalf("YAML: %v", err)
		}
		again, _, err := topology.Parse("f", text)
		if err != nil {
			t.Fatalf("the canonical form is not read: %v\n%s", err, text)
		}
		if !reflect.DeepEqual(spec, again) && !hasNaN(reflect.ValueOf(*spec)) {
			t.Fatalf("got %+v\nwant %+v\n%s", again, spec, text)
		}
		first, err := topology.Resolve(spec, src)
		if err != nil {
			return
		}
		second, err := topology.Resolve(again, nil)
		if err != nil {
			t.Fatalf("the canonical form does not resolve: %v", err)
		}
		if !slices.Equal(allIDs(first), allIDs(second)) || summary(first) != summary(second) {
			t.Errorf("got\n%s\nwant\n%s", summary(second), summary(first))
		}
	})
}

// hasNaN reports whether a value holds a number that is not equal to itself.
func hasNaN(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Float64:
		return v.Float() != v.Float()
	case reflect.Interface, reflect.Pointer:
		return !v.IsNil() && hasNaN(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if hasNaN(v.Field(i)) {
				return true
			}
		}
	case reflect.Map:
		for entries := v.MapRange(); entries.Next(); {
			if hasNaN(entries.Value()) {
				return true
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if hasNaN(v.Index(i)) {
				return true
			}
		}
	}
	return false
}
