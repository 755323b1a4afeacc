package awsimport

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// word matches the parts of a reference: names and indices.
var word = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_-]*|\[[0-9]+\]|\["[^"]*"\]`)

func words(ref string) []string { return word.FindAllString(ref, -1) }

// text is a value that is known; empty if it is not, or is no text.
func (n node) text(key string) string {
	switch v := n.values[key].(type) {
	case string:
		return v
	case float64:
		return fmt.Sprintf("%v", v)
	}
	return ""
}

// number is a number that is known.
func (n node) number(key string) int {
	v, _ := n.values[key].(float64)
	return int(v)
}

// is reports whether a value is known to be true.
func (n node) is(key string) bool {
	v, _ := n.values[key].(bool)
	return v
}

// isNot reports whether a value is known to be false.
func (n node) isNot(key string) bool {
	v, known := n.values[key].(bool)
	return known && !v
}

// texts is a list of texts, as far as it is known.
func (n node) texts(key string) (all []string) {
	list, _ := n.values[key].([]any)
	for _, v := range list {
		if text, ok := v.(string); ok && text != "" {
			all = append(all, text)
		}
	}
	return all
}

// blocks are the blocks of a kind, each with its own expressions: those of the same constants, or the ones in its place.
func (n node) blocks(key string) (all []node) {
	values, _ := n.values[key].([]any)
	var exprs []any
	switch e := n.exprs[key].(type) {
	case []any:
		exprs = e
	case map[string]any:
		if e["references"] == nil && e["constant_value"] == nil {
			exprs = []any{e}
		}
	}
	for i, v := range values {
		block, _ := v.(map[string]any)
		b := node{of: n.of, values: block}
		fits := slices.IndexFunc(exprs, func(e any) bool { expr, _ := e.(map[string]any); return constantsFit(block, expr) })
		switch {
		case fits >= 0:
			b.exprs, _ = exprs[fits].(map[string]any)
		case len(exprs) == 1:
			b.exprs, _ = exprs[0].(map[string]any)
		case len(exprs) == len(values):
			b.exprs, _ = exprs[i].(map[string]any)
		}
		all = append(all, b)
	}
	return all
}

// constantsFit reports whether the constants in the expressions of a block are its values, at least one of them.
func constantsFit(values, exprs map[string]any) bool {
	fits := 0
	for key, e := range exprs {
		expr, _ := e.(map[string]any)
		constant, is := expr["constant_value"]
		if !is {
			continue
		}
		if fmt.Sprint(constant) != fmt.Sprint(values[key]) {
			return false
		}
		fits++
	}
	return fits > 0
}

// id is the id that a value is, or that it will be; empty if it is none, or nobody can say. kinds are the types of resources that
// it can be of. A plan leaves out what will be known only after apply.
func (t *terraform) id(n node, key string, kinds ...string) string {
	if _, known := n.values[key]; known {
		return n.text(key)
	}
	if ids := t.follow(n, key, kinds); len(ids) > 0 {
		return ids[0]
	}
	return ""
}

