package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
	"testing"
)

// The measure of files and functions, in lines, tests and generated code aside.
const (
	maxFile     = 400
	maxFunction = 40
)

// long are the functions that may be longer, each for its own reason.
var long = map[string]string{
	"routing/internal/asm.searchTree6": "one routine of assembly, whose stages share registers",
}

// changeable are the package variables that are neither a table nor an error, each for its own reason.
var changeable = map[string]string{
	"cmd/vpcsim.progressMu": "keeps lines of standard error whole, which is the process's and not a command's",
}

// topLevel are the folders that may be at the top.
var topLevel = []string{"api", "bench", "cmd", "dataplane", "docs", "endpoint", "internal", "labs", "nat", "routing", "topology"}

// nameless are names of folders that say nothing of what is in them.
var nameless = []string{"base", "common", "config", "core", "helper", "helpers", "lib", "misc", "model", "models", "pkg", "shared", "src", "types", "util", "utils"}

func TestFolders(t *testing.T) {
	for _, dir := range entries(t, true) {
		if top, _, _ := strings.Cut(dir, "/"); !slices.Contains(topLevel, top) {
			t.Errorf("folder %s: the top has only %v", dir, topLevel)
		}
		if slices.Contains(nameless, path.Base(dir)) {
			t.Errorf("folder %s: name it for what it holds", dir)
		}
	}
}

func TestFilesAndFunctionsAreShort(t *testing.T) {
	unused := map[string]bool{}
	for name := range long {
		unused[name] = true
	}
	for _, f := range source(t) {
		if f.test || f.generated() {
			continue
		}
		if f.lines > maxFile {
			t.Errorf("%s has %d lines, more than %d", f.path, f.lines, maxFile)
		}
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			name, lines := functionName(f, fn), f.fset.Position(fn.End()).Line-f.line(fn)+1
			if lines > maxFunction && long[name] == "" {
				t.Errorf("%s: %s has %d lines, more than %d; cut it, or say in the table why it must be so long", f.path, name, lines, maxFunction)
			}
			if lines > maxFunction {
				delete(unused, name)
			}
		}
	}
	for name := range unused {
		t.Errorf("%s need not be in the table any more", name)
	}
}

// functionName is how the tables name a function: dataplane.NewRouter, dataplane.Router.Commit.
func functionName(f file, fn *ast.FuncDecl) string {
	name := f.dir() + "."
	if fn.Recv != nil {
		receiver := fn.Recv.List[0].Type
		if star, ok := receiver.(*ast.StarExpr); ok {
			receiver = star.X
		}
		if index, ok := receiver.(*ast.IndexExpr); ok {
			receiver = index.X
		}
		name += fmt.Sprint(receiver) + "."
	}
	return name + fn.Name.Name
}

func TestNothingHappensAtInit(t *testing.T) {
	for _, f := range source(t) {
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s:%d: func init: what must happen is called by main, in sight", f.path, f.line(fn))
			}
		}
	}
}

// TestPackageVariablesDoNotChange: a package variable is a table or an error. So nothing assigns to one, takes its address or
// locks it. What is done through a pointer to a row is not seen.
func TestPackageVariablesDoNotChange(t *testing.T) {
	files := source(t)
	declared := map[string]map[string]bool{} // package -> its variables
	for _, f := range files {
		if f.test {
			continue
		}
		if declared[f.dir()] == nil {
			declared[f.dir()] = map[string]bool{}
		}
		for _, name := range variables(f) {
			declared[f.dir()][name] = true
		}
	}
	for _, f := range files {
		if f.test {
			continue
		}
		for _, use := range changes(f) {
			name := f.dir() + "." + use.Name
			if declared[f.dir()][use.Name] && changeable[name] == "" {
				t.Errorf("%s:%d: package variable %s changes; make it a field of what owns it", f.path, f.line(use), use.Name)
			}
		}
	}
}

// variables returns the names of the file's package variables.
func variables(f file) (names []string) {
	for _, d := range f.ast.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		for _, s := range g.Specs {
			for _, n := range s.(*ast.ValueSpec).Names {
				names = append(names, n.Name)
			}
		}
	}
	return names
}

// changes returns the identifiers that the file may refer to package variables by, where it assigns to them or to a part of them,
// takes their address, or locks them. The parser resolves what is declared inside functions; that is left out.
func changes(f file) (uses []*ast.Ident) {
	add := func(e ast.Expr) {
		if id := rootOf(e); id != nil && !local(f, id) {
			uses = append(uses, id)
		}
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, e := range n.Lhs {
				if n.Tok != token.DEFINE {
					add(e)
				}
			}
		case *ast.IncDecStmt:
			add(n.X)
		case *ast.UnaryExpr:
			if _, element := n.X.(*ast.IndexExpr); n.Op == token.AND && !element { // a pointer to a row of a table saves copying it
				add(n.X)
			}
		case *ast.CallExpr:
			if s, ok := n.Fun.(*ast.SelectorExpr); ok && (s.Sel.Name == "Lock" || s.Sel.Name == "Store") {
				add(s.X)
			}
			if fn, ok := n.Fun.(*ast.Ident); ok && (fn.Name == "delete" || fn.Name == "clear") {
				add(n.Args[0])
			}
		}
		return true
	})
	return uses
}

// rootOf returns the x of x.a[b].c, or nil.
func rootOf(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}

// local says whether an identifier is declared inside a function.
func local(f file, id *ast.Ident) bool {
	return id.Obj != nil && f.ast.Scope.Lookup(id.Name) != id.Obj
}

// timeless are the packages that get the time from outside, so that tests can be its master.
var timeless = []string{
	"dataplane", "dataplane/conntrack", "dataplane/drop", "dataplane/packet", "endpoint", "endpoint/policy", "nat", "routing", "topology", "topology/compile",
}

func TestTimeComesFromOutside(t *testing.T) {
	for _, f := range source(t) {
		if f.test || !slices.Contains(timeless, f.dir()) {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok || fmt.Sprint(s.X) != "time" {
				return true
			}
			switch s.Sel.Name {
			case "Now", "Since", "Until", "Sleep", "After", "AfterFunc":
				t.Errorf("%s:%d: time.%s: the time comes from outside", f.path, f.line(s), s.Sel.Name)
			}
			return true
		})
	}
}
