package topology_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"vpcsim/topology"
)

func compile(t *testing.T, text []byte, err error) *jsonschema.Schema {
	t.Helper()
	require.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("schema.json", doc))
	schema, err := c.Compile("schema.json")
	require.NoError(t, err)
	return schema
}

// validate checks YAML text as an editor would, without any code of ours.
func validate(t *testing.T, schema *jsonschema.Schema, text []byte) error {
	t.Helper()
	var doc any
	require.NoError(t, yaml.Unmarshal(text, &doc))
	data, err := json.Marshal(doc)
	require.NoError(t, err)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	require.NoError(t, err)
	return schema.Validate(value)
}

func TestSchemaTakesEveryTopologyThatResolves(t *testing.T) {
	text, err := topology.Schema()
	schema := compile(t, text, err)
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		require.NoError(t, err)
		if archive.Files[1].Name != "network" {
			continue
		}
		if err := validate(t, schema, archive.Files[0].Data); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestSchemaRefusesWhatIsMisshapen(t *testing.T) {
	text, err := topology.Schema()
	schema := compile(t, text, err)
	const good = "region: us-east-1\nvpcs:\n  a:\n    cidr: 10.0.0.0/16\n"
	require.NoError(t, validate(t, schema, []byte(good)))
	for name, text := range map[string]string{
		"an unknown key":             good + "    subnts: {}\n",
		"an unknown key at the top":  good + "vpc: {}\n",
		"a preset that is none":      good + "preset: launch2016\n",
		"a state that is none":       good + "    route_tables: {t: {routes: [{destination: a, target: b, state: c}]}}\n",
		"a list for text":            "region: us-east-1\nvpcs: {a: {cidr: []}}",
		"text for a list":            good + "    secondary_cidrs: 10.1.0.0/16\n",
		"text for a boolean":         good + "    route_tables: {t: {main: maybe}}\n",
		"text for a number":          good + "prefix_lists: {p: {max_entries: ten}}\n",
		"a topology without region":  "vpcs: {a: {cidr: 10.0.0.0/16}}",
		"a subnet without CIDR":      good + "    subnets: {s: {}}\n",
		"an inline field misspelt":   good + "    instances: {i: {subnett: s}}\n",
		"an interface field missing": good + "    instances: {i: {interfaces: [{nic: s}]}}\n",
	} {
		if err := validate(t, schema, []byte(text)); err == nil {
			t.Errorf("%s is let through", name)
		}
	}
}

func TestSchemaDescribesEveryKey(t *testing.T) {
	text, err := topology.Schema()
	require.NoError(t, err)
	var doc struct {
		Properties map[string]struct{ Description string }
		Defs       map[string]struct {
			Properties map[string]struct{ Description string }
		} `json:"$defs"`
	}
	require.NoError(t, json.Unmarshal(text, &doc))
	for key, p := range doc.Properties {
		if p.Description == "" {
			t.Errorf("%s has no description", key)
		}
	}
	for name, def := range doc.Defs {
		for key, p := range def.Properties {
			if p.Description == "" {
				t.Errorf("%s.%s has no description", name, key)
			}
		}
	}
}

func TestSchemaOfAnyStruct(t *testing.T) {
	type step struct {
		Then []step        `yaml:"then" doc:"what follows"`
		Wait time.Duration `yaml:"wait"`
		Load float64       `yaml:"load"`
		Tags any           `yaml:"tags"`
	}
	text, err := topology.SchemaOf(struct {
		Topology topology.Spec `yaml:"topology" required:"true"`
		Steps    []*step       `yaml:"steps"`
	}{}, "scenario")
	schema := compile(t, text, err)
	if !strings.Contains(string(text), `"title": "scenario"`) {
		t.Errorf("no title in %s", text)
	}
	topo := "topology: {region: us-east-1, vpcs: {}}\n"
	for text, want := range map[string]bool{
		topo: true,
		topo + "steps: [{wait: 1.5s, load: 2, tags: [1, a], then: [{wait: 1h30m}]}]": true,
		topo + "steps: [{wait: 5}]":        false,
		topo + "steps: [{wait: soon}]":     false,
		topo + "steps: [{then: [{x: 1}]}]": false,
		"steps: []":                        false,
	} {
		if err := validate(t, schema, []byte(text)); (err == nil) != want {
			t.Errorf("%q: got %v, want valid: %v", text, err, want)
		}
	}
}
