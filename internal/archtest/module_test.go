// Package archtest keeps the module in the shape that docs/architecture.md describes: who may import whom, how files and
// functions are cut, and that what the documents name is there. It has tests only. The rules are tables; a rule that must
// give way is changed there, with its reason, and not around it.
package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// root is the module's directory as seen from this package's.
const root = "../.."

// module is the module's path, which our own imports begin with.
const module = "vpcsim"

// file is one Go file of the module, parsed.
type file struct {
	path  string // from the module's root: dataplane/forward.go
	test  bool
	lines int
	ast   *ast.File
	fset  *token.FileSet
}

// dir is the file's package as the tables write it: dataplane/packet.
func (f file) dir() string { return path.Dir(f.path) }

// imports returns the paths that the file imports.
func (f file) imports() (all []string) {
	for _, s := range f.ast.Imports {
		all = append(all, strings.Trim(s.Path.Value, `"`))
	}
	return all
}

// line is where a node of the file begins.
func (f file) line(n ast.Node) int { return f.fset.Position(n.Pos()).Line }

// generated says whether the file begins with the standard comment of generated code.
func (f file) generated() bool { return ast.IsGenerated(f.ast) }

// entries returns the paths of the module's folders or files, from its root, without those the go command ignores.
func entries(t *testing.T, folders bool) (all []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == root {
			return err
		}
		if strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() == folders {
			rel, err := filepath.Rel(root, p)
			all = append(all, filepath.ToSlash(rel))
			return err
		}
		return nil
	}))
	require.NotEmpty(t, all)
	return all
}

// source parses every Go file of the module, whatever its build constraints.
func source(t *testing.T) (files []file) {
	t.Helper()
	for _, p := range entries(t, false) {
		if path.Ext(p) != ".go" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, p))
		require.NoError(t, err)
		fset := token.NewFileSet()
		parsed, err := parser.ParseFile(fset, p, text, parser.ParseComments)
		require.NoError(t, err)
		files = append(files, file{
			path: p, test: strings.HasSuffix(p, "_test.go"), lines: strings.Count(string(text), "\n"), ast: parsed, fset: fset,
		})
	}
	return files
}

// packages returns the folders with Go files that are not tests, in order.
func packages(files []file) (dirs []string) {
	for _, f := range files {
		if !f.test {
			dirs = append(dirs, f.dir())
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}
