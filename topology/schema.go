package topology

import (
	"encoding/json"
	"reflect"
)

// Schema returns the JSON Schema (draft 2020-12) of the topology format, for editors and for checks outside vpcsim. It
// knows the shape only: what a topology means, [Resolve] judges.
func Schema() ([]byte, error) { return SchemaOf(Spec{}, "vpcsim topology") }

// SchemaOf returns the JSON Schema of any struct that [Decode] reads. A doc tag becomes the description of a key, an enum
// tag (words between commas) its only values, and required:"true" makes leaving it out an error.
func SchemaOf(v any, title string) ([]byte, error) {
	s := schema{defs: map[string]any{}}
	root := s.object(reflect.TypeOf(v))
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = title
	if len(s.defs) > 0 {
		root["$defs"] = s.defs
	}
	return json.MarshalIndent(root, "", "  ")
}

// schema collects the definitions of the structs that are referred to, by type name.
type schema struct {
	defs map[string]any
}

func (s *schema) object(t reflect.Type) map[string]any {
	properties := map[string]any{}
	var required []string
	for _, f := range fieldsOf(t) {
		of := s.of(f.typ)
		if f.doc != "" {
			of["description"] = f.doc
		}
		if f.enum != nil {
			of["type"], of["enum"] = "string", f.enum
		}
		if f.required {
			required = append(required, f.name)
		}
		properties[f.name] = of
	}
	object := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if required != nil {
		object["required"] = required
	}
	return object
}

// of returns the schema of a value. Where text is expected Decode takes a bare number as written, and so does the schema.
func (s *schema) of(t reflect.Type) map[string]any {
	switch k := t.Kind(); {
	case t == durationType:
		return map[string]any{"type": "string", "pattern": `^[-+]?(0|([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$`}
	case k == reflect.String:
		return map[string]any{"type": []string{"string", "number"}}
	case k == reflect.Bool:
		return map[string]any{"type": "boolean"}
	case k == reflect.Float32, k == reflect.Float64:
		return map[string]any{"type": "number"}
	case k == reflect.Slice:
		return map[string]any{"type": "array", "items": s.of(t.Elem())}
	case k == reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": s.of(t.Elem())}
	case k == reflect.Pointer:
		return s.of(t.Elem())
	case k == reflect.Struct:
		if _, known := s.defs[t.Name()]; !known {
			s.defs[t.Name()] = nil // stops a type that refers to itself
			s.defs[t.Name()] = s.object(t)
		}
		return map[string]any{"$ref": "#/$defs/" + t.Name()}
	case k == reflect.Interface:
		return map[string]any{}
	}
	return map[string]any{"type": "integer"}
}
