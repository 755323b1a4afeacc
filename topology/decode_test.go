package topology_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/topology"
)

// everything has a field of each kind that Decode reads.
type everything struct {
	Text   string            `yaml:"text,omitempty"`
	Yes    bool              `yaml:"yes"`
	Maybe  *bool             `yaml:"maybe"`
	Int    int               `yaml:"int"`
	Small  int8              `yaml:"small"`
	Float  float64           `yaml:"float"`
	Wait   time.Duration     `yaml:"wait"`
	List   []string          `yaml:"list"`
	Map    map[string]int    `yaml:"map"`
	Nested map[string]*inner `yaml:"nested"`
	Any    any               `yaml:"any"`
	inlined
	Inline inner `yaml:",inline"`
	Skip   int   `yaml:"-"`
	Topo   topology.Spec
}

type inlined struct{ Hidden int }

type inner struct {
	Deep []inner `yaml:"deep"`
	Name string  `yaml:"name"`
}

func TestDecodeReadsEveryKindOfField(t *testing.T) {
	yes := true
	for _, row := range []struct {
		name, text string
		want       everything
	}{
		{"text", "text: hello", everything{Text: "hello"}},
		{"a bare number as text, exactly as written", "text: 0x1F", everything{Text: "0x1F"}},
		{"a bare date as text", "text: 2012-10-17", everything{Text: "2012-10-17"}},
		{"a key without a value is left out", "text:\nmap: ~\nnested:\nlist: null", everything{}},
		{"booleans", "yes: true\nmaybe: True", everything{Yes: true, Maybe: &yes}},
		{"integers in every base", "int: 0x10\nsmall: -128", everything{Int: 16, Small: -128}},
		{"floating-point numbers, whole ones too", "float: 3", everything{Float: 3}},
		{"durations", "wait: 1.5s", everything{Wait: 1500 * time.Millisecond}},
		{"lists and maps", "list: [a, 1]\nmap: {a: 1, 2: 3}", everything{List: []string{"a", "1"}, Map: map[string]int{"a": 1, "2": 3}}},
		{"empty lists and maps are not left out", "list: []\nmap: {}", everything{List: []string{}, Map: map[string]int{}}},
		{"pointers to structs in maps", "nested: {a: {name: x}, b: ~}", everything{Nested: map[string]*inner{"a": {Name: "x"}, "b": nil}}},
		{"inline structs", "name: x\ndeep: [{name: y}]", everything{Inline: inner{Name: "x", Deep: []inner{{Name: "y"}}}}},
		{"anything at all", "any: {a: [1, 1.5, true, ~, 2012-10-17, x], b: {}}",
			everything{Any: map[string]any{"a": []any{1, 1.5, true, nil, "2012-10-17", "x"}, "b": map[string]any{}}}},
		{"a quoted << is a key like any other", `map: {"<<": 1}`, everything{Map: map[string]int{"<<": 1}}},
		{"a byte order mark", "\ufefftext: x", everything{Text: "x"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var got everything
			_, err := topology.Decode("f", []byte(row.text), &got)
			require.NoError(t, err)
			if !reflect.DeepEqual(got, row.want) {
				t.Errorf("got %+v, want %+v", got, row.want)
			}
		})
	}
}

