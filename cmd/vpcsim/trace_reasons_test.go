package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/drop"
)

// untraceable are the reasons that no trace of a topology file shows, each with why.
var untraceable = map[drop.Reason]string{
	drop.IGWNoAssociation:  "the internet has a route for each mapped address and none for others: NO_ROUTE_TO_DESTINATION comes first",
	drop.EndpointSource:    "what is behind an endpoint sends only from where it was sent to, which is in the prefix list; of a lab whose list shrinks",
	drop.NATSource:         "only an appliance sends from addresses of others, and a trace sends from those of the interface",
	drop.StaleFlow:         "nothing is open in a file; internal/control.TestReasons asks a lab",
	drop.StaleAddress:      "nothing is open in a file; internal/control.TestReasons asks a lab",
	drop.FlowTableFull:     "nothing is open in a file, and a trace opens nothing",
	drop.NATPorts:          "nothing is open in a file, and a trace opens nothing",
	drop.NATFragment:       "a trace sends whole datagrams",
	drop.Held:              "a trace sends whole datagrams",
	drop.ICMPNotTranslated: "a trace sends no ICMP but echo",
	drop.ICMPChecksum:      "a trace sends no ICMP but echo",
	drop.Malformed:         "a trace sends what is well formed",
	drop.NoPort:            "an interface of a file has no port, and needs none to be traced",
	drop.PortFull:          "it is a matter of time, which traces have none of",
}

// TestReasons: testdata/reasons has a file for each reason that a trace of a topology file can end with: its comment is the command line
// behind vpcsim trace, lab.vpc.yml the topology, and want what is printed. UPDATE_SCRIPTS=1 writes what is into what should be, for
// review.
func TestReasons(t *testing.T) {
	for _, reason := range drop.All() {
		path, err := filepath.Abs(filepath.Join("testdata", "reasons", reason.String()+".txtar"))
		require.NoError(t, err)
		_, err = os.Stat(path)
		if why := untraceable[reason]; why != "" {
			require.Error(t, err, "%s can be traced, so it needs no excuse", reason)
			continue
		}
		t.Run(reason.String(), func(t *testing.T) {
			require.NoError(t, err, "a reason needs an example, or an excuse")
			explains(t, reason, path)
		})
	}
}

// TestReasonsInTheDocument: docs/trace.md lists every reason as the table in dataplane/drop has it. UPDATE_SCRIPTS=1 writes it.
func TestReasonsInTheDocument(t *testing.T) {
	const path, begin, end = "../../docs/trace.md", "<!-- reasons -->\n", "<!-- end -->\n"
	var b strings.Builder
	b.WriteString("| reason | what it means | what would mend it | trace |\n| --- | --- | --- | --- |\n")
	for _, r := range drop.All() {
		example := "example"
		if why := untraceable[r]; why != "" {
			example = "none: " + why
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", r, r.Sentence(), r.Cure(), example)
	}
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(text), begin)
	got, after, ok2 := strings.Cut(rest, end)
	require.True(t, ok && ok2)
	if os.Getenv("UPDATE_SCRIPTS") != "" {
		require.NoError(t, os.WriteFile(path, []byte(before+begin+b.String()+end+after), 0o644))
		return
	}
	require.Equal(t, b.String(), got)
}

// explains checks one example of a reason.
func explains(t *testing.T, reason drop.Reason, path string) {
	archive, err := txtar.ParseFile(path)
	require.NoError(t, err)
	require.Equal(t, "lab.vpc.yml", archive.Files[0].Name)
	lab := filepath.Join(t.TempDir(), "lab.vpc.yml")
	require.NoError(t, os.WriteFile(lab, archive.Files[0].Data, 0o644))
	line := strings.TrimSpace(string(archive.Comment))
	line = line[strings.LastIndexByte(line, '\n')+1:] // the last line; those before it say what it shows
	var out, errs bytes.Buffer
	code := run(append([]string{"trace", "-t", lab}, strings.Fields(line)...), strings.NewReader(""), &out, &errs)
	require.Equal(t, 1, code, "%s", &errs)
	if os.Getenv("UPDATE_SCRIPTS") != "" {
		archive.Files = append(archive.Files[:1], txtar.File{Name: "want", Data: out.Bytes()})
		require.NoError(t, os.WriteFile(path, txtar.Format(archive), 0o644))
		return
	}
	require.Len(t, archive.Files, 2)
	require.Equal(t, string(archive.Files[1].Data), out.String())
	require.Regexp(t, `(dropped by|no answer from) \S+: `+reason.String()+`\n`, out.String())
	require.Contains(t, strings.Join(strings.Fields(out.String()), " "), "cure: "+reason.Cure())
	for line := range strings.Lines(out.String()) {
		require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), explainWidth, line)
	}
}
