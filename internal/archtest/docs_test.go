package archtest

import (
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/internal/scenario"
)

// documents returns the texts of README.md and docs/*.md by their paths from the module's root.
func documents(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, p := range entries(t, false) {
		if filepath.Ext(p) != ".md" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, p))
		require.NoError(t, err)
		texts[p] = string(text)
	}
	require.Contains(t, texts, "README.md")
	return texts
}

// quoted matches a word of code in a text.
var quoted = regexp.MustCompile("`([^`\n]+)`")

// TestDocumentsNameRealCode: what a document names as `package.Name` is declared there: `dataplane.Worker.Forward`,
// `dataplane/port/tap.Open`, `routing.FuzzLookup`.
func TestDocumentsNameRealCode(t *testing.T) {
	files := source(t)
	known := map[string]bool{}
	for _, f := range files {
		for _, name := range declared(f) {
			known[name] = true
		}
	}
	for p, text := range documents(t) {
		for _, m := range quoted.FindAllStringSubmatch(text, -1) {
			dir, name, ok := cutPackage(m[1])
			name, scenario, _ := strings.Cut(name, "/")
			if !ok || !slices.ContainsFunc(files, func(f file) bool { return f.dir() == dir }) {
				continue
			}
			if !known[dir+"."+name] {
				t.Errorf("%s names %s, which is not there", p, m[1])
			}
			if scenario != "" {
				require.FileExists(t, filepath.Join(root, "internal/scenario/library", scenario+".yml"), "%s names %s", p, m[1])
			}
		}
	}
}

// cutPackage splits dataplane/port/tap.Port.Read before Port.
func cutPackage(s string) (dir, name string, ok bool) {
	slash := max(strings.LastIndex(s[:max(strings.Index(s, "."), 0)], "/"), 0)
	dir, name, ok = strings.Cut(s[slash:], ".")
	return s[:slash] + dir, name, ok && name != "" && !strings.ContainsAny(s, " (){}*-")
}

// declared returns what the file declares at package level, methods, fields and methods of interfaces included.
func declared(f file) (names []string) {
	at := f.dir() + "."
	for _, d := range f.ast.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok {
			names = append(names, functionName(f, fn))
			continue
		}
		for _, s := range d.(*ast.GenDecl).Specs {
			switch s := s.(type) {
			case *ast.ValueSpec:
				for _, n := range s.Names {
					names = append(names, at+n.Name)
				}
			case *ast.TypeSpec:
				names = append(names, at+s.Name.Name)
				for _, member := range members(s.Type) {
					names = append(names, at+s.Name.Name+"."+member)
				}
			}
		}
	}
	return names
}

func members(typ ast.Expr) (names []string) {
	var fields []*ast.Field
	switch typ := typ.(type) {
	case *ast.StructType:
		fields = typ.Fields.List
	case *ast.InterfaceType:
		fields = typ.Methods.List
	}
	for _, f := range fields {
		for _, n := range f.Names {
			names = append(names, n.Name)
		}
	}
	return names
}

// link matches the target of a link to a file of the module.
var link = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)

func TestLinksLead(t *testing.T) {
	for p, text := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(p), m[1])); err != nil {
				t.Errorf("%s: broken link: %s", p, m[1])
			}
		}
	}
}

// TestEveryBehaviourHasATest: each row of the tables in docs/fidelity.md that have a column "test" names one.
func TestEveryBehaviourHasATest(t *testing.T) {
	text := documents(t)["docs/fidelity.md"]
	rows, proven := 0, false
	for n, line := range strings.Split(text, "\n") {
		cells := strings.Split(strings.Trim(line, "| "), "|")
		switch {
		case !strings.HasPrefix(line, "|"):
			proven = false
			continue
		case strings.TrimSpace(cells[len(cells)-1]) == "test":
			proven = true
			continue
		case !proven || strings.HasPrefix(line, "|-") || strings.HasPrefix(line, "| -"):
			continue
		}
		rows++
		if !regexp.MustCompile("`[a-z0-9/]+\\.(Test|Fuzz)[A-Za-z0-9_]+").MatchString(cells[len(cells)-1]) {
			t.Errorf("docs/fidelity.md:%d: no test proves this", n+1)
		}
	}
	require.NotZero(t, rows)
}

