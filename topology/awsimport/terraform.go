package awsimport

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"vpcsim/topology"
)

// maxPlan is how large a plan may be, which is read as a whole.
const maxPlan = 512 << 20

// plan is what terraform show -json prints, of a plan or of a state (JSON output format, "Plan Representation").
type plan struct {
	FormatVersion string      `json:"format_version"`
	Values        *stateTree  `json:"values"`
	PlannedValues *stateTree  `json:"planned_values"`
	PriorState    *priorState `json:"prior_state"`
	Configuration struct {
		ProviderConfig map[string]struct {
			Name        string         `json:"name"`
			Expressions map[string]any `json:"expressions"`
		} `json:"provider_config"`
		RootModule configModule `json:"root_module"`
	} `json:"configuration"`
}

type priorState struct {
	Values *stateTree `json:"values"`
}

type stateTree struct {
	RootModule stateModule `json:"root_module"`
}

// stateModule is a module with the values of its resources.
type stateModule struct {
	Address   string `json:"address"`
	Resources []struct {
		Address string         `json:"address"`
		Mode    string         `json:"mode"`
		Type    string         `json:"type"`
		Name    string         `json:"name"`
		Index   any            `json:"index"`
		Values  map[string]any `json:"values"`
	} `json:"resources"`
	ChildModules []stateModule `json:"child_modules"`
}

// configModule is a module as its author wrote it: what refers to what.
type configModule struct {
	Outputs map[string]struct {
		Expression map[string]any `json:"expression"`
	} `json:"outputs"`
	Resources   []configResource      `json:"resources"`
	ModuleCalls map[string]moduleCall `json:"module_calls"`
}

type configResource struct {
	Mode        string         `json:"mode"`
	Type        string         `json:"type"`
	Name        string         `json:"name"`
	Expressions map[string]any `json:"expressions"`
	ForEach     map[string]any `json:"for_each_expression"`
}

type moduleCall struct {
	Expressions map[string]any `json:"expressions"`
	Module      configModule   `json:"module"`
}

// ReadTerraform reads what terraform show -json prints; the path - means standard input. Ids that are known only after apply are
// the addresses of the resources here, and references are followed through the configuration. The error is [topology.Errors].
func ReadTerraform(path string) (*Dump, error) {
	text, err := readPlan(path)
	if path == "-" {
		path = "standard input"
	}
	if err != nil {
		return nil, topology.Errors{{Path: path, Problem: err.Error()}}
	}
	var p plan
	decoder := json.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&p); err != nil {
		return nil, topology.Errors{{Path: path, Problem: planError(err)}}
	}
	values := p.PlannedValues
	if values == nil {
		values = p.Values
	}
	if values == nil && p.PriorState != nil {
		values = p.PriorState.Values
	}
	if values == nil {
		return nil, topology.Errors{{Path: path, Problem: "neither planned_values nor values; it should be what terraform show -json prints"}}
	}
	t := newTerraform(path, &p)
	t.collect(values.RootModule, "")
	if p.PriorState != nil && p.PriorState.Values != nil && values != p.PriorState.Values {
		t.collectData(p.PriorState.Values.RootModule)
	}
	t.convert()
	if errs := t.dump.settle(); errs != nil {
		return nil, errs
	}
	return t.dump, nil
}

// readPlan reads the file, but not without end.
func readPlan(path string) ([]byte, error) {
	in := io.Reader(os.Stdin)
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, errors.New("can't be read: " + reason(err))
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxPlan+1))
	switch {
	case err != nil:
		return nil, errors.New("can't be read: " + reason(err))
	case len(text) > maxPlan:
		return nil, fmt.Errorf("larger than %d MiB", maxPlan>>20)
	case !utf8.Valid(text):
		return nil, errors.New("not UTF-8 text; it should be what terraform show -json prints")
	}
	return text, nil
}

// planError says what is wrong with the JSON of a plan.
func planError(err error) string {
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind):
		return fmt.Sprintf("%s: %s, which does not belong there (after %d bytes)", kind.Field, kind.Value, kind.Offset)
	case errors.Is(err, io.EOF):
		return "empty; it should be what terraform show -json prints"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "cut off: the file ends in the middle"
	}
	return "not valid JSON: " + err.Error() + "; it should be what terraform show -json prints"
}