func TestDecodeSaysWhatIsWrong(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"empty", "", "f: empty"},
		{"only comments", "# nothing\n---\n", "f: empty"},
		{"only null", "~", "f: empty"},
		{"not a mapping", "[1]", "expected a mapping, found a list (f:1)"},
		{"text for an integer", "int: many", "int: expected a whole number, found many (f:1)"},
		{"a fraction for an integer", "int: 1.5", "int: expected a whole number, found 1.5 (f:1)"},
		{"an integer that does not fit", "small: 128", "small: expected a whole number, found 128 (f:1)"},
		{"a list for a boolean", "\nyes: [true]", "yes: expected true or false, found a list (f:2)"},
		{"YAML 1.1's booleans", "yes: on", "yes: expected true or false, found on (f:1)"},
		{"infinity", "float: .inf", "float: expected a number, found .inf (f:1)"},
		{"a duration without a unit", "wait: 5", "wait: expected a duration such as 1.5s, found 5 (f:1)"},
		{"a duration of the wrong kind", "wait: {s: 5}", "wait: expected a duration such as 1.5s, found a mapping (f:1)"},
		{"binary data", "text: !!binary aGVsbG8=", "text: expected text, found aGVsbG8= (f:1)"},
		{"a misspelt key of an inline struct", "nam: x", "unknown key nam; did you mean name? (f:1)"},
		{"a key nothing resembles", "whatever: x", "unknown key whatever (f:1)"},
		{"a key with a tag yaml:\"-\"", "skip: 1", "unknown key skip (f:1)"},
		{"a list as a key", "? [a]\n: b", "a key must be text, found a list (f:1)"},
		{"a key given twice", "int: 1\nint: 2", "duplicate key int; it is already at line 1 (f:2)"},
		{"a list item of the wrong kind", "list:\n- a\n- {b: c}", "list[1]: expected text, found a mapping (f:3)"},
		{"a merge of text", "<<: x", "<< merges a mapping or a list of mappings, found x (f:1)"},
		{"a wrong value behind an alias", "any: &a [1]\ntext: *a", "text: expected text, found a list (f:1)"},
		{"an alias nobody defined", "text: *a", "f: not valid YAML: unknown anchor 'a' referenced"},
		{"a tab", "map:\n\ta: 1", "not valid YAML: found character that cannot start any token (f:2)"},
		{"two documents", "int: 1\n---\nint: 2", "a second YAML document starts here; a file holds one (f:2)"},
		{"an empty second document", "int: 1\n---\n", "a second YAML document starts here; a file holds one (f:2)"},
		{"a NUL byte", "int: 1\n\x00", "a NUL byte; this is not a text file (f:2)"},
		{"Latin-1", "int: 1\ntext: \xe9", "not UTF-8 text (f:2)"},
		{"UTF-16", "\xff\xfei", "not UTF-8 text (f:1)"},
		{"all at once, by line", "wait: 5\nlist: x\nint: y", "wait: expected a duration such as 1.5s, found 5 (f:1)\n" +
			"list: expected a list, found x (f:2)\nint: expected a whole number, found y (f:3)"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := topology.Decode("f", []byte(row.text), new(everything))
			if got := fmt.Sprint(err); got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
			var all topology.Errors
			if !errors.As(err, &all) || len(all) == 0 {
				t.Errorf("%T is no Errors", err)
			}
			var one *topology.Error
			if !errors.As(err, &one) {
				t.Errorf("%T holds no *Error", err)
			}
		})
	}
}

