package graph

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"vpcsim/internal/probe"
	"vpcsim/topology"
)

var update = flag.Bool("update", false, "rewrite the expectations in testdata")

// forms are all that a graph can be drawn as, by the names of the files.
var forms = []struct {
	name  string
	draw  func(*Graph) string
	check func(*testing.T, *Graph, string)
}{
	{"ascii", (*Graph).ASCII, checkASCII},
	{"mermaid", (*Graph).Mermaid, checkMermaid},
	{"dot", (*Graph).DOT, checkDOT},
	{"svg", (*Graph).SVG, checkSVG},
}

// TestGolden draws the topology of each testdata/*.txtar, with the path of the question in its comment if there is one, in all forms.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			require.NoError(t, err)
			g := graphOf(t, archive)
			want := map[string]string{}
			for _, f := range archive.Files {
				want[f.Name] = string(f.Data)
			}
			archive.Files = archive.Files[:1]
			for _, form := range forms {
				got := form.draw(g)
				form.check(t, g, got)
				archive.Files = append(archive.Files, txtar.File{Name: form.name, Data: []byte(got)})
				if !*update {
					require.Equal(t, want[form.name], got, "run go test -update and read the difference")
				}
			}
			if *update {
				require.NoError(t, os.WriteFile(file, txtar.Format(archive), 0o644))
			}
		})
	}
}

// graphOf draws up what an archive asks for.
func graphOf(t *testing.T, archive *txtar.Archive) *Graph {
	spec, src, err := topology.Parse(archive.Files[0].Name, archive.Files[0].Data)
	require.NoError(t, err)
	n, err := topology.Resolve(spec, src)
	require.NoError(t, err)
	if len(archive.Comment) == 0 {
		return New(n)
	}
	var q probe.Query
	require.NoError(t, json.Unmarshal(archive.Comment, &q))
	tracer, err := probe.New(n)
	require.NoError(t, err)
	a, err := tracer.Trace(q)
	require.NoError(t, err)
	g := WithPath(n, a)
	checkPath(t, g, a)
	return g
}

// checkPath: every stop but the first is where an edge of the packet leads, and it ends where the packet does.
func checkPath(t *testing.T, g *Graph, a *probe.Answer) {
	steps := map[int]*Edge{}
	for _, e := range g.Edges {
		if e.Step > 0 {
			require.Nil(t, steps[e.Step])
			steps[e.Step] = e
		}
	}
	stops := g.Path.Stops
	require.Len(t, steps, len(stops)-1)
	for n, e := range steps {
		require.Equal(t, [...]string{stops[n-1].Node.ID, stops[n].Node.ID}, [...]string{e.From, e.To})
	}
	require.Equal(t, a.Reason, stops[len(stops)-1].Node.Blocked)
}

func checkASCII(t *testing.T, g *Graph, text string) {
	for _, c := range text {
		require.Less(t, c, rune(127))
	}
	for _, v := range g.VPCs {
		require.Contains(t, text, v.Title())
	}
}

// statement is what may stand on a line of a Mermaid flowchart, as far as we use its language.
var statement = regexp.MustCompile(`^ *(flowchart LR|subgraph n\d+_all\["[^"]*"\]|end|n\d+\["[^"]*"\](:::(path|blocked))?|n\d+ (-->|==>|-\.->)(\|"[^"]*"\|)? n\d+|linkStyle \d+ \S+|classDef \w+ \S+)$`)

func checkMermaid(t *testing.T, g *Graph, text string) {
	edges, open := 0, 0
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		require.Regexp(t, statement, line)
		switch {
		case strings.Contains(line, "subgraph "):
			open++
		case strings.TrimSpace(line) == "end":
			open--
		case strings.Contains(line, "> n") || strings.Contains(line, "| n"):
			edges++
		}
	}
	require.Zero(t, open)
	require.Equal(t, len(g.Edges), edges)
}

func checkDOT(t *testing.T, g *Graph, text string) {
	require.Equal(t, len(g.Edges), strings.Count(text, "\" -> \""))
	if _, err := exec.LookPath("dot"); err != nil {
		t.Log("not installed, so what it thinks of the source is not known: dot (graphviz)")
		return
	}
	cmd := exec.CommandContext(t.Context(), "dot", "-Tcanon")
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// checkSVG: it is well-formed, draws every node and nothing outside of the picture, and fetches nothing.
func checkSVG(t *testing.T, g *Graph, text string) {
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
	}
	require.Equal(t, 1, strings.Count(text, "http"), "the namespace alone")
	p := newPicture(g)
	for _, b := range append(p.frames, p.boxes...) {
		require.True(t, b.x >= 0 && b.y >= 0 && b.x+b.w <= p.width && b.y+b.h <= p.height, "%s is outside", b.ID)
		require.Contains(t, text, "<title>"+b.ID+"</title>")
	}
	for i, a := range p.boxes {
		for _, b := range p.boxes[i+1:] {
			apart := a.x+a.w <= b.x || b.x+b.w <= a.x || a.y+a.h <= b.y || b.y+b.h <= a.y
			require.True(t, apart, "%s lies over %s", a.ID, b.ID)
		}
	}
}

// TestHostileNames: what a user calls things breaks none of the forms.
func TestHostileNames(t *testing.T) {
	n := &Node{ID: "vpc-1", Kind: KindVPC, Name: `a"]<b>&\ #quot;` + "\n", Detail: `"`}
	g := &Graph{Name: n.Name, VPCs: []*VPC{{Node: n}}}
	n.Name = strings.ReplaceAll(n.Name, "\n", "")
	g.Name = n.Name
	checkMermaid(t, g, g.Mermaid())
	checkDOT(t, g, g.DOT())
	checkSVG(t, g, g.SVG())
}