// TestCitedFactsAreListed: a comment that says "aws-semantics 3.5, 13.1" means entries of docs/fidelity.md, which are there.
func TestCitedFactsAreListed(t *testing.T) {
	listed := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\| ([0-9., ]+) \|`).FindAllStringSubmatch(documents(t)["docs/fidelity.md"], -1) {
		for _, n := range strings.Split(m[1], ", ") {
			listed[n] = true
		}
	}
	cited := regexp.MustCompile(`aws-semantics ([0-9.]*[0-9](?:, [0-9.]*[0-9])*)`)
	for _, f := range source(t) {
		for _, c := range f.ast.Comments {
			for _, m := range cited.FindAllStringSubmatch(c.Text(), -1) {
				for _, n := range strings.Split(m[1], ", ") {
					if !listed[n] {
						t.Errorf("%s cites aws-semantics %s, which docs/fidelity.md does not list", f.path, n)
					}
				}
			}
		}
	}
}

// TestScenariosInDocumentsAreRight: a yaml block that is a scenario could be played.
func TestScenariosInDocumentsAreRight(t *testing.T) {
	found := 0
	for p, text := range documents(t) {
		for _, b := range blocks(text) {
			if b.kind != "yaml" || !strings.HasPrefix(b.text, "scenario:") {
				continue
			}
			found++
			f, src, err := scenario.Parse(p, []byte(b.text))
			require.NoError(t, err)
			require.NoError(t, f.Check(src))
		}
	}
	require.NotZero(t, found)
}

// TestDependenciesAreExplained: docs/dependencies.md has a row for every module that our own code imports, and for no other.
func TestDependenciesAreExplained(t *testing.T) {
	direct := map[string]bool{}
	required := requirements(t)
	for _, f := range source(t) {
		for _, i := range f.imports() {
			for _, m := range required {
				if i == m || strings.HasPrefix(i, m+"/") {
					direct[m] = true
				}
			}
		}
	}
	explained := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` ").FindAllStringSubmatch(documents(t)["docs/dependencies.md"], -1) {
		explained[m[1]] = true
		if !direct[m[1]] {
			t.Errorf("docs/dependencies.md explains %s, which nothing imports", m[1])
		}
	}
	for m := range direct {
		if !explained[m] {
			t.Errorf("docs/dependencies.md does not explain %s", m)
		}
	}
}

// requirements returns the modules that go.mod requires, and those that the peers' does.
func requirements(t *testing.T) (modules []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	peers, err := os.ReadFile(filepath.Join(root, "bench/compare/go.mod"))
	require.NoError(t, err)
	for _, m := range regexp.MustCompile(`(?m)^(?:require )?\s*([a-z0-9.-]+\.[a-z]+/\S+|[a-z0-9.-]+/\S+) v`).FindAllStringSubmatch(string(text)+string(peers), -1) {
		modules = append(modules, m[1])
	}
	require.NotEmpty(t, modules)
	return modules
}

// TestDropReasonsAreSpelledOnce: the table of reasons is the only place that spells a code, so that adding a reason is adding a row.
func TestDropReasonsAreSpelledOnce(t *testing.T) {
	codes := map[string]bool{}
	files := source(t)
	for _, f := range files {
		if f.path == "dataplane/drop/drop.go" {
			for _, s := range literals(f) {
				if regexp.MustCompile(`^[A-Z0-9]+(_[A-Z0-9]+)+$`).MatchString(s) {
					codes[s] = true
				}
			}
		}
	}
	require.NotEmpty(t, codes)
	for _, f := range files {
		if f.test || f.dir() == "dataplane/drop" {
			continue
		}
		for _, s := range literals(f) {
			if codes[s] {
				t.Errorf("%s spells %s; use drop's constant", f.path, s)
			}
		}
	}
}

// literals returns the file's string literals.
func literals(f file) (all []string) {
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
			all = append(all, strings.Trim(l.Value, "`\""))
		}
		return true
	})
	return all
}