func TestParseOfAnEmptyFileSaysWhatATopologyNeeds(t *testing.T) {
	_, _, err := topology.Parse("lab.vpc.yml", nil)
	want := "lab.vpc.yml: empty; a topology needs at least region and vpcs; see `vpcsim schema`"
	if got := fmt.Sprint(err); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestHostileTextIsRefusedQuickly bounds what a hostile file can cost. The bound on time is generous: the
// point is that it is not minutes.
func TestHostileTextIsRefusedQuickly(t *testing.T) {
	laughs := "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
	for i := 1; i < 10; i++ {
		laughs += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 10), ","))
	}
	const most = topology.MaxFileBytes
	for _, row := range []struct{ name, text, want string }{
		{"a billion laughs", "any: {" + strings.ReplaceAll(laughs, "\n", ",") + "}", "more than 500000 values once its aliases are expanded"},
		{"a billion laughs by merge keys", "a: &a {b: 1}\nany: " + mergeBomb(20), "more than 500000 values"},
		{"a mapping inside itself", "any: &a {b: *a}", "nested more than 64 deep"},
		{"a list inside itself, twice", "any: &a [*a, *a]", "nested more than 64 deep"},
		{"a mapping merged into itself", "any: &a {<<: *a}", "nested more than 64 deep"},
		{"deep nesting", "any: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "nested more than 64 deep"},
		{"very deep nesting", strings.Repeat("[", 1<<20), "not valid YAML"},
		{"more than 16 MiB", strings.Repeat("a", most+1), "too large (over 16 MiB); the limit is 16 MiB"},
		{"16 MiB of structure", "any: [" + strings.Repeat("a,", most/2-8) + "]", "that is no topology"},
		{"all the structure there may be", "any: [" + strings.Repeat("a,", 1<<20-8) + "]", "more than 500000 values"},
		{"a great many unknown keys", manyKeys(10_000), "more than 500 problems; the others are not shown"},
		{"a very long key", "? " + strings.Repeat("k", most/8) + "\n: 1", "unknown key kkk"},
		{"a very long text", "int: " + strings.Repeat("k", most/8), "int: expected a whole number, found kkk"},
		{"16 MiB of spaces", strings.Repeat(" ", most), "f: empty"},
	} {
		t.Run(row.name, func(t *testing.T) {
			start := time.Now()
			_, err := topology.Decode("f", []byte(row.text), new(everything))
			took := time.Since(start)
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %.300v, want %s", err, row.want)
			}
			if err != nil && len(err.Error()) > 200_000 {
				t.Errorf("the message has %d bytes", len(err.Error()))
			}
			if took > 30*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// mergeBomb nests anchored mappings, each merging the one before ten times over.
func mergeBomb(depth int) string {
	text := "&m0 {x: 1}"
	for i := 1; i < depth; i++ {
		merges := strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*m%d, ", i-1), 10), ", ")
		text = fmt.Sprintf("&m%d {y: %s, <<: [%s]}", i, text, merges)
	}
	return text
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "key%d: 1\n", i)
	}
	return b.String()
}

func TestLoadRefusesAHugeFileWithoutReadingIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "huge.yml")
	f, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, f.Truncate(100<<20))
	require.NoError(t, f.Close())
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _, err = topology.Load(path)
	runtime.ReadMemStats(&after)
	if want := path + ": too large (104857600 bytes); the limit is 16 MiB"; fmt.Sprint(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
		t.Errorf("allocated %d bytes", used)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "lab.vpc.yml")
	require.NoError(t, os.WriteFile(good, []byte("name: lab"), 0o644))
	spec, src, err := topology.Load(good)
	require.NoError(t, err)
	if spec.Name != "lab" || src.File != good || src.Line("name") != 1 {
		t.Errorf("got %+v, %+v", spec, src)
	}
	missing := filepath.Join(dir, "missing.yml")
	for path, want := range map[string]string{
		missing: missing + ": can't be read: no such file or directory",
		dir:     dir + ": can't be read: is a directory",
	} {
		_, _, err := topology.Load(path)
		if fmt.Sprint(err) != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestLoadReadsStandardInput(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	stdin := os.Stdin
	os.Stdin = r
	defer func() { os.Stdin = stdin }()
	_, err = w.WriteString("int: 1\nnope: 2\n")
	require.NoError(t, err)
	require.NoError(t, w.Close())
	var got everything
	_, err = topology.LoadInto("-", &got)
	if want := "unknown key nope (stdin:2)"; fmt.Sprint(err) != want || got.Int != 1 {
		t.Errorf("got %v and %d, want %s", err, got.Int, want)
	}
}

func TestSourceKnowsTheLineOfEveryPathAndOfWhatIsAroundIt(t *testing.T) {
	var scenario struct {
		Title    string        `yaml:"title"`
		Topology topology.Spec `yaml:"topology"`
	}
	src, err := topology.Decode("s.yml", []byte("title: x\ntopology:\n  region: us-east-1\n  vpcs:\n    a.b:\n"+
		"      secondary_cidrs:\n      - 10.1.0.0/16\n      subnets: {s: {cidr: 10.0.0.0/24}}\n"), &scenario)
	require.NoError(t, err)
	for path, want := range map[string]int{
		"title": 1, "topology": 2, "topology.vpcs.a.b": 5, "topology.vpcs.a.b.secondary_cidrs[0]": 7,
		"topology.vpcs.a.b.secondary_cidrs[1]": 6, "topology.vpcs.a.b.subnets.s.cidr": 8, "topology.vpcs.a.b.cidr": 5, "nowhere": 0,
	} {
		if got := src.Line(path); got != want {
			t.Errorf("%s: got line %d, want %d", path, got, want)
		}
	}
	_, err = topology.Resolve(&scenario.Topology, src.Under("topology"))
	want := "topology.vpcs.a.b.cidr: missing (s.yml:5)"
	if got, _, _ := strings.Cut(fmt.Sprint(err), "\n"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	_, err = topology.Resolve(&scenario.Topology, nil)
	if want := "vpcs.a.b.cidr: missing\n"; !strings.HasPrefix(fmt.Sprint(err), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}