// terraform is a plan at its conversion into a dump.
type terraform struct {
	dump      *Dump
	plan      *plan
	file      string
	region    string // of the provider; empty if the plan does not say
	resources []*resource
	instances map[string][]*resource // by module, type and name
	following map[string]bool        // arguments whose references are being followed
	steps     int                    // of that
	parts     parts
}

// resource is one instance of a resource.
type resource struct {
	node
	address, module, kind, name string
	index                       any
	data                        bool
	config                      *configResource
}

// node is a resource or a block of one: the values that are known, and the expressions of all.
type node struct {
	of     *resource
	values map[string]any
	exprs  map[string]any
}

func newTerraform(path string, p *plan) *terraform {
	t := &terraform{plan: p, file: path, instances: map[string][]*resource{}, following: map[string]bool{}, dump: &Dump{
		files: []string{path}, ignoredFiles: map[string]int{}, unknownLists: map[string]int{}, pages: map[string]*pages{}, seen: map[string]bool{},
	}}
	for key := range lists {
		t.dump.seen[key] = true // a plan has all that it makes
	}
	for _, provider := range p.Configuration.ProviderConfig {
		if region, _ := provider.Expressions["region"].(map[string]any); provider.Name == "aws" && region != nil && t.region == "" {
			t.region, _ = region["constant_value"].(string)
		}
	}
	return t
}

// collect takes the resources of a module and of those in it.
func (t *terraform) collect(m stateModule, module string) {
	config := t.configOf(module)
	for _, r := range m.Resources {
		one := &resource{address: r.Address, module: module, kind: r.Type, name: r.Name, index: r.Index, data: r.Mode == "data"}
		one.node = node{of: one, values: r.Values}
		if config != nil {
			for i := range config.Resources {
				if c := &config.Resources[i]; c.Type == r.Type && c.Name == r.Name && c.Mode == r.Mode {
					one.config, one.exprs = c, c.Expressions
				}
			}
		}
		t.add(one)
	}
	for _, child := range m.ChildModules {
		t.collect(child, child.Address)
	}
}

// collectData takes the data sources of the prior state, which were read while planning.
func (t *terraform) collectData(m stateModule) {
	for _, r := range m.Resources {
		if r.Mode == "data" {
			one := &resource{address: r.Address, module: m.Address, kind: r.Type, name: r.Name, index: r.Index, data: true}
			one.node = node{of: one, values: r.Values}
			t.add(one)
		}
	}
	for _, child := range m.ChildModules {
		t.collectData(child)
	}
}

func (t *terraform) add(r *resource) {
	key := r.module + "|" + r.kind + "." + r.name
	if r.data {
		key = r.module + "|data." + r.kind + "." + r.name
	}
	if !r.data || (r.kind == "aws_vpc" || r.kind == "aws_subnet") && r.text("id") != "" {
		t.resources = append(t.resources, r)
	}
	t.instances[key] = append(t.instances[key], r)
}

// configOf is the configuration of a module, whose address may have indices; nil if there is none.
func (t *terraform) configOf(module string) *configModule {
	m := &t.plan.Configuration.RootModule
	for _, name := range callsOf(module) {
		call, ok := m.ModuleCalls[name]
		if !ok {
			return nil
		}
		m = &call.Module
	}
	return m
}

// callsOf are the names of the calls that lead to a module: a and b for module.a["x"].module.b.
func callsOf(module string) (names []string) {
	parts := words(module)
	for i := 0; i+1 < len(parts); i++ {
		if parts[i] == "module" && !strings.HasPrefix(parts[i+1], "[") {
			names = append(names, parts[i+1])
			i++
		}
	}
	return names
}

// place is where a resource stands, for messages.
func (r *resource) place(t *terraform) Place {
	return Place{File: t.file, Path: r.address, Region: t.region}
}

// id is what the dump knows the resource by: its id, or, before it has one, its address.
func (r *resource) id() string {
	if id, _ := r.values["id"].(string); id != "" {
		return id
	}
	return r.address
}
