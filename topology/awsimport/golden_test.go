package awsimport

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"vpcsim/topology"
)

var update = flag.Bool("update", false, "rewrite the expectations in testdata")

// results are the files of an archive that are not the dump: what the import gives.
var results = []string{"errors", "warnings", "summary", "lab.vpc.yml"}

// TestGolden imports each testdata/*.txtar: the files of a dump must lead to the file errors, or to warnings, summary and
// lab.vpc.yml. The comment on top says what the case is about. What it leads to must be a topology that Resolve takes, and must not
// depend on how the files are called, ordered and wrapped.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			golden(t, file)
		})
	}
}

func golden(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	require.NoError(t, err)
	want := archive.Files
	archive.Files = slices.DeleteFunc(slices.Clone(archive.Files), func(f txtar.File) bool { return slices.Contains(results, f.Name) })
	want = want[len(archive.Files):]
	got := imported(t, archive.Files)
	if *update {
		archive.Files = append(archive.Files, got...)
		require.NoError(t, os.WriteFile(file, txtar.Format(archive), 0o644))
		return
	}
	require.Len(t, want, len(got), "run go test -update and read the difference")
	for i := range got {
		if want[i].Name != got[i].Name || string(want[i].Data) != string(got[i].Data) {
			t.Errorf("got %s:\n%s\nwant %s:\n%s", got[i].Name, got[i].Data, want[i].Name, want[i].Data)
		}
	}
	if got[0].Name == "errors" || archive.Files[0].Name == "plan.json" {
		return
	}
	again := imported(t, otherLayout(archive.Files))
	require.Equal(t, string(got[len(got)-1].Data), string(again[len(again)-1].Data), "the files in another order, wrapped")
}

// otherLayout wraps the files of a dump and has them read in another order. The folders stay, and so do the ids in the names.
func otherLayout(files []txtar.File) (all []txtar.File) {
	for i, f := range files {
		dir, base := path.Split(f.Name)
		data := f.Data
		if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
			data = slices.Concat([]byte(`{"time": [1], "data": {"data": `), data, []byte("}}"))
		}
		all = append(all, txtar.File{Name: path.Join(dir, fmt.Sprintf("%03d-%s", 999-i, base)), Data: data})
	}
	return all
}

// imported imports the files of a dump, from a folder of their own.
func imported(t *testing.T, files []txtar.File) []txtar.File {
	dir := t.TempDir()
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(t, os.WriteFile(name, f.Data, 0o600))
	}
	read := Read
	if files[0].Name == "plan.json" {
		read = func(dir string) (*Dump, error) { return ReadTerraform(filepath.Join(dir, "plan.json")) }
	}
	d, err := read(dir)
	if err != nil {
		return failed(t, dir, err)
	}
	r, err := Map(d, Options{})
	if err != nil {
		return failed(t, dir, err)
	}
	var warnings strings.Builder
	for _, w := range r.Warnings {
		fmt.Fprintln(&warnings, w)
	}
	text, err := r.Spec.YAML()
	require.NoError(t, err)
	spec, src, err := topology.Parse("lab.vpc.yml", text)
	require.NoError(t, err)
	_, err = topology.Resolve(spec, src)
	require.NoError(t, err)
	for _, c := range r.Summary.Objects {
		require.Equal(t, c.Read, c.Used+c.Approximated+c.Ignored, c.Kind)
	}
	return []txtar.File{
		{Name: "warnings", Data: []byte(strings.ReplaceAll(warnings.String(), dir, "DIR"))}, {Name: "summary", Data: []byte(r.Summary.String())}, {Name: "lab.vpc.yml", Data: text},
	}
}

func failed(t *testing.T, dir string, err error) []txtar.File {
	var all topology.Errors
	require.True(t, errors.As(err, &all), "%v", err)
	return []txtar.File{{Name: "errors", Data: []byte(strings.ReplaceAll(err.Error(), dir, "DIR") + "\n")}}
}