// ids are the ids that a list of values are or will be.
func (t *terraform) ids(n node, key string, kinds ...string) []string {
	all := n.texts(key)
	if list, known := n.values[key].([]any); known && len(all) == len(list) {
		return all
	}
	for _, id := range t.follow(n, key, kinds) {
		if !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	return all
}

// maxSteps is how many resources the references of one argument may lead through, all ways counted.
const maxSteps = 1000

// follow finds the ids that an expression refers to. Where it leads through a local value or a dynamic block, which a plan does not
// show, the only resource of the right type will do.
func (t *terraform) follow(n node, key string, kinds []string) []string {
	at := n.of.address + " " + key
	if t.plan.PlannedValues == nil || t.following[at] || len(t.following) > 0 && t.steps > maxSteps {
		return nil // a plan's references have no circles; what is no plan may have
	}
	if len(t.following) == 0 {
		t.steps = 0
	}
	t.following[at] = true
	defer delete(t.following, at)
	expr, there := n.exprs[key].(map[string]any)
	if n.exprs != nil && !there {
		return nil // not written
	}
	ids, lost := t.targets(scope{module: n.of.module, of: n.of}, references(expr), kinds, 0)
	if len(ids) == 0 && (lost || n.exprs == nil) {
		if only := t.only(n.of.module, kinds); only != nil {
			return []string{t.recordID(only)}
		}
	}
	return ids
}

// references are those of an expression, without those that are only the beginning of another.
func references(expr map[string]any) (refs []string) {
	list, _ := expr["references"].([]any)
	for _, v := range list {
		ref, _ := v.(string)
		if !slices.ContainsFunc(refs, func(longer string) bool { return strings.HasPrefix(longer, ref) }) {
			refs = append(refs, ref)
		}
	}
	return refs
}

// scope is where a reference stands.
type scope struct {
	module string
	of     *resource // whose index count.index and each.key are; nil outside of resources
}

// maxHops is how many modules and variables a reference may lead through.
const maxHops = 16

// targets finds the ids that references lead to, and reports whether one led nowhere.
func (t *terraform) targets(s scope, refs, kinds []string, hops int) (ids []string, lost bool) {
	same := slices.ContainsFunc(refs, func(r string) bool { return r == "count.index" || strings.HasPrefix(r, "each.") })
	for _, ref := range refs {
		w := words(ref)
		if t.steps++; len(w) < 2 || hops > maxHops || t.steps > maxSteps {
			continue
		}
		switch w[0] {
		case "count", "path", "self", "terraform":
		case "local":
			lost = true
		case "each":
			if s.of != nil && s.of.config != nil && w[1] == "value" {
				more, l := t.targets(s, append(references(s.of.config.ForEach), "count.index"), kinds, hops+1)
				ids, lost = append(ids, more...), lost || l
			}
		case "var":
			more, l := t.variable(s.module, w[1], kinds, hops)
			ids, lost = append(ids, more...), lost || l
		case "module":
			more, l := t.output(s, w, kinds, same, hops)
			ids, lost = append(ids, more...), lost || l
		default:
			ids = append(ids, t.attribute(s, w, kinds, same)...)
		}
	}
	return ids, lost
}

// variable follows what a module's caller gave for a variable.
func (t *terraform) variable(module, name string, kinds []string, hops int) ([]string, bool) {
	calls := callsOf(module)
	if len(calls) == 0 {
		return nil, true
	}
	parent := module[:max(strings.LastIndex(module, "module.")-1, 0)]
	config := t.configOf(parent)
	if config == nil {
		return nil, true
	}
	expr, _ := config.ModuleCalls[calls[len(calls)-1]].Expressions[name].(map[string]any)
	return t.targets(scope{module: parent}, references(expr), kinds, hops+1)
}

// output follows an output of a module.
func (t *terraform) output(s scope, w []string, kinds []string, same bool, hops int) (ids []string, lost bool) {
	call, rest := "module."+w[1], w[2:]
	index := ""
	if len(rest) > 0 && strings.HasPrefix(rest[0], "[") {
		index, rest = rest[0], rest[1:]
	}
	if len(rest) == 0 {
		return nil, true
	}
	prefix := strings.TrimPrefix(s.module+"."+call, ".")
	for _, module := range t.modules() {
		own := strings.TrimPrefix(module, prefix)
		if own == module && module != prefix || own != "" && (!strings.HasPrefix(own, "[") || strings.Contains(own, "].")) {
			continue
		}
		if index != "" && own != index || index == "" && same && s.of != nil && own != "" && own != indexText(s.of.index) {
			continue
		}
		config := t.configOf(module)
		if config == nil {
			continue
		}
		more, l := t.targets(scope{module: module}, references(config.Outputs[rest[0]].Expression), kinds, hops+1)
		ids, lost = append(ids, more...), lost || l
	}
	return ids, lost || len(ids) == 0
}

// modules are the addresses of the modules that have resources.
func (t *terraform) modules() (all []string) {
	for _, r := range t.resources {
		if !slices.Contains(all, r.module) {
			all = append(all, r.module)
		}
	}
	return all
}

// attribute finds the resources that a reference names, and the ids that the attribute is of them.
func (t *terraform) attribute(s scope, w []string, kinds []string, same bool) (ids []string) {
	key := s.module + "|"
	if w[0] == "data" && len(w) > 2 {
		key, w = key+"data.", w[1:]
	}
	all, rest := t.instances[key+w[0]+"."+w[1]], w[2:]
	index := ""
	if len(rest) > 0 && strings.HasPrefix(rest[0], "[") {
		index, rest = rest[0], rest[1:]
	}
	if index == "" && same && s.of != nil && len(all) > 1 {
		index = indexText(s.of.index)
		if n, is := s.of.index.(float64); is {
			index = fmt.Sprintf("[%d]", int(n)%len(all))
		}
	}
	for _, r := range all {
		if index == "" || indexText(r.index) == index {
			ids = append(ids, t.attributeIDs(r, slices.DeleteFunc(slices.Clone(rest), func(w string) bool { return strings.HasPrefix(w, "[") }), kinds)...)
		}
	}
	return ids
}

// attributeIDs are the ids that an attribute of a resource is, or will be: its own, one that AWS makes with it, or that of another
// resource it refers to.
func (t *terraform) attributeIDs(r *resource, path, kinds []string) []string {
	attribute := "id"
	if len(path) > 0 {
		attribute = path[0]
	}
	if v := r.text(attribute); v != "" {
		return []string{v}
	}
	switch attribute {
	case "id", "arn", "allocation_id", "key", "value":
		if slices.Contains(kinds, strings.Replace(r.kind, "aws_default_", "aws_", 1)) || slices.Contains(kinds, r.kind) || r.data {
			return []string{t.recordID(r)}
		}
		return nil
	case "main_route_table_id", "default_route_table_id":
		return []string{r.made("default_route_table_id")}
	case "association_default_route_table_id", "propagation_default_route_table_id":
		return []string{r.made("association_default_route_table_id")}
	case "default_security_group_id", "default_network_acl_id", "primary_network_interface_id", "network_interface_id":
		return []string{r.made(attribute)}
	}
	return t.follow(r.node, attribute, kinds)
}

// recordID is the id of what a resource is in the dump: of one that takes over what AWS made with a VPC, that thing's.
func (t *terraform) recordID(r *resource) string {
	id := ""
	switch r.kind {
	case "aws_default_route_table":
		id = t.id(r.node, "default_route_table_id", "aws_vpc")
	case "aws_default_network_acl":
		id = t.id(r.node, "default_network_acl_id", "aws_vpc")
	case "aws_default_security_group":
		vpc := t.vpcOf(r)
		for _, key := range sortedKeys(t.parts.groups) {
			if g := t.parts.groups[key]; g.VpcId == vpc && g.GroupName == "default" {
				id = key
			}
		}
	}
	return cmp.Or(id, r.id())
}

// made is the id of something that AWS makes with a resource.
func (r *resource) made(attribute string) string {
	if id := r.text(attribute); id != "" {
		return id
	}
	return r.address + "." + attribute
}

// indexText is an index as references write it.
func indexText(index any) string {
	switch v := index.(type) {
	case float64:
		return fmt.Sprintf("[%d]", int(v))
	case string:
		return fmt.Sprintf("[%q]", v)
	}
	return ""
}

// only is the one resource of some types that a module has, or else the whole plan; nil if there is none or several.
func (t *terraform) only(module string, kinds []string) *resource {
	for _, everywhere := range []bool{false, true} {
		var found []*resource
		for _, r := range t.resources {
			if slices.Contains(kinds, r.kind) && (everywhere || r.module == module) {
				found = append(found, r)
			}
		}
		if len(found) > 0 {
			if len(found) > 1 {
				return nil
			}
			return found[0]
		}
	}
	return nil
}
